"""Pipelines of a notebook: a cell in the SDK's DSL, or steps of earlier cells joined on a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jupyter_aml.commands.actions import bindings, cell_jobs, cell_scripts, dsl, job_verbs, jobs, joins, parts
from jupyter_aml.commands.actions.dsl import Source
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.scripts import check, forms
from jupyter_aml.errors import UsageError

FORMS = ("yaml", "cli", "sdk")
UNTOLD, SEARCHED = "None", "mlflow_model"
"""What the SDK (1.35.2) says is the type of an output that an AutoML step gives, and what it is."""


def pipeline(context: Context, args: Args) -> Outcome:
    """Submit the pipeline that the body describes."""
    source = dsl.read(str(args.body or ""), cell_scripts.first_line(str(args.body or "")))
    given = {name: bindings.plain_input(context, name, value) for name, value in _inputs(args).items()}
    return _done(context, args, source, args.pipeline or source.function or "pipeline", given)


def chain(context: Context, args: Args) -> Outcome:
    """Submit a pipeline of steps, each taking what those before it hand on."""
    names = joins.names(args.steps)
    found = [joins.found(context, name) for name in names]
    given = {name: bindings.plain_input(context, name, value) for name, value in args.input.items()}
    joined = joins.join(found, given)
    source = dsl.read(joined.body, 1)
    return _done(context, args, source, args.display_name or "_".join(names), joined.inputs)


def _inputs(args: Args) -> Mapping[str, Any]:
    for name in args.input:
        check.refuse_name(name, "--input")
    found: Mapping[str, Any] = args.input
    return found


def _done(context: Context, args: Args, source: Source, name: str, given: Mapping[str, Any]) -> Outcome:
    job_verbs.check_var(context, args.var)
    values = {key: parts.typed(value) for key, value in given.items()}
    job = dsl.build(context, source, re.sub(r"\W", "_", name), values)
    _settle(context, args, job, name)
    if args["as"]:
        return Outcome(_written(context, job, args["as"]), kind="text")
    dsl.refuse_invalid(context, job, source)
    try:
        return job_verbs.submit(context, args, job)
    except Exception as error:
        shown = dsl.pointed(error, source)
        if shown is error:
            raise
        raise shown from error


def _settle(context: Context, args: Args, job: Any, name: str) -> None:
    """What a pipeline is called, and where and how its steps run."""
    job.name = args.name or job.name
    job.display_name = args.display_name or name
    job.experiment_name = args.experiment_name or job.experiment_name or name
    job.description = args.description or job.description
    job.tags = {**(job.tags or {}), **{key: str(value) for key, value in args.tags.items()}}
    compute = cell_jobs.compute(context, args.compute)
    job.settings.default_compute = compute or job.settings.default_compute or "serverless"
    if args.force_rerun:
        job.settings.force_rerun = True
    if args.continue_on_failure:
        job.settings.continue_on_step_failure = True
    _register(args, job)


def _register(args: Args, job: Any) -> None:
    """Give outputs of the pipeline the names of assets that they become.

    Raises:
        UsageError: The pipeline has no such output.
    """
    for key, asset in args.register.items():
        if key not in job.outputs:
            msg = f"--register {key}=…: the pipeline has no output {key!r}."
            known = ", ".join(job.outputs) or "none; a pipeline returns them: return {'model': trained.outputs.model}"
            raise UsageError(msg, why=f"Its outputs are {known}.", remedy="Name one of these.")
        from azure.ai.ml import Output

        kind = str(job.outputs[key].type)
        job.outputs[key] = Output(type=SEARCHED if kind == UNTOLD else kind, name=str(asset))


def _written(context: Context, job: Any, form: forms.Form) -> str:
    said = jobs.as_dict(job)
    said.pop("name", None)
    return forms.written(said, form, context.connection)
