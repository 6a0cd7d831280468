"""Distributed command jobs through the unmodified SDK: several processes, their variables, logs and common end."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import MpiDistribution, PyTorchDistribution, RayDistribution, TensorFlowDistribution
from azure.ai.ml.entities import AmlCompute
from azure.ai.ml.exceptions import JobException
from azure.core.exceptions import HttpResponseError

from jupyter_aml.agent import processes

from . import lab as labs
from .lab import Lab, wait_for

ALL_REDUCE = """
import os, pickle, socket, struct, time

rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
master = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])

def send(peer, value):
    data = pickle.dumps(value)
    peer.sendall(struct.pack("!I", len(data)) + data)

def receive(peer):
    def exactly(count):
        data = b""
        while len(data) < count:
            part = peer.recv(count - len(data))
            if not part:
                raise ConnectionError("the other side is gone")
            data += part
        return data
    return pickle.loads(exactly(struct.unpack("!I", exactly(4))[0]))

if rank == 0:
    listener = socket.create_server(master, backlog=size)
    peers = [listener.accept()[0] for _ in range(size - 1)]
else:
    until = time.time() + 60
    while True:
        try:
            peers = [socket.create_connection(master)]
            break
        except ConnectionRefusedError:
            assert time.time() < until
            time.sleep(0.02)

def all_reduce(vector):
    if rank:
        send(peers[0], vector)
        return receive(peers[0])
    whole = [sum(column) for column in zip(vector, *map(receive, peers))]
    for peer in peers:
        send(peer, whole)
    return whole
"""
"""A collective sum, without any package: rank 0 gathers over sockets and sends the whole to all."""

SUM = (
    ALL_REDUCE
    + """
total = all_reduce([rank, 1, 10 ** rank])
node, local = os.environ["NODE_RANK"], os.environ["LOCAL_RANK"]
print(f"rank {rank} is process {local} of node {node} and has {total}")
"""
)

SPREAD = (
    ALL_REDUCE
    + """
all_reduce([1])
if rank == 2:
    raise ValueError("no gradient")
all_reduce([1])
"""
)

TORCH = """
import torch
import torch.distributed as dist
dist.init_process_group("gloo")
tensor = torch.ones(3) * (dist.get_rank() + 1)
dist.all_reduce(tensor)
print(tensor.tolist())
dist.destroy_process_group()
"""


@pytest.fixture
def lab(installation: Path, home: Path, real_host: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """One door is enough here: what differs is below it."""
    monkeypatch.setenv("JUPYTER_AML_HOME", str(installation))
    yield from labs.by_process(installation)


def logs(lab: Lab, name: str) -> dict[str, str]:
    """The logs of a job by their names, without what is said of the environment."""
    folder = lab.entry.folder / "runs" / name / "user_logs"
    return {path.name: labs.own_words(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*"))}


def environments(lab: Lab, **more: Any) -> list[dict[str, str]]:
    """The environments of all processes of a job, in the order of their logs."""
    job = lab.run("import os, json; print(json.dumps(dict(os.environ)))", **more)
    return [json.loads(text.strip().splitlines()[-1]) for text in logs(lab, job.name).values()]


def test_four_processes_on_two_nodes_add_up_what_each_has(lab: Lab) -> None:
    distribution = PyTorchDistribution(process_count_per_instance=2)

    job = lab.run(SUM, distribution=distribution, instance_count=2)

    found = logs(lab, job.name)
    assert list(found) == [f"std_log_process_0{rank}.txt" for rank in range(4)]
    for rank, text in enumerate(found.values()):
        assert f"rank {rank} is process {rank % 2} of node {rank // 2} and has [6, 4, 1111]" in text
    assert job.distribution == distribution
    assert job.resources.instance_count == 2


def test_all_processes_log_to_the_one_run(lab: Lab) -> None:
    import mlflow

    job = lab.run(
        "import os, mlflow; mlflow.log_metric('of_' + os.environ['RANK'], int(os.environ['WORLD_SIZE']))",
        distribution=PyTorchDistribution(process_count_per_instance=2),
    )

    mlflow.set_tracking_uri(lab.client.workspaces.get(lab.entry.name).mlflow_tracking_uri)
    assert mlflow.get_run(job.name).data.metrics == {"of_0": 2.0, "of_1": 2.0}


def test_the_stream_is_the_first_processs(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    name = lab.submit(
        "import os, time; print('I am', os.environ['RANK'], flush=True); time.sleep(0.5)",
        distribution=PyTorchDistribution(process_count_per_instance=2),
    )

    lab.client.jobs.stream(name)

    shown = capsys.readouterr().out
    assert "Streaming user_logs/std_log_process_00.txt" in shown
    assert "I am 0" in shown
    assert "I am 1" not in shown


def test_logs_of_all_processes_are_downloaded(lab: Lab, tmp_path: Path) -> None:
    job = lab.run(command="echo $RANK", distribution=PyTorchDistribution(process_count_per_instance=2))

    lab.client.jobs.download(job.name, download_path=tmp_path, all=True)

    found = sorted(path for path in tmp_path.rglob("std_log*"))
    assert [(path.name, path.read_text()[-2:]) for path in found] == [
        ("std_log_process_00.txt", "0\n"),
        ("std_log_process_01.txt", "1\n"),
    ]


def test_one_that_fails_ends_the_others_and_its_traceback_is_the_jobs(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    job = lab.run(SPREAD, status="Failed", distribution=PyTorchDistribution(process_count_per_instance=4))

    error = lab.error(job.name)
    assert error["message"] == "ValueError: no gradient (process 2 of 4, see user_logs/std_log_process_02.txt)"
    assert "ValueError: no gradient" in error["details"][0]["message"]
    with pytest.raises(JobException, match="no gradient"):
        lab.client.jobs.stream(job.name)


def test_a_cancelled_job_leaves_none_of_its_processes(lab: Lab) -> None:
    name = lab.submit(
        "import os, time; print(os.getpid(), flush=True); time.sleep(600)",
        distribution=PyTorchDistribution(process_count_per_instance=3),
    )

    def pids() -> list[int]:
        found = [text.split() for text in logs(lab, name).values()]
        return [int(words[-1]) for words in found if words and words[-1].isdigit()]

    started = wait_for(lambda: len(pids()) == 3 and pids(), "all three begin")
    lab.client.jobs.begin_cancel(name).wait()

    assert lab.end(name).status == "Canceled"
    assert not [pid for pid in started if processes.alive(pid, 0)]


def test_mpi_processes_have_open_mpis_variables(lab: Lab) -> None:
    found = environments(lab, distribution=MpiDistribution(process_count_per_instance=2))

    assert [env["OMPI_COMM_WORLD_RANK"] for env in found] == ["0", "1"]
    assert {env["OMPI_COMM_WORLD_SIZE"] for env in found} == {"2"}
    assert [env["OMPI_COMM_WORLD_LOCAL_RANK"] for env in found] == ["0", "1"]


def test_tensorflow_tasks_are_told_their_cluster(lab: Lab) -> None:
    job = lab.run(
        "import os, time, json\n"
        "task = json.loads(os.environ['TF_CONFIG'])['task']\n"
        "print(task['type'], task['index'], flush=True)\n"
        "if task['type'] == 'ps':\n    open('serves', 'w').close()\n    time.sleep(600)\n"
        "while not os.path.exists('serves'):\n    time.sleep(0.02)\n",
        distribution=TensorFlowDistribution(worker_count=2, parameter_server_count=1),
        instance_count=2,
    )

    assert logs(lab, job.name) == {
        "std_log_process_00.txt": "worker 0\n",
        "std_log_process_00_ps.txt": "ps 0\n",
        "std_log_process_01.txt": "worker 1\n",
    }


def test_ray_that_is_not_there_fails_the_job_in_words(lab: Lab) -> None:
    if importlib.util.find_spec("ray"):
        pytest.skip("ray is installed in this environment")
    job = lab.run("print(1)", status="Failed", distribution=RayDistribution(port=6399))

    assert "no program `ray` in its environment" in lab.error(job.name)["message"]


def test_torch_finds_its_processes_by_itself(lab: Lab) -> None:
    if not importlib.util.find_spec("torch"):
        pytest.skip("torch is no dependency; where it is installed, it runs here")
    job = lab.run(TORCH, distribution=PyTorchDistribution(process_count_per_instance=2), instance_count=2)

    assert all("[10.0, 10.0, 10.0]" in text for text in logs(lab, job.name).values())


def test_more_instances_than_the_cluster_has_are_refused(lab: Lab) -> None:
    lab.client.compute.begin_create_or_update(AmlCompute(name="pair", max_instances=2)).wait()

    with pytest.raises(HttpResponseError, match="the compute 'pair' has at most 2") as caught:
        lab.submit("print(1)", compute="pair", instance_count=3)

    assert caught.value.status_code == 400
    assert lab.run("print(1)", compute="pair", instance_count=2, distribution=PyTorchDistribution())


def test_instances_without_distribution_run_the_command_once_and_the_log_says_so(lab: Lab) -> None:
    job = lab.run("print('once')", instance_count=2)

    (text,) = logs(lab, job.name).values()
    assert text.count("once\n") == 1
    assert "has no `distribution`" in text
