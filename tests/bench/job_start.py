"""From asking for a job to the first line of a script that imported pandas, scikit-learn and mlflow.

The script is edited before every start, as a person would, so its code travels each time.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import processes
from tests.bench.places import Place, place
from tests.bench.rows import Row, interleaved

SCRIPT = """\
import mlflow
import pandas
import sklearn.linear_model
import time

print("first line at", repr(time.time()), flush=True)
# edit {number}
"""
PROJECT = "name: bench\nentry_points:\n  main:\n    command: python train.py\n"
MLFLOW_RUN = ["-m", "mlflow", "run", ".", "--env-manager", "local", "--experiment-name", "bench"]
MARK = "first line at "
ROUNDS = 9


def first_line(text: str) -> float:
    """The moment that a log tells."""
    line = next(line for line in text.splitlines() if MARK in line)
    return float(line.partition(MARK)[2])


def measure(*, quick: bool) -> list[Row]:
    """Ours from the SDK's call and from the PUT, against a fresh interpreter and `mlflow run`."""
    edits = itertools.count()
    with place() as here:
        code = here.folder / "code"
        code.mkdir()
        (code / "MLproject").write_text(PROJECT, encoding="utf-8")
        arrivals: list[float] = []
        from_put: list[float] = []

        def edited() -> Path:
            (code / "train.py").write_text(SCRIPT.format(number=next(edits)), encoding="utf-8")
            return code

        def ours() -> float:
            job = here.command("python train.py", edited())
            here.settle()
            arrivals.clear()
            started = time.time()
            name = here.client.jobs.create_or_update(job).name
            here.finished(name)
            line = first_line(here.log(name))
            from_put.append((line - arrivals[0]) * 1000)
            return (line - started) * 1000

        sides = {
            "ours": ours,
            "python": lambda: _process(["train.py"], edited()),
            "ours again": ours,
            "mlflow": lambda: _process(MLFLOW_RUN, edited(), MLFLOW_TRACKING_URI=f"sqlite:///{here.folder}/m.db"),
        }
        with _watched(here, arrivals):
            taken = interleaved(sides, 2 if quick else ROUNDS)
    started = [*taken["ours"], *taken["ours again"]]
    call, put = "job start: create_or_update → first line", "job start: PUT at the service → first line"
    return [
        Row.of(call, started, taken["python"], "python train.py", goal=20),
        Row.of(call, started, taken["mlflow"], "mlflow run", goal=40),
        Row.of(put, from_put[2:], taken["python"], "python train.py", goal=80),
    ]


def _process(arguments: list[str], code: Path, **variables: str) -> float:
    started = time.time()
    return (first_line(processes.python(arguments, code, **variables)) - started) * 1000


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
