"""Distributed jobs: how many processes a job is, on which of its instances each would be, and what each is told.

Instances are processes of this machine here. Pure.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_aml.errors import ResourceError

KINDS = {"pytorch": "PyTorch", "mpi": "Mpi", "tensorflow": "TensorFlow", "ray": "Ray"}
"""Azure's types of distribution, by their words in lower case."""

MOST = 256
"""Processes that one job may be: more would only bring a machine down."""

RAY_PORT = 6379


@dataclass(frozen=True)
class Process:
    """One of a job's processes.

    Attributes:
        rank: Its number among all, from 0.
        local: Its number on its instance.
        node: Its instance's number.
        role: `worker`, or `ps` for a parameter server; `index` counts within the role.
    """

    rank: int
    local: int
    node: int
    role: str = "worker"
    index: int = 0


@dataclass(frozen=True)
class Plan:
    """The processes of a job.

    Attributes:
        kind: Key of `KINDS`; empty for a job without distribution, which is one process.
        nodes: How many instances the job asks for.
    """

    kind: str
    nodes: int
    processes: tuple[Process, ...]

    @property
    def size(self) -> int:
        """How many processes there are."""
        return len(self.processes)

    def slots(self, *, machine: bool) -> int:
        """How many slots the job takes: instances of a cluster, cores of this machine."""
        return max(self.nodes, self.size) if machine else self.nodes

    def log_name(self, process: Process) -> str:
        """Name of a process's log."""
        if self.size == 1:
            return "std_log.txt"
        width = max(len(str(self.size - 1)), 2)
        number, mark = (process.index, "_ps") if process.role == "ps" else (process.rank, "")
        return f"std_log_process_{number:0{width}d}{mark}.txt"


def read(body: Mapping[str, Any]) -> Plan:
    """The processes that a job asks for.

    Args:
        body: The `properties` of a command job, or of a sweep's trial.

    Raises:
        ResourceError: A count is no whole number from 1, a type is unknown, or there are too many processes (400).
    """
    resources = body.get("resources") or {}
    nodes = _count(resources, "instancecount", "resources.instanceCount", default=1)
    given = body.get("distribution") or {}
    if not isinstance(given, Mapping):
        raise _invalid("distribution", f"is {given!r}", 'Send {"distributionType": "PyTorch"}.')
    fields = _flat(given)
    word = fields.get("distributiontype") or fields.get("type")
    kind = str(word or "").lower()
    if fields and kind not in KINDS:
        raise _invalid(
            "distribution.distributionType",
            f"is {word!r}; expected one of {', '.join(KINDS.values())}",
            "In YAML: type: pytorch.",
        )
    plan = Plan(kind, nodes, tuple(_processes(kind, nodes, fields)))
    if plan.size > MOST:
        raise _invalid(
            "distribution",
            f"makes {plan.size} processes, more than the {MOST} that one job may be on this machine",
            "Use fewer instances or processes per instance.",
        )
    return plan


def _processes(kind: str, nodes: int, fields: Mapping[str, Any]) -> Iterable[Process]:
    if kind in {"pytorch", "mpi"}:
        each = _count(fields, "processcountperinstance", "distribution.processCountPerInstance", default=1)
        size = min(nodes * each, MOST + 1)
        return (Process(rank, rank % each, rank // each, index=rank) for rank in range(size))
    if kind == "tensorflow":
        workers = _count(fields, "workercount", "distribution.workerCount", default=nodes)
        servers = _count(fields, "parameterservercount", "distribution.parameterServerCount", default=0, least=0)
        return _tasks(nodes, min(workers, MOST + 1), min(servers, MOST + 1))
    return (Process(0, 0, 0),)


def _tasks(nodes: int, workers: int, servers: int) -> Iterable[Process]:
    """TensorFlow's tasks, dealt out to the instances one after the other."""
    held: Counter[int] = Counter()
    for rank in range(workers + servers):
        role, index = ("worker", rank) if rank < workers else ("ps", rank - workers)
        node = index % nodes
        yield Process(rank, held[node], node, role, index)
        held[node] += 1


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields by name without case and underscores: components write them in the SDK's way."""
    return {str(key).replace("_", "").lower(): value for key, value in fields.items() if value is not None}


def _count(fields: Mapping[str, Any], key: str, name: str, *, default: int, least: int = 1) -> int:
    value = _flat(fields).get(key)
    if value is None or value == "":
        return default
    try:
        count = int(str(value))
    except ValueError:
        count = least - 1
    if count < least:
        raise _invalid(name, f"is {value!r}; a whole number from {least} was expected", f"Send {max(least, 1)}.")
    return count


def _invalid(field: str, found: str, remedy: str) -> ResourceError:
    target = f"properties.{field}"
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target, remedy=remedy)


def ports_needed(plan: Plan) -> int:
    """How many free ports the processes are told of: the master's, or one a task."""
    return plan.size if plan.kind == "tensorflow" else 1


def variables(plan: Plan, process: Process, address: str, ports: Sequence[int]) -> dict[str, str]:
    """What one process has in its environment beside what all of a job have.

    Args:
        plan: All of them.
        process: The one.
        address: Where each instance is reached.
        ports: Free ones, as many as `ports_needed` says; the first is the master's.

    Source: Azure ML's guide to distributed training, and Open MPI's list of variables.
    """
    here = sum(one.node == process.node for one in plan.processes)
    found = {
        "RANK": process.rank,
        "LOCAL_RANK": process.local,
        "NODE_RANK": process.node,
        "WORLD_SIZE": plan.size,
        "LOCAL_WORLD_SIZE": here,
        "MASTER_ADDR": address,
        "MASTER_PORT": ports[0],
        "AZUREML_NODE_COUNT": plan.nodes,
        "AZUREML_PROCESS_COUNT": plan.size,
        "AZ_BATCHAI_TASK_INDEX": process.node,
        "AZ_BATCH_MASTER_NODE": f"{address}:{ports[0]}",
        "AZ_BATCH_NODE_LIST": ";".join([address] * plan.nodes),
        "AZ_BATCH_HOST_LIST": ",".join([address] * plan.nodes),
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": str(process.node == 0).lower(),
    }
    if plan.kind == "mpi":
        found |= _mpi(plan, process, here)
    if plan.kind == "tensorflow":
        found["TF_CONFIG"] = _tf_config(plan, process, address, ports)
        found["AZ_BATCHAI_TASK_INDEX"] = process.index
    return {name: str(value) for name, value in found.items()}


def _mpi(plan: Plan, process: Process, here: int) -> dict[str, Any]:
    return {
        "OMPI_COMM_WORLD_RANK": process.rank,
        "OMPI_COMM_WORLD_SIZE": plan.size,
        "OMPI_COMM_WORLD_LOCAL_RANK": process.local,
        "OMPI_COMM_WORLD_LOCAL_SIZE": here,
        "OMPI_COMM_WORLD_NODE_RANK": process.local,
        "OMPI_UNIVERSE_SIZE": plan.size,
        "PMI_RANK": process.rank,
        "PMI_SIZE": plan.size,
    }


def _tf_config(plan: Plan, process: Process, address: str, ports: Sequence[int]) -> str:
    cluster: dict[str, list[str]] = {}
    for one in plan.processes:
        cluster.setdefault(one.role, []).append(f"{address}:{ports[one.rank]}")
    task = {"type": process.role, "index": process.index}
    return json.dumps({"cluster": cluster, "task": task, "environment": "cloud"})


def ray_command(command: str, body: Mapping[str, Any], address: str) -> str:
    """The command with a head of Ray started before it, which ends with the run.

    Args:
        command: As bound.
        body: The job's `properties`.
        address: Where the head is reached.
    """
    fields = _flat(body.get("distribution") or {})
    port = int(fields.get("port") or RAY_PORT)
    words = ["ray", "start", "--head", "--disable-usage-stats", f"--port={port}", f"--node-ip-address={address}"]
    words.append(f"--include-dashboard={'true' if fields.get('includedashboard') else 'false'}")
    if fields.get("dashboardport"):
        words.append(f"--dashboard-port={int(fields['dashboardport'])}")
    more = str(fields.get("headnodeadditionalargs") or "").strip()
    start = f"{shlex.join(words)} {more}".rstrip()
    return f"{start} || exit $?\nexport RAY_ADDRESS={address}:{port}\n{command}"


def ray_variables(token: str) -> dict[str, str]:
    """Variables of head and command: Ray listens on every network, so only who knows the token may use it.

    Args:
        token: Of the run's own.
    """
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_USAGE_STATS_ENABLED": "0"}


def notes(plan: Plan, body: Mapping[str, Any]) -> list[str]:
    """What the log has to say of how the processes differ from Azure's."""
    if plan.kind == "ray" and (plan.nodes > 1 or _flat(body["distribution"]).get("workernodeadditionalargs")):
        return ["Ray starts as one head process on this machine; there are no worker nodes."]
    if not plan.kind and plan.nodes > 1:
        return [
            (
                f"The job asks for {plan.nodes} instances, but has no `distribution`: its command runs once."
                " Give it one, such as distribution: {type: pytorch}."
            )
        ]
    if plan.kind == "mpi" and plan.size > 1:
        return [
            (
                f"The {plan.size} processes are started without mpirun: they have Open MPI's variables,"
                " but a program that calls MPI_Init finds itself alone."
            )
        ]
    return []
