"""MLflow's own UI over the records of a local workspace, in Chromium."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from jupyter_aml.client import connect as clients
from jupyter_aml.client import mlflow_ui
from jupyter_aml.client.rest import Rest
from jupyter_aml.testing import hosts

pytestmark = pytest.mark.browser

NOISE = ("ajax-api/2.0/mlflow/users/", "ajax-api/3.0/mlflow/assistant/", "ajax-api/2.0/mlflow/gateway-proxy")
"""What the page asks for and can do without: accounts, an assistant, a gateway to models of others."""


@pytest.fixture
def run_id(home: Path) -> Iterator[str]:
    """A finished run with a loss curve, a parameter and an artifact."""
    client = clients.connect("local")
    rest = Rest(clients.connection(client))

    def post(path: str, body: dict[str, Any]) -> Any:
        return rest.post(f"api/2.0/mlflow/{path}", body, api="mlflow/v2.0")

    now = int(time.time() * 1000)
    experiment = post("experiments/create", {"name": "cancer"})["experiment_id"]
    made = post("runs/create", {"experiment_id": experiment, "run_name": "calm-fox", "start_time": now})["run"]["info"]
    points = [{"key": "loss", "value": 1 / step, "timestamp": now, "step": step} for step in range(1, 21)]
    points.append({"key": "accuracy", "value": 0.9625, "timestamp": now, "step": 0})
    params = [{"key": "solver", "value": "liblinear"}]
    post("runs/log-batch", {"run_id": made["run_id"], "metrics": points, "params": params})
    notes = Path(made["artifact_uri"]) / "notes"
    notes.mkdir(parents=True)
    (notes / "hello.txt").write_text("written by the run", encoding="utf-8")
    post("runs/update", {"run_id": made["run_id"], "status": "FINISHED", "end_time": now + 1000})
    yield str(made["run_id"])
    hosts.stop(home)


def test_mlflows_ui_shows_runs_metrics_and_artifacts_and_stays_on_this_machine(run_id: str, tab: Page) -> None:
    page = mlflow_ui.page(clients.connection(clients.current_client()))
    asked: list[Request] = []
    failed: list[str] = []
    faults: list[str] = []
    tab.on("request", lambda one: asked.append(one))  # noqa: PLW0108 - Playwright marks the function
    tab.on("response", lambda one: failed.append(f"{one.status} {one.url}") if one.status >= 400 else None)
    tab.on("pageerror", lambda error: faults.append(str(error)))

    tab.goto(page.link)

    link = tab.get_by_role("link", name="cancer", exact=True).first
    expect(link).to_have_attribute("href", re.compile(r"#/experiments/1\b"))
    tab.goto(f"{page.url}#/experiments/1/runs")
    row = tab.get_by_role("link", name="calm-fox")
    row.first.click()
    expect(tab.get_by_text("0.9625").first).to_be_visible()
    expect(tab.get_by_text("liblinear").first).to_be_visible()

    tab.goto(f"{page.url}#/experiments/1/runs/{run_id}/model-metrics")
    expect(tab.locator(".js-plotly-plot .scatterlayer .trace").first).to_be_attached()

    tab.goto(f"{page.url}#/experiments/1/runs/{run_id}/artifacts/notes/hello.txt")
    expect(tab.get_by_text("written by the run").first).to_be_visible()

    assert tab.url.startswith(page.url)
    assert "ticket" not in tab.url
    assert {one.url for one in asked if not one.url.startswith((page.url, "data:", "blob:"))} == set()
    assert [one for one in failed if not any(noise in one for noise in NOISE)] == []
    assert faults == []
