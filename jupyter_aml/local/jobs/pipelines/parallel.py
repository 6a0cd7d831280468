"""Parallel steps: command jobs whose program is ours, which shares mini-batches out among processes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs.pipelines import shares, spelling
from jupyter_aml.local.jobs.pipelines.components import Component, Port
from jupyter_aml.local.jobs.pipelines.graph import Node
from jupyter_aml.local.jobs.programs import PARALLEL, PROGRAM

DEFAULT_SIZE = "10"
THRESHOLDS = ("--error-threshold", "--mini-batch-error-threshold")
DEFAULT_RETRIES, DEFAULT_TIMEOUT = 3, 60.0
ADDRESSES = frozenset({"direct", "evalmount", "evaldownload"})
"""Modes in which a script gets an address, or a table that is worked out already."""
TASKS = frozenset({"run_function", "function"})
APPEND_NAME = "append_file_name"
"""Setting of a task: the file of all rows, in an output that is a folder. Batch endpoints alone write it."""
_PORT = re.compile(r"^\$\{\{\s*(?P<side>inputs|outputs)\.(?P<name>[\w.-]+)\s*\}\}$")


def command_of(node: Node, component: Component, wiring: Any) -> dict[str, Any]:
    """The special part of a parallel step's job.

    Args:
        node: The step.
        component: What it runs.
        wiring: A `steps.Wiring`.

    Raises:
        ResourceError: A setting is missing or wrong.
    """
    from jupyter_aml.local.jobs.pipelines import spreading  # which is made of this

    written = {**component.spec, **{key: value for key, value in node.body.items() if value is not None}}
    if shares.GATHERS in node.body:
        return spreading.gather_of(node, component, {flag: _limits(written)[flag] for flag in THRESHOLDS})
    count = spreading.nodes(node, wiring)
    if count > 1:
        return spreading.pipeline_of(node, component, wiring, count)
    task = _task(node, component)
    variables = {
        **(task.get("environment_variables") or {}),
        **(component.spec.get("environment_variables") or {}),
        **(node.body.get("environment_variables") or {}),
    }
    return {
        "jobType": "Command",
        "command": _command(node, component, written, task, str(node.body.get(shares.SHARE) or "")),
        "codeId": spelling.plain_id(task.get("code")),
        "environmentId": spelling.plain_id(task.get("environment")),
        "environmentVariables": {key: wiring.text(value) for key, value in variables.items()} or None,
        "properties": {PROGRAM: PARALLEL.value, "azureml.parallelrun": "true"},
    }


def mounted(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a parallel step's job: what it is to take from an address (a table in mode direct), as files."""
    return {
        name: {**value, "mode": "ReadOnlyMount"} if value and str(value.get("mode")).lower() in ADDRESSES else value
        for name, value in inputs.items()
    }


def appended(node: Node, component: Component) -> str:
    """The output that the rows of all mini-batches are appended to; empty for none."""
    match = _PORT.match(str(_task(node, component).get("append_row_to") or "").strip())
    return match["name"] if match is not None and match["side"] == "outputs" else ""


def append_words(node: Node, component: Component) -> list[str]:
    """The words of a command that name the file of all rows, where it has a name of its own."""
    name = _task(node, component).get(APPEND_NAME)
    return ["--append-name", str(name)] if name else []


def _task(node: Node, component: Component) -> dict[str, Any]:
    return {**(component.spec.get("task") or {}), **(node.body.get("task") or {})}


def _command(node: Node, component: Component, written: Mapping[str, Any], task: Mapping[str, Any], share: str) -> str:
    target = f"properties.jobs.{node.name}"
    if str(task.get("type") or "run_function") not in TASKS:
        raise _wrong(f"{target}.task.type", f"is '{task['type']}'; expected run_function")
    if not task.get("entry_script"):
        raise _wrong(f"{target}.task.entry_script", "is missing; a script with run(mini_batch) was expected")
    given = ["--entry", str(task["entry_script"])]
    for source in _ports(written.get("input_data"), "inputs", component.inputs, f"{target}.input_data"):
        given += ["--input", source]
    given += ["--mini-batch-size", str(written.get("mini_batch_size") or DEFAULT_SIZE)]
    if written.get("partition_keys"):
        keys = written["partition_keys"]
        given += ["--partition-keys", keys if isinstance(keys, str) else json.dumps(keys)]
    limits = _limits(written)
    if share:
        limits["--concurrency"] = int(written.get("max_concurrency_per_instance") or 0)
        given += ["--share", share, "--result", f"${{{{outputs.{shares.RESULT}}}}}"]
    given += [f"{flag}={value}" for flag, value in limits.items()]
    append = task.get("append_row_to")
    if append and not share:
        given += ["--append", *_ports(append, "outputs", component.outputs, f"{target}.task.append_row_to")]
        given += append_words(node, component)
    own = component.outputs.keys() - {shares.RESULT} if share else component.outputs
    other = next((name for name in component.outputs if name in own and (not append or name not in str(append))), "")
    if other:
        given += ["--output", f"${{{{outputs.{other}}}}}"]
    words = [word if word.startswith("${{") else shlex.quote(word) for word in given]
    arguments = str(task.get("program_arguments") or "").strip()
    return " ".join(["python", PARALLEL.script, *words, *(["--", arguments] if arguments else [])])


def _limits(written: Mapping[str, Any]) -> dict[str, Any]:
    retries = written.get("retry_settings") or {}
    instances = int((written.get("resources") or {}).get("instance_count") or 1)
    each = int(written.get("max_concurrency_per_instance") or 0)
    return {
        "--concurrency": each * instances,
        "--max-retries": _first(retries.get("max_retries"), DEFAULT_RETRIES),
        "--timeout": _first(retries.get("timeout"), DEFAULT_TIMEOUT),
        "--error-threshold": _first(written.get("error_threshold"), -1),
        "--mini-batch-error-threshold": _first(written.get("mini_batch_error_threshold"), -1),
    }


def _first(value: Any, default: float) -> Any:
    return default if value in (None, "") else value


def _ports(written: object, side: str, ports: Mapping[str, Port], target: str) -> list[str]:
    """The placeholders of one input or output, or of several."""
    found = []
    for text in written if isinstance(written, list) else [written]:
        match = _PORT.match(str(text or "").strip())
        if match is None or match["side"] != side or match["name"] not in ports:
            known = ", ".join(f"${{{{{side}.{name}}}}}" for name in ports)
            raise _wrong(target, f"is '{text or ''}'; expected one of {known}")
        found.append(f"${{{{{side}.{match['name']}}}}}")
    return found


def _wrong(target: str, found: str) -> ResourceError:
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target)
