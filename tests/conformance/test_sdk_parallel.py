"""Parallel steps through the unmodified SDK: files and tables in mini-batches, retries, thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, Output, dsl
from azure.ai.ml.entities import Environment
from azure.ai.ml.parallel import RunFunction, parallel_run_function
from sklearn.datasets import load_iris

IMAGE = Environment(image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04")
TABLE = """
paths:
- file: ./iris.csv
transformations:
- read_delimited: {delimiter: ",", header: all_files_same_headers}
"""
COUNT = """
import argparse, os, pandas as pd

def init():
    global given
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float)
    given, _ = parser.parse_known_args()
    print("began", os.getpid())

def run(mini_batch):
    return [f"{os.path.basename(path)},{len(pd.read_csv(path)) * given.scale:g}" for path in mini_batch]
"""


@pytest.fixture
def flowers(folder: Path) -> Path:
    """Iris in seven files."""
    place = folder / "flowers"
    place.mkdir()
    frame = load_iris(as_frame=True).frame.sample(frac=1, random_state=0)
    for number in range(7):
        frame.iloc[number::7].to_csv(place / f"part{number}.csv", index=False)
    (place.parent / "table").mkdir()
    frame.to_csv(folder / "table" / "iris.csv", index=False)
    (folder / "table" / "MLTable").write_text(
        TABLE,
        encoding="utf-8",
    )
    return place


def step(folder: Path, script: str, data: Input, **more: Any) -> Any:
    """A pipeline of one parallel step; its rows are the output `rows`."""
    code = folder / "score"
    code.mkdir(exist_ok=True)
    (code / "score.py").write_text(script, encoding="utf-8")
    arguments = more.pop("program_arguments", "--scale ${{inputs.scale}} --other x")
    part = parallel_run_function(
        name="score",
        inputs={"data": Input(type=data.type), "scale": Input(type="number", default=2.0)},
        outputs={"rows": Output(type="uri_file"), "extra": Output(type="uri_folder")},
        input_data="${{inputs.data}}",
        **{
            "instance_count": 1,
            "max_concurrency_per_instance": 2,
            "mini_batch_size": "3",
            "retry_settings": {"max_retries": 1, "timeout": 60},
            **more,
        },
        task=RunFunction(
            code=str(code),
            entry_script="score.py",
            environment=IMAGE,
            program_arguments=arguments,
            append_row_to="${{outputs.rows}}",
        ),
    )

    @dsl.pipeline(default_compute="serverless", force_rerun=True)
    def scoring() -> Any:
        scored = part(data=data)
        return {"rows": scored.outputs.rows}

    return scoring()


def rows(lab: Any, folder: Path, name: str) -> list[str]:
    lab.client.jobs.download(name, download_path=str(folder / name), output_name="rows")
    (file,) = (path for path in (folder / name).rglob("*") if path.is_file())
    return file.read_text(encoding="utf-8").splitlines()


def submitted(lab: Any, job: Any, status: str = "Completed") -> str:
    name = str(lab.client.jobs.create_or_update(job).name)
    assert lab.end(name).status == status, lab.log(f"{name}_part") or lab.log(f"{name}_score")
    return name


def test_files_are_shared_out_and_the_rows_come_in_order(lab: Any, folder: Path, flowers: Path) -> None:
    name = submitted(lab, step(folder, COUNT, Input(type="uri_folder", path=str(flowers))))

    found = rows(lab, folder, name)

    assert [row.split(",")[0] for row in found] == [f"part{number}.csv" for number in range(7)]
    assert sum(float(row.split(",")[1]) for row in found) == 300
    log = lab.log(f"{name}_score")
    assert "3 mini-batches, 2 processes." in log
    assert "3 of 3 mini-batches done, 0 items failed." in log
    assert log.count("began ") == 2


def test_a_table_comes_as_rows_and_by_its_keys(lab: Any, folder: Path, flowers: Path) -> None:
    script = """
def run(mini_batch, context):
    assert set(mini_batch["target"]) == {context.partition_key_value["target"]}
    return [f"{context.minibatch_index} {context.partition_key_value['target']} {len(mini_batch)}"]
"""
    table = Input(type="mltable", path=str(folder / "table"))
    name = submitted(lab, step(folder, script, table, partition_keys=["target"], error_threshold=-1))

    assert rows(lab, folder, name) == ["0 0 50", "1 1 50", "2 2 50"]


@pytest.mark.parametrize("mode", [None, "direct", "eval_mount"])
def test_a_table_is_cut_by_size(lab: Any, folder: Path, flowers: Path, mode: str | None) -> None:
    script = "def run(mini_batch):\n    return mini_batch[['target']].assign(rows=len(mini_batch)).head(1)\n"
    table = Input(type="mltable", path=str(folder / "table"), mode=mode)
    name = submitted(lab, step(folder, script, table, mini_batch_size="1kb", error_threshold=-1))

    sizes = [int(row.split(" ")[1]) for row in rows(lab, folder, name)]
    assert len(sizes) > 3
    assert sum(sizes) == 150


def test_a_table_that_only_lists_files_comes_as_files(lab: Any, folder: Path, flowers: Path) -> None:
    (flowers / "MLTable").write_text("paths:\n- file: ./part1.csv\n- file: ./part4.csv\n", encoding="utf-8")
    name = submitted(lab, step(folder, COUNT, Input(type="mltable", path=str(flowers), mode="direct")))

    assert [row.split(",")[0] for row in rows(lab, folder, name)] == ["part1.csv", "part4.csv"]


def test_a_batch_that_fails_by_an_error_a_crash_or_its_time_is_tried_again(
    lab: Any, folder: Path, flowers: Path
) -> None:
    script = """
import os, sys, time, pathlib

def run(mini_batch):
    names = [os.path.basename(path) for path in mini_batch]
    for name, fault in (("part0.csv", "error"), ("part3.csv", "crash"), ("part6.csv", "time")):
        flag = pathlib.Path(sys.argv[1], fault)
        if name in names and not flag.exists():
            flag.touch()
            if fault == "crash":
                os._exit(7)
            if fault == "time":
                time.sleep(600)
            raise ValueError("not yet")
    return names
"""
    job = step(
        folder, script, Input(type="uri_folder", path=str(flowers)), program_arguments="${{outputs.extra}}",
        retry_settings={"max_retries": 1, "timeout": 3}, error_threshold=0,
    )  # fmt: skip
    name = submitted(lab, job)

    assert rows(lab, folder, name) == [f"part{number}.csv" for number in range(7)]
    log = lab.log(f"{name}_score")
    assert "Mini-batch 0 failed, try 1 of 2." in log
    assert "ValueError: not yet" in log
    assert "It took longer than 3 s." in log


@pytest.mark.parametrize("threshold", [{"error_threshold": 2}, {"mini_batch_error_threshold": 0}])
def test_more_failures_than_the_threshold_end_the_job(
    lab: Any, folder: Path, flowers: Path, threshold: dict[str, int]
) -> None:
    script = "def run(mini_batch):\n    raise ValueError('these rows are bad')\n"
    job = step(
        folder, script, Input(type="uri_folder", path=str(flowers)), retry_settings={"max_retries": 0, "timeout": 60},
        **threshold,
    )  # fmt: skip
    name = submitted(lab, job, "Failed")

    log = lab.log(f"{name}_score")
    assert "ValueError: these rows are bad" in log
    assert f"{next(iter(threshold))} is {next(iter(threshold.values()))}." in log


def test_a_script_that_cannot_begin_fails_with_its_traceback(lab: Any, folder: Path, flowers: Path) -> None:
    script = "def init():\n    raise OSError('no model here')\ndef run(mini_batch):\n    return mini_batch\n"
    name = submitted(lab, step(folder, script, Input(type="uri_folder", path=str(flowers))), "Failed")

    assert "OSError: no model here" in lab.error(name)["message"] + str(lab.error(name)) + lab.log(f"{name}_score")
    assert "The step 'score'" in str(lab.error(name))
