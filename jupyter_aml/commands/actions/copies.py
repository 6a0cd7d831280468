"""A job submitted again: a copy of what its author asked for, with some of it changed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_aml.commands.actions import jobs
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.scripts import forms
from jupyter_aml.errors import UsageError


def copy(context: Context, job: Any, *, inputs: Mapping[str, Any], changes: Sequence[Mapping[str, Any]] = ()) -> Any:
    """The entity of a new job like `job`.

    Args:
        context: For the current folder and the workspace.
        job: The SDK's entity of the first one.
        inputs: Other values for some inputs.
        changes: The SDK's `params_override`.

    Raises:
        UsageError: An input that the job does not have.
    """
    from azure.ai.ml import load_job

    from jupyter_aml.commands.actions import bindings

    spec = forms.specification(jobs.as_dict(job))
    known = spec.get("inputs") or {}
    for name, value in inputs.items():
        if name not in known:
            msg = f"The job {job.name} has no input {name!r}."
            raise UsageError(msg, why=f"Its inputs are {', '.join(known) or 'none'}.")
        known[name] = bindings.plain_input(context, name, value)
    return load_job(
        io.StringIO(forms.as_yaml(spec)),
        relative_origin=str(context.cwd / "job.yml"),
        params_override=[dict(change) for change in changes],
    )
