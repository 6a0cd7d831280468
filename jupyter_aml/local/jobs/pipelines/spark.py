"""Spark steps: a component's script, with the settings of the step over those of the component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.local.jobs import sparks
from jupyter_aml.local.jobs.pipelines import spelling
from jupyter_aml.local.jobs.pipelines.components import Component
from jupyter_aml.local.jobs.pipelines.graph import Node

SETTINGS = {
    "driver_cores": sparks.DRIVER_CORES,
    "driver_memory": sparks.DRIVER_MEMORY,
    "executor_cores": sparks.EXECUTOR_CORES,
    "executor_memory": sparks.EXECUTOR_MEMORY,
    "executor_instances": sparks.INSTANCES,
    "dynamic_allocation_enabled": sparks.DYNAMIC,
    "dynamic_allocation_min_executors": sparks.LEAST,
    "dynamic_allocation_max_executors": sparks.MOST,
}
"""Settings of Spark by the words that the SDK and YAML have for them."""
LISTS = {"py_files": "pyFiles", "jars": "jars", "files": "files", "archives": "archives"}


def job_of(node: Node, component: Component, wiring: Any) -> dict[str, Any]:
    """The special part of a Spark step's job.

    Args:
        node: The step.
        component: What it runs.
        wiring: A `steps.Wiring`.
    """
    spec, body = component.spec, node.body
    entry = body.get("entry") or spec.get("entry") or {}
    resources = spelling.camel(body.get("resources") or spec.get("resources") or {})
    found: dict[str, Any] = {
        "jobType": sparks.WORD,
        "entry": {"sparkJobEntryType": "SparkJobPythonEntry", **spelling.camel(entry)},
        "conf": {**_conf(spec, wiring), **_conf(body, wiring)},
        "args": body.get("args") or spec.get("args"),
        "codeId": spelling.plain_id(spec.get("code")),
        "environmentId": spelling.plain_id(body.get("environment") or spec.get("environment")),
        **{field: body.get(word) or spec.get(word) for word, field in LISTS.items()},
    }
    if resources:
        found |= {"resources": resources, "computeId": None}  # what the pipeline names is for its other steps
    return found


def _conf(written: Mapping[str, Any], wiring: Any) -> dict[str, str]:
    """Settings as a component or a step writes them, by Spark's names."""
    both = {**(written.get("conf") or {}), **{key: written[key] for key in SETTINGS if key in written}}
    return {SETTINGS.get(key, key): wiring.text(value) for key, value in both.items() if value is not None}
