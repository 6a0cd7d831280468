"""What all widgets share: they are born with what they show, answer their page, and leave a picture behind."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from jupyter_aml.client import connect
from jupyter_aml.client.connection import Connection
from jupyter_aml.commands import faults
from jupyter_aml.commands.drawing import draw
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.views import live
from jupyter_aml.widgets import asks
from jupyter_aml.widgets.asks import Ask
from jupyter_aml.widgets.following import FOLLOWER
from jupyter_aml.widgets.wire import Answered, Wire
from jupyter_aml.widgets.wish import VIEW, alone, wanted

STYLE = Path(__file__).parent / "widget.css"
MOST = 64
"""Questions that are answered anew when something has changed."""
LOOK_AWAY = 2.0
"""Seconds between two looks at a log in Azure."""


class Asked(anywidget.AnyWidget):
    """A widget whose page asks, and is answered by `answer`."""

    told = traitlets.Dict().tag(sync=True)
    answers = traitlets.Dict().tag(sync=True)
    _css = STYLE

    def __init__(self, **told: Any) -> None:
        super().__init__(told=told, answers={})
        self.on_msg(self._heard)

    def answer(self, ask: Ask) -> Answered:
        """Status and text of the answer to one question."""
        raise NotImplementedError

    def still(self) -> dict[str, str]:
        """The static forms, `text/plain` and `text/html`."""
        return {"text/plain": repr(self)}

    def view(self) -> dict[str, Any]:
        """The part of a MIME bundle that shows the widget itself."""
        return {VIEW: {"version_major": 2, "version_minor": 0, "model_id": self.model_id}}

    def _repr_mimebundle_(self, **_: Any) -> Any:
        return {**self.still(), **self.view()}

    def close(self) -> None:
        """Tell the page nothing more, and leave nothing with it."""
        layout = self.layout if self.comm is not None else None
        super().close()
        if layout is not None:
            layout.close()  # it has a model of its own

    def _heard(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        asked = content.get("ask")
        if isinstance(asked, Mapping):
            self._asked(int(asked["id"]), Ask(str(asked["method"]), str(asked["path"]), asked.get("body")))

    def _asked(self, number: int, ask: Ask) -> None:
        self._reply(number, self.answer(ask))

    def _reply(self, number: int, answered: Answered) -> None:
        status, text = answered
        self.send({"answer": {"id": number, "status": status, "text": text}})


class AmlWidget(Asked):
    """A widget over one workspace.

    Args:
        client: An `MLClient`, or a connection; by default that of the notebook.
        told: What the page is told beside workspace and place.
    """

    KIND: ClassVar[str] = ""
    """Of the live form, as in `application/vnd.jupyter-aml.{kind}+json`; empty where there is none."""

    def __init__(self, client: Any = None, **told: Any) -> None:
        self.wire = Wire(_connection(client))
        self.check()
        self._mode = "kernel"
        self._watched: OrderedDict[str, tuple[Ask, Answered]] = OrderedDict()
        self._logs: dict[str, Ask] = {}  # by job: the piece that is waited for
        self._pushed: dict[str, tuple[str, Answered]] = {}  # by job: the piece that went out last, unasked
        self._due: list[dict[str, str]] | None = []
        self._dirty = False
        self._look_again = 0.0
        self._lock = threading.RLock()
        place = {"workspace": self.workspace, "place": self.wire.connection.place}
        super().__init__(**{**place, **told})

    @property
    def workspace(self) -> str:
        """ARM id of the workspace."""
        return self.wire.connection.workspace_path

    @property
    def store(self) -> Store | None:
        """The store of the workspace; None in Azure."""
        return self.wire.connection.store

    def check(self) -> None:
        """Look whether there is what is to be shown, before any page hears of the widget; raises where there is not."""

    def first(self) -> Iterator[Ask]:
        """What the page will ask at once; answered ahead, so that it is drawn while the kernel is busy."""
        return iter(())

    def answer(self, ask: Ask) -> Answered:
        """Status and text of the workspace's answer."""
        return self.wire.answer(ask)

    def _repr_mimebundle_(self, **_: Any) -> Any:
        """The static forms, the live form, and the widget where it may be needed."""
        found: dict[str, Any] = self._picture()
        if self.KIND and not alone():
            found |= live.told(self.KIND, self.told)
        return found | self.view() if wanted() else found

    def _picture(self) -> dict[str, str]:
        """The static forms; where there is nothing to be seen, they say why."""
        try:
            return self.still()
        except Exception as error:
            told = faults.translate(error)
            if told is None:
                raise
            return drawn("text", {"entity": str(told)})

    def view(self) -> dict[str, Any]:
        """The part of a MIME bundle that shows the widget itself; from now on it is kept fresh."""
        self._prepare()
        return super().view()

    def close(self) -> None:
        """Tell the page nothing more."""
        if self.comm is not None:
            FOLLOWER.drop(self)
            self.wire.close()
        super().close()

    def _prepare(self) -> None:
        """Send ahead what the page will ask, and follow from now on."""
        FOLLOWER.add(self)
        found = {ask.key: (ask, self.wire.answer(ask)) for ask in self.first()}
        self.answers = {key: list(answered) for key, (_, answered) in found.items()}
        with self._lock:
            self._watched.update({key: one for key, one in found.items() if one[0].reads})
            for ask, answered in found.values():
                self._await_log(ask, answered)

    def _heard(self, widget: Any, content: Mapping[str, Any], buffers: Any) -> None:
        if content.get("mode") == "page":
            self._mode = "page"
            FOLLOWER.add(self)
        super()._heard(widget, content, buffers)

    def _asked(self, number: int, ask: Ask) -> None:
        FOLLOWER.add(self)
        if ask.logs and "wait=" in ask.path:
            self._wait(number, ask)
            return
        answered = self.answer(ask)
        if ask.reads:
            with self._lock:
                self._watched[ask.key] = (ask, answered)
                self._watched.move_to_end(ask.key)
                while len(self._watched) > MOST:
                    self._watched.popitem(last=False)
        self._reply(number, answered)

    def _wait(self, number: int, ask: Ask) -> None:
        """Let the follower answer as soon as there is a piece of a log; one that went out already is not gone back to.

        Such a question was asked before its answer had come to the page, and the next one may wait behind a busy cell.
        """
        with self._lock:
            key, answered = self._pushed.get(ask.job, ("", (0, "")))
            if key != ask.key:
                self._logs[ask.job] = ask
                return
        self._reply(number, answered)

    def changed(self, changes: list[dict[str, str]] | None) -> None:
        """Something was written; None for who knows what. See `following`."""
        with self._lock:
            self._due = None if changes is None or self._due is None else [*self._due, *changes]
            self._dirty = True

    def tick(self) -> None:
        """Send what is due."""
        if self.comm is None:
            return  # it was closed in this moment
        fresh = {} if self._mode == "page" else self._pieces()
        if self._dirty:
            with self._lock:
                changes, self._due, self._dirty = self._due, [], False
            if self._mode != "page":
                fresh |= self._again()
            self.send({"fresh": fresh, "changed": changes})
        elif fresh:
            self.send({"fresh": fresh})

    def _again(self) -> dict[str, list[Any] | None]:
        """All that was asked before, anew; None where the answer is as it was."""
        fresh: dict[str, list[Any] | None] = {}
        with self._lock:
            known: dict[str, tuple[Ask, Answered | None]] = dict(self._watched)
        for ask in self.first():  # such as the curve of a metric that is new
            if ask.reads:
                known.setdefault(ask.key, (ask, None))
        for key, (ask, before) in known.items():
            now = self.wire.answer(ask)
            fresh[key] = None if now == before else list(now)
            with self._lock:
                self._watched[key] = (ask, now)
        return fresh

    def _pieces(self) -> dict[str, list[Any] | None]:
        """The pieces of logs that have come."""
        fresh: dict[str, list[Any] | None] = {}
        if time.monotonic() < self._look_again:
            return fresh
        if self.store is None:
            self._look_again = time.monotonic() + LOOK_AWAY
        with self._lock:
            waiting, self._logs = list(self._logs.values()), {}
        for ask in waiting:
            answered = self.wire.answer(ask)
            piece = asks.piece(answered)
            if piece.get("text") or piece.get("final") or "next" not in piece:
                fresh[ask.key] = list(answered)
                with self._lock:
                    self._pushed[ask.job] = (ask.key, answered)
                    self._await_log(ask, answered)
            else:
                with self._lock:
                    self._logs.setdefault(ask.job, ask)
        return fresh

    def _await_log(self, ask: Ask, answered: Answered) -> None:
        """Wait for the piece after one that was sent; the page will ask for it."""
        piece = asks.piece(answered) if ask.logs else {}
        if "next" not in piece or (piece["final"] and piece["next"] >= piece["size"]):
            return
        after = asks.after(ask, int(piece["next"]))
        with self._lock:
            self._logs[ask.job] = after


def drawn(kind: str, snapshot: Mapping[str, Any]) -> dict[str, str]:
    """The static forms of a snapshot."""
    return {"text/plain": draw(kind, "plain", snapshot), "text/html": draw(kind, "html", snapshot)}


def _connection(client: Any) -> Connection:
    if isinstance(client, Connection):
        return client
    held = client or connect.current_client() or connect.connect()
    return connect.connection(held)
