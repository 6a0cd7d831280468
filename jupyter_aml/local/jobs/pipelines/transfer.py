"""Data transfer steps: command jobs whose program is ours, which copies inputs to the output."""

from __future__ import annotations

from typing import Any

from jupyter_aml.agent.copying import OVERWRITE, REFUSE
from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs.pipelines.components import Component
from jupyter_aml.local.jobs.pipelines.graph import Node
from jupyter_aml.local.jobs.programs import COPYING, PROGRAM

COPY = "copy_data"


def command_of(node: Node, component: Component, wiring: Any) -> dict[str, Any]:
    """The special part of a data transfer step's job.

    Args:
        node: The step.
        component: What it runs.
        wiring: A `steps.Wiring`.

    Raises:
        ResourceError: A setting is missing or wrong.
    """
    target = f"properties.jobs.{node.name}"
    task = str(node.body.get("task") or component.spec.get("task") or COPY)
    if task != COPY:
        raise _wrong(f"{target}.task", f"is '{task}'; expected {COPY}")
    mode = wiring.text(node.body.get("data_copy_mode") or component.spec.get("data_copy_mode") or OVERWRITE)
    if mode not in {OVERWRITE, REFUSE}:
        raise _wrong(f"{target}.data_copy_mode", f"is '{mode}'; expected {OVERWRITE} or {REFUSE}")
    if len(component.outputs) != 1 or not component.inputs:
        counts = f"{len(component.inputs)} inputs and {len(component.outputs)} outputs"
        raise _wrong(target, f"has {counts}; expected inputs and one output")
    words = ["python", COPYING.script, "--mode", mode]
    for name, port in component.inputs.items():
        given = f"--input ${{{{inputs.{name}}}}}"
        words.append(f"$[[{given}]]" if port.optional else given)
    words += ["--output", *(f"${{{{outputs.{name}}}}}" for name in component.outputs)]
    return {"jobType": "Command", "command": " ".join(words), "properties": {PROGRAM: COPYING.value}}


def _wrong(target: str, found: str) -> ResourceError:
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target)
