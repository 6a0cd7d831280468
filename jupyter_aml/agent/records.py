"""Small JSON records on disk that are whole or absent, never half written."""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def write(path: str, value: dict[str, Any], *, durable: bool = False) -> None:
    """Put `value` at `path` in one step, readable by the owner alone.

    Args:
        path: Where; the folder exists.
        value: What json can say.
        durable: Whether it must outlive a power cut, at the price of an fsync.
    """
    part = f"{path}.{os.getpid()}"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    os.replace(part, path)


def read(path: str) -> dict[str, Any] | None:
    """The record at `path`, or None when there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def clip(text: str, longest: int) -> str:
    """Text of at most about `longest` characters: of a longer one the beginning and the end."""
    if len(text) <= longest:
        return text
    return f"{text[: longest // 2]}\n...\n{text[-longest // 2 :]}"
