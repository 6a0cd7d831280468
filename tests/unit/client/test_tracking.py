"""MLflow of a connected process: it tracks to the workspace, without a host and without leaving the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_aml.client.connect import connect, connection, disconnect
from jupyter_aml.client.rest import Rest

SCRIPT = """
import sys, jupyter_aml
assert "mlflow" not in sys.modules
client = jupyter_aml.connect("local")
assert "mlflow" not in sys.modules
import mlflow
mlflow.set_experiment("by hand")
with mlflow.start_run(run_name="first") as run:
    mlflow.log_metric("accuracy", 0.75)
    mlflow.log_text("hello", "note.txt")
print(run.info.run_id)
"""


def test_a_run_that_a_notebook_starts_is_the_workspaces(home: Path, tmp_path: Path) -> None:
    here = tmp_path / "notebooks"
    here.mkdir()
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=here, capture_output=True, text=True, timeout=120, check=False
    )

    assert told.returncode == 0, told.stderr
    run = told.stdout.split()[-1]
    rest = Rest(connection(connect("local", quiet=True)))
    found = rest.get("api/2.0/mlflow/runs/get", query={"run_id": run}, api="mlflow/v2.0")["run"]
    assert found["info"]["status"] == "FINISHED"
    assert [(metric["key"], metric["value"]) for metric in found["data"]["metrics"]] == [("accuracy", 0.75)]
    assert list(here.iterdir()) == []


def test_another_workspace_another_place_and_what_was_there_comes_back(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN", raising=False)

    connect("local:first", quiet=True)
    first = dict(os.environ)
    connect("local:second", quiet=True)
    second = dict(os.environ)
    disconnect()

    assert first["MLFLOW_TRACKING_URI"].endswith("/workspaces/first")
    assert second["MLFLOW_TRACKING_URI"].endswith("/workspaces/second")
    assert first["MLFLOW_DISABLE_TELEMETRY"] == second["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert first["MLFLOW_TRACKING_TOKEN"] != second["MLFLOW_TRACKING_TOKEN"]
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert "MLFLOW_TRACKING_TOKEN" not in os.environ


def test_a_tracking_address_of_the_users_own_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN", raising=False)

    connect("local", quiet=True)

    assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:1"
    assert "MLFLOW_TRACKING_TOKEN" not in os.environ


def test_what_is_set_while_connected_is_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect("local", quiet=True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:2")

    disconnect()

    assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:2"
