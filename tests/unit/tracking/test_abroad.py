"""MLflow's REST for a run on another machine: no path of this one goes out, and what comes in is one again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_aml.local.arm.http import Identity, Request
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import abroad

NOW = 1_700_000_000.0
AWAY = Identity("ada@local", "1", "fox", away=True)


@pytest.fixture
def far(workspace: Workspace) -> Any:
    """`far(method, path, body, headers)` -> status and body, as a worker elsewhere asks."""

    def send(method: str, path: str, body: Any = b"", kind: str = "application/json") -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": kind}
        request = Request.build(method, f"http://localhost/api/{path}", identity=AWAY, headers=headers, body=content)
        answer = abroad.handle(workspace, request, request.path, NOW)
        text = b"".join(answer.chunks())
        return answer.status, json.loads(text) if text[:1] in {b"{", b"["} else text

    return send


def test_artifact_roots_are_addresses_there_and_paths_here(
    far: Any, ask: Any, run_id: str, workspace: Workspace
) -> None:
    there = far("GET", f"2.0/mlflow/runs/get?run_id={run_id}")[1]["run"]["info"]["artifact_uri"]
    here = ask("GET", "2.0/mlflow/runs/get", {"run_id": run_id})[1]["run"]["info"]["artifact_uri"]

    assert there.startswith("mlflow-artifacts:/")
    assert here == f"{workspace.folder}/runs/{there.removeprefix('mlflow-artifacts:/')}"


def test_nothing_that_goes_there_names_the_folder(far: Any, run_id: str, workspace: Workspace) -> None:
    asked = [
        far("GET", f"2.0/mlflow/runs/get?run_id={run_id}"),
        far("GET", "2.0/mlflow/experiments/get?experiment_id=0"),
        far("POST", "2.0/mlflow/experiments/search", {"max_results": 5}),
        far("GET", f"2.0/mlflow/artifacts/list?run_id={run_id}"),
    ]

    assert all(status == 200 for status, _ in asked)
    assert str(workspace.folder) not in json.dumps(asked)


def test_a_model_that_is_registered_there_is_found_here(far: Any, ask: Any, run_id: str, workspace: Workspace) -> None:
    root = far("GET", f"2.0/mlflow/runs/get?run_id={run_id}")[1]["run"]["info"]["artifact_uri"]
    far(
        "PUT", f"2.0/mlflow-artifacts/artifacts/{root.removeprefix('mlflow-artifacts:/')}/model/MLmodel", b"flavors: {}"
    )
    far("POST", "2.0/mlflow/registered-models/create", {"name": "m"})

    version = {"name": "m", "source": f"{root}/model", "run_id": run_id}
    status, made = far("POST", "2.0/mlflow/model-versions/create", version)

    assert status == 200, made
    assert made["model_version"]["source"].startswith("mlflow-artifacts:/")
    here = ask("GET", "2.0/mlflow/model-versions/get", {"name": "m", "version": "1"})[1]["model_version"]["source"]
    assert str(workspace.folder) in here or here.startswith("azureml://")


def test_an_artifact_is_written_as_it_is(far: Any, run_id: str, workspace: Workspace) -> None:
    body = json.dumps({"where": "mlflow-artifacts:/x"}).encode()

    assert far("PUT", f"2.0/mlflow-artifacts/artifacts/{run_id}/a.json", body)[0] == 200

    assert (workspace.folder / "runs" / run_id / "a.json").read_bytes() == body
    assert far("GET", f"2.0/mlflow-artifacts/artifacts/{run_id}/a.json") == (200, json.loads(body))
