"""Parts of pipelines: components known by name, those of earlier cells and those that the workspace has.

A part is called like a component of the SDK; inputs that the call leaves out keep the values of the part's cell.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jupyter_aml.commands.actions import jobs, near, references
from jupyter_aml.commands.actions.cell_scripts import Script
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.outcome import unwrap
from jupyter_aml.commands.scripts import forms
from jupyter_aml.commands.suggest import did_you_mean, listed
from jupyter_aml.errors import UsageError

LITERALS: Mapping[str, str] = {
    "bool": "boolean",
    "int": "integer",
    "whole": "integer",
    "float": "number",
    "str": "string",
}
"""The type of a component's input, by how the script reads it."""

SPARKS = ("code", "entry", "args", "environment", "py_files", "jars", "files", "archives")
"""What a component of Spark has from its cell's job, and as settings of Spark:"""
CONF: Mapping[str, str] = {
    "driver_cores": "spark.driver.cores",
    "driver_memory": "spark.driver.memory",
    "executor_cores": "spark.executor.cores",
    "executor_memory": "spark.executor.memory",
    "executor_instances": "spark.executor.instances",
}


@dataclass(frozen=True)
class Part:
    """A step to be.

    Attributes:
        name: How lines and cells call it.
        load: Gives the SDK's component.
        given: Values of the cell that it comes from, as the SDK takes them; `{type, path}` for data.
        swept: How the component is swept, in the schema of `az ml`; None for a plain step.
        compute: Where the step runs; "" for where its pipeline says.
        resources: Of what serverless Spark it runs on; None for what is not Spark, and for Spark on a compute.
    """

    name: str
    load: Callable[[], Any]
    given: Mapping[str, Any] = field(default_factory=dict)
    swept: Mapping[str, Any] | None = None
    compute: str = ""
    resources: Mapping[str, Any] | None = None

    @cached_property
    def component(self) -> Any:
        """The SDK's component."""
        return self.load()

    @property
    def inputs(self) -> dict[str, Any]:
        """What may be given to it."""
        space = (self.swept or {}).get("search_space") or {}
        return {name: one for name, one in (self.component.inputs or {}).items() if name not in space}

    @property
    def outputs(self) -> dict[str, Any]:
        """What it hands on."""
        return dict(self.component.outputs or {})

    def __call__(self, **inputs: Any) -> Any:
        """A step of the pipeline that is being built.

        Raises:
            UsageError: It has no such input.
        """
        for name in inputs:
            if name not in self.inputs:
                msg = f"{self.name} has no input {name!r}."
                why = f"Its inputs are {listed(self.inputs) or 'none'}."
                raise UsageError(msg, why=why, remedy=did_you_mean(name, self.inputs) or "Leave it out.")
        values = {**{key: typed(value) for key, value in self.given.items()}, **inputs}
        if self.swept is not None:
            return _sweep(self.component, values, self.swept)
        step = self.component(**values)
        if self.component.type == "spark":
            _of_spark(step, self)
        return step


def typed(value: Any) -> Any:
    """A value as the SDK takes it: data as its `Input`."""
    from azure.ai.ml import Input

    return Input(**value) if isinstance(value, Mapping) else value


def _of_spark(step: Any, part: Part) -> None:
    """What a step of Spark says that others need not: where it runs, and that it reads and writes data itself."""
    if part.compute:
        step.compute = part.compute
    elif part.resources:
        step.resources = dict(part.resources)
    data = [step.inputs[name] for name, port in part.inputs.items() if port.type not in LITERALS.values()]
    for port in [*data, *(step.outputs[name] for name in part.outputs)]:
        port.mode = "direct"


def _sweep(component: Any, values: Mapping[str, Any], swept: Mapping[str, Any]) -> Any:
    from azure.ai.ml import sweep as sdk

    def made(found: Mapping[str, Any] | None, known: Mapping[str, str]) -> Any:
        if not found:
            return None
        return getattr(sdk, known[found["type"]])(**{key: value for key, value in found.items() if key != "type"})

    space = {name: made(one, forms.DISTRIBUTIONS) for name, one in swept["search_space"].items()}
    return component(**values, **space).sweep(
        **swept["objective"],
        sampling_algorithm=made(swept.get("sampling_algorithm"), forms.SWEEPERS),
        early_termination_policy=made(swept.get("early_termination"), forms.SWEEPERS),
        **(swept.get("limits") or {}),
    )


def specification(script: Script, name: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """The component that a cell's script is, in the schema of `az ml`.

    Args:
        script: With its parameters and results.
        name: Of the component.
        more: `code`, `environment` and what else it has.
    """
    inputs: dict[str, Any] = {}
    for one in script.parameters:
        value = script.values.get(one.name)
        if one.kind == "path":
            inputs[one.name] = {"type": value["type"] if isinstance(value, Mapping) else "uri_folder"}
        else:
            default = {} if one.default is None else {"default": one.default}
            inputs[one.name] = {"type": LITERALS[one.kind], **default}
    outputs = {one.name: {"type": one.type} for one in script.results}
    kept = {key: value for key, value in more.items() if value}
    return {"type": "command", "name": name, "command": script.command, "inputs": inputs, "outputs": outputs, **kept}


def spark_specification(script: Script, name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The component that a Spark cell's script is, in the schema of `az ml`.

    Args:
        script: With its parameters and results.
        name: Of the component.
        said: The cell's job, in that schema.
    """
    spec = specification(script, name, {key: said.get(key) for key in SPARKS})
    del spec["command"]
    ports = [one for one in [*spec["inputs"].values(), *spec["outputs"].values()] if "default" not in one]
    for port in ports:
        port["mode"] = "direct"
    conf = {setting: said[field] for field, setting in CONF.items() if said.get(field) is not None}
    return {**spec, "type": "spark", "conf": {**conf, **(said.get("conf") or {})}}


def loaded(context: Context, spec: Mapping[str, Any]) -> Any:
    """The SDK's component of a specification."""
    import yaml
    from azure.ai.ml import load_component

    text = yaml.safe_dump(dict(spec), sort_keys=False)
    return load_component(io.StringIO(text), relative_origin=str(context.cwd / "component.yml"))


def remember(context: Context, script: Script, job: Any) -> None:
    """Keep a submitted cell as a part of later pipelines."""
    said = jobs.as_dict(job)
    work = said.get("trial") or said
    more = {key: work.get(key) for key in ("code", "environment", "environment_variables", "resources", "distribution")}
    name = script.name
    swept = None
    if said.get("type") == "sweep":
        kept = ("search_space", "objective", "sampling_algorithm", "early_termination", "limits")
        swept = {key: said[key] for key in kept if said.get(key)}
    spec = specification(script, name, more)
    given = {key: value for key, value in script.values.items() if isinstance(value, Mapping)}
    context.steps[name] = Part(name, lambda: loaded(context, spec), given, swept)


def remember_spark(context: Context, script: Script, job: Any) -> None:
    """Keep a submitted Spark cell as a part of later pipelines."""
    said = jobs.whole(context.connection, job)
    spec = spark_specification(script, script.name, said)
    given = {key: value for key, value in script.values.items() if isinstance(value, Mapping)}
    context.steps[script.name] = Part(
        script.name,
        lambda: loaded(context, spec),
        given,
        compute=str(said.get("compute") or "").removeprefix("azureml:"),
        resources=said.get("resources"),
    )


def registered(context: Context, text: str) -> Part:
    """The part that a component of the workspace is: NAME, NAME:VERSION or NAME@LABEL.

    Raises:
        NotFoundError: There is none; the nearest is named.
    """
    which = references.parse(text)
    asked = context.client.components
    found = near.looked_up(lambda: asked.get(which.name, **which.chosen), "component", str(which), asked.list)
    return Part(which.name, lambda: found)


def find(context: Context, name: str) -> Part | None:
    """The part of that name: of an earlier cell, else a variable that is a component, else of the workspace."""
    kept: Part | None = context.steps.get(name)
    if kept is not None:
        return kept
    component = unwrap((context.names or {}).get(name))
    if is_component(component):
        return Part(name, lambda: component)
    try:
        return registered(context, name)
    except Exception as error:
        if type(error).__name__ == "NotFoundError" or near.is_missing(error):
            return None
        raise


def is_component(value: Any) -> bool:
    """Whether a value can be called to make a step: a component of the SDK."""
    return any(kind.__name__ == "Component" and kind.__module__.startswith("azure.") for kind in type(value).__mro__)


def known(context: Context) -> list[str]:
    """The names of all parts that there are."""
    return list(dict.fromkeys([*context.steps, *near.known(context.client.components.list)]))
