"""The job that a step is: its component with the step's settings and inputs, as ARM writes a job's body."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs.pipelines import automl, components, parallel, references, spark, spelling, transfer
from jupyter_aml.local.jobs.pipelines.components import Component, Port
from jupyter_aml.local.jobs.pipelines.graph import Node
from jupyter_aml.local.jobs.pipelines.references import ParentInput, ParentOutput, Reference, StepOutput

Value = dict[str, Any]
PENDING: Value = {"jobInputType": "literal", "value": "x", "pending": True}
"""What stands for the output of a step that has not run, when a pipeline is checked."""
DEFAULT_COMPUTE = "serverless"
_URI = re.compile(r"^(azureml:|https?://|wasbs?://|abfss?://|file:)", re.IGNORECASE)


@dataclass(frozen=True)
class Wiring:
    """What a pipeline hands to its steps.

    Attributes:
        body: The pipeline's body.
        output: The value of a step's output, as an input.
        replaced: Inputs that a loop gives in place of the step's own.
        cluster: How many workers an attached cluster has, by the name or id of a compute; 0 for other computes.
    """

    body: Mapping[str, Any]
    output: Callable[[StepOutput], Value]
    replaced: Mapping[str, Value] = field(default_factory=dict)
    cluster: Callable[[str], int] = lambda _: 0

    def compute(self, node: Node) -> str:
        """The compute that a step names, else the pipeline's."""
        return compute(node, self)

    def workers(self, node: Node) -> int:
        """How many workers the cluster has on which a step runs; 0 for a step that runs elsewhere."""
        return self.cluster(compute(node, self))

    def find(self, reference: Reference) -> Value | None:
        """The value behind a reference; None for an input that was left out."""
        match reference:
            case ParentInput(name):
                value = (self.body.get("inputs") or {}).get(name)
                return dict(value) if value else None
            case StepOutput():
                return self.output(reference)
        return None

    def text(self, written: object) -> str:
        """A text with its references replaced by literals."""
        return references.replace(str(written), lambda reference: str((self.find(reference) or {}).get("value", "")))


def job_of(node: Node, wiring: Wiring, *, label: str = "") -> dict[str, Any]:
    """The body of the job that a step is.

    Args:
        node: A step.
        wiring: What it is given.
        label: What is added to its display name, such as the number of a loop's round.

    Raises:
        ResourceError: An input is missing or wrong.
    """
    component, body = node.declared, node.body
    common: dict[str, Any] = {
        "displayName": f"{body.get('display_name') or node.name}{label}",
        "description": body.get("description") or component.spec.get("description"),
        "tags": {str(key): str(value) for key, value in (body.get("tags") or {}).items()} or None,
        "computeId": compute(node, wiring),
        "inputs": _inputs(node, component, wiring),
        "outputs": _outputs(node, component, wiring.body),
        "identity": spelling.identity(body.get("identity")),
    }
    properties = {"azureml.moduleName": component.label, "StepName": node.name}
    if node.kind == "parallel":
        common["inputs"] = parallel.mounted(common["inputs"])
    special = MAKERS[node.kind](node, component, wiring)
    if node.kind == automl.KIND:
        special["taskDetails"] |= automl.tables(common.pop("inputs"))
    properties |= special.pop("properties", {})
    return {key: value for key, value in {**common, **special, "properties": properties}.items() if value is not None}


def compute(node: Node, wiring: Wiring) -> str:
    """The compute that a step names, else the pipeline's."""
    settings = wiring.body.get("settings") or {}
    named = (
        node.body.get("computeId") or node.body.get("compute")
        or settings.get("default_compute") or settings.get("defaultCompute")
        or wiring.body.get("computeId") or DEFAULT_COMPUTE
    )  # fmt: skip
    return wiring.text(named)


def given(node: Node) -> dict[str, Any]:
    """The inputs that a step is given, by name, as its body has them."""
    return automl.given(node.body) if node.kind == automl.KIND else dict(node.body.get("inputs") or {})


def work(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A step's job as its fingerprint is taken: with all its data among the inputs."""
    return automl.work(body) if body["jobType"] == automl.WORD else body


def _inputs(node: Node, component: Component, wiring: Wiring) -> dict[str, Value | None]:
    written = {**given(node), **wiring.replaced}
    place = f"properties.jobs.{node.name}" + ("" if node.kind == automl.KIND else ".inputs")
    searched = set(node.body.get("search_space") or {}) if node.kind == "sweep" else set()
    found: dict[str, Value | None] = {}
    for name, port in component.inputs.items():
        if name in searched:
            continue
        target = f"{place}.{name}"
        value = _value(written.get(name), port, wiring, target)
        if value is None and port.default is not None:
            value = {"jobInputType": "literal", "value": port.default}
        if value is None and not port.optional:
            raise ResourceError(
                f"{target} is missing: the component {component.label} needs it.",
                code="ValidationError",
                target=target,
                remedy="Give the step a value, a path, or ${{parent.inputs.NAME}}.",
            )
        found[name] = value
    return found


def _value(written: Any, port: Port, wiring: Wiring, target: str) -> Value | None:
    """An input as the step's job gets it; None when it was left out."""
    if written is None:
        return None
    value = written if isinstance(written, Mapping) else {"value": written}
    if value.get("pending"):
        return dict(value)
    mode = spelling.mode(value.get("mode") or port.mode)
    text = value.get("value")
    if text is not None:
        found = _bound(components.literal(text), port, wiring)
    else:
        kind = str(value.get("job_input_type") or value.get("jobInputType") or value.get("type") or port.kind)
        found = {"jobInputType": kind, "uri": wiring.text(value.get("uri") or value.get("path") or "")}
    if found is None:
        return None
    if found.get("pending"):
        return found
    literal = str(found.get("jobInputType")).lower() == "literal"
    if literal and not port.literal:
        found = _as_data(found, port, target)
        literal = False
    elif not literal and port.literal:
        raise _mismatch(target, f"is data ({found.get('uri')}); the component declares {_named(port)}")
    if literal:
        port.check(str(found["value"]), target)
        return {"jobInputType": "literal", "value": str(found["value"])}
    return {**found, "mode": mode} if mode else found


def _bound(text: str, port: Port, wiring: Wiring) -> Value | None:
    reference = references.whole(text)
    if reference is not None:
        return wiring.find(reference)
    if not port.literal and _URI.match(text):
        return {"jobInputType": port.kind, "uri": text}
    return {"jobInputType": "literal", "value": wiring.text(text)}


def _as_data(found: Value, port: Port, target: str) -> Value:
    text = str(found.get("value"))
    if not _URI.match(text):
        raise _mismatch(
            target, f"is '{text}'; the component declares {_named(port)}, so a path or an asset is expected"
        )
    return {"jobInputType": port.kind, "uri": text}


def _named(port: Port) -> str:
    return f"'{port.name}' of type {port.kind}"


def _mismatch(target: str, found: str) -> ResourceError:
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target)


def _outputs(node: Node, component: Component, parent: Mapping[str, Any]) -> dict[str, Value | None]:
    given = node.body.get("outputs") or {}
    found: dict[str, Value | None] = {}
    for name, port in component.outputs.items():
        value = given.get(name)
        written = value if isinstance(value, Mapping) else {"value": value} if value else {}
        promoted = references.whole(written.get("value"))
        if isinstance(promoted, ParentOutput):
            outer = (parent.get("outputs") or {}).get(promoted.name) or {}
            written = {key: outer[key] for key in ("uri", "path", "mode") if outer.get(key)}
        found[name] = spelling.output(written, port.kind, port.mode)
    return found


def _command(node: Node, component: Component, wiring: Wiring) -> dict[str, Any]:
    spec, body = component.spec, node.body
    variables = {**(spec.get("environment_variables") or {}), **(body.get("environment_variables") or {})}
    limits = spelling.duration((body.get("limits") or {}).get("timeout"))
    return {
        "jobType": "Command",
        "command": spec.get("command"),
        "codeId": spelling.plain_id(spec.get("code")),
        "environmentId": spelling.plain_id(body.get("environment") or spec.get("environment")),
        "environmentVariables": {key: wiring.text(value) for key, value in variables.items()} or None,
        "distribution": spelling.distribution(body.get("distribution") or spec.get("distribution")),
        "resources": spelling.resources({**(spec.get("resources") or {}), **(body.get("resources") or {})}),
        "limits": {"jobLimitsType": "Command", "timeout": limits} if limits else None,
        "queueSettings": spelling.camel(body.get("queue_settings")) or None,
    }


def _sweep(node: Node, component: Component, wiring: Wiring) -> dict[str, Any]:
    body = node.body
    space = body.get("search_space") or {}
    made = _command(node, component, wiring)
    trial = {key: made[key] for key in ("command", "codeId", "environmentId", "environmentVariables") if made.get(key)}
    trial |= {key: made[key] for key in ("distribution", "resources") if made.get(key)}
    trial["command"] = _searched(str(trial.get("command") or ""), space)
    limits = body.get("limits") or {}
    return {
        "jobType": "Sweep",
        "trial": trial,
        "searchSpace": {name: spelling.dimension(value) for name, value in space.items()},
        "samplingAlgorithm": spelling.sampling(body.get("sampling_algorithm")),
        "objective": spelling.camel(body.get("objective") or {}),
        "earlyTermination": spelling.termination(body.get("early_termination")),
        "limits": {
            "jobLimitsType": "Sweep",
            "maxTotalTrials": limits.get("max_total_trials"),
            "maxConcurrentTrials": limits.get("max_concurrent_trials"),
            "timeout": spelling.duration(limits.get("timeout")),
            "trialTimeout": spelling.duration(limits.get("trial_timeout")),
        },
        "queueSettings": made.get("queueSettings"),
    }


def _searched(command: str, space: Mapping[str, Any]) -> str:
    """The command with searched inputs named as such: a component knows them as inputs."""
    for name in space:
        pattern = re.compile(rf"\$\{{\{{\s*inputs\.{re.escape(name)}\s*\}}\}}")
        command = pattern.sub(f"${{{{search_space.{name}}}}}", command)
    return command


def _pipeline(node: Node, component: Component, wiring: Wiring) -> dict[str, Any]:
    own, outer = component.spec.get("settings") or {}, wiring.body.get("settings") or {}
    named = node.body.get("computeId") or node.body.get("compute") or own.get("default_compute")
    settings = {**outer, **own, **(node.body.get("settings") or {})}
    settings["default_compute"] = wiring.text(named) if named else compute(node, wiring)
    if components.as_bool(outer.get("force_rerun"), default=False):
        settings["force_rerun"] = True
    return {"jobType": "Pipeline", "jobs": component.spec.get("jobs") or {}, "settings": settings, "computeId": None}


MAKERS: Mapping[str, Callable[[Node, Component, Wiring], dict[str, Any]]] = {
    "command": _command,
    "sweep": _sweep,
    "pipeline": _pipeline,
    "parallel": parallel.command_of,
    "data_transfer": transfer.command_of,
    "spark": spark.job_of,
    automl.KIND: automl.job_of,
}
"""What each kind of step adds to what all steps have."""
