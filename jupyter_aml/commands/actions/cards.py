"""The card of a job in a notebook: it refreshes until the job ends and stays behind as static HTML.

One thread a job looks and draws, however many cells show that job: all its cards bear one display id, so that one
message refreshes them, whichever cell runs meanwhile. The thread never prints, takes at most a twentieth of the
kernel's time, and ends with the job or the kernel. Where a front end cannot replace an output (a terminal), a card is
drawn once, as any other outcome.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_aml.commands.actions import jobs
from jupyter_aml.commands.context import Beside
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import ResourceError

SHORTEST, LONGEST = 0.15, 2.0
CARD_SHORTEST = 0.5
CLOUD_SHORTEST, CLOUD_LONGEST = 2.0, 10.0
GROWTH = 1.4
SHARE = 20.0
TICK = 5.0
MOST_FAILURES = 30
SETTLE_SECONDS = 10.0
GONE = 404

Bundle = dict[str, Any]


class Pace:
    """How long to wait between two looks: short while things change, longer while they do not.

    Args:
        local: Whether asking is cheap.
        shortest: The shortest wait here, where asking is cheap.
    """

    def __init__(self, *, local: bool, shortest: float = SHORTEST) -> None:
        self.shortest, self.longest = (shortest, LONGEST) if local else (CLOUD_SHORTEST, CLOUD_LONGEST)
        self.now = self.shortest

    def after(self, *, changed: bool) -> float:
        """Seconds until the next look."""
        self.now = self.shortest if changed else min(self.now * GROWTH, self.longest)
        return self.now


class Card(Outcome):
    """A job as an outcome: in a notebook its drawing is alive until the job has ended."""

    shown: int = -1
    """The number of the cell that shows it already: as that cell's result it draws nothing more."""
    beside: Callable[[], Beside] = Beside
    """What stands in for the live form where the front end does not draw it."""
    client: Any = None
    """The `MLClient` of its workspace."""

    def _ipython_display_(self) -> None:
        shell = replacing_shell()
        if shell is None or self.form or not isinstance(self.details, jobs.Details):
            raise NotImplementedError  # IPython draws it as any other object
        if self.shown == shell.execution_count:
            self.shown = -1
            return
        snapshot = self.details()
        if snapshot["status"] in jobs.FINAL:
            raise NotImplementedError
        watch = _watch(self.details)
        beside = self.beside()
        if beside.bundle:
            watch.beside = beside
        publish({**drawn(snapshot), **beside.bundle}, display_id=watch.display_id)
        watch.begin(snapshot)


class Watch:
    """Looks at one job until it has ended, and draws it anew whenever something has changed.

    Args:
        details: Of the job.
        update: Replaces what stands in the notebook under a display id.
    """

    def __init__(self, details: jobs.Details, update: Callable[[Bundle, str], None]) -> None:
        self.details = details
        self.display_id = f"jupyter_aml-{uuid.uuid4().hex}"
        self.ended = threading.Event()
        self.beside: Beside | None = None
        """What keeps the drawing alive by itself, and is replaced at the end."""
        self._update = update
        self._hurry = threading.Event()
        self._last: Mapping[str, Any] = {}
        self._drawn = 0.0
        self._begun = threading.Lock()

    def begin(self, snapshot: Mapping[str, Any]) -> None:
        """Look from now on; `snapshot` is what was drawn just now."""
        self._last, self._drawn = _told(snapshot), time.monotonic()
        if self._begun.acquire(blocking=False):
            threading.Thread(target=self._run, name=f"jupyter_aml-card-{self.details.name}", daemon=True).start()

    def hurry(self) -> None:
        """Look now."""
        self._hurry.set()

    def stop(self) -> None:
        """Look no more; what was drawn stays."""
        self.ended.set()
        self._hurry.set()

    def _run(self) -> None:
        try:
            self._follow()
        finally:
            self.ended.set()
            _forget(self)

    def _follow(self) -> None:
        pace = Pace(local=self.details.reader.local, shortest=CARD_SHORTEST)
        failures = 0
        seconds = pace.shortest
        while failures < MOST_FAILURES:
            self._hurry.wait(seconds)
            self._hurry.clear()
            if self.ended.is_set():
                return
            began = time.monotonic()
            try:
                changed, final = self._look()
            except Exception as error:  # noqa: BLE001 - a traceback would come out in a cell that runs something else
                if isinstance(error, ResourceError) and error.status == GONE:
                    return
                failures += 1
                seconds = pace.longest
                continue
            if final:
                return
            failures = 0
            seconds = max(pace.after(changed=changed), SHARE * (time.monotonic() - began))

    def _look(self) -> tuple[bool, bool]:
        """Read the job and draw it where that is worth a message; whether it has changed, and whether it has ended."""
        found = self.details()
        told = _told(found)
        changed, final = told != self._last, found["status"] in jobs.FINAL
        due = changed or time.monotonic() - self._drawn > TICK
        if final or (due and self.beside is None):
            self._update(drawn(found), self.display_id)
            self._last, self._drawn = told, time.monotonic()
        if final and self.beside is not None:
            self.beside.close()
        return changed, final


def drawn(snapshot: Mapping[str, Any]) -> Bundle:
    """A snapshot of a job as the static forms of its card."""
    return Outcome(None, kind="job", details=snapshot)._repr_mimebundle_()


def _told(snapshot: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a snapshot says, but for the moment it was taken at."""
    return {key: value for key, value in snapshot.items() if key != "now"}


_WATCHES: dict[tuple[str, str], Watch] = {}
_LOCK = threading.Lock()


def _watch(details: jobs.Details) -> Watch:
    """The watch of a job in this kernel."""
    with _LOCK:
        key = details.key
        found = _WATCHES.get(key)
        if found is None or found.ended.is_set():
            found = _WATCHES[key] = Watch(details, _refresh)
        return found


def _forget(watch: Watch) -> None:
    with _LOCK:
        if _WATCHES.get(watch.details.key) is watch:
            del _WATCHES[watch.details.key]


@atexit.register
def stop() -> None:
    """End all watches; called when the kernel ends."""
    with _LOCK:
        watches = list(_WATCHES.values())
    for watch in watches:
        watch.stop()


def settle(workspace: str, name: str) -> None:
    """Wait until the cards of a job that has ended show its end."""
    with _LOCK:
        watch = _WATCHES.get((workspace, name))
    if watch is not None:
        watch.hurry()
        watch.ended.wait(SETTLE_SECONDS)


def replacing_shell() -> Any:
    """The shell, if its front end can replace an output by its display id; else None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return None
    from IPython.core.displaypub import DisplayPublisher

    return shell if type(shell.display_pub).publish is not DisplayPublisher.publish else None


def publish(bundle: Bundle, *, display_id: str, update: bool = False) -> None:
    """Put a bundle into the cell's output under a display id, or in the place of what stands there."""
    from IPython.display import publish_display_data

    publish_display_data(bundle, transient={"display_id": display_id}, update=update)


def _refresh(bundle: Bundle, display_id: str) -> None:
    publish(bundle, display_id=display_id, update=True)


def show_now(display: Callable[[object], object], card: Outcome) -> None:
    """Show a card before its verb returns; as the cell's result it is not drawn a second time."""
    shell = replacing_shell()
    display(card)
    if isinstance(card, Card) and shell is not None:
        card.shown = shell.execution_count
