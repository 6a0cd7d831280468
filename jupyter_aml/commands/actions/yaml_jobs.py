"""A job from YAML: loaded with the inputs of the line, then submitted, or written down in another form."""

from __future__ import annotations

from typing import Any

from jupyter_aml.commands.actions import bindings, job_verbs, jobs, loading, snapshots
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.scripts import forms, header
from jupyter_aml.commands.suggest import did_you_mean, listed
from jupyter_aml.errors import UsageError


def create(context: Context, args: Args) -> Outcome:
    """Submit the job that YAML describes, or with --as write it down."""
    job = _loaded(context, args)
    if args["as"]:
        return Outcome(_written(context, args, job), kind="text")
    outcome = job_verbs.submit(context, args, job)
    if args.save_as:
        path = context.path(args.save_as)
        path.write_text(forms.as_yaml(jobs.as_dict(outcome.entity)), encoding="utf-8")
    return outcome


def _loaded(context: Context, args: Args) -> Any:
    named: dict[str, Any] = {"name": jobs.name_of(args.name, "create") if args.name is not None else None}
    if args.input:
        known = loading.text_of("job", context, args).keys(("inputs",))
        for name, value in args.input.items():
            if name not in known:
                msg = f"--input {name}=…: the job has no input {name!r}."
                why = f"Its inputs are {listed(known) or 'none'}."
                raise UsageError(msg, why=why, remedy=did_you_mean(name, known) or "Add it under inputs.")
            named[f"inputs.{name}"] = bindings.plain_input(context, name, value)
    return loading.load("job", context, args, named)


def _written(context: Context, args: Args, job: Any) -> str:
    form: forms.Form = args["as"]
    if form == "script":
        return _script(context, job)
    said = jobs.as_dict(job)
    return forms.written(said, form, context.connection, file=args.file if args.body is None else "")


def _script(context: Context, job: Any) -> str:
    """The script in the job's code folder that its command runs.

    Raises:
        UsageError: It runs none.
    """
    name = snapshots.script_in(job)
    code = str(getattr(job, "code", "") or "")
    path = context.path(code) / name if name and code else None
    if path is None or not path.is_file():
        msg = "The job runs no script of a code folder."
        raise UsageError(msg, remedy="Write it down with --as yaml.")
    return header.readable(path.read_text(encoding="utf-8", errors="replace"))
