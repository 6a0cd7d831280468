"""What every Python inside a run gets, forked or started afresh by the `.pth` of the run's overlay.

Sorted directory listings, lines that reach the log when they are printed, the relay for the SDK once `requests`
is used, the `azureml.core` shim behind everything else, and a record of an uncaught exception.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType, TracebackType
    from typing import Any

AGENT = os.path.dirname(os.path.abspath(__file__))
SHIM = os.path.join(AGENT, "shim")
WORK = "JUPYTER_AML_WORK"
WATCHED = "requests.adapters"

_listdir = os.listdir


def sorted_listdir(path: Any = ".") -> list[Any]:
    """As os.listdir, in order: scripts written for Azure take `os.listdir(folder)[0]`."""
    return sorted(_listdir(path))


class Watch:
    """A finder that lets the relay in as soon as `requests.adapters` has been imported."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        """Find the watched module as everybody else would, and follow its loading."""
        if name != WATCHED:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                _follow(spec.loader)
                return spec
        return None


def _follow(loader: Any) -> None:
    execute: Callable[[ModuleType], None] = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        relay()

    loader.exec_module = exec_module


def relay() -> None:
    """Send the SDK's requests for our own names to the local workspace."""
    import importlib

    try:
        module = importlib.import_module(f"{__package__}.relay")
    except ImportError:
        return
    module.install()


def record_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Leave the uncaught exception in the run's work folder."""
    folder = os.environ.get(WORK)
    if not folder or issubclass(kind, KeyboardInterrupt):
        return
    import traceback

    from . import records

    text = "".join(traceback.format_exception(kind, error, trace))
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 -- a user's __str__ may do anything
        message = ""
    try:
        records.write(
            os.path.join(folder, "error.json"),
            {"type": kind.__name__, "message": message, "traceback": text},
        )
    except OSError:
        return


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.__excepthook__(kind, error, trace)
    record_error(kind, error, trace)


def _live_lines() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure") and not stream.isatty():
            stream.reconfigure(line_buffering=True)


def start(site_packages: Sequence[str] = (), *, excepthook: bool = True) -> None:
    """Make this interpreter one of the run's; calling it again changes nothing.

    Args:
        site_packages: The base environment's package folders, to be found behind the overlay's own.
        excepthook: Whether to record uncaught exceptions through `sys.excepthook`.
    """
    if SHIM in sys.path:
        return
    if site_packages:
        import site

        for folder in site_packages:
            site.addsitedir(folder)
    sys.path.append(SHIM)
    os.listdir = sorted_listdir
    _live_lines()
    if excepthook and WORK in os.environ:
        sys.excepthook = _excepthook
    if WATCHED in sys.modules:
        relay()
    else:
        sys.meta_path.insert(0, Watch())
