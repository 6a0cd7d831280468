"""Runs for clusters elsewhere: record in, order out. What a worker can only know itself is left for it to find."""

from __future__ import annotations

import os
import re
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm import ids
from jupyter_aml.local.jobs import (
    checks,
    distribution,
    inputs,
    lookup,
    outputs,
    prepare,
    programs,
    settings,
    snapshots,
    surroundings,
    variables,
)
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.runtime import commands, curated, engines, environments
from jupyter_aml.local.runtime.engines import Attached
from jupyter_aml.local.runtime.handles import Handle
from jupyter_aml.local.runtime.provisioners import dask
from jupyter_aml.local.runtime.remote.order import DOOR, PLACE, Away, Order
from jupyter_aml.local.runtime.spec import Python, Rank, RunSpec
from jupyter_aml.local.secrets import seal
from jupyter_aml.local.store import records as resources
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import records as tracking

_PLUGIN = re.compile(r"azureml[-_.]mlflow\b", re.IGNORECASE)

Doors = Callable[[Workspace, Attached], str]
"""The address at which the workers of an attached compute reach the service."""


def cluster_of(workspace: Workspace, record: Record) -> Attached | None:
    """The cluster that a job goes to; None for this machine, as for data transfer steps and Spark's drivers."""
    if record.compute in lookup.BUILT_IN_COMPUTES or programs.word(record.body) in programs.PLAIN:
        return None
    with workspace.database.read() as reader:
        found = resources.get(reader, "computes", record.compute)
    cluster = engines.read(found.name, found.body) if found else None
    return cluster if cluster is not None and cluster.engine.ships else None


def workers(workspace: Workspace, compute: str) -> int:
    """How many workers the cluster has that a compute is; 0 for other computes, and where it cannot be reached.

    Args:
        workspace: The compute's.
        compute: Its name or id, as a step names it.
    """
    named = ids.parse(compute)
    name = named.name if named else compute.removeprefix("azureml:")
    with workspace.database.read() as reader:
        found = resources.get(reader, "computes", name)
    cluster = engines.read(found.name, found.body) if found else None
    if cluster is None or not cluster.engine.ships:
        return 0
    try:
        return min(dask.PROVISIONER.cluster(cluster, keys(workspace, cluster)).workers(), cluster.most or sys.maxsize)
    except ResourceError:
        return 0  # the step's job says why


def keys(workspace: Workspace, cluster: Attached) -> dict[str, str]:
    """The key material of a cluster; empty where its connections are plain.

    Raises:
        StoreError: It was sealed on another machine.
    """
    return (seal.get(workspace, "computes", cluster.name) or {}) if cluster.secure else {}


def make_ready(
    workspace: Workspace, record: Record, cluster: Attached, door: Doors, outer: Mapping[str, str]
) -> prepare.Ready:
    """Make a run's folders here, and say what a worker is told.

    Raises:
        ResourceError: Something that the job needs does not exist, or cannot be had there.
        OSError: The disk refuses.
    """
    work = workspace.work_folder(record.name)
    prepare.clear(work)
    work.mkdir(mode=0o700, parents=True)
    plan = distribution.read(record.body)
    logs = prepare.make_logs(workspace, record.name, plan)
    with workspace.database.read() as reader:
        given = inputs.plan(workspace, reader, record.body, Path(PLACE, "inputs"))
        made = outputs.plan(workspace, record)
        for output in made:
            if not output.artifacts:
                outputs.destination(workspace, reader, output)
        snapshot = snapshots.of(workspace, reader, record)
        experiment_id = str(tracking.run(reader, record.name)["experiment_id"])
        name = str(record.body.get("environmentId") or "")
        environment = {
            "name": name,
            "properties": _environment(lookup.environment_properties(reader, name)),
            "curated_as": outer.get(curated.VARIABLE, "").strip().lower(),
        }
    outputs.make(made)
    there = {output.name: _there(workspace, record.name, output.staging) for output in made}
    targets = {output.name: prepare.target_of(output, there[output.name]) for output in made}
    facts = prepare.facts_of(
        workspace,
        record,
        DOOR,
        variables.Place(Path(PLACE), Path(PLACE, "runs", "outputs"), None),
        given=given.texts(),
        targets=targets,
        experiment_id=experiment_id,
        away=True,
    )
    command, own = prepare.bound(record, given, targets)
    env = {**variables.no_proxy({}), "PYTHONUNBUFFERED": "1", **variables.of_run(facts), **own}
    parsed = commands.parse(command)
    spec = RunSpec(
        run=record.name,
        work=PLACE,
        log=str(_there(workspace, record.name, logs[0])),
        cwd=f"{PLACE}/code",
        env=env,
        interpreter="",
        kind="python" if isinstance(parsed, Python) else "shell",
        python=parsed if isinstance(parsed, Python) else None,
        command=command,
        timeout=checks.time_limit(record.body),
    )
    spec = prepare.distribute(spec, plan, record.body, logs, away=True)
    spec = _moved(workspace, record.name, spec)
    notes = [*settings.notes(record.body), *distribution.notes(plan, record.body), *given.notes, *_notes(record, given)]
    order = Order(
        job=record.name,
        workspace=workspace.entry.arm_id,
        account=workspace.entry.account,
        door=door(workspace, cluster),
        token=facts.token,
        spec=spec.to_json(),
        code={"hash": snapshots.digest(workspace, snapshot)} if snapshot else None,
        inputs=tuple(_input(workspace, record, given, name) for name in given.places),
        outputs=tuple(_folders(made, there)),
        environment=environment,
        variables={
            "names": sorted(variables.KEPT | {word.upper() for word in variables.PROXIES}),
            "prefixes": list(variables.KEPT_PREFIXES),
        },
        processes=max(plan.size, 1),
        program=programs.word(record.body),
    )
    surroundings.say(logs[0], [f"The run goes to {cluster.engine.title}, {cluster.address}.", *notes])
    own_keys = keys(workspace, cluster)
    if dask.PROVISIONER.cluster(cluster, own_keys).count() == 0:
        surroundings.say(logs[0], ["The cluster has no workers at the moment; the run waits for one."])
    return prepare.Ready(spec, {"inputs": given.texts(), "notes": notes}, Away(order, cluster, own_keys))


def start(workspace: Workspace, job: str, sent: Away) -> Handle:
    """Send a run to its cluster.

    Raises:
        AmlError: The cluster cannot be reached.
        OSError: The disk refuses.
    """
    key = f"jupyter_aml-{job}-{uuid.uuid4().hex}"
    return dask.PROVISIONER.start(workspace.work_folder(job), sent, key)


def find(workspace: Workspace, job: str, cluster: Attached) -> Handle | None:
    """The handle of a run that an earlier host sent; None when it never did."""
    return dask.PROVISIONER.find(workspace.work_folder(job), cluster, keys(workspace, cluster))


def _environment(properties: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What a worker is told of an environment.

    The submitter's own Python is not there. What was recorded of it is: the packages that the script imports, which
    the worker's Python has, or which are installed for the run. Azure's plug-in for MLflow is of no use here.
    """
    if properties is None or environments.SUBMITTERS not in (properties.get("tags") or {}).items():
        return properties
    wanted = environments.wanted_by(properties)
    needed = [line for line in wanted.requirements if _PLUGIN.match(line) is None] if wanted else []
    return {"requirements": needed}


def _there(workspace: Workspace, job: str, path: Path) -> Path:
    """A path of the run's folders as it is on the worker."""
    for folder, place in ((workspace.work_folder(job), PLACE), (workspace.runs_folder(job), f"{PLACE}/runs")):
        if path.is_relative_to(folder):
            return Path(place) / path.relative_to(folder)
    raise ResourceError(f"{path} is outside of the run's folders.", status=500, code="SystemError")


def _moved(workspace: Workspace, job: str, spec: RunSpec) -> RunSpec:
    """The processes of a run with their logs where they are on the worker."""
    ranks = tuple(Rank(one.env, str(_there(workspace, job, Path(one.log))), one.serves) for one in spec.ranks)
    return replace(spec, ranks=ranks)


def _mode(record: Record, name: str) -> str:
    return str(record.body["inputs"][name].get("mode") or inputs.DEFAULT_MODE).lower()


def _input(workspace: Workspace, record: Record, given: inputs.Inputs, name: str) -> dict[str, Any]:
    """What a worker fetches for an input."""
    place, value = given.places[name], given.values[name]
    mode = _mode(record, name)
    return {
        "container": place.container,
        "name": place.name,
        "target": value.value if value is not None else "",
        "copy": mode in inputs.COPIED or mode == "readwritemount",
        "single": place.path(workspace).is_file(),
    }


def _folders(made: list[outputs.Output], there: Mapping[str, Path]) -> list[str]:
    """The folders that the run's outputs need, from its own folder."""
    found = []
    for output in made:
        if not output.direct and not output.artifacts:
            folder = there[output.name].parent if output.file else there[output.name]
            found.append(PurePosixPath(os.fspath(folder)).relative_to(PLACE).as_posix())
    return found


def _notes(record: Record, given: inputs.Inputs) -> list[str]:
    """What is otherwise than at home."""
    said = [
        f"The input '{name}' is mounted for writing here alone: on the worker the run works on a copy of it."
        for name, place in given.places.items()
        if _mode(record, name) == "readwritemount" and not place.asset
    ]
    instances = int((record.body.get("resources") or {}).get("instanceCount") or 1)
    if instances > 1:
        said.append(f"All {instances} instances are processes of one worker.")
    return said
