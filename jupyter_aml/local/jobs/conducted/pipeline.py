"""The conductor of a pipeline: steps are submitted when what they need has ended, or taken over from earlier runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from jupyter_aml.automl.working import STOP
from jupyter_aml.errors import AmlError, ResourceError
from jupyter_aml.local.jobs import literals
from jupyter_aml.local.jobs.conducted import gathered, reuse
from jupyter_aml.local.jobs.conducted.performance import PATIENCE, Conductor, Outcome
from jupyter_aml.local.jobs.conducted.stage import Stage
from jupyter_aml.local.jobs.lifecycle import Fault, Status
from jupyter_aml.local.jobs.pipelines import components, references, steps
from jupyter_aml.local.jobs.pipelines.graph import Graph, Node
from jupyter_aml.local.jobs.pipelines.references import StepInput, StepOutput
from jupyter_aml.local.jobs.pipelines.steps import Value, Wiring
from jupyter_aml.local.jobs.records import Record

MOST_ROUNDS = 1000
PARENTS = frozenset({"sweep", "automl", "pipeline", "parallel"})
"""Kinds of steps whose jobs have children, with names such as `STEP_0`."""
BEGIN_AT = "jupyter_aml.begin_at"
"""The property of a pipeline that names a step: it and those that need it are not taken over from earlier runs."""
EARLY = "azureml.pipeline.control."
"""How the names of a run's properties begin by which a script gives an output before it ends."""
LOOK_SECONDS = 0.5
"""How often a step is looked at of which others wait for early outputs."""


class Phase(StrEnum):
    """Where a node stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass
class Progress:
    """How far a node has come.

    Attributes:
        rounds: Names of its jobs: one, or one for each round of a loop.
        released: The control node that decides over it has chosen it.
    """

    node: Node
    phase: Phase = Phase.WAITING
    rounds: dict[int, str] = field(default_factory=dict)
    released: bool = False

    @property
    def last(self) -> str:
        """The job whose outputs count."""
        return self.rounds[max(self.rounds)]


class Pipeline(Conductor):
    """Conducts one pipeline.

    Args:
        stage: What it works with.
        graph: The steps.
    """

    def __init__(self, stage: Stage, graph: Graph) -> None:
        self._stage = stage
        self._graph = graph
        self._body = stage.record.body
        settings = self._body.get("settings") or {}
        self._force = components.as_bool(settings.get("force_rerun"), default=False)
        begin = str((self._body.get("properties") or {}).get(BEGIN_AT) or "")
        self._anew = graph.beginning_at(begin) if begin else frozenset()
        self._goes_on = components.as_bool(settings.get("continue_on_step_failure"), default=False)
        self._nodes = {name: Progress(node) for name, node in graph.nodes.items()}
        self._open: dict[str, tuple[str, int]] = {}
        self._kept: dict[str, Mapping[str, Any]] = {}
        self._fault: Fault | None = None
        self._stopping = False

    def open(self) -> Sequence[str]:
        return list(self._open)

    def begin(self, children: Sequence[Record]) -> None:
        for child in children:
            held = child.state.get("step") or {}
            progress = self._nodes.get(str(held.get("node")))
            if progress is not None:
                self._holds(progress, int(held.get("round") or 0), child.name)
        self._stage.say(f"The pipeline has {len(self._nodes)} steps; {len(children)} of them have begun before.")

    def _holds(self, progress: Progress, number: int, job: str) -> None:
        progress.phase = Phase.RUNNING
        progress.rounds[number] = job
        self._open[job] = progress.node.name, number
        owner = self._nodes.get(progress.node.owner)
        if owner is not None and owner.node.kind != "if_else":
            owner.phase = Phase.RUNNING

    def step(self, ended: Sequence[Record], *, cancelled: bool) -> Outcome | None:
        for child in ended:
            self._end(child)
        if cancelled or (self._fault and not self._goes_on):
            if not cancelled and not self._stopping:
                self._stopping = True
                self._stage.cancel(self.open())
            return None if self._open else Outcome(None if cancelled else self._fault)
        while self._advance():
            pass
        if self._open:
            self.patience = LOOK_SECONDS if self._awaits_early() else PATIENCE
            return None
        counts = {phase: sum(one.phase == phase for one in self._nodes.values()) for phase in Phase}
        told = ", ".join(f"{count} {phase}" for phase, count in counts.items() if count)
        self._stage.say(f"The pipeline has ended: {told}.")
        return Outcome(self._fault)

    # going on

    def _advance(self) -> bool:
        """Begin or skip what can be; whether anything was decided at once, so that more may follow."""
        moved = False
        for progress in self._nodes.values():
            if progress.node.kind == "parallel_for" and progress.phase == Phase.RUNNING:
                moved = self._start(progress) or moved
            if progress.phase != Phase.WAITING or (self._fault and not self._goes_on):
                continue
            if self._blocked(progress):
                self._skip(progress)
                moved = True
            elif self._ready(progress):
                moved = self._start(progress) or moved
        return moved

    def _blocked(self, progress: Progress) -> bool:
        bad = {Phase.FAILED, Phase.SKIPPED}
        owner = self._nodes.get(progress.node.owner)
        if owner is not None and (owner.phase in bad or (owner.phase == Phase.DONE and not progress.released)):
            return True
        return any(self._nodes[need].phase in bad for need in progress.node.needs)

    def _ready(self, progress: Progress) -> bool:
        if progress.node.owner and not progress.released:
            return False
        return all(self._met(progress.node, self._nodes[need]) for need in progress.node.needs)

    def _met(self, node: Node, needed: Progress) -> bool:
        """Whether a node has what it needs of another, which may have given it already while it runs."""
        if needed.phase != Phase.RUNNING:
            return needed.phase == Phase.DONE
        wanted = node.early.get(needed.node.name, frozenset())
        return bool(wanted) and not self._looped(needed.node) and wanted <= self._given(needed.last).keys()

    def _awaits_early(self) -> bool:
        running = {name for name, one in self._nodes.items() if one.phase == Phase.RUNNING}
        return any(one.phase == Phase.WAITING and running & one.node.early.keys() for one in self._nodes.values())

    def _given(self, job: str) -> dict[str, str]:
        """The outputs that a running step has given early, by name."""
        found = [record.body.get("properties") or {} for record in self._stage.look([job])]
        properties = found[0] if found else {}
        return {key.removeprefix(EARLY): str(value) for key, value in properties.items() if key.startswith(EARLY)}

    def _skip(self, progress: Progress) -> None:
        progress.phase = Phase.SKIPPED
        self._stage.say(f"Step {progress.node.name} is skipped.")

    def _start(self, progress: Progress) -> bool:
        """Begin a node; whether it has ended by that."""
        node = progress.node
        try:
            match node.kind:
                case "if_else":
                    self._choose(progress)
                case "do_while":
                    progress.phase = Phase.RUNNING
                    self._round(self._nodes[node.blocks["body"][0]], 0, {})
                case "parallel_for":
                    self._spread(progress)
                case _:
                    self._round(progress, 0, {})
        except AmlError as error:
            self._fails(progress, _fault_of(error, node.name))
        return progress.phase != Phase.RUNNING

    def _round(self, progress: Progress, number: int, replaced: Mapping[str, Any]) -> None:
        """Submit a step's job, or take an earlier one over that did the same."""
        node = progress.node
        looped = self._looped(node)
        wiring = Wiring(self._body, self._value, replaced, self._stage.workers)
        body = steps.job_of(node, wiring, label=f" {number}" if looped else "")
        name = f"{self._stage.name}{self._joint(node)}{node.name}" + (f"_{number}" if looped else "")
        found, held = "", None
        anew = self._force or node.name in self._anew
        if body["jobType"] == "Pipeline":
            if anew and node.kind == "parallel":
                body["settings"]["force_rerun"] = True  # which its shares hear
        elif node.declared.deterministic:
            with self._stage.workspace.database.read() as reader:
                found = reuse.mark(self._stage.workspace, reader, steps.work(body))
                held = None if anew else reuse.donor(self._stage.workspace, reader, found)
        state = {"step": {"node": node.name, "round": number}, "fingerprint": found, "anew": anew}
        self._holds(progress, number, name)
        if held is not None:
            body["properties"] |= reuse.properties(held)
            then = partial(reuse.complete, of=held, now=self._stage.clock())
            self._stage.say(f"Step {node.name} is taken over from {held.name}, which did the same.")
            self._end(self._stage.submit(name, body, state, then))
            return
        self._stage.say(f"Step {node.name} is submitted as {name}.")
        try:
            self._stage.submit(name, body, state)
        except ResourceError:
            self._open.pop(name, None)
            raise

    def _joint(self, node: Node) -> str:
        """What stands before a node's name in that of its job: children of other steps may bear its name with `_`."""
        parents = (one.name for one in self._graph.nodes.values() if one.kind in PARENTS or self._looped(one))
        return "-" if any(node.name.startswith(f"{name}_") for name in parents) else "_"

    def _looped(self, node: Node) -> bool:
        return bool(node.owner) and self._graph.nodes[node.owner].kind != "if_else"

    # control nodes

    def _choose(self, progress: Progress) -> None:
        node = progress.node
        truth = self._truth(node, node.body.get("condition"))
        chosen = node.blocks.get("true_block" if truth else "false_block", ())
        self._stage.say(f"Step {node.name}: the condition is {str(truth).lower()}.")
        progress.phase = Phase.DONE
        for name in chosen:
            self._nodes[name].released = True

    def _truth(self, node: Node, written: object, job: str = "") -> bool:
        reference = references.whole(written)
        if isinstance(reference, StepOutput) and job:
            value = self._of_job(job, reference).get("value")
        elif reference is not None:
            wiring = Wiring(self._body, self._value)
            value = (wiring.find(reference) or {}).get("value")
        elif job and isinstance(written, str) and written in (self._kept.get(job) or {}):
            value = self._of_job(job, StepOutput(node.name, written)).get("value")
        else:
            value = written
        text = str(value).strip().lower()
        if text not in components.TRUE | components.FALSE:
            target = f"properties.jobs.{node.name}.condition"
            raise ResourceError(f"{target} is '{value}'; true or false was expected.", target=target)
        return text in components.TRUE

    def _spread(self, progress: Progress) -> None:
        """Begin the rounds of a parallel_for that have not begun, as many as may run at a time; or end it."""
        node = progress.node
        items = _items(node, Wiring(self._body, self._value).text(_text(node.body.get("items"))))
        body = self._nodes[node.blocks["body"][0]]
        if progress.phase == Phase.WAITING:
            self._stage.say(f"Step {node.name} runs {body.node.name} for {len(items)} items.")
        progress.phase = Phase.RUNNING
        most = int(node.body.get("max_concurrency") or len(items))
        for number, item in enumerate(items):
            if self._running(body) < most and number not in body.rounds:
                self._round(body, number, item)
        if len(body.rounds) == len(items) and not self._running(body) and body.phase != Phase.FAILED:
            for promoted in self._graph.promoted.values():
                if promoted.step == node.name:
                    self._gathered(progress, promoted.output)
            progress.phase = body.phase = Phase.DONE

    def _running(self, body: Progress) -> int:
        """How many rounds of a loop's body run."""
        return sum(name == body.node.name for name, _ in self._open.values())

    def _again(self, control: Progress, body: Progress, job: str) -> bool:
        """Whether a loop goes round once more; it is submitted."""
        node = control.node
        number = max(body.rounds) + 1
        most = int((node.body.get("limits") or {}).get("max_iteration_count") or MOST_ROUNDS)
        if number >= most or not self._truth(node, node.body.get("condition"), job):
            return False
        replaced: dict[str, Value] = {}
        for output, inputs in (node.body.get("mapping") or {}).items():
            value = self._of_job(job, StepOutput(body.node.name, str(output)))
            for item in inputs if isinstance(inputs, list) else [inputs]:
                named = references.whole(item)
                replaced[named.input if isinstance(named, StepInput) else str(item)] = value
        self._round(body, number, replaced)
        return True

    # ending

    def _end(self, child: Record) -> None:
        held = self._open.pop(child.name, None)
        if held is None:
            return
        name, _ = held
        progress = self._nodes[name]
        self._kept[child.name] = child.state.get("outputs") or {}
        took = f" after {child.ended - child.started:.1f} s" if child.ended and child.started else ""
        self._stage.say(f"Step {name}: {child.name} is {child.status}{took}.")
        if child.status != Status.COMPLETED:
            self._fails(progress, _fault_of_child(child, name))
            return
        if STOP not in (child.body.get("tags") or {}):  # a search that was stopped has done less than was asked for
            self._stage.remember(child)
        control = self._nodes.get(progress.node.owner)
        if control is None or control.node.kind == "if_else":
            progress.phase = Phase.DONE
            return
        try:
            self._end_round(control, progress, child.name)
        except AmlError as error:
            self._fails(control, _fault_of(error, control.node.name))

    def _end_round(self, control: Progress, body: Progress, job: str) -> None:
        if (self._fault and not self._goes_on) or control.node.kind == "parallel_for":
            return
        if self._running(body) or body.phase == Phase.FAILED:
            return
        if self._again(control, body, job):
            return
        body.phase = control.phase = Phase.DONE

    def _fails(self, progress: Progress, fault: Fault) -> None:
        progress.phase = Phase.FAILED
        owner = self._nodes.get(progress.node.owner)
        if owner is not None:
            owner.phase = Phase.FAILED
        self._fault = self._fault or fault
        self._stage.say(fault.message)

    # values

    def _value(self, reference: StepOutput) -> Value:
        progress = self._nodes[reference.step]
        if progress.node.kind == "parallel_for":
            return self._gathered(progress, reference.output)
        return self._of_job(progress.last, reference)

    def _gathered(self, progress: Progress, output: str) -> Value:
        """What all rounds of a loop have given as one output."""
        body = self._nodes[progress.node.blocks["body"][0]]
        rounds = [self._kept[job][output] for _, job in sorted(body.rounds.items())]
        kind = body.node.declared.outputs[output].kind
        found = gathered.described(self._stage.name, progress.node.name, output, kind, rounds)
        gathered.make(self._stage.workspace, found, rounds)
        if "value" in found:
            return {"jobInputType": "literal", "value": found["value"]}
        return {"jobInputType": found["type"], "uri": found["uri"]}

    def _of_job(self, job: str, reference: StepOutput) -> Value:
        kept = (self._kept.get(job) or {}).get(reference.output)
        if not kept and self._nodes[reference.step].phase == Phase.RUNNING:
            kept = self._early(job, reference)
        if not kept:
            raise ResourceError(f"The step '{reference.step}' ({job}) has kept no output '{reference.output}'.")
        if kept.get("value") is not None:
            return {"jobInputType": "literal", "value": str(kept["value"])}
        return {
            "jobInputType": kept.get("type") or "uri_folder",
            "uri": f"azureml://jobs/{job}/outputs/{reference.output}",
        }

    def _early(self, job: str, reference: StepOutput) -> dict[str, str] | None:
        """An output that a running step has given.

        Raises:
            ResourceError: It is no value of the declared type.
        """
        text = self._given(job).get(reference.output)
        if text is None:
            return None
        kind = self._nodes[reference.step].node.declared.outputs[reference.output].kind
        try:
            return {"type": kind, "value": literals.read(kind, text)}
        except ValueError as error:
            found = f"The step '{reference.step}' ({job}) has given {error} as its output '{reference.output}'"
            raise ResourceError(f"{found}, which is of type {kind}.", code="UserError") from error


def _text(items: object) -> str:
    return items if isinstance(items, str) else json.dumps(items)


def _items(node: Node, text: str) -> list[Mapping[str, Any]]:
    """What a parallel_for runs over: inputs of its body, one mapping for each round."""
    target = f"properties.jobs.{node.name}.items"
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ResourceError(f"{target} is no JSON: {error}.", code="ValidationError", target=target) from error
    found = list(found.values()) if isinstance(found, dict) else found
    if not isinstance(found, list) or any(not isinstance(item, dict) for item in found):
        raise ResourceError(
            f"{target} is {text[:80]}; a list of mappings was expected.",
            code="ValidationError",
            target=target,
            remedy='Write for example items: [{"lr": 0.1}, {"lr": 0.2}].',
        )
    return found


def _fault_of(error: AmlError, name: str) -> Fault:
    return Fault(getattr(error, "code", "UserError"), f"The step '{name}' cannot run: {error}")


def _fault_of_child(child: Record, name: str) -> Fault:
    error = child.state.get("error") or {}
    if child.status == Status.CANCELED or not error:
        return Fault("UserError", f"The step '{name}' ({child.name}) was cancelled.")
    return Fault(
        str(error["code"]), f"The step '{name}' ({child.name}) failed: {error['message']}", error.get("traceback", "")
    )
