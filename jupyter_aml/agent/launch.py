"""The forked child: a warm interpreter that becomes `python script.py` and leaves no trace of where it came from."""

from __future__ import annotations

import os
import signal
import sys
import types

from . import attach, boot, child, libraries, linux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType
    from typing import Any, NoReturn

MISSING_SCRIPT = 2
FAILED = 1
REST_SECONDS = 0.2
"""How long a child waits for a run before it gets ready: touching all pages takes longer than a short script gains."""
SLICE = 50
"""Modules between two looks for a run."""
PYTHON_IGNORES = ("SIGPIPE", "SIGXFSZ")
MINE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Fork:
    """A child that runs the script in this process.

    Args:
        preloaded: Names of the modules that the zygote imported.
    """

    def __init__(self, preloaded: frozenset[str]) -> None:
        self.preloaded = preloaded

    def prepare(self, line: child.Line | None) -> None:
        """Stop sharing randomness; if no run comes soon, pay for page faults while nobody waits."""
        libraries.reseed()
        if line is not None and not line.waits(REST_SECONDS):
            _touch(line)

    def run(self, spec: dict[str, Any], line: child.Line | None = None) -> NoReturn:
        """Become the script or module that `spec` names; of several processes, their leader; if shared, a worker."""
        if spec.get("shares") and line is not None:
            from . import worker

            worker.Worker(line, self.preloaded).serve(spec)
        if line is not None:
            line.close()
        if spec.get("ranks"):
            from . import ranks

            ranks.lead(spec, self)
        become(spec)
        end(run(spec), self.preloaded)


def become(spec: dict[str, Any]) -> None:
    """Make this process the run's: its log, folder, environment and Python."""
    child.enter(spec)
    _python_signals()
    replace_environment(spec["env"])
    move_to_overlay(spec)
    forget_the_zygote(spec)


def _touch(line: child.Line) -> None:
    """Write to the reference counts that every script writes to, which copies their pages, until a run comes."""
    import json
    import linecache
    import traceback

    total = 0
    for number, module in enumerate(list(sys.modules.values())):
        if number % SLICE == 0 and line.waits(0):
            return
        for value in list(getattr(module, "__dict__", {}).values()):
            total += sys.getrefcount(value)
    try:
        exec(compile("raise ValueError('rehearsal')", "rehearsal", "exec"), {"total": total})  # noqa: S102 -- a constant
    except ValueError:
        traceback.format_exc()
    json.loads(json.dumps({"total": total}))
    linecache.clearcache()


def _python_signals() -> None:
    """The dispositions a fresh interpreter has."""
    for name in PYTHON_IGNORES:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def replace_environment(env: dict[str, str]) -> None:
    """Make `env` the whole environment, for C libraries too."""
    import time

    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.dont_write_bytecode = bool(env.get("PYTHONDONTWRITEBYTECODE"))


def move_to_overlay(spec: dict[str, Any]) -> None:
    """Make the run's overlay this interpreter's home, as if it had been started from there."""
    python = child.overlay_python(spec)
    paths = [path for path in sys.path if path]
    if python:
        overlay = spec["overlay"]
        sys.executable = python
        sys.prefix = sys.exec_prefix = overlay
        packages = os.path.join(overlay, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
        bases = set(spec.get("site_packages") or ())
        at = next((index for index, path in enumerate(paths) if path in bases), len(paths))
        paths.insert(at, packages)
        _rebase_modules(overlay, python)
    extra = os.environ.get("PYTHONPATH", "")
    sys.path[:] = [path for path in extra.split(os.pathsep) if path] + paths


def _rebase_modules(overlay: str, python: str) -> None:
    """Correct what modules noted about the prefix when the zygote imported them."""
    site = sys.modules.get("site")
    if site is not None:
        site.__dict__["PREFIXES"][:] = [overlay]
        site.__dict__["ENABLE_USER_SITE"] = False
    sysconfig = sys.modules.get("sysconfig")
    for name in ("_PREFIX", "_EXEC_PREFIX"):
        if hasattr(sysconfig, name):
            setattr(sysconfig, name, overlay)
    for name, value in (("_CONFIG_VARS", None), ("_CONFIG_VARS_INITIALIZED", False)):
        if hasattr(sysconfig, name):
            setattr(sysconfig, name, value)
    spawn = sys.modules.get("multiprocessing.spawn")
    if spawn is not None:
        spawn.set_executable(python)


def forget_the_zygote(spec: dict[str, Any]) -> None:
    """Bring module state that a fresh interpreter would not have back to its beginning."""
    import linecache
    import logging
    import tempfile
    import warnings

    for handler in list(logging.root.handlers):
        logging.root.removeHandler(handler)
    logging.root.setLevel(logging.WARNING)
    getattr(warnings, "onceregistry", {}).clear()
    tempfile.tempdir = None
    tempfile._name_sequence = None  # type: ignore[attr-defined]  # noqa: SLF001 -- two runs must not share it
    linecache.clearcache()
    process = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.__dict__["ORIGINAL_DIR"] = spec["cwd"]  # spawned workers look for the script there
    boot.start(excepthook=False)


def run(spec: dict[str, Any]) -> int:
    """Run the user's code; the exit status it asks for."""
    python = spec["python"]
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = main
    door = attach.open_door(spec.get("errors") or spec["work"], spec["cwd"])
    try:
        if python.get("module"):
            _run_module(python)
        else:
            _run_script(python, spec["cwd"], main)
    except SystemExit as error:
        return exit_status(error)
    except BaseException as error:  # noqa: BLE001 -- whatever the script raises is its end
        return _report(error)
    finally:
        if door is not None:
            door.close()
    return 0


def _take_original(arguments: list[str]) -> None:
    """Say how this Python would have been started; Python 3.8 and 3.9 do not tell."""
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = [sys.executable, *arguments]


def _run_module(python: dict[str, Any]) -> None:
    import runpy

    sys.path.insert(0, os.getcwd())
    sys.argv[:] = ["-m", *python.get("args", ())]
    _take_original(["-m", python["module"], *sys.argv[1:]])
    runpy._run_module_as_main(python["module"])  # type: ignore[attr-defined]  # noqa: SLF001 -- what `-m` itself calls


def _run_script(python: dict[str, Any], folder: str, main: types.ModuleType) -> None:
    script = python["script"]
    path = os.path.join(folder, script)
    sys.argv[:] = [script, *python.get("args", ())]
    _take_original(sys.argv)
    code = _compiled(path)
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    main.__file__ = path
    main.__dict__.update(__cached__=None, __loader__=_loader(path), __spec__=None, __package__=None)
    exec(code, main.__dict__)  # noqa: S102 -- running the user's script is the purpose


def _loader(path: str) -> object:
    from importlib.machinery import SourceFileLoader

    return SourceFileLoader("__main__", path)


def _compiled(path: str) -> CodeType:
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}\n")
        raise SystemExit(MISSING_SCRIPT) from None
    return compile(source, path, "exec", dont_inherit=True)


def exit_status(error: SystemExit) -> int:
    """What `sys.exit(...)` means to the operating system; its text goes to stderr."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    flush()
    sys.stderr.write(f"{error.code}\n")
    return FAILED


def users_traceback(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is the user's."""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not (name.startswith((MINE, "<frozen runpy")) or name.endswith(f"{os.sep}runpy.py")):
            break
        trace = trace.tb_next
    return trace


def _report(error: BaseException) -> int:
    """Print the traceback as Python does and record it."""
    trace = users_traceback(error.__traceback__)
    error = error.with_traceback(trace)
    flush()
    try:
        sys.excepthook(type(error), error, trace)
    except Exception:  # noqa: BLE001 -- the user's hook failed: the traceback must still be seen
        sys.__excepthook__(type(error), error, trace)
    boot.record_error(type(error), error, trace)
    attach.hold(error, trace)
    if isinstance(error, KeyboardInterrupt):
        return -signal.SIGINT
    return FAILED


def end(code: int, preloaded: frozenset[str]) -> NoReturn:
    """Leave as the interpreter would, except for taking the preloaded modules apart."""
    import atexit
    import threading

    for step in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]  # noqa: SLF001 -- no public way
        try:
            step()
        except BaseException as error:  # noqa: BLE001 -- as at interpreter exit: reported, not raised
            sys.excepthook(type(error), error, error.__traceback__)
    flush()
    _drop_users_modules(preloaded)
    flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _drop_users_modules(preloaded: frozenset[str]) -> None:
    """Let go of the user's objects, so that files left open are written and finalizers run."""
    import gc

    folders = tuple(os.path.join(folder, "") for folder in {os.getcwd(), sys.path[0]})
    names = ["__main__"]
    for name in reversed(list(sys.modules)):
        file = getattr(sys.modules[name], "__file__", None)
        if name not in preloaded and isinstance(file, str) and file.startswith(folders):
            names.append(name)
    for name in names:
        space = vars(sys.modules[name])
        for key in [key for key in space if key != "__builtins__"]:
            space[key] = None
    gc.collect()


def flush() -> None:
    """Write what is printed and not written yet, by native code, too."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
    linux.flush_native()
