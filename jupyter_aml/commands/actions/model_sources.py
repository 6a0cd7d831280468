"""Where a model is that a job, a path or a URI means, and of which type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import sources
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.scripts import inputs
from jupyter_aml.errors import UsageError

TYPES = ("mlflow_model", "custom_model", "triton_model")


def located(context: Context, value: Any, result: str | None, what: str) -> tuple[str, str]:
    """The path or URI of a model, and its type.

    Args:
        context: For the current folder.
        value: A job, a path or a URI.
        result: Which output of the job.
        what: Who asks, for messages.

    Raises:
        UsageError: It is none of these, does not exist, or the job has several models.
    """
    if is_job(value):
        return _of_job(value, result)
    if isinstance(value, str) and inputs.is_uri(value):
        return value, "mlflow_model" if value.startswith("runs:") else "custom_model"
    if not isinstance(value, str | Path):
        msg = f"{what}: a {type(value).__name__} is no model."
        raise UsageError(msg, remedy="Give a job, a path, or a URI such as runs:/JOB/model.")
    path = sources.existing(what, str(value), context)
    return str(path), "mlflow_model" if (path / "MLmodel").is_file() else "custom_model"


def is_job(value: Any) -> bool:
    """Whether a value is a job of the SDK."""
    return hasattr(value, "outputs") and hasattr(value, "name")


def _of_job(job: Any, result: str | None) -> tuple[str, str]:
    """The output of a job that is its model: the one named, else the only one of a model's type."""
    built = getattr(job, "_build_outputs", None)  # AutoML jobs of the SDK hold outputs of nodes, which have no type
    every = built() if built is not None else job.outputs
    outputs = {name: str(getattr(output, "type", "")) for name, output in (every or {}).items() if name != "default"}
    if result:
        if result not in outputs:
            msg = f"The job {job.name} has no output {result!r}."
            raise UsageError(msg, why=f"Its outputs are {', '.join(outputs) or 'none'}.")
        kind = outputs[result] if outputs[result] in TYPES else "custom_model"
        return f"azureml://jobs/{job.name}/outputs/{result}", kind
    models = [name for name, kind in outputs.items() if kind in TYPES] or [name for name in outputs if "model" in name]
    if len(models) == 1:
        kind = outputs[models[0]]
        return f"azureml://jobs/{job.name}/outputs/{models[0]}", kind if kind in TYPES else "custom_model"
    if models:
        msg = f"The job {job.name} has several models: {', '.join(models)}."
        raise UsageError(msg, remedy=f"Add --result {models[0]}.")
    return f"azureml://jobs/{job.name}/outputs/artifacts/paths/model/", "mlflow_model"
