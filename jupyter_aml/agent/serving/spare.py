"""A spare: an interpreter that has imported what models need, and becomes a replica when it gets an order.

Started with `--control FD`. It says `armed` when it is ready, and takes one line `{"op": "order"}` with the path of the
order and of the log. It never computes before, so that what it becomes may still be forked. Its libraries begin with
one thread each, which a model that needs no code keeps; a script gets those that a fresh interpreter would have.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import socket
import sys

from .. import linux, processes, start  # noqa: TID252 -- the agent has no fixed name
from . import replica
from .control import Control

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

PRELOADED = (
    "numpy", "scipy.sparse", "pandas", "cloudpickle", "yaml", "joblib", "sklearn.linear_model", "sklearn.ensemble",
    "sklearn.tree", "sklearn.pipeline", "sklearn.preprocessing", "sklearn.compose", "sklearn.impute", "skops.io",
)  # fmt: skip
"""`skops.io`, in which MLflow writes scikit-learn's models, imports all of it."""

OWN_THREADS = {"openblas": "OPENBLAS_NUM_THREADS", "mkl": "MKL_NUM_THREADS", "blis": "BLIS_NUM_THREADS"}
"""Variables by which libraries are told their threads; where one has none of its own, OMP_NUM_THREADS."""


def preload(names: Sequence[str]) -> None:
    """Import what there is of it."""
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException:  # noqa: BLE001,S112 -- whoever needs it will say what is wrong with it
            continue


def widen(env: Mapping[str, str]) -> None:
    """Give the libraries that compute the threads that the environment allows, as if they were imported only now.

    Raises:
        ImportError: There is no threadpoolctl.
    """
    import threadpoolctl

    for library in threadpoolctl.ThreadpoolController().lib_controllers:
        asked = env.get(OWN_THREADS.get(library.internal_api, ""), env.get("OMP_NUM_THREADS", ""))
        first = asked.split(",")[0].strip()
        library.set_num_threads(int(first) if first.isdecimal() and int(first) else processes.cores())


def become(told: dict[str, Any], control: Control) -> NoReturn:
    """Be the replica of an order from now on, with its log, environment and Python."""
    log = os.open(told["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    os.environ.clear()
    os.environ.update(told["env"])
    sys.executable = told["python"]
    if told["threads"]:
        try:
            widen(told["env"])
        except ImportError:
            _begin_anew(told, control)
    replica.run(told["order"], control)


def _begin_anew(told: dict[str, Any], control: Control) -> NoReturn:
    """Be the replica of an order in a fresh interpreter, with the same control channel."""
    os.set_inheritable(control.fileno(), True)  # noqa: FBT003 -- it takes no names
    module = ("serving.replica", "--order", told["order"], "--control", str(control.fileno()))
    os.execve(told["python"], start.command(told["python"], *module), told["env"])  # noqa: S606


def main(arguments: Sequence[str]) -> NoReturn:
    """Import, wait for an order, and follow it; leave when nobody has one any more."""
    parser = argparse.ArgumentParser(prog="spare")
    parser.add_argument("--control", required=True, type=int)
    control = Control(socket.socket(fileno=parser.parse_args(arguments).control))
    linux.die_with_parent(signal.SIGKILL)
    preload(PRELOADED)
    control.say("armed", pid=os.getpid())
    while True:
        operations = control.listen()
        if operations is None:
            sys.exit(0)
        for told in operations:
            if told.get("op") == "order":
                become(told, control)
