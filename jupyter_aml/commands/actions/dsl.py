"""A cell in the DSL of the SDK as a pipeline: its names are components, and what is wrong is said with its line."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_aml.commands import faults
from jupyter_aml.commands.actions import parts
from jupyter_aml.commands.actions.parts import Part
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.scripts import check
from jupyter_aml.commands.suggest import did_you_mean, listed, nearest
from jupyter_aml.errors import UsageError

FILE = "<%%aml pipeline>"
CALLED = "_part_"
"""Before the name of a component where it is called, so that `prep = prep()` names the step as one expects."""
FROM_SDK = ("Input", "Output", "dsl", "command", "load_component")
STEP = re.compile(r"\bjobs\.(?P<step>\w+)(?:\.(?P<field>[\w.]+))?")
VALID = re.compile(r"valid (?:attributes|keywords): (?P<names>.+?)\.?$", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """A cell's body in the DSL.

    Attributes:
        tree: Parsed; its lines are the cell's.
        lines: Where each variable is assigned first.
        function: The name of the pipeline function that the body defines itself, "" if the body is one.
    """

    tree: ast.Module
    lines: Mapping[str, int]
    function: str


def read(body: str, first: int) -> Source:
    """The body, parsed.

    Args:
        body: Python in the DSL.
        first: The line of the cell that the body's first line is.

    Raises:
        UsageError: There is none, or it is not Python.
    """
    if not body.strip():
        msg = "The cell has no body."
        raise UsageError(msg, remedy="Put the steps below the first line, such as: prepared = prep(raw=raw)")
    tree = check.syntax(body, first=first)
    ast.increment_lineno(tree, first - 1)
    lines: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            lines[node.id] = min(node.lineno, lines.get(node.id, node.lineno))
    own = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _is_pipeline(node)]
    return Source(tree, lines, own[-1] if own else "")


def _is_pipeline(node: ast.FunctionDef) -> bool:
    called = [one.func if isinstance(one, ast.Call) else one for one in node.decorator_list]
    return any(ast.unparse(one).rpartition(".")[2] == "pipeline" for one in called)


def build(context: Context, source: Source, name: str, values: Mapping[str, Any]) -> Any:
    """The SDK's pipeline job.

    Args:
        context: For the variables and the components.
        source: Of the cell.
        name: The pipeline's.
        values: Its inputs, as the SDK takes them.

    Raises:
        UsageError: A name is unknown, or a line fails; the line is named.
    """
    from azure.ai.ml import dsl

    names = _names(context, source, values)
    tree = _Calls({key for key, value in names.items() if isinstance(value, Part)}).visit(source.tree)
    names = {f"{CALLED}{key}" if isinstance(value, Part) else key: value for key, value in names.items()}
    names |= {key.removeprefix(CALLED): value for key, value in names.items() if isinstance(value, Part)}
    if source.function:
        _run(tree, names)
        function = names[source.function]
    else:
        _run(_wrapped(tree, name, values), names)
        function = dsl.pipeline(name=name, display_name=name)(names[name])
    return _guarded(lambda: function(**values), f"The pipeline {name}")


def _run(tree: ast.Module, names: dict[str, Any]) -> None:
    code = compile(ast.fix_missing_locations(tree), FILE, "exec")
    _guarded(lambda: exec(code, names), "The cell")  # noqa: S102 - the user's own cell in the user's own kernel


def _wrapped(tree: ast.Module, name: str, values: Iterable[str]) -> ast.Module:
    """The body as the function that the SDK makes a pipeline of."""
    function = ast.parse(f"def {name}({', '.join(values)}): pass").body[0]
    assert isinstance(function, ast.FunctionDef)  # noqa: S101 - what was parsed just now
    function.body = tree.body
    return ast.Module([function], [])


class _Calls(ast.NodeTransformer):
    """Gives components a name of their own where they are called."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self.names:
            known = ast.Name(f"{CALLED}{node.func.id}", ast.Load())
            node.func = ast.copy_location(known, node.func)
        return node


def _names(context: Context, source: Source, values: Mapping[str, Any]) -> dict[str, Any]:
    """What the body's names mean that it does not define itself; called ones are components first.

    Raises:
        UsageError: Nothing is called so.
    """
    import azure.ai.ml as sdk
    from azure.ai.ml import automl

    ours: dict[str, Any] = {name: getattr(sdk, name) for name in FROM_SDK}
    ours |= {
        "pipeline": sdk.dsl.pipeline, "component": lambda text: parts.registered(context, text), "automl": automl,
    }  # fmt: skip
    called = {
        node.func.id for node in ast.walk(source.tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    bound = _bound(source.tree)
    found: dict[str, Any] = {}
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load) or node.id in found:
            continue
        name = node.id
        if name in bound - called or name in values or hasattr(builtins, name):
            continue
        if name in bound and name not in source.lines:  # a function or an import of the body
            continue
        meant = _meant(context, name, ours, called=name in called)
        if meant is None and name not in bound:
            raise _unknown(context, name, node.lineno, [*values, *bound])
        if meant is not None:
            found[name] = meant
    return found


def _meant(context: Context, name: str, ours: Mapping[str, Any], *, called: bool) -> Any:
    variables = context.names or {}
    if name not in context.steps and called and callable(variables.get(name)) and not _is_part(variables[name]):
        return variables[name]
    if called and name not in ours:
        part = parts.find(context, name)
        if part is not None:
            return part
    if name in context.steps:
        return context.steps[name]
    return ours[name] if name in ours else variables.get(name)


def _is_part(value: Any) -> bool:
    return parts.is_component(getattr(value, "entity", value))


def _bound(tree: ast.AST) -> set[str]:
    """Every name that the body binds somewhere."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.FunctionDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.add(other or name.partition(".")[0])
    return found


def _unknown(context: Context, name: str, line: int, known: Iterable[str]) -> UsageError:
    every = parts.known(context)
    near = nearest(name, [*every, *known])
    return UsageError(
        f"Line {line} of the cell: there is no component, step or variable {name!r}.",
        why=f"There is {listed(every, 12)}." if every else "No cell has made a step yet.",
        remedy=f"Did you mean {near}?" if near else f"Make it: %%aml component {name}, or pass it: --input {name}=…",
    )


def _guarded(act: Callable[[], Any], what: str) -> Any:
    """What `act` gives; what fails in a line of the cell is said with that line."""
    try:
        return act()
    except Exception as error:
        line = _line_of(error)
        known = faults.translate(error)
        if line is None and known is None:
            raise
        place = f"Line {line} of the cell: " if line else f"{what}: "
        if known is None:
            raise UsageError(f"{place}{type(error).__name__}: {error}", remedy="Correct the line.") from error
        message, why, remedy = known.message, known.why, known.remedy
        valid = VALID.search(message)
        if valid is not None and not remedy:
            wrong = re.search(r"'(?P<name>\w+)'", message)
            names = re.findall(r"\w+", valid["names"])
            remedy = did_you_mean(wrong["name"] if wrong else "", names) or f"There is {listed(names)}."
        raise UsageError(f"{place}{message}", why=why, remedy=remedy or "Correct the line.") from error


def _line_of(error: BaseException) -> int | None:
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def refuse_invalid(context: Context, job: Any, source: Source) -> None:
    """Do nothing if the SDK finds nothing wrong with a pipeline.

    Raises:
        UsageError: It does, and each fault is said with the line of its step.
    """
    found = context.client.jobs.validate(job)
    if found.passed:
        return
    said = [f"{_place(source, path)}{message}" for path, message in found.error_messages.items()]
    raise UsageError("\n".join(said), remedy="Correct the step; nothing was submitted.")


def pointed(error: Exception, source: Source) -> Exception:
    """A refusal of the service with the line of the step that it is about."""
    known = faults.translate(error)
    if known is None:
        return error
    place = _place(source, known.message)
    if not place:
        return known
    known.message = f"{place}{known.message}"
    return known


def _place(source: Source, text: object) -> str:
    """`Line 3 of the cell: ` for a text that names a step."""
    found = STEP.search(str(text))
    quoted = re.search(r"\b[Ss]tep '(?P<step>\w+)'", str(text)) if found is None else found
    line = source.lines.get(quoted["step"]) if quoted is not None else None
    return f"Line {line} of the cell: " if line else ""
