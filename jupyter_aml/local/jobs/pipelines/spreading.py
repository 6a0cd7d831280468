"""A parallel step over several nodes: a pipeline of its own, whose steps do a share each, and one that gathers.

A share that is lost runs again elsewhere; shares that are done are taken over when the step is run again.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from jupyter_aml.local.jobs.pipelines import parallel
from jupyter_aml.local.jobs.pipelines.components import Component
from jupyter_aml.local.jobs.pipelines.graph import Node
from jupyter_aml.local.jobs.pipelines.shares import GATHERS, RESULT, SHARE
from jupyter_aml.local.jobs.programs import GATHER, PROGRAM

MOST = 64
OWN = frozenset({"name", "inputs", "outputs", "resources"})
"""Settings of the step that a share has others of."""


def nodes(node: Node, wiring: Any) -> int:
    """Over how many nodes of a cluster a step is spread; 1 for a step that is not."""
    if SHARE in node.body or GATHERS in node.body:
        return 1
    there = wiring.workers(node)
    asked = int(({**node.declared.spec, **node.body}.get("resources") or {}).get("instance_count") or 0)
    return min(asked or there, MOST) if there else 1


def pipeline_of(node: Node, component: Component, wiring: Any, count: int) -> dict[str, Any]:
    """The special part of the pipeline that a step is when `count` nodes share it."""
    merged = _merged(node, component)
    kept = {key: value for key, value in node.body.items() if key not in OWN}
    folders = [*merged, RESULT]
    inputs = {name: _bound(f"${{{{parent.inputs.{name}}}}}") for name in component.inputs}
    jobs = {
        f"share_{number}": {
            **kept,
            "inputs": inputs,
            SHARE: f"{number}/{count}",
            "display_name": f"share {number} of {count}",
        }
        for number in range(count)
    }
    given = {
        f"{output}_{number}": _bound(f"${{{{parent.jobs.share_{number}.outputs.{output}}}}}")
        for output in folders
        for number in range(count)
    }
    gather = {
        **kept,
        "compute": "serverless",
        "computeId": None,
        "inputs": given,
        "outputs": {name: {"value": f"${{{{parent.outputs.{name}}}}}"} for name in component.outputs},
        GATHERS: count,
        "display_name": "gather",
    }
    settings = dict(wiring.body.get("settings") or {})
    settings["default_compute"] = wiring.compute(node)
    return {
        "jobType": "Pipeline",
        "jobs": {**jobs, "gather": gather},
        "settings": settings,
        "computeId": None,
        "properties": {"azureml.parallelrun": "true"},
    }


def _bound(reference: str) -> dict[str, str]:
    """An input that takes its value from elsewhere, as the SDK writes it."""
    return {"job_input_type": "literal", "value": reference}


def _merged(node: Node, component: Component) -> list[str]:
    """The outputs whose files the shares write: all but the file of the rows, which may lie in one that is a folder."""
    whole = "" if parallel.append_words(node, component) else parallel.appended(node, component)
    return [name for name in component.outputs if name != whole]


def gather_of(node: Node, component: Component, limits: Mapping[str, Any]) -> dict[str, Any]:
    """The special part of the job that puts together what the shares left.

    Args:
        node: The step.
        component: With the outputs of the whole.
        limits: Flags of the program that say how much may fail.
    """
    count = int(node.body[GATHERS])
    appended = parallel.appended(node, component)
    words = ["python", GATHER.script, *(f"{flag}={value}" for flag, value in limits.items())]
    words += [word for number in range(count) for word in ("--input", f"${{{{inputs.{RESULT}_{number}}}}}")]
    if appended:
        words += ["--append", f"${{{{outputs.{appended}}}}}"]
        words += [shlex.quote(word) for word in parallel.append_words(node, component)]
    for name in _merged(node, component):
        words += ["--merge", f"${{{{outputs.{name}}}}}"]
        words += [f"${{{{inputs.{name}_{number}}}}}" for number in range(count)]
    return {"jobType": "Command", "command": " ".join(words), "properties": {PROGRAM: GATHER.value}}
