"""`mlflow.log_metric` inside a job against the same script and `mlflow server`; and what a kill loses."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench import processes
from tests.bench.places import Place, place
from tests.bench.rows import Row, interleaved

ROUNDS = 5
LOGGED = 150
SCRIPT = f"""\
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
        if killed and step == {LOGGED - 1}:
            os.kill(os.getpid(), signal.SIGKILL)
print("took", json.dumps(statistics.median(taken)), flush=True)
"""


def measure(*, quick: bool) -> list[Row]:
    """Median of 200 calls, in turn; and the points that are missing after `kill -9`."""
    rounds = 1 if quick else ROUNDS
    with place() as here:
        code = here.folder / "code"
        code.mkdir()
        (code / "log.py").write_text(SCRIPT, encoding="utf-8")
        with processes.mlflow_server(here.folder / "server") as url:
            sides = {
                "ours": lambda: _job(here, code),
                "server": lambda: _took(processes.python(["log.py"], code, MLFLOW_TRACKING_URI=url)),
            }
            taken = interleaved(sides, rounds)
        lost = [_lost(here, code) for _ in range(rounds)]
    return [
        Row.of("log_metric in a job", taken["ours"], taken["server"], "mlflow server", goal=10),
        Row.of(f"lost of {LOGGED} points by kill -9 of the script", [max(lost)], most=0, unit="points"),
    ]


def _took(text: str) -> float:
    line = next(line for line in text.splitlines() if line.startswith("took "))
    return float(json.loads(line.removeprefix("took ")))


def _job(here: Place, code: Path) -> float:
    here.settle()
    return _took(here.log(here.done(here.command("python log.py", code)).name))


def _lost(here: Place, code: Path) -> float:
    """How many points the workspace does not have, or has otherwise than they were logged."""
    from jupyter_aml.client.rest import Rest

    job = here.client.jobs.create_or_update(here.command("python log.py killed", code))
    if here.ended(job.name) != "Failed":
        msg = f"The job {job.name} was to be killed:\n{here.log(job.name)}"
        raise RuntimeError(msg)
    query = {"run_id": job.name, "metric_key": "loss", "max_results": 1000}
    rest = Rest(here.client.jupyter_aml)
    found = rest.get("api/2.0/mlflow/metrics/get-history", query=query, api="mlflow/v2.0")
    kept = {int(point["step"]): float(point["value"]) for point in found.get("metrics", [])}
    return float(sum(kept.get(step) != 1.0 / (step + 1) for step in range(LOGGED)))
