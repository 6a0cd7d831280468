"""The conductor of an AutoML job: a look at the data, trials as jobs of their own, and the best model of them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_aml.automl import memory, working
from jupyter_aml.automl.family import COMPLETED, FAILED, PRUNED, VOTERS, Attempt, Proposal
from jupyter_aml.automl.working import FINISH, SETUP, STOP, TRIAL
from jupyter_aml.errors import NotOfflineError
from jupyter_aml.local.jobs import locate, programs
from jupyter_aml.local.jobs.conducted.performance import Conductor, Outcome
from jupyter_aml.local.jobs.conducted.stage import Stage
from jupyter_aml.local.jobs.lifecycle import Fault, Status
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.jobs.sweeps import isolation
from jupyter_aml.local.store import records as resources
from jupyter_aml.local.store.workspace import Workspace

if TYPE_CHECKING:
    from jupyter_aml.automl.family import Family, Planner
    from jupyter_aml.automl.limits import Limits

FACT = "automl"
"""Fact of a child: its role and, of a trial, its proposal."""
OUTPUT, BEST = "result", "best_model"
HOPELESS = 5
"""A search whose first trials all fail is given up."""
LANDMARKS, UNCHANGED = 20, 10
"""After so many trials, a search that got no better in the last ones ends, where the job allows it.

Source: Microsoft's "Set up AutoML training", early stopping: 20 landmarks, then 10 iterations without improvement.
"""
ENDING, LEAST_ENDING, MOST_ENDING = 0.15, 2.0, 600.0
"""Share of the time that is kept for the best model, and the seconds that it is at least and at most."""
HANDING = 0.2
"""Share of that in which the last trials come to their end and hand on what they have."""
TIMELY = "Where the time is too short, give more: limits.timeout, or limits.trial_timeout."
ROOMY = (
    "Where memory was short, lower limits.max_concurrent_trials, or give each trial less of it by the job's property"
    f" {memory.PROPERTY}."
)
"""What to do about trials that were ended."""
GRACE = 30.0
"""Seconds after which a part that should have ended is ended."""
TABLES = {"training": "trainingData", "validation": "validationData", "test": "testData"}
MOST_DATASTORES = 100
_AGAIN = 3
"""Seconds between two looks at the time, and at the tag that stops the search."""


@dataclass(frozen=True)
class Search:
    """What is asked for.

    Attributes:
        task: In snake case.
        details: As the body has them.
        family: What works on it.
        limits: Of the job.
    """

    task: str
    details: Mapping[str, Any]
    family: Family
    limits: Limits


@dataclass
class Tried:
    """A trial."""

    name: str
    proposal: Proposal
    attempt: Attempt | None = None
    uri: str = ""

    @property
    def good(self) -> bool:
        """Whether it has a model."""
        found = self.attempt
        return found is not None and found.status == COMPLETED and found.loss is not None and bool(self.uri)

    @property
    def loss(self) -> float:
        """What the search makes small."""
        found = self.attempt.loss if self.attempt is not None else None
        return float("inf") if found is None else found


class AutoML(Conductor):
    """Conducts one AutoML job.

    Args:
        stage: What it works with.
        search: What is asked for.
        at_once: How many trials the compute can run side by side.
        cores: Cores that they share.
    """

    def __init__(self, stage: Stage, search: Search, *, at_once: int, cores: int) -> None:
        self._stage = stage
        self._search = search
        self._width = max(min(search.limits.concurrent, at_once), 1)
        self._threads = search.limits.cores or max(cores // self._width, 1)
        self._metric, self._more = search.family.metric(search.task, search.details)
        self._planner: Planner | None = None
        self._prepared = ""
        self._tried: dict[str, Tried] = {}
        self._roles: dict[str, str] = {}
        self._open: dict[str, None] = {}
        self._best: Tried | None = None
        self._since_best = 0
        self._over = ""
        self._fault: Fault | None = None
        self._finished = False
        self.patience = float(_AGAIN)

    # what there is

    def begin(self, children: Sequence[Record]) -> None:
        if not children:
            for sentence in self._search.family.check(self._search.task, self._search.details):
                self._stage.say(sentence)
            goal = "more" if self._more else "less"
            self._stage.say(
                f"AutoML for {self._search.task}: {self._metric} is better when it is {goal}; at most "
                f"{self._search.limits.trials} trials, {self._width} at a time, {self._search.limits.seconds:g} s."
            )
        for child in children:
            fact = child.state.get(FACT) or {}
            self._keep(child.name, str(fact.get("role")), fact.get("proposal"))
        for child in children:  # the look at the data is the first
            if child.final:
                self._take(child, earlier=True)
            elif self._planner is not None and child.name in self._tried:
                self._planner.again(self._tried[child.name].proposal, None)

    def _keep(self, name: str, role: str, proposal: Mapping[str, Any] | None = None) -> None:
        self._roles[name] = role
        self._open[name] = None
        if role == TRIAL and proposal is not None:
            self._tried[name] = Tried(name, Proposal(**proposal))

    def open(self) -> Sequence[str]:
        return list(self._open)

    # going on

    def step(self, ended: Sequence[Record], *, cancelled: bool) -> Outcome | None:
        for record in ended:
            if record.name in self._open:
                self._take(record)
        if cancelled:
            return None if self._open else Outcome()
        if self._finished or self._fault is not None:
            return self._outcome()
        if SETUP not in self._roles.values():
            self._look()
        elif self._planner is not None and FINISH not in self._roles.values():
            self._go_on(self._planner)
        return self._outcome()

    def _outcome(self) -> Outcome | None:
        """How the job ends, once nothing is open."""
        if self._open or not (self._finished or self._fault):
            return None
        return Outcome(self._fault)

    def _go_on(self, planner: Planner) -> None:
        running = [name for name in self._open if name in self._tried]
        self._over = self._over or self._reason()
        if self._over:
            late = self._stage.clock() > self._end()
            if running and (late or self._over == "stopped"):
                self._stage.cancel(running)
            if not running:
                self._conclude()
            return
        while len(running) < self._width and len(self._tried) < self._search.limits.trials:
            proposal = planner.ask()
            if proposal is None:
                self._over = "There is nothing left to try."
                if not running:
                    self._conclude()
                return
            running.append(self._try(proposal))

    def _reason(self) -> str:
        """Why no further trial is begun; empty while some are."""
        limits, count = self._search.limits, len(self._tried)
        held = self._stage.look([self._stage.name])
        if held and (held[0].body.get("tags") or {}).get(STOP):
            self._stage.say("The search is to stop; the best model is made of what there is.")
            return "stopped"
        reason = ""
        if self._stage.clock() > self._end():
            reason = f"The time of {limits.seconds:g} s is almost up."
        elif count >= limits.trials:
            reason = f"All {limits.trials} trials have begun."
        elif self._enough():
            reason = f"The exit score {limits.exit_score:g} is reached."
        elif limits.early and count > LANDMARKS + UNCHANGED and self._since_best >= UNCHANGED:
            reason = f"The last {self._since_best} trials were no better; the search ends early."
        if reason:
            self._stage.say(reason)
        return reason

    def _enough(self) -> bool:
        wanted, best = self._search.limits.exit_score, self._best
        if wanted is None or best is None or best.attempt is None or best.attempt.score is None:
            return False
        return best.attempt.score >= wanted if self._more else best.attempt.score <= wanted

    def _begun(self) -> float:
        return self._stage.record.started or self._stage.record.created

    def _end(self) -> float:
        """When trials are to have ended."""
        return self._begun() + self._search.limits.seconds - self._ending

    @property
    def _ending(self) -> float:
        """Seconds that are kept for the best model."""
        return min(max(ENDING * self._search.limits.seconds, LEAST_ENDING), MOST_ENDING)

    # children that have ended

    def _take(self, record: Record, *, earlier: bool = False) -> None:
        """A child has ended; `earlier` when it is one that an earlier host left."""
        self._open.pop(record.name, None)
        role = self._roles[record.name]
        if role == TRIAL:
            self._take_trial(record, earlier=earlier)
        elif record.status != Status.COMPLETED:
            what = "The data cannot be learned from" if role == SETUP else "The best model could not be made"
            self._fault = _fault(record, what)
            self._stage.say(self._fault.message)
        elif role == SETUP:
            self._take_facts(record)
        else:
            self._take_best(record)

    def _take_facts(self, record: Record) -> None:
        facts = self._result(record)
        self._prepared = _uri(record)
        self._planner = self._search.family.planner(self._search.task, self._search.details, facts, 0)
        self._stage.say(f"{facts.get('rows')} rows to learn from.")
        for one in facts.get("guardrails") or ():
            if one["status"] != "Passed":
                self._stage.say(f"{one['name']}: {one['status']}. {one['found']} {one['remedy']}".rstrip())
        if facts.get("absent"):
            self._stage.say(f"Not installed here, so not tried: {', '.join(facts['absent'])}.")

    def _take_trial(self, record: Record, *, earlier: bool) -> None:
        trial = self._tried[record.name]
        trial.attempt, trial.uri = self._attempt(record), _uri(record)
        if self._planner is not None:
            learn = self._planner.again if earlier else self._planner.tell
            learn(trial.proposal, trial.attempt)
        better = trial.good and (self._best is None or trial.loss < self._best.loss)
        self._since_best = 0 if better else self._since_best + 1
        if better:
            self._best = trial
        self._tell(record, trial, trial.attempt, better=better)
        first = list(self._tried.values())[:HOPELESS]
        ended = [one.attempt for one in first if one.attempt is not None]
        if len(ended) == HOPELESS and all(one.status == FAILED for one in ended):
            self._fault = Fault("UserError", f"The first {HOPELESS} trials failed. {ended[0].error}")
            self._stage.cancel(self.open())

    def _attempt(self, record: Record) -> Attempt:
        """How a trial ended: by what it wrote, else by what is known of its job."""
        try:
            found = Attempt(**self._result(record))
        except (OSError, ValueError, TypeError):
            if record.status == Status.CANCELED:
                return Attempt(PRUNED, error=f"It was ended before it had a model. {TIMELY}")
            message = str((record.state.get("error") or {}).get("message") or "It ended without a result.")
            late, killed = "longer than its limit" in message, "signal" in message or memory.short(message)
            return Attempt(FAILED, error=message + (f" {ROOMY}" if killed else f" {TIMELY}" if late else ""))
        return found

    def _tell(self, record: Record, trial: Tried, attempt: Attempt, *, better: bool) -> None:
        """Say how a trial ended, and write it into its record and the job's."""
        number, title = trial.proposal.number, trial.proposal.title
        properties = {
            "run_algorithm": trial.proposal.algorithm, "run_preprocessor": trial.proposal.preprocessor,
            "iteration": str(number), "primary_metric": self._metric, "goal": self._goal,
            "trial_status": attempt.status,
        }  # fmt: skip
        if attempt.score is None:
            self._stage.say(f"Trial {number} {title} {attempt.status.lower()}: {attempt.error or 'it was no better'}")
            self._stage.annotate_child(record.name, properties, {})
            return
        properties["score"] = repr(attempt.score)
        told = " the best so far" if better else ""
        self._stage.say(f"Trial {number} {title}: {self._metric}={attempt.score:.6g}{told}")
        self._stage.annotate_child(record.name, properties, dict(attempt.metrics))
        best = {"best_child_run_id": record.name, "automl_best_child_run_id": record.name} if better else {}
        self._stage.annotate(best, {self._metric: (attempt.score, number)})

    @property
    def _goal(self) -> str:
        return f"{self._metric}_{'max' if self._more else 'min'}"

    def _take_best(self, record: Record) -> None:
        found = self._result(record)
        self._finished = True
        score = float(found["score"])
        metrics = {str(name): float(value) for name, value in found["metrics"].items()}
        for sentence in found.get("said") or ():
            self._stage.say(str(sentence))
        for one in found.get("others") or ():
            self._stage.say(f"{one['title']} {self._metric}={one['score']:.6g}")
        self._stage.say(f"The best model is {found['title']} with {self._metric}={score:.6g}.")
        properties = {
            "run_algorithm": str(found["algorithm"]), "iteration": str(len(self._tried)), "score": repr(score),
            "primary_metric": self._metric, "goal": self._goal, "trial_status": COMPLETED,
            "ensembled_iterations": json.dumps(found["of"]), "ensembled_algorithms": str(found["title"]),
        }  # fmt: skip
        self._stage.annotate_child(record.name, properties, metrics)
        self._stage.annotate(
            {
                "best_child_run_id": record.name, "automl_best_child_run_id": record.name, "score": repr(score),
                "run_algorithm": str(found["algorithm"]), "primary_metric": self._metric, "goal": self._goal,
            },
            {name: (value, len(self._tried)) for name, value in metrics.items()},
        )  # fmt: skip

    def _result(self, record: Record) -> dict[str, Any]:
        """What a part has written."""
        with self._stage.workspace.database.read() as reader:
            place = locate.find(self._stage.workspace, reader, _uri(record), "uri_folder", "outputs")
        if not isinstance(place, locate.Place):
            msg = f"{_uri(record)} is not in this workspace."
            raise ValueError(msg)  # noqa: TRY004 - what is found there is no value
        text = (place.path(self._stage.workspace) / working.RESULT).read_text(encoding="utf-8")
        return dict(json.loads(text))

    # children that are to be

    def _look(self) -> None:
        details = self._search.details
        given = {role: details[key] for role, key in TABLES.items() if details.get(key)}
        words = [word for role in given for word in ("--table", f"{role}=${{{{inputs.{role}}}}}")]
        self._submit(
            f"{self._stage.name}_setup", SETUP, words, given=given, told={"roots": _roots(self._stage.workspace)}
        )

    def _try(self, proposal: Proposal) -> str:
        name = f"{self._stage.name}_{proposal.number}"
        limit = self._search.limits.trial_seconds
        until = self._end() - self._ending * HANDING
        until = until if limit is None else min(until, self._stage.clock() + limit)
        words = ["--prepared", "${{inputs.prepared}}"]
        told = {
            "proposal": proposal.written(), "until": until, "threads": self._threads, "width": self._width,
            "memory": memory.asked(self._stage.record.body.get("properties")),
        }  # fmt: skip
        self._stage.say(f"Trial {proposal.number} {proposal.title}")
        self._submit(name, TRIAL, words, given={"prepared": _folder(self._prepared)}, told=told, proposal=proposal)
        return name

    def _conclude(self) -> None:
        """Make the best model of what there is."""
        good = sorted((one for one in self._tried.values() if one.good), key=lambda one: one.loss)[:VOTERS]
        if not good:
            why = next((one.attempt.error for one in self._tried.values() if one.attempt and one.attempt.error), TIMELY)
            self._fault = Fault("UserError", f"No trial came to an end with a model. {why}".strip())
            self._stage.say(self._fault.message)
            return
        given = {f"trial_{one.proposal.number}": _folder(one.uri) for one in good}
        words = ["--prepared", "${{inputs.prepared}}"]
        for one in good:
            number = one.proposal.number
            words += ["--trial", f"{number}=${{{{inputs.trial_{number}}}}}"]
        done = [{"proposal": one.proposal.written(), "attempt": one.attempt.written()} for one in good if one.attempt]
        told = {"done": done, "until": self._stage.clock() + self._ending}
        self._submit(
            f"{self._stage.name}_{len(self._tried)}", FINISH, words,
            given={"prepared": _folder(self._prepared), **given}, told=told,
        )  # fmt: skip

    def _submit(
        self,
        name: str,
        role: str,
        words: Sequence[str],
        *,
        given: Mapping[str, Any],
        told: Mapping[str, Any],
        proposal: Proposal | None = None,
    ) -> None:
        search, record = self._search, self._stage.record
        order = {
            "role": role, "task": search.task, "details": dict(search.details), "seconds": search.limits.seconds,
            "seed": 0, **told,
        }  # fmt: skip
        seconds = max(float(told.get("until") or self._begun() + search.limits.seconds) - self._stage.clock(), 0.0)
        shown = record.display_name or record.name
        body = {
            "jobType": "Command",
            "displayName": f"{shown}_{name.rpartition('_')[2]}",
            "command": " ".join(["python -m", working.__name__, *words, "--out", f"${{{{outputs.{OUTPUT}}}}}"]),
            "environmentVariables": {working.VARIABLE: json.dumps(order)},
            "inputs": dict(given),
            "outputs": {OUTPUT: {"jobOutputType": "uri_folder", "mode": "ReadWriteMount"}},
            "properties": {programs.PROGRAM: programs.AUTOML},
            "limits": {"jobLimitsType": "Command", "timeout": f"PT{int(seconds + GRACE)}S"},
            **({"computeId": record.body["computeId"]} if record.body.get("computeId") else {}),
        }
        fact = {"role": role, **({"proposal": proposal.written()} if proposal else {})}
        state: dict[str, Any] = {FACT: fact, "threads": self._threads}
        if proposal is not None:
            state |= {"trial": {"number": proposal.number, "point": dict(proposal.parameters)}}
            state["isolation"] = isolation.SHARED
        self._keep(name, role, fact.get("proposal"))  # type: ignore[arg-type] # a dict
        self._stage.submit(name, body, state)


def _roots(workspace: Workspace) -> dict[str, str]:
    """Folders of the datastores that are here, by name: addresses inside tables lead there."""
    found = {}
    with workspace.database.read() as reader:
        for one in resources.named(reader, "datastores", resources.ALL, None, MOST_DATASTORES):
            with contextlib.suppress(NotOfflineError):
                container = locate.container_of(workspace, reader, one.name, "image_url")
                found[one.name] = str(workspace.blobs.path(container))
    return found


def _uri(record: Record) -> str:
    return str(((record.state.get("outputs") or {}).get(OUTPUT) or {}).get("uri") or "")


def _folder(uri: str) -> dict[str, str]:
    return {"jobInputType": "uri_folder", "uri": uri}


def _fault(record: Record, what: str) -> Fault:
    error = record.state.get("error") or {}
    message = str(error.get("message") or record.status)
    return Fault(str(error.get("code") or "UserError"), f"{what}: {message}", str(error.get("traceback") or ""))
