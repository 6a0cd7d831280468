"""The header that makes a cell's body a script: its inputs and results as variables, read from the command line.

The header is one physical line in the place of the cell's `%%aml` line, so that every line number in any log, here
or in Azure, is the cell's own. `readable` spreads it over several lines for people.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["int", "float", "whole", "bool", "str", "path"]
"""How a text of the command line is read; `whole` is a whole number that may be written as 3.0."""
FOLDERS = ("uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model")
TRUE_WORDS = '("1", "true", "yes")'
NOTHING = "# no inputs, no results"
"""The header of a script that has neither."""
MARK = "import argparse; import os; parser = argparse.ArgumentParser()"
SESSION = "from pyspark.sql import SparkSession; spark = SparkSession.builder.getOrCreate()"
"""What gives a script of Spark its session."""


@dataclass(frozen=True)
class Parameter:
    """An input of the script: a path, or a literal with its default."""

    name: str
    kind: Kind
    default: int | float | bool | str | None = None


@dataclass(frozen=True)
class Result:
    """An output of the script: the path of a folder or file of that type."""

    name: str
    type: str


def compose(
    body: str, parameters: Sequence[Parameter], results: Sequence[Result], *, first: int = 2, spark: bool = False
) -> str:
    """The script: header, then the body, whose lines keep their numbers of the cell.

    Args:
        body: Python source without syntax errors; `from __future__` imports are moved into the header.
        parameters: Inputs, in the order of the command line.
        results: Outputs; their folders are made before the body runs.
        first: The line of the cell that the body's first line is; with 1 the body's first line, which must then be a
            comment or blank, gives its place to the header.
        spark: The body has a session `spark`; its results' folders are Spark's to make.
    """
    lines = body.rstrip("\n").split("\n")
    future = _take_future_imports(lines)
    if first == 1:
        lines, first = lines[1:], 2
    begun = [SESSION] if spark else []
    said = _statements(parameters, results, make=not spark) if parameters or results or not spark else []
    header = "; ".join([*future, *begun, *said])
    gap = [""] * (first - 2)
    return "\n".join([header, *gap, *lines]) + "\n"


def readable(script: str) -> str:
    """The same script with its header one statement a line; another script as it is."""
    line, _, body = script.partition("\n")
    if MARK not in line and SESSION not in line:
        return script
    return f"{ast.unparse(ast.parse(line))}\n\n{body.lstrip(chr(10))}"


def arguments(parameters: Sequence[Parameter], results: Sequence[Result]) -> str:
    """The command line's part after the script's name, with the job's placeholders."""
    words = []
    for one in parameters:
        value = f"${{{{inputs.{one.name}}}}}"
        words.append(f'--{one.name} "{value}"' if one.kind == "str" else f"--{one.name} {value}")
    words += [f"--{one.name} ${{{{outputs.{one.name}}}}}" for one in results]
    return " ".join(words)


def _statements(parameters: Sequence[Parameter], results: Sequence[Result], *, make: bool = True) -> list[str]:
    if not parameters and not results:
        return [NOTHING]
    statements = [MARK]
    statements += [f"parser.add_argument({_options(one)})" for one in parameters]
    statements += [f"parser.add_argument({f'--{one.name}'!r}, default={f'outputs/{one.name}'!r})" for one in results]
    statements.append("args = parser.parse_args()")
    statements += [f"{name} = args.{name}" for name in (*(p.name for p in parameters), *(r.name for r in results))]
    for result in results if make else ():
        name = result.name
        path = name if result.type in FOLDERS else f"os.path.dirname(os.path.abspath({name}))"
        statements.append(f"os.makedirs({path}, exist_ok=True)")
    return statements


def _options(one: Parameter) -> str:
    parts = [repr(f"--{one.name}")]
    if one.kind in ("int", "float"):
        parts.append(f"type={one.kind}")
    elif one.kind == "whole":
        parts.append("type=lambda word: int(float(word))")
    elif one.kind == "bool":
        parts.append(f"type=lambda word: word.lower() in {TRUE_WORDS}")
    if one.default is not None and one.kind != "path":
        parts.append(f"default={one.default!r}")
    else:
        parts.append("required=True")
    return ", ".join(parts)


def _take_future_imports(lines: list[str]) -> list[str]:
    """Remove `from __future__` imports from the lines, in place, and return them."""
    taken = []
    for node in ast.parse("\n".join(lines)).body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            taken.append(ast.unparse(node))
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return taken
