"""`mlflow.log_metric` inside a job against the same script and `mlflow server`; and what a kill loses."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.bench.places import Place, place
from tests.bench.rows import Row, interleaved, median, plain_environment

ROUNDS = 3
SCRIPT = """\
import json, os, signal, statistics, sys, time
import mlflow

killed = len(sys.argv) > 1
taken = []
with mlflow.start_run():
    mlflow.log_metric("warm", 0.0)
    for step in range(200):
        started = time.perf_counter()
        mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
        taken.append((time.perf_counter() - started) * 1000)
        if killed and step == 149:
            print("logged 150", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
print("took", json.dumps(statistics.median(taken)), flush=True)
"""
LOGGED = 150


def measure() -> list[Row]:
    """Median of 200 calls, in turn; and the points that are missing after `kill -9`."""
    with place() as here:
        code = here.folder / "code"
        code.mkdir()
        (code / "log.py").write_text(SCRIPT, encoding="utf-8")
        with mlflow_server(here.folder / "server") as url:
            sides = {"ours": lambda: _job(here, code), "server": lambda: _process(code, url)}
            taken = interleaved(sides, ROUNDS)
        lost = _lost(here, code)
    return [
        Row("log_metric in a job", median(taken["ours"]), median(taken["server"]), "mlflow server", 10, samples=ROUNDS),
        Row("points lost by kill -9 of the script", lost, most=0, unit="points"),
    ]


def _took(text: str) -> float:
    line = next(line for line in text.splitlines() if line.startswith("took "))
    return float(json.loads(line.removeprefix("took ")))


def _job(here: Place, code: Path) -> float:
    job = here.client.jobs.create_or_update(here.command("python log.py", code))
    here.finished(job.name)
    return _took(here.log(job.name))


def _process(code: Path, url: str) -> float:
    ran = subprocess.run(
        [sys.executable, "log.py"],
        cwd=code,
        check=True,
        capture_output=True,
        text=True,
        env=plain_environment(MLFLOW_TRACKING_URI=url),
    )
    return _took(ran.stdout)


def _lost(here: Place, code: Path) -> float:
    from jupyter_aml.client.rest import Rest

    job = here.client.jobs.create_or_update(here.command("python log.py killed", code))
    here.finished(job.name)
    rest = Rest(here.client.jupyter_aml)
    query = {"run_id": job.name, "metric_key": "loss", "max_results": 1000}
    found = rest.get("api/2.0/mlflow/metrics/get-history", query=query, api="mlflow/v2.0")
    return float(LOGGED - len(found.get("metrics", [])))


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
            command, stdout=log, stderr=log, env=plain_environment(), cwd=folder, start_new_session=True
        )
        try:
            _wait(f"http://127.0.0.1:{port}/health", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            _end(server)


def _wait(url: str, server: subprocess.Popen[bytes], seconds: float = 90.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.2)
    msg = "mlflow server does not answer"
    raise TimeoutError(msg)


def _end(server: subprocess.Popen[bytes]) -> None:
    import psutil

    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    server.wait(10)
