"""Traces of requests in the workspace's application insights."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from jupyter_aml.local.serving.online import insights
from jupyter_aml.local.serving.router import traces
from jupyter_aml.local.serving.router.appending import Appender

from .endpoints import Endpoint, wait_for


def test_requests_are_traced_where_that_is_asked_for(iris: Endpoint) -> None:
    iris.deployments = {"blue": iris.script("blue", insights=True), "green": iris.script("green")}
    iris.traffic = {"blue": 100}
    iris.start()

    iris.score([1])
    iris.score([1], deployment="green")

    (row,) = wait_for(lambda: insights.requests(iris.workspace, "iris"), "the row")
    assert row["deployment"] == "blue"
    assert row["name"] == "POST /score"
    assert row["resultCode"] == "200"
    assert row["success"] is True
    assert row["duration"] > 0
    assert row["requestSize"] == 3
    assert row["responseSize"] > 3


def written(iris: Endpoint, *rows: tuple[str, str, str]) -> None:
    folder = iris.workspace.folder / traces.FOLDER
    folder.mkdir()
    for moment, endpoint, deployment in rows:
        row = {"timestamp": moment, "endpoint": endpoint, "deployment": deployment}
        with (folder / f"requests-{moment[:10].replace('-', '')}.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")


def test_rows_are_found_by_endpoint_deployment_and_time(iris: Endpoint) -> None:
    written(
        iris,
        ("2026-01-30T10:00:00Z", "iris", "blue"),
        ("2026-01-31T10:00:00Z", "iris", "green"),
        ("2026-01-31T11:00:00Z", "Iris", "blue"),
        ("2026-01-31T12:00:00Z", "wine", "blue"),
    )

    def moments(**more: object) -> list[str]:
        return [row["timestamp"][8:13] for row in insights.requests(iris.workspace, "iris", **more)]

    assert moments() == ["30T10", "31T10", "31T11"]
    assert moments(tail=1) == ["31T11"]
    assert moments(deployment="blue") == ["30T10", "31T11"]
    assert moments(since="2026-01-31T00:00:00Z", until="2026-01-31T11:00:00Z") == ["31T10"]


def test_a_line_that_was_not_finished_is_passed_over(iris: Endpoint) -> None:
    written(iris, ("2026-01-30T10:00:00Z", "iris", "blue"))
    with (iris.workspace.folder / traces.FOLDER / "requests-20260130.jsonl").open("a") as file:
        file.write('{"timestamp": "2026-01-3')

    assert len(insights.requests(iris.workspace, "iris")) == 1


def test_nothing_comes_into_being_in_the_place_of_a_workspace_that_is_gone(tmp_path: Path) -> None:
    there, gone = tmp_path / "there", tmp_path / "gone"
    there.mkdir()

    async def write(folder: Path) -> None:
        files = Appender(60.0, folder)
        files.add(folder / "insights" / "rows.jsonl", lambda: b"row\n")
        await files.close()

    asyncio.run(write(there))
    asyncio.run(write(gone))

    assert (there / "insights" / "rows.jsonl").read_bytes() == b"row\n"
    assert not gone.exists()
