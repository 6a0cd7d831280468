"""What scripts set in widespread libraries: noted before a script, put back after it.

Each library is a class with `put_back`, made before the first script if the library has been imported by then. Some
also have `rest`, which gives up threads of theirs, and `end`, which does what cannot wait for the process's end.
"""

from __future__ import annotations

import contextlib
import copy
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class Numpy:
    """Error handling and printing; its random numbers are seeded anew when a script begins."""

    module = "numpy"

    def __init__(self, numpy: ModuleType) -> None:
        self._errors = numpy.geterr()
        self._call = numpy.geterrcall()
        self._printing = numpy.get_printoptions()

    def put_back(self, numpy: ModuleType) -> None:
        if numpy.geterr() != self._errors:
            numpy.seterr(**self._errors)
        if numpy.geterrcall() is not self._call:
            numpy.seterrcall(self._call)
        if numpy.get_printoptions() != self._printing:
            numpy.set_printoptions(**self._printing)


class Pandas:
    """The options."""

    module = "pandas"

    def __init__(self, pandas: ModuleType) -> None:
        self._options = copy.deepcopy(self._held(pandas))

    @staticmethod
    def _held(pandas: ModuleType) -> dict[str, Any]:
        held: dict[str, Any] = getattr(pandas._config.config, "_global_config", {})  # noqa: SLF001 -- no public copy
        return held

    def put_back(self, pandas: ModuleType) -> None:
        held = self._held(pandas)
        if held != self._options:
            held.clear()
            held.update(copy.deepcopy(self._options))


class Sklearn:
    """The configuration."""

    module = "sklearn"

    def __init__(self, sklearn: ModuleType) -> None:
        self._config = sklearn.get_config()

    def put_back(self, sklearn: ModuleType) -> None:
        if sklearn.get_config() != self._config:
            sklearn.set_config(**self._config)


class Matplotlib:
    """Figures and settings."""

    module = "matplotlib"

    def __init__(self, matplotlib: ModuleType) -> None:
        self._settings = dict(matplotlib.rcParams.copy())

    def put_back(self, matplotlib: ModuleType) -> None:
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None and pyplot.get_fignums():
            pyplot.close("all")
        if dict(matplotlib.rcParams.copy()) != self._settings:
            dict.update(matplotlib.rcParams, self._settings)


class Mlflow:
    """The run that is active, where it tracks to, and what is logged by itself."""

    module = "mlflow"
    held = (
        ("mlflow.tracking._tracking_service.utils", "_tracking_uri"),
        ("mlflow.tracking._model_registry.utils", "_registry_uri"),
        ("mlflow.tracking.fluent", "_active_experiment_id"),
    )
    pools = (
        ("mlflow.utils.autologging_utils.client", "_AUTOLOGGING_QUEUEING_CLIENT_THREAD_POOL"),
        ("mlflow.utils.autologging_utils.metrics_queue", "_thread_pool"),
    )
    kept_by_thread = ("_active_run_stack", "_last_active_run_id", "_last_logged_model_id", "_ACTIVE_MODEL_CONTEXT")

    def __init__(self, mlflow: ModuleType) -> None:  # noqa: ARG002 -- as the others
        self._values = {key: getattr(sys.modules[key[0]], key[1], None) for key in self.held if key[0] in sys.modules}
        self._hooks = _copies("mlflow.utils.import_hooks", ("_post_import_hooks", "_import_error_hooks"))
        self._autolog = _copies("mlflow.utils.autologging_utils", ("AUTOLOGGING_INTEGRATIONS",))

    def rest(self, mlflow: ModuleType) -> None:  # noqa: ARG002 -- as the others
        """Have what is logged in the background written, and give its threads up: others come when they are needed."""
        for module, name in self.pools:
            pool = getattr(sys.modules.get(module), name, None)
            if pool is not None:
                pool.shutdown(wait=True)
                fresh = type(pool)(max_workers=pool._max_workers, thread_name_prefix=pool._thread_name_prefix)  # noqa: SLF001
                setattr(sys.modules[module], name, fresh)

    def end(self, mlflow: ModuleType) -> None:
        """Close the script's run, as MLflow does at the end of a process."""
        fluent = sys.modules.get("mlflow.tracking.fluent")
        stack = getattr(fluent, "_active_run_stack", None)
        while stack is not None and stack.get():
            with contextlib.suppress(Exception):
                mlflow.end_run()

    def put_back(self, mlflow: ModuleType) -> None:  # noqa: ARG002 -- as the others
        for (module, name), value in self._values.items():
            setattr(sys.modules[module], name, value)
        fluent = sys.modules.get("mlflow.tracking.fluent")
        for name in self.kept_by_thread:
            one = getattr(fluent, name, None)
            if one is not None:
                one.reset()
        self._put_back_autologging()
        for held, value in self._hooks:
            held.clear()
            held.update(value)

    def _put_back_autologging(self) -> None:
        for held, value in self._autolog:
            if held == value:
                continue
            safety = sys.modules["mlflow.utils.autologging_utils.safety"]
            for name in list(getattr(safety, "_AUTOLOGGING_PATCHES", ())):
                safety.revert_patches(name)
            held.clear()
            held.update(value)


def _copies(module: str, names: tuple[str, ...]) -> list[tuple[dict[Any, Any], dict[Any, Any]]]:
    """Dictionaries of a module, each with a copy of what it holds."""
    held = [getattr(sys.modules.get(module), name, None) for name in names]
    return [
        (one, {key: list(value) if isinstance(value, list) else value for key, value in one.items()})
        for one in held
        if isinstance(one, dict)
    ]


class Tqdm:
    """The thread that looks after progress bars."""

    module = "tqdm.std"

    @staticmethod
    def rest(std: ModuleType) -> None:
        monitor = std.tqdm.monitor
        if monitor is not None:
            std.tqdm.monitor = None
            monitor.exit()


class Asyncio:
    """The event loop of the main thread."""

    module = "asyncio.events"

    def __init__(self, events: ModuleType) -> None:
        self._policy = getattr(events, "_event_loop_policy", None)

    def put_back(self, events: ModuleType) -> None:
        if getattr(events, "_event_loop_policy", None) is not self._policy:
            events.__dict__["_event_loop_policy"] = self._policy


class Locale:
    """The locale of numbers, dates and messages."""

    module = "locale"

    def __init__(self, locale: ModuleType) -> None:
        self._set = locale.setlocale(locale.LC_ALL)

    def put_back(self, locale: ModuleType) -> None:
        if locale.setlocale(locale.LC_ALL) != self._set:
            locale.setlocale(locale.LC_ALL, self._set)


class Socket:
    """The time that sockets wait by default."""

    module = "socket"

    def __init__(self, socket: ModuleType) -> None:
        self._seconds = socket.getdefaulttimeout()

    def put_back(self, socket: ModuleType) -> None:
        socket.setdefaulttimeout(self._seconds)


class Files:
    """File systems that fsspec keeps, which know the run's token."""

    module = f"{__package__}.files"

    @staticmethod
    def put_back(files: ModuleType) -> None:
        files.JobFiles.clear_instance_cache()


KNOWN = (Numpy, Pandas, Sklearn, Matplotlib, Mlflow, Asyncio, Locale, Socket)
UNNOTED = (Tqdm, Files)
"""Libraries of which nothing has to be noted."""


class Libraries:
    """The libraries that have been imported when a script begins."""

    def __init__(self) -> None:
        self._held: list[Any] = [kind(sys.modules[kind.module]) for kind in KNOWN if kind.module in sys.modules]

    def came(self) -> str:
        """Name of one that the script has imported, of which nobody knows how it was; empty when there is none."""
        known = {one.module for one in self._held}
        return next((kind.module for kind in KNOWN if kind.module in sys.modules and kind.module not in known), "")

    def rest(self) -> None:
        """Give up threads that libraries keep between calls."""
        self._each("rest")

    def end(self) -> None:
        """Do what libraries do when the process of a script ends and that cannot wait."""
        self._each("end")

    def put_back(self) -> None:
        """Make everything as it was.

        Raises:
            Exception: A library is not as it is known to be; the process should end.
        """
        self._each("put_back")

    def _each(self, what: str) -> None:
        for one in (*self._held, *UNNOTED):
            module, function = sys.modules.get(one.module), getattr(one, what, None)
            if module is not None and function is not None:
                function(module)


def reseed() -> None:
    """Give the script random numbers of its own."""
    import random

    random.seed()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "seed"):
        torch.seed()
    process = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.current_process().authkey = os.urandom(32)
