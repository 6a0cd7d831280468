"""Notebooks that are saved: cards of jobs that have ended are final in the file, whoever was there at the end."""

from __future__ import annotations

import copy
import json
import secrets
import time
from typing import Any

import pytest

from jupyter_aml.errors import StoreError
from jupyter_aml.server.freeze import freeze
from jupyter_aml.views.live import MIME, VENDOR

from .lab import SECONDS, Lab

FINAL = {"Completed", "Failed", "Canceled"}


def card(name: str, *, final: dict[str, Any] | None = None, workspace: str = "/w") -> dict[str, Any]:
    told = {"version": 1, "workspace": workspace, "place": "LOCAL", "name": name, "final": final}
    data = {"text/plain": f"{name} runs", "text/html": f"<p>{name} runs</p>", MIME: told}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def notebook(*outputs: dict[str, Any]) -> dict[str, Any]:
    stream = {"output_type": "stream", "name": "stdout", "text": "x"}
    code = {"cell_type": "code", "source": "x", "metadata": {}, "execution_count": 1, "outputs": [stream, *outputs]}
    words = {"cell_type": "markdown", "source": "x", "metadata": {}}
    return {"cells": [words, code], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}


def unknown(*_: str) -> None:
    """No endpoint is known."""


def test_what_has_ended_is_drawn_and_the_rest_left_alone() -> None:
    content = notebook(card("done"), card("runs"), card("before", final={"status": "Failed"}))
    before = copy.deepcopy(content)
    asked = []

    def draw(_: str, name: str) -> dict[str, Any] | None:
        asked.append(name)
        return {"text/plain": "final"} if name == "done" else None

    assert freeze(content, draw, unknown) == 1
    assert asked == ["done", "runs"]
    outputs = content["cells"][1]["outputs"]
    assert outputs[1]["data"] == {"text/plain": "final"}
    outputs[1] = before["cells"][1]["outputs"][1]
    assert content == before


def test_a_store_that_cannot_be_read_does_not_keep_a_notebook_from_being_saved() -> None:
    content = notebook(card("done"))
    before = copy.deepcopy(content)

    def draw(_: str, __: str) -> dict[str, Any]:
        raise StoreError("The disk is gone.")

    assert freeze(content, draw, unknown) == 0
    assert content == before


@pytest.mark.parametrize("content", [{}, {"cells": None}, {"cells": [{"outputs": [{"data": {MIME: "odd"}}]}]}])
def test_odd_notebooks_are_left_alone(content: dict[str, Any]) -> None:
    assert freeze(content, lambda *_: {"text/plain": "final"}, unknown) == 0


def test_a_saved_notebook_shows_how_its_jobs_ended(lab: Lab) -> None:
    workspace = str(lab.ask("jupyter-aml/workspaces")[1]["value"][0]["id"])
    name = f"kept_{secrets.token_hex(4)}"
    spec = {"name": name, "command": "echo told", "environment": "azureml:AzureML-sklearn-1.5@latest"}
    asked = {"workspace": workspace, "words": ["job", "create", "--file", "-"], "body": json.dumps(spec)}
    assert lab.send("POST", "jupyter-aml/commands", asked)[1]["code"] == 0
    until = time.monotonic() + SECONDS
    while lab.ask(f"jupyter-aml/arm{workspace}/jobs/{name}")[1]["properties"]["status"] not in FINAL:
        assert time.monotonic() < until
        time.sleep(0.05)
    content = notebook(card(name, workspace=workspace), card("unknown", workspace=workspace), card(name))

    saved = lab.send("PUT", "api/contents/kept.ipynb", {"type": "notebook", "format": "json", "content": content})

    assert saved[0] == 201, saved
    kept = json.loads((lab.root / "kept.ipynb").read_text(encoding="utf-8"))["cells"][1]["outputs"]
    html = "".join(kept[1]["data"]["text/html"])
    assert kept[1]["data"][MIME]["final"]["status"] == "Completed"
    assert "Completed" in html
    assert "told" in html
    assert [one["data"][MIME]["final"] for one in kept[2:]] == [None, None]
    status, drawn = lab.ask(f"jupyter-aml/card?workspace={workspace}&job={name}")
    assert (status, drawn[MIME]) == (200, kept[1]["data"][MIME])
    assert lab.ask(f"jupyter-aml/card?workspace={workspace}&job=nobody")[0] == 404


VIEW = "application/vnd.jupyter.widget-view+json"
SWEEP = f"{VENDOR}sweep+json"


def explorer(name: str) -> dict[str, Any]:
    told = {"version": 1, "workspace": "/w", "place": "LOCAL", "name": name}
    data = {"text/plain": "runs", "text/html": "<p>runs</p>", SWEEP: told, VIEW: {"model_id": "x"}}
    return {"output_type": "execute_result", "data": data, "metadata": {}}


def test_other_live_forms_keep_what_makes_them_live_and_get_the_final_picture() -> None:
    content = notebook(explorer("done"), explorer("runs"))

    def draw(_: str, name: str) -> dict[str, Any] | None:
        final = {"text/plain": "final", "text/html": "<p>final</p>", MIME: {"final": {"status": "Completed"}}}
        return final if name == "done" else None

    assert freeze(content, draw, unknown) == 1
    done, runs = (output["data"] for output in content["cells"][1]["outputs"][1:])
    told = {"version": 1, "workspace": "/w", "place": "LOCAL", "name": "done", "final": {"status": "Completed"}}
    assert done == {"text/plain": "final", "text/html": "<p>final</p>", SWEEP: told}
    assert runs.keys() == {"text/plain", "text/html", SWEEP}
    assert freeze(content, draw, unknown) == 0


def test_widgets_of_others_are_left_alone() -> None:
    theirs = {"output_type": "display_data", "data": {VIEW: {"model_id": "x"}, "text/plain": "x"}, "metadata": {}}
    content = notebook(theirs)
    before = copy.deepcopy(content)

    assert freeze(content, lambda *_: None, unknown) == 0
    assert content == before


ENDPOINT = f"{VENDOR}endpoint+json"


def endpoint(name: str, segment: str = "onlineEndpoints") -> dict[str, Any]:
    told = {"version": 1, "workspace": "/w", "place": "LOCAL", "name": name, "segment": segment}
    data = {"text/plain": "before", "text/html": "<p>before</p>", ENDPOINT: told, VIEW: {"model_id": "x"}}
    return {"output_type": "execute_result", "data": data, "metadata": {}}


def test_an_endpoint_stays_live_and_its_picture_is_that_of_the_moment() -> None:
    content = notebook(endpoint("iris"), endpoint("nightly", "batchEndpoints"), endpoint("gone"))
    asked = []

    def picture(workspace: str, segment: str, name: str) -> dict[str, Any] | None:
        asked.append((workspace, segment, name))
        now = {"text/plain": "now", "text/html": "<p>now</p>", ENDPOINT: {}}
        return now if name != "gone" else None

    def draw(*_: str) -> dict[str, Any]:
        raise AssertionError

    assert freeze(content, draw, picture) == 2
    assert asked == [("/w", kind, name) for kind, name in [
        ("onlineEndpoints", "iris"), ("batchEndpoints", "nightly"), ("onlineEndpoints", "gone")]
    ]  # fmt: skip
    iris, _, gone = (output["data"] for output in content["cells"][1]["outputs"][1:])
    told = {"version": 1, "workspace": "/w", "place": "LOCAL", "name": "iris", "segment": "onlineEndpoints"}
    assert iris == {"text/plain": "now", "text/html": "<p>now</p>", ENDPOINT: told}
    assert gone["text/html"] == "<p>before</p>"
    assert freeze(content, draw, picture) == 2
