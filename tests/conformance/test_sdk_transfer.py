"""Data transfer steps through the unmodified SDK: copies merged, conflicts refused, what is not served said."""

from __future__ import annotations

from pathlib import Path

import pytest
from azure.ai.ml import Input, Output, dsl, load_job
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.data_transfer import copy_data
from azure.core.exceptions import HttpResponseError

from .lab import Lab

PIPELINE = """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: moving
inputs:
  left: {{type: uri_folder, path: ./left}}
  right: {{type: uri_folder, path: ./right}}
settings: {{default_compute: serverless}}
jobs:
  merge:
    type: data_transfer
    task: copy_data
    data_copy_mode: {mode}
    inputs: {{first: "${{{{parent.inputs.left}}}}", second: "${{{{parent.inputs.right}}}}"}}
    outputs: {{all: {{type: uri_folder, path: "azureml://datastores/workspaceblobstore/paths/{place}/"}}}}
"""


@pytest.fixture
def folders(folder: Path) -> Path:
    """Two folders that both have a `same.txt`."""
    for side in ("left", "right"):
        (folder / side / "deep").mkdir(parents=True)
        (folder / side / "same.txt").write_text(side, encoding="utf-8")
        (folder / side / "deep" / f"{side}.txt").write_text(side, encoding="utf-8")
    return folder


def submit(lab: Lab, folder: Path, mode: str, place: str) -> str:
    path = folder / f"{mode}.yml"
    path.write_text(PIPELINE.format(mode=mode, place=place), encoding="utf-8")
    return str(lab.client.jobs.create_or_update(load_job(path)).name)


def stored(lab: Lab, place: str) -> dict[str, str]:
    root = lab.entry.folder / "blobs" / lab.entry.account / f"azureml-blobstore-{lab.entry.id}" / place
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_folders_are_merged_and_the_last_of_a_name_wins(lab: Lab, folders: Path) -> None:
    name = submit(lab, folders, "merge_with_overwrite", f"merged-{lab.door}")

    assert lab.end(name).status == "Completed", lab.log(f"{name}_merge")
    assert stored(lab, f"merged-{lab.door}") == {
        "same.txt": "right",
        "deep/left.txt": "left",
        "deep/right.txt": "right",
    }


def test_a_conflict_fails_the_step_and_copies_nothing(lab: Lab, folders: Path) -> None:
    name = submit(lab, folders, "fail_if_conflict", f"refused-{lab.door}")

    assert lab.end(name).status == "Failed"
    assert stored(lab, f"refused-{lab.door}") == {}
    log = lab.log(f"{name}_merge")
    assert "more than one file of the name same.txt" in log
    assert "data_copy_mode is fail_if_conflict" in log


def test_what_the_place_holds_already_is_a_conflict_too(lab: Lab, folders: Path) -> None:
    (folders / "right" / "same.txt").unlink()
    first = submit(lab, folders, "fail_if_conflict", f"once-{lab.door}")
    assert lab.end(first).status == "Completed"
    (folders / "left" / "new.txt").write_text("new", encoding="utf-8")

    second = submit(lab, folders, "fail_if_conflict", f"once-{lab.door}")

    assert lab.end(second).status == "Failed"
    assert "new.txt" not in stored(lab, f"once-{lab.door}")
    assert "deep/left.txt" in lab.log(f"{second}_merge")


def test_a_file_is_copied_from_the_dsl(lab: Lab, folders: Path) -> None:
    one = Input(type=AssetTypes.URI_FILE, path=str(folders / "left" / "same.txt"))
    made = copy_data(
        inputs={"source": one},
        outputs={
            "sink": Output(
                type=AssetTypes.URI_FILE, path=f"azureml://datastores/workspaceblobstore/paths/{lab.door}/b.txt"
            )
        },
        task="copy_data",
        data_copy_mode="merge_with_overwrite",
    )

    @dsl.pipeline(default_compute="serverless", experiment_name="moving")
    def move() -> None:
        made()

    name = lab.client.jobs.create_or_update(move()).name

    assert lab.end(name).status == "Completed", lab.log(f"{name}_merge")
    assert stored(lab, lab.door) == {"b.txt": "left"}


def test_an_import_from_a_database_is_refused_with_what_to_do(lab: Lab, folder: Path) -> None:
    path = folder / "import.yml"
    path.write_text(
        """
type: pipeline
settings: {default_compute: serverless}
jobs:
  bring:
    type: data_transfer
    task: import_data
    source: {type: database, connection: "azureml:my_sql", query: "select 1"}
    outputs: {sink: {type: mltable}}
""",
        encoding="utf-8",
    )

    with pytest.raises(HttpResponseError) as refused:
        lab.client.jobs.create_or_update(load_job(path))

    assert refused.value.status_code == 501
    assert "import_data" in str(refused.value)
