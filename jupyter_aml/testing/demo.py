"""`make demo`: runs a notebook headless behind a fence and says what it made.

The notebook gets a kernel of this interpreter, a store of its own under the output folder, and no way off the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jupyter_aml.testing import fence, hosts

KERNEL = "jupyter_aml_demo"
CELL_SECONDS = 300
DEAD_SECONDS = 15.0
INTERRUPTED = 130
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
METRICS = 4
CURVE = {"supported_encryption": "curve"}
GONE = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "JPY_PARENT_PID")


@dataclass(frozen=True)
class Made:
    """What a run of a notebook left behind.

    Attributes:
        notebook: The executed notebook.
        home: The store it worked in.
        seconds: How long all cells took.
        cells: How many code cells ran.
        escapes: Attempts to leave the machine, each with who tried.
        error: What the failing cell said; empty when all went well.
        since: When it began, in seconds since the epoch.
    """

    notebook: Path
    home: Path
    seconds: float
    cells: int
    escapes: Sequence[str] = ()
    error: str = ""
    since: float = 0.0


@dataclass(frozen=True)
class Contents:
    """What is in a workspace, newest first, as its REST lists it."""

    jobs: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    models: Sequence[str] = field(default_factory=tuple)
    data: Sequence[str] = field(default_factory=tuple)


def run(
    notebook: Path, out: Path, *, home: Path | None = None, variables: Mapping[str, str] = MappingProxyType({})
) -> Made:
    """Execute a notebook in `out`, as `make demo` does.

    Args:
        notebook: The one to run; it is not changed.
        out: Where the executed copy and the files that its cells write go.
        home: The store; by default `out/home`.
        variables: More environment variables of the kernel.

    Raises:
        KeyboardInterrupt: Somebody has had enough; the kernel is gone and what was executed is written.
    """
    import nbformat
    from nbclient import NotebookClient

    out.mkdir(parents=True, exist_ok=True)
    home = (home or out / "home").absolute()
    report = out / "network.txt"
    report.unlink(missing_ok=True)
    book = nbformat.read(notebook, as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":  # what is stored is not what this run made
            cell.outputs, cell.execution_count = [], None
    private = out / "jupyter"
    client = NotebookClient(
        book,
        timeout=CELL_SECONDS,
        km=kernel_manager(private),
        resources={"metadata": {"path": str(out)}},
        record_timing=False,
        coalesce_streams=True,
    )
    executed = out / notebook.name
    started, since = time.monotonic(), time.time()
    try:
        error = _execute(client, kernel_environment(private, home, report) | dict(variables))
    finally:
        nbformat.write(book, executed)
    cells = sum(cell.cell_type == "code" and cell.execution_count is not None for cell in book.cells)
    return Made(executed, home, time.monotonic() - started, cells, fence.attempts(report), error, since)


def _execute(client: Any, env: Mapping[str, str]) -> str:
    """Run all cells; what the failing one said.

    It happens in a thread of its own: on the main one nbclient takes Ctrl-C for itself, and stumbles.
    """
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    failed: list[str] = []

    def work() -> None:
        try:
            asyncio.run(client.async_execute(env=dict(env), cleanup_kc=True))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as fault:
            failed.append(COLOURS.sub("", str(fault)).strip())
        except Exception as fault:  # noqa: BLE001 - a kernel that was killed under it fails in many ways
            failed.append(f"{type(fault).__name__}: {fault}")

    thread = threading.Thread(target=work, name="jupyter_aml-notebook", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.1)
    except KeyboardInterrupt:
        pid = int(getattr(client.km.provisioner, "pid", 0) or 0)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        thread.join(DEAD_SECONDS)
        raise
    return failed[0] if failed else ""


def kernel_manager(private: Path) -> Any:
    """The manager of a kernel of this interpreter, whatever kernels the machine has."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    specs = KernelSpecManager(kernel_dirs=[str(kernel_spec(private))])
    connection = private / f"connection-{os.getpid()}.json"
    named: dict[str, Any] = {"transport_encryption": "auto"} if encrypts(AsyncKernelManager) else {}
    return AsyncKernelManager(kernel_name=KERNEL, kernel_spec_manager=specs, connection_file=str(connection), **named)


def kernel_spec(private: Path, *before: str) -> Path:
    """Write the specification of that kernel; the folder of kernels to look into.

    Args:
        private: A folder of Jupyter's, whose `kernels` it goes into.
        before: A command that the kernel's own follows, such as `env -u NAME`.
    """
    spec = private / "kernels" / KERNEL
    spec.mkdir(parents=True, exist_ok=True)
    argv = [*before, sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    content = {"argv": argv, "display_name": "Python 3", "language": "python", "metadata": CURVE}
    (spec / "kernel.json").write_text(json.dumps(content), encoding="utf-8")
    return spec.parent


def encrypts(manager: Any) -> bool:
    """Whether a manager can talk to its kernel unheard; an ipykernel that could, but is not asked to, warns."""
    import zmq

    return "transport_encryption" in manager.class_trait_names() and bool(zmq.has("curve"))


def kernel_environment(private: Path, home: Path, report: Path) -> dict[str, str]:
    """Environment variables of a fenced kernel that knows no settings of the user."""
    plain = {name: value for name, value in os.environ.items() if name not in GONE}
    return fence.environment(report, plain) | {
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_RUNTIME_DIR": str(private),
        "IPYTHONDIR": str(private / "ipython"),
        "JUPYTER_AML_HOME": str(home),
        "JUPYTER_AML_OFFLINE": "1",
    }


def contents(home: Path, since: float = 0.0) -> Contents:
    """What is in the default workspace of a store; of the jobs those that were made since then."""
    from jupyter_aml.client import local, services
    from jupyter_aml.client.rest import Rest
    from jupyter_aml.client.targets import Target

    rest = Rest(local.open_workspace(Target("local"), home, ""))
    try:
        first = datetime.fromtimestamp(since, UTC)
        jobs = [
            {"name": job["name"], **job["properties"]}
            for job in rest.items("jobs")
            if datetime.fromisoformat(job["systemData"]["createdAt"]) >= first
        ]
        for job in jobs:
            run = rest.get("api/2.0/mlflow/runs/get", query={"run_id": job["name"]}, api="mlflow/v2.0")["run"]
            job["metrics"] = {metric["key"]: metric["value"] for metric in run["data"].get("metrics", [])}
        return Contents(jobs, _latest(rest, "models"), _latest(rest, "data"))
    finally:
        services.close(home)


def _latest(rest: Any, segment: str) -> list[str]:
    found = []
    for container in rest.items(segment):
        versions = [version["name"] for version in rest.items(f"{segment}/{container['name']}/versions")]
        found.append(f"{container['name']}:{max(versions, key=lambda text: (len(text), text))}")
    return found


def describe(made: Made, found: Contents) -> str:
    """What to tell the person who typed `make demo`."""
    jobs = [line for job in found.jobs for line in _job(job)]
    lines = [
        f"{made.cells} cells ran in {made.seconds:.0f} s; attempts to leave this machine: {len(made.escapes)}.",
        "",
        *jobs,
        *(f"  data    {name}" for name in found.data),
        *(f"  model   {name}" for name in found.models),
        "",
        f"Executed notebook: {made.notebook}",
        f"Workspace:         {made.home}",
        "",
        "Open both in JupyterLab: make lab",
    ]
    return "\n".join(lines)


def _job(job: Mapping[str, Any]) -> Iterator[str]:
    metrics = ", ".join(f"{key} {value:.4g}" for key, value in list(job["metrics"].items())[:METRICS])
    inputs = {key: value.get("value") for key, value in (job.get("inputs") or {}).items() if value and "value" in value}
    given = " ".join(f"{key}={value}" for key, value in inputs.items())
    yield f"  job     {job['name']} · {job['status']} · {given} · {metrics}"


def main(arguments: Sequence[str]) -> int:
    """Run the notebook and print what it made; 1 when a cell failed, 2 when something left the machine."""
    if len(arguments) != 2:  # noqa: PLR2004 - the two arguments of the line below
        sys.stderr.write("Usage: python -m jupyter_aml.testing.demo NOTEBOOK OUT\n")
        return 64
    notebook, out = Path(arguments[0]), Path(arguments[1]).absolute()
    if not notebook.is_file():
        sys.stderr.write(f"{notebook} is no notebook. Type for example: make demo\n")
        return 66
    sys.stdout.write(f"Running {notebook} offline ...\n")
    sys.stdout.flush()
    try:
        made = run(notebook, out)
    except KeyboardInterrupt:
        hosts.stop(out / "home")
        sys.stderr.write(f"\nInterrupted. The notebook as far as it ran: {out / notebook.name}\n")
        return INTERRUPTED
    try:
        if made.error:
            sys.stderr.write(f"{made.error}\n\nA cell failed. The notebook as far as it ran: {made.notebook}\n")
            return 1
        sys.stdout.write(describe(made, contents(made.home, made.since)) + "\n")
    finally:
        hosts.stop(made.home)
    if made.escapes:
        sys.stderr.write("These tried to leave this machine:\n" + "\n".join(made.escapes) + "\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
