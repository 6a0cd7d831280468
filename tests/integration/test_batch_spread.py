"""A batch endpoint whose mini-batches are shared out among the workers of an attached Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_aml.testing import clusters

from .conftest import Lab

pytest.importorskip("distributed", reason="the extra `dask` is not installed")

SCRIPT = """
import os, pathlib

def init():
    global factor
    factor = int((pathlib.Path(os.environ["AZUREML_MODEL_DIR"]) / "factor" / "value").read_text())

def run(mini_batch):
    names = [os.path.basename(path) for path in mini_batch]
    for name in names:
        (pathlib.Path(os.environ["AZUREML_BI_OUTPUT_PATH"]) / f"{name}.run").write_text(os.environ["AZUREML_RUN_ID"])
    return [f"{name} {factor * number}" for name in names for number in range(600)]
"""
COUNT, ROWS = 5, 600


@pytest.fixture
def cluster() -> Iterator[clusters.Cluster]:
    with clusters.running() as made:
        yield made


def test_two_instances_share_the_mini_batches_and_the_rows_stand_in_order(lab: Lab, cluster: clusters.Cluster) -> None:
    from azure.ai.ml import Input
    from azure.ai.ml.entities import (
        BatchEndpoint,
        CodeConfiguration,
        KubernetesCompute,
        Model,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
    )

    for folder, name, text in (("code", "score.py", SCRIPT), ("factor", "value", "3")):
        Path(folder).mkdir()
        (Path(folder) / name).write_text(text, encoding="utf-8")
    Path("data").mkdir()
    for number in range(COUNT):
        (Path("data") / f"f{number}").write_text("x", encoding="utf-8")
    client = lab.client
    inner = {"engine": "dask", "address": cluster.address}
    client.compute.begin_attach(KubernetesCompute(name="far", resource_id=None, properties=inner)).result()
    client.batch_endpoints.begin_create_or_update(BatchEndpoint(name="spread")).result()
    deployment = ModelBatchDeployment(
        name="blue", endpoint_name="spread", compute="far", environment="azureml:plain:1",
        model=Model(name="factor", path="factor"),
        code_configuration=CodeConfiguration(code="code", scoring_script="score.py"),
        settings=ModelBatchDeploymentSettings(mini_batch_size=2, max_concurrency_per_instance=1, instance_count=2),
    )  # fmt: skip
    client.batch_deployments.begin_create_or_update(deployment).result()
    name = client.batch_endpoints.invoke(
        "spread", deployment_name="blue", input=Input(type="uri_folder", path="data")
    ).name

    assert lab.end(name) == "Completed", lab.error(name)
    step = f"{name}_batchscoring"
    assert {child.name for child in client.jobs.list(parent_job_name=step)} == {
        f"{step}_{one}" for one in ("share_0", "share_1", "gather")
    }
    client.jobs.download(name, output_name="score", download_path="got")
    found = Path("got") / "named-outputs" / "score"
    lines = (found / "predictions.csv").read_text(encoding="utf-8").splitlines()
    assert lines == [f"f{number} {3 * row}" for number in range(COUNT) for row in range(ROWS)]
    assert {path.name: path.read_text()[-1] for path in found.glob("*.run")} == {
        f"f{number}.run": str(number // 2 % 2) for number in range(COUNT)
    }
    again = client.batch_endpoints.invoke(
        "spread", deployment_name="blue", input=Input(type="uri_folder", path="data")
    ).name
    assert lab.end(again) == "Completed", lab.error(again)
    log = lab.folder / "runs" / f"{again}_batchscoring" / "logs" / "azureml" / "executionlogs.txt"
    assert "is taken over from" not in log.read_text(encoding="utf-8")
