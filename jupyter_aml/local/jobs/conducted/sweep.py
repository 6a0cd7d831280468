"""The conductor of a sweep: trials one after the other, the worst ended early, the best kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.local.jobs.conducted.performance import PATIENCE, Conductor, Outcome
from jupyter_aml.local.jobs.conducted.stage import Stage
from jupyter_aml.local.jobs.lifecycle import Fault, Status
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.jobs.sweeps.plan import Plan
from jupyter_aml.local.jobs.sweeps.policies import Truncation

POLICY_SECONDS = 0.25
"""How often live metrics are compared where a policy may end trials."""
HOPELESS = 3
"""A sweep whose first trials fail, this many or as many as run at once, is given up."""


@dataclass
class Trial:
    """One trial.

    Attributes:
        judged: How many of its metric's values the policy has seen.
        stopped: The policy has ended it.
        best: The best value that it logged; None while it runs.
    """

    name: str
    number: int
    point: Mapping[str, Any]
    status: Status = Status.NOT_STARTED
    judged: int = 0
    stopped: bool = False
    best: float | None = None
    curve: list[float] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return self.status in {Status.COMPLETED, Status.FAILED, Status.CANCELED}


class Sweep(Conductor):
    """Conducts one sweep.

    Args:
        stage: What it works with.
        plan: The sweep's settings.
        at_once: How many trials the compute can run side by side.
        cores: Cores that they share.
    """

    def __init__(self, stage: Stage, plan: Plan, *, at_once: int, cores: int) -> None:
        self._stage = stage
        self._plan = plan
        self._width = max(min(plan.concurrent, at_once), 1)
        self._threads = max(cores // self._width, 1)
        self._sampler = plan.sampler(stage.name)
        self._trials: dict[str, Trial] = {}
        self._open: dict[str, Trial] = {}
        self._first: list[Trial] = []
        self._best: Trial | None = None
        self._reason: Fault | None = None
        self._exhausted = False
        self._late = False
        self.patience = POLICY_SECONDS if plan.policy else PATIENCE

    # what there is

    def begin(self, children: Sequence[Record]) -> None:
        for child in children:
            facts = child.state.get("trial") or {}
            self._sampler.next(facts.get("memo"))
            number = int(facts.get("number") or 0)
            self._add(Trial(child.name, number, facts.get("point") or {}))
            self._trials[child.name].stopped = bool((child.body.get("properties") or {}).get("stopped_by"))
        if not children:
            plan = self._plan
            goal = "more" if plan.maximize else "less"
            self._stage.say(
                f"Sweep of {plan.total} trials, {self._width} at a time; {plan.metric} is better when it is {goal}."
            )

    def _add(self, trial: Trial) -> None:
        self._trials[trial.name] = self._open[trial.name] = trial

    def open(self) -> Sequence[str]:
        return list(self._open)

    # going on

    def step(self, ended: Sequence[Record], *, cancelled: bool) -> Outcome | None:
        self._take(ended)
        running = self.open()
        if not cancelled and self._time_is_up() and running:
            self._stage.cancel(running)
        if not (cancelled or self._late or self._given_up()):
            self._stop_the_worst()
            self._submit()
            running = self.open()
        return None if running else self._conclude(cancelled=cancelled)

    def _take(self, ended: Sequence[Record]) -> None:
        fresh = [record for record in ended if not self._trials[record.name].ended]
        curves = self._stage.curves([record.name for record in fresh], self._plan.metric)
        for record in fresh:
            trial = self._trials[record.name]
            trial.status, trial.curve = record.status, curves[record.name]
            self._open.pop(trial.name)
            if len(self._first) < max(HOPELESS, self._width):
                self._first.append(trial)
            counts = trial.status == Status.COMPLETED or trial.stopped
            trial.best = self._plan.best(trial.curve) if counts else None
            self._sampler.tell(trial.number, trial.best)
            self._tell(trial, record)

    def _tell(self, trial: Trial, record: Record) -> None:
        """Say how a trial ended, and remember it when it is the best so far."""
        word = "ended early" if trial.stopped else trial.status.lower()
        error = record.state.get("error") or {}
        if trial.best is None:
            why = f": {error['message'].splitlines()[0]}" if error.get("message") else ""
            self._stage.say(f"Trial {trial.number} {word}{why}")
            self._reason = self._reason or Fault(
                str(error.get("code") or "UserError"),
                f"Trial {record.name} {word}{why}",
                str(error.get("traceback") or ""),
            )
            return
        shown = f"{self._plan.metric}={trial.best:.6g}"
        metrics = {self._plan.metric: (trial.best, trial.number)}
        if not self._plan.better(trial.best, self._best.best if self._best else None):
            self._stage.say(f"Trial {trial.number} {word}, {shown}")
            self._stage.annotate({}, metrics)
            return
        self._best = trial
        self._stage.say(f"Trial {trial.number} {word}, {shown}: the best so far")
        self._stage.annotate(
            {
                "best_child_run_id": trial.name,
                "best_metric_status": "Succeeded",
                "best_data_container_id": f"dcid.{trial.name}",
                "score": repr(trial.best),
            },
            metrics,
        )

    def _time_is_up(self) -> bool:
        limit, begun = self._plan.timeout, self._stage.record.started or self._stage.record.created
        if limit is None or self._late:
            return False
        left = begun + limit - self._stage.clock()
        self.patience = max(min(self.patience, left), 0.0)
        self._late = left <= 0
        if self._late:
            self.patience = PATIENCE
            self._stage.say(f"The time limit of {limit:g} s is reached; no further trials.")
        return self._late

    def _given_up(self) -> bool:
        enough = len(self._first) >= max(HOPELESS, self._width)
        return enough and all(one.status == Status.FAILED for one in self._first)

    def _stop_the_worst(self) -> None:
        policy = self._plan.policy
        running = [trial for trial in self._open.values() if not trial.stopped]
        if policy is None or not running:
            return
        for name, curve in self._stage.curves([trial.name for trial in running], self._plan.metric).items():
            self._trials[name].curve = curve
        finished = not (isinstance(policy, Truncation) and policy.exclude_finished)
        curves = {one.name: one.curve for one in self._trials.values() if finished or not one.ended}
        for trial in running:
            at = policy.due(len(trial.curve), trial.judged)
            if at:
                trial.judged = at
                if policy.hopeless(trial.name, at, curves):
                    self._stop(trial, type(policy).__name__, at)

    def _stop(self, trial: Trial, policy: str, at: int) -> None:
        trial.stopped = True
        self._stage.say(
            f"Trial {trial.number} is ended by {policy} at interval {at}, {self._plan.metric}={trial.curve[at - 1]:.6g}"
        )
        self._stage.stop(trial.name, {"stopped_by": policy})

    def _submit(self) -> None:
        while not self._exhausted and len(self._trials) < self._plan.total and len(self._open) < self._width:
            drawn = self._sampler.next()
            if drawn is None:
                self._exhausted = True
                self._stage.say(f"The search space has no more than {len(self._trials)} points.")
                return
            number = len(self._trials)
            name = f"{self._stage.name}_{number}"
            facts = {"number": number, "point": drawn.point, "memo": drawn.memo}
            self._add(Trial(name, number, drawn.point))
            record = self._stage.record
            shown = ", ".join(f"{key}={value}" for key, value in drawn.point.items())
            self._stage.say(f"Trial {number} with {shown}")
            body = trial_body(record.display_name, record.body, self._plan, number, drawn.point)
            state = {"trial": facts, "search_space": texts(drawn.point), "threads": self._threads}
            self._stage.submit(name, body, {**state, "isolation": self._plan.isolation})

    def _conclude(self, *, cancelled: bool) -> Outcome:
        if self._best is not None:
            best = self._best
            self._stage.say(f"The best is trial {best.number} ({best.name}) with {self._plan.metric}={best.best:.6g}.")
            return Outcome()
        if cancelled:
            return Outcome()
        if any(trial.status == Status.COMPLETED for trial in self._trials.values()):
            self._stage.say(self._unlogged())
            self._stage.annotate({"best_metric_status": "NotFound"})
            return Outcome()
        return Outcome(self._reason or Fault("UserError", "No trial of the sweep came to an end."))

    def _unlogged(self) -> str:
        done = next(trial.name for trial in self._trials.values() if trial.status == Status.COMPLETED)
        logged = ", ".join(f"'{name}'" for name in self._stage.metrics(done)) or "nothing"
        return f"No trial logged the primary metric '{self._plan.metric}', so there is no best one. Logged: {logged}."


def texts(point: Mapping[str, Any]) -> dict[str, str]:
    """The values as they stand in a command: JSON for those that are no plain text or number."""
    return {key: json.dumps(value) if isinstance(value, dict | list) else str(value) for key, value in point.items()}


def trial_body(
    sweep: str, body: Mapping[str, Any], plan: Plan, number: int, point: Mapping[str, Any]
) -> dict[str, Any]:
    """The command job that a trial is.

    Args:
        sweep: What people call the sweep.
        body: The sweep's body.
        plan: Its settings.
        number: The trial's, from 0.
        point: Its parameters.
    """
    trial = body.get("trial") or {}
    kept = ("command", "codeId", "environmentId", "environmentVariables", "distribution", "resources")
    shared = ("inputs", "computeId", "identity", "queueSettings", "resources")
    limits = {"jobLimitsType": "Command", "timeout": plan.trial_timeout} if plan.trial_timeout else None
    made = {
        **{key: body[key] for key in shared if body.get(key)},
        **{key: trial[key] for key in kept if trial.get(key)},
        "jobType": "Command",
        "displayName": f"{sweep}_{number}",
        "outputs": {
            name: _trial_output(value, number)
            for name, value in (body.get("outputs") or {}).items()
            if name != "default"
        },
        "limits": limits,
        "tags": {"hyperparameters": json.dumps(dict(point))},
        "properties": {"hyperparameters": json.dumps(dict(point))},
    }
    return {key: value for key, value in made.items() if value is not None}


def _trial_output(value: dict[str, Any] | None, number: int) -> dict[str, Any] | None:
    """A trial's own place for an output: registered is the best trial's alone, by the sweep."""
    if not value:
        return value
    plain = {key: item for key, item in value.items() if key not in {"assetName", "assetVersion"}}
    uri = str(plain.get("uri") or "")
    if uri and "${{name}}" not in uri:
        plain["uri"] = f"{uri.rstrip('/')}/trial_{number}/"
    return plain
