"""The rivals of online deployments: Azure's inference server and `mlflow models serve`, each in a venv of its own.

The venvs are made the first time, below `out/`. Each server has one worker and stays on the core it is given.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.bench import processes

OFFICIAL = ("azureml-inference-server-http==1.5.1", "scikit-learn>=1.6,<2", "pandas>=2.2,<4", "joblib")
MLFLOW = ("mlflow>=3.10,<4", "scikit-learn>=1.6,<2", "pandas>=2.2,<4")
START_SECONDS = 120.0


class Rival(NamedTuple):
    """A server that runs; its workers are children of its process."""

    port: int
    pid: int


def python(name: str, packages: tuple[str, ...]) -> Path:
    """The interpreter of a rival's venv, `out/bench-<name>`; it is made where it is not there yet."""
    folder = Path("out").resolve() / f"bench-{name}"
    found, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(found), "-m", "pip", "install", "--quiet", *packages], check=True)
        ready.touch()
    return found


@contextlib.contextmanager
def official(code: Path, model: Path, core: int) -> Iterator[Rival]:
    """Azure's inference server with `code/score.py`."""
    port = free_port()
    found = python("inference-server", OFFICIAL)
    command = [str(found), "-m", "azureml_inference_server_http", "--entry_script", str(code / "score.py")]
    with _running([*command, "--port", str(port)], port, core, code, {"AZUREML_MODEL_DIR": str(model)}) as pid:
        yield Rival(port, pid)


@contextlib.contextmanager
def mlflow(model: Path, folder: Path, core: int) -> Iterator[Rival]:
    """`mlflow models serve` of a saved model."""
    port = free_port()
    found = python("mlflow-serve", MLFLOW)
    command = [str(found), "-m", "mlflow", "models", "serve", "--model-uri", str(model), "--env-manager", "local"]
    path = os.pathsep.join([str(found.parent), os.environ.get("PATH", os.defpath)])
    with _running([*command, "--port", str(port), "--workers", "1"], port, core, folder, {"PATH": path}) as pid:
        yield Rival(port, pid)


@contextlib.contextmanager
def _running(command: list[str], port: int, core: int, folder: Path, variables: Mapping[str, str]) -> Iterator[int]:
    kept = {name: value for name, value in processes.environment().items() if not name.startswith(("AML_", "AZUREML_"))}
    with (folder / f"rival-{port}.log").open("wb") as log:
        with processes.on_core(core):
            server = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=kept | dict(variables)
            )
        try:
            _answering(port, server, Path(log.name))
            yield server.pid
        finally:
            processes.end(server)


def _answering(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            if connection.recv(100).startswith(b"HTTP/1.1 "):
                return
        time.sleep(0.1)
    msg = f"{' '.join(server.args)} does not answer:\n{log.read_text()[-2000:]}"
    raise TimeoutError(msg)


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
