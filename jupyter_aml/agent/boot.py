"""What every Python inside a run gets, forked or started afresh by the `.pth` of the run's overlay.

Sorted directory listings, lines that reach the log when they are printed, the relay for the SDK once `requests`
is used, `azureml://` once fsspec is, the `azureml.core` shim behind everything else, and a record of an uncaught
exception.
"""

from __future__ import annotations

import os
import sys

from . import absent, attach, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any

AGENT = os.path.dirname(os.path.abspath(__file__))
SHIM = os.path.join(AGENT, "shim")
WORK = "JUPYTER_AML_WORK"
ERRORS = "JUPYTER_AML_ERRORS"
"""Names the folder for the uncaught exception of one process, where a run has several."""
LONGEST = 100_000
"""Characters that are kept of an exception's message and of its traceback."""

_listdir = os.listdir


class SortedListdir:
    """As os.listdir, in order: scripts written for Azure take `os.listdir(folder)[0]`.

    No function, since classes that hold os.listdir, as pathlib's up to Python 3.10, would make a method of one.
    """

    __name__ = "listdir"

    def __call__(self, path: Any = ".") -> list[Any]:
        return sorted(_listdir(path))


sorted_listdir = SortedListdir()


def relay() -> None:
    """Send the SDK's requests for our own names to the local workspace."""
    import importlib

    try:
        module = importlib.import_module(f"{__package__}.relay")
    except ImportError:
        return
    module.install()


def files() -> None:
    """Let fsspec take `azureml://` for the files of the local workspace, whoever else has named himself for it."""
    from fsspec import register_implementation

    register_implementation("azureml", f"{__package__}.files.JobFiles", clobber=True)


def record_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Leave the uncaught exception in the run's work folder, or in that of this process of a run of several."""
    folder = os.environ.get(ERRORS) or os.environ.get(WORK)
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
        records.write_in_time(
            os.path.join(folder, "error.json"),
            {"type": kind.__name__, "message": message[:LONGEST], "traceback": records.clip(text, LONGEST)},
            seconds=0.0,
        )
    except OSError:
        return


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.__excepthook__(kind, error, trace)
    record_error(kind, error, trace)
    attach.hold(error, trace)


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
    absent.install()
    os.listdir = sorted_listdir
    _live_lines()
    if excepthook and WORK in os.environ:
        sys.excepthook = _excepthook
    watch.after("requests.adapters", relay)
    watch.after("fsspec", files)
    if os.environ.get(attach.PROCESS) == str(os.getpid()):
        folder = os.environ.get(WORK, "")
        attach.open_door(os.environ.get(ERRORS) or folder, os.path.join(folder, "code"))
