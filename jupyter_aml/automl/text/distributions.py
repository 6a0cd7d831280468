"""Distributions of a sweep as Azure writes them, such as `choice('a','b')` or `uniform(0.1,1)`, and values of them.

Source: the SDK's `search_space_utils.py`, by which distributions become such strings.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_aml.automl.algorithms import Asked

EDGE = 0.001
"""The part of a normal distribution that is cut off on either side."""


@dataclass(frozen=True)
class Distribution:
    """Values that a sweep may take.

    Attributes:
        kind: Azure's word, such as `choice` or `loguniform`.
        values: The choices, or the numbers that bound it.
    """

    kind: str
    values: tuple[Any, ...]

    def suggest(self, asked: Asked, name: str) -> Any:
        """One value."""
        return _DRAWN[self.kind](self, asked, name)


def _choice(one: Distribution, asked: Asked, name: str) -> Any:
    return asked.suggest_categorical(name, list(one.values))


def _uniform(one: Distribution, asked: Asked, name: str) -> float:
    low, high = one.values[:2]
    found = asked.suggest_float(name, float(low), float(high))
    return _ended(one, found)


def _normal(one: Distribution, asked: Asked, name: str) -> float:
    middle, spread = one.values[:2]
    return _ended(one, NormalDist(middle, spread).inv_cdf(asked.suggest_float(name, EDGE, 1 - EDGE)))


def _whole(one: Distribution, asked: Asked, name: str) -> int:
    return asked.suggest_int(name, 0, int(one.values[0]) - 1)


def _ended(one: Distribution, found: float) -> float:
    """A drawn number, as the logarithmic and the stepped distributions change it."""
    if "log" in one.kind:
        found = math.exp(found)
    if one.kind.startswith("q"):
        found = round(found / one.values[2]) * one.values[2]
    return found


_DRAWN: dict[str, Callable[[Distribution, Asked, str], Any]] = {"choice": _choice, "randint": _whole}
_DRAWN |= {
    f"{step}{log}{name}": draw
    for step in ("", "q")
    for log in ("", "log")
    for name, draw in (("uniform", _uniform), ("normal", _normal))
}
_COUNTS = {"choice": None, "randint": 1} | dict.fromkeys(_DRAWN.keys() - {"choice", "randint"}, 2)


def distribution(text: Any) -> Distribution:
    """A distribution, or a single value, as the REST API writes it.

    Raises:
        ValueError: It is none, or its numbers are not what it takes.
    """
    found = re.fullmatch(r"\s*(\w+)\s*\((.*)\)\s*", text, re.DOTALL) if isinstance(text, str) else None
    if found is None:
        return Distribution("choice", (value(text),))
    kind, values = found[1].lower(), tuple(value(one) for one in _parted(found[2]))
    if kind not in _DRAWN:
        raise ValueError(f"{text!r} is no distribution; expected one of {', '.join(sorted(_DRAWN))}.")
    count = _COUNTS[kind]
    wanted = count if count is None else count + kind.startswith("q")
    numbers = all(isinstance(one, int | float) for one in values)
    if not values or (wanted is not None and (len(values) != wanted or not numbers)):
        told = "at least one value" if wanted is None else f"{wanted} number{'s' if wanted > 1 else ''}"
        raise ValueError(f"{text!r} has {len(values)} values; {kind} takes {told}.")
    if kind.endswith("uniform") and values[0] > values[1]:
        raise ValueError(f"{text!r} begins above its end; expected the smaller number first.")
    return Distribution(kind, values)


def _parted(text: str) -> list[str]:
    """Values between commas, of which none stands within quotes."""
    return re.findall(r"'[^']*'|\"[^\"]*\"|[^,\s]+", text)


def value(text: Any) -> Any:
    """A setting as Python has it; a text that is no literal as it is."""
    if not isinstance(text, str):
        return text
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text.strip()
