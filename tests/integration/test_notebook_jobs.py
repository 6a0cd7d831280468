"""Notebooks that run as jobs: with parameters, kept cell by cell, as steps and as trials."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from jupyter_aml.agent import run_notebook

from .conftest import Lab, Notebook, wait_for

BOOK = """lr = 0.5
rows = None
# ---
import mlflow
count = len(open(rows).read().split()) if rows else 0
mlflow.log_metric("score", lr * 2)
print("lr is", lr, "and rows", count)
# ---
lr * 2
"""


def write(path: str, text: str = BOOK) -> Path:
    """A notebook of the cells of a text, the first one tagged `parameters`."""
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in text.split("# ---\n")]
    cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return Path(path)


def kept(lab: Lab, name: str, file: str = "fit.ipynb") -> Any:
    """The notebook that a job left."""
    return nbformat.read(lab.folder / "runs" / name / "outputs" / file, as_version=4)


def metric(lab: Lab, name: str) -> float:
    return float(lab.reader().snapshot(name)["metrics"]["score"])


def test_a_notebook_runs_with_its_parameters_and_is_kept_with_its_outputs(lab: Lab, notebook: Notebook) -> None:
    write("fit.ipynb")
    Path("rows.txt").write_text("a b c", encoding="utf-8")

    notebook.cell("%aml notebook run fit.ipynb -p lr=0.1 --input rows=rows.txt --environment plain:1 --var job --wait")
    name = notebook.value("job.name")

    made = kept(lab, name)
    assert [cell.metadata.get("tags") for cell in made.cells] == [["parameters"], ["injected-parameters"], None, None]
    assert made.cells[1].source.startswith("# Parameters\nlr = 0.1\nrows = '")
    assert made.cells[3].outputs[0].data["text/plain"] == "0.2"
    assert metric(lab, name) == pytest.approx(0.2)
    log = lab.log(name)
    assert "lr is 0.1 and rows 3\ncell 3 of 4: " in log
    assert log.rstrip().splitlines()[-1].startswith("cell 4 of 4: ")
    job = lab.client.jobs.get(name)
    assert (job.display_name, job.experiment_name) == ("fit", "fit")
    assert job.command == "python run_notebook.py fit.ipynb -p lr ${{inputs.lr}} -p rows ${{inputs.rows}}"


def test_a_cell_that_fails_fails_the_job_with_its_traceback_and_the_others_are_kept(
    lab: Lab, notebook: Notebook
) -> None:
    write("fit.ipynb", "lr = 1\n# ---\nprint('so far')\n# ---\nrow = 0\n1 / row\n# ---\nprint('never')\n")

    shown = notebook.refused("%aml notebook run fit.ipynb --environment plain:1 --name halfway --wait")

    assert "Cell 3 of fit.ipynb" in shown
    assert "----> 2" in shown
    assert lab.error("halfway") == "ZeroDivisionError: division by zero"
    made = kept(lab, "halfway")
    assert made.cells[1].outputs[0].text == "so far\n"
    assert made.cells[2].outputs[0].ename == "ZeroDivisionError"
    assert not made.cells[3].outputs


def test_a_cancelled_notebook_keeps_the_cells_that_were_done_and_leaves_no_kernel(lab: Lab, notebook: Notebook) -> None:
    write("fit.ipynb", "import os\nprint(os.getpid())\n# ---\nprint('begun')\nimport time\ntime.sleep(600)\n")
    notebook.cell("%aml notebook run fit.ipynb --environment plain:1 --name long;")
    wait_for(lambda: "begun" in lab.log("long"), "the last cell begins")

    notebook.cell("%aml job cancel long")

    pid = int(kept(lab, "long").cells[0].outputs[0].text)
    assert not Path(f"/proc/{pid}").exists()


def test_a_sweep_over_a_notebook_searches_its_parameters(lab: Lab, notebook: Notebook) -> None:
    from azure.ai.ml.sweep import Choice

    write("fit.ipynb")
    notebook.cell("%aml notebook component fit.ipynb -p lr=0.1 --environment plain:1 --name searched")
    fit = lab.client.components.get("searched", label="latest")

    job = fit(lr=Choice([0.1, 0.2])).sweep(primary_metric="score", goal="maximize", sampling_algorithm="grid")
    job.set_limits(max_total_trials=2, max_concurrent_trials=2)
    job.experiment_name, job.compute = "searched", "serverless"
    name = lab.client.jobs.create_or_update(job).name

    assert lab.end(name) == "Completed"
    assert [metric(lab, f"{name}_{number}") for number in range(2)] == pytest.approx([0.2, 0.4])
    assert lab.client.jobs.get(name).properties["best_child_run_id"] == f"{name}_1"
    assert "lr = 0.2" in kept(lab, f"{name}_1").cells[1].source


def test_a_notebook_is_a_step_of_a_pipeline(lab: Lab, notebook: Notebook) -> None:
    write("fit.ipynb")
    notebook.cell("%aml notebook component fit.ipynb -p lr=0.1 --environment plain:1 --name stepped")
    Path("flow.yml").write_text(
        "type: pipeline\nexperiment_name: flow\nsettings: {default_compute: serverless}\n"
        "jobs:\n  fit:\n    component: azureml:stepped@latest\n    inputs: {lr: 0.3}\n",
        encoding="utf-8",
    )

    notebook.cell("%aml job create --file flow.yml --var flow --wait")

    (step,) = lab.client.jobs.list(parent_job_name=notebook.value("flow.name"))
    assert metric(lab, step.name) == pytest.approx(0.6)
    assert "lr = 0.3" in kept(lab, step.name).cells[1].source


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%aml notebook run nothing.ipynb", "There is no notebook nothing.ipynb"),
        ("%aml notebook run", "needs a notebook"),
        ("%aml notebook run text.ipynb", "is no notebook"),
        ("%aml notebook run fit.ipynb -p lr=1 --input lr=2", "lr is both a parameter and an input"),
        ("%aml notebook run fit.ipynb -p class=1", "class"),
        ("%aml notebook run fit.ipynb -p rows={df}", "rows: a DataFrame is no parameter"),
    ],
)
def test_what_cannot_be_run_is_refused(line: str, said: str, notebook: Notebook) -> None:
    write("fit.ipynb")
    Path("text.ipynb").write_text("no JSON", encoding="utf-8")
    notebook.shell.user_ns["df"] = pd.DataFrame({"a": [1]})

    assert said in notebook.refused(line)


def test_the_program_needs_nothing_of_ours(tmp_path: Path) -> None:
    write(str(tmp_path / "fit.ipynb"), "lr = 1\nname = ''\n# ---\nprint(lr + 1, name, on)\n")
    shutil.copy(run_notebook.__file__, tmp_path)

    given = ("-p", "lr", "2", "-p", "on", "true", "-p", "name", "so it's")
    done = subprocess.run(
        [sys.executable, "-P", "run_notebook.py", "fit.ipynb", *given],
        check=True, capture_output=True, text=True, cwd=tmp_path, timeout=120,
    )  # fmt: skip

    assert "3 so it's True\n" in done.stdout
    assert (tmp_path / "outputs" / "fit.ipynb").exists()
    assert "jupyter_aml" not in (tmp_path / "run_notebook.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "meant"),
    [("1", 1), ("0.5", 0.5), ("1e-3", 0.001), ("True", True), ("false", False), ("None", None), ("a b", "a b")],
)
def test_a_parameter_is_read_as_papermill_reads_it(text: str, meant: Any) -> None:
    found = run_notebook.value(text)

    assert (found, type(found)) == (meant, type(meant))


def test_parameters_of_an_earlier_run_are_replaced() -> None:
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x")])

    run_notebook.inject(nb, {"lr": 1})
    run_notebook.inject(nb, {"lr": 2})

    assert [cell.source for cell in nb.cells] == ["# Parameters\nlr = 2", "x"]
