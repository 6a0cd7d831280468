"""The bell of the host process: wake it, ask it, start it when nobody answers.

One line of JSON each way over a Unix socket that only its owner can open.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from jupyter_aml.errors import StoreError
from jupyter_aml.local.store import filesystem

LONGEST_PATH = 100
"""Unix socket addresses end at 108 bytes."""

RING = b'{"op":"ring"}\n'


def socket_path(home: Path) -> Path:
    """Where the host listens."""
    return address(home, "host/host.sock")


def address(folder: Path, name: str) -> Path:
    """Path of a socket: in its folder, or in a private temporary folder when that path is too long."""
    path = folder / name
    if len(os.fsencode(path)) < LONGEST_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"jupyter_aml-{_user()}" / f"{digest}.sock"


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "user"


def ring(home: Path, *, start: bool) -> bool:
    """Wake the host; whether one answered the bell.

    Args:
        home: The store's folder.
        start: Start a host when nobody listens. It finds its work in the database; where none can be started,
            because the folder is read-only or the disk full, the work waits for the next ring.
    """
    try:
        with _connect(socket_path(home), timeout=1.0) as line:
            line.sendall(RING)
    except OSError:
        if start:
            with contextlib.suppress(OSError, StoreError):
                spawn(home)
        return False
    return True


def ask(home: Path, question: dict[str, Any], timeout: float = 5.0) -> dict[str, Any] | None:
    """The host's answer, or None when no host runs, or the one that did is gone before it answered.

    Raises:
        StoreError: A host runs but did not answer in time.
    """
    try:
        return ask_at(socket_path(home), question, timeout)
    except TimeoutError as error:
        raise StoreError(
            f"The host of {home} did not answer {question.get('op')!r} within {timeout:g} s.",
            remedy="Look at its log in the folder `host` of the store, or end it with `aml local stop`.",
        ) from error


def ask_at(path: Path, question: dict[str, Any], timeout: float) -> dict[str, Any] | None:
    """The answer of whoever listens at a socket, or None when nobody does, or not until they have answered.

    Raises:
        TimeoutError: Somebody listens but did not answer in time.
    """
    try:
        line = _connect(path, timeout)
    except OSError:
        return None
    with line:
        try:
            line.sendall(json.dumps(question).encode() + b"\n")
            with line.makefile("rb") as reader:
                answer = reader.readline()
        except ConnectionError:
            return None
        except OSError as error:
            raise TimeoutError(str(error)) from error
    found: dict[str, Any] | None = json.loads(answer) if answer.endswith(b"\n") else None
    return found


def _connect(path: Path, timeout: float) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(timeout)
    try:
        line.connect(os.fspath(path))
    except OSError:
        line.close()
        raise
    return line


def bound(path: Path) -> socket.socket:
    """A Unix socket at an address that only its owner can open; one that a killed process left is replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        made.bind(os.fspath(path))
    finally:
        os.umask(before)
    return made


def detached(module: str, *arguments: str, log: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start a module of ours in a session of its own, which outlives this process.

    Args:
        module: Run by this interpreter.
        arguments: What follows on its line.
        log: What it prints is appended to this file.
        folder: Its working folder.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=folder,
            env=environment,
            start_new_session=True,
            close_fds=True,
        )


def spawn(home: Path) -> None:
    """Start a host, detached from this process; a second one sees the lock and leaves at once."""
    folder = home / "host"
    filesystem.make_folder(folder)
    host = detached("jupyter_aml.local.host", "--home", os.fspath(home), log=folder / "host.log", folder=home)
    threading.Thread(target=host.wait, name="jupyter_aml-host", daemon=True).start()  # no zombie when it leaves first
