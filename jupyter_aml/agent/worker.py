"""A process that the trials of a sweep share: it runs one script after another, each as if it were the first.

A script that ends well, leaves nothing at work and changes nothing that cannot be put back makes room for the next.
Every other ends as the process of a run does, and the process with it: with the script's exit status, its threads
waited for, its `atexit` functions called. So whatever a script does, it fails alone.
"""

from __future__ import annotations

import contextlib
import contextvars
import os

from . import exits, launch, libraries, state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from . import child

MOST_RUNS = 200
"""After as many the process is replaced by a fresh one: what libraries keep for themselves does not grow for ever."""


class Worker:
    """The process.

    Args:
        line: To its supervisor.
        preloaded: Names of the modules that the zygote imported.
    """

    def __init__(self, line: child.Line, preloaded: frozenset[str]) -> None:
        self._line = line
        self._preloaded = preloaded
        self._pid = os.getpid()
        self._exits = exits.Exits()
        self._exits.install()
        self._interpreter = state.Interpreter()
        self._libraries = libraries.Libraries()
        self._memory = state.memory()
        self._runs = 0

    def serve(self, first: dict[str, Any]) -> NoReturn:
        """Run scripts until there are no more, or one of them takes the process with it."""
        spec: dict[str, Any] | None = first
        while spec is not None:
            self._run(spec)
            try:
                self._line.free()
            except OSError:
                break
            spec = self._line.next()
        self._leave(0)

    def _run(self, spec: dict[str, Any]) -> None:
        """Run one script; returns when the process is as it was before."""
        launch.become(spec)
        libraries.reseed()
        self._exits.begin(spec["work"])
        before = state.Process()
        code = contextvars.copy_context().run(launch.run, spec)
        launch.flush()
        if os.getpid() != self._pid:  # a fork of the script that has come to the script's end
            self._leave(code)
        self._runs += 1
        if code != 0 or self._runs >= MOST_RUNS:
            self._leave(code)
        with contextlib.suppress(Exception):  # a library is not as it is known to be: it is busy then
            self._libraries.rest()
        if state.busy():
            self._leave(0)
        self._exits.run()
        try:
            unfit = self._put_back(spec, before)
        except Exception:  # noqa: BLE001 -- a library is not as it is known to be
            unfit = "a library"
        launch.flush()
        if unfit:
            self._leave(0)

    def _put_back(self, spec: dict[str, Any], before: state.Process) -> str:
        """Make everything as it was before the script; why that cannot be done, empty when it is done."""
        unfit = state.busy() or ("an atexit function" if self._exits.pending() else "") or self._libraries.came()
        if unfit:
            return unfit
        unfit = before.changed()
        self._libraries.end()
        self._libraries.put_back()
        unfit = self._interpreter.forget(spec["work"]) or unfit
        self._interpreter.put_back()
        if state.memory() - self._memory > state.MOST_MEMORY:
            return "memory"
        return unfit or state.busy()

    def _leave(self, code: int) -> NoReturn:
        launch.end(code, self._preloaded)
