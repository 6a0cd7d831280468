"""What a script may change of the interpreter and the process it runs in: noted before, put back after.

What can be put back without a trace is put back. What other code may have acted upon meanwhile (the environment, the
folder, signal handlers, limits of the system) is put back by ending the process: `Process.changed` names it.
"""

from __future__ import annotations

import builtins
import gc
import logging
import os
import signal
import sys
import threading
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OWN_VARIABLES = "MLFLOW_"
"""Variables that MLflow's own functions set; each script is given them anew."""
MOST_FILES = 64
"""Files and sockets that libraries may keep open beyond the script's end."""
MOST_MEMORY = 1 << 30
"""Bytes by which the process may grow."""

_LISTS = ("path", "argv", "meta_path", "path_hooks")
_HOOKS = ("excepthook", "displayhook", "unraisablehook", "stdin", "stdout", "stderr", "executable", "prefix",
          "exec_prefix", "dont_write_bytecode", "tracebacklimit", "ps1", "ps2")  # fmt: skip
_ABSENT = object()
_NATIVE = (".so", ".pyd")
_PLAIN = (logging.NOTSET, True, False, (), ())


class Interpreter:
    """The state of Python's own modules that has to be the same when the next script begins."""

    def __init__(self) -> None:
        self.modules = frozenset(sys.modules)
        self._main = sys.modules["__main__"]
        self._lists = {name: list(getattr(sys, name)) for name in _LISTS}
        folders = [path for path in sys.path if os.path.isabs(path)]
        self._places = tuple(os.path.join(path, "") for path in [*folders, os.path.dirname(os.path.abspath(__file__))])
        self._hooks = {name: getattr(sys, name, _ABSENT) for name in _HOOKS}
        self._recursion = sys.getrecursionlimit()
        self._switching = sys.getswitchinterval()
        self._builtins = dict(vars(builtins))
        self._threads = threading.excepthook
        self._filters = list(warnings.filters)
        self._show = warnings.showwarning
        self._garbage = gc.isenabled(), gc.get_threshold()
        self._loggers: dict[str, Any] = {name: _logger(one) for name, one in _loggers()}
        self._disabled = logging.root.manager.disable
        self._logging = logging.getLoggerClass(), logging.getLogRecordFactory(), logging.raiseExceptions

    def put_back(self) -> None:
        """Make everything as it was; modules that the script brought along stay, see `forget`."""
        sys.settrace(None)
        sys.setprofile(None)
        threading.settrace(None)
        threading.setprofile(None)
        for name, held in self._lists.items():
            getattr(sys, name)[:] = held
        for name, value in self._hooks.items():
            if value is not _ABSENT:
                setattr(sys, name, value)
            elif hasattr(sys, name):
                delattr(sys, name)
        sys.setrecursionlimit(self._recursion)
        sys.setswitchinterval(self._switching)
        space = vars(builtins)
        space.update(self._builtins)  # never empty, for this very code needs them
        for name in space.keys() - self._builtins.keys():
            del space[name]
        threading.excepthook = self._threads
        warnings.filters[:] = self._filters  # type: ignore[index]
        warnings._filters_mutated()  # type: ignore[attr-defined]  # noqa: SLF001 -- what was shown once is shown again
        warnings.showwarning = self._show
        (gc.enable if self._garbage[0] else gc.disable)()
        gc.set_threshold(*self._garbage[1])
        self._put_back_logging()

    def _put_back_logging(self) -> None:
        logging.disable(self._disabled)
        logging.setLoggerClass(self._logging[0])
        logging.setLogRecordFactory(self._logging[1])
        logging.raiseExceptions = self._logging[2]
        for name, logger in _loggers():
            now = _logger(logger)
            before = self._loggers.get(name)
            if before is None:  # a library's that the script has imported stays as it is, but for the script's files
                library = name.partition(".")[0] in sys.modules
                kept = tuple(one for one in now[3] if not isinstance(one, logging.FileHandler))
                before = self._loggers[name] = (*now[:3], kept, now[4]) if library else _PLAIN
            if now == before:
                continue
            level, propagate, disabled, handlers, filters = before
            for handler in now[3]:
                if handler not in handlers:
                    handler.close()
            logger.handlers[:] = handlers
            logger.filters[:] = filters
            logger.propagate, logger.disabled = propagate, disabled
            logger.setLevel(level)

    def forget(self, folder: str) -> str:
        """Let go of the script's own modules, so that what they held is written and closed, and found anew.

        Args:
            folder: The run's.

        Returns:
            Why the process cannot be without them; empty when it can.
        """
        fresh = [name for name in sys.modules if name not in self.modules]
        own = [name for name in fresh if self._is_own(sys.modules[name])]
        native = any(str(getattr(sys.modules[name], "__file__", "")).endswith(_NATIVE) for name in own)
        main = sys.modules["__main__"]
        for module in [*(sys.modules.pop(name) for name in reversed(own)), *([main] if main is not self._main else [])]:
            space = vars(module)
            for key in [key for key in space if key != "__builtins__"]:
                space[key] = None
            space.clear()
        sys.modules["__main__"] = self._main
        for path in [path for path in sys.path_importer_cache if path.startswith(folder)]:
            del sys.path_importer_cache[path]
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            if hasattr(sys, name):
                delattr(sys, name)
        self.modules = frozenset(sys.modules)
        gc.collect()
        return "a native module of its own" if native else ""

    def _is_own(self, module: Any) -> bool:
        """Whether a module is the script's: it came from nowhere that was on the path before."""
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            return not file.startswith(self._places)
        try:
            places = [str(place) for place in getattr(module, "__path__", ())]
        except Exception:  # noqa: BLE001 -- a module may be any object
            return True
        return bool(places) and not any(place.startswith(self._places) for place in places)


def _loggers() -> list[tuple[str, logging.Logger]]:
    named = logging.root.manager.loggerDict.items()
    return [("", logging.root), *((name, one) for name, one in named if isinstance(one, logging.Logger))]


def _logger(one: logging.Logger) -> tuple[int, bool, bool, tuple[Any, ...], tuple[Any, ...]]:
    return one.level, one.propagate, one.disabled, tuple(one.handlers), tuple(one.filters)


class Process:
    """What the system and native code know of the process, when the script began."""

    def __init__(self) -> None:
        self._before = self._facts()
        self._environment = dict(os.environ)
        self._files = _open_files()

    @staticmethod
    def _facts() -> dict[str, Any]:
        found: dict[str, Any] = {
            "the folder": _folder(),
            "signal handlers": tuple(signal.getsignal(number) for number in signal.valid_signals()),
            "timers": any(signal.getitimer(timer)[0] for timer in (0, 1, 2)),
            "the signal mask": frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            "the umask": _umask(),
            "the priority": os.getpriority(os.PRIO_PROCESS, 0),
            "the user": (os.getuid(), os.geteuid(), os.getgid(), os.getegid()),
            "the session": (os.getsid(0), os.getpgid(0)),
            "standard streams": tuple(_stream(one) for one in (sys.__stdout__, sys.__stderr__)),
        }
        if hasattr(os, "sched_getaffinity"):
            found["the cores"] = frozenset(os.sched_getaffinity(0))
        try:
            import resource
        except ImportError:
            return found
        names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
        found["limits"] = tuple(resource.getrlimit(getattr(resource, name)) for name in names)
        return found

    def changed(self) -> str:
        """The first thing that the script has changed and that only a new process gets rid of; empty for none."""
        now = self._facts()
        for name, value in self._before.items():
            if now[name] != value:
                return name
        environment = dict(os.environ)
        names = {name for name in {*environment, *self._environment} if not name.startswith(OWN_VARIABLES)}
        if any(environment.get(name) != self._environment.get(name) for name in names):
            return "the environment"
        return "open files" if _open_files() - self._files > MOST_FILES else ""


def _stream(one: Any) -> tuple[Any, ...]:
    return one.closed, getattr(one, "encoding", ""), getattr(one, "errors", "")


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0


def memory() -> int:
    """Bytes of memory that this process holds; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def busy() -> str:
    """What of a script that has ended is still at work in this process; empty when nothing is.

    Native libraries keep threads of their own, which compute for whoever calls; Python's are the script's.
    """
    if len(sys._current_frames()) > 1:  # noqa: SLF001 -- also threads that `threading` does not know
        return "threads"
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return ""
    return "processes"
