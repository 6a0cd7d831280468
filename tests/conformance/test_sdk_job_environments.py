"""Environments of command jobs through the unmodified SDK: registered or inline, by label, with packages, curated."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml.entities import BuildContext, Environment
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from jupyter_aml.agent import processes
from tests.unit.runtime.wheels import make_slow_source, make_wheel

from . import lab as labs
from .lab import IMAGE, Lab, wait_for

CONDA: dict[str, Any] = {"name": "small", "channels": ["conda-forge"], "dependencies": ["pip", {"pip": ["tiny==1.0"]}]}
WHICH = "import numpy; print(numpy.__file__)"
PROCESS = pytest.mark.parametrize("lab", ["process"], indirect=True)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store whose host knows no package index but a folder of wheels."""
    folder = tmp_path_factory.mktemp("wheels")
    make_wheel(folder, "tiny", "1.0", "tinier")
    make_wheel(folder, "tinier", "0.1")
    config = folder / "pip.conf"
    config.write_text(f"[global]\nfind-links = {folder}\nno-index = true\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("PIP_CONFIG_FILE", str(config))
        yield from labs.make_home()


def warnings(lab: Lab, job: str) -> list[str]:
    """What the SDK's stream would print under Warnings."""
    return [str(one.message) for one in lab.client.jobs._runs_operations.get_run_details(job).warnings]


def test_an_image_alone_runs_the_python_that_submits_and_the_job_says_so(lab: Lab) -> None:
    job = lab.run(WHICH, environment=Environment(name="imaged", image=IMAGE))

    assert sys.prefix in lab.log(job.name)
    (said,) = warnings(lab, job.name)
    assert f"The image {IMAGE} is not pulled here" in said


def test_packages_of_a_conda_file_are_there_and_only_there(lab: Lab, folder: Path) -> None:
    import yaml

    (folder / "conda.yml").write_text(yaml.safe_dump(CONDA), encoding="utf-8")
    environment = Environment(name=f"small-{lab.door}", image=IMAGE, conda_file=str(folder / "conda.yml"))
    script = "import tiny, tinier, sys; print(tiny.__name__, sys.prefix != sys.base_prefix)"

    job = lab.run(script, environment=environment)

    assert lab.log(job.name).splitlines()[-1] == "tiny True"
    plain = lab.run("import tiny", status="Failed")
    assert lab.error(plain.name)["message"] == "ModuleNotFoundError: No module named 'tiny'"


def test_the_same_packages_are_built_once(lab: Lab) -> None:
    for number in range(2):
        name = f"same-{lab.door}-{number}"
        lab.client.environments.create_or_update(Environment(name=name, version="1", image=IMAGE, conda_file=CONDA))
        job = lab.run("import tiny", environment=f"{name}:1")

    assert "Building the environment" not in lab.log(job.name)
    made = [json.loads(path.read_text()) for path in (lab.service.store.home / "envs").glob("*/complete.json")]
    assert len([one for one in made if one["requirements"] == ["tiny==1.0"]]) == 1


def test_a_dictionary_is_as_good_as_a_conda_file(lab: Lab) -> None:
    job = lab.run("import tiny; print('here')", environment=Environment(image=IMAGE, conda_file=CONDA))

    assert lab.log(job.name).splitlines()[-1] == "here"


@PROCESS
def test_a_package_that_cannot_be_had_fails_the_job_with_the_installers_words(lab: Lab) -> None:
    bad = {**CONDA, "dependencies": ["pip", {"pip": ["no-such-package==9"]}]}

    job = lab.run("print(1)", environment=Environment(image=IMAGE, conda_file=bad), status="Failed")

    assert lab.error(job.name)["code"] == "ImageBuildFailure"
    assert "no-such-package" in lab.error(job.name)["message"]
    assert "no-such-package" in lab.log(job.name)


@PROCESS
def test_a_cancel_in_the_middle_of_a_build_ends_the_job_and_the_installer(
    lab: Lab, installation: Path, tmp_path: Path
) -> None:
    began = tmp_path / "began"
    wheels = Path(os.environ["PIP_CONFIG_FILE"]).parent
    make_slow_source(wheels, "never", began, tmp_path / "go")
    conda = {**CONDA, "dependencies": ["pip", {"pip": ["never"]}]}
    job = lab.submit("print(1)", environment=Environment(image=IMAGE, conda_file=conda))
    wait_for(began.exists, "the build")
    assert lab.client.jobs.get(job).status == "Preparing"

    lab.client.jobs.begin_cancel(job).wait()

    assert lab.end(job).status == "Canceled"
    assert not processes.alive(int(began.read_text()), 0)


@PROCESS
def test_the_build_is_streamed_and_its_log_is_one_of_the_runs(
    lab: Lab, capfd: pytest.CaptureFixture[str], folder: Path
) -> None:
    conda = {**CONDA, "dependencies": ["pip", {"pip": ["tinier==0.1"]}]}
    job = lab.submit("print('at last')", environment=Environment(image=IMAGE, conda_file=conda))

    lab.client.jobs.stream(job)

    shown = capfd.readouterr().out
    assert "Building the environment" in shown
    assert "at last" in shown
    lab.client.jobs.download(job, download_path=str(folder), all=True)
    logs = list(folder.rglob("20_image_build_log.txt"))
    assert [log.parent.name for log in logs] == ["azureml-logs"]
    assert "tinier==0.1" in logs[0].read_text(encoding="utf-8")


@PROCESS
def test_packages_that_the_python_that_submits_has_are_not_built(lab: Lab) -> None:
    conda = {**CONDA, "dependencies": ["python>=3.8", "numpy", "pip", {"pip": ["pandas>=1"]}]}

    job = lab.run(WHICH, environment=Environment(image=IMAGE, conda_file=conda))

    assert sys.prefix in lab.log(job.name).splitlines()[-1]
    assert "has all packages of the environment" in lab.log(job.name)


@PROCESS
def test_a_requirements_text_pins_another_version_than_the_python_that_submits_has(lab: Lab) -> None:
    make_wheel(Path(os.environ["PIP_CONFIG_FILE"]).parent, "numpy", "0.9")
    conda = {**CONDA, "dependencies": ["pip", {"pip": ["numpy==0.9"]}]}

    job = lab.run("import numpy; print(numpy.version)", environment=Environment(image=IMAGE, conda_file=conda))

    assert lab.log(job.name).splitlines()[-1] == "0.9"


@PROCESS
def test_a_script_needs_no_mlflow(lab: Lab) -> None:
    script = "import importlib.util, tiny; print(importlib.util.find_spec('mlflow'), tiny.version)"

    for _ in range(2):  # the second time a zygote of the environment may be there
        job = lab.run(script, environment=Environment(image=IMAGE, conda_file=CONDA))
        assert lab.log(job.name).splitlines()[-1] == "None 1.0"


def test_an_environment_is_taken_by_version_and_label(lab: Lab) -> None:
    name = f"labelled-{lab.door}"
    for _ in range(2):
        lab.client.environments.create_or_update(Environment(name=name, image=f"{IMAGE}:{_}"))

    one, latest = (lab.run(command="true", environment=text) for text in (f"{name}:1", f"{name}@latest"))

    assert str(one.environment).endswith(f"{name}:1")
    assert str(latest.environment).endswith(f"{name}:2")


def test_an_environment_object_of_the_workspace_is_taken(lab: Lab) -> None:
    found = lab.client.environments.get("plain", "1")

    job = lab.run(command="true", environment=found)

    assert str(job.environment).endswith("plain:1")


def test_an_inline_environment_is_registered_without_a_name_and_not_listed(lab: Lab) -> None:
    job = lab.run(command="true", environment=Environment(image=f"{IMAGE}:inline"))

    assert "CliV2AnonymousEnvironment" in str(job.environment)
    assert "CliV2AnonymousEnvironment" not in [one.name for one in lab.client.environments.list()]


def test_a_build_context_is_uploaded_and_said_not_to_be_built(lab: Lab, folder: Path) -> None:
    context = folder / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM debian\n", encoding="utf-8")

    job = lab.run(WHICH, environment=Environment(name="built", build=BuildContext(path=str(context))))

    assert sys.prefix in lab.log(job.name)
    assert "is not built here" in warnings(lab, job.name)[0]


@PROCESS
@pytest.mark.parametrize(
    "name",
    [
        "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
        "azureml://registries/azureml/environments/sklearn-1.5/versions/33",
        "AzureML-sklearn-1.0-ubuntu20.04-py38-cpu:1",
        "azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu@latest",
    ],
)
def test_curated_environments_run_the_python_that_submits_and_the_job_says_so(lab: Lab, name: str) -> None:
    job = lab.run(WHICH, environment=name)

    assert sys.prefix in lab.log(job.name)
    assert "sklearn-1" in warnings(lab, job.name)[0]
    assert "is a Docker image" in warnings(lab, job.name)[0]


def test_an_environment_that_does_not_exist_is_not_found(lab: Lab) -> None:
    with pytest.raises(ResourceNotFoundError, match="names the environment 'azureml:plian:1'") as caught:
        lab.submit(command="true", environment="plian:1")

    assert caught.value.error.target == "properties.environmentId"
    assert "plain" in str(caught.value)


def test_a_version_that_does_not_exist_is_not_found(lab: Lab) -> None:
    with pytest.raises(HttpResponseError, match="There is plain:1") as caught:
        lab.submit(command="true", environment="plain:99")

    assert caught.value.status_code == 404
