"""A running job as a page sees it: events through Jupyter's stream, the log by offset, cancel by REST."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from pathlib import Path
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from jupyter_aml.server.events import SCHEMA_ID

from .lab import SECONDS, Lab

FINAL = {"Completed", "Failed", "Canceled"}
YAML = """
name: {name}
command: >-
  python -u -c "import os, time; print('first é');
  [time.sleep(0.02) for _ in iter(lambda: os.path.exists('{gate}'), True)]; print('second')"
environment: azureml:AzureML-sklearn-1.5@latest
"""


def workspace(lab: Lab) -> str:
    return str(lab.ask("jupyter-aml/workspaces")[1]["value"][0]["id"])


def submit(lab: Lab, gate: Path) -> str:
    """A job that goes on when the gate is there."""
    name = f"live_{secrets.token_hex(4)}"
    words, body = ["job", "create", "--file", "-"], YAML.format(name=name, gate=gate)
    asked = {"workspace": workspace(lab), "words": words, "body": body}
    _, ended = lab.send("POST", "jupyter-aml/commands", asked)
    assert ended["code"] == 0, ended
    return name


def status_of(lab: Lab, name: str) -> str:
    return str(lab.ask(f"jupyter-aml/arm{workspace(lab)}/jobs/{name}")[1]["properties"]["status"])


def log(lab: Lab, name: str, offset: int, wait: float = 10) -> Any:
    query = f"workspace={workspace(lab)}&job={name}&offset={offset}&wait={wait}"
    status, piece = lab.ask(f"jupyter-aml/log?{query}")
    assert status == 200, piece
    return piece


def test_a_log_is_followed_to_its_end(lab: Lab, tmp_path: Path) -> None:
    name = submit(lab, tmp_path / "gate")
    text, offset, pieces = "", 0, 0
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        piece = log(lab, name, offset)
        assert piece["offset"] == offset
        text, offset, pieces = text + piece["text"], piece["next"], pieces + 1
        if "first" in text:
            (tmp_path / "gate").touch()
        if piece["final"] and offset == piece["size"]:
            break

    assert "first é\n" in text
    assert text.index("second") > text.index("first")
    assert pieces > 1, "it came while the job ran"
    assert log(lab, name, -8)["text"] == "second\n"


def test_what_a_log_cannot_be_is_said(lab: Lab) -> None:
    at = f"workspace={workspace(lab)}"

    unknown = lab.ask(f"jupyter-aml/log?{at}&job=nobody")
    odd = lab.ask(f"jupyter-aml/log?{at}&job=nobody&offset=many")
    endless = [lab.ask(f"jupyter-aml/log?{at}&job=nobody&{one}")[0] for one in ("offset=nan", "offset=inf", "wait=nan")]
    missing = lab.ask(f"jupyter-aml/log?{at}")

    assert (unknown[0], "'nobody' was not found" in unknown[1]["error"]["message"]) == (404, True)
    assert (odd[0], "offset is 'many'" in odd[1]["error"]["message"]) == (400, True)
    assert endless == [400, 400, 400], "neither a fault of ours nor a wait without an end"
    assert missing[0] == 400


def test_a_job_is_cancelled_by_rest(lab: Lab, tmp_path: Path) -> None:
    name = submit(lab, tmp_path / "gate")
    while not log(lab, name, 0)["text"]:
        pass

    status, _ = lab.send("POST", f"jupyter-aml/arm{workspace(lab)}/jobs/{name}/cancel")

    assert status in {200, 202}
    until = time.monotonic() + SECONDS
    while status_of(lab, name) not in FINAL and time.monotonic() < until:
        time.sleep(0.05)
    assert status_of(lab, name) == "Canceled"


def test_events_reach_a_page_through_jupyter(lab: Lab) -> None:
    name = f"watched{secrets.token_hex(3)}"
    address = f"{lab.url.replace('http', 'ws', 1)}api/events/subscribe"
    request = HTTPRequest(address, headers={"Authorization": f"token {lab.token}"})
    body = {"properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/x"}}

    async def heard() -> dict[str, Any]:
        socket = await websocket_connect(request)
        path = f"jupyter-aml/arm{workspace(lab)}/data/{name}/versions/1"
        change = threading.Timer(0.2, lambda: lab.send("PUT", path, body))
        change.start()
        try:
            while True:
                message = await asyncio.wait_for(socket.read_message(), SECONDS)
                event: dict[str, Any] = json.loads(message or "{}")
                if any(one["name"].startswith(name) for one in event.get("changes", [])):
                    return event
        finally:
            change.join()
            socket.close()

    event = asyncio.run(heard())

    assert event["workspace"] == workspace(lab)
    assert event["instance"]
    assert event["schema_id"] == SCHEMA_ID
