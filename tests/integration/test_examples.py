"""Every example of the help, executed as it stands in a notebook's shell, on a workspace that has what it names."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from sklearn.datasets import load_iris

from jupyter_aml.commands.actions.kernels import HELD
from jupyter_aml.commands.grammar import grammar

from .conftest import wait_for

NOT_HERE: dict[str, str] = {}
"""Examples that cannot be executed by a test, and why."""

FILES = {
    "data.yml": "name: iris\ntype: uri_file\npath: ./iris.csv\n",
    "job.yml": "type: command\ncommand: echo hello\nenvironment: azureml:clinic@latest\n",
    "conda.yml": "dependencies:\n- python=3.11\n",
    "model/weights.txt": "1.5\n",
    "train.py": "#| aml: command train\nprint('trained')\n",
    "score.py": "def init():\n    pass\n\n\ndef run(raw_data):\n    return raw_data\n",
    "request.json": '{"input_data": [[5.1, 3.5, 1.4, 0.2, 0]]}',
    "deployment.yml": "name: green\nendpoint_name: iris\nmodel: azureml:iris_mlflow@latest\n"
    "instance_type: Standard_DS3_v2\ninstance_count: 1\n",
    "batch.yml": "name: forest\nendpoint_name: nightly\ntype: model\nmodel: azureml:iris_mlflow@latest\n"
    "compute: azureml:cluster\n",
}
FITTED = """%%aml command learn --input data=iris@latest --result model=mlflow_model --wait --var fitted
import mlflow.sklearn
import pandas as pd
from sklearn.linear_model import LogisticRegression

table = pd.read_csv(data)
fitted = LogisticRegression(max_iter=500).fit(table, table["target"])
mlflow.sklearn.save_model(fitted, model)
"""
BATCH = """%%aml batch-deployment
name: {name}
endpoint_name: nightly
type: model
model: azureml:iris_mlflow@latest
compute: azureml:cluster"""
SERVING = ("deploy", "invoke", "score", "online-endpoint", "online-deployment", "batch-endpoint", "batch-deployment")
"""First words of the examples that name endpoints."""
SCRIPT = """%%aml command train --input lr=0.1 --result model=mlflow_model --wait --var {name}
import pathlib
import mlflow

mlflow.log_metric("loss", lr, step=0)
mlflow.log_metric("loss", lr / 2, step=1)
pathlib.Path(model, "MLmodel").write_text("flavors: {{}}\\n")
"""
PREP = """%%aml component prep --input raw=iris@latest --result rows=uri_folder
import shutil

shutil.copy(raw, rows)
"""
FIT = """%%aml component fit --input rows=uri_folder --input rate=0.1 --result model=uri_folder
import os
import mlflow

mlflow.log_metric("files", len(os.listdir(rows)) * rate)
open(f"{model}/rate.txt", "w").write(str(rate))
"""
SWEEP = """%%aml sweep tune --metric loss --search lr=choice(0.1,0.2) --wait --var sweep
import mlflow

mlflow.log_metric("loss", lr)
"""


def examples() -> list[Any]:
    """Every example, with the words of its verb."""
    table = grammar()
    found = [
        (f"{noun.name} {verb.name}", text)
        for noun in table.nouns.values()
        for verb in noun.verbs
        for text in verb.examples
    ]
    found += [(noun.name, text) for noun in table.nouns.values() for text in noun.examples]
    found += [(verb.name, text) for verb in (*table.verbs.values(), *table.cells.values()) for text in verb.examples]
    return [pytest.param(text, id=f"{path}: {text.splitlines()[0]}") for path, text in found]


@pytest.fixture(scope="module")
def shell() -> Iterator[Any]:
    """A shell with the extension."""
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance()
    made.history_manager.enabled = False
    made.run_line_magic("load_ext", "jupyter_aml")
    yield made
    made.run_line_magic("unload_ext", "jupyter_aml")
    made.history_manager.end_session()
    InteractiveShell.clear_instance()


class Stage:
    """What the examples name: files, variables, assets, computes, jobs; made where it is missing.

    Args:
        shell: Whose variables they are.
        client: Of the workspace.
    """

    def __init__(self, shell: Any, client: Any) -> None:
        self.shell = shell
        self.client = client

    def set(self) -> None:
        """Have everything."""
        self._files()
        self._assets()
        self._places()
        self._jobs()

    def do(self, cell: str) -> None:
        """Run a cell that must succeed."""
        self.shell.run_cell(cell).raise_error()

    def _files(self) -> None:
        frame = load_iris(as_frame=True).frame
        frame.to_csv("iris.csv", index=False)
        for name, text in FILES.items():
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text(text, encoding="utf-8")
        nbformat.write(BOOK, "fit.ipynb")
        months = pd.date_range("2020-01-01", periods=48, freq="MS")
        sales = pd.DataFrame({"month": months, "shop": "north", "sold": range(48)})
        self.shell.user_ns |= {"df": frame, "sales": sales, "key": "c2VjcmV0", "lr": 0.5}

    def _assets(self) -> None:
        self._have(lambda: self.client.data.get("iris", label="latest"), "%aml data create iris iris.csv")
        self._have(lambda: self.client.models.get("iris_model", label="latest"), "%aml model create iris_model ./model")
        self._have(
            lambda: self.client.environments.get("clinic", label="latest"),
            "%aml environment create clinic --image python:3",
        )
        self._have(
            lambda: self.client.components.get("greet", label="latest"),
            "%%aml component\nname: greet\ntype: command\ncommand: echo hello\nenvironment: azureml:clinic@latest",
        )

    def _places(self) -> None:
        compute, store = self.client.compute.get, self.client.datastores.get
        self._have(lambda: compute("cluster"), "%aml compute create cluster --max-instances 2")
        self._have(lambda: compute("desk"), "%aml compute create desk --type computeinstance --size Standard_DS3_v2")
        self._have(
            lambda: compute("elsewhere"), "%aml compute attach elsewhere --type dask --address tcp://127.0.0.1:8786"
        )
        self._have(
            lambda: store("clinic_store"),
            "%aml datastore create clinic_store --account-name shop --container-name raw --account-key {key}",
        )
        self.do("%aml cp ./iris.csv workspaceblobstore/raw/old.csv")
        known = {one.name for one in self.client.workspaces.list()}
        for made in known & {"clinic", "ward"}:
            self.do(f"%aml workspace delete {made} --yes")
        if "spare" not in known:
            self.do("%aml workspace create spare")
        Path("clinic.tar.gz").unlink(missing_ok=True)
        if not Path("before.tar.gz").exists():
            self.do("%aml workspace create old")
            self.do("%aml local backup ./before.tar.gz -w old")
            self.do("%aml workspace delete old --yes")

    def _jobs(self) -> None:
        names = self.shell.user_ns
        for name in ("job", "other"):
            kept = f"_kept_{name}"
            self._have(lambda kept=kept: self.client.jobs.get(names[kept].name), SCRIPT.format(name=kept))
            names[name] = names[kept]
        if "flow" not in names:
            self.do(PREP)
            self.do(FIT)
            self.do("%aml pipeline prep >> fit --wait --var flow")
            self.do(SWEEP)
        if "running" not in names or names["running"].refresh().status in ENDED:
            self.do(IDLE)
        if "failed" not in names:
            self.do(FAILS.format(name="failed", options=""))
        wait_for(lambda: names["running"].refresh().status == "Running", "the idle job runs")
        wait_for(lambda: names["failed"].refresh().status == "Failed", "a job fails")

    def serve(self) -> None:
        """Have endpoints with deployments that answer, and what they serve."""
        names, online = self.shell.user_ns, self.client.online_deployments.get
        if "fitted" not in names:
            self.do(FITTED)
        self._have(
            lambda: self.client.models.get("iris_mlflow", label="latest"), "%aml model create iris_mlflow {fitted}"
        )
        for name in ("blue", "spare"):
            self._have(lambda name=name: online(name, "iris"), f"%aml deploy iris_mlflow iris --name {name}")
        if self.client.online_endpoints.get("iris").traffic.get("blue") != 100:
            self.do('%aml online-endpoint update iris --traffic "blue=100"')
        self._have(lambda: self.client.batch_endpoints.get("nightly"), "%aml batch-endpoint create nightly")
        for name, default in (("trees", " create --set-default"), ("spare", "")):
            self._have(
                lambda name=name: self.client.batch_deployments.get(name, "nightly"),
                BATCH.format(name=name).replace("batch-deployment", f"batch-deployment{default}", 1),
            )

    def hold(self) -> None:
        """Have a job that is held where it failed; it takes a slot until `release`."""
        self.do(FAILS.format(name="held", options="--env-var JUPYTER_AML_HOLD=30"))
        held = self.shell.user_ns["held"]
        wait_for(lambda: HELD in (held.refresh().properties or {}), "a job is held")

    def release(self) -> None:
        """End every job that is held."""
        for job in itertools.islice(self.client.jobs.list(), 5):
            if HELD in (self.client.jobs.get(job.name).properties or {}):
                self.do(f"%aml job debug {job.name} --release")

    def _have(self, get: Callable[[], object], cell: str) -> None:
        try:
            get()
        except Exception:  # noqa: BLE001 - whatever it was, the cell makes it
            self.do(cell)


BOOK = nbformat.v4.new_notebook(
    cells=[
        nbformat.v4.new_code_cell("lr = 0.5\ndata = None", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print('fitted with', lr, data)"),
    ]
)
IDLE = """%%aml command idle --var running
import time

step, loss = 3, 0.1
print("begun", flush=True)
time.sleep(600)
"""
FAILS = """%%aml command fails --var {name} {options}
for row in (2, 1, 0):
    print(1 / row)
"""
ENDED = ("Completed", "Failed", "Canceled", "CancelRequested")
"""Statuses of a job that takes no slot for long; two idle ones would take both of a small machine."""

READING = ("list", "show", "ls", "cat", "preview", "whoami", "status", "doctor", "logs", "compare", "validate")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the notebook."""
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def changed() -> dict[str, bool]:
    """Whether an example has changed the stage since it was set."""
    return {"stage": True}


@pytest.fixture
def stage(lab: Any, shell: Any, place: Path, changed: dict[str, bool], monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The workspace as the examples expect it."""
    monkeypatch.chdir(place)
    made = Stage(shell, lab.client)
    if changed["stage"]:
        made.set()
    changed["stage"] = True
    return made


@pytest.mark.parametrize("example", examples())
def test_an_example_of_the_help_runs(example: str, stage: Stage, changed: dict[str, bool]) -> None:
    if example in NOT_HERE:
        pytest.skip(NOT_HERE[example])

    if "{held}" in example:
        stage.hold()
    if set(example.splitlines()[0].split()) & set(SERVING):
        stage.serve()

    stage.shell.run_cell(example).raise_error()

    if "job debug" in example:
        stage.release()
    changed["stage"] = not set(example.splitlines()[0].split()[1:3]) & set(READING)


def test_the_examples_that_no_test_can_run_are_still_in_the_help() -> None:
    every = {param.values[0] for param in examples()}  # noqa: PD011 - of pytest

    assert set(NOT_HERE) <= every
