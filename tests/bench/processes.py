"""Other processes of a measurement: Python as the user of an activated environment has it, and MLflow's server."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

FORGOTTEN = ("PYTHONDONTWRITEBYTECODE", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "VIRTUAL_ENV")


def environment(**added: str) -> dict[str, str]:
    """This process's environment as if its venv were activated, with bytecode on: imports are slower without."""
    kept = {name: value for name, value in os.environ.items() if name not in FORGOTTEN}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return kept | {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"} | added


def python(arguments: list[str], folder: Path, **variables: str) -> str:
    """What a fresh Python writes.

    Raises:
        RuntimeError: It failed; with what it wrote.
    """
    command = [sys.executable, *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment(**variables))
    if ran.returncode:
        msg = f"{' '.join(arguments)} ended with {ran.returncode}:\n{ran.stderr[-2000:]}"
        raise RuntimeError(msg)
    return ran.stdout + ran.stderr


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Keep this thread, and whatever processes it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def used(pid: int) -> float:
    """Milliseconds of a processor that a process and its descendants have used so far."""
    import psutil

    family = (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))
    return sum(sum(one.cpu_times()[:2]) for one in family) * 1000


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """MLflow's own server over SQLite on a free port, ended afterwards with its workers."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/m.db", "--artifacts-destination", str(folder / "a")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment(), cwd=folder, start_new_session=True
        )
        try:
            _answering(f"http://127.0.0.1:{port}/health", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            end(server)


def _answering(url: str, server: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.2)
    msg = "mlflow server does not answer"
    raise TimeoutError(msg)


def end(server: subprocess.Popen[bytes]) -> None:
    """Kill a process with all that it has started."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(server.pid)
        for process in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    server.wait(10)
