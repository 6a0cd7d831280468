"""Handles of runs elsewhere: what the host hears of them, and what it does when the cluster hears nothing any more."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.agent import records
from jupyter_aml.errors import ResourceError
from jupyter_aml.local.runtime.engines import ENGINES, Attached
from jupyter_aml.local.runtime.remote import handle
from jupyter_aml.local.runtime.remote.handle import RemoteHandle
from jupyter_aml.local.runtime.remote.order import Away, Order

CLUSTER = Attached("lab", ENGINES["dask"], "tcp://127.0.0.1:1")
AWAY = Away(Order("fox", "/ws", "acc", "http://127.0.0.1:1", "token", {}), CLUSTER)
DONE = {"code": 0, "signal": None, "reason": "exited", "started": 1.0, "ended": 2.0, "error": None}


class Cluster:
    """A cluster that notes what is asked of it."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.forgotten: list[str] = []
        self.ended: Callable[[str], None] = lambda _: None
        self.gone = False

    def submit(self, key: str, away: Away, ended: Callable[[str], None]) -> None:
        if self.gone:
            raise ResourceError("The scheduler cannot be reached.")
        self.sent.append(key)
        self.ended = ended

    def cancel(self, key: str, worker: str) -> None:
        self.told.append((key, worker))

    def forget(self, key: str) -> None:
        self.forgotten.append(key)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def run(tmp_path: Path, cluster: Cluster) -> RemoteHandle:
    records.write(str(tmp_path / "sent.json"), {"key": "fox", "round": 0})
    made = RemoteHandle(tmp_path, AWAY, cluster)
    made.send()
    return made


def ready(run: RemoteHandle, seconds: float = 10.0) -> bool:
    """Whether the host's loop would be woken."""
    return bool(select.select([run.wait_fd], (), (), seconds)[0])


def wait_for(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_end_that_the_worker_told_is_the_runs(run: RemoteHandle, cluster: Cluster, tmp_path: Path) -> None:
    assert run.poll() is None
    records.write(str(tmp_path / "exit.json"), DONE)
    cluster.ended("")

    assert ready(run)
    end = run.poll()
    assert end is not None
    assert (end.code, end.reason, end.ended) == (0, "exited", 2.0)
    assert cluster.sent == ["fox-0"]


def test_a_run_that_the_cluster_forgot_is_sent_again_but_not_for_ever(
    run: RemoteHandle, cluster: Cluster, tmp_path: Path
) -> None:
    cluster.ended("")
    wait_for(lambda: cluster.sent == ["fox-0", "fox-1"])
    cluster.ended("")
    wait_for(lambda: cluster.sent == ["fox-0", "fox-1", "fox-2"])
    cluster.ended("")

    end = run.wait(10)
    assert end is not None
    assert end.reason == "lost"
    assert end.error is not None
    assert end.error["message"] == "The cluster tcp://127.0.0.1:1 lost the run 3 times."


def test_why_a_run_cannot_be_made_is_told(run: RemoteHandle, cluster: Cluster) -> None:
    cluster.ended("The workers that ran it were lost.")

    assert ready(run)
    end = run.poll()
    assert end is not None
    assert (end.reason, (end.error or {})["message"]) == ("lost", "The workers that ran it were lost.")


def test_a_scheduler_that_stays_away_ends_the_run_with_a_sentence(
    run: RemoteHandle, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle, "LOST_SECONDS", 0.3)
    monkeypatch.setattr(handle, "AGAIN_SECONDS", 0.05)
    cluster.gone = True
    cluster.ended("")

    end = run.wait(10)
    assert end is not None
    assert (end.error or {})["message"] == "The scheduler cannot be reached."


def test_a_scheduler_that_comes_back_gets_the_run_again(
    run: RemoteHandle, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle, "AGAIN_SECONDS", 0.05)
    cluster.gone = True
    cluster.ended("")
    time.sleep(0.2)
    cluster.gone = False

    wait_for(lambda: cluster.sent == ["fox-0", "fox-1"])
    assert run.poll() is None


def test_a_run_that_waits_in_the_cluster_is_cancelled_without_a_worker(run: RemoteHandle, cluster: Cluster) -> None:
    run.cancel()

    assert ready(run)
    end = run.wait(10)
    assert end is not None
    assert end.reason == "cancelled"
    assert cluster.told == []
    assert cluster.forgotten == ["fox-0"]


def test_the_worker_of_a_run_is_told_and_its_word_counts(run: RemoteHandle, cluster: Cluster, tmp_path: Path) -> None:
    records.write(str(tmp_path / "try.json"), {"try": "a", "worker": "tcp://127.0.0.1:2"})

    def cancelled(key: str, worker: str) -> None:
        cluster.told.append((key, worker))
        records.write(str(tmp_path / "exit.json"), {**DONE, "code": None, "reason": "cancelled", "ended": 7.0})

    cluster.cancel = cancelled  # type: ignore[method-assign]
    run.cancel()

    end = run.wait(10)
    assert end is not None
    assert (end.reason, end.ended) == ("cancelled", 7.0)
    assert cluster.told == [("fox-0", "tcp://127.0.0.1:2")]


def test_a_worker_that_says_nothing_does_not_keep_a_cancelled_run(
    run: RemoteHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle, "CANCEL_SECONDS", 0.2)
    records.write(str(tmp_path / "try.json"), {"try": "a", "worker": "tcp://127.0.0.1:2"})
    run.cancel()

    end = run.wait(10)
    assert end is not None
    assert end.reason == "cancelled"


def test_the_next_host_finds_a_run_by_its_key(run: RemoteHandle, cluster: Cluster, tmp_path: Path) -> None:
    run.close()
    again = RemoteHandle(tmp_path, AWAY, cluster)
    again.find()

    wait_for(lambda: cluster.sent == ["fox-0", "fox-0"])
    records.write(str(tmp_path / "exit.json"), DONE)
    cluster.ended("")
    assert ready(again)
    assert again.poll() is not None


def test_nobody_is_woken_after_the_host_has_looked_away(run: RemoteHandle, cluster: Cluster) -> None:
    run.close()

    cluster.ended("")
    cluster.ended("lost")

    assert cluster.sent == ["fox-0"]
    assert run.wait_fd is None
