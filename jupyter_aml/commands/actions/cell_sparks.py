"""A cell's body as a Spark job: a script that finds its session, its inputs and its results as variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import cell_jobs, cell_scripts, job_verbs, parts, pins
from jupyter_aml.commands.actions.cell_scripts import Script
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.scripts import header
from jupyter_aml.errors import UsageError

SIZE = {"driver_cores": 1, "driver_memory": "2g", "executor_cores": 2, "executor_memory": "2g", "executor_instances": 2}
"""What a job asks for that says nothing."""
INSTANCE, RUNTIME = "standard_e4s_v3", "3.4"
FILES = ("py_files", "jars", "files", "archives")
OF_SPARK = frozenset({"pyspark", "py4j"})
"""Modules that Spark itself brings."""


def spark(context: Context, args: Args) -> Outcome:
    """Submit the body as a Spark job."""
    script = cell_scripts.read(context, args, default="wrangle", spark=True)
    if args["as"] == "script":
        return Outcome(header.readable(script.source), kind="text")
    with cell_scripts.folder(context, script, args.code) as code:
        job = _job(context, args, code, script)
        if args["as"]:
            return Outcome(cell_jobs.written(context, job, args["as"]), kind="text")
        outcome = job_verbs.submit(context, args, job)
    parts.remember_spark(context, script, outcome.entity)
    return outcome


def _job(context: Context, args: Args, code: Path, script: Script) -> Any:
    """The SDK's Spark job with a script of a folder."""
    from azure.ai.ml import Input, Output
    from azure.ai.ml import spark as make

    name = args.script or script.name
    inputs = {
        key: Input(**{**value, "mode": "direct"}) if isinstance(value, dict) else value
        for key, value in script.values.items()
    }
    compute = cell_jobs.compute(context, args.compute)
    if compute and (args.instance_type or args.runtime_version):
        flag = "--instance-type" if args.instance_type else "--runtime-version"
        msg = f"{flag} is for serverless Spark; the cell names the compute {args.compute}."
        raise UsageError(msg, remedy="Leave one of the two out.")
    resources = {
        "instance_type": args.instance_type or INSTANCE,
        "runtime_version": args.runtime_version or RUNTIME,
    }
    return make(
        name=args.name or None,
        code=str(code),
        entry={"file": f"{script.name}.py"},
        args=header.arguments(script.parameters, script.results) or None,
        inputs=inputs,
        outputs={key: Output(type=kind, mode="direct") for key, kind in args.result.items()},
        conf={key: _text(value) for key, value in args.conf.items()},
        environment=_environment(context, args, code),
        compute=compute,
        resources=None if compute else resources,
        experiment_name=args.experiment_name or name,
        display_name=args.display_name or name,
        description=args.description,
        tags={key: str(value) for key, value in args.tags.items()} or None,
        **{field: list(_files(context, code, args[field])) or None for field in FILES},
        **{field: default if args[field] is None else args[field] for field, default in SIZE.items()},
    )


def _text(value: Any) -> str:
    """A setting as Spark writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _files(context: Context, code: Path, wanted: Sequence[str]) -> Iterator[str]:
    """Files beside the script, as the job names them; those of the current folder are copied there."""
    for text in wanted:
        name, mark, alias = text.partition("#")
        if "://" in name or (code / name).exists():
            yield text
            continue
        cell_scripts.include(context, name, code)
        yield f"{Path(name).name}{mark}{alias}"


def _environment(context: Context, args: Args, code: Path) -> str | None:
    """The environment that the cell names; else this Python, if the script imports more than Spark brings."""
    if args.environment:
        return cell_jobs.environment(args.environment)
    sources = pins.python_files(code)
    if not pins.requirements(pins.imports(sources) - OF_SPARK):
        return None
    return pins.recorded(context, sources, without=OF_SPARK)
