"""Outputs that are values: a script writes one into a file, and it becomes the output's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.jobs import literals, prepare, records, work
from jupyter_aml.local.jobs.records import Record


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "two words \n", "two words "),
        ("string", "a\nb\r\n", "a\nb"),
        ("string", "", ""),
        ("integer", " 42\n", "42"),
        ("integer", "123456789012345678901234567890", "123456789012345678901234567890"),
        ("integer", "3.0", "3"),
        ("number", "1e-3\n", "1e-3"),
        ("number", "7", "7"),
        ("boolean", "true\n", "True"),
        ("boolean", "0", "False"),
    ],
)
def test_a_value_is_read_in_one_spelling(kind: str, text: str, value: str) -> None:
    assert literals.read(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [("integer", "1.5"), ("integer", "nan"), ("integer", ""), ("number", "many"), ("boolean", "perhaps")],
)
def test_what_is_no_value_of_the_type_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=text or "''"):
        literals.read(kind, text)


def test_a_value_has_a_longest_length() -> None:
    with pytest.raises(ValueError, match="more than 100000 characters"):
        literals.read("string", "x" * 100_001)


def record(wire: Any) -> Record:
    with wire.workspace.database.read() as reader:
        return records.find(reader, "fox")


def path_of(wire: Any, kind: str, **more: Any) -> Path:
    """The path that the script of a job gets for its output `v`."""
    status, body = wire.put("fox", "python w.py ${{outputs.v}}", outputs={"v": {"jobOutputType": kind, **more}})
    assert status == 201, body
    spec = prepare.prepare(wire.workspace, record(wire), door="http://127.0.0.1:1", outer={"PATH": "/bin"}).spec
    assert spec.python
    return Path(spec.python.args[0])


def finalize(wire: Any, *, good: bool = True) -> work.Kept:
    return work.finalize(wire.workspace, record(wire), good=good, now=1.0)


def test_the_script_gets_a_path_and_what_it_writes_there_is_kept(wire: Any) -> None:
    path = path_of(wire, "integer")
    assert path.parent.is_dir()
    assert not path.exists()
    path.write_text("42\n")

    kept = finalize(wire)

    assert kept.fault is None
    assert kept.outputs["v"] == {
        "uri": "azureml://datastores/workspaceblobstore/paths/azureml/fox/v/v",
        "type": "integer",
        "value": "42",
    }


def test_keeping_it_again_after_a_crash_finds_it(wire: Any) -> None:
    path_of(wire, "string").write_text("hello")
    finalize(wire)

    assert finalize(wire).outputs["v"]["value"] == "hello"


def test_a_folder_in_its_place_is_looked_into(wire: Any) -> None:
    path = path_of(wire, "boolean")
    path.mkdir()
    (path / "output").write_text("True")

    assert finalize(wire).outputs["v"]["value"] == "True"


def test_a_value_is_a_file_whatever_the_mode(wire: Any) -> None:
    assert path_of(wire, "number", mode="Direct").is_absolute()


@pytest.mark.parametrize(
    ("written", "words"),
    [("abc", "declared as an integer, but the script wrote 'abc'"), (None, "wrote no value for the output 'v'")],
)
def test_a_run_that_did_well_without_its_value_fails(wire: Any, written: str | None, words: str) -> None:
    path = path_of(wire, "integer")
    if written:
        path.write_text(written)

    kept = finalize(wire)

    assert kept.fault
    assert (kept.fault.code, words in kept.fault.message) == ("UserError", True)
    assert "${{outputs.v}}" in kept.fault.message


def test_a_run_that_failed_is_not_asked_for_its_value(wire: Any) -> None:
    path_of(wire, "integer")

    kept = finalize(wire, good=False)

    assert kept.fault is None
    assert "value" not in kept.outputs["v"]


def test_arm_shows_the_file_and_the_value_and_takes_them_back(wire: Any) -> None:
    path_of(wire, "integer").write_text("42")
    kept = finalize(wire).outputs
    with wire.workspace.database.write() as transaction:
        records.remember(transaction, "fox", {**record(wire).state, "outputs": kept})

    _, got = wire.ask("GET", "/jobs/fox")
    _, history = wire.history("GET", "/runs/fox")
    status, again = wire.ask("PUT", "/jobs/fox", {"properties": {**got["properties"], "displayName": "new"}})

    assert got["properties"]["outputs"]["v"] == {"jobOutputType": "uri_file", "value": "42"}
    assert history["outputs"]["v"]["type"] == "uri_file"
    assert status == 200, again
    assert again["properties"]["displayName"] == "new"


def test_a_value_cannot_be_registered(wire: Any) -> None:
    status, body = wire.put("fox", outputs={"v": {"jobOutputType": "number", "assetName": "n"}})

    assert status == 400
    assert "a number cannot be registered" in body["error"]["message"]
