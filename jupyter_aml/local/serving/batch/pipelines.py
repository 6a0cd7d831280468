"""The pipeline that an invocation of a pipeline component's deployment is: the component's steps with its values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs import records as jobs
from jupyter_aml.local.jobs.checks import invalid
from jupyter_aml.local.jobs.pipelines import components
from jupyter_aml.local.jobs.pipelines.components import Component, Port
from jupyter_aml.local.serving.batch import shapes
from jupyter_aml.local.serving.batch.invocation import Invocation, Values
from jupyter_aml.local.store.records import Connection, Record

TARGET = "properties.deploymentConfiguration.componentId"
DEFAULT_COMPUTE = "serverless"


def body(reader: Connection, deployment: Record, asked: Invocation) -> dict[str, Any]:
    """The special part of the job: its steps, inputs, outputs and settings.

    Raises:
        ResourceError: An input is missing, of another type or not declared, or the component is gone.
    """
    properties = deployment.body["properties"]
    component = components.load(reader, shapes.component_of(properties), TARGET)
    source = str(component.spec.get("sourceJobId") or component.spec.get("source_job_id") or "")
    held = _job(reader, source) if source else None
    steps = (held or component.spec).get("jobs") or {}
    settings = {**((held or component.spec).get("settings") or {}), **_settings(properties)}
    if asked.compute:
        settings["default_compute"] = asked.compute
    settings.setdefault("default_compute", str(properties.get("compute") or DEFAULT_COMPUTE))
    return {
        "jobs": steps,
        "inputs": _of_job(held, asked.inputs, "inputs") if held else _inputs(component, asked.inputs),
        "outputs": _of_job(held, asked.outputs, "outputs") if held else _outputs(component, asked.outputs),
        "settings": settings,
    }


def _settings(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the deployment; the SDK writes a prefix before some of their names."""
    found = (properties.get("deploymentConfiguration") or {}).get("settings") or {}
    return {str(key).rpartition(".")[2]: value for key, value in found.items()}


def _job(reader: Connection, text: str) -> dict[str, Any]:
    """The body of the pipeline job of which the component was made.

    Raises:
        NotFoundError: It was deleted.
        ResourceError: It is no pipeline (400).
    """
    record = jobs.find(reader, text.rpartition("/")[2].removeprefix("azureml:"))
    if record.type != "Pipeline":
        raise ResourceError(
            f"The deployment was made of the job '{record.name}', a {record.type} job; a pipeline was expected.",
            code="ValidationError",
            target=TARGET,
        )
    return record.body


def _of_job(held: Mapping[str, Any], given: Values, side: str) -> dict[str, Any]:
    """Inputs or outputs of a job, with what an invocation gives in their place."""
    own = {name: value for name, value in (held.get(side) or {}).items() if name != "default"}
    _known(given, own, side)
    return {**own, **given}


def _inputs(component: Component, given: Values) -> Values:
    """The value of each input: the invocation's, else the declared default."""
    _known(given, component.inputs, "inputs")
    found: Values = {}
    for name, port in component.inputs.items():
        if name in given:
            found[name] = _fitting(given[name], port, f"inputData.{name}")
        elif port.default is not None:
            found[name] = {"jobInputType": "literal", "value": port.default}
        elif not port.optional:
            raise invalid(
                f"inputData.{name}",
                f"is missing: the component {component.label} needs it",
                "Give it a value, a path or an asset.",
            )
    return found


def _fitting(value: dict[str, Any], port: Port, field: str) -> dict[str, Any]:
    literal = value["jobInputType"] == "literal"
    if literal != port.literal:
        found = "a literal" if literal else f"data ({value.get('uri')})"
        raise invalid(field, f"is {found}; the component declares it as {port.kind}", "Give the input that type.")
    if literal:
        port.check(str(value["value"]), f"properties.{field}")
        return value
    mode = {"mode": port.mode} if port.mode and not value.get("mode") else {}
    return {**value, **mode}


def _outputs(component: Component, given: Values) -> Values:
    _known(given, component.outputs, "outputs")
    return {name: {"jobOutputType": port.kind, **given.get(name, {})} for name, port in component.outputs.items()}


def _known(given: Iterable[str], declared: Iterable[str], side: str) -> None:
    names = sorted(declared)
    for name in given:
        if name not in names:
            close = difflib.get_close_matches(name, names, 1, 0.5)
            hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(names) or 'none'}."
            raise invalid(
                f"{side.removesuffix('s')}Data.{name}", f"is none of the {side} that the component declares", hint
            )
