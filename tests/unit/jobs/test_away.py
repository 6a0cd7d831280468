"""The order of a run for a worker elsewhere: whatever it needs to know, and nothing that means something here alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.jobs import away, prepare, records
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.runtime.engines import ENGINES, Attached
from jupyter_aml.local.runtime.provisioners import dask
from jupyter_aml.local.runtime.remote.order import DOOR, PLACE, Order

from .test_prepare import an_input, asset, code, upload

DOORS = "http://10.0.0.1:5000"
LAB = Attached("lab", ENGINES["dask"], "tcp://10.0.0.2:8786")


class Counted:
    """A cluster with so many slots."""

    slots = 2

    def count(self) -> int:
        return self.slots


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    monkeypatch.setattr(dask.PROVISIONER, "cluster", lambda *_: Counted())
    return Counted


def record(wire: Any, name: str) -> Record:
    with wire.workspace.database.read() as reader:
        return records.find(reader, name)


def ready(wire: Any, command: str = "echo hi", job: str = "fox", **more: Any) -> prepare.Ready:
    status, body = wire.put(job, command, **more)
    assert status == 201, body
    outer = {"PATH": "/bin", "HOME": "/users/ada", "SECRET": "x"}
    return away.make_ready(wire.workspace, record(wire, job), LAB, lambda *_: DOORS, outer)


def order(wire: Any, command: str = "echo hi", **more: Any) -> Order:
    made = ready(wire, command, **more).away
    assert made is not None
    return made.order


def test_nothing_of_this_machine_is_in_it(wire: Any) -> None:
    made = order(
        wire,
        "python train.py ${{inputs.d}} ${{outputs.o}}",
        codeId=code(wire, train_py="print()"),
        inputs=an_input(asset(wire, upload(wire, "raw/iris.csv"))),
        outputs={"o": {"jobOutputType": "uri_folder"}},
        environmentVariables={"DATA": "${{inputs.d}}"},
    )
    text = json.dumps(made.to_json())

    assert str(wire.workspace.store.home) not in text
    assert "/users/ada" not in text
    assert "JUPYTER_AML_HOME" not in text
    assert made.door == DOORS
    assert made.spec["env"]["MLFLOW_TRACKING_URI"].startswith(DOOR)
    assert made.spec["env"]["DATA"] == f"{PLACE}/inputs/d/iris.csv"
    assert made.spec["python"]["args"] == (f"{PLACE}/inputs/d/iris.csv", f"{PLACE}/outputs/o")
    assert made.spec["log"] == f"{PLACE}/runs/user_logs/std_log.txt"
    assert made.outputs == ("outputs/o",)


def test_inputs_are_named_by_their_blobs_and_by_what_the_run_may_do(wire: Any) -> None:
    uri = upload(wire, "raw/iris.csv")
    for mode, copied in (("ReadOnlyMount", False), ("Download", True), ("ReadWriteMount", True)):
        made = order(wire, "cat ${{inputs.d}}", job=mode, inputs=an_input(uri, mode=mode))
        (one,) = made.inputs
        assert (one["container"], one["name"]) == (wire.workspace.blob_container, "raw/iris.csv")
        assert (one["target"], one["copy"], one["single"]) == (f"{PLACE}/inputs/d/iris.csv", copied, True)


def test_an_address_that_the_run_reads_itself_is_not_fetched(wire: Any) -> None:
    made = order(wire, "cat ${{inputs.d}}", inputs=an_input(upload(wire, "raw/iris.csv"), mode="Direct"))

    assert made.inputs == ()
    assert "azureml://" in made.spec["command"]


def test_the_same_code_has_the_same_hash_wherever_it_lies(wire: Any) -> None:
    first = order(wire, codeId=code(wire, train_py="print()")).code
    wire.workspace.blobs.create_container("code-2")
    wire.workspace.blobs.write("code-2", "train.py", b"print()")
    uri = f"https://{wire.workspace.entry.account}.blob.core.windows.net/code-2"
    wire.ask("PUT", "/codes/c/versions/2", {"properties": {"codeUri": uri}})

    again = order(wire, job="wolf", codeId=f"{wire.base}/codes/c/versions/2").code

    assert first is not None
    assert again == first


def test_a_recorded_python_becomes_the_packages_that_the_script_imports(wire: Any) -> None:
    conda = "dependencies: [python=3.11.7, pip, {pip: [azureml-mlflow, mlflow==3.1, pandas==2.2]}]"
    properties = {"image": "x", "condaFile": conda, "tags": {"jupyter_aml.interpreter": "submitter"}}
    wire.ask("PUT", "/environments/recorded/versions/1", {"properties": properties})

    made = order(wire, environmentId=f"{wire.base}/environments/recorded/versions/1")

    assert made.environment["properties"] == {"requirements": ["mlflow==3.1", "pandas==2.2"]}


def test_an_environment_with_packages_is_sent_as_it_is(wire: Any) -> None:
    conda = "dependencies: [python=3.11, pip, {pip: [pandas==2.2]}]"
    wire.ask("PUT", "/environments/own/versions/1", {"properties": {"condaFile": conda}})

    made = order(wire, environmentId=f"{wire.base}/environments/own/versions/1")

    assert made.environment["properties"]["condaFile"] == conda


def test_the_log_tells_where_the_run_goes_and_what_is_otherwise_there(wire: Any, cluster: type[Counted]) -> None:
    cluster.slots = 0
    ready(wire, "cat ${{inputs.d}}", inputs=an_input(upload(wire, "raw/iris.csv"), mode="ReadWriteMount"))
    cluster.slots = 2

    log = (wire.workspace.runs_folder("fox") / "user_logs" / "std_log.txt").read_text(encoding="utf-8")
    assert "The run goes to a Dask cluster, tcp://10.0.0.2:8786." in log
    assert "on the worker the run works on a copy of it" in log
    assert "no workers at the moment" in log


def test_the_runs_token_is_one_for_elsewhere(wire: Any) -> None:
    from jupyter_aml.local.authz import tokens

    found = tokens.verify(wire.service.store, order(wire).token)

    assert found is not None
    assert (found.job, found.away) == ("fox", True)


def test_several_processes_have_their_logs_on_the_worker(wire: Any) -> None:
    made = order(
        wire,
        "python train.py",
        codeId=code(wire, train_py="print()"),
        distribution={"distributionType": "PyTorch", "processCountPerInstance": 2},
    )

    logs = [Path(one["log"]) for one in made.spec["ranks"]]
    assert len({log.name for log in logs}) == 2
    assert {log.parent for log in logs} == {Path(PLACE, "runs", "user_logs")}
    assert made.processes == 2
