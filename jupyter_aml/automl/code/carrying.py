"""The source of functions and classes of ours, with all that they name, for code that runs without us."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

OURS = "jupyter_aml"
_NOQA = re.compile(r"[ \t]*# (noqa|type: ignore)\b.*$", re.MULTILINE)


@dataclass(frozen=True)
class Carried:
    """Source that stands alone.

    Attributes:
        imports: Modules and the names that are to be imported from them; the name is empty for the module itself, and
            `as NAME` where it is called otherwise.
        text: Definitions, two blank lines between them; a constant has none after it.
    """

    imports: frozenset[tuple[str, str]]
    text: str


def carry(module: ModuleType, names: Iterable[str], without: Iterable[str] = ()) -> Carried:
    """The source of some of a module's names, and of all that they need of it, in the module's order.

    Args:
        module: Where they are defined; what they need of others of ours is carried too.
        names: Functions, classes and constants.
        without: Names of it that the code has already.

    Raises:
        ValueError: The module has no such name, or one of them needs a whole module of ours.
    """
    source = inspect.getsource(module)
    tree = ast.parse(source)
    body = _flat(tree)
    held = {name: node for node in body for name in _defined(node)}
    imported = _imported(tree)
    wanted, waiting, there = set[str](), list(names), set(without)
    imports: set[tuple[str, str]] = set()
    while waiting:
        name = waiting.pop()
        if name in wanted:
            continue
        if name not in held:
            msg = f"{module.__name__} has no {name}."
            raise ValueError(msg)
        wanted.add(name)
        own = _imported(held[name])
        imports |= set(own.values())
        for used in sorted(_used(held[name]) - set(own) - there):
            if used in held:
                waiting.append(used)
            elif used in imported:
                imports.add(imported[used])
    elsewhere: dict[str, list[str]] = {}
    for one, name in sorted(imports):
        if one.startswith(OURS):
            elsewhere.setdefault(one, []).append(name)
            if isinstance(getattr(importlib.import_module(one), name, None), ModuleType):
                msg = f"{', '.join(sorted(names))} of {module.__name__} cannot be carried: needs {one}.{name}."
                raise ValueError(msg)
    found = [carry(importlib.import_module(one), needed) for one, needed in elsewhere.items()]
    lines = source.splitlines()
    texts = [_written(body, node, lines) for node in body if wanted & set(_defined(node))]
    imports = {one for one in imports if not one[0].startswith(OURS)}.union(*(one.imports for one in found))
    text = "\n\n\n".join([*(one.text for one in found), "".join(texts).strip("\n")])
    return Carried(frozenset(imports), text)


def _flat(tree: ast.Module) -> list[ast.stmt]:
    """The statements of a module, those that are for types alone as well."""
    return [inner for node in tree.body for inner in (node.body if isinstance(node, ast.If) else [node])]


def _written(body: list[ast.stmt], node: ast.stmt, lines: list[str]) -> str:
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(one.lineno for one in decorators)])
    last = node.end_lineno or first
    after = body[body.index(node) + 1 :]
    constant = isinstance(node, ast.Assign | ast.AnnAssign)
    if constant and after and isinstance(after[0], ast.Expr) and isinstance(after[0].value, ast.Constant):
        last = after[0].end_lineno or last  # what a constant is stands below it
    away = _lifted(node, lines)
    kept = [line for number, line in enumerate(lines[first - 1 : last], first) if number not in away]
    text = textwrap.dedent("\n".join(kept))
    return ("" if constant else "\n\n") + _NOQA.sub("", text) + "\n"


def _lifted(node: ast.stmt, lines: list[str]) -> set[int]:
    """Lines of the imports inside it, with the empty ones below them."""
    found: set[int] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Import | ast.ImportFrom):
            last = one.end_lineno or one.lineno
            while not lines[last].strip():
                last += 1
            found |= set(range(one.lineno, last + 1))
    return found


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _used(node: ast.AST) -> set[str]:
    """Names that stand in it, those of its annotations as well."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _imported(tree: ast.AST) -> dict[str, tuple[str, str]]:
    """What is imported anywhere in it, by the name that it has there."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                found[one.asname or one.name] = (one.name, f"as {one.asname}" if one.asname else "")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module != "__future__":
            for one in node.names:
                found[one.asname or one.name] = (node.module, one.name)
    return found


def import_lines(imports: Iterable[tuple[str, str]]) -> str:
    """Import statements in isort's order: the standard library, then others; modules before names."""
    import sys

    plain: dict[bool, set[str]] = {True: set(), False: set()}
    names: dict[bool, dict[str, set[str]]] = {True: {}, False: {}}
    for module, name in imports:
        standard = module.partition(".")[0] in sys.stdlib_module_names
        if not name or name.startswith("as "):
            plain[standard].add(f"import {module} {name}".rstrip())
        else:
            names[standard].setdefault(module, set()).add(name)
    blocks = []
    for standard in (True, False):
        lines = sorted(plain[standard], key=lambda one: one.split()[1])
        lines += [
            f"from {module} import {', '.join(_sorted(found))}" for module, found in sorted(names[standard].items())
        ]
        if lines:
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _sorted(names: set[str]) -> list[str]:
    """Constants first, then classes, then functions."""
    return sorted(names, key=lambda one: (not (one.isupper() and len(one) > 1), not one[0].isupper(), one))
