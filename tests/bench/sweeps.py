"""Sweeps and pipelines: trials a second against one `python` process a trial, and what many of them cost.

Trials share warm processes, as they do where nobody says otherwise, or have one each (`isolation: process`).

Both sides run the same script two at a time and track it: ours to the workspace, the rival's to a file of MLflow's.
"""

from __future__ import annotations

import concurrent.futures
import time
from pathlib import Path
from typing import Any

from tests.bench import processes
from tests.bench.places import Place, place
from tests.bench.rows import Row, interleaved

SCRIPT = """\
import sys
import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

x, y = load_iris(return_X_y=True)
model = LogisticRegression(C=float(sys.argv[1]), max_iter=200).fit(x, y)
mlflow.log_metric("accuracy", model.score(x, y))
"""
AT_ONCE = 2
TRIALS = 50
SOME = 12
"""How many processes stand for as many as there are trials: each costs the same."""
MANY = 1000
EDGE = 100
"""How many trials at either end of the long sweep are compared."""
STEPS = 200


def measure(*, quick: bool) -> list[Row]:
    """A short sweep against processes, a long one against itself, a wide pipeline."""
    trials, many, steps = (10, 120, 20) if quick else (TRIALS, MANY, STEPS)
    edge = min(EDGE, many // 4)
    with place() as here:
        code = here.folder / "code"
        code.mkdir()
        (code / "train.py").write_text(SCRIPT, encoding="utf-8")
        (code / "nothing.py").write_text("", encoding="utf-8")
        store = f"sqlite:///{here.folder}/rival.db"
        sweep(here, code, 2)
        process(code, store, 0)
        sides = {
            "shared": lambda: sweep(here, code, trials) / trials,
            "process": lambda: sweep(here, code, trials, isolation="process") / trials,
            "python": lambda: processed(code, store, SOME) / SOME,
        }
        taken = interleaved(sides, 2 if quick else 3)
        name = submitted(here, code, many)
        here.finished(name, 1800.0)
        first, last = ends(here, name, edge)
        fresh, reused = pipeline(here, code, steps)
    figure = f"sweep of {trials} trials, {AT_ONCE} at a time: each trial"
    against = "a python process each"
    return [
        Row.of(figure, taken["shared"], taken["python"], against, goal=40),
        Row.of(f"{figure}, isolation: process", taken["process"], taken["python"], against, goal=10),
        Row.of(f"sweep of {many} trials: each of the last {edge}", [last], most=first * 1.5),
        Row.of(f"pipeline of {steps} empty steps", [fresh], most=30_000),
        Row.of("the same pipeline again, all steps taken over", [reused], most=3_000),
    ]


def submitted(here: Place, code: Path, trials: int, isolation: str = "shared") -> str:
    """Submit a sweep; its name."""
    from azure.ai.ml.sweep import LogUniform

    job = here.command("python train.py ${{inputs.c}}", code, inputs={"c": 1.0})(c=LogUniform(-4, 4))
    made = job.sweep(primary_metric="accuracy", goal="maximize", sampling_algorithm="random")
    made.set_limits(max_total_trials=trials, max_concurrent_trials=AT_ONCE)
    made.experiment_name = "bench"
    made.properties = {"jupyter_aml.isolation": isolation}
    return str(here.client.jobs.create_or_update(made).name)


def sweep(here: Place, code: Path, trials: int, isolation: str = "shared") -> float:
    """Milliseconds that a sweep takes, from its submission to its end."""
    started = time.perf_counter()
    here.finished(submitted(here, code, trials, isolation), 600.0)
    return (time.perf_counter() - started) * 1000


def process(code: Path, store: str, number: int) -> None:
    """One trial as a process of its own."""
    processes.python(["train.py", str(0.1 * (number + 1))], code, MLFLOW_TRACKING_URI=store)


def processed(code: Path, store: str, trials: int) -> float:
    """Milliseconds of as many processes."""
    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda number: process(code, store, number), range(trials)))
    return (time.perf_counter() - started) * 1000


def ends(here: Place, name: str, edge: int) -> tuple[float, float]:
    """Milliseconds a trial among the first and among the last trials of a sweep."""
    connection = here.client.jupyter_aml
    with connection.store.workspace(connection.entry).database.read() as reader:
        rows = reader.execute("SELECT ended FROM jobs WHERE parent=? ORDER BY ended", (name,)).fetchall()
    at = [float(row["ended"]) for row in rows]
    return (at[edge] - at[0]) * 1000 / edge, (at[-1] - at[-1 - edge]) * 1000 / edge


def pipeline(here: Place, code: Path, steps: int) -> tuple[float, float]:
    """Milliseconds of a pipeline of independent empty steps, and of the same one again; the SDK's own work left out."""
    first = run(here, empty(here, code, steps))
    return first, run(here, empty(here, code, steps))


def empty(here: Place, code: Path, steps: int) -> Any:
    from azure.ai.ml import dsl

    step = here.command("python nothing.py ${{inputs.number}}", code, name="nothing", inputs={"number": "0"})

    @dsl.pipeline(default_compute="serverless", experiment_name="bench")
    def wide() -> None:
        for number in range(steps):
            step(number=str(number)).name = f"step{number}"

    return wide()


def run(here: Place, job: Any) -> float:
    name = str(here.client.jobs.create_or_update(job).name)
    started = time.perf_counter()
    here.finished(name, 600.0)
    return (time.perf_counter() - started) * 1000
