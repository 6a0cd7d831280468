"""What a script wants to be done at its end (`atexit`), told apart from what libraries want at that of the process.

In a process that runs one script after another the script's own functions run when it has ended. A library that is
imported registers for the life of the process, and keeps it. One that registers while it works for the script
(a folder to remove, a buffer to write) cannot be asked to do so early: the process then has to end with the script.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

IMPORTING = "<frozen importlib."


class Exits:
    """The functions that one script after another has registered.

    Attributes:
        folders: Where the present script's code is, also by its real path.
    """

    def __init__(self) -> None:
        self.folders: tuple[str, ...] = ()
        self._foreign: list[Callable[..., Any]] = []
        self._own: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []
        self._register = atexit.register
        self._unregister = atexit.unregister

    def install(self) -> None:
        """Hear of every registration from now on; where the process ends with the script, its functions run first."""
        weakref.finalize(self, self.run).detach()  # whose first use registers what ends all others, for ever
        self._register(self.run)
        atexit.register = self._take  # type: ignore[assignment]
        atexit.unregister = self._drop

    def begin(self, folder: str) -> None:
        """A script begins whose code is in `folder`."""
        self.folders = (os.path.join(folder, ""), os.path.join(os.path.realpath(folder), ""))
        self._foreign.clear()
        self._own.clear()

    def pending(self) -> bool:
        """Whether a library has registered something for the script; what belongs to an ended thread is done."""
        return any(not _over(getattr(function, "__self__", None)) for function in self._foreign)

    def run(self) -> None:
        """Call what the script has registered, the last first; what it raises is shown, as at an interpreter's end."""
        while self._own:
            function, args, kwargs = self._own.pop()
            try:
                function(*args, **kwargs)
            except SystemExit:
                continue
            except BaseException as error:  # noqa: BLE001 -- whatever it is, the others have their turn
                sys.excepthook(type(error), error, error.__traceback__)

    def _take(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        whose = self._whose(sys._getframe(1))  # noqa: SLF001 -- the only way to the caller
        if whose == "script":
            self._own.append((function, args, kwargs))
            return function
        if whose == "library":
            self._foreign.append(function)
        return self._register(function, *args, **kwargs)

    def _drop(self, function: Callable[..., Any]) -> None:
        self._own = [one for one in self._own if one[0] != function]
        self._foreign = [one for one in self._foreign if one != function]
        self._unregister(function)

    def _whose(self, frame: FrameType | None) -> str:
        """Who registers: the `script`, a library while it is imported (`import`), or a `library` at work."""
        if frame is not None and frame.f_code.co_filename.startswith(self.folders):
            return "script"
        while frame is not None and not frame.f_code.co_filename.startswith(self.folders):
            if frame.f_code.co_filename.startswith(IMPORTING):
                return "import"
            frame = frame.f_back
        return "library"


def _over(owner: object) -> bool:
    """Whether an object is a thread that has ended."""
    return isinstance(owner, threading.Thread) and not owner.is_alive()
