"""Notebooks as jobs: put into a snapshot beside the program that runs them, as a command or as a component."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_aml.agent import start
from jupyter_aml.commands.actions import assets, bindings, cell_jobs, cell_scripts, job_verbs, pins
from jupyter_aml.commands.actions.assets import Kind
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.scripts import check, inputs
from jupyter_aml.errors import UsageError

PROGRAM = "run_notebook"
KERNEL = "import ipykernel"
"""What the program needs and does not import itself."""
COMPONENT = Kind("component", "components", ("name", "version", "type", "display_name"), "greet")
LITERALS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


@dataclass(frozen=True)
class Book:
    """A notebook that is to be run.

    Attributes:
        path: Its file.
        sources: Its code cells, those aside that no Python reads.
    """

    path: Path
    sources: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command that runs it, without parameters."""
        name = self.path.name
        return f"python {PROGRAM}.py {name if name.replace('.', '').replace('_', '').isalnum() else repr(name)}"

    def with_parameters(self, names: Iterator[str] | list[str]) -> str:
        """The command with the placeholders of its inputs."""
        return " ".join([self.command, *(f"-p {name} ${{{{inputs.{name}}}}}" for name in names)])


def read(context: Context, text: str | None) -> Book:
    """A notebook's file.

    Raises:
        UsageError: There is none, or it is no notebook with Python.
    """
    if not text:
        raise UsageError("notebook run needs a notebook.", remedy="Type %aml notebook run FILE.ipynb -p NAME=VALUE.")
    path = context.path(text)
    if not path.is_file():
        msg = f"There is no notebook {text} in {context.cwd}."
        raise UsageError(msg, remedy="Give the path of an .ipynb file.")
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{text} is no notebook."
        raise UsageError(
            msg, why=f"{type(error).__name__}: {error}", remedy="Save it in Jupyter, then try again."
        ) from None
    return Book(path, tuple(_python(source) for source in sources))


def _python(source: str) -> str:
    """A cell without its magics, so that its imports can be read."""
    return "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!", "?")))


@contextlib.contextmanager
def folder(context: Context, book: Book, beside: tuple[str, ...]) -> Iterator[Path]:
    """A folder with the notebook, the program and what is to be beside them, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="jupyter_aml-") as temporary:
        code = Path(temporary) / "code"
        code.mkdir()
        shutil.copy(book.path, code)
        for source in start.program(PROGRAM):
            shutil.copy(source, code)
        for path in beside:
            cell_scripts.include(context, path, code)
        yield code


def _values(context: Context, args: Args) -> dict[str, Any]:
    """The job's inputs: parameters are literals, inputs may be data, too."""
    for name in args.param:
        check.refuse_name(name, "-p")
    for name in args.input:
        check.refuse_name(name, "--input")
        if name in args.param:
            msg = f"{name} is both a parameter and an input."
            raise UsageError(msg, remedy="Leave one of the two out.")
    data = {name: bindings.plain_input(context, name, value) for name, value in args.input.items()}
    return {**{name: inputs.literal(name, value) for name, value in args.param.items()}, **data}


def _environment(context: Context, args: Args, book: Book, code: Path) -> str:
    chosen = cell_jobs.environment(args.environment)
    return chosen or pins.recorded(context, [*pins.python_files(code), *book.sources, KERNEL])


def run(context: Context, args: Args) -> Outcome:
    """Submit a notebook as a command job."""
    from azure.ai.ml import Input
    from azure.ai.ml import command as make

    book = read(context, args.notebook)
    values = _values(context, args)
    typed = {name: Input(**value) if isinstance(value, dict) else value for name, value in values.items()}
    name = book.path.stem
    with folder(context, book, args.code) as code:
        job = make(
            name=args.name or None,
            command=book.with_parameters(list(values)),
            code=str(code),
            environment=_environment(context, args, book, code),
            environment_variables={key: str(value) for key, value in args.env_var.items()} or None,
            compute=cell_jobs.compute(context, args.compute),
            experiment_name=args.experiment_name or name,
            display_name=args.display_name or name,
            description=args.description,
            tags={key: str(value) for key, value in args.tags.items()} or None,
            inputs=typed,
            timeout=cell_jobs.seconds(args.timeout) if args.timeout else None,
        )
        if args["as"]:
            return Outcome(cell_jobs.written(context, job, args["as"]), kind="text")
        return job_verbs.submit(context, args, job)


def component(context: Context, args: Args) -> Outcome:
    """Register a notebook as a component, for pipelines and sweeps."""
    from azure.ai.ml.entities import CommandComponent

    book = read(context, args.notebook)
    values = _values(context, args)
    declared = {name: _declared(value) for name, value in values.items()}
    with folder(context, book, args.code) as code:
        made = CommandComponent(
            name=args.name or book.path.stem,
            version=args.version,
            display_name=book.path.stem,
            description=args.description,
            command=book.with_parameters(list(values)),
            code=str(code),
            environment=_environment(context, args, book, code),
            inputs=declared,
        )
        return assets.made(context, COMPONENT, made)


def _declared(value: Any) -> dict[str, Any]:
    """The input of a component that takes such a value, which is its default where it is a literal."""
    if isinstance(value, dict):
        return {"type": value["type"]}
    return {"type": LITERALS[bindings.kind_of(value)], "default": value}
