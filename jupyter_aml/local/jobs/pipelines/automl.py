"""AutoML steps: a search as the SDK writes it inside a pipeline, and as the AutoML job that it is.

Inside a pipeline a search is written as in YAML, and a table that is bound to nothing as the text of a Python dict. A
finished search stands for a later one with the same settings over the same data, though another might find another
model: so does Azure's `AutoMLStep`, whose `allow_reuse` is true; `force_rerun` searches anew.

Source: azure-ai-ml 1.35.2, `_schema/pipeline/automl_node.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_aml.automl import families
from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs.pipelines import references, spelling, task_details
from jupyter_aml.local.jobs.pipelines.components import LITERALS, Component, Port

if TYPE_CHECKING:
    from jupyter_aml.local.jobs.pipelines.graph import Node

KIND = "automl"
WORD = "AutoML"
TABLES = {"training_data": "trainingData", "validation_data": "validationData", "test_data": "testData"}
"""Tables of a step, and of the task's details."""
TABLE, BEST, MODEL = "mltable", "best_model", "mlflow_model"
LABELS = frozenset(
    {
        "name", "display_name", "description", "tags", "properties", "experiment_name", "type", "task", "outputs",
        "inputs", "compute", "computeId", "identity", "resources", "queue_settings", "environment_id",
        "environment_variables", "services", "notification_settings", "id", "status", "creation_context", "_source",
    }
)  # fmt: skip
"""Fields of a step that are no settings of its task."""
COLUMNS = frozenset({"target_column_name", "time_column_name"})
"""Settings without which there is no task."""
TEXTS = COLUMNS | {
    "weight_column_name", "cv_split_column_names", "positive_label", "primary_metric", "frequency", "model_name",
    "country_or_region_for_holidays", "dataset_language",
}  # fmt: skip
"""Settings that are texts, even where they look like numbers."""


def declared(name: str, body: Mapping[str, Any]) -> Component:
    """What a step takes and gives, as if it were of a component.

    Raises:
        ResourceError: Its task or one of its outputs is none that AutoML has (400).
    """
    target = f"properties.jobs.{name}"
    try:
        task = families.task(body.get("task"))
    except ValueError:
        known = ", ".join(families.TASKS.values())
        raise _wrong(f"{target}.task", f"is {body.get('task')!r}; expected one of {known}") from None
    for output in body.get("outputs") or {}:
        if output != BEST:
            raise _wrong(f"{target}.outputs.{output}", f"is none that AutoML gives; expected {BEST}")
    inputs = {one: Port(one, TABLE, optional=one != "training_data") for one in TABLES}
    return Component(f"AutoML {task}", KIND, {"task": task}, inputs, {BEST: Port(BEST, MODEL)})


def given(body: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a step, as other steps write their inputs."""
    return {name: _table(body[name]) for name in TABLES if body.get(name) is not None}


def _table(written: Any) -> Any:
    """A table, of which the SDK writes the dict as its text."""
    if isinstance(written, str) and written.lstrip().startswith("{"):
        try:
            return ast.literal_eval(written)
        except (ValueError, SyntaxError):
            return written
    return written


def texts(body: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Every text of the tables and settings of a step, with its place."""
    for name, written in {**_settings(body), **given(body)}.items():
        yield from _texts(name, written)


def _texts(place: str, written: Any) -> Iterator[tuple[str, object]]:
    if isinstance(written, Mapping):
        for key, value in written.items():
            yield from _texts(f"{place}.{key}", value)
    elif isinstance(written, list):
        for value in written:
            yield from _texts(place, value)
    elif isinstance(written, str):
        yield place, written


def check_tables(nodes: Mapping[str, Node], node: Node, parent: Mapping[str, Any]) -> None:
    """Refuse tables that are bound to what other steps make and is no table: values, models, single files.

    Raises:
        ResourceError: One is (400).
    """
    for name, written in given(node.body).items():
        text = written.get("value") or written.get("path") if isinstance(written, Mapping) else written
        kind, source = _kind(nodes, text, parent)
        if kind in LITERALS | {"uri_file"} or kind.endswith("_model"):
            target = f"properties.jobs.{node.name}.{name}"
            raise ResourceError(
                f"{target} is {text}, which is of type {kind}; expected {TABLE}, or a folder with a file MLTable.",
                code="ValidationError",
                target=target,
                remedy=f"Give {source} the type {TABLE}, and have it hold a file MLTable beside its rows.",
            )


def _kind(nodes: Mapping[str, Node], text: object, parent: Mapping[str, Any]) -> tuple[str, str]:
    """The type of what a text is bound to, and what that is; both empty where it is bound to nothing."""
    match references.whole(text):
        case references.ParentInput(name):
            value = (parent.get("inputs") or {}).get(name) or {}
            return str(value.get("jobInputType") or "").lower(), f"the pipeline's input '{name}'"
        case references.StepOutput(step, output):
            component = nodes[step].component
            port = component.outputs.get(output) if component else None
            return port.kind if port else "", f"the output '{output}' of the step '{step}'"
    return "", ""


def job_of(node: Node, component: Component, wiring: Any) -> dict[str, Any]:
    """The special part of an AutoML step's job, still without its tables.

    Args:
        node: The step.
        component: With its task.
        wiring: A `steps.Wiring`.

    Raises:
        ResourceError: A setting is bound to data (400).
    """
    body, task = node.body, str(component.spec["task"])
    variables = {key: wiring.text(value) for key, value in (body.get("environment_variables") or {}).items()}
    bound = _bound("", _settings(body), wiring, f"properties.jobs.{node.name}")
    word = next(word for word, name in families.TASKS.items() if name == task)
    return {
        "jobType": WORD,
        "taskDetails": {"taskType": word, **task_details.details(task, bound)},
        "resources": spelling.resources(body.get("resources")),
        "queueSettings": spelling.camel(body.get("queue_settings")) or None,
        "environmentId": spelling.plain_id(body.get("environment_id")),
        "environmentVariables": variables or None,
        "properties": {str(key): str(value) for key, value in (body.get("properties") or {}).items()},
    }


def tables(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a step as its task's details have them: without a mode, which the SDK leaves out, too."""
    held = {TABLES[name]: value for name, value in inputs.items() if value is not None}
    return {key: {field: one for field, one in value.items() if field != "mode"} for key, value in held.items()}


def work(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an AutoML job with its tables as inputs, so that a fingerprint covers the data in them."""
    details = dict(body.get("taskDetails") or {})
    held = {name: details.pop(key) for name, key in TABLES.items() if details.get(key)}
    return {**body, "taskDetails": details, "inputs": held}


def _settings(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in LABELS and key not in TABLES and value is not None}


def _bound(key: str, written: Any, wiring: Any, target: str) -> Any:
    """A setting with its references replaced by values; None for one that has none (yet)."""
    if isinstance(written, Mapping):
        found = {name: _bound(name, value, wiring, f"{target}.{name}") for name, value in written.items()}
        return {name: value for name, value in found.items() if value is not None}
    if isinstance(written, list):
        return [_bound(key, value, wiring, target) for value in written]
    if not isinstance(written, str):
        return written
    reference = references.whole(written)
    if reference is None:
        text = wiring.text(written)
        return _typed(text) if key in task_details.LISTS and text.startswith("[") else text
    value = wiring.find(reference)
    if value is None or value.get("pending"):
        return "x" if value and key in COLUMNS else None
    if str(value.get("jobInputType")).lower() != "literal":
        raise _wrong(target, f"is data ({value.get('uri')}); a value was expected")
    text = str(value.get("value"))
    return text if key in TEXTS else _typed(text)


def _typed(text: str) -> Any:
    """A number, a flag or a list that was handed on as text."""
    plain = text.strip()
    try:
        found = ast.literal_eval(plain.capitalize() if plain.lower() in {"true", "false"} else plain)
    except (ValueError, SyntaxError):
        return text
    return found if isinstance(found, bool | int | float | list) else text


def _wrong(target: str, found: str) -> ResourceError:
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target)
