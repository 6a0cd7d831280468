"""Which point of the search space comes next: at random, a Sobol sequence, the grid, or Bayesian with Optuna.

A sampler is made anew when a host takes a sweep over: it is asked again for the points there were, with their
memos, and told again how those trials ended.
"""

from __future__ import annotations

import itertools
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_aml.errors import AmlError, ResourceError
from jupyter_aml.local.jobs.sweeps.space import Choice, Dimension, Space, size

Point = dict[str, Any]
"""A value for each parameter."""

RULES = ("random", "sobol")
TRIES = 1000
"""Random points drawn at most to find one that has not been tried."""


@dataclass(frozen=True)
class Drawn:
    """A point, and what a sampler needs to draw it again (JSON)."""

    point: Point
    memo: Any = None


class Sampler(ABC):
    """Gives points one after the other."""

    @abstractmethod
    def next(self, memo: Any = None) -> Drawn | None:
        """The next point; None when all of the space has been tried.

        Args:
            memo: Of the point that came here when the sweep was begun; None for a new one.
        """

    def tell(self, number: int, value: float | None) -> None:  # noqa: B027 - most samplers learn nothing
        """Learn how a trial ended.

        Args:
            number: Which point it was, from 0.
            value: Of the primary metric; None when the trial failed or logged none.
        """


class Random(Sampler):
    """Independent points; in a space that can be counted, each only once."""

    def __init__(self, space: Space, seed: int | None) -> None:
        self._space = space
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._size = size(space)
        self._seen: set[str] = set()

    def next(self, memo: Any = None) -> Drawn | None:
        del memo
        if self._size is None:
            return Drawn(self._draw())
        if len(self._seen) >= self._size:
            return None
        for _ in range(TRIES):
            point = self._draw()
            if self._new(point):
                return Drawn(point)
        return next((Drawn(point) for point in _grid(self._space) if self._new(point)), None)

    def _draw(self) -> Point:
        return {name: one.at(self._random.random(), self._random.random) for name, one in self._space.items()}

    def _new(self, point: Point) -> bool:
        key = json.dumps(point, sort_keys=True, default=str)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


class Sobol(Sampler):
    """A sequence that fills the space evenly."""

    def __init__(self, space: Space, seed: int | None) -> None:
        try:
            from scipy.stats import qmc
        except ImportError as error:
            raise AmlError(
                "Sampling rule 'sobol' needs SciPy, which is not installed.",
                remedy="%pip install scipy, or leave the rule out.",
            ) from error
        self._space = space
        self._sequence = qmc.Sobol(len(space), scramble=True, seed=seed)
        self._more = random.Random(seed)  # noqa: S311 - no secret

    def next(self, memo: Any = None) -> Drawn | None:
        del memo
        (units,) = self._sequence.random(1)
        pairs = zip(self._space.items(), units, strict=True)
        return Drawn({name: one.at(float(unit), self._more.random) for (name, one), unit in pairs})


class Grid(Sampler):
    """Every point once, the last parameter changing fastest."""

    def __init__(self, space: Space) -> None:
        self._points = _grid(space)

    def next(self, memo: Any = None) -> Drawn | None:
        del memo
        point = next(self._points, None)
        return None if point is None else Drawn(point)


def _grid(space: Space) -> itertools.chain[Point]:
    columns = [list(one.points() or ()) for one in space.values()]
    return itertools.chain(dict(zip(space, row, strict=True)) for row in itertools.product(*columns))


class Bayesian(Sampler):
    """Optuna's tree-structured Parzen estimator, asked for several points at a time."""

    def __init__(self, space: Space, seed: int | None, *, maximize: bool) -> None:
        try:
            import optuna
        except ImportError as error:
            raise AmlError(
                "Sampling algorithm 'bayesian' needs Optuna, which is not installed where the local workspace runs.",
                remedy="Type `pip install 'jupyter_aml[ml]'`, then `aml local stop`, or sample at random.",
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize", sampler=sampler)
        self._failed = optuna.trial.TrialState.FAIL
        self._space = space
        self._trials: list[Any] = []

    def next(self, memo: Any = None) -> Drawn | None:
        if memo is not None:
            self._study.enqueue_trial(memo)
        trial = self._study.ask()
        self._trials.append(trial)
        point = {name: _suggested(trial, name, one) for name, one in self._space.items()}
        return Drawn(point, trial.params)

    def tell(self, number: int, value: float | None) -> None:
        if value is None or value != value:  # noqa: PLR0124 - not a number
            self._study.tell(self._trials[number], state=self._failed)
        else:
            self._study.tell(self._trials[number], value)


def _suggested(trial: Any, name: str, one: Dimension) -> Any:
    if not isinstance(one, Choice):
        return one.at(trial.suggest_float(name, 0.0, 1.0), float)
    index = trial.suggest_categorical(name, range(len(one.values)))
    value = one.values[index]
    if not isinstance(value, dict):
        return value
    return {
        key: _suggested(trial, f"{name}.{index}.{key}", item) if isinstance(item, Dimension) else item
        for key, item in value.items()
    }


def make(written: Mapping[str, Any], space: Space, *, maximize: bool, seed: int) -> Sampler:
    """The sampler of a job's body.

    Args:
        written: ARM's `samplingAlgorithm`.
        space: What is searched.
        maximize: Whether more of the primary metric is better.
        seed: Where the body gives none.
    """
    check(written, space)
    own = written.get("seed")
    seed = int(own) if own is not None else seed
    match str(written.get("samplingAlgorithmType") or "random").lower():
        case "grid":
            return Grid(space)
        case "bayesian":
            return Bayesian(space, seed, maximize=maximize)
        case _ if str(written.get("rule") or "random").lower() == "sobol":
            return Sobol(space, seed)
        case _:
            return Random(space, seed)


def check(written: Mapping[str, Any], space: Space) -> None:
    """Refuse an algorithm that Azure has not, or that does not suit the space.

    Raises:
        ResourceError: With the fields that do not fit (400).
    """
    kind = str(written.get("samplingAlgorithmType") or "random").lower()
    rule = str(written.get("rule") or "random").lower()
    if kind not in {"random", "grid", "bayesian"}:
        raise _refusal("samplingAlgorithmType", f"is '{kind}'; expected Random, Grid or Bayesian", "")
    if rule not in RULES:
        raise _refusal("rule", f"is '{rule}'; expected one of {', '.join(RULES)}", "")
    if kind == "grid" and size(space) is None:
        endless = [name for name, one in space.items() if one.points() is None]
        raise _refusal(
            "samplingAlgorithmType",
            f"is Grid, but {', '.join(endless)} cannot be counted",
            "Give each parameter of a grid a choice of values, or sample at random.",
        )


def _refusal(field: str, found: str, remedy: str) -> ResourceError:
    target = f"properties.samplingAlgorithm.{field}"
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target, remedy=remedy)
