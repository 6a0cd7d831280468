"""A job written down as a script, YAML, an `az ml` line or Python: each form is run, and does what the job does."""

from __future__ import annotations

import io
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.commands.context import Context
from jupyter_aml.commands.run import run
from jupyter_aml.commands.tokens import tokenize

CELL = "command train --input data=./x.csv --input 'word=a b' --input lr={lr} --result out=uri_file --env-var A=1 "
BODY = """import os
print(open(data).read().strip(), word, lr, os.environ["A"])
open(out, "w").write(f"{lr}")
"""
SAID = "n 7 a b 0.1 1"
FORMS = ("yaml", "sdk", "cli")


@pytest.fixture
def world(lab: Any) -> Any:
    """The module's workspace, adopted, so that a program's own MLClient finds it; a file to read."""
    from jupyter_aml.client.connect import connect

    Path("x.csv").write_text("n\n7\n", encoding="utf-8")
    connect("local", home=lab.home, adopt=True, show_progress=False)
    return lab


def aml(line: str, body: str | None = None) -> Any:
    """What a line or cell of the notebook gives."""
    return run(tokenize(line), Context(namespace={"lr": 0.1}), body=body)


def submitted(lab: Any, text: str, form: str) -> str:
    """Submit what a form says, the way it is meant; the name of the job."""
    if form == "yaml":
        from azure.ai.ml import load_job

        Path("again.yml").write_text(text, encoding="utf-8")
        made: str = lab.client.jobs.create_or_update(load_job("again.yml")).name
        return made
    if form == "sdk":
        names: dict[str, Any] = {}
        exec(compile(text, "again.py", "exec"), names)
        return str(names["job"].name)
    return _by_line(text)


def _by_line(text: str) -> str:
    """Run an `az ml` line as `aml` does."""
    from contextlib import redirect_stdout

    from jupyter_aml.cli import main

    words = shlex.split(text.splitlines()[0])
    assert words[:2] == ["az", "ml"]
    said = io.StringIO()
    with redirect_stdout(said):
        assert main.main([*words[2:], "--query", "name", "-o", "tsv"]) == 0
    return said.getvalue().strip()


def assert_did_the_same(lab: Any, name: str) -> None:
    """A job has ended well, has said what the cell says, and bears its name."""
    assert lab.end(name) == "Completed", lab.log(name)
    assert lab.log(name).replace("\n", " ").strip() == SAID
    assert lab.client.jobs.get(name).display_name == "train"


@pytest.mark.parametrize("form", FORMS)
def test_a_job_shown_in_another_form_runs_again(world: Any, form: str) -> None:
    job = aml(f"{CELL}--wait", BODY)
    text = aml(f"job show {job.name} --as {form}").entity
    if form == "cli":
        file = shlex.split(text.splitlines()[0])[5]
        Path(file).write_text(aml(f"job show {job.name} --as yaml").entity, encoding="utf-8")

    again = submitted(world, text, form)

    assert again != job.name
    assert_did_the_same(world, again)


@pytest.mark.parametrize("form", FORMS)
def test_a_cell_written_down_and_not_submitted_runs_with_its_script_in_the_code_folder(world: Any, form: str) -> None:
    before = {job.name for job in world.client.jobs.list()}
    text = aml(f"{CELL}--as {form}", BODY).entity
    script = aml(f"{CELL}--as script", BODY).entity
    assert {job.name for job in world.client.jobs.list()} == before
    Path("code").mkdir()
    Path("code/train.py").write_text(script, encoding="utf-8")
    if form == "cli":
        Path(shlex.split(text.splitlines()[0])[5]).write_text(aml(f"{CELL}--as yaml", BODY).entity, encoding="utf-8")

    assert_did_the_same(world, submitted(world, text, form))


@pytest.mark.parametrize("origin", ["cell", "job"])
def test_the_script_of_a_job_runs_alone(world: Any, origin: str) -> None:
    if origin == "cell":
        text = aml(f"{CELL}--as script", BODY).entity
    else:
        text = aml(f"job show {aml(f'{CELL}--wait', BODY).name} --as script").entity
    Path("alone.py").write_text(text, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "alone.py", "--data", "x.csv", "--word", "a b", "--lr", "0.1", "--out", "here/o.txt"],
        capture_output=True, text=True, check=True, env={"A": "1"},
    )  # fmt: skip

    assert done.stdout.replace("\n", " ").strip() == SAID
    assert Path("here/o.txt").read_text(encoding="utf-8") == "0.1"


YAML = """display_name: train
command: python main.py ${{inputs.data}} "a b" ${{inputs.lr}}
code: ./src
environment: azureml:plain:1
environment_variables: {A: "1"}
inputs:
  data: {type: uri_file, path: ./x.csv}
  lr: 9
"""
MAIN = "import os, sys\nprint(open(sys.argv[1]).read().strip(), *sys.argv[2:], os.environ['A'])\n"


@pytest.mark.parametrize("form", FORMS)
def test_a_job_of_yaml_takes_inputs_of_the_line_and_is_written_down(world: Any, form: str) -> None:
    Path("src").mkdir()
    Path("src/main.py").write_text(MAIN, encoding="utf-8")
    assert world.client
    text = aml(f"job --input lr={{lr}} --as {form}", YAML).entity
    if form == "cli":
        file = shlex.split(text.splitlines()[0])[5]
        Path(file).write_text(aml("job --input lr={lr} --as yaml", YAML).entity, encoding="utf-8")

    assert aml("job --as script", YAML).entity == MAIN
    assert_did_the_same(world, submitted(world, text, form))


def test_a_job_of_a_file_is_that_file_as_an_az_ml_line(world: Any) -> None:
    Path("src").mkdir()
    Path("src/main.py").write_text(MAIN, encoding="utf-8")
    Path("my job.yml").write_text(YAML.replace("lr: 9", "lr: 0.1"), encoding="utf-8")
    assert world.client

    text = aml("job create --file 'my job.yml' --as cli").entity

    assert text.startswith("az ml job create --file 'my job.yml' ")
    assert_did_the_same(world, submitted(world, text, "cli"))


def test_a_submitted_job_is_saved_as_yaml(world: Any) -> None:
    Path("src").mkdir()
    Path("src/main.py").write_text(MAIN, encoding="utf-8")
    assert world.client

    aml("job --input lr={lr} --save-as saved.yml --wait", YAML)

    assert_did_the_same(world, submitted(world, Path("saved.yml").read_text(encoding="utf-8"), "yaml"))
