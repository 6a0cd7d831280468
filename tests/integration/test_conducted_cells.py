"""Sweeps, pipelines and components of a notebook: cells, lines, cards and verbs, in a real shell with a real host."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.commands.actions.copies import BEGIN_AT as ASKED
from jupyter_aml.local.jobs.conducted.pipeline import BEGIN_AT as KNOWN

from .conftest import FINAL, Lab, Notebook, wait_for

SWEEP = """%%aml sweep tune --search depth=choice(1,3) --search kind=choice(gini) --sampling grid{more}
#| metric: score
#| goal: maximize
#| result: {{model: uri_folder}}
import mlflow

for step in range(2):
    mlflow.log_metric("score", depth * 10 - step, step=step)
open(f"{{model}}/depth.txt", "w").write(f"{{kind}} {{depth}}")
"""
PREP = """%%aml component prep --input raw=./raw --input most=10 --result rows=uri_folder
lines = open(f"{raw}/cells.csv").read().splitlines()[:most]
open(f"{rows}/rows.csv", "w").write("\\n".join(lines))
"""
FIT = """%%aml component fit --input rows=uri_folder --input rate=number --result model=uri_folder
rows = open(f"{rows}/rows.csv").read().split()
open(f"{model}/fit.txt", "w").write(f"{len(rows)} {rate}")
"""
LINE = "%aml pipeline prep >> fit --input rate=0.5 --as {}"
CELL = "%%aml pipeline p --as {}\none = prep()\ntwo = fit(rows=one.outputs.rows, rate=1.5)"
CLEAN = """%%aml command clean --input rows=./raw --result rows_out=uri_folder --wait
import shutil

shutil.copytree(rows, rows_out, dirs_exist_ok=True)
"""
SEARCH = """%%aml sweep search --input rows_out=./raw --metric loss --search x=choice(1,2) --result model=uri_folder
#| wait: true
import mlflow, os

mlflow.log_metric("loss", x)
open(f"{model}/x.txt", "w").write(f"{x} {os.listdir(rows_out)}")
"""
TELL = """%%aml component tell --input most=integer --input who=Zoë --input on=boolean --result out=uri_file --as {}
open(out, "w").write(f"{{who}} {{most + 1}} {{on}}")
"""


@pytest.fixture
def book(notebook: Notebook, lab: Lab) -> Notebook:
    """A notebook with the steps prep and fit, and rows that no other test has."""
    Path("raw").mkdir()
    Path("raw/cells.csv").write_text("\n".join(f"{Path.cwd().parent.name}-{n}" for n in range(20)), encoding="utf-8")
    notebook.cell(PREP)
    notebook.cell(FIT)
    return notebook


def children(lab: Lab, name: str) -> dict[str, Any]:
    found = lab.client.jobs.list(parent_job_name=name)
    return {one.name.removeprefix(f"{name}_"): one for one in found}


def content(lab: Lab, name: str, output: str, file: str) -> str:
    """What a job's output holds."""
    lab.client.jobs.download(name, download_path=f"down-{name}", output_name=output)
    (path,) = Path(f"down-{name}").rglob(file)
    return path.read_text(encoding="utf-8")


def test_a_sweep_cell_tries_its_script_and_verbs_know_its_trials(notebook: Notebook, lab: Lab) -> None:
    shown = notebook.cell(SWEEP.format(more=" --wait --var sweep"))
    name = notebook.shell.user_ns["sweep"].name

    assert "best trial" in shown
    assert "1, score=30 with depth=3, kind=gini" in shown
    assert "2 trials: 2 completed" in shown
    assert content(lab, name, "model", "depth.txt") == "gini 3"
    assert not {f"{name}_0", f"{name}_1"} & {job.name for job in notebook.value("%aml job list")}
    listed = notebook.value("%aml job list --parent {sweep}")
    assert [(job.name, job.type) for job in listed] == [(f"{name}_1", "command"), (f"{name}_0", "command")]
    every = notebook.value("%aml job list --all-children --max-results 3")
    assert [job.name for job in every] == [name, f"{name}_1", f"{name}_0"]

    compared = notebook.cell("%aml job compare {sweep}")
    assert [line.split() for line in compared.splitlines() if line.startswith(("depth", "score"))] == [
        ["depth", "3", "1"], ["score", "29", "*", "9"],
    ]  # fmt: skip
    assert f"The best is trial 1 ({name}_1)" in notebook.cell("%aml job logs {sweep}")
    assert "best trial" in notebook.cell("%aml job rerun {sweep} --set limits.max_total_trials=1 --wait --var again")
    assert notebook.shell.user_ns["again"].limits.max_total_trials == 1


@pytest.mark.parametrize("form", ["yaml", "sdk"])
def test_a_sweep_cell_in_another_form_does_the_same(notebook: Notebook, lab: Lab, form: str) -> None:
    from azure.ai.ml import load_job

    more = " --early-termination bandit(0.5,delay=5) --trials 2 --as {}"
    text, script = (notebook.value(SWEEP.format(more=more.format(one))).entity for one in (form, "script"))
    Path("code").mkdir()
    Path("code/tune.py").write_text(script, encoding="utf-8")
    if form == "yaml":
        Path("sweep.yml").write_text(text, encoding="utf-8")
        name = lab.client.jobs.create_or_update(load_job("sweep.yml")).name
    else:
        notebook.cell("%aml connect local --adopt")
        names: dict[str, Any] = {}
        exec(text, names)
        name = names["job"].name

    assert lab.end(name) == "Completed"
    assert lab.client.jobs.get(name).properties["best_child_run_id"] == f"{name}_1"
    assert lab.client.jobs.get(name).early_termination.delay_evaluation == 5


def test_steps_are_joined_on_a_line_by_their_names(book: Notebook, lab: Lab) -> None:
    shown = book.cell("%aml pipeline prep >> fit --input rate=0.5 --wait --var flow")
    name = book.shell.user_ns["flow"].name

    assert "2 steps: 2 completed" in shown
    assert content(lab, name, "model", "fit.txt") == "10 0.5"
    assert "The pipeline has ended: 2 done." in book.cell("%aml job logs {flow}")
    book.cell("%aml job rerun {flow} --input rate=0.25 --wait --var other")
    again = book.shell.user_ns["other"].name
    assert content(lab, again, "model", "fit.txt") == "10 0.25"
    assert "1 reused, 1 completed" in book.cell("%aml job show {other}")


def test_a_rerun_begins_at_a_step_and_takes_the_steps_before_it_over(book: Notebook, lab: Lab) -> None:
    book.cell("%aml pipeline prep >> fit --input rate=0.5 --wait --var flow")

    book.cell("%aml job rerun {flow} --from fit --wait --var later")
    book.cell("%aml job rerun {flow} --from prep --wait --var whole")

    reused = {
        name: {step: "azureml.isreused" in one.properties for step, one in children(lab, name).items()}
        for name in (book.shell.user_ns["later"].name, book.shell.user_ns["whole"].name)
    }
    assert list(reused.values()) == [{"prep": True, "fit": False}, {"prep": False, "fit": False}]
    assert "Did you mean fit?" in book.refused("%aml job rerun {flow} --from fitt")
    assert "has no steps" in book.refused(f"%aml job rerun {book.shell.user_ns['flow'].name}_fit --from fit")


def test_the_property_that_begins_a_rerun_has_one_name() -> None:
    assert ASKED == KNOWN


def test_cells_that_ran_are_steps_sweeps_too(book: Notebook, lab: Lab) -> None:
    book.cell(CLEAN)
    book.cell(SEARCH)

    book.cell("%aml pipeline prep >> clean >> search --wait --var flow")

    name = book.shell.user_ns["flow"].name
    assert content(lab, name, "model", "x.txt") == "1 ['rows.csv']"
    kinds = {job.display_name: job.type for job in book.value("%aml job list --parent {flow}")}
    assert kinds == {"search": "sweep", "clean": "command", "prep": "command"}
    every = book.value("%aml job list --all-children --max-results 6")
    assert [job.name for job in every][:4] == [name, f"{name}_search", f"{name}_search_1", f"{name}_search_0"]


def test_a_cell_in_the_dsl_runs_and_registers_what_it_returns(book: Notebook, lab: Lab) -> None:
    book.shell.user_ns["rate"] = 0.75
    book.cell(
        "%%aml pipeline flow --input raw=./raw --register model=fitted-model --wait --var flow\n"
        "prep = prep(raw=raw, most=4)\n"
        "fitted = fit(rows=prep.outputs.rows, rate=rate)\n"
        'return {"model": fitted.outputs.model}'
    )
    name = book.shell.user_ns["flow"].name

    assert set(children(lab, name)) == {"prep", "fitted"}
    assert content(lab, name, "model", "fit.txt") == "4 0.75"
    assert lab.client.data.get("fitted-model", version="1").path


def test_a_function_with_the_decorator_of_the_sdk_is_taken_as_it_is(book: Notebook, lab: Lab) -> None:
    book.cell(
        "%%aml pipeline --input raw=./raw --wait --var flow\n"
        '@dsl.pipeline(description="mine")\ndef mine(raw):\n    first = component("prep:1")(raw=raw)'
    )
    made = book.shell.user_ns["flow"]

    assert (made.display_name, made.description) == ("mine", "mine")
    assert set(children(lab, made.name)) == {"first"}


@pytest.mark.parametrize("line", [LINE, CELL])
@pytest.mark.parametrize("form", ["yaml", "sdk"])
def test_a_pipeline_written_down_is_one_that_the_sdk_accepts(book: Notebook, lab: Lab, line: str, form: str) -> None:
    from azure.ai.ml import load_job

    before = {job.name for job in lab.client.jobs.list()}
    text = book.value(line.format(form)).entity

    assert {job.name for job in lab.client.jobs.list()} == before
    if form == "sdk":
        text = text.partition('"""\\\n')[2].partition('"""')[0]
    assert "creation_context" not in text
    assert "component: azureml:prep:" in text
    assert lab.client.jobs.validate(load_job(io.StringIO(text))).passed


REFUSED = {
    "no such component": ("one = prap(raw=raw)", "Line 2 of the cell: there is no component", "Did you mean prep?"),
    "no such input": ("one = prep(raww=raw)", "Line 2 of the cell: prep has no input 'raww'", "Did you mean raw?"),
    "no such output": ("one = prep()\ntwo = fit(rows=one.outputs.rosw)", "Line 3 of the cell", "Did you mean rows?"),
    "no value": ("one = prep()\ntwo = fit(rows=one.outputs.rows)", "Line 3 of the cell: Required input 'rate'",
                 "nothing was submitted"),
    "no such variable": ("one = prep(most=mots)", "Line 2 of the cell: there is no component, step or variable 'mots'",
                         "--input mots="),
    "a line that fails": ("one = prep()\nfor n in range(1 // 0): pass", "Line 3 of the cell: ZeroDivisionError",
                          "Correct the line"),
    "not Python": ("one = = prep()", "Line 2 of the cell is not Python", "nothing was submitted"),
    "nothing": ("  ", "The cell has no body", "Put the steps below"),
    "no such compute": ('one = prep()\none.compute = "nope"', "Line 2 of the cell", "nope"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_pipeline_that_cannot_run_is_refused_with_its_line(book: Notebook, lab: Lab, case: str) -> None:
    body, place, remedy = REFUSED[case]
    before = {job.name for job in lab.client.jobs.list()}

    shown = book.refused(f"%%aml pipeline flow --input raw=./raw\n{body}")

    assert place in shown
    assert remedy in shown
    assert {job.name for job in lab.client.jobs.list()} == before


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%aml pipeline prep >> fitt", "Did you mean fit?"),
        ("%aml pipeline prep >> fit", "Add --input rate=VALUE."),
        ("%%aml pipeline flow --register modle=x\none = prep()", "the pipeline has no output 'modle'"),
        ("%%aml component prep\nname: prep\ntype: command\ncommand: echo", "Begin with %%aml component alone"),
        ("%%aml component prep --input raw=./raw\nprint(row)", "'row' (line 2), which nothing in it defines"),
        ("%%aml sweep tune --metric auc\nprint(1)", "#| lr: loguniform(-5, 0)"),
        ("%%aml sweep tune\n#| x: uniform(0, 1)\nimport mlflow\nmlflow.log_metric('auc', x)", "Add --metric auc"),
        ("%%aml sweep tune --metric auc\n#| x: unifrom(0, 1)\nprint(x)", "Did you mean uniform?"),
        ("%%aml sweep tune\n#| x: uniform(0, 1)\n#| metrik: auc\nprint(x)", "Did you mean metric?"),
        ("%%aml sweep tune --metric auc\n#| x: uniform(0, 1)\nprint(y)", "'y' (line 3), which nothing in it defines"),
        ("%%aml sweep tune --metric auc --input x=1\n#| x: uniform(0, 1)\nprint(x)", "x is both an input and"),
        ("%%aml sweep tune --metric auc --sampling grid\n#| x: uniform(0, 1)\nprint(x)", "grid"),
        ("%%aml sweep tune --metric auc --sampling grid --seed 3\n#| x: choice(1)\nprint(x)", "belongs to"),
        ("%%aml sweep tune --metric auc --search x=uniform(0, 1)\nprint(x)", "stands in quotes"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_what_to_type(book: Notebook, lab: Lab, cell: str, said: str) -> None:
    before = {job.name for job in lab.client.jobs.list()}

    assert said in book.refused(cell)

    assert {job.name for job in lab.client.jobs.list()} == before


def test_a_component_written_down_loads_and_reads_what_it_declares(notebook: Notebook) -> None:
    from azure.ai.ml import load_component

    written, script = (notebook.value(TELL.format(form)).entity for form in ("yaml", "script"))
    Path("code").mkdir()
    Path("code/tell.py").write_text(script, encoding="utf-8")
    Path("tell.yml").write_text(written, encoding="utf-8")

    found = load_component("tell.yml")
    told = ["--most", "2", "--who", "Zoë", "--on", "true", "--out", "out.txt"]
    subprocess.run([sys.executable, "code/tell.py", *told], check=True)

    assert {name: (one.type, one.default) for name, one in found.inputs.items()} == {
        "most": ("integer", None), "who": ("string", "Zoë"), "on": ("boolean", None),
    }  # fmt: skip
    assert found.outputs["out"].type == "uri_file"
    assert Path("out.txt").read_text(encoding="utf-8") == "Zoë 3 True"


def test_a_sweep_is_cancelled_with_its_trials(notebook: Notebook, lab: Lab) -> None:
    notebook.cell(
        "%%aml sweep slow --metric loss --search x=choice(1,2,3) --var sweep\nimport time\nprint(x)\ntime.sleep(600)"
    )
    name = notebook.shell.user_ns["sweep"].name
    wait_for(lambda: any(one.status == "Running" for one in children(lab, name).values()), "a trial runs")

    assert notebook.value("%aml job cancel {sweep}").status == "Canceled"
    assert {str(one.status) for one in children(lab, name).values()} <= {"Canceled"} | set(FINAL)


def test_a_tab_offers_the_steps_of_cells_and_the_distributions(book: Notebook) -> None:
    from IPython.core.completer import provisionalcompleter

    def offered(line: str) -> set[str]:
        with provisionalcompleter():
            return {one.text for one in book.shell.Completer.completions(line, len(line))}

    assert {"prep", "fit"} <= offered("%aml pipeline ")
    assert offered("%%aml sweep tune --search lr=logu") == {"loguniform(-5,0)"}
    assert offered("%%aml component x --input n=int") == {"integer"}
    assert "--from" in offered("%aml job rerun x --fr")
