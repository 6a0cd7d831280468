"""The search space: Azure's distributions, each as a way from the unit interval to a value.

A distribution is written `[kind, [arguments]]` on the wire. Formulas: "Hyperparameter tuning a model (v2)",
Azure Machine Learning documentation.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from jupyter_aml.errors import ResourceError

Uniform01 = Callable[[], float]
"""A number in [0, 1), another one at each call."""

_EDGE = 1e-12


class Dimension(ABC):
    """The values that one parameter can take."""

    @abstractmethod
    def at(self, u: float, more: Uniform01) -> Any:
        """The value at a point of the unit interval; `more` gives points for parameters inside the value."""

    @abstractmethod
    def points(self) -> Iterator[Any] | None:
        """Every value in the order written; None when they cannot be counted."""


@dataclass(frozen=True)
class Choice(Dimension):
    """One of several values; a value that is a mapping may hold distributions of its own."""

    values: Sequence[Any]

    def at(self, u: float, more: Uniform01) -> Any:
        return self.inside(min(int(u * len(self.values)), len(self.values) - 1), more)

    def inside(self, index: int, more: Uniform01) -> Any:
        """The value of that index, with what is inside it drawn."""
        value = self.values[index]
        if not isinstance(value, dict):
            return value
        return {key: item.at(more(), more) if isinstance(item, Dimension) else item for key, item in value.items()}

    def points(self) -> Iterator[Any] | None:
        found: list[Any] = []
        for value in self.values:
            if not isinstance(value, dict):
                found.append(value)
                continue
            columns = [_column(item) for item in value.values()]
            if any(column is None for column in columns):
                return None
            found += [
                dict(zip(value, row, strict=True)) for row in itertools.product(*map(list, filter(None, columns)))
            ]
        return iter(found)


def _column(item: Any) -> list[Any] | None:
    if not isinstance(item, Dimension):
        return [item]
    points = item.points()
    return None if points is None else list(points)


@dataclass(frozen=True)
class RandInt(Dimension):
    """A whole number from 0 up to and without `upper`."""

    upper: int

    def at(self, u: float, more: Uniform01) -> int:
        del more
        return min(int(u * self.upper), self.upper - 1)

    def points(self) -> Iterator[Any]:
        return iter(range(self.upper))


@dataclass(frozen=True)
class Continuous(Dimension):
    """A number: uniform or normal, as it is or as the exponent of e, rounded to a multiple of `q` or not.

    Attributes:
        first: Lower end, or mean.
        second: Upper end, or standard deviation.
        q: 0 for none.
    """

    first: float
    second: float
    normal: bool = False
    log: bool = False
    q: float = 0.0

    def at(self, u: float, more: Uniform01) -> float:
        del more
        if self.normal:
            value = NormalDist(self.first, self.second).inv_cdf(min(max(u, _EDGE), 1 - _EDGE))
        else:
            value = self.first + u * (self.second - self.first)
        if self.log:
            value = math.exp(value)
        return _rounded(value, self.q) if self.q else value

    def points(self) -> None:
        return None


def _rounded(value: float, q: float) -> float:
    steps = round(value / q)
    if float(q).is_integer():
        return steps * int(q)
    return float(f"{steps * q:.12g}")


Space = Mapping[str, Dimension]


def read(space: object) -> Space:
    """The search space of a job's body.

    Args:
        space: `{parameter: [kind, [arguments]]}`.

    Raises:
        ResourceError: It is empty, or a distribution is none of Azure's (400).
    """
    if not isinstance(space, dict) or not space:
        raise _refusal("", "is missing or empty", "Give each parameter a distribution, such as uniform(0, 1).")
    return {str(name): _dimension(str(name), written) for name, written in space.items()}


def _dimension(name: str, written: object) -> Dimension:
    match written:
        case [str() as kind, [*arguments]]:
            pass
        case _:
            raise _refusal(name, f"is {written!r}, not [kind, [arguments]]", 'Send for example ["uniform", [0, 1]].')
    word = kind.lower()
    if word not in _READERS:
        known = ", ".join(_READERS)
        raise _refusal(name, f"has the distribution '{kind}'; expected one of {known}", "In YAML: type: uniform.")
    try:
        return _READERS[word](name, arguments)
    except (TypeError, ValueError, IndexError) as error:
        shown = f"{kind}({', '.join(map(repr, arguments))})"
        raise _refusal(name, f"is {shown}, with too few, too many or wrong arguments", _FORMS[word]) from error


def _choice(name: str, arguments: list[Any]) -> Choice:
    (values,) = arguments
    if not isinstance(values, list) or not values:
        raise ValueError
    return Choice([_inner(name, value) for value in values])


def _inner(name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _dimension(f"{name}.{key}", item) if _is_distribution(item) else item for key, item in value.items()}


def _is_distribution(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], list)  # noqa: PLR2004 - kind and arguments


def _randint(name: str, arguments: list[Any]) -> RandInt:
    del name
    (upper,) = arguments
    if int(upper) != upper or upper < 1:
        raise ValueError
    return RandInt(int(upper))


def _continuous(*, normal: bool = False, log: bool = False, quantised: bool = False) -> Callable[..., Continuous]:
    def read_one(name: str, arguments: list[Any]) -> Continuous:
        del name
        first, second, *rest = (float(argument) for argument in arguments)
        if len(rest) != int(quantised) or (rest and rest[0] <= 0):
            raise ValueError
        if (second <= 0) if normal else (second < first):
            raise ValueError
        return Continuous(first, second, normal=normal, log=log, q=rest[0] if rest else 0.0)

    return read_one


_READERS: dict[str, Callable[[str, list[Any]], Dimension]] = {
    "choice": _choice,
    "randint": _randint,
    "uniform": _continuous(),
    "quniform": _continuous(quantised=True),
    "loguniform": _continuous(log=True),
    "qloguniform": _continuous(log=True, quantised=True),
    "normal": _continuous(normal=True),
    "qnormal": _continuous(normal=True, quantised=True),
    "lognormal": _continuous(normal=True, log=True),
    "qlognormal": _continuous(normal=True, log=True, quantised=True),
}
_LIMITS = "two numbers, the lower first"
_MOMENTS = "a mean and a standard deviation above 0"
_FORMS = {
    "choice": "choice takes a list of at least one value.",
    "randint": "randint takes one whole number above 0; values are below it.",
    "uniform": f"uniform takes {_LIMITS}.",
    "quniform": f"quniform takes {_LIMITS}, and a step above 0.",
    "loguniform": f"loguniform takes {_LIMITS}: exponents of e.",
    "qloguniform": f"qloguniform takes {_LIMITS}: exponents of e, and a step above 0.",
    "normal": f"normal takes {_MOMENTS}.",
    "qnormal": f"qnormal takes {_MOMENTS}, and a step above 0.",
    "lognormal": f"lognormal takes {_MOMENTS}, both of the exponent of e.",
    "qlognormal": f"qlognormal takes {_MOMENTS}, both of the exponent of e, and a step above 0.",
}


def size(space: Space) -> int | None:
    """How many different points the space has; None when they cannot be counted."""
    found = 1
    for dimension in space.values():
        points = dimension.points()
        if points is None:
            return None
        found *= sum(1 for _ in points)
    return found


def _refusal(name: str, found: str, remedy: str) -> ResourceError:
    target = f"properties.searchSpace.{name}" if name else "properties.searchSpace"
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target, remedy=remedy)
