"""Metrics and params over MLflow's REST: logging them, and the history of a metric."""

from __future__ import annotations

from typing import Any

from jupyter_aml.local.arm import paging
from jupyter_aml.local.tracking import faults, limits, matching, measurements, runs
from jupyter_aml.local.tracking.api.call import Call, Endpoint

HISTORY_PAGE = 25_000
INTERVAL_POINTS = 2500
RUNS_IN_BULK = 100
POSITION = 4


def log_metric(call: Call) -> dict[str, Any]:
    """POST runs/log-metric: the call that training loops make most."""
    point = measurements.point(call.body)
    with call.database.write() as tx:
        measurements.log(tx, call.run_id, [point])
    return {}


def log_parameter(call: Call) -> dict[str, Any]:
    """POST runs/log-parameter."""
    key = limits.key(call.text("key"))
    with call.database.write() as tx:
        measurements.log_params(tx, call.run_id, {key: call.text("value")})
    return {}


def log_batch(call: Call) -> dict[str, Any]:
    """POST runs/log-batch: all of it, or nothing."""
    metrics, params, tags = call.objects("metrics"), call.objects("params"), call.objects("tags")
    limits.batch(len(metrics), len(params), len(tags))
    points = [measurements.point(one, f"metrics[{index}].") for index, one in enumerate(metrics)]
    unique = measurements.unique(params)
    run_id = limits.run_id(call.run_id)
    with call.database.write() as tx:
        measurements.log_params(tx, run_id, unique)
        if points:
            measurements.log(tx, run_id, points)
        if tags:
            runs.set_tags(tx, run_id, call.pairs("tags"))
        if not (points or unique or tags):
            runs.active(tx, run_id)
    return {}


def _on_wire(key: str, point: tuple[int, int, float, int]) -> dict[str, Any]:
    step, timestamp, value, nan = point
    return {
        "key": key,
        "value": limits.on_wire(float("nan") if nan else value),
        "timestamp": timestamp,
        "step": step,
    }


def get_history(call: Call) -> dict[str, Any]:
    """GET metrics/get-history, in pages when `max_results` is given."""
    key, given = call.required("metric_key"), call.text("page_token")
    size = limits.page_size(call.body.get("max_results"), 0, 1 << 30)
    after = None
    if given:
        step, timestamp, value, nan = matching.position(given, POSITION)
        after = (int(step), int(timestamp), float(value), int(nan))
    with call.database.read() as reader:
        runs.row(reader, call.run_id)
        found = measurements.history(reader, call.run_id, key, after=after, limit=size + 1 if size else -1)
    answer: dict[str, Any] = {"metrics": [_on_wire(key, point) for point in found[: size or None]]}
    if size and len(found) > size:
        answer["next_page_token"] = paging.encode(list(found[size - 1]))
    return answer


def _bulk_runs(call: Call) -> list[str]:
    found = call.listed("run_ids") or call.listed("run_id")
    if not found:
        raise faults.invalid("Missing value for required parameter 'run_ids'. Name at least one run.")
    if len(found) > RUNS_IN_BULK:
        raise faults.invalid(f"At most {RUNS_IN_BULK} run_ids can be asked for at once. Got {len(found)}.")
    return found


def get_history_bulk(call: Call) -> dict[str, Any]:
    """GET metrics/get-history-bulk: one metric of several runs, as MLflow's UI asks for it."""
    key = call.required("metric_key")
    size = limits.page_size(call.body.get("max_results"), HISTORY_PAGE, HISTORY_PAGE)
    found: list[dict[str, Any]] = []
    with call.database.read() as reader:
        for run_id in _bulk_runs(call):
            points = measurements.history(reader, run_id, key, limit=size - len(found))
            found += [{**_on_wire(key, point), "run_id": run_id} for point in points]
            if len(found) >= size:
                break
    return {"metrics": found}


def get_history_interval(call: Call) -> dict[str, Any]:
    """GET metrics/get-history-bulk-interval: points of several runs, thinned out for a chart."""
    key = call.required("metric_key")
    most = limits.page_size(call.body.get("max_results"), INTERVAL_POINTS, INTERVAL_POINTS)
    low, high = call.whole("start_step"), call.whole("end_step")
    steps = (-limits.LONG if low is None else low, limits.LONG - 1 if high is None else high)
    if steps[0] > steps[1]:
        raise faults.invalid(f"end_step must be greater than start_step. Found start_step={low} and end_step={high}.")
    found: list[dict[str, Any]] = []
    with call.database.read() as reader:
        for run_id in _bulk_runs(call):
            points = thinned(measurements.history(reader, run_id, key, steps=steps), most)
            found += [{**_on_wire(key, point), "run_id": run_id} for point in points]
    return {"metrics": found}


def thinned(points: list[tuple[int, int, float, int]], most: int) -> list[tuple[int, int, float, int]]:
    """At most about `most` points, evenly taken, the first and the last among them."""
    if len(points) <= most:
        return points
    chosen = {round(index * (len(points) - 1) / max(most - 1, 1)) for index in range(most)}
    return [points[index] for index in sorted(chosen | {len(points) - 1})]


ROUTES = (
    Endpoint("POST", "mlflow/runs/log-metric", log_metric),
    Endpoint("POST", "mlflow/runs/log-parameter", log_parameter),
    Endpoint("POST", "mlflow/runs/log-batch", log_batch),
    Endpoint("GET", "mlflow/metrics/get-history", get_history),
    Endpoint("GET", "mlflow/metrics/get-history-bulk", get_history_bulk),
    Endpoint("GET", "mlflow/metrics/get-history-bulk-interval", get_history_interval),
)
