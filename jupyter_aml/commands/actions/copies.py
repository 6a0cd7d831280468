"""A job submitted again: a copy of what its author asked for, with some of it changed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_aml.commands.actions import jobs
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.scripts import forms
from jupyter_aml.commands.suggest import did_you_mean, listed
from jupyter_aml.errors import UsageError

BEGIN_AT = "jupyter_aml.begin_at"
"""The property of a pipeline that names the first step to run anew."""


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


def begin_at(context: Context, pipeline: Any, step: str, name: str) -> None:
    """Have a pipeline run one step and all that need it anew; the others may be taken over from finished runs.

    Raises:
        UsageError: The job has no such step, or runs in Azure, which has no such setting.
    """
    steps = getattr(pipeline, "jobs", None) or {}
    if not steps:
        msg = f"--from {step}: {name} is a {pipeline.type} job, which has no steps."
        raise UsageError(msg, remedy=f"Type %aml job rerun {name}")
    if step not in steps:
        msg = f"--from {step}: the pipeline {name} has no such step."
        raise UsageError(msg, why=f"Its steps are {listed(steps)}.", remedy=did_you_mean(step, steps))
    if not context.connection.local:
        raise UsageError(
            f"--from {step}: Azure takes every finished step over, or none.",
            remedy=f"Type %aml job rerun {name} --set settings.force_rerun=true",
        )
    pipeline.properties = {**(pipeline.properties or {}), BEGIN_AT: step}
