"""A cell's body as a command job: checked, given its header, put into a snapshot with its code, and submitted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import cell_scripts, job_verbs, jobs, parts, pins
from jupyter_aml.commands.actions.cell_scripts import Script
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.scripts import forms, header
from jupyter_aml.errors import UsageError

_TIME = re.compile(r"^(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>s|m|min|h|d)?$")
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def command(context: Context, args: Args) -> Outcome:
    """Submit the body as a command job."""
    script = cell_scripts.read(context, args)
    if args["as"] == "script":
        return Outcome(header.readable(script.source), kind="text")
    with cell_scripts.folder(context, script, args.code) as code:
        return sent(context, args, script, builder(context, args, code, script))


def sent(context: Context, args: Args, script: Script, job: Any) -> Outcome:
    """A built job, submitted and known as a step to later pipelines, or with --as written down."""
    if args["as"]:
        return Outcome(written(context, job, args["as"]), kind="text")
    outcome = job_verbs.submit(context, args, job)
    parts.remember(context, script, outcome.entity)
    return outcome


def seconds(text: str, flag: str = "--timeout") -> int:
    """A time such as 600, 10m or 2h in seconds.

    Raises:
        UsageError: It is none.
    """
    found = _TIME.match(text.strip())
    value = float(found["number"]) * _SECONDS[found["unit"] or ""] if found else 0
    if value < 1:
        msg = f"{flag} {text}: no time of a second or more."
        raise UsageError(msg, remedy=f"Type for example {flag} 10m.")
    return int(value)


def builder(context: Context, args: Args, code: Path, script: Script, more: Mapping[str, Any] | None = None) -> Any:
    """The SDK's command with a script of a folder; `more` are values for parameters that are no inputs of the cell."""
    from azure.ai.ml import Input, Output
    from azure.ai.ml import command as make

    name, values = args.script or script.name, {**script.values, **(more or {})}
    typed = {key: Input(**value) if isinstance(value, dict) else value for key, value in values.items()}
    outputs = {key: Output(type=kind) for key, kind in args.result.items()}
    tags = {key: str(value) for key, value in args.tags.items()}
    nodes: dict[str, Any] = {key: args[key] for key in ("instance_count", "instance_type") if args[key] is not None}
    return make(
        name=args.name or None,
        command=script.command,
        code=str(code),
        environment=environment(args.environment) or pins.recorded(context, pins.python_files(code)),
        environment_variables={key: str(value) for key, value in args.env_var.items()} or None,
        compute=compute(context, args.compute),
        experiment_name=args.experiment_name or name,
        display_name=args.display_name or name,
        description=args.description,
        tags=tags or None,
        inputs=typed,
        outputs=outputs,
        timeout=seconds(args.timeout) if args.timeout and more is None else None,
        **nodes,
    )


def environment(text: str | None) -> str | None:
    """`clinic`, `clinic:1`, `clinic@latest` or a full reference, as the SDK wants it."""
    if not text:
        return None
    if text.startswith(("azureml:", "azureml://")):
        return text
    return f"azureml:{text}" if re.search(r"[:@]", text) else f"azureml:{text}@latest"


def compute(context: Context, text: str | None) -> str | None:
    """The compute; `local` by its id, because the SDK takes the bare word for a Docker container of its own."""
    if text is None or text.lower() == "serverless":
        return None
    name = text.removeprefix("azureml:")
    if name.lower() == "local":
        return f"{context.connection.workspace_path}/computes/local"
    return name


def written(context: Context, job: Any, form: forms.Form) -> str:
    """A job that was not submitted, in another form; its code is called `./code`."""
    said = jobs.as_dict(job._to_job())  # noqa: SLF001 - only the job has the CLI's schema
    said.get("trial", said)["code"] = "./code"
    said.pop("name", None)
    return forms.written(said, form, context.connection)
