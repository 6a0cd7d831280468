"""The base of every provisioner: a way to get processes for runs."""

from __future__ import annotations

import abc
from pathlib import Path

from jupyter_aml.local.runtime import mounts
from jupyter_aml.local.runtime.handles import Handle
from jupyter_aml.local.runtime.spec import RunSpec


class Provisioner(abc.ABC):
    """One way to start runs; the host keeps one instance of each.

    Obligations: a run that `start` has returned a handle for goes on when the host dies, writes `supervisor.json`
    before and `exit.json` after, and leaves no process behind. `start` may be called from several threads.
    """

    name: str

    def available(self) -> bool:
        """Whether this machine can do it; the host asks before it uses the provisioner."""
        return True

    def warm(self, spec: RunSpec) -> None:  # noqa: ARG002 -- for those that can keep something warm
        """Get ready for runs like `spec` ahead of time; called by the host when it starts or is idle.

        Args:
            spec: Only the interpreter, the packages and the environment count.
        """
        return

    def start(self, spec: RunSpec) -> Handle:
        """Start the run; called by the runner when a slot is free.

        Raises:
            OSError: No process can be started, or a mount cannot be prepared.
        """
        work = Path(spec.work)
        for leftover in ("supervisor.json", "exit.json", "error.json", "cancel"):
            (work / leftover).unlink(missing_ok=True)
        return self.launch(mounts.prepare(spec.completed()))

    @abc.abstractmethod
    def launch(self, spec: RunSpec) -> Handle:
        """Start the run, whose work folder, environment and mounts are ready; called by `start` alone.

        It also leaves the spec as `spec.json` in the work folder.
        """

    def dismiss(self, sweep: str) -> None:  # noqa: B027 -- for those whose runs can share processes
        """Let processes leave that trials of a sweep have shared; called by the runner when it has ended."""

    def close(self) -> None:
        """Let go of whatever was kept warm; called by the host when it ends. Runs go on."""
        return
