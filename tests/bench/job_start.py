"""From asking for a job to the first line of a script that imported pandas, scikit-learn and mlflow."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.places import Place, place
from tests.bench.rows import Row, interleaved, median, plain_environment

SCRIPT = """\
import mlflow
import pandas
import sklearn.linear_model
import time

print("first line at", repr(time.time()), flush=True)
"""
PROJECT = "name: bench\nentry_points:\n  main:\n    command: python train.py\n"
MARK = "first line at "
ROUNDS = 7
SETTLE = 1.0


def first_line(text: str) -> float:
    """The moment that a log tells."""
    line = next(line for line in text.splitlines() if MARK in line)
    return float(line.partition(MARK)[2])


def measure() -> list[Row]:
    """Ours from the SDK's call and from the PUT, against a fresh interpreter and `mlflow run`."""
    with place() as here:
        code = here.folder / "code"
        code.mkdir()
        (code / "train.py").write_text(SCRIPT, encoding="utf-8")
        (code / "MLproject").write_text(PROJECT, encoding="utf-8")
        arrivals: list[float] = []
        from_put: list[float] = []

        def ours() -> float:
            time.sleep(SETTLE)
            arrivals.clear()
            started = time.time()
            job = here.client.jobs.create_or_update(here.command("python train.py", code))
            status = here.finished(job.name)
            if status != "Completed":
                raise RuntimeError(here.log(job.name))
            line = first_line(here.log(job.name))
            from_put.append((line - arrivals[0]) * 1000)
            return (line - started) * 1000

        sides = {
            "ours": ours,
            "python": lambda: _process([sys.executable, "train.py"], code),
            "mlflow": lambda: _process(_mlflow_run(), code, MLFLOW_TRACKING_URI=f"sqlite:///{here.folder}/m.db"),
        }
        with _watched(here, arrivals):
            taken = interleaved(sides, ROUNDS)
    ours_median, put_median = median(taken["ours"]), median(from_put[1:])
    python, mlflow = median(taken["python"]), median(taken["mlflow"])
    return [
        Row("job start: create_or_update → first line", ours_median, python, "fresh python", 20, samples=ROUNDS),
        Row("job start: create_or_update → first line", ours_median, mlflow, "mlflow run", 40, samples=ROUNDS),
        Row("job start: PUT at the service → first line", put_median, python, "fresh python", 80, samples=ROUNDS),
    ]


def _process(command: list[str], code: Path, **variables: str) -> float:
    started = time.time()
    ran = subprocess.run(
        command, cwd=code, check=True, capture_output=True, text=True, env=plain_environment(**variables)
    )
    return (first_line(ran.stdout + ran.stderr) - started) * 1000


def _mlflow_run() -> list[str]:
    return [sys.executable, "-m", "mlflow", "run", ".", "--env-manager", "local", "--experiment-name", "bench"]


@contextmanager
def _watched(here: Place, arrivals: list[float]) -> Iterator[None]:
    """Note when the PUT of a job reaches the service."""
    service = here.client.jupyter_aml.service
    handle = service.handle

    def watching(request):
        if request.method == "PUT" and "/jobs/" in request.path:
            arrivals.append(time.time())
        return handle(request)

    service.handle = watching
    try:
        yield
    finally:
        del service.handle
