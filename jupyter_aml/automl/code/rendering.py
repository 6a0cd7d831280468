"""Python source of values and of unfitted estimators, laid out as ruff lays it out."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

WIDTH = 120
INDENT = 4
_WRITTEN_BY_FIT = {"XGBClassifier": frozenset({"objective"}), "XGBRegressor": frozenset({"objective"})}
"""Parameters that a fit changes, which the data decide anew."""
_OF_CLASSES = ("binary", "multiclass")
"""Kinds of targets that an encoder finds by itself, as each fold has them."""
_FOR_NAMES_ALONE = {"FunctionTransformer": frozenset({"feature_names_out"})}
"""Parameters that no prediction depends on."""


@dataclass(frozen=True)
class Group:
    """An expression of parts between brackets.

    Attributes:
        before, after: The brackets, and what stands before them.
        parts: Each with what stands before it, such as `C=`.
        lone: Whether a comma follows where there is one part only.
    """

    before: str
    parts: Sequence[tuple[str, Group | str]]
    after: str
    lone: bool = False

    @property
    def flat(self) -> str:
        """On one line."""
        inner = ", ".join(prefix + (one if isinstance(one, str) else one.flat) for prefix, one in self.parts)
        return self.before + inner + ("," if self.lone and len(self.parts) == 1 else "") + self.after


Expression = Group | str


def laid_out(expression: Expression, before: str = "", after: str = "", indent: int = 0) -> str:
    """An expression after a text on its line, over several lines where one is too short.

    Args:
        expression: Of `Renderer`, or text without a break.
        before: What stands before it on its first line, such as `return `.
        after: What stands after it on its last line.
        indent: Spaces before its first line.
    """
    space = " " * indent
    flat = expression if isinstance(expression, str) else expression.flat
    if isinstance(expression, str) or not expression.parts or indent + len(before + flat + after) <= WIDTH:
        return space + before + flat + after
    inner = indent + INDENT
    body = ", ".join(prefix + (one if isinstance(one, str) else one.flat) for prefix, one in expression.parts)
    if len(expression.before) > 1 and inner + len(body) <= WIDTH:  # only what is called stays on one line
        lines = [" " * inner + body]
    else:
        lines = [laid_out(one, prefix, ",", inner) for prefix, one in expression.parts]
    return "\n".join([space + before + expression.before, *lines, space + expression.after + after])


def signature(name: str, given: Sequence[str], returned: str) -> str:
    """The first line of a function, or its first lines."""
    return laid_out(Group(f"{name}(", [("", one) for one in given], ")"), "def ", f" -> {returned}:")


class Renderer:
    """Writes values as source, and remembers what that source needs.

    Args:
        names: Values that have a name in the source; a value that equals one of them is written as that name.

    Attributes:
        imports: Modules and the names that are to be imported from them.
        functions: The functions of ours that are named.
    """

    def __init__(self, names: Mapping[str, Any] | None = None) -> None:
        self._names = dict(names or {})
        self.imports: set[tuple[str, str]] = set()
        self.functions: list[FunctionType] = []

    def of(self, value: Any) -> Expression:
        """A value's source.

        Raises:
            ValueError: It has none that would make it again.
        """
        for name, known in self._names.items():
            if type(known) is type(value) and known == value:
                return name
        if hasattr(value, "dtype") and hasattr(value, "item") and not getattr(value, "shape", ()):
            return self.of(value.item())
        if isinstance(value, list | tuple | dict):
            return self._many(value)
        if isinstance(value, FunctionType):
            self.functions.append(value)
            return value.__name__
        if isinstance(value, type):
            return self._class(value)
        return _plain(value) or self._made(value)

    def _many(self, value: list[Any] | tuple[Any, ...] | dict[Any, Any]) -> Group:
        if isinstance(value, dict):
            return Group("{", [(f"{_line(self.of(key))}: ", self.of(one)) for key, one in value.items()], "}")
        brackets = "[]" if isinstance(value, list) else "()"
        parts = [("", self.of(one)) for one in value]
        return Group(brackets[0], parts, brackets[1], lone=isinstance(value, tuple))

    def _made(self, value: Any) -> Expression:
        """An object, by what it was made with."""
        kind = type(value)
        if kind.__name__ == "Pipeline" and _named_by_itself(value):
            self.imports.add(("sklearn.pipeline", "make_pipeline"))
            return Group("make_pipeline(", [("", self.of(one)) for _, one in value.steps], ")")
        given, positional = _given(value)
        parts = [("" if name in positional else f"{name}=", self.of(one)) for name, one in given.items()]
        return Group(f"{self._class(kind)}(", parts, ")")

    def _class(self, kind: type) -> str:
        if kind.__module__ != "builtins":
            self.imports.add((public(kind), kind.__name__))
        return kind.__name__


def _plain(value: Any) -> str:
    """The source of a string, a number or None; empty for others."""
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, bool | int):
        return repr(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f'float("{value}")'
    return ""


def quoted(text: str) -> str:
    """A string's source, in double quotes where that needs no more escapes."""
    plain = repr(text)
    if plain[0] == '"' or '"' in text:
        return plain
    inner = plain[1:-1].replace("\\'", "'")
    return f'"{inner}"'


def public(kind: type) -> str:
    """The module from which a class is imported by those who use it."""
    top = kind.__module__.partition(".")[0]
    if getattr(sys.modules.get(top), kind.__name__, None) is kind:
        return top
    parts: list[str] = []
    for part in kind.__module__.split("."):
        if part.startswith("_"):
            break
        parts.append(part)
    return ".".join(parts)


def _line(expression: Expression) -> str:
    return expression if isinstance(expression, str) else expression.flat


def _named_by_itself(pipeline: Any) -> bool:
    from sklearn.pipeline import make_pipeline

    steps = [one for _, one in pipeline.steps]
    return [name for name, _ in pipeline.steps] == [name for name, _ in make_pipeline(*steps).steps]


def _given(value: Any) -> tuple[dict[str, Any], set[str]]:
    """What an object was made with that it would not have taken by itself, and which of it needs no keyword."""
    kind = type(value)
    known = inspect.signature(kind.__init__).parameters
    needed = [name for name, one in known.items() if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    needed = [name for name in needed if name != "self"]
    if hasattr(value, "get_params"):
        held = value.get_params(deep=False)
        usual = kind().get_params(deep=False) if not needed else {}
    else:
        held = {name: getattr(value, name) for name in known if hasattr(value, name)}
        usual = {}
    usual = {name: one.default for name, one in known.items() if one.default is not one.empty} | usual
    left_out = _WRITTEN_BY_FIT.get(kind.__name__, frozenset()) | _FOR_NAMES_ALONE.get(kind.__name__, frozenset())
    given = {
        name: held[name]
        for name in [*[one for one in known if one in held], *sorted(set(held) - set(known))]
        if name not in left_out
        and not (name in usual and _same(held[name], usual[name]))
        and not (name == "target_type" and held[name] in _OF_CLASSES)
    }
    first = next((name for name in known if name not in {"self", "kwargs"}), "")
    wraps = kind.__name__ == "FunctionTransformer"
    return given, {*needed, *({first} if wraps else ())}


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other):
        return True
    return type(one) is type(other) and bool(one == other)
