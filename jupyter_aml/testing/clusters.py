"""A Dask cluster of processes on this machine, for tests and notebooks: a scheduler and workers, ended by pid."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

SECONDS = 60.0
STEP = 0.05
SCHEDULER, WORKER = ("-m", "distributed.cli.dask_scheduler"), ("-m", "distributed.cli.dask_worker")


class Cluster:
    """A scheduler and its workers.

    Args:
        host: Address that the scheduler listens on.
        keys: PEM files `ca`, `cert` and `key` for encrypted connections; None for plain ones.
        inside: Command that each program is started by, such as `ip netns exec NAME`; by the name of the program.

    Attributes:
        address: The scheduler's.
        workers: The workers' processes, in the order in which they were added.
    """

    def __init__(
        self, host: str = "127.0.0.1", keys: Mapping[str, Path] | None = None, inside: Sequence[str] = ()
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aml-dask-"))
        self.workers: list[subprocess.Popen[bytes]] = []
        self._keys = keys
        self._host = host
        self._said = 0
        scheme = "tls" if keys else "tcp"
        noted = self.folder / "scheduler.json"
        self.scheduler = self._start(
            [
                *SCHEDULER,
                "--host",
                f"{scheme}://{host}",
                "--port",
                "0",
                "--dashboard-address",
                "127.0.0.1:0",
                "--scheduler-file",
                str(noted),
                *self._tls(),
            ],
            inside,
        )
        try:
            self._wait(noted.exists, "a scheduler")
        except TimeoutError:
            self.close()
            raise
        self.address = str(json.loads(noted.read_text(encoding="utf-8"))["address"])

    def add(
        self,
        count: int = 1,
        *,
        threads: int = 1,
        inside: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        **more: str,
    ) -> None:
        """Start workers; they are there when `ready` returns.

        Args:
            count: How many.
            threads: Of each: as many runs it makes at once.
            inside: Command that each is started by.
            env: Variables that its environment has beside this process's.
            more: More options of the program, such as `host`.
        """
        for _ in range(count):
            name = f"worker-{len(self.workers)}"
            more.setdefault("host", self._host)  # asked for its own address, a worker looks beyond this machine
            options = [word for option, value in more.items() for word in (f"--{option.replace('_', '-')}", value)]
            self.workers.append(
                self._start(
                    [
                        *WORKER,
                        self.address,
                        "--no-nanny",
                        "--nthreads",
                        str(threads),
                        "--no-dashboard",
                        "--name",
                        name,
                        "--local-directory",
                        str(self.folder / name),
                        *options,
                        *self._tls(),
                    ],
                    inside,
                    env,
                )
            )

    def ready(self) -> None:
        """Wait until all workers that were added have said that they are there."""
        self._wait(lambda: self._log().count("Registered to:") >= len(self.workers), f"{len(self.workers)} workers")

    def kill(self, worker: int) -> None:
        """End a worker as a power cut would."""
        os.kill(self.workers[worker].pid, signal.SIGKILL)
        self.workers[worker].wait()

    def close(self) -> None:
        """End all of it."""
        for process in (*self.workers, self.scheduler):
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tls(self) -> list[str]:
        names = {"ca": "--tls-ca-file", "cert": "--tls-cert", "key": "--tls-key"}
        return [word for part, file in (self._keys or {}).items() for word in (names[part], str(file))]

    def _start(
        self, arguments: list[str], inside: Sequence[str], more: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        self._said += 1
        own = {"TMPDIR": str(self.folder), "DASK_DISTRIBUTED__ADMIN__LOG_FORMAT": "%(message)s"}
        env = {**os.environ, **own, **(more or {})}
        with (self.folder / f"log-{self._said}.txt").open("wb") as log:
            return subprocess.Popen(
                [*inside, sys.executable, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                cwd=self.folder,
            )  # fmt: skip

    def _log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("log-*.txt"))

    def _wait(self, condition: Callable[[], object], what: str) -> None:
        until = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > until:
                msg = f"There was no sign of {what} within {SECONDS:g} s: {self._log()[-2000:]}"
                raise TimeoutError(msg)
            time.sleep(STEP)


@contextlib.contextmanager
def running(workers: int = 2, *, threads: int = 1, keys: Mapping[str, Path] | None = None) -> Iterator[Cluster]:
    """A cluster on the loopback, ended at the end."""
    made = Cluster(keys=keys)
    try:
        made.add(workers, threads=threads)
        made.ready()
        yield made
    finally:
        made.close()
