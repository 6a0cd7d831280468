"""Widgets of one job: what their page asks first, and the picture that they leave behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jupyter_aml.commands.actions import jobs
from jupyter_aml.errors import UsageError
from jupyter_aml.widgets import asks
from jupyter_aml.widgets.asks import Ask
from jupyter_aml.widgets.base import AmlWidget, drawn
from jupyter_aml.widgets.wire import Wire

MOST_CURVES = 24
MOST_POINTS = "2000"
CHILDLESS = frozenset({"Command", "Spark"})


class JobWidget(AmlWidget):
    """A widget of one job.

    Args:
        job: Its name, the SDK's object, or the outcome of a magic.
        client: An `MLClient`, or a connection; by default that of the notebook.

    Raises:
        ResourceError: There is no such job.
        UsageError: It is of another type than the widget shows.
    """

    TYPES: frozenset[str] = frozenset()
    """The types of jobs that it shows; empty for all."""

    def __init__(self, job: Any, client: Any = None) -> None:
        self.name = jobs.name_of(job, "show")
        super().__init__(client, name=self.name)

    def check(self) -> None:
        """Whether there is such a job, of a type that this widget shows."""
        self.type = str(self.wire.rest.get(f"jobs/{self.name}")["properties"].get("jobType") or "")
        if self.TYPES and self.type not in self.TYPES:
            shown = " or ".join(sorted(self.TYPES))
            msg = f"{self.name} has the type {self.type}; {type(self).__name__} shows jobs of type {shown}."
            raise UsageError(msg, remedy=f"Use JobCard({self.name!r}).")

    def still(self) -> dict[str, str]:
        """The card of the job as it stands."""
        return drawn("job", self.wire.reader.snapshot(self.name))

    def first(self) -> Iterator[Ask]:
        """The job, its run, its metrics with their curves, its children, the end of its log."""
        yield from asked_first(self.wire, self.name, self.type)
        yield asks.log(self.workspace, self.name)


def asked_first(wire: Wire, name: str, kind: str) -> Iterator[Ask]:
    """What a page asks first of a job, but for its log.

    Args:
        wire: Of its workspace.
        name: Its name.
        kind: Its type, such as `Sweep`.
    """
    workspace = wire.connection.workspace_path
    yield asks.arm(workspace, f"jobs/{name}")
    yield asks.api(workspace, asks.HISTORY, f"runs/{name}")
    tracked = asks.api(workspace, asks.MLFLOW, "api/2.0/mlflow/runs/get", run_id=name)
    yield tracked
    run = json.loads(wire.answer(tracked)[1]).get("run") or {}
    metrics = (run.get("data") or {}).get("metrics") or []
    for metric in [one for one in metrics if one.get("step")][:MOST_CURVES]:
        query = {"run_id": name, "metric_key": metric["key"], "max_results": MOST_POINTS}
        yield asks.api(workspace, asks.MLFLOW, "api/2.0/mlflow/metrics/get-history", **query)
    if kind not in CHILDLESS:
        yield asks.api(workspace, asks.HISTORY, f"runs/{name}/children", **{"$top": "1000"})
    if kind == "Sweep" and run:
        yield asks.search(workspace, str(run["info"]["experiment_id"]), name)
