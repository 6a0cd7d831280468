"""The backtest: origins that roll forward, what was forecast from each of them, and how good that was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl import metrics
from jupyter_aml.automl.metrics import Numbers

if TYPE_CHECKING:
    from jupyter_aml.automl.forecasting.panel import Panel
    from jupyter_aml.automl.metrics import Floats

SCALED = "mean_absolute_scaled_error"
LEAST_SEEN = 2
"""Steps before an origin, at least."""
TINY = 1e-12


@dataclass(frozen=True)
class Fold:
    """One origin.

    Attributes:
        members: Positions of the series that are long enough.
        seen: How many of their steps are before it.
    """

    members: list[int]
    seen: list[int]


@dataclass(frozen=True)
class Backtest:
    """What is forecast, in order of folds, series and steps.

    Attributes:
        folds: The origins, the oldest first.
        horizon: Steps ahead.
        fold, series, step: Of each row, shape (rows,).
        actual: Not a number where there was no target, shape (rows,).
        spans: Largest less smallest target of each series.
        scales: The mean error of a seasonal naive forecast of each series, one step ahead.
    """

    folds: list[Fold]
    horizon: int
    fold: Any
    series: Any
    step: Any
    actual: Floats
    spans: Floats
    scales: Floats

    def split(self, panel: Panel, at: int) -> tuple[Panel, list[Floats]]:
        """What is known at an origin, and the features after it; those that are not known in advance are empty."""
        fold = self.folds[at]
        known = panel.features.known
        before, ahead = [], []
        for member, seen in zip(fold.members, fold.seen, strict=True):
            one = panel.series[member]
            before.append(one.until(seen))
            after = one.features[seen : seen + self.horizon]
            ahead.append(np.where(known, after, np.nan) if after.shape[1] else after)
        return panel.of(before), ahead

    def rows(self, at: int) -> slice:
        """The rows of a fold."""
        begin, end = np.searchsorted(self.fold, [at, at + 1])
        return slice(int(begin), int(end))

    def measured(self, predicted: Floats) -> dict[str, float]:
        """All metrics of the first rows.

        Normalised metrics are those of each series, by its own span, and their mean; of others, all rows are one.

        Args:
            predicted: Shape (rows,), or of fewer rows, where not all folds were forecast.

        Source: Microsoft's "Evaluate automated machine learning experiment results", on forecasting.
        """
        count = len(predicted)
        there = ~np.isnan(self.actual[:count])
        if not there.any():
            return {}
        truth, told, series = self.actual[:count][there], predicted[there], self.series[:count][there]
        found = metrics.every(Numbers(truth, told, float(np.ptp(truth))))
        numbers, at = np.unique(series, return_inverse=True)
        sizes = np.bincount(at)
        absolute = np.bincount(at, np.abs(told - truth)) / sizes
        squared = np.sqrt(np.bincount(at, (told - truth) ** 2) / sizes)
        spans, scales = self.spans[numbers], self.scales[numbers]
        found["normalized_root_mean_squared_error"] = float(np.mean(squared / spans))
        found["normalized_mean_absolute_error"] = float(np.mean(absolute / spans))
        found[SCALED] = float(np.mean(absolute / scales))
        return found

    def loss(self, metric: str, predicted: Floats) -> float:
        """What a search makes small."""
        return metrics.loss(metric, self.measured(predicted).get(metric, np.nan))


def scaled_error(truth: Floats, told: Floats, seen: Floats, season: int) -> float:
    """The mean absolute error by that of a seasonal naive forecast of the seen steps (MASE)."""
    return float(np.abs(truth - told).mean()) / scale(seen, season)


def scale(seen: Floats, season: int) -> float:
    """The mean error of a seasonal naive forecast, one season ahead; above 0."""
    season = season if 0 < season < len(seen) else 1
    change = np.abs(seen[season:] - seen[:-season])
    change = change[~np.isnan(change)]
    found = float(change.mean()) if len(change) else 0.0
    return found or float(np.nanmean(np.abs(seen))) or 1.0


def make(panel: Panel, count: int, step: int) -> Backtest:
    """The rows of a backtest.

    Args:
        panel: The series.
        count: How many folds.
        step: Steps between two origins.

    Raises:
        ValueError: No series is long enough for one fold.
    """
    horizon = panel.horizon
    folds: list[Fold] = []
    fold, series, steps, actual = [], [], [], []
    for number in range(count):
        back = horizon + (count - 1 - number) * step
        members = [at for at, one in enumerate(panel.series) if len(one) - back >= LEAST_SEEN]
        if not members:
            continue
        seen = [len(panel.series[at]) - back for at in members]
        for at, begin in zip(members, seen, strict=True):
            fold.append(np.full(horizon, len(folds)))
            series.append(np.full(horizon, at))
            steps.append(np.arange(1, horizon + 1))
            actual.append(panel.series[at].observed[begin : begin + horizon])
        folds.append(Fold(members, seen))
    if not folds:
        longest = max(map(len, panel.series))
        msg = (
            f"The longest series has {longest} steps, too few to see {LEAST_SEEN} and forecast {horizon};"
            f" set forecast_horizon to {max(longest - LEAST_SEEN, 1)} or less."
        )
        raise ValueError(msg)
    first = {at: begin for one in reversed(folds) for at, begin in zip(one.members, one.seen, strict=True)}
    spans = [float(np.nanmax(one.observed) - np.nanmin(one.observed)) for one in panel.series]
    scales = [scale(one.target[: first.get(at, len(one))], panel.season) for at, one in enumerate(panel.series)]
    return Backtest(
        folds, horizon, np.concatenate(fold), np.concatenate(series), np.concatenate(steps), np.concatenate(actual),
        np.array([one if one > TINY else 1.0 for one in spans]), np.array(scales),
    )  # fmt: skip
