"""MLflow models without a script over a real host: from a folder, from a job's run, shared by replicas, broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.serving.online import launching

from .conftest import Lab, wait_for
from .endpoints import Served

_names = iter(range(1000))


@pytest.fixture
def served(lab: Lab) -> Iterator[Served]:
    made = Served(lab, f"wine-{next(_names)}")
    yield made
    launching.stop(made.place)


SAVE = """
import mlflow, numpy as np, sys
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression
rows = np.arange(20.0).reshape(10, 2)
model = LinearRegression().fit(rows, rows.sum(axis=1))
mlflow.sklearn.save_model(model, sys.argv[1], signature=infer_signature(rows, model.predict(rows)))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that MLflow has written, in a process of its own: its import warns."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    subprocess.run([sys.executable, "-c", SAVE, str(folder)], check=True, capture_output=True)
    return folder


def deploy(served: Served, folder: Path, **more: Any) -> Any:
    from azure.ai.ml.entities import ManagedOnlineDeployment, Model

    made = ManagedOnlineDeployment(
        name="blue",
        endpoint_name=served.name,
        model=Model(name=served.name, path=str(folder), type="mlflow_model"),
        instance_type="Standard_DS3_v2",
        **{"instance_count": 1, **more},
    )
    return served.client.online_deployments.begin_create_or_update(made).result()


def test_an_mlflow_model_needs_no_script(served: Served, saved: Path) -> None:
    deploy(served, saved)
    served.share(blue=100)

    status, body = served.asker().ask({"input_data": [[1.0, 2.0], [3.0, 4.0]]})

    assert status == 200
    assert body == pytest.approx([3.0, 7.0])


def test_replicas_share_the_model_of_their_mother(served: Served, saved: Path) -> None:
    deploy(served, saved, instance_count=3)

    found = served.status()["deployments"]["blue"]
    parents = {int(Path(f"/proc/{one['pid']}/stat").read_text().split()[3]) for one in found["replicas"]}

    assert found["ready"] == 3
    assert len(parents) == 1
    assert parents != {served.status()["pid"]}
    wait_for(lambda: all(one["memory"] for one in served.status()["deployments"]["blue"]["replicas"]), "their memory")


def test_a_model_that_cannot_be_read_fails_the_deployment(served: Served, saved: Path) -> None:
    broken = Path.cwd() / "broken"
    shutil.copytree(saved, broken)
    for file in broken.glob("model.*"):
        file.write_bytes(b"\x80no model")

    told = _refused(served, broken)

    assert "model" in told
    assert served.state() == "Failed"


def test_a_folder_without_mlmodel_is_said(served: Served) -> None:
    folder = Path.cwd() / "plain"
    folder.mkdir()
    (folder / "w.txt").write_text("7")

    told = _refused(served, folder)

    assert "has no file MLmodel" in told


def test_the_model_of_a_run_is_deployed(lab: Lab, served: Served) -> None:
    from azure.ai.ml.entities import ManagedOnlineDeployment, Model

    job, status = lab.run(SAVE.replace("sys.argv[1]", "'outputs/model'"))
    assert status == "Completed", lab.log(job)
    path = f"azureml://jobs/{job}/outputs/artifacts/paths/outputs/model/"
    model = served.client.models.create_or_update(Model(name="of-a-job", path=path, type="mlflow_model"))

    made = ManagedOnlineDeployment(
        name="blue", endpoint_name=served.name, model=model.id, instance_type="Standard_DS3_v2", instance_count=1
    )
    served.client.online_deployments.begin_create_or_update(made).result()

    assert served.asker("blue").ask({"input_data": [[1.0, 2.0]]}) == (200, pytest.approx([3.0]))


def _refused(served: Served, folder: Path) -> str:
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError) as caught:
        deploy(served, folder)
    return str(caught.value)
