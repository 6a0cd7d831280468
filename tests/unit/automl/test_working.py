"""The process of one part of a search: its order in a variable, tables and folders as arguments."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_wine

from jupyter_aml.automl import families, reading, working

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of pickles
DETAILS = {
    "targetColumnName": "target", "nCrossValidations": {"mode": "Custom", "value": 3},
    "trainingSettings": {"allowedTrainingAlgorithms": ["LogisticRegression"]},
}  # fmt: skip


def ordered(monkeypatch: pytest.MonkeyPatch, role: str, **more: Any) -> None:
    told = {"role": role, "task": "classification", "details": DETAILS, "seconds": 60, "seed": 0, **more}
    monkeypatch.setenv(working.VARIABLE, json.dumps(told))


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / working.RESULT).read_text())
    return found


def test_the_parts_hand_on_what_they_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    prepared, trial, best = (tmp_path / name for name in ("prepared=1", "trial", "best"))
    for folder in (prepared, trial, best):
        folder.mkdir()
    load_wine(as_frame=True).frame.to_csv(tmp_path / "wine.csv", index=False)

    ordered(monkeypatch, working.SETUP)
    working.main(["--table", f"training={tmp_path / 'wine.csv'}", "--out", str(prepared)])
    assert result(prepared)["rows"] == 178
    assert "training: 178 rows, 14 columns" in capsys.readouterr().out

    proposal = {"number": 0, "algorithm": "LogisticRegression", "parameters": {"C": 1.0}}
    ordered(monkeypatch, working.TRIAL, proposal=proposal, threads=1, until=time.time() + 60)
    working.main(["--prepared", str(prepared), "--out", str(trial)])
    attempt = result(trial)
    assert attempt["status"] == "Completed"
    assert attempt["score"] > 0.9

    done = [{"proposal": proposal, "attempt": attempt}]
    ordered(monkeypatch, working.FINISH, done=done, until=time.time() + 60)
    working.main(["--prepared", str(prepared), "--trial", f"0={trial}", "--out", str(best)])
    assert result(best)["of"] == [0]
    assert (tmp_path / "outputs" / "mlflow-model" / "MLmodel").is_file()
    assert (tmp_path / "outputs" / "charts.json").is_file()


def test_a_trial_that_fails_leaves_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = {"number": 0, "algorithm": "LogisticRegression", "parameters": {}}
    ordered(monkeypatch, working.TRIAL, proposal=proposal, threads=1, until=time.time() + 60)

    with pytest.raises(FileNotFoundError):
        working.main(["--prepared", str(tmp_path / "absent"), "--out", str(tmp_path)])

    assert result(tmp_path)["status"] == "Failed"
    assert "table.pkl" in result(tmp_path)["error"]


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "json", "jsonl"])
def test_files_of_rows_are_read_without_an_mltable(tmp_path: Path, kind: str) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    path = tmp_path / f"rows.{kind}"
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "json":
        frame.to_json(path)
    elif kind == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")

    for place in (path, tmp_path):
        found = reading.table(place)
        assert found["a"].tolist() == [1, 2]
        assert found["b"].tolist() == ["x", "y"]


def test_a_folder_that_is_no_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()

    with pytest.raises(ValueError, match=r"has no file MLTable that says how its rows are read, and holds a\.png"):
        reading.table(tmp_path)
    (tmp_path / "MLTable").write_text("paths:\n- file: ./absent.csv\ntransformations:\n- convert_magic: {}\n")
    with pytest.raises((ValueError, OSError)):
        reading.table(tmp_path)


def test_tasks_have_azures_words() -> None:
    assert families.task("Classification") == "classification"
    assert families.task("TextNER") == "text_ner"
    with pytest.raises(ValueError, match="taskType is 'Poetry'; expected one of Classification"):
        families.task("Poetry")


def test_addresses_inside_tables_lead_to_files(tmp_path: Path) -> None:
    find = reading.finder({"store": "/blobs"}, tmp_path)

    assert find("azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/store/paths/a/b.jpg") == Path(
        "/blobs/a/b.jpg"
    )
    assert find("azureml://datastores/store/paths/a/b.jpg") == Path("/blobs/a/b.jpg")
    assert find("AmlDatastore://store/a/b.jpg") == Path("/blobs/a/b.jpg")
    assert find("pictures/b.jpg") == tmp_path / "pictures" / "b.jpg"
    assert find("file:///data/b.jpg") == Path("/data/b.jpg")
    with pytest.raises(ValueError, match="is in the datastore other, which is not on this machine; here are store"):
        find("azureml://datastores/other/paths/a.jpg")


def test_lines_are_read_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("Rome B-LOC\n\nhi O\n", encoding="utf-8")
    (tmp_path / "more.txt").write_text("yes O\n", encoding="utf-8")
    (tmp_path / "MLTable").write_text("paths:\n- file: ./train.txt\n- file: ./more.txt\n")

    assert reading.lines(tmp_path)["line"].tolist() == ["Rome B-LOC", "", "hi O", "", "yes O", ""]
    assert reading.lines(tmp_path / "more.txt")["line"].tolist() == ["yes O", ""]
    with pytest.raises(ValueError, match="names no file that is there"):
        reading.lines(tmp_path / "absent")


def test_columns_are_converted_as_a_table_asks(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("url,when,n,yes,code\nx.jpg,02.01.2020,3.0,true,007\n")
    (tmp_path / "MLTable").write_text(
        "paths:\n- file: ./d.csv\ntransformations:\n- read_delimited: {delimiter: ','}\n- convert_column_types:\n"
        "  - {columns: url, column_type: stream_info}\n"
        "  - {columns: when, column_type: {datetime: {formats: ['%Y-%m-%d', '%d.%m.%Y']}}}\n"
        "  - {columns: [n], column_type: int}\n  - {columns: 'yes', column_type: boolean}\n"
    )

    row = reading.table(tmp_path).iloc[0]

    assert row["url"] == "x.jpg"
    assert row["when"] == pd.Timestamp("2020-01-02")
    assert bool(row["yes"]) is True
    assert row["n"] == 3
