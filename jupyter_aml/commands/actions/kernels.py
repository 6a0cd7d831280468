"""Goes into a job: `job attach` into a running one, `job debug` into one that failed and is held."""

from __future__ import annotations

import shlex
import time
from typing import Any

from jupyter_aml.client.rest import Rest
from jupyter_aml.commands.actions import jobs, live
from jupyter_aml.commands.actions.cards import Pace
from jupyter_aml.commands.actions.kernel_client import Connection, Value
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import AmlError, ResourceError, UsageError

HELD = "jupyter_aml.held"
NOT_YET = "JobNotRunning"
HOLD = "JUPYTER_AML_HOLD"
DEBUGS = "jupyter_aml.debugs"
"""The property of a job that was run again to be debugged: the job it runs again."""
MINUTES = 30.0
"""How long a job that is run again to be debugged is held."""
IN_AZURE = "Nobody can go into the process of a job in Azure from here."
USE = "Give the job a service (services: my_jupyter: {type: jupyter_lab}) and open it: %aml job show-services JOB."


class JobKernel(Outcome):
    """A kernel inside a job: run code there, look at variables, detach.

    Args:
        context: Of the command that made it.
        name: The job's.
        found: What the service said of the kernel.
    """

    def __init__(self, context: Context, name: str, found: dict[str, Any]) -> None:
        self.job = name
        self.connection_file = str(found["connectionFile"])
        self.held = bool(found["held"])
        self._pid = int(found["pid"])
        self._context = context
        self._line: Connection | None = None
        what = "held where it failed" if self.held else "running"
        said = f"{name} is {what}; its kernel is open: {self.connection_file}\n{self.console}"
        super().__init__(
            {"job": name, "connection_file": self.connection_file, "console": self.console, "held": self.held},
            kind="text", place=context.place, title=f"kernel in {name}", message=said, details={"entity": ""},
        )  # fmt: skip

    @property
    def console(self) -> str:
        """The line that opens a console in the kernel."""
        return f"jupyter console --existing {shlex.quote(self.connection_file)}"

    def run(self, code: str) -> None:
        """Run code inside the job, and show here what it shows.

        Raises:
            AmlError: The code raised something, whose traceback is shown, or the job has ended.
        """
        self._connected().run(code, self._show)

    __call__ = run

    def __getitem__(self, key: Any) -> Any:
        """The value of an expression, as it shows.

        Raises:
            AmlError: The expression raised something.
        """
        reply = self._connected().run("", self._show, silent=True, value=str(key))
        found = reply["user_expressions"]["value"]
        if found["status"] != "ok":
            raise AmlError(f"{found['ename']}: {found['evalue']}", why=f"{key} was asked for, inside {self.job}.")
        return Value(found["data"])

    def close(self) -> None:
        """Detach; the job goes on."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _connected(self) -> Connection:
        if self._line is None or not self._line.open:
            self._line = Connection(self.job, self.connection_file, self._pid)
        return self._line

    def _show(self, kind: str, content: Any) -> None:
        if kind == "stdout":
            self._context.stdout(content)
        elif kind == "stderr":
            self._context.stderr(content)
        elif self._context.namespace is None:
            self._context.stdout(f"{Value(content)!r}\n")
        else:
            self._context.display(Value(content))


def attach(context: Context, args: Args) -> Outcome | None:
    """Open a kernel inside a running job; with --eval run one line there."""
    name = jobs.wanted(context, args.name, "attach").name
    return _entered(context, name, args.eval)


def _entered(context: Context, name: str, line: str | None) -> Outcome | None:
    kernel = JobKernel(context, name, _opened(context, name))
    if line is None:
        return kernel
    try:
        kernel.run(line)
    finally:
        kernel.close()
    return None


def _opened(context: Context, name: str) -> dict[str, Any]:
    """What the service says of the kernel it opened, as soon as the job runs."""
    rest, told = _rest(context), False
    with live.going_on(context, name):
        while True:
            try:
                return dict(rest.post(f"jobs/{name}/attach"))
            except ResourceError as error:
                if error.code != NOT_YET:
                    raise
                if not told:
                    context.warn(f"{name} does not run yet; its kernel opens as soon as it does.")
                told = True


def debug(context: Context, args: Args) -> Outcome | None:
    """Go into a job that failed and is held; one that has ended is run again, held where it fails."""
    job = jobs.wanted(context, args.name, "debug")
    name, status = job.name, str(getattr(job.status, "value", job.status))
    held = name if HELD in (job.properties or {}) else _copy_held(context, name)
    if args.release:
        return _released(context, held or name)
    if held:
        return _entered(context, held, args.eval)
    if status not in jobs.FINAL:
        msg = f"The job {name} is {status}; it has not failed."
        raise UsageError(msg, remedy=f"Type %aml job attach {name} to look at it while it runs.")
    if status != "Failed":
        msg = f"The job {name} is {status}; there is no failure to look at."
        raise UsageError(msg, remedy=f"Type %aml job logs {name}, or %aml job rerun {name} to run it again.")
    again = _again(context, job, args.hold or MINUTES)
    return _entered(context, again, args.eval)


def _copy_held(context: Context, name: str) -> str:
    """The job that ran a failed one again and is held still; empty when there is none."""
    if not context.connection.local:
        return ""
    again = Rest(context.connection).items("jobs", query={"properties": f"{DEBUGS}={name}", "status": "Running"})
    held = (job["name"] for job in again if HELD in (job["properties"].get("properties") or {}))
    return str(next(held, ""))


def _released(context: Context, name: str) -> Outcome:
    found = _rest(context).post(f"jobs/{name}/release")
    if not found["released"]:
        msg = f"The job {name} is not held."
        raise UsageError(msg, why="It runs, and has not failed.", remedy=f"Type %aml job show {name}.")
    status = live.until_final(jobs.Reader(context.connection), name)
    return jobs.outcome(context, context.client.jobs.get(name), f"{name} was released, and is {status}.")


def _again(context: Context, job: Any, minutes: float) -> str:
    """Run a job again, to be held where it fails; the new job's name when it is.

    Raises:
        AmlError: This time it did not fail.
    """
    from jupyter_aml.commands.actions import copies

    _rest(context)
    copy = copies.copy(context, job, inputs={})
    if not hasattr(copy, "environment_variables"):
        msg = f"{job.name} is a {job.type}: its children run, it has no process of its own."
        raise UsageError(msg, remedy=f"Debug the one that failed: %aml job list --parent {job.name} shows them.")
    copy.environment_variables = {**(copy.environment_variables or {}), HOLD: f"{minutes:g}"}
    copy.properties = {**(copy.properties or {}), DEBUGS: job.name}
    with live.sending(context, str(copy.name or "")):
        name = str(context.client.jobs.create_or_update(copy).name)
    context.warn(f"{job.name} has ended; {name} runs the same again, and will be held where it fails.")
    reader, pace = jobs.Reader(context.connection), Pace(local=True)
    with live.going_on(context, name):
        while True:
            found = reader.rest.get(f"jobs/{name}")["properties"]
            if HELD in (found.get("properties") or {}):
                return name
            if found["status"] in jobs.FINAL:
                break
            time.sleep(pace.after(changed=False))
    msg = f"{name}, which ran {job.name} again, was not held: it is {found['status']}."
    raise AmlError(
        msg,
        why="Only a plain Python call that ends with an exception can be held.",
        remedy=f"Type %aml job show {name}.",
    )


def _rest(context: Context) -> Rest:
    """The workspace's REST.

    Raises:
        UsageError: The workspace is in Azure.
    """
    if not context.connection.local:
        raise UsageError(IN_AZURE, remedy=USE)
    return Rest(context.connection)
