"""Widgets in the kernel: what they answer and what they refuse, what they send of themselves, how small they are."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_aml.client.connection import Connection
from jupyter_aml.errors import UsageError
from jupyter_aml.widgets import DatastoreBrowser, JobCard, SweepExplorer, wish
from jupyter_aml.widgets.asks import Ask, after, arm, log
from jupyter_aml.widgets.following import FOLLOWER
from jupyter_aml.widgets.of_jobs import JobWidget
from jupyter_aml.widgets.wire import Wire

PACKAGE = Path(wish.__file__).parent
GOLDEN = Path(__file__).parents[3] / "labextension" / "tests" / "asks.json"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
MOST_BYTES = 150_000
SECONDS = 20.0


class Page:
    """What a widget sends to its page."""

    def __init__(self, widget: Any) -> None:
        self.heard: list[dict[str, Any]] = []
        widget.send = lambda content, *_: self.heard.append(content)

    def until(self, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for one in list(self.heard):
                if true(one):
                    return one
            time.sleep(0.02)
        raise AssertionError(self.heard)


def ask(widget: Any, asked: Ask, number: int = 1) -> None:
    sent = {"id": number, "method": asked.method, "path": asked.path, "body": asked.body}
    widget._heard(widget, {"ask": sent}, [])


def test_a_page_is_answered_as_by_the_server(connection: Connection, job: str) -> None:
    wire = Wire(connection)

    status, text = wire.answer(arm(connection.workspace_path, f"jobs/{job}"))
    assert (status, json.loads(text)["name"]) == (200, job)
    status, text = wire.answer(arm(connection.workspace_path, "jobs/nobody"))
    assert status == 404
    assert "nobody" in json.loads(text)["error"]["message"]
    status, text = wire.answer(Ask("POST", "commands", {"words": ["ls", "workspaceblobstore/", "-o", "json"]}))
    assert json.loads(text) == {"code": 0, "output": "[]", "error": ""}
    status, text = wire.answer(Ask("POST", "commands", {"words": ["job", "shwo"]}))
    assert (json.loads(text)["code"], "show" in json.loads(text)["error"]) == (2, True)
    status, text = wire.answer(log(connection.workspace_path, job))
    assert (status, json.loads(text)["final"]) == (200, False)


@pytest.mark.parametrize(
    "path",
    [
        "arm/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/other/jobs",
        "arm/subscriptions/s",
        "arm{workspace}/../other/jobs",
        "arm{workspace}2/jobs",
        "arm{workspace}/%2e%2e/other/jobs",
        "api/history/v1.0/nowhere",
    ],
)
def test_a_page_reaches_its_own_workspace_alone(connection: Connection, path: str) -> None:
    status, text = Wire(connection).answer(Ask("GET", path.format(workspace=connection.workspace_path)))
    assert (status, json.loads(text)["error"]["code"]) == (403, "AuthorizationFailed")


def test_a_fault_of_ours_is_an_answer_as_well(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(connection)
    monkeypatch.setattr(wire.rest, "request", lambda *_, **__: {}["missing"])
    status, text = wire.answer(arm(connection.workspace_path, "jobs"))
    assert (status, json.loads(text)["error"]["message"]) == (500, "KeyError: 'missing'")


def test_only_what_the_panel_needs_is_answered(connection: Connection) -> None:
    assert Wire(connection).answer(Ask("GET", "etc/passwd"))[0] == 404


def test_what_was_asked_is_sent_anew_when_it_has_changed(connection: Connection, job: str) -> None:
    card = JobCard(job, connection)
    page = Page(card)
    asked, other = arm(card.workspace, f"jobs/{job}"), arm(card.workspace, "datastores")
    ask(card, asked)
    ask(card, other, 2)
    assert page.until(lambda one: "answer" in one)["answer"]["id"] == 1

    card.wire.rest.patch(f"jobs/{job}", {"properties": {"tags": {"a": "1"}}})
    told = page.until(lambda one: "fresh" in one)
    assert json.loads(told["fresh"][asked.key][1])["properties"]["tags"] == {"a": "1"}
    assert told["fresh"][other.key] is None
    assert {"kind": "jobs", "name": job} in [{k: one[k] for k in ("kind", "name")} for one in told["changed"]]
    card.close()


def test_a_page_that_has_a_server_hears_only_that_something_has_changed(connection: Connection, job: str) -> None:
    card = JobCard(job, connection)
    page = Page(card)
    card._heard(card, {"mode": "page"}, [])
    card.wire.rest.patch(f"jobs/{job}", {"properties": {"tags": {"a": "1"}}})

    told = page.until(lambda one: "changed" in one)
    assert told["fresh"] == {}
    card.close()


def test_pieces_of_a_log_come_by_themselves(connection: Connection, job: str) -> None:
    assert connection.service is not None
    assert connection.entry is not None
    workspace = connection.service.workspace(connection.entry)
    file = workspace.runs_folder(job) / "user_logs" / "std_log.txt"
    card = JobCard(job, connection)
    page = Page(card)
    card.view()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("one\n")
    first = page.until(lambda one: log(card.workspace, job, 0, wait=True).key in one.get("fresh", {}))
    assert json.loads(first["fresh"][log(card.workspace, job, 0, wait=True).key][1])["text"] == "one\n"

    with file.open("a") as more:
        more.write("two\n")
    second = page.until(lambda one: log(card.workspace, job, 4, wait=True).key in one.get("fresh", {}))
    assert json.loads(second["fresh"][log(card.workspace, job, 4, wait=True).key][1])["next"] == 8
    card.close()


def test_a_question_that_comes_after_its_answer_does_not_turn_the_log_back(connection: Connection, job: str) -> None:
    assert connection.service is not None
    assert connection.entry is not None
    file = connection.service.workspace(connection.entry).runs_folder(job) / "user_logs" / "std_log.txt"
    card = JobCard(job, connection)
    page = Page(card)
    card.view()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("one\n")
    whole, second = (log(card.workspace, job, offset, wait=True) for offset in (0, 4))
    page.until(lambda one: whole.key in one.get("fresh", {}))

    ask(card, whole, 7)  # as if it had been on its way; the next one waits behind a busy cell
    answer = page.until(lambda one: one.get("answer", {}).get("id") == 7)
    assert json.loads(answer["answer"]["text"])["text"] == "one\n"
    with file.open("a") as more:
        more.write("two\n")
    told = page.until(lambda one: second.key in one.get("fresh", {}))
    assert json.loads(told["fresh"][second.key][1])["text"] == "two\n"
    card.close()


def test_the_logs_of_two_jobs_of_a_page_are_both_waited_for(connection: Connection, job: str) -> None:
    card = JobCard(job, connection)
    card.view()
    ask(card, log(card.workspace, "another", 5, wait=True))
    waiting = {one.job for one in card._logs.values()}
    card.close()
    assert waiting == {job, "another"}


def test_nobody_is_followed_that_was_closed(connection: Connection, job: str) -> None:
    card = JobCard(job, connection)
    card.view()
    thread = FOLLOWER._thread
    assert thread is not None
    card.close()
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_a_store_that_fails_does_not_end_the_following(
    connection: Connection, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = JobCard(job, connection)
    page = Page(card)
    ask(card, arm(card.workspace, f"jobs/{job}"))
    answer, failures = card.wire.answer, []

    def fails(asked: Ask) -> tuple[int, str]:
        if not failures:
            failures.append(asked)
            raise RuntimeError("once")
        return answer(asked)

    monkeypatch.setattr(card.wire, "answer", fails)
    card.wire.rest.patch(f"jobs/{job}", {"properties": {"tags": {"a": "1"}}})
    page.until(lambda _: bool(failures))
    card.wire.rest.patch(f"jobs/{job}", {"properties": {"tags": {"a": "2"}}})
    page.until(lambda one: '"a": "2"' in json.dumps(one.get("fresh", {})).replace('\\"', '"'))
    card.close()


def test_a_sweep_is_asked_first_as_the_page_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = [{"key": "val loss/min", "value": 1, "step": 3}, {"key": "once", "value": 1, "step": 0}]
    run = {"run": {"info": {"run_id": "calm_hat", "experiment_id": "7"}, "data": {"metrics": metrics}}}
    place = SimpleNamespace(workspace_path=WORKSPACE)
    wire = SimpleNamespace(answer=lambda _: (200, json.dumps(run)), connection=place)
    sweep = SimpleNamespace(workspace=WORKSPACE, name="calm_hat", type="Sweep", wire=wire)

    assert sorted(one.key for one in JobWidget.first(sweep)) == json.loads(GOLDEN.read_text())  # type: ignore[arg-type]
    assert after(log(WORKSPACE, "calm_hat"), 12) == log(WORKSPACE, "calm_hat", 12, wait=True)


def test_a_widget_of_another_job_type_says_which_to_use(connection: Connection, job: str) -> None:
    with pytest.raises(UsageError, match="type Command; SweepExplorer shows jobs of type Sweep") as caught:
        SweepExplorer(job, connection)
    assert "JobCard('calm_hat')" in str(caught.value)


def test_what_is_left_behind_needs_no_script(connection: Connection, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(wish.WISH, "never")
    left = JobCard(job, connection)._repr_mimebundle_()
    assert set(left) == {"text/plain", "text/html", "application/vnd.jupyter-aml.job+json"}
    assert "calm_hat" in left["text/html"]
    assert "<script" not in left["text/html"]
    files = DatastoreBrowser("workspaceblobstore/", connection)._repr_mimebundle_()
    assert files["application/vnd.jupyter-aml.files+json"]["path"] == "workspaceblobstore/"
    assert wish.VIEW not in files
    monkeypatch.setenv(wish.WISH, "always")
    assert set(JobCard(job, connection)._repr_mimebundle_()) == {"text/plain", "text/html", wish.VIEW}


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"JPY_SESSION_NAME": "x"}, True),
        ({"VSCODE_PID": "1"}, True),
        ({"JPY_SESSION_NAME": "x", wish.SERVER: "1"}, False),
        ({"VSCODE_PID": "1", wish.WISH: "never"}, False),
        ({wish.WISH: "always"}, True),
    ],
)
def test_widgets_stand_in_where_our_renderer_is_not_known_to_be(
    environment: dict[str, str], *, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JPY_SESSION_NAME", "VSCODE_PID", wish.SERVER, wish.WISH):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wish.wanted() is wanted


def test_colab_has_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JPY_SESSION_NAME", "VSCODE_PID", wish.SERVER, wish.WISH):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())  # type: ignore[arg-type]
    assert wish.wanted()


def test_bundles_are_small_and_fetch_nothing() -> None:
    bundles = sorted(PACKAGE.glob("*/widget.js"))
    assert {one.parent.name for one in bundles} == {one.parent.name for one in PACKAGE.glob("*/__init__.py")}
    for bundle in bundles:
        text = bundle.read_text(encoding="utf-8")
        assert len(text.encode()) < MOST_BYTES, bundle
        assert "import(" not in text
        assert 'from"http' not in text.replace(" ", "")
