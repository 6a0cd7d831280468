"""Following: who is told of what, what that may cost, and what it survives; widgets come and go without a trace."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ipywidgets.widgets import widget as registry

from jupyter_aml.client.connection import Connection
from jupyter_aml.errors import ResourceError, UsageError
from jupyter_aml.local.jobs import records
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.watching import Watcher
from jupyter_aml.widgets import (
    DatastoreBrowser,
    JobCard,
    RunComparison,
    SweepExplorer,
    base,
    following,
    wish,
)
from jupyter_aml.widgets.asks import MLFLOW, Ask, arm, log
from jupyter_aml.widgets.following import Follower

from .test_widgets import SECONDS, Page, ask


class Listener:
    """What a follower tells."""

    store = None

    def __init__(self, workspace: str = "/w") -> None:
        self.workspace = workspace
        self.heard: list[Any] = []
        self.ticks = 0

    def changed(self, changes: list[dict[str, str]] | None) -> None:
        self.heard.append(changes)

    def tick(self) -> None:
        self.ticks += 1


@pytest.fixture
def follower() -> Iterator[Follower]:
    """One of its own, whose thread has ended after the test."""
    made = Follower()
    yield made
    thread = made._thread
    for one in list(made._followed):
        made.drop(one)
    if thread is not None:
        thread.join(SECONDS)
        assert not thread.is_alive()


def deleted(connection: Connection, job: str) -> None:
    """Delete a job, whatever its status."""
    assert connection.service is not None
    assert connection.entry is not None
    with connection.service.workspace(connection.entry).database.write() as transaction:
        records.delete(transaction, job)
        transaction.note("jobs", job, action="delete")


def until(true: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_one_that_fails_does_not_keep_the_others_from_being_told(follower: Follower) -> None:
    class Broken(Listener):
        def tick(self) -> None:
            super().tick()
            raise ValueError

    broken, well = Broken(), Listener()
    follower.add(broken)
    follower.add(well)

    until(lambda: broken.ticks > 1 and well.ticks > 1)
    assert broken.heard[0] is None, "who knows what it has missed"


def test_a_store_that_cannot_be_looked_at_does_not_end_the_thread(
    follower: Follower, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener(connection.workspace_path)
    monkeypatch.setattr(listener, "store", connection.store)
    follower.add(listener)
    until(lambda: listener.ticks > 0)
    failures: list[int] = []

    def fails(_: Watcher) -> None:
        failures.append(1)
        raise PermissionError

    monkeypatch.setattr(Watcher, "look", fails)
    until(lambda: len(failures) > 1)
    monkeypatch.undo()
    assert None in listener.heard
    ticks = listener.ticks
    until(lambda: listener.ticks > ticks)


def test_a_round_that_was_long_is_followed_by_a_pause_that_is_longer(follower: Follower) -> None:
    class Heavy(Listener):
        def tick(self) -> None:
            began = time.thread_time()
            while time.thread_time() < began + 0.03:
                pass

    heavy = [Heavy() for _ in range(3)]
    for one in heavy:
        follower._followed.add(one)

    assert follower._round()
    assert follower._pause >= 20 * 3 * 0.03, "a twentieth for all of them together"


def test_who_waits_for_an_answer_of_azure_pauses_no_longer(follower: Follower) -> None:
    listener = Listener()
    listener.tick = lambda: time.sleep(0.2)  # type: ignore[method-assign]
    follower._followed.add(listener)

    assert follower._round()
    assert follower._pause == following.PAUSE


def test_the_last_one_takes_the_files_with_it(
    connection: Connection, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Path] = []
    close = Watcher.close
    monkeypatch.setattr(Watcher, "close", lambda self: (closed.append(self._store.home), close(self)))
    card = JobCard(job, connection)
    card.view()
    thread = following.FOLLOWER._thread
    assert thread is not None

    card.close()

    thread.join(SECONDS)
    assert connection.store is not None
    assert closed == [connection.store.home]


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Follower:
    """One whose rounds the test makes itself."""
    made = Follower()
    monkeypatch.setattr(made, "_thread", threading.current_thread())
    return made


def noted(connection: Connection, name: str) -> None:
    assert connection.service is not None
    assert connection.entry is not None
    with connection.service.workspace(connection.entry).database.write() as transaction:
        transaction.note("jobs", name)


def test_who_comes_while_a_round_goes_on_misses_nothing(
    still: Follower, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, late = Listener(connection.workspace_path), Listener(connection.workspace_path)
    monkeypatch.setattr(Listener, "store", connection.store)
    still.add(first)
    look = Watcher.look

    def looks(watcher: Watcher) -> None:
        if late not in still._followed:
            still.add(late)
            noted(connection, "calm_hat")
        look(watcher)

    monkeypatch.setattr(Watcher, "look", looks)
    assert still._round()
    assert late.heard == first.heard == [[{"kind": "jobs", "name": "calm_hat", "action": "put"}]]


def test_a_store_that_nobody_shows_any_more_is_not_looked_at(
    still: Follower, connection: Connection, tmp_path: Path
) -> None:
    here, there = Listener(connection.workspace_path), Listener("/other")
    here.store, there.store = connection.store, Store.open(tmp_path / "other")  # type: ignore[assignment]
    still.add(here)
    still.add(there)
    assert len(still._watchers) == 2

    still.drop(here)
    assert still._round()

    assert [watcher._store for watcher in still._watchers.values()] == [there.store]
    still.drop(there)
    assert not still._round()
    assert still._watchers == {}


def test_two_widgets_of_one_job_are_both_told(connection: Connection, job: str) -> None:
    cards = [JobCard(job, connection) for _ in range(2)]
    pages = [Page(card) for card in cards]
    for card in cards:
        card.view()

    cards[0].wire.rest.patch(f"jobs/{job}", {"properties": {"tags": {"a": "1"}}})
    key = arm(cards[0].workspace, f"jobs/{job}").key
    for page in pages:
        told = page.until(lambda one: bool(one.get("fresh", {}).get(key)))
        assert json.loads(told["fresh"][key][1])["properties"]["tags"] == {"a": "1"}
    cards[0].close()
    cards[1].wire.rest.patch(f"jobs/{job}", {"properties": {"tags": {"a": "2"}}})
    pages[1].until(lambda one: '"2"' in str(one.get("fresh", {}).get(key)))
    assert '"2"' not in str(pages[0].heard)
    cards[1].close()


def test_a_workspace_that_is_purged_while_it_is_shown_is_told_as_it_is(connection: Connection, job: str) -> None:
    assert connection.store is not None
    assert connection.entry is not None
    other = JobCard(job, connection)
    page = Page(other)
    other.view()
    key = arm(other.workspace, f"jobs/{job}").key

    connection.store.forget(connection.entry)
    shutil.rmtree(connection.entry.folder)

    told = page.until(lambda one: bool(one.get("fresh", {}).get(key)))
    assert told["fresh"][key][0] == 404
    other.close()


def test_a_store_that_is_purged_while_it_is_shown_ends_nothing(connection: Connection, job: str) -> None:
    assert connection.store is not None
    card = JobCard(job, connection)
    page = Page(card)
    card.view()
    thread = following.FOLLOWER._thread
    until(lambda: following.FOLLOWER._watchers[connection.store.home]._watched)  # type: ignore[union-attr]

    shutil.rmtree(connection.store.home)

    told = page.until(lambda one: "changed" in one)
    assert told["changed"] is None
    assert thread is not None
    assert thread.is_alive()
    card.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda connection: JobCard("nobody", connection),
        lambda connection: RunComparison(["calm_hat", "nobody"], connection),
        lambda connection: SweepExplorer("calm_hat", connection),
    ],
    ids=["no job", "one of two", "another type"],
)
@pytest.mark.usefixtures("job")
def test_a_widget_of_what_is_not_there_leaves_nothing_behind(connection: Connection, make: Any) -> None:
    before = set(registry._instances)
    with pytest.raises((ResourceError, UsageError)):
        make(connection)
    assert set(registry._instances) == before


def test_a_widget_that_is_closed_leaves_nothing_behind(connection: Connection, job: str) -> None:
    before = set(registry._instances)
    card = JobCard(job, connection)
    card.view()
    assert set(registry._instances) > before
    card.close()
    card.close()
    assert set(registry._instances) == before


def test_a_log_in_azure_is_looked_at_as_seldom_as_the_server_does(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection("AZURE", "s", "g", "w", SimpleNamespace())
    asked: list[Ask] = []
    now = [100.0]
    quiet = json.dumps({"text": "", "offset": 0, "next": 0, "size": 0, "final": False})
    monkeypatch.setattr(JobCard, "check", lambda self: None)
    monkeypatch.setattr(base.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(following.FOLLOWER, "add", lambda _: None)
    card = JobCard("calm_hat", connection)
    monkeypatch.setattr(card.wire, "answer", lambda one: (asked.append(one), (200, quiet))[1])
    ask(card, log(card.workspace, "calm_hat", 0, wait=True))

    for _ in range(40):  # ten seconds
        card.tick()
        now[0] += following.PAUSE

    assert len(asked) == 5
    card.close()


def test_what_cannot_be_drawn_says_why(connection: Connection, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(wish.WISH, "never")
    card = JobCard(job, connection)
    deleted(connection, job)

    for widget, said in ((card, job), (DatastoreBrowser("nowhere/x/", connection), "nowhere")):
        left = widget._repr_mimebundle_()
        assert said in left["text/plain"]
        assert "Traceback" not in left["text/plain"]
        assert said in left["text/html"]


def test_a_job_that_is_deleted_while_it_is_shown_is_told_as_gone(connection: Connection, job: str) -> None:
    card = JobCard(job, connection)
    page = Page(card)
    card.view()
    key = arm(card.workspace, f"jobs/{job}").key
    deleted(connection, job)

    told = page.until(lambda one: (one.get("fresh", {}).get(key) or [0])[0] == 404)
    assert {"kind": "jobs", "name": job, "action": "delete"} in told["changed"]
    card.close()


def test_of_many_questions_the_latest_are_answered_anew(connection: Connection, job: str) -> None:
    card = JobCard(job, connection)
    page = Page(card)
    asked = [arm(card.workspace, f"jobs/{job}", n=str(number)) for number in range(base.MOST + 6)]
    for number, one in enumerate(asked):
        ask(card, one, number)

    card.wire.rest.patch(f"jobs/{job}", {"properties": {"tags": {"a": "1"}}})

    fresh = page.until(lambda one: "fresh" in one)["fresh"]
    assert [one.key in fresh for one in asked] == [False] * 6 + [True] * base.MOST
    card.close()


def test_the_curve_of_a_metric_that_is_new_comes_unasked(connection: Connection, job: str) -> None:
    card = JobCard(job, connection)
    page = Page(card)
    card.view()

    measured = {"run_id": job, "key": "loss", "value": 0.5, "timestamp": 1, "step": 3}
    card.wire.rest.post("api/2.0/mlflow/runs/log-metric", measured, api=MLFLOW)

    told = page.until(lambda one: any("get-history" in key and "loss" in key for key in one.get("fresh", {})))
    [curve] = [answered for key, answered in told["fresh"].items() if "get-history" in key]
    assert json.loads(curve[1])["metrics"][0]["value"] == 0.5
    card.close()


def test_what_has_changed_is_gathered_until_it_is_sent(connection: Connection, job: str) -> None:
    card = JobCard(job, connection)
    page = Page(card)
    one, two = [{"kind": "jobs", "name": "a", "action": "put"}], [{"kind": "data", "name": "b", "action": "put"}]
    for gathered in ((one, two), (one, None), (None, two), (two,)):
        for changes in gathered:
            card.changed(changes)
        card.tick()
    card.tick()

    assert [told["changed"] for told in page.heard] == [[*one, *two], None, None, two]
    card.close()
