"""Metrics and params of runs: append, keep the latest point, refuse a param's second value.

One point of one metric costs two statements: an upsert of the series' latest point, which also says that
the run is there and active, and the insert of the point itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.tracking import faults, limits, runs
from jupyter_aml.local.tracking.experiments import Reader

_UPSERT = (
    "INSERT INTO series(run, key, step, timestamp, value, nan)"
    " SELECT id, ?, ?, ?, ?, ? FROM runs WHERE run_id=? AND lifecycle_stage='active'"
    " ON CONFLICT(run, key) DO UPDATE SET"
    " step=excluded.step, timestamp=excluded.timestamp, value=excluded.value, nan=excluded.nan"
    " WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value) RETURNING id"
)
_SERIES = (
    "SELECT series.id FROM series JOIN runs ON runs.id=series.run WHERE run_id=? AND lifecycle_stage='active' AND key=?"
)
_POINT = "INSERT OR IGNORE INTO metrics(series, step, timestamp, value, nan) VALUES (?, ?, ?, ?, ?)"
_MODEL_POINT = (
    "INSERT OR IGNORE INTO logged_model_metrics"
    "(model_id, key, step, timestamp, value, nan, run_id, dataset_name, dataset_digest)"
    " SELECT model_id, ?, ?, ?, ?, ?, ?, ?, ? FROM logged_models WHERE model_id=?"
)


@dataclass(frozen=True, slots=True)
class Point:
    """One measured value.

    Attributes:
        timestamp: Milliseconds since the epoch.
        model: Id of the logged model it belongs to as well; empty for none.
        dataset: Name and digest of the dataset it was measured on; empty for none.
    """

    key: str
    value: float
    timestamp: int
    step: int = 0
    model: str = ""
    dataset: tuple[str, str] = ("", "")

    @property
    def order(self) -> tuple[int, int, float]:
        """What makes one point newer than another."""
        return (self.step, self.timestamp, self.stored[0])

    @property
    def stored(self) -> tuple[float, int]:
        """Value and NaN mark as the columns hold them."""
        return (0.0, 1) if math.isnan(self.value) else (self.value, 0)


def point(body: Mapping[str, Any], path: str = "") -> Point:
    """A point as a client sends it, checked."""
    key = limits.key(body.get("key"), f"{path}name")
    timestamp = body.get("timestamp")
    if timestamp is None:
        raise faults.invalid(f"Missing value for required parameter '{path}timestamp'.")
    return Point(
        key,
        limits.number(body.get("value"), f"{path}value"),
        limits.whole(timestamp, f"{path}timestamp", 0),
        limits.whole(body.get("step") or 0, f"{path}step"),
        str(body.get("model_id") or ""),
        (str(body.get("dataset_name") or ""), str(body.get("dataset_digest") or "")),
    )


def log(tx: Transaction, run_id: str, points: Sequence[Point]) -> None:
    """Append points to a run's metrics.

    Raises:
        ResourceError: There is no such run, or it is deleted.
    """
    newest: dict[str, Point] = {}
    for one in points:
        held = newest.get(one.key)
        if held is None or one.order > held.order:
            newest[one.key] = one
    series = {key: _series(tx, run_id, one) for key, one in newest.items()}
    tx.executemany(_POINT, [(series[one.key], one.step, one.timestamp, *one.stored) for one in points])
    for one in points:
        if one.model:
            tx.execute(
                _MODEL_POINT,
                (one.key, one.step, one.timestamp, *one.stored, run_id, *one.dataset, one.model),
            )
    runs.changed(tx, run_id)


def _series(tx: Transaction, run_id: str, newest: Point) -> int:
    found = tx.execute(_UPSERT, (newest.key, newest.step, newest.timestamp, *newest.stored, run_id)).fetchall()
    if not found:  # an older point than the latest, or no such run
        found = tx.execute(_SERIES, (run_id, newest.key)).fetchall()
    if not found:
        runs.active(tx, run_id)  # refuses
    return int(found[0][0])


def log_params(tx: Transaction, run_id: str, params: Mapping[str, Any]) -> None:
    """Write a run's params; a value once written cannot change.

    Raises:
        ResourceError: A param has another value already, or there is no such active run.
    """
    if not params:
        return
    run = runs.active(tx, run_id)["id"]
    different = []
    for key, given in params.items():
        limits.key(key)
        value = limits.value(given, limits.PARAM_LENGTH)
        if tx.execute(
            "INSERT INTO params(run, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (run, key, value)
        ).rowcount:
            continue
        old = tx.execute("SELECT value FROM params WHERE run=? AND key=?", (run, key)).fetchone()[0]
        if old != value:
            different.append((key, old, value))
    if different:
        key, old, value = different[0]
        raise faults.invalid(
            f"Changing param values is not allowed. Param with key='{key}' was already logged with value='{old}'"
            f" for run ID='{run_id}'. Attempted logging new value '{value}'."
        )
    runs.changed(tx, run_id)


def unique(params: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Params of a batch by key; a key that comes twice is refused."""
    keys = [str(param.get("key")) for param in params]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise faults.invalid(
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request contains only"
            " one param value per param key."
        )
    return {
        limits.key(param.get("key"), f"params[{index}].key"): param.get("value") for index, param in enumerate(params)
    }


def history(
    reader: Reader,
    run_id: str,
    key: str,
    *,
    after: tuple[int, int, float, int] | None = None,
    limit: int = -1,
    steps: tuple[int, int] | None = None,
) -> list[tuple[int, int, float, int]]:
    """Points of one metric: (step, timestamp in ms, value, NaN mark), in that order.

    Args:
        reader: A connection or transaction.
        run_id: The run.
        key: The metric.
        after: The last point of the page before.
        limit: At most so many; -1 for all.
        steps: Lowest and highest step.
    """
    low, high = steps or (-limits.LONG, limits.LONG - 1)
    found = reader.execute(
        "SELECT metrics.step, metrics.timestamp, metrics.value, metrics.nan FROM runs"
        " JOIN series ON series.run=runs.id AND series.key=? JOIN metrics ON metrics.series=series.id"
        " WHERE run_id=? AND metrics.step BETWEEN ? AND ?"
        " AND (metrics.step, metrics.timestamp, metrics.value, metrics.nan) > (?, ?, ?, ?)"
        " ORDER BY metrics.step, metrics.timestamp, metrics.value, metrics.nan LIMIT ?",
        (key, run_id, low, high, *(after or (-limits.LONG, -1, 0.0, 0)), limit),
    )
    return [tuple(held) for held in found]
