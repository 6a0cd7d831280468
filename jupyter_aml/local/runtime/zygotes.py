"""Zygotes: warm interpreters with one armed run each, kept per interpreter, packages and import-time environment."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_aml.agent import processes, records, start
from jupyter_aml.local.runtime import polling
from jupyter_aml.local.runtime.handles import Handle, find
from jupyter_aml.local.runtime.spec import RunSpec

PRELOADED = (
    "json", "argparse", "logging", "random", "pickle", "tempfile", "subprocess", "multiprocessing", "runpy",
    "concurrent.futures", "numpy", "numpy.random", "pandas", "scipy.sparse", "joblib", "sklearn",
    "sklearn.linear_model", "sklearn.ensemble", "sklearn.tree", "sklearn.model_selection", "sklearn.pipeline",
    "sklearn.preprocessing", "sklearn.compose", "sklearn.impute", "sklearn.metrics", "sklearn.datasets",
    "matplotlib", "matplotlib.pyplot", "requests", "yaml", "mlflow", "mlflow.sklearn",
    # What MLflow's first request imports.
    "mlflow.tracking.request_header.registry",
    "mlflow.tracking.request_header.databricks_request_header_provider", "IPython", "logging.config", "netrc",
)  # fmt: skip
LIMIT = 3
ARM_SECONDS = 5.0
ANSWER_SECONDS = 20.0
PACKET = 1 << 18

# Variables that Python or a native library reads once, when it is imported.
_AT_IMPORT = (
    "OMP_",
    "OPENBLAS_",
    "GOTO_",
    "MKL_",
    "BLIS_",
    "KMP_",
    "NUMEXPR_",
    "VECLIB_",
    "LD_",
    "LC_",
    "MALLOC_",
    "PYTHON",
)
_AT_IMPORT_NAMES = frozenset({"LANG", "LANGUAGE", "MPLBACKEND", "MPLCONFIGDIR", "MATPLOTLIBRC", "HOME"})
_SET_BY_CHILD = frozenset({"PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"})
_CARRIED = frozenset({"PATH", "USER", "TMPDIR", "TZ"})
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

Key = tuple[str, tuple[tuple[str, int], ...], tuple[tuple[str, str], ...]]


def import_environment(env: Mapping[str, str]) -> dict[str, str]:
    """The part of `env` that a run can only get by being forked from a zygote that started with it."""
    return {
        name: value
        for name, value in env.items()
        if (name.startswith(_AT_IMPORT) or name in _AT_IMPORT_NAMES) and name not in _SET_BY_CHILD
    }


def key_of(spec: RunSpec) -> Key:
    """What a zygote must have in common with a run; changes when a package is installed or removed."""
    folders = []
    for folder in spec.site_packages:
        try:
            folders.append((folder, Path(folder).stat().st_mtime_ns))
        except OSError:
            folders.append((folder, 0))
    return spec.interpreter, tuple(folders), tuple(sorted(import_environment(spec.env).items()))


class Zygote:
    """One zygote, seen from the host."""

    def __init__(self, key: Key, carried: Mapping[str, str]) -> None:
        self.modules: frozenset[str] = frozenset()
        self.failed: dict[str, str] = {}
        self.safe = True
        self.used = time.monotonic()
        self._spare: tuple[int, socket.socket] | None = None
        self._ready = False
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = start.command(key[0], "zygote", str(theirs.fileno()), *PRELOADED)
        with theirs:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={**carried, **_QUIET, **dict(key[2])}, cwd=os.sep,
                start_new_session=True, pass_fds=(theirs.fileno(),),
            )  # fmt: skip

    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process.poll() is None

    def ready(self, seconds: float = 0.0) -> bool:
        """Whether it has imported everything and a fork of it can compute, waiting at most `seconds`."""
        with self._lock:
            if not self._ready:
                packet = self._receive(seconds)
                if packet is None:
                    return False
                self.safe, self.failed = packet["safe"], packet["failed"]
                self.modules = frozenset(packet["modules"])
                self._ready = True
                self._ask_for_spare()
        return self.safe

    def _receive(self, seconds: float) -> dict[str, Any] | None:
        """The next packet, or None; an armed run's socket becomes the spare."""
        try:
            if not polling.readable([self._control], seconds):
                return None
            data, files, _, _ = socket.recv_fds(self._control, PACKET, 1, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            return None
        if not data:
            return None
        packet: dict[str, Any] = json.loads(data)
        if files:
            self._spare = packet["armed"], socket.socket(fileno=files[0])
        return packet

    def _ask_for_spare(self, when: bytes = b"arm") -> None:
        with contextlib.suppress(OSError):
            self._control.send(when)

    def armed(self, seconds: float) -> bool:
        """Whether a spare is there within `seconds`."""
        with self._lock:
            return self._spare is not None or self._receive(seconds) is not None

    def start(self, spec: RunSpec) -> Handle | None:
        """Give the run to the spare; None when there was none or it died before the run began."""
        with self._lock:
            spare = self._take()
            if spare is None:
                return None
            pid, line = spare
            with line:
                handle = hand_over(spec, pid, line)
            self._ask_for_spare()
            return handle

    def take(self) -> tuple[int, socket.socket] | None:
        """A spare, for runs that share it: the pid of its supervisor and the line to it; None when there was none."""
        with self._lock:
            spare = self._take()
            self._ask_for_spare()
            return spare

    def _take(self) -> tuple[int, socket.socket] | None:
        if self._spare is None and self._receive(0) is None:
            self._ask_for_spare(b"now")
            self._receive(ARM_SECONDS)
        spare, self._spare = self._spare, None
        self.used = time.monotonic()
        return spare

    def close(self) -> None:
        """End it and its spare; running supervisors stay."""
        with self._lock:
            if self._spare is not None:
                self._spare[1].close()
                self._spare = None
            self._control.close()
        try:
            self.process.wait(ANSWER_SECONDS if self._ready else 0.05)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def read_line(line: socket.socket) -> bytes:
    """The next line that a supervisor sends, no byte more; what came of it when it has left.

    Raises:
        OSError: Nothing comes.
    """
    text = b""
    while not text.endswith(b"\n"):
        seen = line.recv(PACKET, socket.MSG_PEEK)
        part = line.recv(seen.find(b"\n") + 1 or len(seen)) if seen else b""
        if not part:
            break
        text += part
    return text


def hand_over(spec: RunSpec, pid: int, line: socket.socket, kind: type[Handle] = Handle) -> Handle | None:
    """Send the spec; when no answer comes, the records and the process tell whether the run began."""
    work = Path(spec.work)
    line.settimeout(ANSWER_SECONDS)
    answer = b""
    with contextlib.suppress(OSError):
        line.sendall(json.dumps(spec.to_json()).encode() + b"\n")
        answer = read_line(line)
    if answer.endswith(b"\n"):
        return kind(work, json.loads(answer))
    line.close()
    until = time.monotonic() + ANSWER_SECONDS
    while processes.alive(pid, 0) and time.monotonic() < until:
        record = records.read(str(work / "supervisor.json"))
        if record is not None and record["pid"] == pid:
            break
        time.sleep(0.005)
    return find(work)


class Zygotes:
    """The zygotes of one host.

    Args:
        limit: How many are kept; the one unused for longest goes first.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._zygotes: dict[Key, Zygote] = {}

    def warm(self, spec: RunSpec) -> Zygote:
        """The zygote for runs like `spec`, started when there is none; not necessarily ready."""
        key = key_of(spec)
        with self._lock:
            found = self._zygotes.get(key)
            if found is not None and not found.alive():
                found.close()
                found = None
            if found is None:
                self._make_room(key)
                carried = {name: value for name, value in spec.env.items() if name in _CARRIED}
                found = self._zygotes[key] = Zygote(key, carried)
            return found

    def _make_room(self, key: Key) -> None:
        """Retire those of the same interpreter with other packages, then the least used."""
        for old in [old for old in self._zygotes if old[0] == key[0] and old[1] != key[1]]:
            self._zygotes.pop(old).close()
        self._zygotes.pop(key, None)
        while len(self._zygotes) >= self.limit:
            oldest = min(self._zygotes, key=lambda old: self._zygotes[old].used)
            self._zygotes.pop(oldest).close()

    def pids(self) -> list[int]:
        """Process ids of the zygotes that run."""
        with self._lock:
            return [zygote.process.pid for zygote in self._zygotes.values() if zygote.alive()]

    def close(self) -> None:
        """End them all."""
        with self._lock:
            for zygote in self._zygotes.values():
                zygote.close()
            self._zygotes.clear()
