"""The card of an endpoint, as HTML and as text."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_aml.commands import drawing
from jupyter_aml.views import endpoint, live

BLUE = {"name": "blue", "status": "Succeeded", "model": "iris:1", "instances": 2, "traffic": 90, "mirror": 0}
GREEN = {
    "name": "green", "status": "Failed", "model": "iris:2", "instances": 1, "traffic": 10, "mirror": 0,
    "error": "init() raised ValueError: <no weights>",
}  # fmt: skip
SNAPSHOT: dict[str, Any] = {
    "place": "LOCAL", "workspace": "/subscriptions/s/workspaces/w", "segment": "onlineEndpoints", "name": "iris",
    "status": "Succeeded", "uri": "http://127.0.0.1:5001/score", "auth": "Key", "tags": {"team": "clinic"},
    "deployments": [BLUE, GREEN], "message": "iris/blue is ready.", "next": ["%aml invoke iris {df.head()}"],
}  # fmt: skip
BATCH = {
    "place": "LOCAL", "segment": "batchEndpoints", "name": "nightly", "status": "Succeeded",
    "deployments": [{"name": "trees", "status": "Succeeded", "compute": "cluster", "default": True}],
}  # fmt: skip


@pytest.mark.parametrize("form", ["html", "plain"])
def test_a_card_shows_what_a_person_asks_first(form: Any) -> None:
    shown = drawing.draw("endpoint", form, SNAPSHOT)

    for part in (
        "iris", "LOCAL", "online endpoint", "http://127.0.0.1:5001/score", "Key", "team=clinic", "blue", "90 %",
        "iris/blue is ready.", "%aml invoke iris {df.head()}", "no weights",
    ):  # fmt: skip
        assert part in shown, part


def test_text_of_the_endpoint_is_no_markup() -> None:
    assert "<no weights>" not in endpoint.html(SNAPSHOT)
    assert "&lt;no weights&gt;" in endpoint.html(SNAPSHOT)


def test_one_that_gets_everything_needs_no_bar() -> None:
    alone = {**SNAPSHOT, "deployments": [{**BLUE, "traffic": 100}]}

    assert "█" in endpoint.plain(SNAPSHOT)
    assert "█" not in endpoint.plain(alone)
    assert "opacity" not in endpoint.html(alone)


def test_copies_are_told_beside_the_requests() -> None:
    mirrored = {**SNAPSHOT, "deployments": [{**BLUE, "traffic": 100}, {**GREEN, "traffic": 0, "mirror": 20}]}

    assert "copies of 20 %" in endpoint.plain(mirrored)
    assert "copies of 20 %" in endpoint.html(mirrored)


@pytest.mark.parametrize("form", ["html", "plain"])
def test_an_endpoint_without_deployments_says_so(form: Any) -> None:
    assert endpoint.EMPTY in drawing.draw("endpoint", form, {**SNAPSHOT, "deployments": []})


def test_a_batch_endpoint_shows_its_default_and_no_shares() -> None:
    assert endpoint.rows(BATCH) == [
        {"name": "trees", "state": "Succeeded", "compute": "cluster", "default": "★"},
    ]
    assert "batch endpoint" in endpoint.plain(BATCH)
    assert "%" not in endpoint.plain(BATCH)


def test_the_live_form_says_where_the_endpoint_is() -> None:
    assert drawing.live("endpoint", SNAPSHOT) == {
        f"{live.VENDOR}endpoint+json": {
            "version": 1, "workspace": "/subscriptions/s/workspaces/w", "place": "LOCAL", "name": "iris",
            "segment": "onlineEndpoints",
        },
    }  # fmt: skip
    assert drawing.live("endpoint", {"name": "iris"}) == {}
