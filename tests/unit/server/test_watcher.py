"""Watching a store: every commit of any process is told once, whatever comes, goes or breaks."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.app import Service
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.watching import MOST, Watched, Watcher


class Told:
    """Collects events."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def __call__(self, data: dict[str, Any]) -> None:
        self.events.append(data)

    def take(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Workspace and what changed of each event since the last call."""
        found, self.events = self.events, []
        return [
            (one["workspace"].rpartition("/")[2], [(change["kind"], change["name"]) for change in one["changes"]])
            for one in found
        ]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store.open(tmp_path / "home")
    made.rings = False
    Service(made).workspace(made.create())
    yield made
    made.database.close()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def watcher(store: Store, told: Told) -> Watcher:
    """Not started: the tests look by hand."""
    made = Watcher(store, told)
    made.look()
    told.events.clear()
    return made


def note(store: Store, name: str, kind: str = "jobs", workspace: str = "local") -> None:
    entry = next(one for one in store.entries() if one.name == workspace)
    with store.workspace(entry).database.write() as transaction:
        transaction.note(kind, name, "put")


def test_nothing_is_told_while_nothing_changes(watcher: Watcher, told: Told) -> None:
    watcher.look()
    assert told.take() == []


def test_a_change_is_told_once_with_its_name(store: Store, watcher: Watcher, told: Told) -> None:
    note(store, "j1")
    note(store, "j1")
    note(store, "iris", "data")
    watcher.look()
    watcher.look()

    assert told.take() == [("local", [("jobs", "j1"), ("data", "iris")])]


def test_the_sequence_has_no_gap(store: Store, watcher: Watcher, told: Told) -> None:
    for number in range(3):
        note(store, f"j{number}")
        watcher.look()

    numbers = [one["sequence"] for one in told.events]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert {one["instance"] for one in told.events} == {watcher.instance}


def test_of_many_changes_the_latest_are_named_and_more_is_said(store: Store, watcher: Watcher, told: Told) -> None:
    for number in range(MOST + 5):
        note(store, f"j{number}")
    watcher.look()

    [event] = told.events
    assert event["more"]
    assert len(event["changes"]) == MOST
    assert event["changes"][-1]["name"] == f"j{MOST + 4}"


def test_a_workspace_that_is_made_later_is_watched(store: Store, watcher: Watcher, told: Told) -> None:
    entry = store.create("second")
    watcher.look()
    assert [workspace for workspace, _ in told.take()] == [""], "the list of workspaces has changed"
    Service(store).workspace(entry)
    watcher.look()
    told.take()

    note(store, "j1", workspace="second")
    watcher.look()

    assert told.take() == [("second", [("jobs", "j1")])]


def test_a_workspace_that_is_gone_is_told_and_let_go(store: Store, watcher: Watcher, told: Told) -> None:
    [entry] = store.entries()
    shutil.rmtree(entry.folder)
    watcher.look()

    assert told.take() == [("local", [])]
    watcher.look()
    assert told.take() == []


def test_a_workspace_that_is_forgotten_is_told_itself(store: Store, watcher: Watcher, told: Told) -> None:
    store.forget(store.entries()[0])
    watcher.look()

    assert [workspace for workspace, _ in told.take()] == ["local", ""]


def test_a_store_that_is_purged_and_made_anew_is_watched_again(store: Store, watcher: Watcher, told: Told) -> None:
    shutil.rmtree(store.home)
    watcher.look()
    assert told.take() == [("", []), ("local", [])], "the list of workspaces, and the one that was shown"
    watcher.look()
    assert told.take() == []
    assert not (store.home / "store.db").exists(), "who watches makes nothing"

    anew = Store.open(store.home)
    anew.rings = False
    Service(anew).workspace(anew.create())
    watcher.look()
    assert [workspace for workspace, _ in told.take()] == [""]
    note(anew, "j1")
    watcher.look()
    assert told.take() == [("local", [("jobs", "j1")])]


def test_a_workspace_that_is_made_anew_in_its_folder_is_watched_again(
    store: Store, watcher: Watcher, told: Told
) -> None:
    [entry] = store.entries()
    shutil.rmtree(entry.folder)
    watcher.look()
    Service(Store.open(store.home)).workspace(entry)
    watcher.look()
    told.take()

    with Store.open(store.home).workspace(entry).database.write() as transaction:
        transaction.note("jobs", "j1")
    watcher.look()
    assert told.take() == [("local", [("jobs", "j1")])]


def test_who_ends_without_a_thread_lets_go_of_all_files(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    close = Watched.close
    monkeypatch.setattr(Watched, "close", lambda self: (closed.append(self._path.name), close(self)))

    watcher.close()

    assert sorted(closed) == ["store.db", "workspace.db"]


def test_a_file_that_is_no_store_yet_is_looked_at_again(store: Store, watcher: Watcher, told: Told) -> None:
    (store.home / "store.db").unlink()
    (store.home / "store.db").touch()
    watcher.look()
    watcher.look()
    told.take()

    made = Store.open(store.home)
    made.rings = False
    Service(made).workspace(made.create("other"))
    watcher.look()
    told.take()
    note(made, "j1", workspace="other")
    watcher.look()
    assert told.take() == [("other", [("jobs", "j1")])]


def test_the_thread_tells_within_half_a_second_and_ends(store: Store, told: Told) -> None:
    heard = threading.Event()
    watcher = Watcher(store, lambda data: (told(data), heard.set()))
    watcher.start()
    try:
        time.sleep(0.3)  # its first round
        heard.clear()
        note(store, "j1")
        assert heard.wait(5), "nothing was told"
    finally:
        watcher.close()
    assert ("local", [("jobs", "j1")]) in told.take()
    assert "jupyter_aml-events" not in {thread.name for thread in threading.enumerate()}
