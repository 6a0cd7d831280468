"""A cell's body as a command job: checked, given its header, put into a snapshot with its code, and submitted."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyter_aml.commands import marked
from jupyter_aml.commands.actions import bindings, job_verbs, jobs, pins
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.scripts import check, forms, header, inputs
from jupyter_aml.commands.scripts.header import Parameter, Result
from jupyter_aml.errors import UsageError

RESULTS = (*inputs.DATA_TYPES, "safe_tensors_model")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".git", ".ipynb_checkpoints", ".venv")
_TIME = re.compile(r"^(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>s|m|min|h|d)?$")
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def command(context: Context, args: Args) -> Outcome:
    """Submit the body as a command job."""
    body = str(args.body or "")
    name = script_name(args.script or "train")
    first = first_line(body)
    parameters, values, results = _variables(context, args, body, first)
    source = header.compose(body, parameters, results, first=first)
    if args["as"] == "script":
        return Outcome(header.readable(source), kind="text")
    with tempfile.TemporaryDirectory(prefix="jupyter_aml-") as temporary:
        code = Path(temporary) / "code"
        code.mkdir()
        (code / f"{name}.py").write_text(source, encoding="utf-8")
        for path in args.code:
            include(context, path, code)
        line = f"python {name}.py {header.arguments(parameters, results)}".strip()
        job = _job(context, args, code, line, values)
        if args["as"]:
            return Outcome(_written(context, job, args["as"]), kind="text")
        return job_verbs.submit(context, args, job)


def first_line(body: str) -> int:
    """The line of the cell that the body's first line is: 1 for a marked cell, else 2, after `%%aml`."""
    return 1 if marked.marker(body) is not None else 2


def script_name(name: str) -> str:
    """The name of the script's file, without its ending.

    Raises:
        UsageError: It cannot be one, or would hide a module.
    """
    stem = name.removesuffix(".py")
    if not re.fullmatch(r"[A-Za-z_][\w-]*", stem):
        better = re.sub(r"\W+", "_", stem).strip("_") or "train"
        msg = f"{name!r} cannot be the name of a script."
        raise UsageError(msg, remedy=f"Use letters, digits, - and _: %%aml command {better}")
    if stem in sys.stdlib_module_names or importlib.util.find_spec(stem) is not None:
        msg = f"A script called {stem}.py would hide the module {stem!r}."
        raise UsageError(msg, remedy=f"Name the cell otherwise: %%aml command {stem}_step")
    return stem


def seconds(text: str) -> int:
    """A time such as 600, 10m or 2h in seconds.

    Raises:
        UsageError: It is none.
    """
    found = _TIME.match(text.strip())
    value = float(found["number"]) * _SECONDS[found["unit"] or ""] if found else 0
    if value < 1:
        msg = f"--timeout {text}: no time of a second or more."
        raise UsageError(msg, remedy="Type for example --timeout 10m.")
    return int(value)


def include(context: Context, text: str, code: Path) -> None:
    """Copy a file, or the content of a folder, beside the script.

    Raises:
        UsageError: It does not exist, is empty, or has a file of the script's name.
    """
    path = context.path(text)
    if not path.exists():
        msg = f"--code {text}: there is no such file or folder in {context.cwd}."
        raise UsageError(msg, remedy="Give the path of a file or folder.")
    if path.is_dir() and not any(path.iterdir()):
        msg = f"--code {text}: the folder is empty."
        raise UsageError(msg, remedy="Leave it out, or put the code into it.")
    taken = {entry.name for entry in code.iterdir()}
    coming = {entry.name for entry in path.iterdir()} if path.is_dir() else {path.name}
    both = sorted(name for name in taken & coming if (code / name).is_file())
    if both:
        msg = f"--code {text}: {both[0]} is there already."
        raise UsageError(msg, remedy="Name the cell otherwise, or leave that file out.")
    if path.is_dir():
        shutil.copytree(path, code, dirs_exist_ok=True, ignore=LEFT_OUT)
    else:
        shutil.copy2(path, code / path.name)


def _variables(
    context: Context, args: Args, body: str, first: int
) -> tuple[list[Parameter], dict[str, Any], list[Result]]:
    """The script's parameters, the job's inputs and its results; refuses what cannot run."""
    for name in args.input:
        check.refuse_name(name, "--input")
    results = [_result(name, kind) for name, kind in args.result.items()]
    both = sorted(set(args.input) & set(args.result))
    if both:
        msg = f"{both[0]} is both an input and a result."
        raise UsageError(msg, remedy=f"Name one otherwise: --result {both[0]}_out=…")
    if not body.strip():
        msg = "The cell has no body."
        raise UsageError(msg, remedy="Put the script below the %%aml line.")
    given = (*args.input, *args.result)
    check.syntax(body, given, first=first)
    check.refuse_placeholders(body, given, first=first)
    check.refuse_undefined(body, given, context.names, first=first)
    values = {name: bindings.plain_input(context, name, value) for name, value in args.input.items()}
    parameters = [
        Parameter(name, bindings.kind_of(value), None if isinstance(value, dict) else value)
        for name, value in values.items()
    ]
    return parameters, values, results


def _result(name: str, kind: Any) -> Result:
    check.refuse_name(name, "--result")
    if kind not in RESULTS:
        msg = f"--result {name}={kind}: no type of output."
        raise UsageError(msg, why=f"The types are {', '.join(RESULTS)}.", remedy=f"Type --result {name}=uri_folder.")
    return Result(name, str(kind))


def _job(context: Context, args: Args, code: Path, line: str, values: dict[str, Any]) -> Any:
    from azure.ai.ml import Input, Output
    from azure.ai.ml import command as make

    name = args.script or "train"
    typed = {key: Input(**value) if isinstance(value, dict) else value for key, value in values.items()}
    outputs = {key: Output(type=kind) for key, kind in args.result.items()}
    tags = {key: str(value) for key, value in args.tags.items()}
    more: dict[str, Any] = {key: args[key] for key in ("instance_count", "instance_type") if args[key] is not None}
    return make(
        name=args.name or None,
        command=line,
        code=str(code),
        environment=_environment(args.environment) or pins.recorded(context, pins.python_files(code)),
        environment_variables={key: str(value) for key, value in args.env_var.items()} or None,
        compute=_compute(context, args.compute),
        experiment_name=args.experiment_name or name,
        display_name=args.display_name or name,
        description=args.description,
        tags=tags or None,
        inputs=typed,
        outputs=outputs,
        timeout=seconds(args.timeout) if args.timeout else None,
        **more,
    )


def _environment(text: str | None) -> str | None:
    """`clinic`, `clinic:1`, `clinic@latest` or a full reference, as the SDK wants it."""
    if not text:
        return None
    if text.startswith(("azureml:", "azureml://")):
        return text
    return f"azureml:{text}" if re.search(r"[:@]", text) else f"azureml:{text}@latest"


def _compute(context: Context, text: str | None) -> str | None:
    """The compute; `local` by its id, because the SDK takes the bare word for a Docker container of its own."""
    if text is None or text.lower() == "serverless":
        return None
    name = text.removeprefix("azureml:")
    if name.lower() == "local":
        return f"{context.connection.workspace_path}/computes/local"
    return name


def _written(context: Context, job: Any, form: forms.Form) -> str:
    """A job that was not submitted, in another form; its code is called `./code`."""
    said = {**jobs.as_dict(job._to_job()), "code": "./code"}  # noqa: SLF001 - only the job has the CLI's schema
    said.pop("name", None)
    return forms.written(said, form, context.connection)
