"""Lists over 100,000 jobs, against `mlflow.search_runs` over as many runs in MLflow's SQLite.

On both sides the same script ran once, for real, and what it left was copied. Both are asked in process, and
once before the clock runs they are checked to give the same jobs.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from tests.bench import copies
from tests.bench.places import Place, place
from tests.bench.processes import python
from tests.bench.rows import Row, Samples, interleaved, timed

JOBS = 100_000
PAGE = 100
ROUNDS = 15
TEAMS, LATES = 10, 5_000
WANTED = f"job-{JOBS // 2:06d}"
SCRIPT = """\
import sys
import mlflow

mlflow.set_experiment("bench")
with mlflow.start_run(run_name="JOBNAME" if len(sys.argv) > 2 else None):
    mlflow.log_param("lr", sys.argv[1])
    mlflow.log_metric("auc", 0.5)
    if len(sys.argv) > 2:
        mlflow.set_tags({"team": "TEAM", "late": "LATE"})
"""


def measure(*, quick: bool) -> list[Row]:
    """The newest page, one by its name, pages filtered by a tag, and MLflow's own search on both."""
    rounds = 5 if quick else ROUNDS
    with place() as here:
        (here.folder / "code").mkdir()
        (here.folder / "code" / "train.py").write_text(SCRIPT, encoding="utf-8")
        fill(here)
        found = compare(here, fill_mlflow(here.folder), rounds)
    figures = {
        "newest": f"newest {PAGE} of {JOBS:,} jobs",
        "named": f"one of {JOBS:,} jobs by its name",
        "often": f"newest {PAGE} with a tag that a tenth has",
        "rare": f"the {JOBS // LATES} with a rare tag",
        "searched": f"MLflow's own search, newest {PAGE} by a metric",
    }
    return [
        Row.of(
            figure,
            found[f"our {key}"],
            found[f"mlflow {key}"],
            "mlflow.search_runs",
            goal=None if key == "searched" else 50,
        )
        for key, figure in figures.items()
    ]


def compare(here: Place, uri: str, rounds: int) -> Samples:
    """Milliseconds of each question on both sides."""
    import mlflow

    from jupyter_aml.client.rest import Rest

    rest = Rest(here.client.jupyter_aml)
    mlflow.set_tracking_uri(uri)
    experiment = _experiment(rest)

    def runs(text: str = "") -> list[str]:
        found = mlflow.search_runs(
            experiment_names=["bench"], filter_string=text, max_results=PAGE, output_format="list"
        )
        return [run.info.run_name for run in found]

    def jobs(**query: Any) -> list[str]:
        return [job["name"] for job in rest.get("jobs", query={"$top": PAGE, **query})["value"]]

    def our_runs(text: str) -> list[str]:
        body = {"experiment_ids": [experiment], "filter": text, "max_results": PAGE}
        found = rest.post("api/2.0/mlflow/runs/search", body, api="mlflow/v2.0")
        return [run["info"]["run_name"] for run in found["runs"]]

    questions = {
        "newest": (jobs, runs),
        "named": (lambda: [rest.get(f"jobs/{WANTED}")["name"]], lambda: runs(f"attributes.run_name = '{WANTED}'")),
        "often": (lambda: jobs(tag="team=t7"), lambda: runs("tags.team = 't7'")),
        "rare": (lambda: jobs(tag="late=yes"), lambda: runs("tags.late = 'yes'")),
        "searched": (lambda: our_runs("metrics.auc > 0.9"), lambda: runs("metrics.auc > 0.9")),
    }
    sides = {}
    for key, (ours, theirs) in questions.items():
        if ours() != theirs():
            msg = f"{key}: the two sides give different jobs."
            raise AssertionError(msg)
        sides |= {f"our {key}": timed(ours), f"mlflow {key}": timed(theirs)}
    return interleaved(sides, rounds)


def _experiment(rest: Any) -> str:
    query = {"experiment_name": "bench"}
    found = rest.get("api/2.0/mlflow/experiments/get-by-name", query=query, api="mlflow/v2.0")
    return str(found["experiment"]["experiment_id"])


def fill(here: Place) -> None:
    """Run one job, and copy it."""
    job = here.command(
        "python train.py ${{inputs.lr}}",
        here.folder / "code",
        inputs={"lr": 0.1},
        tags={"team": "TEAM", "late": "LATE"},
        experiment_name="bench",
        display_name="JOBNAME",
    )
    name = here.done(job).name
    connection = here.client.jupyter_aml
    workspace = connection.store.workspace(connection.entry)
    one = "SELECT runs.id, series.id FROM runs JOIN series ON series.run=runs.id WHERE run_id=?"
    run, series = workspace.database.connection.execute(one, (name,)).fetchone()
    keys = {"name": name, "job": name, "run_id": name, "run": run, "series": series}
    wanted = copies.Copies(JOBS, lambda number: {name: _name(number), **_words(number)}, auc)
    copies.copy(workspace.database.path, copies.OURS, keys, wanted)


def fill_mlflow(folder: Path) -> str:
    """Run the script against MLflow's SQLite, and copy the run; the database's address."""
    import mlflow

    uri = f"sqlite:///{folder}/mlflow.db"
    python(["train.py", "0.1", "own"], folder / "code", MLFLOW_TRACKING_URI=uri)
    mlflow.set_tracking_uri(uri)
    (run,) = mlflow.search_runs(experiment_names=["bench"], output_format="list")
    name = run.info.run_id

    def words(number: int) -> dict[str, str]:
        return {name: uuid.UUID(int=number).hex, **_words(number)}

    copies.copy(folder / "mlflow.db", copies.MLFLOWS, {"run_uuid": name}, copies.Copies(JOBS, words, auc))
    return uri


def _name(number: int) -> str:
    return f"job-{number:06d}"


def _words(number: int) -> dict[str, str]:
    late = "yes" if number % LATES == 0 else "no"
    return {"JOBNAME": _name(number), "TEAM": f"t{number % TEAMS}", "LATE": late}


def auc(number: int) -> float:
    """A metric; a tenth of the runs is above 0.9."""
    return (number * 7919 % JOBS) / JOBS
