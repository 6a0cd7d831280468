"""Pipeline jobs: steps that hand their outputs on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs import checks, lookup, records, registry
from jupyter_aml.local.jobs.conducted import gathered
from jupyter_aml.local.jobs.conducted.performance import Conductor
from jupyter_aml.local.jobs.conducted.pipeline import Pipeline
from jupyter_aml.local.jobs.conducted.stage import Stage
from jupyter_aml.local.jobs.pipelines import graph, steps
from jupyter_aml.local.jobs.pipelines.graph import Graph, Node
from jupyter_aml.local.jobs.pipelines.references import StepOutput
from jupyter_aml.local.jobs.pipelines.steps import PENDING, Wiring
from jupyter_aml.local.jobs.types.base import Draft, JobType, Reader

KEPT = ("uri", "type", "value")


class PipelineType(JobType):
    """A graph of steps, each a job of its own."""

    word = "Pipeline"
    run_type = "azureml.PipelineRun"
    log = "logs/azureml/executionlogs.txt"
    conducts = True

    def check(self, draft: Draft) -> None:
        for name, value in checks.objects(draft.body, "inputs").items():
            checks.check_input(draft, name, value)
        for name, value in checks.objects(draft.body, "outputs").items():
            checks.check_output(draft, name, value)
        read = graph.read(draft.reader, draft.body)
        for node in read.nodes.values():
            if node.component is not None:
                _check_step(draft, read, node)

    def compute(self, draft: Draft) -> str:
        named = (draft.body.get("settings") or {}).get("default_compute") or draft.body.get("computeId")
        wiring = Wiring(draft.body, lambda _: dict(PENDING))
        return lookup.compute(draft, wiring.text(named)) if named else ""

    def source(self, body: dict[str, Any]) -> str:
        return ", ".join(body.get("jobs") or {})[:200]

    def conductor(self, stage: Stage) -> Conductor:
        with stage.workspace.database.read() as reader:
            read = graph.read(reader, stage.record.body)
        return Pipeline(stage, read)

    def conducted_outputs(self, reader: Reader, record: records.Record) -> dict[str, dict[str, Any]]:
        kept: dict[str, dict[int, Mapping[str, Any]]] = {}
        for child in records.children(reader, record.name):
            step = child.state.get("step") or {}
            kept.setdefault(str(step.get("node")), {})[int(step.get("round") or 0)] = child.state.get("outputs") or {}
        read = graph.read(reader, record.body)
        found = {}
        for name, promoted in read.promoted.items():
            value = _promoted(record.name, read, promoted, kept)
            if value:
                found[name] = {key: value[key] for key in KEPT if key in value}
        return found


def _promoted(
    pipeline: str, read: Graph, promoted: StepOutput, kept: Mapping[str, Mapping[int, Mapping[str, Any]]]
) -> Mapping[str, Any]:
    """What a promoted output is: of a step, of the last round of a loop, or of all rounds of a parallel_for."""
    node = read.nodes[promoted.step]
    if node.kind != "parallel_for":
        rounds = kept.get(node.name) or {}
        return rounds[max(rounds)].get(promoted.output) or {} if rounds else {}
    body = read.nodes[node.blocks["body"][0]]
    each = [value.get(promoted.output) for _, value in sorted((kept.get(body.name) or {}).items())]
    if not each or any(value is None for value in each):
        return {}
    kind = body.declared.outputs[promoted.output].kind
    return gathered.described(pipeline, node.name, promoted.output, kind, [value or {} for value in each])


def _check_step(draft: Draft, read: Graph, node: Node) -> None:
    """Refuse a step whose job would be refused, as far as that can be told before anything has run."""
    given = steps.given(node)
    looped = node.owner and read.nodes[node.owner].kind == "parallel_for"
    replaced = {name: dict(PENDING) for name in node.declared.inputs if name not in given} if looped else {}
    try:
        body = steps.job_of(node, Wiring(draft.body, lambda _: dict(PENDING), replaced))
        kind = registry.job_type(body["jobType"])
        step = Draft(draft.workspace, draft.reader, f"{draft.name}_{node.name}", body, draft.state)
        kind.check(step)
        kind.compute(step)
    except ResourceError as error:
        place = f"properties.jobs.{node.name}"
        if not error.target.startswith(place):
            error.message = f"Step '{node.name}': {error.message}"
            error.target = f"{place}.{error.target.removeprefix('properties.')}".rstrip(".")
        raise


TYPE = PipelineType()
