"""Cards in a kernel whose front end has no renderer of ours, as in VS Code: what it sends, message by message."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from jupyter_aml.widgets import wish
from jupyter_aml.widgets.asks import arm, log

from .conftest import PATIENCE, Lab

LIVE = "application/vnd.jupyter-aml.job+json"
UPDATE = "update_display_data"
CALM = 4.0
"""Seconds in which a card without a widget would have been drawn some times."""
STEPS = """%%aml command --environment plain:1 --name {name}
import pathlib, time
step = 0
while not pathlib.Path({gate!r}).exists():
    step += 1
    print("step", step, flush=True)
    time.sleep(0.02)
print("done")
"""
Message = dict[str, Any]


class Book:
    """A notebook whose front end draws nothing by itself, and all that its kernel has sent."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client
        self.heard: list[Message] = []

    def run(self, code: str) -> list[Message]:
        """Run a cell; what it has sent itself."""
        asked = str(self.client.execute(code, allow_stdin=False))

        def ended(one: Message) -> bool:
            return (
                one["parent_header"].get("msg_id") == asked
                and one["msg_type"] == "status"
                and one["content"]["execution_state"] == "idle"
            )

        self.until(ended)
        found = [one for one in self.heard if one["parent_header"].get("msg_id") == asked]
        assert not [one["content"] for one in found if one["msg_type"] in {"error", "stream"}]
        return found

    def until(self, true: Callable[[Message], bool], seconds: float = PATIENCE) -> Message:
        """The first message of which something is true, among all that were heard and will be."""
        for one in self.heard:
            if true(one):
                return one
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            one = self.client.get_iopub_msg(timeout=max(end - time.monotonic(), 0.1))
            self.heard.append(one)
            if true(one):
                return one
        raise AssertionError([(one["msg_type"], str(one["content"])[:200]) for one in self.heard])

    def listen(self, seconds: float) -> None:
        """Hear for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.client.iopub_channel.msg_ready():
                self.heard.append(self.client.get_iopub_msg(timeout=1))
            else:
                time.sleep(0.05)

    def all(self, kind: str) -> list[Message]:
        return [one for one in self.heard if one["msg_type"] == kind]

    def told(self, comm: str) -> list[Any]:
        """What a widget has said to its page by itself."""
        own = [one["content"]["data"] for one in self.all("comm_msg") if one["content"]["comm_id"] == comm]
        return [data["content"] for data in own if data["method"] == "custom"]

    def say(self, comm: str, content: Any) -> None:
        """Say something to a widget as its page does."""
        data = {"method": "custom", "content": content}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", {"comm_id": comm, "data": data}))


@pytest.fixture
def book(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    """A notebook in VS Code, without a Jupyter Server of ours."""
    assert lab.client is not None
    for name in ("JPY_SESSION_NAME", wish.SERVER, wish.WISH):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VSCODE_PID", "1")
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=90)
    try:
        made = Book(client)
        made.run("%load_ext jupyter_aml\n%aml connect local;")
        yield made
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """What ends the job."""
    yield tmp_path / "gate"
    (tmp_path / "gate").touch()


def shown(messages: list[Message]) -> Message:
    """The one card that a cell has shown."""
    [found] = [one["content"] for one in messages if one["msg_type"] in {"display_data", "execute_result"}]
    return dict(found)


def test_a_widget_stands_in_for_a_job_until_it_has_ended(book: Book, gate: Path) -> None:
    card = shown(book.run(STEPS.format(name="walks", gate=str(gate))))
    again = shown(book.run("%aml job show walks"))

    comm = card["data"][wish.VIEW]["model_id"]
    display = card["transient"]["display_id"]
    assert set(card["data"]) == {"text/plain", "text/html", LIVE, wish.VIEW}
    assert card["data"][LIVE]["final"] is None
    assert card["data"][wish.VIEW] == {"version_major": 2, "version_minor": 0, "model_id": comm}
    assert (again["transient"]["display_id"], again["data"][wish.VIEW]["model_id"]) == (display, comm), "one for all"

    [opened] = [one for one in book.all("comm_open") if one["content"]["comm_id"] == comm]
    state = opened["content"]["data"]["state"]
    assert (opened["content"]["target_name"], state["_model_module"], state["_view_module"]) == (
        "jupyter.widget", "anywidget", "anywidget",
    )  # fmt: skip
    assert (state["told"]["name"], state["told"]["place"]) == ("walks", "LOCAL")
    assert "render" in state["_esm"]
    workspace = state["told"]["workspace"]

    before = len(book.heard)
    book.listen(CALM)
    assert book.all(UPDATE) == [], "the widget keeps itself alive"
    steps = [int(step) for step in re.findall(r"step (\d+)", json.dumps(book.told(comm)))]
    assert max(steps) > 20, "the log comes by itself"
    assert (len(book.heard) - before) * 2 < max(steps), "and not a message a line"

    asked = arm(workspace, "jobs/walks")
    book.say(comm, {"ask": {"id": 7, "method": asked.method, "path": asked.path, "body": None}})
    book.until(lambda _: any("answer" in one for one in book.told(comm)))
    [answer] = [one["answer"] for one in book.told(comm) if "answer" in one]
    assert (answer["id"], answer["status"], json.loads(answer["text"])["name"]) == (7, 200, "walks")

    gate.touch()
    book.until(lambda one: one["msg_type"] == "comm_close" and one["content"]["comm_id"] == comm)
    [final] = [one["content"] for one in book.all(UPDATE)]
    assert final["transient"]["display_id"] == display
    assert set(final["data"]) == {"text/plain", "text/html", LIVE}
    assert final["data"][LIVE]["final"]["status"] == "Completed"
    kinds = [one["msg_type"] for one in book.heard]
    assert kinds.index(UPDATE) < kinds.index("comm_close"), "replaced before it goes"
    book.run("%aml job show walks;")
    book.listen(1.0)
    assert len(book.all(UPDATE)) == 1
    gone, made = ([one["content"]["comm_id"] for one in book.all(kind)] for kind in ("comm_close", "comm_open"))
    assert sorted(gone) == sorted(made), "nothing is left behind, and none is made of what has ended"


def test_a_widget_that_cannot_be_leaves_the_card(book: Book, gate: Path) -> None:
    book.run("import sys\nsys.modules['anywidget'] = None")

    card = shown(book.run(STEPS.format(name="plain", gate=str(gate))))

    assert set(card["data"]) == {"text/plain", "text/html", LIVE}
    update = book.until(lambda one: one["msg_type"] == UPDATE)
    assert update["content"]["transient"]["display_id"] == card["transient"]["display_id"]
    assert book.all("comm_open") == []


def test_what_a_notebook_makes_itself_answers_while_a_cell_runs(book: Book, gate: Path) -> None:
    book.run(STEPS.format(name="busy", gate=str(gate)))
    card = shown(book.run("from jupyter_aml.widgets import JobCard\ncard = JobCard('busy')\ncard"))
    comm = card["data"][wish.VIEW]["model_id"]
    assert log(card["data"][LIVE]["workspace"], "busy").key in json.dumps(
        [one["content"]["data"].get("state", {}).get("answers") for one in book.all("comm_msg")], ensure_ascii=False
    ).replace('\\"', '"'), "what the page asks first is sent ahead"

    book.client.execute("import time\ntime.sleep(600)")
    before = len(book.told(comm))
    book.until(lambda _: any("fresh" in one for one in book.told(comm)[before:]))
    gate.touch()
    book.until(lambda _: "Completed" in json.dumps(book.told(comm)[before:]))
