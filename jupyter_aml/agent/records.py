"""Small JSON records on disk that are whole or absent, never half written."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT)
PATIENCE = 24 * 3600.0
"""Seconds that a record waits for room on a full disk: until somebody has looked after it."""
STEP = 0.5
ROOM, ROOM_SIZE = ".room", 1 << 16


def write(path: str, value: dict[str, Any], *, durable: bool = False) -> None:
    """Put `value` at `path` in one step, readable by the owner alone.

    Args:
        path: Where; the folder exists.
        value: What json can say.
        durable: Whether it must outlive a power cut, at the price of an fsync.
    """
    part = f"{path}.{os.getpid()}"
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(value))  # five times as fast as json.dump
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def reserve(folder: str) -> None:
    """Keep room in a run's work folder for the records of its end, should the disk be full by then."""
    for name in ("exit.json", "error.json"):
        with contextlib.suppress(OSError), open(os.path.join(folder, f"{name}{ROOM}"), "wb") as file:
            file.write(b" " * ROOM_SIZE)


def write_in_time(path: str, value: dict[str, Any], seconds: float = PATIENCE) -> None:
    """Like `write`, durable; on a full disk into the room that was kept, else as soon as there is some.

    Raises:
        OSError: There was none within `seconds`, or the system refuses for another reason.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            write(path, value, durable=True)
        except OSError as error:
            if error.errno not in FULL:
                raise
            if _release(path):
                continue
            if time.monotonic() >= until:
                raise
            time.sleep(STEP)
        else:
            _release(path)
            return


def _release(path: str) -> bool:
    """Give the kept room back; whether there was some."""
    try:
        os.unlink(f"{path}{ROOM}")
    except OSError:
        return False
    return True


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
