"""A spare interpreter for the next replica: its imports are done before it is known what it will serve."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jupyter_aml.agent import start
from jupyter_aml.agent.serving.loading import QUIET
from jupyter_aml.local.runtime.zygotes import import_environment

SCRIPT = "script"
"""The kind of a replica that runs a scoring script."""
_LEARNS = re.compile(rb"\b(sklearn|joblib|pickle|skops)\b")
"""What a script names that is going to import what a spare has imported; others would only hold its memory."""


class Begun(NamedTuple):
    """A replica process that was started, and our end of its control channel."""

    process: subprocess.Popen[bytes]
    line: socket.socket


class Spare:
    """One spare interpreter, until it is taken or ended.

    Args:
        python: The interpreter.
        env: Its complete environment; libraries get one thread each unless it says otherwise.
        log: What it prints before it is taken.

    Raises:
        OSError: The Python cannot be started.
    """

    def __init__(self, python: str, env: Mapping[str, str], log: Path) -> None:
        self._python = python
        self._env = {**QUIET, **env}
        self._begun: Begun | None = begin(python, ["serving.spare"], log, log.parent, self._env)

    @property
    def there(self) -> bool:
        """Whether it may still be taken."""
        return self._begun is not None and self._begun.process.poll() is None

    def made_for(self, python: str, env: Mapping[str, str]) -> bool:
        """Whether another that is made of this would be the same."""
        return (self._python, self._env) == (python, {**QUIET, **env})

    def take(self, order: Mapping[str, Any], file: Path, log: Path, env: Mapping[str, str]) -> Begun | None:
        """The spare, told to become the replica of an order; None when it cannot.

        Args:
            order: The replica's.
            file: Where that order stands.
            log: The replica's log.
            env: Its complete environment.
        """
        begun = self._begun
        if begun is None or not self.there or not self._fits(order, env):
            return None
        self._begun = None
        told = {
            "op": "order", "order": str(file), "log": str(log), "env": dict(env), "python": order["python"],
            "threads": order["kind"] == SCRIPT,
        }  # fmt: skip
        try:
            begun.line.sendall(json.dumps(told).encode() + b"\n")
        except OSError:
            _end(begun)
            return None
        return begun

    def _fits(self, order: Mapping[str, Any], env: Mapping[str, str]) -> bool:
        """Whether an order's replica could not tell that its interpreter was started before."""
        if order.get("base") != self._python or "PYTHONPATH" in env:
            return False
        wanted, held = import_environment({**QUIET, **env}), import_environment(self._env)
        if order["kind"] != SCRIPT:
            return wanted == held
        same = all(wanted.get(name) == held.get(name) for name in {*wanted, *held} - QUIET.keys())
        return same and _learns(Path(order["script"]))

    def close(self) -> None:
        """End it, if nobody has taken it."""
        begun, self._begun = self._begun, None
        if begun is not None:
            _end(begun)


class Ahead:
    """At most one spare, for the replica that is likely to be wanted next.

    Args:
        log: What spares print before they are taken.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._spare: Spare | None = None

    def have(self, python: str, env: Mapping[str, str]) -> None:
        """See that there is such a spare; what goes wrong is said in the log, for nothing depends on it."""
        if self._spare is not None and self._spare.there and self._spare.made_for(python, env):
            return
        self.close()
        try:
            self._spare = Spare(python, env, self._log)
        except OSError as error:
            print(f"No spare interpreter: {error}", file=sys.stderr, flush=True)  # noqa: T201 - our log

    def take(self, order: Mapping[str, Any], file: Path, log: Path, env: Mapping[str, str]) -> Begun | None:
        """The spare, told to become the replica of an order, as `Spare.take` does; None when there is none for it."""
        return self._spare.take(order, file, log, env) if self._spare is not None else None

    def close(self) -> None:
        """End the spare, if there is one that nobody has taken."""
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.close()


def _learns(script: Path) -> bool:
    """Whether a script is going to need what a spare has imported."""
    try:
        return _LEARNS.search(script.read_bytes()) is not None
    except OSError:
        return False


def _end(begun: Begun) -> None:
    begun.line.close()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(begun.process.pid, signal.SIGKILL)
    begun.process.wait()


def begin(python: str, module: Sequence[str], log: Path, cwd: Path, env: Mapping[str, str]) -> Begun:
    """Start a module of the agent, with its arguments, as the leader of a process group, with a control channel.

    Raises:
        OSError: The Python cannot be started.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    command = start.command(python, *module, "--control", str(theirs.fileno()))
    try:
        with theirs, log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd, env=dict(env),
                pass_fds=(theirs.fileno(),), process_group=0,
            )  # fmt: skip
    except OSError:
        ours.close()
        raise
    return Begun(process, ours)
