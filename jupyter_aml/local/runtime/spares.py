"""Spares of Spark: warm Java virtual machines, each for one run, kept for a while after a run of Spark has ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from jupyter_aml.agent import records, sparking, start
from jupyter_aml.local.runtime.handles import Handle
from jupyter_aml.local.runtime.spec import RunSpec
from jupyter_aml.local.runtime.zygotes import hand_over

IDLE_VARIABLE = "JUPYTER_AML_SPARK_IDLE"
"""Seconds that a spare waits for a run; 0 keeps none."""
IDLE_SECONDS = 600.0
LOOK_SECONDS = 0.2
LEAVE_SECONDS = 5.0
FOLDER = ".spark-"
"""How the name of a spare's folder begins, beside those of the runs; no job's can."""
NOT_CARRIED = ("JUPYTER_AML_", "AZUREML_", "MLFLOW_", "AZ_BATCH")
"""How the names of variables begin that belong to one run."""

Key = tuple[str, str]
"""The Python, and the folder of its Spark."""


def key_of(spec: RunSpec) -> Key:
    """What a spare must have in common with a run."""
    return spec.interpreter, spec.spark


class Spare:
    """One spare, seen from the host.

    Args:
        key: Its Python and Spark.
        options: Of `spark-submit`.
        env: Its environment.
        folder: A new folder for it, on the file system of the runs.
    """

    def __init__(self, key: Key, options: list[str], env: Mapping[str, str], folder: Path) -> None:
        self.key = key
        self.folder = folder
        self.until = 0.0
        self.code, self.log = folder / "code", folder / "log.txt"
        self.code.mkdir(parents=True)
        self.log.touch()
        self._line, theirs = socket.socketpair()
        arguments = (str(theirs.fileno()), str(self.code), str(self.log), key[1], *options)
        with theirs:
            self.process = subprocess.Popen(
                start.command(key[0], "spare", *arguments),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=dict(env), cwd=os.sep, start_new_session=True, pass_fds=(theirs.fileno(),),
            )  # fmt: skip

    def alive(self) -> bool:
        """Whether it waits for a run."""
        return self.process.poll() is None

    def take(self, spec: RunSpec) -> Handle | None:
        """Give it the run; None when it died before the run began.

        Its folder becomes that of the run's code, and its log the run's.

        Raises:
            OSError: The disk refuses.
        """
        code, log = Path(spec.cwd), Path(spec.log)
        for entry in list(code.iterdir()):
            entry.rename(self.code / entry.name)
        code.rmdir()
        self.code.rename(code)
        self.code.symlink_to(code, target_is_directory=True)  # whoever remembers the name finds the folder
        os.truncate(self.log, 0)
        with self.log.open("ab") as file:
            file.write(log.read_bytes())
        self.log.rename(log)
        with self._line:
            handle = hand_over(spec, self.process.pid, self._line)
        if handle is not None:
            self.process.returncode = 0  # the handle collects it; the run must outlive this object
        return handle

    def close(self) -> None:
        """End it."""
        self._line.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(LEAVE_SECONDS)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Spares:
    """The spares of one host: at most one for each Spark."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spares: dict[Key, Spare] = {}
        self._closed = threading.Event()

    def start(self, spec: RunSpec) -> Handle | None:
        """Give the run to a spare, also to one that is not ready yet; None when there is none for it."""
        if spec.mounts or not sparking.read_order(spec.work)["warm"]:
            return None
        with self._lock:
            spare = self._spares.pop(key_of(spec), None)
        return spare.take(spec) if spare is not None and spare.alive() else None

    def follow(self, spec: RunSpec) -> None:
        """Have a spare for the next run as soon as this one has ended; its own start would slow this one down."""
        if idle_seconds() > 0 and sparking.read_order(spec.work)["warm"]:
            threading.Thread(target=self._follow, args=(spec,), name="jupyter_aml-spark", daemon=True).start()

    def _follow(self, spec: RunSpec) -> None:
        order, work = sparking.read_order(spec.work), Path(spec.work)
        while work.exists() and records.read(str(work / "exit.json")) is None:
            if self._closed.wait(LOOK_SECONDS):
                return
        spare = self._keep(spec, [str(word) for word in order["options"]], order["variables"])
        while not self._closed.wait(LOOK_SECONDS):
            with self._lock:
                if self._spares.get(spare.key) is not spare:
                    return  # a run took it
                if time.monotonic() < spare.until and spare.alive():
                    continue
                del self._spares[spare.key]
            spare.close()
            return

    def _keep(self, spec: RunSpec, options: list[str], own: Mapping[str, str]) -> Spare:
        """The spare for runs like this one, started when there is none."""
        with self._lock:
            spare = self._spares.get(key_of(spec))
            if spare is None:
                runs = Path(spec.work).parent
                _sweep(runs)
                env = {name: value for name, value in spec.env.items() if not name.startswith(NOT_CARRIED)}
                spare = Spare(key_of(spec), options, {**env, **own}, runs / f"{FOLDER}{uuid.uuid4().hex}")
                self._spares[spare.key] = spare
            spare.until = time.monotonic() + idle_seconds()
            return spare

    def pids(self) -> list[int]:
        """Process ids of those that wait for a run."""
        with self._lock:
            return [spare.process.pid for spare in self._spares.values() if spare.alive()]

    def close(self) -> None:
        """End them all; runs go on."""
        self._closed.set()
        with self._lock:
            found = list(self._spares.values())
            self._spares.clear()
        for spare in found:
            spare.close()


def idle_seconds() -> float:
    """How long a spare waits for a run."""
    try:
        return float(os.environ.get(IDLE_VARIABLE) or IDLE_SECONDS)
    except ValueError:
        return IDLE_SECONDS


def _sweep(runs: Path) -> None:
    """Take away what is left of spares that became runs which are over."""
    for folder in runs.glob(f"{FOLDER}*"):
        code = folder / "code"
        if code.is_symlink() and not code.exists():
            shutil.rmtree(folder, ignore_errors=True)
