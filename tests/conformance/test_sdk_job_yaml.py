"""Jobs and components as YAML through the unmodified SDK: `load_job`, `load_component`, and the way there and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml import Input, Output, load_component, load_job
from azure.ai.ml.entities import CommandComponent, Data
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from .lab import PLAIN, Lab

JOB = """
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
type: command
experiment_name: from-yaml
display_name: Count rows
description: Counts the rows of a table.
tags:
  team: clinic
code: ./src
command: >-
  python count.py
  --data ${{inputs.table}}
  --times ${{inputs.times}}
  --out ${{outputs.counted}}
environment: azureml:plain@latest
environment_variables:
  GREETING: hello
inputs:
  table:
    type: uri_file
    path: %s
    mode: download
  times: 2
outputs:
  counted:
    type: uri_folder
compute: azureml:serverless
limits:
  timeout: 300
resources:
  instance_count: 1
"""
COUNT = """
import argparse, os
parser = argparse.ArgumentParser()
for name in ("--data", "--times", "--out"):
    parser.add_argument(name)
given = parser.parse_args()
rows = sum(1 for _ in open(given.data)) - 1
print(os.environ["GREETING"], rows * int(given.times))
if given.out:
    open(os.path.join(given.out, "rows.txt"), "w").write(str(rows))
"""
COMPONENT = """
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: count
display_name: Count
version: "%s"
code: ./src
command: >-
  python count.py --data ${{inputs.table}} --times ${{inputs.times}} --out ${{outputs.counted}}
environment: azureml:plain:1
inputs:
  table:
    type: uri_file
  times:
    type: integer
    default: 3
    min: 1
outputs:
  counted:
    type: uri_folder
"""


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder with a script and the clinical measurements of scikit-learn's diabetes set."""
    from sklearn.datasets import load_diabetes

    (folder / "src").mkdir()
    (folder / "src" / "count.py").write_text(COUNT, encoding="utf-8")
    load_diabetes(as_frame=True).frame.to_csv(folder / "diabetes.csv", index=False)
    return folder


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def finished(lab: Lab, job: Any, said: str) -> Any:
    """The job when it has completed and said so."""
    found = lab.end(lab.client.jobs.create_or_update(job).name)
    assert (found.status, lab.log(found.name)) == ("Completed", said)
    return found


def test_a_job_of_a_file_runs_with_local_data(lab: Lab, project: Path) -> None:
    job = load_job(write(project / "job.yml", JOB % "./diabetes.csv"))

    found = finished(lab, job, "hello 884\n")

    assert (found.experiment_name, found.display_name) == ("from-yaml", "Count rows")
    assert found.tags == {"team": "clinic"}
    assert found.limits.timeout == 300
    assert (found.inputs["table"].type, found.inputs["table"].mode) == ("uri_file", "download")


@pytest.mark.parametrize("how", ["azureml:{name}:1", "azureml:{name}@latest"])
def test_a_job_of_a_file_takes_a_data_asset(lab: Lab, project: Path, how: str) -> None:
    name = f"diabetes-{lab.door}"
    lab.client.data.create_or_update(Data(name=name, version="1", path=str(project / "diabetes.csv"), type="uri_file"))

    finished(lab, load_job(write(project / "job.yml", JOB % how.format(name=name))), "hello 884\n")


def test_fields_of_a_file_are_overridden_as_with_set(lab: Lab, project: Path) -> None:
    path = write(project / "job.yml", JOB % "./diabetes.csv")

    job = load_job(path, params_override=[{"inputs.times": 1}, {"display_name": "Again"}])

    assert finished(lab, job, "hello 442\n").display_name == "Again"


def test_what_comes_back_of_a_job_is_yaml_that_runs_again(lab: Lab, project: Path) -> None:
    first = finished(lab, load_job(write(project / "job.yml", JOB % "./diabetes.csv")), "hello 884\n")
    # `get` gives a node of a pipeline, whose YAML is a node's; as a job it is what `az ml job show` prints
    lab.client.jobs.get(first.name)._to_job().dump(dest=project / "back.yml")
    text = yaml.safe_load((project / "back.yml").read_text(encoding="utf-8"))

    assert (text["type"], text["experiment_name"], text["display_name"]) == ("command", "from-yaml", "Count rows")
    again = load_job(project / "back.yml")
    again.name = None
    again.outputs["counted"] = Output(type="uri_folder")
    second = finished(lab, again, "hello 884\n")
    assert second.name != first.name
    assert second.code == first.code


def test_a_component_of_a_file_is_registered_and_used_as_a_job(lab: Lab, project: Path) -> None:
    # the SDK (1.35.2) hands no outputs of a component on to a job of its own
    text = (COMPONENT % f"1-{lab.door}").replace(" --out ${{outputs.counted}}", "").partition("outputs:")[0]
    made = lab.client.components.create_or_update(load_component(write(project / "count.yml", text)))
    assert isinstance(lab.client.components.get("count", made.version), CommandComponent)

    job = made(table=Input(type="uri_file", path=str(project / "diabetes.csv")), times=5)
    job.environment, job.environment_variables = PLAIN, {"GREETING": "component"}

    finished(lab, job, "component 2210\n")


def test_a_registered_component_is_found_by_version_label_and_list(lab: Lab, project: Path) -> None:
    for number in range(2):
        lab.client.components.create_or_update(
            load_component(write(project / "count.yml", COMPONENT % f"{number}-{lab.door}-l"))
        )

    newest = lab.client.components.get("count")
    assert newest.version == f"1-{lab.door}-l"
    assert [one.version for one in lab.client.components.list("count")][:2] == [f"{n}-{lab.door}-l" for n in (1, 0)]
    assert "count" in [one.name for one in lab.client.components.list()]
    assert newest.inputs["times"].default == 3


def test_a_components_yaml_comes_back_and_registers_as_the_same(lab: Lab, project: Path) -> None:
    made = lab.client.components.create_or_update(
        load_component(write(project / "count.yml", COMPONENT % f"2-{lab.door}"))
    )
    lab.client.components.get("count", made.version).dump(dest=project / "back.yml")

    again = lab.client.components.create_or_update(load_component(project / "back.yml"))

    assert (again.name, again.version, again.id) == (made.name, made.version, made.id)


def test_a_file_that_names_an_unknown_asset_is_refused(lab: Lab, project: Path) -> None:
    with pytest.raises(ResourceNotFoundError, match="names the data asset 'azureml:absent:1'"):
        lab.client.jobs.create_or_update(load_job(write(project / "job.yml", JOB % "azureml:absent:1")))


def test_a_file_that_names_an_unknown_compute_is_refused(lab: Lab, project: Path) -> None:
    text = (JOB % "./diabetes.csv").replace("azureml:serverless", "azureml:gpu-cluster")

    with pytest.raises(HttpResponseError, match="compute 'gpu-cluster' was not found") as caught:
        lab.client.jobs.create_or_update(load_job(write(project / "job.yml", text)))

    assert (caught.value.status_code, caught.value.error.target) == (404, "properties.computeId")


def test_a_job_of_a_file_for_this_machine_is_just_another_job(lab: Lab, project: Path) -> None:
    text = (JOB % "./diabetes.csv").replace("azureml:serverless", "local")

    job = finished(lab, load_job(write(project / "job.yml", text)), "hello 884\n")

    assert job.compute == "local"
