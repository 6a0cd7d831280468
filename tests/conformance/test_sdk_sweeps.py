"""Sweeps through the unmodified SDK: trials, the best of them, early termination, cancelling, and what is refused."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Output, command
from azure.ai.ml.entities import Environment
from azure.ai.ml.sweep import BanditPolicy, Choice, Uniform
from azure.core.exceptions import HttpResponseError

pytestmark = pytest.mark.usefixtures("real_host")

SECONDS = 120
TRAIN = """
import argparse, time
import mlflow
parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float)
parser.add_argument("--kind")
parser.add_argument("--model")
given = parser.parse_args()
if given.kind == "broken":
    raise ValueError("this kind is broken")
for step in range(4):
    mlflow.log_metric("score", -((given.x - 0.3) ** 2) - (given.kind == "bad") + step * 0.01, step=step)
    time.sleep(0.2 if given.kind == "bad" else 0)
open(given.model + "/model.txt", "w").write(str(given.x))
"""


@pytest.fixture(params=["process"])
def world(request: pytest.FixtureRequest, home: Path) -> Any:
    from tests.conformance import conftest

    yield from conftest._process(home)


def sweep(client: Any, folder: Path, space: dict[str, Any], registered: str = "", **more: Any) -> Any:
    source = folder / "src"
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text(TRAIN, encoding="utf-8")
    trial = command(
        code=str(source),
        command="python train.py --x ${{inputs.x}} --kind ${{inputs.kind}} --model ${{outputs.model}}",
        environment=Environment(name="plain", image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"),
        inputs={"x": 0.5, "kind": "good"},
        outputs={"model": Output(type="uri_folder", name=registered or None)},
        compute="serverless",
        experiment_name="searching",
    )
    job = trial(**space).sweep(primary_metric="score", goal="maximize", sampling_algorithm="random")
    limits = {"max_total_trials": 6, "max_concurrent_trials": 2, **more.pop("limits", {})}
    job.set_limits(**limits)
    for key, value in more.items():
        setattr(job, key, value)
    return client.jobs.create_or_update(job)


def ended(client: Any, name: str) -> Any:
    until = time.monotonic() + SECONDS
    while True:
        job = client.jobs.get(name)
        if job.status in {"Completed", "Failed", "Canceled"}:
            return job
        assert time.monotonic() < until, job.status
        time.sleep(0.05)


def test_the_best_trial_is_found_and_its_output_is_the_sweeps(world: Any, folder: Path) -> None:
    client = world.client
    made = sweep(client, folder, {"x": Uniform(0, 1)}, registered="best-model")

    job = ended(client, made.name)

    assert job.status == "Completed"
    children = list(client.jobs.list(parent_job_name=made.name))
    assert sorted(child.name for child in children) == [f"{made.name}_{number}" for number in range(6)]
    assert {child.status for child in children} == {"Completed"}
    best = client.jobs.get(job.properties["best_child_run_id"])
    points = {child.name: eval(child.properties["hyperparameters"])["x"] for child in children}
    assert min(points, key=lambda name: abs(points[name] - 0.3)) == best.name
    client.jobs.download(made.name, download_path=str(folder / "down"), output_name="model")
    (file,) = (folder / "down").rglob("model.txt")
    assert float(file.read_text()) == pytest.approx(points[best.name])
    assert client.data.get("best-model", label="latest").version == "1"


def test_the_log_of_a_sweep_is_streamed(world: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = sweep(world.client, folder, {"x": Choice([0.1, 0.3])})

    world.client.jobs.stream(made.name)

    shown = capsys.readouterr().out
    assert "Trial 0 with x=" in shown
    assert "The search space has no more than 2 points" in shown
    assert "The best is trial" in shown


def test_a_policy_ends_trials_that_lie_behind(world: Any, folder: Path) -> None:
    made = sweep(
        world.client,
        folder,
        {"kind": Choice(["good", "bad"])},
        sampling_algorithm="grid",
        early_termination=BanditPolicy(slack_amount=0.5, evaluation_interval=1),
        limits={"max_concurrent_trials": 1},
    )

    job = ended(world.client, made.name)

    good, bad = (world.client.jobs.get(f"{made.name}_{number}") for number in range(2))
    assert (job.status, good.status, bad.status) == ("Completed", "Completed", "Canceled")
    assert bad.properties["stopped_by"] == "Bandit"
    assert job.properties["best_child_run_id"] == good.name


def test_a_sweep_that_is_cancelled_takes_its_trials_with_it(world: Any, folder: Path) -> None:
    client = world.client
    made = sweep(client, folder, {"x": Uniform(0, 1), "kind": Choice(["bad"])}, limits={"max_total_trials": 100})
    until = time.monotonic() + SECONDS
    while not [child for child in client.jobs.list(parent_job_name=made.name) if child.status == "Running"]:
        assert time.monotonic() < until

    client.jobs.begin_cancel(made.name).result()

    assert ended(client, made.name).status == "Canceled"
    assert {child.status for child in client.jobs.list(parent_job_name=made.name)} <= {"Canceled", "Completed"}


def test_a_sweep_whose_trials_all_fail_says_why(world: Any, folder: Path) -> None:
    made = sweep(
        world.client, folder, {"x": Uniform(0, 1), "kind": Choice(["broken"])}, limits={"max_total_trials": 50}
    )

    job = ended(world.client, made.name)

    assert job.status == "Failed"
    assert len(list(world.client.jobs.list(parent_job_name=made.name))) < 10
    with pytest.raises(Exception, match="this kind is broken"):
        world.client.jobs.stream(made.name)


def test_a_sweep_that_cannot_run_is_refused(world: Any, folder: Path) -> None:
    with pytest.raises(HttpResponseError, match="grid") as caught:
        sweep(world.client, folder, {"x": Uniform(0, 1)}, sampling_algorithm="grid")

    assert caught.value.status_code == 400
    assert list(world.client.jobs.list()) == []
