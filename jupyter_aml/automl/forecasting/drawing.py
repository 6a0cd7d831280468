"""What is drawn of a forecast: each fold beside what came, and how far off it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.forecasting.backtest import Backtest
    from jupyter_aml.automl.forecasting.panel import Panel
    from jupyter_aml.automl.forecasting.saved import Errors

    Floats = NDArray[np.float64]

MOST_SERIES, MOST_POINTS = 20, 2_000
BINS = 20
LOWER, UPPER = 0.1, 0.9


def table(panel: Panel, test: Backtest, told: Floats, errors: Errors) -> pd.DataFrame:
    """Each row of the backtest: fold, time, ids, truth, forecast and the quantiles 0.1 and 0.9."""
    times: list[Any] = []
    lower, upper = told.copy(), told.copy()
    for at, fold in enumerate(test.folds):
        begin = test.rows(at).start
        for number, (member, seen) in enumerate(zip(fold.members, fold.seen, strict=True)):
            one = panel.series[member]
            times.append(one.times[seen : seen + test.horizon].to_numpy())
            rows = slice(begin + number * test.horizon, begin + (number + 1) * test.horizon)
            lower[rows] += errors.at(LOWER, one.key, test.horizon)
            upper[rows] += errors.at(UPPER, one.key, test.horizon)
            if one.target.min() >= 0:
                lower[rows] = np.maximum(lower[rows], 0.0)
    ids = {name: [panel.series[one].ids[at] for one in test.series] for at, name in enumerate(panel.ids)}
    return pd.DataFrame({
        "fold": test.fold, panel.time: np.concatenate(times), **ids, "actual": test.actual, "predicted": told,
        "lower": lower, "upper": upper,
    })  # fmt: skip


def charts(panel: Panel, test: Backtest, rows: pd.DataFrame, metrics: dict[str, float]) -> dict[str, Any]:
    """For `charts.json`: backtests of at most 20 series, residuals, and the error of each step ahead."""
    drawn = []
    for at, one in enumerate(panel.series[:MOST_SERIES]):
        own = test.series == at
        for number in np.unique(test.fold[own]):
            mine = rows[own & (test.fold == number)].head(MOST_POINTS)
            drawn.append({
                "id": dict(zip(panel.ids, one.ids, strict=True)), "fold": int(number),
                "time": [stamp.isoformat() for stamp in pd.DatetimeIndex(mine[panel.time])],
                "actual": _plain(mine["actual"]), "forecast": _plain(mine["predicted"]),
                "lower": _plain(mine["lower"]), "upper": _plain(mine["upper"]),
            })  # fmt: skip
    history = [
        {
            "id": dict(zip(panel.ids, one.ids, strict=True)),
            "time": [stamp.isoformat() for stamp in one.times[-MOST_POINTS // 4 :]],
            "actual": _plain(one.observed[-MOST_POINTS // 4 :]),
        }
        for one in panel.series[:MOST_SERIES]
    ]
    there = ~np.isnan(test.actual)
    off = (rows["predicted"].to_numpy() - test.actual)[there]
    counts, edges = np.histogram(off, bins=BINS)
    inside = ((test.actual >= rows["lower"]) & (test.actual <= rows["upper"]))[there]
    return {
        "forecast": {"series": drawn, "history": history, "of": len(panel.series)},
        "residuals": {
            "edges": edges.tolist(), "counts": counts.tolist(), "mean": float(off.mean()), "spread": float(off.std()),
        },
        "horizon_error": [
            {"step": int(step), "mean_absolute_error": float(np.abs(off[test.step[there] == step]).mean())}
            for step in np.unique(test.step[there])
        ],
        "coverage": {"lower": LOWER, "upper": UPPER, "inside": float(inside.mean())},
        "metrics": metrics,
    }  # fmt: skip


def _plain(values: Any) -> list[float | None]:
    return [None if np.isnan(one) else float(one) for one in np.asarray(values, dtype=float)]
