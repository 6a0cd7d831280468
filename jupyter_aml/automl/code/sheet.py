"""What the parts of the code share while they are written: the plan, what is imported, and the parts themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_aml.automl.code.carrying import carry, import_lines
from jupyter_aml.automl.code.rendering import Renderer
from jupyter_aml.automl.columns import Purpose

if TYPE_CHECKING:
    from types import ModuleType

    from jupyter_aml.automl.code.plan import Plan

CONSTANTS = {
    Purpose.NUMERIC: "NUMERIC",
    Purpose.CATEGORICAL: "CATEGORICAL",
    Purpose.CATEGORICAL_HASH: "MANY_CATEGORIES",
    Purpose.DATE_TIME: "DATES",
    Purpose.TEXT: "TEXTS",
}
"""What the lists of columns are called."""


@dataclass(frozen=True)
class Section:
    """A part of the code.

    Attributes:
        title: What a notebook says above it.
        text: Source, without an empty line at its ends.
    """

    title: str
    text: str


class Sheet:
    """The code of one plan, while it is written.

    Args:
        plan: What it is to say.

    Attributes:
        renderer: Writes values.
        imports: Modules and the names that are to be imported from them.
        folded: Whether models differ from fold to fold by more than their rows.
        weights: The argument of the rows' weights; empty where there are none.
        y: What targets are.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.renderer = Renderer({CONSTANTS[purpose]: list(names) for purpose, names in plan.columns.items()})
        self.imports: set[tuple[str, str]] = set()
        self.folded = any(voter.trees for voter in plan.voters)
        self.weights = ", sample_weight" if plan.weight else ""
        self.y = "pd.Series" if plan.classes else "np.ndarray"

    def needs(self, *imports: tuple[str, str]) -> None:
        """The code imports these; the name is empty for a module, and `as NAME` where that is called otherwise."""
        self.imports |= set(imports)

    def carried(self, module: ModuleType, *names: str, without: str = "") -> str:
        """The source of something of ours, with what it needs but for a name that is there already."""
        found = carry(module, names, [without])
        self.imports |= found.imports
        return found.text

    def import_lines(self, without: Iterable[str] = ()) -> str:
        """Import statements, without those of some modules."""
        every = self.imports | self.renderer.imports
        return import_lines(one for one in every if one[0] not in set(without))


def joined(*texts: str) -> str:
    """Definitions below one another."""
    return "\n\n\n".join(text for text in texts if text)


def comment(text: str) -> str:
    """A text as it may stand in a comment or in a docstring: on one line, and ending nothing."""
    return " ".join(text.replace("\\", "/").replace('"', "'").split())
