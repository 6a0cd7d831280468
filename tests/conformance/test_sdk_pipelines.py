"""Pipelines through the unmodified SDK: DSL and YAML, what is handed on, reuse, failure, cancelling, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, Output, command, dsl, load_component, load_job
from azure.ai.ml.entities import Environment
from azure.ai.ml.sweep import Choice
from sklearn.datasets import load_breast_cancer

from jupyter_aml.client.connect import connection
from jupyter_aml.client.rest import Rest
from jupyter_aml.errors import ResourceError

from . import lab as labs
from .lab import wait_for

IMAGE = Environment(image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04")
PREPARE = """
name: prepare
version: "1"
type: command
inputs:
  raw: {type: uri_file}
  part: {type: number, default: 0.5, min: 0, max: 1}
  seed: {type: integer, optional: true}
outputs:
  rows: {type: uri_folder}
code: ./src
environment: {image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"}
command: >-
  python prepare.py --raw ${{inputs.raw}} --part ${{inputs.part}} $[[--seed ${{inputs.seed}}]] --rows ${{outputs.rows}}
"""
SOURCES = {
    "prepare.py": """
import argparse, csv, os
parser = argparse.ArgumentParser()
for name in ("raw", "part", "rows"):
    parser.add_argument("--" + name, required=True)
parser.add_argument("--seed", default="none")
given = parser.parse_args()
lines = open(given.raw).readlines()
kept = lines[: 1 + int((len(lines) - 1) * float(given.part))]
open(os.path.join(given.rows, "rows.csv"), "w").writelines(kept)
print("seed", given.seed, "rows", len(kept) - 1)
""",
    "count.py": """
import sys, pathlib, mlflow
rows, rate, model = sys.argv[1:4]
if rate == "broken":
    raise ValueError("the rate is broken")
found = len(pathlib.Path(rows, "rows.csv").read_text().splitlines()) - 1
mlflow.log_metric("score", found * float(rate))
pathlib.Path(model, "count.txt").write_text(str(found))
""",
}


@pytest.fixture
def parts(folder: Path) -> tuple[Any, Any]:
    """The components prepare (YAML) and count (builder)."""
    source = folder / "src"
    source.mkdir()
    for name, text in SOURCES.items():
        (source / name).write_text(text, encoding="utf-8")
    (folder / "prepare.yml").write_text(PREPARE, encoding="utf-8")
    frame = load_breast_cancer(as_frame=True).frame.head(100)
    frame.assign(test=folder.parent.name).to_csv(folder / "cells.csv", index=False)  # no other test's work is reused
    count = command(
        name="count",
        code=str(source),
        command="python count.py ${{inputs.rows}} ${{inputs.rate}} ${{outputs.model}}",
        environment=IMAGE,
        inputs={"rows": Input(type="uri_folder"), "rate": "1.0"},
        outputs={"model": Output(type="uri_folder")},
    )
    return load_component(folder / "prepare.yml"), count


def raw(folder: Path) -> Input:
    return Input(type="uri_file", path=str(folder / "cells.csv"))


def children(client: Any, name: str) -> dict[str, Any]:
    return {child.name.removeprefix(f"{name}_"): child for child in client.jobs.list(parent_job_name=name)}


def count_of(client: Any, folder: Path, name: str, output: str = "model") -> int:
    client.jobs.download(name, download_path=str(folder / name), output_name=output)
    (file,) = (folder / name).rglob("count.txt")
    return int(file.read_text())


def simple(parts: tuple[Any, Any], **settings: Any) -> Any:
    prepare, count = parts

    def counting(raw, part=0.5, rate="1.0"):
        prepared = prepare(raw=raw, part=part)
        counted = count(rows=prepared.outputs.rows, rate=rate)
        return {"model": counted.outputs.model}

    counting.__annotations__["raw"] = Input(type="uri_file")
    return dsl.pipeline(default_compute="serverless", **settings)(counting)


def test_steps_hand_their_outputs_on_and_the_last_is_the_pipelines(
    lab: Any, folder: Path, parts: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    client = lab.client
    job = simple(parts)(raw=raw(folder), part=0.25)
    job.outputs.model = Output(type="uri_folder", name="counted")
    made = client.jobs.create_or_update(job, experiment_name="pipes")

    client.jobs.stream(made.name)

    shown = capsys.readouterr().out
    assert "The pipeline has ended: 2 done." in shown
    got = client.jobs.get(made.name)
    assert (got.status, got.type, got.experiment_name) == ("Completed", "pipeline", "pipes")
    assert set(got.jobs) == {"prepared", "counted"}
    found = children(client, made.name)
    assert {name: child.status for name, child in found.items()} == {"prepared": "Completed", "counted": "Completed"}
    assert count_of(client, folder, made.name) == 25
    assert client.data.get("counted", version="1").path
    assert made.name in {one.name for one in client.jobs.list()}
    assert not {one.name for one in client.jobs.list()} & {child.name for child in found.values()}


def test_a_yaml_with_components_beside_it_runs(lab: Any, folder: Path, parts: Any) -> None:
    (folder / "pipeline.yml").write_text(
        """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
display_name: from a file
settings:
  default_compute: azureml:serverless
inputs:
  raw: {type: uri_file, path: ./cells.csv}
  part: 0.5
outputs:
  rows:
    type: uri_folder
    path: azureml://datastores/workspaceblobstore/paths/kept/${{name}}/
jobs:
  prepare:
    type: command
    component: ./prepare.yml
    inputs: {raw: "${{parent.inputs.raw}}", part: "${{parent.inputs.part}}", seed: 3}
    outputs: {rows: "${{parent.outputs.rows}}"}
  list:
    type: command
    command: ls ${{inputs.rows}} && echo $WORD
    environment: {image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"}
    environment_variables: {WORD: hello}
    inputs: {rows: "${{parent.jobs.prepare.outputs.rows}}"}
""",
        encoding="utf-8",
    )
    client = lab.client
    made = client.jobs.create_or_update(load_job(folder / "pipeline.yml"))

    assert lab.end(made.name).status == "Completed"
    client.jobs.download(f"{made.name}_list", download_path=str(folder / "logs"), all=True)
    log = next((folder / "logs").rglob("std_log.txt")).read_text()
    assert "rows.csv" in log
    assert "hello" in log
    client.jobs.download(made.name, download_path=str(folder / "kept"), output_name="rows")
    assert len(next((folder / "kept").rglob("rows.csv")).read_text().splitlines()) == 51


def test_a_finished_step_with_the_same_work_is_taken_over(lab: Any, folder: Path, parts: Any) -> None:
    client = lab.client
    first = client.jobs.create_or_update(simple(parts)(raw=raw(folder)))
    assert lab.end(first.name).status == "Completed"
    other = client.jobs.create_or_update(simple(parts)(raw=raw(folder), rate="2.0"))
    assert lab.end(other.name).status == "Completed"
    forced = client.jobs.create_or_update(simple(parts, force_rerun=True)(raw=raw(folder)))
    assert lab.end(forced.name).status == "Completed"

    found = children(client, other.name)
    assert found["prepared"].properties["azureml.isreused"] == "true"
    assert found["prepared"].properties["azureml.reusedrunid"] == f"{first.name}_prepared"
    assert "azureml.isreused" not in found["counted"].properties
    assert count_of(client, folder, other.name) == 50
    assert all("azureml.isreused" not in child.properties for child in children(client, forced.name).values())


def test_pipelines_in_pipelines_and_sweeps_as_steps(lab: Any, folder: Path, parts: Any) -> None:
    client = lab.client
    inner = simple(parts)
    _, count = parts

    @dsl.pipeline(default_compute="serverless")
    def outer(raw):
        nested = inner(raw=raw, part=0.1)
        prepared = parts[0](raw=raw, part=0.2)
        search = count(rows=prepared.outputs.rows, rate=Choice(["1.0", "3.0"])).sweep(
            primary_metric="score", goal="maximize", sampling_algorithm="grid"
        )
        search.set_limits(max_total_trials=4, max_concurrent_trials=2)
        return {"small": nested.outputs.model, "best": search.outputs.model}

    made = client.jobs.create_or_update(outer(raw=raw(folder)))

    assert lab.end(made.name).status == "Completed"
    assert set(children(client, f"{made.name}_nested")) == {"prepared", "counted"}
    assert set(children(client, f"{made.name}_search")) == {"0", "1"}
    best = client.jobs.get(f"{made.name}_search").properties["best_child_run_id"]
    assert "3.0" in client.jobs.get(best).properties["hyperparameters"]
    assert count_of(client, folder / "small", made.name, "small") == 10
    assert count_of(client, folder / "best", made.name, "best") == 20


def test_a_failing_step_ends_the_pipeline_with_its_reason(lab: Any, folder: Path, parts: Any) -> None:
    client = lab.client
    made = client.jobs.create_or_update(simple(parts)(raw=raw(folder), rate="broken"))

    with pytest.raises(Exception, match="the rate is broken") as caught:
        client.jobs.stream(made.name)

    assert "The step 'counted'" in str(caught.value)
    assert lab.end(made.name).status == "Failed"
    assert {name: child.status for name, child in children(client, made.name).items()} == {
        "prepared": "Completed",
        "counted": "Failed",
    }


def test_other_branches_go_on_after_a_failure_when_asked(lab: Any, folder: Path, parts: Any) -> None:
    prepare, count = parts

    @dsl.pipeline(default_compute="serverless", continue_on_step_failure=True)
    def branches(raw):
        prepared = prepare(raw=raw)
        bad = count(rows=prepared.outputs.rows, rate="broken")
        after = count(rows=bad.outputs.model)
        good = count(rows=prepared.outputs.rows, rate="7.0")
        assert (after.name, good.name) != ("", "")

    made = lab.client.jobs.create_or_update(branches(raw=raw(folder)))

    assert lab.end(made.name).status == "Failed"
    found = {name: child.status for name, child in children(lab.client, made.name).items()}
    assert found == {"prepared": "Completed", "bad": "Failed", "good": "Completed"}


def test_a_cancelled_pipeline_takes_its_steps_with_it(lab: Any, folder: Path) -> None:
    client = lab.client
    wait = command(command="sleep 600", environment=IMAGE, name="wait")

    @dsl.pipeline(default_compute="serverless")
    def waiting() -> None:
        wait()

    made = client.jobs.create_or_update(waiting())
    wait_for(
        lambda: [child for child in client.jobs.list(parent_job_name=made.name) if child.status == "Running"],
        "a running step",
    )

    client.jobs.begin_cancel(made.name).result()

    assert lab.end(made.name).status == "Canceled"
    assert {child.status for child in children(client, made.name).values()} == {"Canceled"}


@pytest.fixture
def inside(installation: Path, home: Path, real_host: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The lab through the door in this process."""
    monkeypatch.setenv("JUPYTER_AML_HOME", str(installation))
    yield from labs.by_process(installation)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": {"raw": {"job_input_type": "literal", "value": "${{parent.inputs.rwa}}"}}}, "Did you mean 'raw'"),
        ({"inputs": {"raw": {"job_input_type": "literal", "value": "${{parent.jobs.x.outputs.y}}"}}}, "the step 'x'"),
        ({"inputs": {"raw": {"value": "${{parent.jobs.counted.outputs.model}}"}}}, "in a circle"),
        ({"inputs": {"raw": {"value": "${{parent.inputs.raw}}"}, "part": {"value": "many"}}}, "expected a number"),
        ({"inputs": {"raw": {"value": "${{parent.inputs.raw}}"}, "part": {"value": "7"}}}, "expected 1 or less"),
        ({"inputs": {"raw": {"value": "plain text"}}}, "a path or an asset is expected"),
        ({"inputs": {}}, "inputs.raw is missing"),
        ({"componentId": "azureml:none:1"}, "the component 'azureml:none:1'"),
        ({"componentId": "azureml://registries/azureml/components/x/versions/1"}, "registry azureml"),
        ({"type": "commnd"}, "expected one of"),
        ({"type": "spark"}, "which a spark step cannot run"),
        ({"computeId": "azureml:nowhere"}, "nowhere"),
        ({"outputs": {"rows": {"value": "${{parent.outputs.modl}}"}}}, "Did you mean 'model'"),
    ],
)
def test_a_pipeline_that_cannot_run_is_refused_before_anything_runs(
    inside: Any, folder: Path, parts: Any, change: dict[str, Any], said: str
) -> None:
    made = inside.client.jobs.create_or_update(simple(parts)(raw=raw(folder)))
    inside.end(made.name)
    rest = Rest(connection(inside.client))
    body = rest.get(f"jobs/{made.name}")
    body["properties"]["jobs"]["prepared"] |= change

    with pytest.raises(ResourceError) as caught:
        rest.put("jobs/refused", {"properties": body["properties"]})

    assert said in str(caught.value)
    assert caught.value.target.startswith("properties.jobs")
    with pytest.raises(ResourceError, match="was not found"):
        rest.get("jobs/refused")


def test_steps_name_environments_of_registries_in_every_way(lab: Any, folder: Path) -> None:
    registry = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
    (folder / "part.yml").write_text(
        f"type: command\nname: part\nversion: '1'\nenvironment: {registry}\ncommand: echo part\n",
        encoding="utf-8",
    )
    (folder / "flow.yml").write_text(
        f"""
type: pipeline
settings: {{default_compute: azureml:serverless, force_rerun: true}}
jobs:
  inline: {{type: command, command: echo inline, environment: "{registry}"}}
  short: {{type: command, command: echo short, environment: azureml:AzureML-sklearn-1.5@latest}}
  part: {{type: command, component: ./part.yml}}
""",
        encoding="utf-8",
    )
    name = str(lab.client.jobs.create_or_update(load_job(folder / "flow.yml")).name)

    assert lab.end(name).status == "Completed"
    for step in ("inline", "short", "part"):
        assert step in lab.log(f"{name}_{step}")
