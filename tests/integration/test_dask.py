"""Jobs on an attached Dask cluster: a scheduler and two workers as processes of this machine, one of them killed."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.testing import clusters
from tests.unit.runtime.wheels import make_wheel

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
LOGGER = """
import json
import os
import time
import urllib.request


def log(what, **fields):
    '''Log as MLflow does, whose import takes longer than these runs.'''
    body = {"run_id": os.environ["MLFLOW_RUN_ID"], **fields}
    request = urllib.request.Request(
        f"{os.environ['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/runs/log-{what}", json.dumps(body).encode(),
        {"Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).read()


def log_metric(key, value):
    log("metric", key=key, value=value, timestamp=int(time.time() * 1000))
"""
ONCE = """
    import os
    import pathlib
    import sys
    import time

    from logger import log, log_metric

    mark = pathlib.Path(sys.argv[1])
    first = not mark.exists()
    mark.write_text("begun")
    log("parameter", key="try", value="first" if first else "second")
    log_metric("loss", 1.0 if first else 2.0)
    pathlib.Path(sys.argv[2], "first.txt" if first else "second.txt").write_text("x")
    print("first" if first else "second", os.getpid(), flush=True)
    time.sleep(300 if first else 0)
"""


def another(cluster: clusters.Cluster, count: int = 1) -> None:
    """Workers that take packages from a folder of the cluster's alone."""
    cluster.add(count, env={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(cluster.folder / "wheels")})
    cluster.ready()


@pytest.fixture(scope="module")
def cluster() -> Iterator[clusters.Cluster]:
    made = clusters.Cluster()
    try:
        another(made, 2)
        yield made
    finally:
        made.close()


def attach(lab: Lab, name: str, address: str, **inner: Any) -> None:
    from azure.ai.ml.entities import KubernetesCompute

    properties = {"engine": "dask", "address": address, **inner}
    lab.client.compute.begin_attach(KubernetesCompute(name=name, resource_id=None, properties=properties)).result()


@pytest.fixture
def away(lab: Lab, cluster: clusters.Cluster) -> Lab:
    """A workspace that the cluster is attached to as `far`."""
    attach(lab, "far", cluster.address)
    return lab


def code_of(script: str) -> str:
    """A folder with a script `train.py` and the module `logger`."""
    code = Path("code")
    code.mkdir()
    (code / "train.py").write_text(textwrap.dedent(script), encoding="utf-8")
    (code / "logger.py").write_text(LOGGER, encoding="utf-8")
    return str(code)


def worker_of(lab: Lab, cluster: clusters.Cluster, name: str) -> int:
    """Number of the worker that runs a job now."""
    state = json.loads((lab.folder / "work" / name / "try.json").read_text(encoding="utf-8"))
    port = str(state["worker"]).rpartition(":")[2]
    for number, process in enumerate(cluster.workers):
        if process.poll() is None and port in listening(process.pid):
            return number
    pytest.fail(f"no worker listens at {state['worker']}")


def points(lab: Lab, name: str) -> list[float]:
    """Every value of the metric `loss` of a job, in order."""
    asked = {"run_id": name, "metric_key": "loss"}
    found = lab.reader().rest.get("api/2.0/mlflow/metrics/get-history", query=asked, api="mlflow/v2.0")
    return [point["value"] for point in found["metrics"]]


def listening(pid: int) -> set[str]:
    """The ports at which a process listens."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(str(entry.readlink()))
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


def test_a_worker_killed_in_the_middle_costs_no_more_than_its_try(
    away: Lab, cluster: clusters.Cluster, tmp_path: Path
) -> None:
    from azure.ai.ml import Output

    name = away.submit(
        command=f"python train.py {tmp_path}/mark ${{{{outputs.made}}}}",
        code=code_of(ONCE),
        compute="far",
        outputs={"made": Output(type="uri_folder")},
    )
    wait_for(lambda: "first" in away.log(name), "the first try")
    pid = int(away.log(name).split("first ")[1].split()[0])

    cluster.kill(worker_of(away, cluster, name))

    assert away.end(name) == "Completed", away.log(name)
    assert "is gone; the run begins again on" in away.log(name)
    assert not Path(f"/proc/{pid}").exists()
    tracking = away.reader().rest
    run = tracking.get("api/2.0/mlflow/runs/get", query={"run_id": name}, api="mlflow/v2.0")["run"]["data"]
    assert [(one["key"], one["value"]) for one in run["params"]] == [("try", "second")]
    assert points(away, name) == [2.0]
    away.client.jobs.download(name, output_name="made", download_path="got")
    assert [path.name for path in Path("got").rglob("*.txt")] == ["second.txt"]
    another(cluster)


def test_a_run_goes_on_without_a_host_and_is_found_by_the_next(away: Lab, tmp_path: Path) -> None:
    name = away.submit(
        """
        import pathlib, sys, time
        print("begun", flush=True)
        while not pathlib.Path(sys.argv[1]).exists():
            time.sleep(0.05)
        pathlib.Path("outputs", "late.txt").write_text("late")
        print("done", flush=True)
        """,
        command=f"python train.py {tmp_path}/go",
        compute="far",
    )
    wait_for(lambda: "begun" in away.log(name), "the run")
    away.kill_host()
    (tmp_path / "go").touch()
    time.sleep(1.0)

    from jupyter_aml.client.connect import connection

    connection(away.client).service.store.attend()

    assert away.end(name) == "Completed", away.log(name)
    assert away.log(name).count("begun") == 1
    assert "done" in away.log(name)
    assert (away.folder / "runs" / name / "outputs" / "late.txt").exists()


def test_trials_of_a_sweep_run_on_the_workers_and_count_once_when_one_is_killed(
    away: Lab, cluster: clusters.Cluster
) -> None:
    from azure.ai.ml import command
    from azure.ai.ml.sweep import Choice

    trial = command(
        command="python train.py ${{inputs.x}}",
        code=code_of(
            """
            import sys, time
            from logger import log_metric
            log_metric("loss", float(sys.argv[1]))
            print("logged", flush=True)
            time.sleep(1)
            """
        ),
        environment="plain:1",
        compute="far",
        inputs={"x": 1.0},
    )
    sweep = trial(x=Choice([1.0, 2.0, 3.0, 4.0])).sweep(
        primary_metric="loss", goal="minimize", sampling_algorithm="grid", compute="far"
    )
    sweep.set_limits(max_total_trials=4, max_concurrent_trials=2)
    name = away.client.jobs.create_or_update(sweep).name
    wait_for(lambda: "logged" in away.log(f"{name}_1"), "a trial")
    cluster.kill(worker_of(away, cluster, f"{name}_1"))

    assert away.end(name) == "Completed"
    another(cluster)
    children = list(away.client.jobs.list(parent_job_name=name))
    assert [child.status for child in children] == ["Completed"] * 4
    for child in children:
        assert "The run is on the worker" in away.log(child.name)
        assert len(points(away, child.name)) == 1
    assert "is gone; the run begins again on" in away.log(f"{name}_1")
    best = away.client.jobs.get(name).properties["best_child_run_id"]
    assert away.reader().snapshot(best)["metrics"] == {"loss": 1.0}


def test_steps_of_a_pipeline_run_there_and_hand_over_what_they_made(away: Lab) -> None:
    from azure.ai.ml import Input, Output, command, dsl
    from azure.ai.ml.parallel import RunFunction, parallel_run_function

    code, rows = Path("code"), Path("rows")
    code.mkdir()
    rows.mkdir()
    for number in range(4):
        (rows / f"{number}.txt").write_text(str(number), encoding="utf-8")
    (code / "each.py").write_text(
        "import pathlib\n\n\ndef run(batch):\n    return [pathlib.Path(one).read_text() * 2 for one in batch]\n"
    )
    (code / "sum.py").write_text("import sys\nprint('rows', sorted(open(sys.argv[1]).read().split()))\n")
    double = parallel_run_function(
        name="double", inputs={"rows": Input(type="uri_folder")}, outputs={"found": Output(type="uri_file")},
        input_data="${{inputs.rows}}", instance_count=1, mini_batch_size="1", max_concurrency_per_instance=1,
        task=RunFunction(
            code=str(code), entry_script="each.py", environment="azureml:plain:1", append_row_to="${{outputs.found}}"
        ),
    )  # fmt: skip
    total = command(
        name="total", command="python sum.py ${{inputs.found}}", code=str(code), environment="plain:1",
        inputs={"found": Input(type="uri_file")},
    )  # fmt: skip

    @dsl.pipeline(compute="far")
    def flow(rows):
        first = double(rows=rows)
        total(found=first.outputs.found)

    job = away.client.jobs.create_or_update(flow(rows=Input(type="uri_folder", path=str(rows))))

    assert away.end(job.name) == "Completed", away.error(job.name)
    logs = {child.display_name: away.log(child.name) for child in away.client.jobs.list(parent_job_name=job.name)}
    assert "rows ['00', '11', '22', '33']" in logs["total"]
    assert all("The run is on the worker" in log for log in logs.values())


def test_a_cluster_that_is_not_there_fails_the_job_with_a_sentence(away: Lab) -> None:
    attach(away, "nowhere", "tcp://127.0.0.1:9")

    name, status = away.run("print('never')", compute="nowhere")

    assert status == "Failed"
    assert "The Dask scheduler tcp://127.0.0.1:9 of the compute 'nowhere' cannot be reached" in away.error(name)


def test_an_environment_is_built_on_the_worker(away: Lab, cluster: clusters.Cluster) -> None:
    from azure.ai.ml.entities import Environment

    conda = {"dependencies": ["python", "pip", {"pip": ["farpack==1.5"]}]}
    away.client.environments.create_or_update(
        Environment(name="packed", version="1", image="python:3", conda_file=conda)
    )
    make_wheel(cluster.folder / "wheels", "farpack", "1.5")
    name, status = away.run(
        "import farpack, sys; print('has', farpack.version, sys.prefix)", environment="packed:1", compute="far"
    )

    assert status == "Completed", away.log(name)
    assert "has 1.5" in away.log(name)
    assert "Building the environment" in away.log(name)
    assert not list(away.home.glob("envs/*"))


def test_an_environment_that_cannot_be_built_there_fails_the_job_with_the_solvers_words(away: Lab) -> None:
    from azure.ai.ml.entities import Environment

    conda = {"dependencies": ["python", "pip", {"pip": ["no-such-package-anywhere==9"]}]}
    away.client.environments.create_or_update(
        Environment(name="lacking", version="1", image="python:3", conda_file=conda)
    )

    name, status = away.run("print('never')", environment="lacking:1", compute="far")

    assert status == "Failed"
    assert "The environment cannot be built" in away.error(name)
    assert "no-such-package-anywhere" in away.error(name)


SCORE = """
    import os, pathlib, time


    def run(batch, context):
        there = pathlib.Path(os.environ["AZUREML_BI_OUTPUT_PATH"])
        place = pathlib.Path(os.environ["PLACE"])
        (place / f"{context.minibatch_index}.{os.getpid()}").touch()
        if context.minibatch_index == 5:
            while not (place / "go").exists():
                time.sleep(0.05)
        for one in batch:
            (there / pathlib.Path(one).name).write_text(os.environ["AZUREML_RUN_ID"])
        return [pathlib.Path(one).read_text() for one in batch]
"""


def test_the_mini_batches_of_a_parallel_step_are_shared_out_among_the_workers(
    away: Lab, cluster: clusters.Cluster, tmp_path: Path
) -> None:
    from azure.ai.ml import Input, Output, dsl
    from azure.ai.ml.parallel import RunFunction, parallel_run_function

    rows, place = Path("rows"), tmp_path / "seen"
    rows.mkdir()
    place.mkdir()
    for number in range(7):
        (rows / f"{number}.txt").write_text(f"row {number}", encoding="utf-8")
    each = parallel_run_function(
        name="each", inputs={"rows": Input(type="uri_folder")},
        outputs={"found": Output(type="uri_file"), "files": Output(type="uri_folder")},
        input_data="${{inputs.rows}}", mini_batch_size="1", max_concurrency_per_instance=1,
        environment_variables={"PLACE": str(place)},
        task=RunFunction(
            code=code_of(SCORE), entry_script="train.py", environment="azureml:plain:1",
            append_row_to="${{outputs.found}}",
        ),
    )  # fmt: skip

    @dsl.pipeline(default_compute="far")
    def flow(rows):
        first = each(rows=rows)
        return {"found": first.outputs.found, "files": first.outputs.files}

    data = Input(type="uri_folder", path=str(rows))
    name = away.client.jobs.create_or_update(flow(rows=data)).name
    share = f"{name}_each_share_1"
    wait_for(lambda: list(place.glob("5.*")) and "3 mini-batches" in away.log(share), "the share that waits")
    cluster.kill(worker_of(away, cluster, share))
    (place / "go").touch()

    assert away.end(name) == "Completed", away.error(name)
    another(cluster)
    assert "is gone; the run begins again on" in away.log(share)
    assert away.client.jobs.get(f"{name}_each").type == "pipeline"
    children = {child.name: child.status for child in away.client.jobs.list(parent_job_name=f"{name}_each")}
    assert children == dict.fromkeys([f"{name}_each_{one}" for one in ("share_0", "share_1", "gather")], "Completed")
    away.client.jobs.download(name, output_name="found", download_path="got")
    (found,) = (path for path in Path("got").rglob("*") if path.is_file())
    assert found.read_text(encoding="utf-8").splitlines() == [f"row {number}" for number in range(7)]
    away.client.jobs.download(name, output_name="files", download_path="files")
    wrote = {path.name: path.read_text() for path in Path("files").rglob("*.txt")}
    assert wrote == {f"{number}.txt": f"{name}_each_share_{number % 2}" for number in range(7)}

    again = away.client.jobs.create_or_update(flow(rows=data)).name
    assert away.end(again) == "Completed"
    log = away.folder / "runs" / f"{again}_each" / "logs" / "azureml" / "executionlogs.txt"
    assert log.read_text(encoding="utf-8").count("is taken over from") == 3
