"""A spare interpreter for the first replica of an MLflow model: its imports are done before the model is known."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jupyter_aml.agent import start
from jupyter_aml.agent.serving.loading import QUIET
from jupyter_aml.local.runtime.zygotes import import_environment


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
    """

    def __init__(self, python: str, env: Mapping[str, str], log: Path) -> None:
        self._python = python
        self._env = {**QUIET, **env}
        self._begun: Begun | None = begin(python, ["serving.spare"], log, log.parent, self._env)

    def take(self, order: Mapping[str, Any], file: Path, log: Path, env: Mapping[str, str]) -> Begun | None:
        """The spare, told to become the replica of an order; None when it cannot.

        Args:
            order: The replica's.
            file: Where that order stands.
            log: The replica's log.
            env: Its complete environment.
        """
        begun = self._begun
        if begun is None or begun.process.poll() is not None or not self._fits(order, env):
            return None
        self._begun = None
        told = {"op": "order", "order": str(file), "log": str(log), "env": dict(env), "python": order["python"]}
        try:
            begun.line.sendall(json.dumps(told).encode() + b"\n")
        except OSError:
            _end(begun)
            return None
        return begun

    def _fits(self, order: Mapping[str, Any], env: Mapping[str, str]) -> bool:
        """Whether an order's replica could not tell that its interpreter was started before."""
        same = import_environment({**QUIET, **env}) == import_environment(self._env)
        return order["kind"] == "mlflow" and order.get("base") == self._python and same and "PYTHONPATH" not in env

    def close(self) -> None:
        """End it, if nobody has taken it."""
        begun, self._begun = self._begun, None
        if begun is not None:
            _end(begun)


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
