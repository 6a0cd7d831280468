"""The children of a job, read from REST: what the card of a sweep or of a pipeline shows of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

HISTORY = "history/v1.0"
TRACKING = "mlflow/v2.0"
MOST = 1000
"""Runs whose metrics are asked for at once."""

LOWER = re.compile(r"error|loss|deviation|perplexity|rmse|mape|^m[as]e$", re.IGNORECASE)
"""Of such metrics less is better. Source: azureml-automl-core, the `_min` of a run's `goal`."""

Ask = Callable[..., Any]
"""Gives the answer to a path, an API and a query; None where there is none."""


def snapshot(ask: Ask, post: Ask, name: str, properties: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """What a card shows of a job's children; nothing for jobs that have none.

    Args:
        ask: Reads.
        post: Asks with a body.
        name: The job's.
        properties: ARM's.
        run: The job's MLflow record.
    """
    kind = str(properties.get("jobType") or "").lower()
    if kind == "sweep":
        return _sweep(ask, post, name, properties, run)
    if kind == "automl":
        return _automl(ask, name, properties)
    return {"steps": _steps(_children(ask, name), properties)} if kind == "pipeline" else {}


def _children(ask: Ask, name: str) -> list[Mapping[str, Any]]:
    """The runs of the children, oldest first."""
    found = (ask(f"runs/{name}/children", HISTORY) or {}).get("value") or []
    return list(reversed(found))


def point(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The searched parameters of a trial; nothing for other jobs."""
    try:
        found = json.loads(str(properties.get("hyperparameters") or "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _sweep(ask: Ask, post: Ask, name: str, properties: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    objective = properties.get("objective") or {}
    metric = str(objective.get("primaryMetric") or "")
    own = properties.get("properties") or {}
    children = _children(ask, name)
    values = {**_latest(post, name, metric, run), **_best(ask, name, metric, children)}
    trials = [
        {
            "number": _number(str(child["runId"]), at),
            "name": child["runId"],
            "status": child.get("status"),
            "point": point({**(child.get("tags") or {}), **(child.get("properties") or {})}),
            "value": values.get(str(child["runId"])),
            "started": child.get("startTimeUtc"),
            "ended": child.get("endTimeUtc"),
        }
        for at, child in enumerate(children)
    ]
    return {
        "trials": trials,
        "metric": metric,
        "goal": str(objective.get("goal") or "").lower(),
        "best": own.get("best_child_run_id") or "",
        "planned": (properties.get("limits") or {}).get("maxTotalTrials"),
    }


def _automl(ask: Ask, name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The models that were tried; what prepares the data is none of them."""
    told = [(child, child.get("properties") or {}) for child in _children(ask, name)]
    tried = [(child, own) for child, own in told if own.get("run_algorithm") or own.get("score")]
    details = properties.get("taskDetails") or {}
    said = [own for _, own in tried]
    metric = next((one["primary_metric"] for one in said if one.get("primary_metric")), details.get("primaryMetric"))
    goal = next((one["goal"] for one in said if one.get("goal")), "")
    less = goal.endswith("_min") if goal else bool(LOWER.search(str(metric or "")))
    own = properties.get("properties") or {}
    return {
        "trials": [_model(child, one, at) for at, (child, one) in enumerate(tried)],
        "metric": str(metric or ""),
        "goal": "minimize" if less else "maximize",
        "best": own.get("automl_best_child_run_id") or own.get("best_child_run_id") or "",
        "planned": (details.get("limitSettings") or {}).get("maxTrials"),
    }


def _model(child: Mapping[str, Any], own: Mapping[str, Any], at: int) -> dict[str, Any]:
    score = own.get("score")
    words = [own.get("run_preprocessor"), own.get("run_algorithm")]
    status = child.get("status")
    return {
        "number": int(own["iteration"]) if str(own.get("iteration") or "").isdigit() else at,
        "name": child["runId"],
        "status": own.get("trial_status") or status if status == "Completed" else status,
        "point": {"model": ", ".join(str(word) for word in words if word)},
        "value": None if score in (None, "", "nan") else float(str(score)),
        "started": child.get("startTimeUtc"),
        "ended": child.get("endTimeUtc"),
    }


def _number(name: str, at: int) -> int:
    last = name.rpartition("_")[2]
    return int(last) if last.isdigit() else at


def _latest(post: Ask, name: str, metric: str, run: Mapping[str, Any]) -> dict[str, float]:
    """The last value that each trial has logged of the metric, by its name."""
    experiment = (run.get("info") or {}).get("experiment_id")
    if not experiment or not metric:
        return {}
    body = {
        "experiment_ids": [experiment], "filter": f"tags.mlflow.parentRunId = '{name}'", "max_results": MOST,
    }  # fmt: skip
    answer = post("api/2.0/mlflow/runs/search", TRACKING, body) or {}
    found = {}
    for one in answer.get("runs") or []:
        for logged in (one.get("data") or {}).get("metrics") or []:
            if logged["key"] == metric:
                found[str(one["info"]["run_id"])] = float(logged["value"])
    return found


def _best(ask: Ask, name: str, metric: str, children: list[Mapping[str, Any]]) -> dict[str, float]:
    """The best value of each trial that has ended: the sweep's own history has one point a trial, at its number."""
    query = {"run_id": name, "metric_key": metric, "max_results": MOST}
    answer = ask("api/2.0/mlflow/metrics/get-history", TRACKING, query) or {}
    logged = {int(one.get("step") or 0): float(one["value"]) for one in answer.get("metrics") or []}
    found = {}
    for at, child in enumerate(children):
        number = _number(str(child["runId"]), at)
        if number in logged:
            found[str(child["runId"])] = logged[number]
    return found


def _steps(children: list[Mapping[str, Any]], properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps in the order of the pipeline; those that have not begun have no name."""
    found: dict[str, list[dict[str, Any]]] = {step: [] for step in properties.get("jobs") or {}}
    for child in children:
        own = child.get("properties") or {}
        step = str(own.get("StepName") or child.get("displayName") or child["runId"])
        reused = str(own.get("azureml.isreused") or "").lower() == "true"
        found.setdefault(step, []).append(
            {
                "step": child.get("displayName") or step,
                "name": child["runId"],
                "status": child.get("status"),
                "reused": str(own.get("azureml.reusedrunid") or "another run") if reused else "",
                "started": child.get("startTimeUtc"),
                "ended": child.get("endTimeUtc"),
            }
        )
    return [one for step, rows in found.items() for one in rows or [{"step": step, "name": "", "status": ""}]]
