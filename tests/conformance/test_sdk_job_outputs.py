"""Outputs of command jobs through the unmodified SDK: every type and mode, named ones registered, all downloaded."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Output
from azure.ai.ml.entities import Data, Model
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from .lab import Lab

WRITE = "echo word > ${{outputs.o}}/word.txt"


def download(lab: Lab, job: str, folder: Path, **how: Any) -> dict[str, str]:
    """The files that the SDK downloads of a job, by path below the folder."""
    place = folder / f"down-{lab.door}-{job}-{len(how)}"
    lab.client.jobs.download(job, download_path=place, **how)
    found = {}
    for path in sorted(place.rglob("*")):
        if path.is_file():
            found[path.relative_to(place).as_posix()] = path.read_text(encoding="utf-8")
    return found


@pytest.mark.parametrize("kind", ["uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"])
def test_a_folder_of_any_type_is_kept_and_downloaded(lab: Lab, folder: Path, kind: str) -> None:
    job = lab.run(command=WRITE, outputs={"o": Output(type=kind)})

    assert job.outputs["o"].type == kind
    assert download(lab, job.name, folder, output_name="o") == {"named-outputs/o/word.txt": "word\n"}


def test_a_file_is_kept_and_downloaded(lab: Lab, folder: Path) -> None:
    job = lab.run(command="echo word > ${{outputs.o}}", outputs={"o": Output(type="uri_file")})

    assert list(download(lab, job.name, folder, output_name="o").values()) == ["word\n"]


@pytest.mark.parametrize("mode", ["rw_mount", "upload"])
def test_an_output_goes_where_its_path_says(lab: Lab, mode: str) -> None:
    path = f"azureml://datastores/workspaceblobstore/paths/results/{lab.door}-{mode}/"
    job = lab.run(command=WRITE, outputs={"o": Output(type="uri_folder", path=path, mode=mode)})

    assert lab.client.jobs.get(job.name).outputs["o"].path == path
    assert lab.client.jobs.get(job.name).outputs["o"].mode == mode
    container = f"azureml-blobstore-{lab.entry.id}"
    kept = lab.entry.folder / "blobs" / lab.entry.account / container / "results" / f"{lab.door}-{mode}" / "word.txt"
    assert kept.read_text(encoding="utf-8") == "word\n"


def test_placeholders_in_the_path_of_an_output_are_filled_in(lab: Lab) -> None:
    path = "azureml://datastores/${{default_datastore}}/paths/runs/${{name}}/${{output_name}}/"
    job = lab.run(command=WRITE, outputs={"o": Output(type="uri_folder", path=path)})

    container = f"azureml-blobstore-{lab.entry.id}"
    kept = lab.entry.folder / "blobs" / lab.entry.account / container / "runs" / job.name / "o" / "word.txt"
    assert kept.read_text(encoding="utf-8") == "word\n"


def test_direct_gives_the_place_to_write_to(lab: Lab) -> None:
    path = "azureml://datastores/workspaceblobstore/paths/direct/"
    said = lab.prints(command="echo ${{outputs.o}}", outputs={"o": Output(type="uri_folder", path=path, mode="direct")})

    assert said.strip().startswith("azureml://")
    assert said.strip().endswith("/paths/direct/")


def test_a_named_output_becomes_a_data_asset(lab: Lab) -> None:
    name = f"made-{lab.door}"
    job = lab.run(command=WRITE, outputs={"o": Output(type="uri_folder", name=name)})

    made = lab.client.data.get(name, label="latest")
    assert (made.version, made.type) == ("1", "uri_folder")
    assert made.path.startswith("azureml://subscriptions/")
    assert job.name in made.path
    again = lab.run(command="ls ${{inputs.d}}", inputs={"d": _input(f"azureml:{name}:1")})
    assert lab.log(again.name) == "word.txt\n"


def _input(path: str) -> Any:
    from azure.ai.ml import Input

    return Input(type="uri_folder", path=path)


def test_a_named_output_takes_the_next_version_or_the_one_that_was_asked_for(lab: Lab) -> None:
    name = f"counted-{lab.door}"
    for version in (None, "7", None):
        lab.run(command=WRITE, outputs={"o": Output(type="uri_folder", name=name, version=version)})

    assert [one.version for one in lab.client.data.list(name)] == ["8", "7", "1"]


@pytest.mark.parametrize("kind", ["mlflow_model", "custom_model", "triton_model"])
def test_a_named_output_of_a_models_type_becomes_a_model(lab: Lab, folder: Path, kind: str) -> None:
    name = f"made-{kind}-{lab.door}".replace("_", "-")
    job = lab.run(command=WRITE, outputs={"o": Output(type=kind, name=name, version="3")})

    made = lab.client.models.get(name, "3")
    assert (made.type, made.job_name) == (kind, job.name)
    lab.client.models.download(name, "3", download_path=str(folder / name))
    (file,) = (folder / name).rglob("word.txt")
    assert file.read_text(encoding="utf-8") == "word\n"


def test_a_version_that_exists_already_is_refused_before_the_job_runs(lab: Lab, folder: Path) -> None:
    (folder / "x.csv").write_text("a\n", encoding="utf-8")
    with contextlib.suppress(ResourceExistsError):
        lab.client.data.create_or_update(Data(name="taken", version="1", path=str(folder / "x.csv"), type="uri_file"))

    with pytest.raises(ResourceExistsError, match="taken:1, which exists already") as caught:
        lab.submit(command=WRITE, outputs={"o": Output(type="uri_folder", name="taken", version="1")})

    assert caught.value.error.code == "Conflict"


def test_the_outputs_of_a_failed_job_are_kept_but_not_registered(lab: Lab, folder: Path) -> None:
    name = f"never-{lab.door}"
    job = lab.run(command=f"{WRITE}; exit 3", outputs={"o": Output(type="uri_folder", name=name)}, status="Failed")

    assert download(lab, job.name, folder, output_name="o") == {"named-outputs/o/word.txt": "word\n"}
    assert name not in [one.name for one in lab.client.data.list()]


def test_everything_is_downloaded_at_once(lab: Lab, folder: Path) -> None:
    deep = "mkdir -p outputs/deep; echo own > outputs/deep/own.txt"
    job = lab.run(
        command=f"echo said; {deep}; {WRITE}; echo f > ${{{{outputs.f}}}}",
        outputs={"o": Output(type="uri_folder"), "f": Output(type="uri_file")},
    )

    found = download(lab, job.name, folder, all=True)

    assert found["named-outputs/o/word.txt"] == "word\n"
    assert found["artifacts/outputs/deep/own.txt"] == "own\n"
    assert found["artifacts/user_logs/std_log.txt"].endswith("said\n")
    assert [text for path, text in found.items() if path.startswith("named-outputs/f")] == ["f\n"]


def test_without_a_name_the_artifacts_and_logs_are_downloaded(lab: Lab, folder: Path) -> None:
    job = lab.run(
        command=f"echo said; mkdir -p outputs; echo own > outputs/own.txt; echo l > logs/l.txt; {WRITE}",
        outputs={"o": Output(type="uri_folder")},
    )

    found = download(lab, job.name, folder)

    assert {"artifacts/outputs/own.txt", "artifacts/logs/l.txt", "artifacts/user_logs/std_log.txt"} == set(found)


def test_an_output_called_default_is_the_artifact_folder(lab: Lab, folder: Path) -> None:
    job = lab.run(command="mkdir -p outputs; echo own > outputs/own.txt")

    assert job.outputs["default"].type == "uri_folder"
    assert job.outputs["default"].path == (f"azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.{job.name}")
    assert download(lab, job.name, folder, output_name="default")["artifacts/outputs/own.txt"] == "own\n"


def test_an_output_of_a_job_is_registered_afterwards(lab: Lab) -> None:
    job = lab.run(command=WRITE, outputs={"o": Output(type="uri_folder"), "m": Output(type="custom_model")})
    name = f"later-{lab.door}"

    data = lab.client.data.create_or_update(
        Data(name=name, path=f"azureml://jobs/{job.name}/outputs/o", type="uri_folder")
    )
    model = lab.client.models.create_or_update(
        Model(name=name, path=f"azureml://jobs/{job.name}/outputs/m/paths/", type="custom_model")
    )

    assert (data.version, model.version) == ("1", "1")
    assert data.path.startswith("azureml://subscriptions/")
    assert lab.prints(command="ls ${{inputs.d}}", inputs={"d": _input(f"azureml:{name}:1")}) == "word.txt\n"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("azureml://datastores/nostore/paths/x/", 404, "names the datastore 'nostore'"),
        ("https://example.com/x/", 501, "where a local job cannot write"),
    ],
)
def test_an_output_that_cannot_be_kept_there_is_refused(lab: Lab, path: str, status: int, said: str) -> None:
    with pytest.raises(HttpResponseError, match=said) as caught:
        lab.submit(command=WRITE, outputs={"o": Output(type="uri_folder", path=path)})

    assert caught.value.status_code == status
    assert caught.value.error.target == "properties.outputs.o.uri"
