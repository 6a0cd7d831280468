"""Jobs on an attached Dask cluster: a scheduler and two workers as processes of this machine, one of them killed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.testing import clusters

from .conftest import Lab, wait_for

pytest.importorskip("distributed", reason="the extra `dask` is not installed")

TRAIN = """
    import os
    import pathlib
    import sys

    import mlflow

    print("read", pathlib.Path(sys.argv[1]).read_text(), flush=True)
    mlflow.log_param("lr", 0.5)
    mlflow.log_metric("loss", 0.25, step=1)
    mlflow.log_text("kept", "notes/note.txt")
    pathlib.Path(sys.argv[2], "model.txt").write_text("weights")
    pathlib.Path("outputs", "report.txt").write_text("fine")
    print("home", os.environ.get("JUPYTER_AML_HOME"), "work", os.environ["JUPYTER_AML_WORK"])
"""
ONCE = """
    import os
    import pathlib
    import sys
    import time

    import mlflow

    mark = pathlib.Path(sys.argv[1])
    first = not mark.exists()
    mark.write_text("begun")
    mlflow.log_param("try", "first" if first else "second")
    mlflow.log_metric("loss", 1.0 if first else 2.0)
    pathlib.Path(sys.argv[2], "first.txt" if first else "second.txt").write_text("x")
    print("first" if first else "second", os.getpid(), flush=True)
    time.sleep(300 if first else 0)
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[clusters.Cluster]:
    with clusters.running(2) as made:
        yield made


def attach(lab: Lab, name: str, address: str, **inner: Any) -> None:
    from azure.ai.ml.entities import KubernetesCompute

    properties = {"engine": "dask", "address": address, **inner}
    lab.client.compute.begin_attach(KubernetesCompute(name=name, resource_id=None, properties=properties)).result()


@pytest.fixture
def away(lab: Lab, cluster: clusters.Cluster) -> Lab:
    """A workspace that the cluster is attached to as `far`."""
    attach(lab, "far", cluster.address)
    return lab


def worker_of(lab: Lab, cluster: clusters.Cluster, name: str) -> int:
    """Number of the worker that runs a job now."""
    state = json.loads((lab.folder / "work" / name / "try.json").read_text(encoding="utf-8"))
    port = str(state["worker"]).rpartition(":")[2]
    for number, process in enumerate(cluster.workers):
        if process.poll() is None and port in listening(process.pid):
            return number
    pytest.fail(f"no worker listens at {state['worker']}")


def listening(pid: int) -> set[str]:
    """The ports at which a process listens."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(os.readlink(entry))
        except OSError:
            continue
    found = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
            found.add(str(int(fields[1].rpartition(":")[2], 16)))
    return found


def test_a_job_runs_on_a_worker_and_everything_comes_home(away: Lab) -> None:
    from azure.ai.ml import Input, Output

    Path("data.txt").write_text("42", encoding="utf-8")
    name, status = away.run(
        TRAIN,
        command="python train.py ${{inputs.data}} ${{outputs.model}}",
        compute="far",
        inputs={"data": Input(type="uri_file", path="data.txt")},
        outputs={"model": Output(type="uri_folder", name="far-model")},
    )

    log = away.log(name)
    assert status == "Completed", log
    assert "read 42" in log
    assert "home None" in log
    assert str(away.home) not in log
    assert away.reader().snapshot(name)["metrics"] == {"loss": 0.25}
    runs = away.folder / "runs" / name
    assert (runs / "outputs" / "report.txt").read_text(encoding="utf-8") == "fine"
    assert (runs / "notes" / "note.txt").read_text(encoding="utf-8") == "kept"
    away.client.jobs.download(name, output_name="model", download_path="got")
    assert [path.read_text(encoding="utf-8") for path in Path("got").rglob("model.txt")] == ["weights"]
    assert away.client.data.get("far-model", label="latest").type == "uri_folder"


def test_a_jobs_lines_are_seen_while_it_runs_and_cancel_ends_it_within_two_seconds(away: Lab) -> None:
    name = away.submit(
        """
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
        print("child", child.pid, flush=True)
        time.sleep(300)
        """,
        compute="far",
    )
    wait_for(lambda: "child" in away.log(name), "a line of the log")
    child = int(away.log(name).split("child ")[1].split()[0])

    begun = time.monotonic()
    away.client.jobs.begin_cancel(name).result()
    assert away.end(name) == "Canceled"

    assert time.monotonic() - begun < 2.0
    assert not Path(f"/proc/{child}").exists()


def test_a_script_that_fails_is_told_with_its_own_words(away: Lab) -> None:
    name, status = away.run("raise ValueError('no such colour')", compute="far")

    assert status == "Failed"
    assert away.error(name) == "ValueError: no such colour"
