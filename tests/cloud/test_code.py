"""The code of jobs in Azure is a place like any other: found by REST, read from the account's own containers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import command, dsl
from azure.ai.ml.entities import Environment
from stand_in.authority import APPLICATION, SECRET, TENANT
from stand_in.server import Azure

from jupyter_aml.client.connect import connect
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.run import run
from jupyter_aml.commands.tokens import tokenize
from jupyter_aml.errors import NotFoundError

SCRIPT = "print('hello')\n"


@pytest.fixture
def client(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", APPLICATION)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", SECRET)
    made = connect(azure.target, show_progress=False)
    made.environments.create_or_update(Environment(name="plain", version="1", image="python:3.11"))
    return made


@pytest.fixture
def step(tmp_path: Path) -> Any:
    (tmp_path / "src" / "lib").mkdir(parents=True)
    (tmp_path / "src" / "train.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "src" / "lib" / "words.py").write_text("", encoding="utf-8")
    return command(name="train", code=str(tmp_path / "src"), command="python train.py", environment="plain:1")


def aml(line: str) -> Any:
    return run(tokenize(line), Context(namespace={}))


def test_the_code_of_a_job_is_listed_and_read(client: Any, azure: Azure, step: Any) -> None:
    name = client.jobs.create_or_update(step).name
    azure.asked.clear()

    assert [one["name"] for one in aml(f"ls azureml://jobs/{name}/code/")] == ["lib", "train.py"]
    assert aml(f"cat azureml://jobs/{name}/code/train.py").entity == SCRIPT
    assert repr(aml(f"preview azureml://jobs/{name}/code/train.py")).splitlines()[0] == "train.py · AZURE"
    assert any(".blob.core.windows.net/" in line for line in azure.asked)


def test_the_code_of_a_pipeline_is_a_folder_for_each_step(client: Any, step: Any) -> None:
    @dsl.pipeline(name="nightly")
    def nightly() -> None:
        first = step()  # noqa: F841 - its name is the step's

    job = nightly()
    job.settings.default_compute = "serverless"
    name = client.jobs.create_or_update(job).name

    assert [one["name"] for one in aml(f"ls azureml://jobs/{name}/code/")] == ["first"]
    assert aml(f"cat azureml://jobs/{name}/code/first/train.py").entity == SCRIPT


def test_a_job_without_code_says_so(client: Any) -> None:
    name = client.jobs.create_or_update(command(command="echo hi", environment="plain:1")).name

    with pytest.raises(NotFoundError, match="has no code"):
        aml(f"ls azureml://jobs/{name}/code/")
