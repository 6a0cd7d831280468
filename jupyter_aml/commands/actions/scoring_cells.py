"""A cell's body with `init()` and `run()` as a deployment: checked, made `score.py`, and deployed."""

from __future__ import annotations

import ast
import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import cell_scripts, deploying, deploying_models, sources
from jupyter_aml.commands.actions.deploying import SCORE, Plan
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome, unwrap
from jupyter_aml.commands.scripts import check, header, inputs
from jupyter_aml.errors import UsageError

FUNCTIONS = ("init", "run")
EXAMPLE = "def init():\n    global model\n    …\n\ndef run(raw_data):\n    return …"
HERE = "os.path.dirname(os.path.abspath(__file__))"


def score(context: Context, args: Args) -> Outcome:
    """Deploy the body as a scoring script."""
    body, first = str(args.body or ""), cell_scripts.first_line(str(args.body or ""))
    _refuse(context, args, body, first)
    if not args.endpoint_name and not args.script:
        msg = "score needs a name."
        raise UsageError(msg, remedy="Type it after the word: %%aml score iris")
    values = {name: inputs.understand(name, unwrap(value), context.cwd) for name, value in args.input.items()}
    if args["as"] == "script":
        return Outcome(header.readable(_source(body, first, values)), kind="text")
    base = str(args.endpoint_name or deploying.endpoint_name(args.script))
    with _folder(context, args, body, first, values) as code:
        found = _model(context, args)
        return deploying.put(context, args, Plan(base, found, code, SCORE, str(args.script or base)))


def _refuse(context: Context, args: Args, body: str, first: int) -> None:
    """Do nothing if the body can be a scoring script.

    Raises:
        UsageError: It is empty, no Python, lacks a function, or uses names that nothing defines.
    """
    for name in args.input:
        check.refuse_name(name, "--input")
    if not body.strip():
        msg = "The cell has no body; a script with init() and run() was expected."
        raise UsageError(msg, remedy=f"Put it below the %%aml line:\n{EXAMPLE}")
    tree = check.syntax(body, tuple(args.input), first=first)
    _refuse_without_functions(tree)
    check.refuse_undefined(body, tuple(args.input), context.names, first=first)


def _refuse_without_functions(tree: ast.Module) -> None:
    bound = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    names = {*bound, *_assigned(tree)}
    missing = [f"{name}()" for name in FUNCTIONS if name not in names]
    if missing:
        msg = f"The cell defines no {' and no '.join(missing)}."
        raise UsageError(
            msg,
            why="init() runs once and loads the model; run(data) answers each request.",
            remedy=f"Define both:\n{EXAMPLE}",
        )
    run = bound.get("run")
    if run is not None and not (run.args.args or run.args.posonlyargs or run.args.vararg or run.args.kwonlyargs):
        msg = "run() takes no argument; the request's data was expected."
        raise UsageError(msg, remedy="Write def run(raw_data):")


def _assigned(tree: ast.Module) -> set[str]:
    """Names that the body binds otherwise than by `def`."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return found


def _source(body: str, first: int, values: Mapping[str, inputs.Meant]) -> str:
    """The script: the inputs in the place of the `%%aml` line, then the body, whose lines keep their numbers."""
    script = header.compose(body, [], [], first=first)
    if not values:
        return script
    statements = [f"{name} = {_value(name, one)}" for name, one in values.items()]
    needs = ["import os"] if any(one.meaning != "literal" for one in values.values()) else []
    return script.replace(header.NOTHING, "; ".join([*needs, *statements]), 1)


def _value(name: str, meant: inputs.Meant) -> str:
    if meant.meaning == "literal":
        return repr(meant.value)
    return f"os.path.join({HERE}, {_file_name(name, meant)!r})"


def _file_name(name: str, meant: inputs.Meant) -> str:
    """What a file or table is called beside the script.

    Raises:
        UsageError: It is something that cannot lie there.
    """
    if meant.meaning == "path":
        return str(meant.value.name)
    if meant.meaning == "frame":
        return f"{name}.csv"
    msg = f"--input {name}: a deployment takes numbers, texts, files and DataFrames with it."
    raise UsageError(msg, why="Assets and URIs are read where jobs run.", remedy="A model is given with --model NAME.")


@contextlib.contextmanager
def _folder(context: Context, args: Args, body: str, first: int, values: Mapping[str, inputs.Meant]) -> Iterator[Path]:
    """A folder with the script, its inputs and what is to be beside it, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="jupyter_aml-") as temporary:
        code = Path(temporary) / "code"
        code.mkdir()
        (code / SCORE).write_text(_source(body, first, values), encoding="utf-8")
        for name, meant in values.items():
            if meant.meaning == "frame":
                sources.write_frame(meant.value, code, name, "csv")
            elif meant.meaning == "path":
                _copied(meant.value, code / _file_name(name, meant))
        for path in args.code:
            cell_scripts.include(context, str(path), code)
        yield code


def _copied(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=cell_scripts.LEFT_OUT)
    else:
        shutil.copy2(source, target)


def _model(context: Context, args: Args) -> str:
    """The reference of `--model`; "" without one."""
    value: Any = unwrap(args.model)
    if value is None:
        return ""
    return deploying_models.resolved(context, value, args, str(args.endpoint_name or ""), scripted=True).reference
