"""The logs of a run on a worker, passed on while they grow."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.runtime.remote.home import Home, SupersededError

MAIN = "std_log.txt"
PIECE = 1 << 20
"""Bytes that one request carries."""
EARLY_SECONDS = 0.2
"""How often sentences of ours are passed on while the run is being made ready."""


class Logs:
    """The files of a folder whose names begin with `std_log`.

    Args:
        home: Where they go.
        folder: Where they are; made when missing.
    """

    def __init__(self, home: Home, folder: Path) -> None:
        self._home = home
        self._folder = folder
        self._sent: dict[str, int] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)

    def say(self, sentence: str) -> None:
        """Put a sentence of ours at the end of the main log."""
        with self._main().open("a", encoding="utf-8") as file:
            file.write(f"{sentence}\n")

    def start(self) -> None:
        """Pass on from now on what is said before the run itself begins."""
        threading.Thread(target=self._pass_on_early, daemon=True).start()

    def stop(self) -> None:
        """Leave it to the caller from now on."""
        self._ended.set()

    def pass_on(self, *, always: bool = False) -> bool:
        """Send what is new; whether home was asked for anything.

        Args:
            always: Ask even when nothing is new, to hear whether the run is still wanted.

        Raises:
            SupersededError: It is not.
            OSError: Home does not answer.
            ResourceError: It refuses.
        """
        self.stop()
        return self._pass_on(always=always)

    def flush(self) -> None:
        """Send what is left."""
        self.stop()
        self._pass_on(always=False)

    def _pass_on(self, *, always: bool) -> bool:
        asked = False
        with self._lock:
            for path in sorted(self._folder.glob("std_log*")):
                asked = self._pass_on_one(path) or asked
            if always and not asked:
                name = self._main().name
                self._home.append(name, self._sent.get(name, 0), b"")
                asked = True
        return asked

    def _pass_on_one(self, path: Path) -> bool:
        at = begin = self._sent.get(path.name, 0)
        with path.open("rb") as file:
            file.seek(at)
            while piece := file.read(PIECE):
                self._home.append(path.name, at, piece)
                at += len(piece)
                self._sent[path.name] = at
        return at > begin

    def _pass_on_early(self) -> None:
        while not self._ended.wait(EARLY_SECONDS):
            try:
                self._pass_on(always=False)
            except (OSError, ResourceError, SupersededError):
                time.sleep(EARLY_SECONDS)

    def _main(self) -> Path:
        main = self._folder / MAIN
        return main if main.exists() else min(self._folder.glob("std_log_process_*.txt"), default=main)
