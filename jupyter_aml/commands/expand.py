"""Expansion: the values of `{expr}` in the user's namespace.

A word that is exactly one `{expr}` becomes the Python object; inside longer text the object becomes its text, or its
name when it is an asset or a job.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from jupyter_aml.commands.outcome import unwrap
from jupyter_aml.commands.suggest import nearest
from jupyter_aml.commands.tokens import Brace, Expr, Part, Word
from jupyter_aml.errors import UsageError

BRACES = "For literal braces double them: {{ and }}."


def value(word: Word, namespace: Mapping[str, Any] | None) -> Any:
    """What a word means: its text, or the object of its expression.

    Args:
        word: The word.
        namespace: The user's variables; None returns the word as typed.

    Raises:
        UsageError: An expression cannot be evaluated, or has no text form inside longer text.
    """
    if namespace is None or word.plain:
        return word.raw
    if len(word.parts) == 1 and isinstance(word.parts[0], Expr):
        return unwrap(evaluate(word.parts[0], namespace))
    return "".join(_piece(part, namespace) for part in word.parts)


def evaluate(expression: Expr, namespace: Mapping[str, Any]) -> Any:
    """The value of one expression.

    Raises:
        UsageError: It is not closed, empty, no expression, names something unknown, or fails.
    """
    raw = expression.raw
    if not expression.closed:
        msg = "A { is opened and not closed."
        raise UsageError(msg, remedy=BRACES)
    if not expression.source:
        msg = f"{raw} holds no expression."
        raise UsageError(msg, remedy=BRACES)
    try:
        code = compile(expression.source, "<%aml>", "eval")
    except SyntaxError as error:
        msg = f"{raw} is no Python expression: {error.msg}."
        raise UsageError(msg, remedy=BRACES) from None
    try:
        return eval(code, dict(namespace))  # noqa: S307  the user's own expression in the user's own kernel
    except NameError as error:
        raise _unknown(raw, error, namespace) from None
    except Exception as error:
        msg = f"{raw} failed: {type(error).__name__}: {error}"
        raise UsageError(msg, why="The expression was evaluated with the notebook's variables.") from error


def _unknown(raw: str, error: NameError, namespace: Mapping[str, Any]) -> UsageError:
    name = error.name or str(error)
    names = [key for key in namespace if isinstance(key, str) and not key.startswith("_")]
    found = nearest(name, names)
    return UsageError(
        f"{raw} names {name}, which is not defined in this notebook.",
        remedy=f"Did you mean {found}?" if found else f"Define {name} first. {BRACES}",
    )


def _piece(part: Part, namespace: Mapping[str, Any]) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Brace):
        return part.text
    return text(unwrap(evaluate(part, namespace)), part.raw)


def text(found: Any, shown: str) -> str:
    """The text of a value inside longer text or for a flag that wants text: scalars, paths and named things.

    Raises:
        UsageError: It has none.
    """
    if isinstance(found, str):
        return found
    if isinstance(found, (bool, int, float)):
        return str(found)
    if isinstance(found, os.PathLike):
        return str(os.fspath(found))
    name = getattr(found, "name", None)
    if isinstance(name, str):
        return name
    if hasattr(found, "item") and getattr(found, "ndim", None) == 0:
        return str(found.item())
    msg = f"{shown} is a {type(found).__name__}, which has no name or text to put here."
    raise UsageError(msg, remedy="Give a text, a number or a path.")
