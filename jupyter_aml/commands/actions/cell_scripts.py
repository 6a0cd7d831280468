"""A cell's body as a script: checked, given its header, and put into a folder with the code beside it."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_aml.commands import marked
from jupyter_aml.commands.actions import bindings
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.scripts import check, header, inputs
from jupyter_aml.commands.scripts.header import Kind, Parameter, Result
from jupyter_aml.errors import UsageError

RESULTS = (*inputs.DATA_TYPES, "safe_tensors_model")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".git", ".ipynb_checkpoints", ".venv")


@dataclass(frozen=True)
class Script:
    """A cell's body as a script.

    Attributes:
        name: Of its file, without the ending.
        source: With its header.
        parameters: What its command line takes, in that order.
        values: The inputs in the schema of `az ml`; searched parameters have none.
        results: What it writes.
    """

    name: str
    source: str
    parameters: Sequence[Parameter]
    values: Mapping[str, Any]
    results: Sequence[Result]

    @property
    def command(self) -> str:
        """The command line that runs it, with the placeholders of its inputs and results."""
        return f"python {self.name}.py {header.arguments(self.parameters, self.results)}".strip()


def read(
    context: Context,
    args: Args,
    searched: Mapping[str, Kind] | None = None,
    *,
    default: str = "train",
    spark: bool = False,
) -> Script:
    """The script that a cell's body is.

    Args:
        context: For the current folder and the variables.
        args: `body`, `script`, `input` and `result`.
        searched: Parameters that a sweep gives a value to, and how the script reads them.
        default: The script's name where the cell has none.
        spark: The body has a session `spark`.

    Raises:
        UsageError: It cannot run: broken syntax, unknown names, a wrong input or result.
    """
    body, first = str(args.body or ""), first_line(str(args.body or ""))
    name = script_name(args.script or default)
    parameters, values, results = _variables(context, args, body, first, searched or {}, spark=spark)
    source = header.compose(body, parameters, results, first=first, spark=spark)
    return Script(name, source, parameters, values, results)


@contextlib.contextmanager
def folder(context: Context, script: Script, beside: Sequence[str]) -> Iterator[Path]:
    """A folder with the script and what is to be beside it, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="jupyter_aml-") as temporary:
        code = Path(temporary) / "code"
        code.mkdir()
        (code / f"{script.name}.py").write_text(script.source, encoding="utf-8")
        for path in beside:
            include(context, path, code)
        yield code


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
    context: Context, args: Args, body: str, first: int, searched: Mapping[str, Kind], *, spark: bool
) -> tuple[list[Parameter], dict[str, Any], list[Result]]:
    """The script's parameters, the job's inputs and its results; refuses what cannot run."""
    for name in args.input:
        check.refuse_name(name, "--input")
    for name in searched:
        check.refuse_name(name, "--search")
    results = [_result(name, kind) for name, kind in args.result.items()]
    session = ("spark",) if spark else ()
    _refuse_twice(
        {"the session": session, "an input": args.input, "a searched parameter": searched, "a result": args.result}
    )
    if not body.strip():
        msg = "The cell has no body."
        raise UsageError(msg, remedy="Put the script below the %%aml line.")
    given = (*session, *args.input, *searched, *args.result)
    check.syntax(body, given, first=first)
    check.refuse_placeholders(body, given, first=first)
    check.refuse_undefined(body, given, context.names, first=first)
    values = {name: bindings.plain_input(context, name, value) for name, value in args.input.items()}
    parameters = [
        Parameter(name, bindings.kind_of(value), None if isinstance(value, dict) else value)
        for name, value in values.items()
    ]
    parameters += [Parameter(name, kind) for name, kind in searched.items()]
    return parameters, values, results


def _refuse_twice(groups: Mapping[str, Iterable[str]]) -> None:
    """Refuse a name that two groups have."""
    held: dict[str, str] = {}
    for what, names in groups.items():
        for name in names:
            if name in held:
                msg = f"{name} is both {held[name]} and {what}."
                raise UsageError(msg, remedy=f"Name one otherwise, such as {name}_2.")
            held[name] = what


def _result(name: str, kind: Any) -> Result:
    check.refuse_name(name, "--result")
    if kind not in RESULTS:
        msg = f"--result {name}={kind}: no type of output."
        raise UsageError(msg, why=f"The types are {', '.join(RESULTS)}.", remedy=f"Type --result {name}=uri_folder.")
    return Result(name, str(kind))
