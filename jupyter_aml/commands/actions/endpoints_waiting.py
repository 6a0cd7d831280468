"""Waiting for an operation on an endpoint or deployment, with the endpoint's card as it changes meanwhile."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from weakref import WeakSet

from jupyter_aml.client import seams
from jupyter_aml.commands import faults
from jupyter_aml.commands.actions import cards
from jupyter_aml.commands.context import Beside, Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import AmlError, ResourceError

Read = Callable[[], Mapping[str, Any]]
FINAL = ("Succeeded", "Failed", "Canceled")
POLLER = "LROPoller"
"""How the SDK's threads are called that look at operations; they print a dot for each look."""


class EndpointCard(Outcome):
    """An endpoint as an outcome: where its card stands in the cell's output already, it is drawn there once more."""

    place_of_card: str = ""
    """The display id of the card that stands there; "" for none."""
    cell: int = -1
    """The number of the cell that it stands in."""

    beside: Callable[[], Beside] = Beside
    """What stands in for the live form where the front end does not draw it."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The forms of every outcome, and what stands in for the live one."""
        found = super()._repr_mimebundle_(include, exclude)
        return found if self.form else {**found, **self.beside().bundle}

    def _ipython_display_(self) -> None:
        shell = cards.replacing_shell()
        if shell is None or self.form or not self.place_of_card or self.cell != shell.execution_count:
            raise NotImplementedError  # IPython draws it as any other object
        cards.publish(self._repr_mimebundle_(), display_id=self.place_of_card, update=True)
        self.place_of_card = ""


class Progress:
    """Draws an endpoint while something is done to it: as a card in a notebook, as lines in a terminal.

    Args:
        context: Who waits.
        args: Whether a format is asked for; then nothing is drawn.
        read: Gives the snapshot of the endpoint's card.
    """

    def __init__(self, context: Context, args: Args, read: Read) -> None:
        self.context = context
        self.read = read
        self.display_id = ""
        plain = args.get("output") is None and args.get("query") is None
        self._wanted = plain and not context.quiet and not context.silent
        self._shell = cards.replacing_shell() if context.namespace is not None and self._wanted else None
        self._last: Mapping[str, Any] = {}

    def look(self) -> bool:
        """Draw what has changed; whether anything has."""
        if not self._wanted:
            return False
        try:
            found = self.read()
        except AmlError:
            return False
        if found == self._last:
            return False
        before, self._last = self._last, found
        if self._shell is not None:
            self._draw(found)
        elif self.context.namespace is None:
            self._tell(before, found)
        return True

    def error_of(self, deployment: str) -> str:
        """What a deployment says of its failure; "" for nothing."""
        try:
            held = self.read().get("deployments") or ()
        except AmlError:
            return ""
        return next((str(one.get("error") or "") for one in held if one.get("name") == deployment), "")

    def handed(self, card: EndpointCard) -> EndpointCard:
        """The outcome, which takes the place of the card that was drawn meanwhile."""
        if self._shell is not None and self.display_id:
            card.place_of_card, card.cell = self.display_id, int(self._shell.execution_count)
            cards.publish(card._repr_mimebundle_(), display_id=self.display_id, update=True)
        return card

    def _draw(self, found: Mapping[str, Any]) -> None:
        bundle = Outcome(None, kind="endpoint", details=found)._repr_mimebundle_()
        known = bool(self.display_id)
        self.display_id = self.display_id or f"jupyter_aml-{uuid.uuid4().hex}"
        cards.publish(bundle, display_id=self.display_id, update=known)

    def _tell(self, before: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        known = {one["name"]: one["status"] for one in before.get("deployments") or ()}
        for one in found.get("deployments") or ():
            if known.get(one["name"]) != one["status"] and (before or one["status"] not in FINAL):
                self.context.warn(f"{found['name']}/{one['name']}: {one['status']}")


def until_done(
    context: Context,
    progress: Progress,
    begin: Callable[[], Any],
    *,
    goes_on: str,
    deployment: str = "",
    remedy: str = "",
) -> None:
    """Begin an operation of the SDK, and wait for its end.

    Args:
        context: Who waits.
        progress: Draws meanwhile.
        begin: Begins it; gives the SDK's `LROPoller`.
        goes_on: What is said to whoever interrupts.
        deployment: Which one is made or changed; "" for none.
        remedy: What to type when it has failed.

    Raises:
        ResourceError: It failed; the sentence is the operation's own.
    """
    pace = cards.Pace(local=bool(context.connection.local))
    poller: Any = None
    try:
        poller = begun(begin)
        while not poller.done():
            poller.wait(pace.after(changed=progress.look()))
        poller.result()
    except KeyboardInterrupt:
        context.warn(goes_on)
        raise
    except Exception as error:
        progress.look()
        story = progress.error_of(deployment) if poller is not None else ""
        if progress.display_id:  # the card above tells the whole story
            story = story.partition("\n")[0]
        raise _failed(error, story, remedy) from error


def _failed(error: Exception, story: str, remedy: str) -> Exception:
    """The fault with what to type; a bug as it is.

    Args:
        error: What the SDK raised; its sentence has lost the indentation of a traceback.
        story: What the deployment itself says: its first line is the sentence, the others are its log; "" for nothing.
        remedy: What to type; "" for the fault's own.
    """
    found = faults.translate(error)
    if not isinstance(found, ResourceError):
        return found or error
    said, _, log = story.partition("\n")
    return ResourceError(
        said or found.message, status=found.status, code=found.code, why=log.rstrip() or found.why,
        remedy=remedy if story or not found.remedy else found.remedy,
    )  # fmt: skip


class Quiet:
    """Which of the SDK's pollers print no dots: those that a command has begun."""

    def __init__(self) -> None:
        self._threads: WeakSet[threading.Thread] = WeakSet()
        self._beginning = 0

    def __call__(self) -> bool:
        """Whether this thread is one of them."""
        thread = threading.current_thread()
        if self._beginning:
            self._threads.add(thread)
        return thread in self._threads

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """What begins to poll in this block prints no dots, then and later."""
        before = set(threading.enumerate())
        self._beginning += 1
        try:
            yield
        finally:
            new = set(threading.enumerate()) - before
            self._threads.update(thread for thread in new if thread.name.startswith(POLLER))
            self._beginning -= 1


QUIET = Quiet()


def begun(begin: Callable[[], Any]) -> Any:
    """The poller of an operation of the SDK that begins now, and looks without a word."""
    seams.quiet_polling(QUIET)
    with QUIET.beginning():
        return begin()
