"""Faults of an AutoML job's trials: a process that is killed, memory that is given, and a time that is too short."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_aml.agent import processes, records
from jupyter_aml.automl import memory
from jupyter_aml.automl.family import FAILED, PRUNED
from jupyter_aml.client import warm
from jupyter_aml.local.jobs.conducted import automl as conducted
from jupyter_aml.local.jobs.lifecycle import Status
from tests.conformance import lab as labs

warm.sdk()  # before it is imported in the slow way

from azure.ai.ml import Input, automl  # noqa: E402 - idem

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints
ROWS = 6_000


@pytest.fixture(scope="module")
def installation() -> Iterator[Path]:
    """One store and host for the tests of this module."""
    yield from labs.make_home()


@pytest.fixture
def lab(installation: Path, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[labs.Lab]:
    """The module's workspace with its host."""
    monkeypatch.setenv("JUPYTER_AML_HOME", str(installation))
    monkeypatch.chdir(tmp_path)
    yield from labs.by_process(installation)


@pytest.fixture
def noise(tmp_path: Path) -> Input:
    """A table that a support vector machine takes long to learn nothing from."""
    random, folder = np.random.default_rng(0), tmp_path / "noise"
    folder.mkdir()
    frame = pd.DataFrame(random.normal(size=(ROWS, 40))).add_prefix("c")
    frame.assign(y=random.integers(0, 2, ROWS)).to_csv(folder / "data.csv", index=False)
    (folder / "MLTable").write_text("paths:\n- file: ./data.csv\ntransformations:\n- read_delimited: {}\n")
    return Input(type="mltable", path=str(folder))


def job(data: Input, allowed: list[str], **limits: Any) -> Any:
    made = automl.classification(
        experiment_name="faults", training_data=data, target_column_name="y", n_cross_validations=10,
        enable_model_explainability=False,
    )  # fmt: skip
    made.set_limits(**{"timeout_minutes": 20, "max_trials": len(allowed), **limits})  # type: ignore[arg-type]
    made.set_training(allowed_training_algorithms=allowed, enable_stack_ensemble=False)
    return made


def said(lab: labs.Lab, name: str) -> str:
    """What the search has said."""
    return str((lab.entry.folder / "runs" / name / "azureml-logs" / "automl.txt").read_text(encoding="utf-8"))


def own(lab: labs.Lab, name: str) -> int:
    """The process in which a trial is at work."""
    for path in lab.entry.folder.glob(f"work/{name}*/supervisor.json"):
        held = records.read(str(path)) or {}
        found = processes.descendants(int(held.get("pid") or 0)) if held.get("pid") else set()
        if found:
            return min(found)
    return 0


def test_a_trial_whose_process_is_killed_fails_alone_and_the_others_make_a_model(lab: labs.Lab, noise: Input) -> None:
    asked = job(noise, ["KNN", "SVM", "DecisionTree"])
    asked.properties = {memory.PROPERTY: "6000"}
    name = str(lab.client.jobs.create_or_update(asked).name)
    labs.wait_for(lambda: "with 6,000 MB of memory" in lab.log(f"{name}_1"), "the trial of the machine")
    pid = labs.wait_for(lambda: own(lab, f"{name}_1"), "its process")

    os.kill(pid, signal.SIGKILL)

    assert lab.end(name).status == "Completed", said(lab, name)
    assert [lab.client.jobs.get(f"{name}_{at}").status for at in range(3)] == ["Completed", "Failed", "Completed"]
    assert "SVM() failed: The run was killed by signal 9 SIGKILL (out of memory?)" in said(lab, name)
    assert "lower limits.max_concurrent_trials" in said(lab, name)
    best = lab.client.jobs.get(lab.client.jobs.get(name).properties["automl_best_child_run_id"])
    assert best.properties["run_algorithm"] in {"KNN", "DecisionTree", "VotingEnsemble"}


def test_a_time_that_is_too_short_for_the_first_trial_is_said_with_what_to_do(lab: labs.Lab, noise: Input) -> None:
    asked = job(noise, ["SVM"])
    asked.limits.timeout_minutes = 0.25

    name = str(lab.client.jobs.create_or_update(asked).name)

    assert lab.end(name).status == "Failed"
    assert "No trial came to an end with a model." in said(lab, name)
    if f"{name}_0" in {one.name for one in lab.client.jobs.list(parent_job_name=name)}:
        assert f"It was ended before it had a model. {conducted.TIMELY}" in said(lab, name)


@pytest.mark.parametrize(
    ("status", "error", "ended", "told"),
    [
        (Status.CANCELED, "", PRUNED, f"It was ended before it had a model. {conducted.TIMELY}"),
        (Status.FAILED, "", FAILED, "It ended without a result."),
        (Status.FAILED, "The run was killed by signal 6 SIGABRT.", FAILED, conducted.ROOMY),
        (Status.FAILED, "The job ran longer than its limit of 9 s and was ended.", FAILED, conducted.TIMELY),
        (Status.FAILED, "Its last line: OpenBLAS error: Memory allocation still failed", FAILED, conducted.ROOMY),
        (Status.FAILED, "ValueError: no", FAILED, "ValueError: no"),
    ],
)
def test_a_trial_without_a_result_says_what_became_of_it(
    status: Status, error: str, ended: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: Any) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(conducted.AutoML, "_result", absent)
    record: Any = SimpleNamespace(status=status, state={"error": {"message": error}} if error else {})

    found = conducted.AutoML._attempt(conducted.AutoML.__new__(conducted.AutoML), record)

    assert (found.status, found.loss) == (ended, None)
    assert found.error.endswith(told)
    assert found.error.startswith(error)
