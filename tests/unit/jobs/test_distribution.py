"""Distributed jobs: how many processes, on which instance each is, and what each is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs import distribution, ledger, prepare, records, verdict, work
from jupyter_aml.local.jobs.lifecycle import Fault
from jupyter_aml.local.runtime.handles import Exit

HOST = "127.0.0.1"


def body(kind: str = "", nodes: Any = 1, **fields: Any) -> dict[str, Any]:
    return {
        "resources": {"instanceCount": nodes},
        "distribution": {"distributionType": kind, **fields} if kind else None,
    }


def told(given: dict[str, Any], rank: int) -> dict[str, str]:
    plan = distribution.read(given)
    ports = list(range(9000, 9000 + distribution.ports_needed(plan)))
    return distribution.variables(plan, plan.processes[rank], HOST, ports)


def test_a_job_without_distribution_is_one_process() -> None:
    plan = distribution.read({})

    assert (plan.kind, plan.nodes, plan.size) == ("", 1, 1)
    assert plan.log_name(plan.processes[0]) == "std_log.txt"


def test_pytorch_has_as_many_processes_as_instances_times_processes_of_each() -> None:
    plan = distribution.read(body("PyTorch", 2, processCountPerInstance=3))

    assert [(one.rank, one.local, one.node) for one in plan.processes] == [
        (0, 0, 0), (1, 1, 0), (2, 2, 0), (3, 0, 1), (4, 1, 1), (5, 2, 1),
    ]  # fmt: skip


def test_one_process_an_instance_is_the_default() -> None:
    assert [one.node for one in distribution.read(body("Mpi", 3)).processes] == [0, 1, 2]


def test_pytorch_tells_ranks_and_where_the_master_is() -> None:
    found = told(body("PyTorch", 2, processCountPerInstance=2), 3)

    assert found == {
        "RANK": "3",
        "LOCAL_RANK": "1",
        "NODE_RANK": "1",
        "WORLD_SIZE": "4",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": HOST,
        "MASTER_PORT": "9000",
        "AZUREML_NODE_COUNT": "2",
        "AZUREML_PROCESS_COUNT": "4",
        "AZ_BATCHAI_TASK_INDEX": "1",
        "AZ_BATCH_MASTER_NODE": f"{HOST}:9000",
        "AZ_BATCH_NODE_LIST": f"{HOST};{HOST}",
        "AZ_BATCH_HOST_LIST": f"{HOST},{HOST}",
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": "false",
    }


def test_mpi_tells_what_open_mpi_would() -> None:
    found = told(body("Mpi", 2, processCountPerInstance=2), 2)

    assert {key: value for key, value in found.items() if key.startswith(("OMPI", "PMI"))} == {
        "OMPI_COMM_WORLD_RANK": "2",
        "OMPI_COMM_WORLD_SIZE": "4",
        "OMPI_COMM_WORLD_LOCAL_RANK": "0",
        "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
        "OMPI_COMM_WORLD_NODE_RANK": "0",
        "OMPI_UNIVERSE_SIZE": "4",
        "PMI_RANK": "2",
        "PMI_SIZE": "4",
    }
    assert found["RANK"] == "2"


def test_only_mpi_has_mpis_variables_and_only_tensorflow_its_config() -> None:
    found = told(body("PyTorch"), 0)

    assert not [name for name in found if name.startswith(("OMPI", "PMI", "TF_"))]
    assert "TF_CONFIG" not in told(body("Mpi"), 0)


def test_tensorflow_tells_the_cluster_and_the_task() -> None:
    given = body("TensorFlow", 2, workerCount=2, parameterServerCount=1)
    cluster = {"worker": [f"{HOST}:9000", f"{HOST}:9001"], "ps": [f"{HOST}:9002"]}

    second, server = (told(given, rank) for rank in (1, 2))

    assert json.loads(second["TF_CONFIG"]) == {
        "cluster": cluster,
        "task": {"type": "worker", "index": 1},
        "environment": "cloud",
    }
    assert json.loads(server["TF_CONFIG"])["task"] == {"type": "ps", "index": 0}
    assert second["NODE_RANK"] == second["AZ_BATCHAI_TASK_INDEX"] == "1"


def test_tensorflow_has_a_worker_an_instance_unless_told_otherwise() -> None:
    plan = distribution.read(body("TensorFlow", 3))

    assert [(one.role, one.node) for one in plan.processes] == [("worker", 0), ("worker", 1), ("worker", 2)]
    assert json.loads(told(body("TensorFlow", 3), 0)["TF_CONFIG"])["cluster"].keys() == {"worker"}


def test_more_tasks_than_instances_share_them() -> None:
    plan = distribution.read(body("TensorFlow", 2, workerCount=3, parameterServerCount=1))

    assert [(one.node, one.local) for one in plan.processes] == [(0, 0), (1, 0), (0, 1), (0, 2)]


def test_logs_are_numbered_with_two_digits_or_more_and_servers_are_marked() -> None:
    few, many = (distribution.read(body("PyTorch", count)) for count in (2, 128))
    served = distribution.read(body("TensorFlow", 1, parameterServerCount=1))

    assert [few.log_name(one) for one in few.processes] == ["std_log_process_00.txt", "std_log_process_01.txt"]
    assert many.log_name(many.processes[7]) == "std_log_process_007.txt"
    assert served.log_name(served.processes[1]) == "std_log_process_00_ps.txt"


def test_the_spelling_of_components_is_understood() -> None:
    plan = distribution.read({"distribution": {"type": "pytorch", "process_count_per_instance": "2"}})

    assert (plan.kind, plan.size) == ("pytorch", 2)


def test_a_job_takes_the_instances_of_a_cluster_and_the_cores_of_this_machine() -> None:
    plan = distribution.read(body("PyTorch", 2, processCountPerInstance=4))

    assert plan.slots(machine=False) == 2
    assert plan.slots(machine=True) == 8


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (body("Horovod"), "'Horovod'; expected one of PyTorch, Mpi, TensorFlow, Ray"),
        ({"distribution": {"processCountPerInstance": 2}}, "None; expected one of"),
        ({"distribution": "PyTorch"}, "properties.distribution is 'PyTorch'"),
        (body("PyTorch", 0), "properties.resources.instanceCount is 0; a whole number from 1"),
        (body("PyTorch", "many"), "properties.resources.instanceCount is 'many'"),
        (body("Mpi", 1, processCountPerInstance=-1), "processCountPerInstance is -1; a whole number from 1"),
        (body("TensorFlow", 1, parameterServerCount=-1), "parameterServerCount is -1; a whole number from 0"),
        (body("PyTorch", 300), "more than the 256"),
        (body("TensorFlow", 1, workerCount=10**12), "more than the 256"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ResourceError, match=words) as caught:
        distribution.read(given)

    assert (caught.value.status, caught.value.code) == (400, "ValidationError")
    assert caught.value.target.startswith("properties.")
    assert caught.value.remedy


def test_ray_gets_a_head_before_the_command() -> None:
    given = body(
        "Ray", port=7000, includeDashboard=True, dashboardPort=8000, headNodeAdditionalArgs="--num-cpus 2", address="x"
    )

    assert distribution.ray_command("python train.py", given, HOST).splitlines() == [
        (
            f"ray start --head --disable-usage-stats --port=7000 --node-ip-address={HOST}"
            " --include-dashboard=true --dashboard-port=8000 --num-cpus 2 || exit $?"
        ),
        f"export RAY_ADDRESS={HOST}:7000",
        "python train.py",
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (body("", 2), "its command runs once"),
        (body("Mpi", 2), "MPI_Init finds itself alone"),
        (body("Ray", 2), "no worker nodes"),
    ],
)
def test_the_log_says_what_is_not_as_in_azure(given: dict[str, Any], words: str) -> None:
    assert words in distribution.notes(distribution.read(given), given)[0]


def test_nothing_is_said_of_what_is_as_in_azure() -> None:
    for given in (body(), body("PyTorch", 2), body("Mpi"), body("Ray"), body("TensorFlow", 2)):
        assert distribution.notes(distribution.read(given), given) == []


# prepared


def ready(wire: Any, command: str = "python train.py", **more: Any) -> prepare.Ready:
    status, answer = wire.put("fox", command, **more)
    assert status == 201, answer
    with wire.workspace.database.read() as reader:
        record = records.find(reader, "fox")
    return prepare.prepare(wire.workspace, record, door="http://127.0.0.1:1", outer={"PATH": "/usr/bin:/bin"})


def test_a_run_has_a_rank_for_each_process_and_a_log_of_its_own(wire: Any) -> None:
    spec = ready(wire, **body("PyTorch", 2, processCountPerInstance=2)).spec

    assert [rank.env["RANK"] for rank in spec.ranks] == ["0", "1", "2", "3"]
    assert len({rank.env["MASTER_PORT"] for rank in spec.ranks}) == 1
    assert [Path(rank.log).name for rank in spec.ranks] == [f"std_log_process_0{rank}.txt" for rank in range(4)]
    first, *others = [Path(rank.log).read_text() for rank in spec.ranks]
    assert first.startswith("The image x is not pulled here")
    assert first.count("\n") == 1
    assert others == [""] * 3
    assert spec.log == spec.ranks[0].log == str(prepare.log_path(wire.workspace, "fox"))
    assert not Path(spec.log).with_name("std_log.txt").exists()


def test_processes_share_the_cores_unless_the_job_says_otherwise(wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "cores", lambda: 8)

    assert ready(wire, **body("PyTorch", 4)).spec.env["OMP_NUM_THREADS"] == "2"


def test_the_jobs_own_variables_win(wire: Any) -> None:
    own = {"MASTER_PORT": "29500", "OMP_NUM_THREADS": "7"}

    spec = ready(wire, environmentVariables=own, **body("PyTorch", 2)).spec

    assert spec.env["MASTER_PORT"] == "29500"
    assert spec.env["OMP_NUM_THREADS"] == "7"
    assert [rank.env.get("MASTER_PORT") for rank in spec.ranks] == [None, None]


def test_a_world_of_one_is_one_process_with_the_variables(wire: Any) -> None:
    spec = ready(wire, **body("Mpi")).spec

    assert spec.ranks == ()
    assert spec.kind == "python"
    assert spec.env["OMPI_COMM_WORLD_SIZE"] == "1"
    assert Path(spec.log).name == "std_log.txt"


def test_tasks_that_only_serve_are_marked(wire: Any) -> None:
    spec = ready(wire, **body("TensorFlow", 1, parameterServerCount=1)).spec

    assert [rank.serves for rank in spec.ranks] == [False, True]
    addresses = json.loads(spec.ranks[0].env["TF_CONFIG"])["cluster"]
    assert len({*addresses["worker"], *addresses["ps"]}) == 2


def test_ray_that_is_not_installed_is_refused_in_words(wire: Any) -> None:
    with pytest.raises(ResourceError, match="no program `ray`") as caught:
        ready(wire, **body("Ray"))

    assert "ray[default]" in caught.value.remedy


def test_ray_that_is_installed_is_started_first(wire: Any, tmp_path: Path) -> None:
    program = tmp_path / "ray"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    spec = ready(wire, environmentVariables={"PATH": f"{tmp_path}:/usr/bin:/bin"}, **body("Ray")).spec

    assert spec.kind == "shell"
    assert spec.command.startswith("ray start --head --disable-usage-stats --port=6379 --node-ip-address=127.0.0.1")
    assert spec.command.endswith("\npython train.py")
    assert spec.env["RAY_AUTH_MODE"] == "token"
    assert len(bytes.fromhex(spec.env["RAY_AUTH_TOKEN"])) == 32


def test_the_fault_of_one_process_says_its_words_first_and_which_it_was(wire: Any) -> None:
    spec = ready(wire, **body("PyTorch", 2)).spec
    Path(spec.work, "rank.json").write_text(json.dumps({"rank": 1, "of": 2, "log": spec.ranks[1].log}))
    Path(spec.ranks[1].log).write_text("Traceback (most recent call last):\n  File x\nKeyError: 'lr'\n")
    with wire.workspace.database.read() as reader:
        record = records.find(reader, "fox")

    fault = work.judge(wire.workspace, record, Exit(1, None, "exited", 1.0, 2.0), None)

    assert fault
    assert fault.message == "KeyError: 'lr' (process 1 of 2, see user_logs/std_log_process_01.txt)"
    assert fault.traceback.startswith("Traceback")


def test_one_of_many_keeps_its_code_and_traceback() -> None:
    assert verdict.of_one(Fault("UserError", "x", "t"), 0, 3, "a.txt") == Fault(
        "UserError", "x (process 0 of 3, see user_logs/a.txt)", "t"
    )


def test_logs_of_an_earlier_job_of_the_name_go(wire: Any) -> None:
    folder = wire.workspace.runs_folder("fox") / "user_logs"
    folder.mkdir(parents=True)
    for name in ("std_log.txt", "std_log_process_07.txt", "mine.txt"):
        (folder / name).write_text("old")

    ready(wire, **body("PyTorch", 2))

    assert sorted(path.name for path in folder.iterdir()) == [
        "mine.txt", "std_log_process_00.txt", "std_log_process_01.txt",
    ]  # fmt: skip
