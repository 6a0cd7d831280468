"""What is wrong with a cell's body before it is submitted: broken syntax, and names that nothing defines."""

from __future__ import annotations

import ast
import builtins
import difflib
import keyword
import re
import symtable
import types
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_aml.errors import UsageError

MODULE_NAMES = frozenset({"__name__", "__file__", "__doc__", "__builtins__", "__spec__", "__loader__", "__package__"})
FIRST_LINE = 2
PLACEHOLDER = re.compile(r"\$\{\{(?:inputs|outputs)\.(?P<name>\w+)\}\}")
VARIABLES = "In a cell inputs and results are variables of the script; nothing is filled in."


@dataclass(frozen=True)
class Undefined:
    """A name that the body uses and nothing defines; `line` counts in the cell, from 1."""

    name: str
    line: int


def syntax(body: str, given: Collection[str] = (), *, first: int = FIRST_LINE) -> ast.Module:
    """The parsed body.

    Args:
        body: Python source.
        given: Names that the header defines: inputs and results.
        first: The line of the cell that the body's first line is.

    Raises:
        UsageError: The body is not Python, said with the cell's line.
    """
    try:
        return ast.parse(body)
    except SyntaxError as error:
        line = (error.lineno or 1) - 1 + first
        source = (error.text or "").strip()
        placeholder = PLACEHOLDER.search(source)
        if placeholder is not None:
            raise _placeholder(placeholder, given, line) from None
        msg = f"Line {line} of the cell is not Python: {error.msg}: {source}"
        if source.startswith(("%", "!", "?")):
            raise UsageError(
                msg,
                why="The body becomes a script that runs without a notebook, so magics and ! do not work in it.",
                remedy="Move that line to a cell of its own, or use subprocess.run([...]) in the script.",
            ) from None
        raise UsageError(msg, remedy="Correct the line; nothing was submitted.") from None


def refuse_placeholders(body: str, given: Collection[str], *, first: int = FIRST_LINE) -> None:
    """Do nothing if no text of the body names an input or result in the way of a YAML's command.

    A script that builds jobs itself, with Microsoft's SDK, has its own use for placeholders.

    Raises:
        UsageError: It does, and nobody would fill it in.
    """
    if "azure.ai.ml" in body:
        return
    for line, text in enumerate(body.splitlines(), first):
        for placeholder in PLACEHOLDER.finditer(text):
            if placeholder["name"] in given or difflib.get_close_matches(placeholder["name"], given, n=1):
                raise _placeholder(placeholder, given, line)


def _placeholder(found: re.Match[str], given: Collection[str], line: int) -> UsageError:
    name = found["name"]
    near = [name] if name in given else difflib.get_close_matches(name, given, n=1)
    if name in given:
        remedy = f"Write `{name}`."
    elif near:
        remedy = f"Did you mean `{near[0]}`?"
    else:
        remedy = f"Pass it with --input {name}=VALUE, and write `{name}`."
    return UsageError(f"Line {line} of the cell has {found[0]}.", why=VARIABLES, remedy=remedy)


def undefined(body: str, given: Collection[str] = (), *, first: int = FIRST_LINE) -> list[Undefined]:
    """Names that are read at module level or in any function and bound nowhere, in the order of the lines.

    Args:
        body: Python source without syntax errors.
        given: Names that the header defines: inputs and results.
        first: The line of the cell that the body's first line is.

    Returns:
        Nothing when the body has a `from x import *`, which may define anything.
    """
    tree = ast.parse(body)
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree)):
        return []
    top = symtable.symtable(body, "cell", "exec")
    bound = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    wanted: set[str] = set()
    for table in _tables(top):
        for symbol in table.get_symbols():
            name = symbol.get_name()
            if symbol.is_declared_global() and symbol.is_assigned():
                bound.add(name)
            if symbol.is_referenced() and (table is top or symbol.is_global()):
                wanted.add(name)
    missing = wanted - bound - set(given) - set(dir(builtins)) - MODULE_NAMES
    lines: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in missing and isinstance(node.ctx, ast.Load):
            lines[node.id] = min(node.lineno, lines.get(node.id, node.lineno))
    return sorted((Undefined(name, line - 1 + first) for name, line in lines.items()), key=lambda one: one.line)


def refuse_undefined(
    body: str, given: Collection[str], namespace: Mapping[str, Any] | None, *, first: int = FIRST_LINE
) -> None:
    """Do nothing if every name of the body is defined.

    Raises:
        UsageError: Some are not; for each the likely remedy is named, from the notebook's variables.
    """
    missing = undefined(body, given, first=first)
    if not missing:
        return
    known = [*given, *_bound(body)]
    words = ", ".join(f"{one.name!r} (line {one.line})" for one in missing)
    many = len(missing) > 1
    raise UsageError(
        f"The cell uses {words}, which nothing in it defines.",
        why="The body runs as a script of its own and does not see the notebook's variables.",
        remedy="\n".join(_remedy(one.name, namespace or {}, known) for one in missing)
        if many
        else _remedy(missing[0].name, namespace or {}, known),
    )


def refuse_name(name: str, flag: str) -> None:
    """Do nothing if `name` may be a variable of the script.

    Raises:
        UsageError: It may not.
    """
    if name.isidentifier() and not keyword.iskeyword(name):
        return
    better = "".join(char if char.isalnum() else "_" for char in name)
    better = f"_{better}" if not better or better[0].isdigit() or keyword.iskeyword(better) else better
    msg = f"{flag} {name}=…: {name!r} cannot be a variable of the script."
    raise UsageError(
        msg, why="Inputs and results become Python variables.", remedy=f"Use letters, digits and _: {flag} {better}=…"
    )


def _tables(top: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield top
    for child in top.get_children():
        yield from _tables(child)


def _bound(body: str) -> list[str]:
    top = symtable.symtable(body, "cell", "exec")
    return [symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()]


def _remedy(name: str, namespace: Mapping[str, Any], known: Collection[str]) -> str:
    if name in namespace:
        value = namespace[name]
        if isinstance(value, types.ModuleType):
            alias = f" as {name}" if value.__name__ != name else ""
            return f"Add `import {value.__name__}{alias}` to the cell."
        if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
            module = getattr(value, "__module__", "")
            if module and module not in ("__main__", "builtins"):
                return f"Add `from {module} import {value.__name__}` to the cell."
            return f"Define `{name}` in the cell, or put it into a file and add --code FILE."
        return f"Did you mean `--input {name}={{{name}}}`?"
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"Did you mean `{near[0]}`?"
    return f"Define `{name}` in the cell, or pass it: --input {name}=VALUE."
