"""A Jupyter kernel in a thread of a process that does something else, which must not notice.

The kernel reads the script's variables as they are at the moment; what a cell assigns belongs to the kernel. It
shares nothing else: its output goes to its clients, the script's to the log; interrupting it interrupts its cell;
shutting it down detaches. It needs ipykernel in the run's environment.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import logging
import os
import sys
import threading
import types
from typing import TYPE_CHECKING, Any

from ipykernel.iostream import OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.builtin_trap import BuiltinTrap
from IPython.display import display
from tornado.ioloop import IOLoop
from traitlets import Any as AnyTrait
from traitlets import Type, observe
from traitlets.config import Config

from . import attach

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECONDS = 30.0
FILE = "kernel.json"


class Space(dict[str, Any]):
    """The kernel's variables, and behind them the script's as they are now.

    Args:
        layers: Where a name that the kernel has not is looked for, the nearest first.
    """

    def __init__(self, layers: list[Mapping[str, Any]]) -> None:
        super().__init__()
        self.layers = layers

    def __missing__(self, name: str) -> Any:
        for layer in self.layers:
            try:
                return layer[name]
            except KeyError:
                continue
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or any(name in layer for layer in self.layers)

    def __delitem__(self, name: str) -> None:
        self.pop(name, None)  # `%reset` wants to take away all names that it sees; the script's stay

    def get(self, name: str, default: Any = None) -> Any:
        """As of any mapping."""
        try:
            return self[name]
        except KeyError:
            return default

    def keys(self) -> Any:
        """The names of all variables, for completion and `%who`."""
        found = dict.fromkeys(super().keys())
        for layer in self.layers:
            found.update(dict.fromkeys(list(layer)))
        return found.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())


class Routed:
    """A standard stream of which the kernel's own thread has another than everybody else.

    Args:
        usual: Everybody else's.
        own: The kernel's.
        thread: The kernel's.
    """

    __slots__ = ("_own", "_usual", "_whose")

    def __init__(self, usual: Any, own: Any, thread: int) -> None:
        for name, value in (("_usual", usual), ("_own", own), ("_whose", (os.getpid(), thread))):
            object.__setattr__(self, name, value)

    def _mine(self) -> Any:
        return self._own if (os.getpid(), threading.get_ident()) == self._whose else self._usual

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mine(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._mine(), name, value)  # IPython replaces `write` while a cell runs

    def __delattr__(self, name: str) -> None:
        delattr(self._mine(), name)


class Shell(ZMQInteractiveShell):
    """IPython without what it does to the process around it."""

    @property
    def user_global_ns(self) -> Any:
        """The same as `user_ns`, so that functions of the kernel find what they need."""
        return self.user_ns

    def init_environment(self) -> None: ...

    def init_virtualenv(self) -> None: ...

    def init_deprecation_warnings(self) -> None: ...

    def init_sys_modules(self) -> None:
        self._main_mod_cache: dict[str, Any] = {}

    def init_builtins(self) -> None:
        self.builtin_trap = BuiltinTrap(shell=self)

    def init_user_ns(self) -> None:
        super().init_user_ns()
        self.user_ns["display"] = display
        self.user_ns_hidden["display"] = display

    def atexit_operations(self) -> None:
        """The process ends; nothing has to be put away."""

    def _clear_warning_registry(self) -> None:
        self.user_ns.pop("__warningregistry__", None)

    @observe("exit_now")
    def _update_exit_now(self, change: Any) -> None:
        """`exit` detaches, which is the client's business."""
        if change["new"]:
            self.exit_now = False


class Served(IPythonKernel):
    """A kernel that is a guest."""

    shell_class = Type(Shell)
    debugger_class = Type(object)
    user_module = AnyTrait()
    thread = 0
    busy = False

    async def execute_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """As any kernel's, noting that a cell runs."""
        self.busy = True
        try:
            await super().execute_request(stream, ident, parent)
        finally:
            self.busy = False

    def _send_interrupt_children(self) -> None:
        """Interrupt the cell, not the process."""
        if self.busy:
            raised = ctypes.py_object(KeyboardInterrupt)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread), raised)

    async def poll_stopped_queue(self) -> None:
        """There is no debugger to listen to."""

    async def shutdown_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Answer, and stay for the next client."""
        said = {"status": "ok", "restart": parent["content"].get("restart", False)}
        self.session.send(stream, "shutdown_reply", said, parent, ident=ident)


class App(IPKernelApp):
    """The sockets and threads of the kernel, without those of its duties that concern a process of its own."""

    kernel_class = Type(Served)
    streams: tuple[Any, Any] = (None, None)

    def init_crash_handler(self) -> None: ...

    def init_poller(self) -> None: ...

    def init_blackhole(self) -> None: ...

    def init_signal(self) -> None: ...

    def init_pdb(self) -> None: ...

    def init_path(self) -> None: ...

    def init_gui_pylab(self) -> None: ...

    def init_extensions(self) -> None: ...

    def init_code(self) -> None: ...

    def init_connection_file(self) -> None: ...

    def configure_tornado_logger(self) -> None: ...

    def load_config_file(self, *_: Any, **__: Any) -> None: ...

    def _configure_logging(self) -> None:
        """Not at all: it would close the handlers of everybody else."""

    @observe("ipython_dir")
    def _ipython_dir_changed(self, _: Any) -> None:
        """No part of the script's path."""

    def init_sockets(self) -> None:
        super().init_sockets()
        atexit.unregister(self.close)  # which puts back streams that are not its own

    def log_connection_info(self) -> None:
        names = ("shell", "iopub", "stdin", "hb", "control")
        self._ports = {name: getattr(self, f"{name}_port") for name in names}

    def init_io(self) -> None:
        self.streams = tuple(
            OutStream(self.session, self.iopub_thread, name, watchfd=False) for name in ("stdout", "stderr")
        )
        from ipykernel.displayhook import ZMQDisplayHook

        self.displayhook = ZMQDisplayHook(self.session, self.iopub_socket)


class Kernel:
    """A kernel in a thread of its own, for as long as the process lives.

    Args:
        folder: Private, for its connection file and sockets.
        layers: The script's variables, the nearest first; looked up whenever a cell asks.

    Raises:
        OSError, ImportError, ...: What kept it from starting.
    """

    def __init__(self, folder: str, layers: list[Mapping[str, Any]]) -> None:
        self.file = os.path.join(folder, FILE)
        self._folder = folder
        self._space = Space(layers)
        self._fault: BaseException | None = None
        self._ready = threading.Event()
        threading.Thread(target=self._serve, name="jupyter_aml-kernel", daemon=True).start()
        if not self._ready.wait(SECONDS):
            raise TimeoutError(f"The kernel was not ready after {SECONDS:g} s.")
        if self._fault is not None:
            raise self._fault

    def _serve(self) -> None:
        try:
            asyncio.set_event_loop(asyncio.new_event_loop())
            loop = IOLoop.current()
            self._start()
        except BaseException as error:  # noqa: BLE001 -- told to whoever asked
            self._fault = error
            return
        finally:
            self._ready.set()
        while True:
            try:
                loop.start()
            except KeyboardInterrupt:  # it came a moment after the cell had ended
                continue

    def _start(self) -> None:
        without = types.ModuleType("ipykernel.debugger")  # debugpy would trace the script and write into its log
        without.__dict__["_is_debugpy_available"] = False
        sys.modules.setdefault(without.__name__, without)
        logger = logging.getLogger("jupyter_aml.kernel")
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
        address, _ = attach.reach(self._folder, "kernel")
        quiet = Config({"HistoryManager": {"enabled": False}, "Completer": {"use_jedi": False}})
        own = os.path.join(self._folder, "ipython")
        os.makedirs(own, mode=0o700, exist_ok=True)
        app = App(
            log=logger, config=quiet, transport="ipc", ip=address, connection_file=self.file,
            ipython_dir=own, user_ns=self._space,
        )  # fmt: skip
        app.initialize([])
        kernel = app.kernel
        kernel.thread = threading.get_ident()
        kernel.start()
        for name, own in zip(("stdout", "stderr"), app.streams, strict=True):
            setattr(sys, name, Routed(getattr(sys, name), own, kernel.thread))
        self._app = app
