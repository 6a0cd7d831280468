"""Values: what the text or object after a flag becomes, by the flag's kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_aml.commands import expand
from jupyter_aml.commands.grammar import Flag, Kind, Positional
from jupyter_aml.commands.plain import is_mapping
from jupyter_aml.commands.suggest import did_you_mean, listed
from jupyter_aml.commands.tokens import Word
from jupyter_aml.errors import UsageError

TRUE = ("true", "yes", "on", "1", "y")
FALSE = ("false", "no", "off", "0", "n")
Namespace = Mapping[str, Any] | None


def read(target: Flag | Positional, shown: str, word: Word, namespace: Namespace) -> Any:
    """The value of a word for a flag or positional; `pair` gives a dict.

    Args:
        target: What is being filled.
        shown: How the person named it, for messages: `--name`.
        word: The word typed.
        namespace: The user's variables; None where nothing expands.

    Raises:
        UsageError: The value is not of the kind, not one of the choices, or an expression fails.
    """
    known = namespace if target.expands else None
    if target.kind == "pair":
        return _pairs(target, shown, word, known)
    found = expand.value(word, known)
    if target.kind == "object":
        return found
    converted = READERS[target.kind](found, shown, word.raw)
    if target.choices and converted not in target.choices:
        alike = [choice for choice in target.choices if choice.lower() == str(converted).lower()]
        if len(alike) == 1:  # `az` is not particular about capitals: --type AmlCompute
            return alike[0]
        msg = f"{shown} {converted} is none of {listed(target.choices)}."
        raise UsageError(msg, remedy=did_you_mean(str(converted), target.choices) or f"Choose one for {shown}.")
    return converted


def _pairs(target: Flag | Positional, shown: str, word: Word, namespace: Namespace) -> dict[str, Any]:
    if isinstance(target, Flag) and target.split and len(pieces := word.split()) > 1:
        return {key: item for piece in pieces for key, item in _pairs(target, shown, piece, namespace).items()}
    divided = word.partition("=")
    if divided is None or not divided[0].parts:
        found = expand.value(word, namespace)
        if is_mapping(found):
            return {str(key): item for key, item in found.items()}
        msg = f"{shown} {word.raw}: no name before a value."
        raise UsageError(msg, why=f"{shown} takes NAME=VALUE.", remedy=f"Type for example {shown} {word.raw or 'a'}=1.")
    key, rest = divided
    return {expand.text(expand.value(key, namespace), key.raw): expand.value(rest, namespace)}


def _text(found: Any, shown: str, raw: str) -> str:
    del shown
    return expand.text(found, raw)


def _int(found: Any, shown: str, raw: str) -> int:
    try:
        number = int(str(found)) if isinstance(found, (str, bool)) else int(found)
        if number == found or isinstance(found, str):
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    msg = f"{shown} {raw}: not a whole number."
    raise UsageError(msg, remedy=f"Type for example {shown} 3.")


def _float(found: Any, shown: str, raw: str) -> float:
    try:
        return float(found)
    except (TypeError, ValueError):
        msg = f"{shown} {raw}: not a number."
        raise UsageError(msg, remedy=f"Type for example {shown} 0.5.") from None


def truth(found: Any, shown: str, raw: str) -> bool:
    """Whether a value means true.

    Raises:
        UsageError: It means neither true nor false.
    """
    word = str(found).lower()
    if word in TRUE or word in FALSE:
        return word in TRUE
    msg = f"{shown} {raw}: neither true nor false."
    raise UsageError(msg, remedy=f"Type {shown} true or {shown} false.")


def _path(found: Any, shown: str, raw: str) -> str:
    if not isinstance(found, (str, os.PathLike)):
        msg = f"{shown} {raw} is a {type(found).__name__}, not a path."
        raise UsageError(msg, remedy=f"Type for example {shown} train.yml.")
    path = os.fspath(found)
    return str(Path(path).expanduser()) if path.startswith("~") else path


READERS: Mapping[Kind, Callable[[Any, str, str], Any]] = {
    "text": _text,
    "int": _int,
    "float": _float,
    "bool": truth,
    "switch": truth,
    "path": _path,
}
