"""Puts a job's folders in place and works out what is to be run: record in, RunSpec out."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.jobs import (
    binding,
    checks,
    distribution,
    inputs,
    ledger,
    locate,
    outputs,
    programs,
    resume,
    settings,
    snapshots,
    spark_orders,
    sparks,
    surroundings,
    variables,
)
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.runtime import commands, interpreters, overlay
from jupyter_aml.local.runtime.environments import Environment, Unbuilt
from jupyter_aml.local.runtime.remote.order import Away
from jupyter_aml.local.runtime.spec import Mount, Python, Rank, RunSpec
from jupyter_aml.local.store import blob_files
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import records as tracking

TOKEN_SECONDS = 30 * 86400.0
MAIN_LOG = "std_log.txt"
COLLECTED = ("outputs", "logs")
"""Folders of the working directory that are kept without being asked for."""


@dataclass(frozen=True)
class Ready:
    """A job that can be started.

    Attributes:
        facts: What the job's record keeps of it.
        away: The cluster elsewhere that it is for, and what it is told; None for this machine.
    """

    spec: RunSpec
    facts: dict[str, Any] = field(default_factory=dict)
    away: Away | None = None


def log_path(workspace: Workspace, job: str) -> Path:
    """The run's log, or that of the first of its processes."""
    folder = workspace.runs_folder(job) / "user_logs"
    main = folder / MAIN_LOG
    return main if main.exists() else min(folder.glob("std_log_process_*.txt"), default=main)


def make_logs(workspace: Workspace, job: str, plan: distribution.Plan, *, keep: bool = False) -> list[Path]:
    """Logs, one for each process, in the order of their ranks: empty, or as they are."""
    folder = workspace.runs_folder(job) / "user_logs"
    folder.mkdir(parents=True, exist_ok=True)
    logs = [folder / plan.log_name(process) for process in plan.processes]
    for old in set(folder.glob("std_log*.txt")) - set(logs):
        old.unlink()
    for log in logs:
        log.open("ab" if keep else "wb").close()
    return logs


def prepare(
    workspace: Workspace,
    record: Record,
    *,
    door: str,
    outer: Mapping[str, str],
    environment: Environment | None = None,
) -> Ready | Unbuilt:
    """Make a run's folders and say what to start; nothing is made while its environment is not built.

    Args:
        workspace: The job's.
        record: The job.
        door: Address of the host's loopback door.
        outer: The host's environment.
        environment: What was built for it; the run's log tells of that already.

    Raises:
        ResourceError: Something that the job needs does not exist or cannot be had here.
        AmlError: The environment cannot be used.
        OSError: The disk refuses.
    """
    found = environment or surroundings.of(workspace, record, outer)
    if isinstance(found, Unbuilt):
        return found
    work, runs = workspace.work_folder(record.name), workspace.runs_folder(record.name)
    clear(work)
    work.mkdir(mode=0o700, parents=True)
    plan = distribution.read(record.body)
    logs = make_logs(workspace, record.name, plan, keep=environment is not None)
    code = work / "code"
    with workspace.database.read() as reader:
        in_place = record.type == sparks.WORD
        given = inputs.plan(workspace, reader, record.body, work / "inputs", in_place=in_place)
        made = outputs.plan(workspace, record)
        kept = {one.name: outputs.destination(workspace, reader, one) for one in made if not one.artifacts}
        snapshot = snapshots.of(workspace, reader, record)
        experiment_id = str(tracking.run(reader, record.name)["experiment_id"])
    check_out(workspace, snapshot, code)
    programs.place(record.body, work, (place.path(workspace) for place in kept.values()))
    collect(code, runs)
    inputs.copy(workspace, given)
    outputs.make(made)
    resume.place(workspace, record, made, work)
    targets = {output.name: target_of(output, output.staging) for output in made}
    if in_place:
        targets |= outputs.in_place(workspace, made, kept)
    place = variables.Place(work, runs / "outputs", workspace.store.home)
    facts = facts_of(workspace, record, door, place, given=given.texts(), targets=targets, experiment_id=experiment_id)
    shared = variables.threads(record.state.get("threads"))
    env = {**shared, **variables.base(outer), **variables.of_run(facts)}
    spec, said = _spec(workspace, record, python=found.interpreter, given=given, targets=targets, env=env)
    spec = distribute(spec, plan, record.body, logs)
    notes = [*settings.notes(record.body), *distribution.notes(plan, record.body), *given.notes, *said]
    surroundings.say(logs[0], [*(() if environment else found.notes), *notes])
    facts_of_it = {"inputs": given.texts(), "notes": [*found.notes, *notes], "python": found.interpreter.executable}
    return Ready(spec, facts_of_it)


def clear(work: Path) -> None:
    """Take away what an earlier try left."""
    if work.exists():
        blob_files.remove_tree(str(work))


def check_out(workspace: Workspace, snapshot: locate.Place | None, code: Path) -> None:
    """A copy of the snapshot that belongs to the run; an empty folder when there is no code."""
    code.mkdir(parents=True)
    if snapshot is None:
        return
    source = snapshot.path(workspace)
    single = source.is_file()
    workspace.blobs.export(snapshot.container, snapshot.name, code / source.name if single else code)
    for script in code.rglob("*.sh"):
        script.chmod(0o755)


def collect(code: Path, runs: Path) -> None:
    """Let `./outputs` and `./logs` be folders of the run, so that their files show while it runs."""
    for name in COLLECTED:
        place, kept = code / name, runs / name
        if place.is_dir():
            kept.parent.mkdir(parents=True, exist_ok=True)
            if not kept.exists():
                place.rename(kept)
        if not place.exists():
            kept.mkdir(parents=True, exist_ok=True)
            place.symlink_to(kept, target_is_directory=True)


def target_of(output: outputs.Output, staging: Path) -> binding.Value:
    """What the script gets for an output: where to write, or the URI that it writes to itself."""
    return binding.Text(output.uri) if output.direct else binding.Path(str(staging))


def facts_of(
    workspace: Workspace,
    record: Record,
    door: str,
    place: variables.Place,
    *,
    given: dict[str, str],
    targets: Mapping[str, binding.Value],
    experiment_id: str,
    away: bool = False,
) -> variables.Facts:
    """What the variables of a run tell, with a token of its own."""
    store, owner = workspace.store, str(record.state.get("owner") or "")
    identity = Identity(record.created_by, owner, record.name, workspace.entry.id, away)
    return variables.Facts(
        entry=workspace.entry,
        job=record.name,
        root=str(record.state.get("root") or record.parent or record.name),
        experiment=record.experiment,
        experiment_id=experiment_id,
        door=door,
        token=tokens.issue(store, identity, audience="https://ml.azure.com", lifetime=TOKEN_SECONDS),
        token_expiry=store.clock() + TOKEN_SECONDS,
        place=place,
        inputs=given,
        outputs={name: value.value for name, value in targets.items()},
        master_port=_free_ports(1)[0],
        compute=record.compute,
    )


def _free_ports(count: int) -> list[int]:
    """Ports that nobody uses at this moment, no two the same."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((variables.LOOPBACK[0], 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _spec(
    workspace: Workspace,
    record: Record,
    *,
    python: interpreters.Interpreter,
    given: inputs.Inputs,
    targets: Mapping[str, binding.Value],
    env: dict[str, str],
) -> tuple[RunSpec, tuple[str, ...]]:
    """What is started, and what the log has to say of it."""
    command, own = bound(record, given, targets)
    work = workspace.work_folder(record.name)
    overlay.make(work / "env", python.executable, python.site_packages)
    if record.type == sparks.WORD:
        return _spark_spec(workspace, record, python, env={**env, **own}, args=command, mounts=tuple(given.mounts))
    parsed = commands.parse(command)
    spec = RunSpec(
        run=record.name,
        work=str(work),
        log=str(log_path(workspace, record.name)),
        cwd=str(work / "code"),
        env={**env, **own},
        interpreter=python.executable,
        kind="python" if isinstance(parsed, Python) else "shell",
        python=parsed if isinstance(parsed, Python) else None,
        command=command,
        site_packages=python.site_packages,
        overlay=str(work / "env"),
        mounts=tuple(given.mounts),
        timeout=checks.time_limit(record.body),
    )
    return spec, ()


def _spark_spec(
    workspace: Workspace,
    record: Record,
    python: interpreters.Interpreter,
    *,
    env: dict[str, str],
    args: str,
    mounts: tuple[Mount, ...],
) -> tuple[RunSpec, tuple[str, ...]]:
    """The program that starts Spark; its order lies in the work folder."""
    work = workspace.work_folder(record.name)
    plain = RunSpec(
        run=record.name,
        work=str(work),
        log=str(log_path(workspace, record.name)),
        cwd=str(work / "code"),
        env=env,
        interpreter=python.executable,
        kind="python",
        python=Python(script=programs.SPARK.script),
        site_packages=python.site_packages,
        overlay=str(work / "env"),
        mounts=mounts,
        timeout=checks.time_limit(record.body),
    )
    seen = plain.completed().env
    home, notes = spark_orders.write(workspace, record, python, seen, args=args, code=work / "code")
    return replace(plain, spark=home), notes


def bound(record: Record, given: inputs.Inputs, targets: Mapping[str, binding.Value]) -> tuple[str, dict[str, str]]:
    """The command, or a Spark job's arguments, and the user's variables with what their placeholders stand for."""
    names = {"name": binding.Text(record.name), "default_datastore": binding.Text(outputs.STORE)}
    drawn = {name: binding.literal_value(text) for name, text in (record.state.get("search_space") or {}).items()}
    scope = binding.Scope(given.values, targets, names, drawn)
    own = {
        name: binding.bind(binding.literal(value), scope.unquoted()) if value is not None else ""
        for name, value in (record.body.get("environmentVariables") or {}).items()
    }
    line = record.body.get("args") if record.type == sparks.WORD else record.body["command"]
    return binding.bind(str(line or ""), scope), own


def distribute(
    spec: RunSpec, plan: distribution.Plan, body: Mapping[str, Any], logs: list[Path], *, away: bool = False
) -> RunSpec:
    """The run with all of its processes; what the job's own variables say wins over what each is told.

    Of one that runs `away`, on another machine, nobody knows the programs and the cores here.

    Raises:
        ResourceError: There is no Ray in the run's environment.
    """
    if not plan.kind:
        return spec
    address, own = variables.LOOPBACK[0], body.get("environmentVariables") or {}
    if plan.kind == "ray":
        if not away:
            _have_ray(spec)
        env = {**distribution.ray_variables(secrets.token_hex(32)), **spec.env}
        command = distribution.ray_command(spec.command, body, address)
        return replace(spec, kind="shell", python=None, command=command, env=env)
    ports = _free_ports(distribution.ports_needed(plan))
    told = [distribution.variables(plan, process, address, ports) for process in plan.processes]
    kept = [{name: value for name, value in one.items() if name not in own} for one in told]
    if plan.size == 1:
        return replace(spec, env={**spec.env, **kept[0]})
    threads = {} if away else variables.threads(max(ledger.cores() // plan.size, 1))
    serves = [process.role == "ps" for process in plan.processes]
    ranks = [Rank(env, str(log), served) for env, log, served in zip(kept, logs, serves, strict=True)]
    return replace(spec, env={**threads, **spec.env}, ranks=tuple(ranks))


def _have_ray(spec: RunSpec) -> None:
    if shutil.which("ray", path=spec.completed().env["PATH"]) is None:
        raise ResourceError(
            "The job's distribution is Ray, but there is no program `ray` in its environment.",
            code="UserError",
            target="properties.distribution",
            remedy="Add ray[default] to the environment's packages, or take the distribution away.",
        )


def rehearsal(interpreter: str, outer: Mapping[str, str]) -> RunSpec:
    """What runs of an interpreter have in common, for warming it ahead of the first one."""
    base = interpreters.describe(interpreter)
    return RunSpec("", "", "", "", variables.base(outer), interpreter, site_packages=base.site_packages)
