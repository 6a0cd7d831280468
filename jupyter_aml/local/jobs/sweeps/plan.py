"""A sweep's settings, read from a job's body and checked as Azure does."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs import names
from jupyter_aml.local.jobs.sweeps import isolation, policies, sampling, space
from jupyter_aml.local.jobs.sweeps.policies import Policy
from jupyter_aml.local.jobs.sweeps.sampling import Sampler
from jupyter_aml.local.jobs.sweeps.space import Space

MOST_TRIALS = 1000
GOALS = ("maximize", "minimize")


@dataclass(frozen=True)
class Plan:
    """What a sweep is to do.

    Attributes:
        metric: The primary metric.
        total: Trials at most.
        concurrent: Trials at a time at most.
        timeout: Seconds for all of it; None without limit.
        trial_timeout: ISO 8601 duration of one trial, empty without limit.
        isolation: `shared` or `process`.
    """

    space: Space
    algorithm: Mapping[str, Any]
    policy: Policy | None
    metric: str
    maximize: bool
    total: int
    concurrent: int
    timeout: float | None
    trial_timeout: str
    isolation: str = isolation.SHARED

    def sampler(self, job: str) -> Sampler:
        """A sampler whose points depend on the job's name when no seed was given."""
        return sampling.make(self.algorithm, self.space, maximize=self.maximize, seed=zlib.crc32(job.encode()))

    def best(self, values: list[float]) -> float | None:
        """The value that a trial is ranked by: the best it logged."""
        if not values:
            return None
        return max(values) if self.maximize else min(values)

    def better(self, value: float, than: float | None) -> bool:
        return than is None or (value > than if self.maximize else value < than)


def read(body: Mapping[str, Any]) -> Plan:
    """The plan of a sweep's body.

    Raises:
        ResourceError: A setting is missing or out of bounds (400).
    """
    objective = body.get("objective") or {}
    goal = str(objective.get("goal") or "").lower()
    if goal not in GOALS:
        raise _refusal("objective.goal", f"is '{goal}'; expected one of {', '.join(GOALS)}", "In YAML: goal: maximize.")
    metric = objective.get("primaryMetric")
    if not isinstance(metric, str) or not metric:
        raise _refusal("objective.primaryMetric", "is missing", "Name a metric that the script logs.")
    maximize = goal == "maximize"
    searched = space.read(body.get("searchSpace"))
    algorithm = body.get("samplingAlgorithm") or {}
    sampling.check(algorithm, searched)
    limits = body.get("limits") or {}
    total = _count(limits, "maxTotalTrials", None)
    trial_timeout = str(limits.get("trialTimeout") or "")
    if trial_timeout:
        names.seconds(trial_timeout, "properties.limits.trialTimeout")
    timeout = limits.get("timeout")
    return Plan(
        searched,
        algorithm,
        policies.read(body.get("earlyTermination"), maximize=maximize),
        metric,
        maximize,
        total,
        min(_count(limits, "maxConcurrentTrials", total), total),
        names.seconds(str(timeout), "properties.limits.timeout") if timeout else None,
        trial_timeout,
        isolation.read(body),
    )


def _count(limits: Mapping[str, Any], key: str, default: int | None) -> int:
    value = limits.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_TRIALS:
        found = "is missing" if value is None else f"is {value!r}"
        raise _refusal(f"limits.{key}", f"{found}; expected 1 to {MOST_TRIALS}", "In YAML: max_total_trials: 20.")
    return value


def _refusal(field: str, found: str, remedy: str) -> ResourceError:
    target = f"properties.{field}"
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target, remedy=remedy)
