"""Pictures with the objects in them: what there is to learn from and to be judged by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl.family import Json, Order
from jupyter_aml.automl.images import rows, windows
from jupyter_aml.automl.images.rows import Thing
from jupyter_aml.automl.text import tasks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.guardrails import Guardrail

    Floats = NDArray[np.float64]

HELD_OUT = 0.2
LEAST = 2
"""Pictures that are needed."""


@dataclass(frozen=True)
class Scene:
    """A picture, with what is in it.

    Attributes:
        address: Where it is.
        pixels: In red, green and blue, shape (height, width, 3).
        things: Its objects.
    """

    address: str
    pixels: NDArray[np.uint8]
    things: Sequence[Thing]

    @property
    def picture(self) -> Any:
        from PIL import Image

        return Image.fromarray(self.pixels)

    def sums(self, side: int) -> Floats:
        """The sums of its channels, at so many pixels of its longer side."""
        return windows.summed(windows.channels(self.picture, side))


def prepared(order: Order, *, outlined: bool) -> tuple[Json, Json]:
    """Scenes to learn from and to be judged by, and the facts about them.

    Raises:
        ValueError: There is nothing to learn.
    """
    target = tasks.target(order.details, "label")
    scenes: dict[str, list[Scene]] = {}
    unopened: list[str] = []
    outside: list[str] = []
    for role in ("training", "validation"):
        if role in order.tables:
            scenes[role], faults, wrong = _scenes(order, role, target, outlined=outlined)
            unopened += faults
            outside += wrong
    seen = scenes["training"]
    unseen = scenes.get("validation")
    if unseen is None:
        seen, unseen = _split(seen, tasks.held_out(order.details) or HELD_OUT, order.seed)
    labels = sorted({thing.label for one in seen for thing in one.things if not thing.crowd})
    if not labels or not unseen:
        told = f"{len(seen)} pictures with {sum(len(one.things) for one in seen)} objects"
        raise ValueError(f"There are {told} to learn from and {len(unseen)} to judge by; expected some of each.")
    count = sum(len(one.things) for part in (seen, unseen) for one in part)
    found = [
        rows.unopened(unopened, len(seen) + len(unseen) + len(unopened)),
        rows.outside(outside, count + sum(one.startswith("left out") for one in outside)),
        _balance(seen),
    ]
    facts = {"rows": len(seen) + len(unseen), "guardrails": [one.plain() for one in found]}
    return {"seen": seen, "unseen": unseen, "labels": labels, "given": "validation" in scenes}, facts


def _scenes(order: Order, role: str, target: str, *, outlined: bool) -> tuple[list[Scene], list[str], list[str]]:
    from jupyter_aml.automl.text import labelled

    table = labelled.with_target(order.tables[role], target, role)
    places = rows.addresses(table, role)
    pictures, kept, faults = rows.opened(places, order.find, lambda one: np.asarray(windows.shrunk(one)))
    found: list[Scene] = []
    outside: list[str] = []
    for pixels, at in zip(pictures, kept, strict=True):
        try:
            things, wrong = rows.things(table[target].iloc[at], outlined=outlined)
        except ValueError as error:
            raise ValueError(f"Row {at} of the {role} data: {error}") from error
        outside += [f"{one} ({places[at]})" for one in wrong]
        found.append(Scene(places[at], pixels, things))
    return found, faults, outside


def _split(scenes: list[Scene], part: float, seed: int) -> tuple[list[Scene], list[Scene]]:
    if len(scenes) < LEAST:
        raise ValueError(f"{len(scenes)} pictures can be learned from; two are needed at least.")
    order = np.random.default_rng(seed).permutation(len(scenes)).tolist()
    count = min(max(round(len(scenes) * part), 1), len(scenes) - 1)
    return [scenes[at] for at in sorted(order[count:])], [scenes[at] for at in sorted(order[:count])]


def _balance(scenes: Iterable[Scene]) -> Guardrail:
    import pandas as pd

    from jupyter_aml.automl.guardrails import Guardrail, Status, class_balance

    labels = [thing.label for one in scenes for thing in one.things if not thing.crowd]
    if len(set(labels)) == 1:
        return Guardrail("Class balancing detection", Status.PASSED, f"All objects are of the class {labels[0]}.")
    return class_balance(pd.Series(labels, dtype=object))


# how well objects are found
