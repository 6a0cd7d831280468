"""What tests of processes share: waiting for what will come, and asking without a pause meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, Self


class Wait(Protocol):
    """Gives what a condition gives as soon as it is true."""

    def __call__(self, condition: Callable[[], Any], what: str, seconds: float = ...) -> Any: ...


def patient(patience: float) -> Wait:
    """A wait that fails after so many seconds where a test names no other number."""

    def wait_for(condition: Callable[[], Any], what: str, seconds: float = patience) -> Any:
        until = time.monotonic() + seconds
        while True:
            found = condition()
            if found:
                return found
            assert time.monotonic() < until, f"{what} did not happen within {seconds:g} s"
            time.sleep(0.01)

    return wait_for


class Load:
    """Requests one after the other on several threads, until the block ends.

    Args:
        ask: Sends one; gives status and body.
        threads: How many at a time.
        pause: Seconds between two of a thread.

    Attributes:
        answers: What came, in the order of its coming; status 0 when nobody listens.
    """

    def __init__(self, ask: Callable[[], tuple[int, Any]], threads: int, pause: float = 0.0) -> None:
        self.answers: list[tuple[int, Any]] = []
        self._ask = ask
        self._pause = pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.answers.append(self._ask())
            except OSError as error:
                self.answers.append((0, str(error)))
            if self._pause:
                time.sleep(self._pause)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def statuses(self) -> set[int]:
        return {status for status, _ in self.answers}
