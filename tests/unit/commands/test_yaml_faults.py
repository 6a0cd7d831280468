"""Errors of YAML point at the line that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.commands import faults
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.run import run
from jupyter_aml.commands.tokens import tokenize
from jupyter_aml.commands.yaml_faults import pointed
from jupyter_aml.commands.yaml_text import YamlText
from jupyter_aml.errors import AmlError, JobFailedError, ResourceError, UsageError

JOB = "type: command\ncommand: echo hello\nenvironment: azureml:clinic@latest\n"


@pytest.fixture
def refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a cell on an empty local workspace, no host; what it was refused with."""
    from jupyter_aml.local.store import bell

    monkeypatch.setattr(bell, "spawn", lambda home: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("a\n1\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()

    def cell(line: str, body: str | None) -> AmlError:
        run(tokenize("environment create clinic --image python:3"), Context(namespace={}, cwd=tmp_path))
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the SDK's own, translated below
            run(tokenize(line), Context(namespace={}, cwd=tmp_path), body=body)
        found = faults.translate(caught.value)
        assert found is not None
        return found

    return cell


@pytest.mark.parametrize(
    ("line", "body", "what", "remedy"),
    [
        ("job", f"{JOB}inpts: 1\n", "Line 5 of the cell: there is no field 'inpts'.", "Did you mean inputs?"),
        (
            "job",
            f"{JOB}inputs:\n  a: {{type: uri_fil, path: ./x.csv}}\n",
            "Line 6 of the cell: inputs.a.type is 'uri_fil'; one of uri_file, ",
            "Did you mean uri_file?",
        ),
        (
            "job",
            f"{JOB}resources:\n  instance_count: many\n",
            "Line 6 of the cell: resources.instance_count is 'many': not a valid integer.",
            "Correct it; nothing was sent.",
        ),
        ("job", "type: comand\n", "Line 2 of the cell: type is 'comand', which is no type of job.", "mean command?"),
        ("job", "type: command\n", "The cell has no `command`, which is required.", "Add a line `command: …`."),
        ("job", f"{JOB}code: ./nope\n", "Line 5 of the cell: code is './nope': there is nothing at ", "nothing was"),
        ("job", f"{JOB}environment: x\n", "Line 5 of the cell: environment is given a second time", "Leave one out."),
        ("job", f"{JOB}  bad: [1\n", "Line 5 of the cell is no valid YAML: ", "YAML indents with spaces"),
        ("job", "hello", "The cell holds no `name: value` lines, but 'hello'.", "type: command"),
        ("job", "\n", "The cell has no body; the YAML of a job was expected.", "below the %%aml line"),
        ("data", "name: a\npath: ./x.csv\ntype: uri_fle\n", "Line 4 of the cell: type is 'uri_fle'; ", "uri_file?"),
        ("model", "name: a\npath: ./x.csv\ntype: mlflow\n", "Line 4 of the cell: type is 'mlflow'; ", "mlflow_model?"),
        ("component", "name: a\ntype: command\ninputs:\n  x: {type: strin}\n", "Line 5 of the cell: inputs.x", "Add"),
        ("compute", "name: a\ntype: amlcompte\n", "Line 3 of the cell: type is 'amlcompte'", "mean amlcompute?"),
        ("datastore", "name: a\ntype: azure_blob\n", "The cell has no `account_name`", "Add a line `account_name: …`."),
    ],
)
def test_what_the_schema_refuses_is_said_with_its_line(
    refuse: Any, line: str, body: str, what: str, remedy: str
) -> None:
    found = refuse(line, body)

    assert isinstance(found, UsageError)
    assert what in found.message
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("line", "body", "what"),
    [
        ("job", f"{JOB}compute: azureml:nope\n", "Line 5 of the cell: The compute 'nope' was not found"),
        ("job", JOB.replace("clinic", "clinc"), "Line 4 of the cell: The environment 'clinc' was not found"),
        ("job", f"{JOB}limits:\n  timeout: -4\n", "Line 6 of the cell: properties.limits.timeout"),
        ("job", f"{JOB}inputs:\n  a:\n    type: uri_file\n    path: azureml:n@latest\n", "Line 8 of the cell: "),
        ("job", f"{JOB}inputs:\n  a:\n    type: uri_file\n    path: ./nope.csv\n", "Line 8 of the cell: No such"),
        ("job", f"{JOB}code: ./empty\n", "Line 5 of the cell: "),
        (
            "job",
            "type: command\ncommand: |\n  echo a\n  echo ${{inputs.x}}\nenvironment: azureml:clinic@latest\n",
            "Line 5 of the cell: The command names ${{inputs.x}}, and the job has no input 'x'.",
        ),
        ("data", "name: a b!\npath: ./x.csv\ntype: uri_file\n", "Line 2 of the cell: 'a b!' cannot name"),
    ],
)
def test_what_the_service_refuses_is_said_with_its_line(refuse: Any, line: str, body: str, what: str) -> None:
    assert what in refuse(line, body).message


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        ("echo ${{inputs.lrr}}", "Did you mean ${{inputs.lr}}?"),
        ("echo ${{inputs.zzzz}}", "The job's inputs are lr, epochs."),
        ("echo ${{inputs.lr}} > ${{outputs.modle}}/x", "Did you mean ${{outputs.model}}?"),
    ],
)
def test_a_misspelt_placeholder_is_refused_with_the_nearest(refuse: Any, command: str, remedy: str) -> None:
    parts = "inputs:\n  lr: 1\n  epochs: 2\noutputs:\n  model: {type: uri_folder}\n"

    found = refuse("job", JOB.replace("echo hello", command) + parts)

    assert found.message.startswith("Line 3 of the cell: The command ")
    assert found.remedy == remedy


def test_lines_of_a_file_are_counted_from_its_first(refuse: Any, tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_text(f"{JOB}inpts: 1\n", encoding="utf-8")

    found = refuse("job create --file job.yml", None)

    assert found.message == "job.yml, line 4: there is no field 'inpts'."


def test_a_file_that_is_no_text_is_refused(refuse: Any, tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_bytes(b"\xff\xfe\x00")

    assert refuse("job create --file job.yml", None).message == "--file job.yml: it is no text in UTF-8, as YAML is."


def test_a_failed_job_and_a_bug_are_left_as_they_are() -> None:
    source = YamlText(JOB)

    for error in (JobFailedError("The command failed."), KeyError("command")):
        assert pointed(error, "job", source) is error


def test_an_error_about_nothing_in_the_yaml_names_no_line() -> None:
    found = pointed(ResourceError("The disk is full."), "job", YamlText(JOB))

    assert str(found) == "The disk is full."


def test_a_field_is_found_by_the_words_of_a_schema_and_a_value_by_its_folder() -> None:
    source = YamlText("inputs:\n  a:\n    path: ./x.csv\njobs:\n- x\n- z: {b: q}\n")

    field = source.field(("inputs", "a", "value", "path"))
    assert field is not None
    assert (field.line, field.name, field.value) == (4, "inputs.a.path", "./x.csv")
    assert source.keys(("inputs", "a")) == ["path"]
    assert source.field(("nothing",)) is None
    held = source.holding(["/srv/ada/x.csv"])
    assert held is not None
    assert held.line == 4
    assert source.holding(["q"]).path == ("jobs", "1", "z", "b")  # type: ignore[union-attr]
