"""Parallel steps that stopped, and go on when their pipeline is submitted again."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, Output, dsl
from azure.ai.ml.entities import Environment
from azure.ai.ml.parallel import RunFunction, parallel_run_function

from jupyter_aml.local.jobs import resume

from .lab import wait_for

IMAGE = Environment(image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04")
SCRIPT = """
import os, pathlib, sys, time

aside, extra = map(pathlib.Path, sys.argv[1:])

def run(mini_batch):
    name = os.path.basename(mini_batch[0])
    with (aside / "ran").open("a") as file:
        file.write(name + "\\n")
    if (aside / name).exists():
        (aside / "stopped").touch()
        time.sleep(float((aside / name).read_text()))
        raise ValueError("stopped at " + name)
    (extra / name).write_text(name.upper())
    return [name]
"""
COUNT = 5


@pytest.fixture
def aside(folder: Path) -> Path:
    """Where the script says what it ran, and is told what to fail at; the data lie in `data`."""
    (folder / "data").mkdir()
    for number in range(COUNT):
        (folder / "data" / f"f{number}").write_text(str(number), encoding="utf-8")
    (folder / "code").mkdir()
    (folder / "code" / "score.py").write_text(SCRIPT, encoding="utf-8")
    place = folder / "aside"
    place.mkdir()
    return place


def submitted(lab: Any, folder: Path, **more: Any) -> str:
    part = parallel_run_function(
        name="score",
        inputs={"data": Input(type="uri_folder")},
        outputs={"rows": Output(type="uri_file"), "extra": Output(type="uri_folder")},
        input_data="${{inputs.data}}",
        instance_count=1,
        max_concurrency_per_instance=1,
        mini_batch_size="1",
        error_threshold=0,
        retry_settings={"max_retries": 0, "timeout": 60},
        task=RunFunction(
            code=str(folder / "code"), entry_script="score.py", environment=IMAGE,
            program_arguments=f"{folder / 'aside'} ${{{{outputs.extra}}}}", append_row_to="${{outputs.rows}}",
        ),
    )  # fmt: skip

    @dsl.pipeline(default_compute="serverless", **more)
    def scoring() -> Any:
        scored = part(data=Input(type="uri_folder", path=str(folder / "data")))
        return {"rows": scored.outputs.rows, "extra": scored.outputs.extra}

    return str(lab.client.jobs.create_or_update(scoring()).name)


def got(lab: Any, folder: Path, name: str) -> tuple[list[str], dict[str, str]]:
    """The rows and the files that a pipeline gave."""
    for output in ("rows", "extra"):
        lab.client.jobs.download(name, download_path=str(folder / name / output), output_name=output)
    files = {path.name: path.read_text() for path in (folder / name / "extra").rglob("f*") if path.is_file()}
    (rows,) = (path for path in (folder / name / "rows").rglob("*") if path.is_file())
    return rows.read_text().splitlines(), files


def ran(aside: Path) -> list[str]:
    found = (aside / "ran").read_text().split()
    (aside / "ran").unlink()
    return found


WHOLE = ([f"f{number}" for number in range(COUNT)], {f"f{number}": f"F{number}" for number in range(COUNT)})


def test_a_step_that_failed_goes_on_with_the_batches_that_are_left(lab: Any, folder: Path, aside: Path) -> None:
    (aside / "f3").write_text("0")
    assert lab.end(submitted(lab, folder)).status == "Failed"
    assert ran(aside) == ["f0", "f1", "f2", "f3"]
    (aside / "f3").unlink()
    name = submitted(lab, folder)

    assert lab.end(name).status == "Completed"
    assert ran(aside) == ["f3", "f4"]
    assert got(lab, folder, name) == WHOLE
    assert "3 of them were done by an earlier run; they are not repeated." in lab.log(f"{name}_score")


def test_it_goes_on_after_a_cancel_and_however_often_it_stops(lab: Any, folder: Path, aside: Path) -> None:
    (aside / "f1").write_text("60")
    name = submitted(lab, folder)
    wait_for((aside / "stopped").exists, "the batch that takes long")
    lab.client.jobs.begin_cancel(name).wait()
    assert lab.end(name).status == "Canceled"
    (aside / "f1").unlink()
    (aside / "f4").write_text("0")
    assert lab.end(submitted(lab, folder)).status == "Failed"
    (aside / "f4").unlink()
    name = submitted(lab, folder)

    assert lab.end(name).status == "Completed"
    assert ran(aside) == ["f0", "f1", "f1", "f2", "f3", "f4", "f4"]
    assert got(lab, folder, name) == WHOLE


@pytest.mark.parametrize("change", ["forced", "code"])
def test_other_work_and_forced_work_begin_at_the_beginning(lab: Any, folder: Path, aside: Path, change: str) -> None:
    (aside / "f3").write_text("0")
    assert lab.end(submitted(lab, folder)).status == "Failed"
    ran(aside)
    (aside / "f3").unlink()
    if change == "code":
        (folder / "code" / "score.py").write_text(f"{SCRIPT}\n# mended\n")
    name = submitted(lab, folder, force_rerun=change == "forced")

    assert lab.end(name).status == "Completed"
    assert ran(aside) == WHOLE[0]
    assert got(lab, folder, name) == WHOLE


def test_without_the_outputs_of_the_earlier_run_nothing_is_taken_over_from_it(
    lab: Any, folder: Path, aside: Path
) -> None:
    (aside / "f3").write_text("0")
    name = submitted(lab, folder)
    assert lab.end(name).status == "Failed"
    ran(aside)
    (aside / "f3").unlink()
    workspace = lab.service.workspace(lab.entry)
    shutil.rmtree(workspace.blobs.path(workspace.blob_container, f"azureml/{name}_score/extra"))
    again = submitted(lab, folder)

    assert lab.end(again).status == "Completed"
    assert ran(aside) == WHOLE[0]
    assert got(lab, folder, again) == WHOLE


def test_journals_that_nobody_went_on_with_are_forgotten(tmp_path: Path) -> None:
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    for path in (old, new):
        path.touch()
    long_ago = time.time() - resume.KEPT_SECONDS - 60
    os.utime(old, (long_ago, long_ago))

    resume._forget(tmp_path)

    assert not old.exists()
    assert new.exists()
