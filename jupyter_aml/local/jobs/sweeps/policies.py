"""Early termination: which trials are not worth going on with, from what they have logged so far. Pure.

Each value that a trial logs of the primary metric is one interval. Rules: "Hyperparameter tuning a model (v2)",
Azure Machine Learning documentation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from jupyter_aml.errors import ResourceError

Curves = Mapping[str, Sequence[float]]
"""Values of the primary metric by trial, oldest first."""


@dataclass(frozen=True)
class Policy(ABC):
    """When trials are compared.

    Attributes:
        maximize: Whether more is better.
        interval: Trials are looked at each time they have logged so many values more.
        delay: Values that a trial may log before it is looked at.
    """

    maximize: bool
    interval: int = 1
    delay: int = 0

    def due(self, seen: int, before: int) -> int:
        """The latest interval at which a trial with `seen` values is to be judged; 0 when `before` covered it."""
        latest = seen - seen % self.interval
        return latest if latest > before and latest >= max(self.delay, 1) else 0

    def best(self, values: Sequence[float]) -> float:
        return max(values) if self.maximize else min(values)

    def worse(self, value: float, than: float) -> bool:
        return value < than if self.maximize else value > than

    @abstractmethod
    def hopeless(self, trial: str, at: int, curves: Curves) -> bool:
        """Whether a running trial should end.

        Args:
            trial: Its name in `curves`.
            at: How many of its values count.
            curves: All trials, ended ones included.
        """


@dataclass(frozen=True)
class Bandit(Policy):
    """Ends a trial that lies behind the best one by more than the slack: a share of it, or an amount."""

    factor: float = 0.0
    amount: float = 0.0

    def hopeless(self, trial: str, at: int, curves: Curves) -> bool:
        rivals = [self.best(values[:at]) for name, values in curves.items() if name != trial and values]
        if not rivals:
            return False
        return self.worse(self.best(curves[trial][:at]), self.limit(self.best(rivals)))

    def limit(self, best: float) -> float:
        """The worst value that is still let live."""
        if self.factor:
            share = abs(best) * (self.factor / (1 + self.factor) if self.maximize else self.factor)
            return best - share if self.maximize else best + share
        return best - self.amount if self.maximize else best + self.amount


@dataclass(frozen=True)
class MedianStopping(Policy):
    """Ends a trial whose best value is worse than the median of the trials' running averages."""

    def hopeless(self, trial: str, at: int, curves: Curves) -> bool:
        averages = [sum(values[:at]) / len(values[:at]) for name, values in curves.items() if name != trial and values]
        return bool(averages) and self.worse(self.best(curves[trial][:at]), median(averages))


@dataclass(frozen=True)
class Truncation(Policy):
    """Ends the worst share of the trials that have come as far.

    Attributes:
        percentage: How many of a hundred end at each interval.
        exclude_finished: Whether trials that have ended do not count.
    """

    percentage: int = 10
    exclude_finished: bool = False

    def hopeless(self, trial: str, at: int, curves: Curves) -> bool:
        reached = {name: self.best(values[:at]) for name, values in curves.items() if len(values) >= at}
        doomed = len(reached) * self.percentage // 100
        ranked = sorted(reached, key=lambda name: reached[name], reverse=not self.maximize)
        return trial in ranked[:doomed]


def read(written: Any, *, maximize: bool) -> Policy | None:
    """The policy of a job's body; None when there is none.

    Raises:
        ResourceError: It is none of Azure's, or a number is out of bounds (400).
    """
    if not written:
        return None
    if not isinstance(written, dict):
        raise _refusal("", f"is {written!r}, not an object", "In YAML: type: bandit.")
    timing: dict[str, Any] = {
        "maximize": maximize,
        "interval": _whole(written, "evaluationInterval", 1),
        "delay": _whole(written, "delayEvaluation", 0),
    }
    match str(written.get("policyType") or "").lower():
        case "bandit":
            factor, amount = (_number(written, key) for key in ("slackFactor", "slackAmount"))
            if bool(factor) == bool(amount):
                raise _refusal("", "needs either slackFactor or slackAmount", "In YAML: slack_factor: 0.1.")
            return Bandit(**timing, factor=factor, amount=amount)
        case "medianstopping":
            return MedianStopping(**timing)
        case "truncationselection":
            share = _whole(written, "truncationPercentage", 0)
            if not 1 <= share <= 99:  # noqa: PLR2004 - a percentage
                raise _refusal(".truncationPercentage", f"is {share}; expected 1 to 99", "")
            return Truncation(**timing, percentage=share, exclude_finished=bool(written.get("excludeFinishedJobs")))
        case word:
            known = "Bandit, MedianStopping, TruncationSelection"
            raise _refusal(".policyType", f"is '{word}'; expected one of {known}", "In YAML: type: bandit.")


def _whole(written: Mapping[str, Any], key: str, least: int) -> int:
    value = written.get(key)
    if value is None:
        return least
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _refusal(f".{key}", f"is {value!r}; expected a whole number", "")
    return max(value, least)


def _number(written: Mapping[str, Any], key: str) -> float:
    value = written.get(key)
    if value is None:
        return 0.0
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise _refusal(f".{key}", f"is {value!r}; expected a number that is not negative", "")
    return float(value)


def _refusal(field: str, found: str, remedy: str) -> ResourceError:
    target = f"properties.earlyTermination{field}"
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target, remedy=remedy)
