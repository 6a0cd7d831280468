"""The model that is saved: series with their history, models that vote, and how far off they were."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl.forecasting.frequencies import moments
from jupyter_aml.automl.forecasting.models import ALONE, Model
from jupyter_aml.automl.forecasting.panel import Panel, Series, fill, keys, label, together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FAR = 20_000
"""Steps ahead that may be asked for."""
SHOWN = 5
KEPT = 1000
"""Errors that are kept, by their ranks."""
LEAST_SPREAD = 1e-9


@dataclass
class Errors:
    """How far forecasts were off.

    Attributes:
        spread: Of the errors of each step ahead, on the scale of a series, shape (horizon,).
        ranks: Errors divided by their spread, in order.
        scales: Of each series, by its key.
        usual: Of a series without one.
    """

    spread: Floats
    ranks: Floats
    scales: dict[tuple[str, ...], float]
    usual: float = 1.0

    def at(self, level: float, key: tuple[str, ...], steps: int) -> Floats:
        """What is to be added to a forecast for a quantile, shape (steps,)."""
        horizon = len(self.spread)
        ahead = np.arange(steps)
        spread = self.spread[np.minimum(ahead, horizon - 1)] * np.sqrt(np.maximum((ahead + 1) / horizon, 1.0))
        return np.asarray(np.quantile(self.ranks, level) * spread * self.scales.get(key, self.usual))


def errors_of(
    step: NDArray[Any], keys_of: Sequence[tuple[str, ...]], off: Floats, scales: Floats, horizon: int
) -> Errors:
    """What a backtest says of errors to come.

    The spread of a step grows with the step; where a backtest has few rows, steps learn from all of those before.

    Args:
        step: Steps ahead, from 1 on, of each row.
        keys_of: The series of each row.
        off: Actual less forecast, shape (rows,), without gaps.
        scales: Of the series of each row.
        horizon: Steps ahead.
    """
    from sklearn.isotonic import IsotonicRegression

    relative = off / scales
    squares = np.array(
        [np.mean(relative[step == at] ** 2) if (step == at).any() else np.nan for at in range(1, horizon + 1)]
    )
    squares = pd.Series(squares).ffill().bfill().fillna(1.0).to_numpy()
    grown = IsotonicRegression().fit_transform(np.arange(horizon), squares)
    spread = np.sqrt(np.maximum(grown, LEAST_SPREAD**2))
    found = np.sort(relative / spread[step - 1])
    both = np.sort(np.concatenate([found, -found])) if len(found) < 30 else found  # noqa: PLR2004 - few have no shape
    ranks = np.quantile(both, np.linspace(0, 1, min(KEPT, max(len(both), 2))))
    own = {key: float(scale) for key, scale in zip(keys_of, scales, strict=True)}
    return Errors(spread, ranks, own, float(np.median(scales)))


@dataclass
class Forecaster:
    """Models that vote over the series that they know.

    Attributes:
        panel: The series, all of their steps.
        models: Fitted.
        weights: Of their votes, with the sum 1.
        errors: How far they were off.
        ready: Forecasts of the horizon of each model that needs no more than the history, by series.
    """

    panel: Panel
    models: list[Model]
    weights: Floats
    errors: Errors
    ready: list[dict[tuple[str, ...], Floats]] = field(default_factory=list)

    def prepare(self) -> None:
        """Forecast in advance what needs no more than the history."""
        steps, none = self.panel.horizon, len(self.panel.features.names)
        ahead = [np.full((steps, none), np.nan)] * len(self.panel.series)
        self.ready = []
        for model in self.models:
            told = model.forecast(self.panel, steps, ahead) if model.algorithm in ALONE else []
            self.ready.append({one.key: own for one, own in zip(self.panel.series, told, strict=False)})

    # what is asked

    def predict(self, frame: pd.DataFrame) -> Floats:
        """The forecast of each row, shape (rows,).

        Args:
            frame: Time, ids, and the features that are known. Rows may hold the target of times after those of the
                training: they are taken for history. Times of the training tell the target that was seen.

        Raises:
            ValueError: A column or a series is not known, or a time is at no step.
        """
        return self._told(frame, ())[:, 0]

    def forecast_quantiles(self, frame: pd.DataFrame, levels: Sequence[float] = (0.1, 0.5, 0.9)) -> pd.DataFrame:
        """Quantiles of each row beside its forecast: columns as of the target, then one for each level."""
        strange = [one for one in levels if not 0 < one < 1]
        if strange:
            msg = f"The quantile {strange[0]} is not between 0 and 1; ask for some such as 0.1 and 0.9."
            raise ValueError(msg)
        told = self._told(frame, tuple(levels))
        names = [self.panel.target, *(str(one) for one in levels)]
        return pd.DataFrame(told, columns=names, index=frame.index)

    def future(self, steps: int = 0) -> pd.DataFrame:
        """Time and ids of the steps after the training; of the horizon where none are given."""
        panel, found = self.panel, []
        for one in panel.series:
            times = panel.after(one, steps or panel.horizon)
            ids = dict(zip(panel.ids, one.ids, strict=True))
            found.append(pd.DataFrame({panel.time: times, **ids}))
        return pd.concat(found, ignore_index=True)

    def _told(self, frame: pd.DataFrame, levels: tuple[float, ...]) -> Floats:
        panel = self.panel
        frame = frame.rename(columns=str).reset_index(drop=True)
        lost = [name for name in (panel.time, *panel.ids) if name not in frame]
        if lost:
            msg = f"There is no column {lost[0]!r}; a forecast needs {', '.join((panel.time, *panel.ids))}."
            raise ValueError(msg)
        times = pd.DatetimeIndex(moments(frame[panel.time], panel.time, first=panel.day_first).astype("datetime64[ns]"))
        if times.isna().any():
            msg = f"{int(times.isna().sum())} rows have no time in {panel.time}; a forecast is of a moment."
            raise ValueError(msg)
        if panel.aggregate:
            times = label(times, panel.frequency)
        asked = self._rows(frame)
        known = {one.key: at for at, one in enumerate(panel.series)}
        requests = [self._request(panel.series[known[key]], frame, times, rows) for key, rows in asked.items()]
        voted = self._vote(requests)
        found = np.full((len(frame), 1 + len(levels)), np.nan)
        for one, told in zip(requests, voted, strict=True):
            seen = np.concatenate([one.series.target, told])
            found[one.rows, 0] = seen[one.at]
            ahead = one.at - len(one.series)
            for column, level in enumerate(levels, start=1):
                around = self.errors.at(level, one.series.key, max(len(told), 1))
                off = np.where(ahead >= 0, around[np.maximum(ahead, 0)], 0.0)
                value = found[one.rows, 0] + off
                found[one.rows, column] = np.maximum(value, 0.0) if one.series.target.min() >= 0 else value
        return found

    def _rows(self, frame: pd.DataFrame) -> dict[tuple[str, ...], NDArray[np.intp]]:
        """The rows of each series."""
        found: dict[tuple[str, ...], list[int]] = {}
        for at, key in enumerate(keys(frame, self.panel.ids)):
            found.setdefault(key, []).append(at)
        known = {one.key for one in self.panel.series}
        strange = [key for key in found if key not in known]
        if strange:
            told = "; ".join(", ".join(one) for one in strange[:SHOWN])
            msg = f"{len(strange)} series were not seen in training, such as {told}; ask for one of {len(known)} known."
            raise ValueError(msg)
        return {key: np.array(rows, dtype=np.intp) for key, rows in found.items()}

    def _request(self, series: Series, frame: pd.DataFrame, times: pd.DatetimeIndex, rows: NDArray[np.intp]) -> Request:
        """What is asked of one series."""
        panel, own = self.panel, times[rows]
        steps = len(pd.date_range(series.times[-1], max(own.max(), series.times[-1]), freq=panel.frequency)) - 1
        if steps > FAR:
            msg = (
                f"{own.max()} is {steps:,} steps after the last one that was seen ({series.times[-1]}); ask for fewer."
            )
            raise ValueError(msg)
        all_times = series.times.append(panel.after(series, steps))
        at = all_times.get_indexer(own)
        if (at < 0).any():
            strange = own[at < 0][0]
            msg = (
                f"{strange} is at no step of the series, which go on with {panel.after(series, 1)[0]}"
                f" ({panel.frequency}); ask for such times."
            )
            raise ValueError(msg)
        table = np.full((len(all_times), len(panel.features.names)), np.nan)
        table[: len(series)] = series.features
        mine = frame.iloc[rows]
        if panel.aggregate:
            names = {"target": panel.target, "time": panel.time}
            merged, _ = together(
                mine.assign(**{panel.time: own}), np.zeros(len(rows)), names, panel.aggregate, panel.features.kinds
            )
            where = all_times.get_indexer(pd.DatetimeIndex(merged[panel.time]))
        else:
            merged, where = mine, at
        later = where >= len(series)
        table[where[later]] = panel.features.numbers(merged)[later]
        series, table = self._longer(series, merged, where, all_times, table)
        return Request(series, rows, at, _onwards(table)[len(series) :])

    def _longer(
        self, series: Series, frame: pd.DataFrame, where: NDArray[np.intp], times: pd.DatetimeIndex, table: Floats
    ) -> tuple[Series, Floats]:
        """The series with what the rows tell of its target after the training."""
        if self.panel.target not in frame:
            return series, table
        told = pd.to_numeric(frame[self.panel.target], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        new = np.isfinite(told) & (where >= len(series))
        if not new.any():
            return series, table
        end = int(where[new].max()) + 1
        observed = np.full(end, np.nan)
        observed[: len(series)] = series.target
        observed[where[new]] = told[new]
        longer = replace(
            series, times=times[:end], observed=observed, target=fill(observed, self.panel.season), features=table[:end]
        )
        return longer, table

    def _vote(self, requests: Sequence[Request]) -> list[Floats]:
        """What the models say together, by request."""
        steps = max((len(one.ahead) for one in requests), default=0)
        total = [np.zeros(steps) for _ in requests]
        if not steps:
            return total
        wide = [_wide(one.ahead, steps) for one in requests]
        same = {one.key: len(one) for one in self.panel.series}
        for number, (model, weight) in enumerate(zip(self.models, self.weights, strict=True)):
            ready = self.ready[number] if number < len(self.ready) else {}
            left = [
                at for at, one in enumerate(requests)
                if steps > len(ready.get(one.series.key, ())) or len(one.series) != same[one.series.key]
            ]  # fmt: skip
            panel = self.panel.of([requests[at].series for at in left])
            told = model.forecast(panel, steps, [wide[at] for at in left]) if left else []
            found = dict(zip(left, told, strict=True))
            for at, one in enumerate(requests):
                total[at] += weight * (found[at] if at in found else ready[one.series.key][:steps])
        return [one[: len(request.ahead)] for one, request in zip(total, requests, strict=True)]


@dataclass
class Request:
    """What is asked of one series.

    Attributes:
        series: Its history.
        rows: Of the table that asked.
        at: The step of each row, from the first of the history on.
        ahead: Features of the steps after the history, shape (steps, features).
    """

    series: Series
    rows: NDArray[np.intp]
    at: NDArray[np.intp]
    ahead: Floats


def _onwards(table: Floats) -> Floats:
    """Features with the last that is known where there are none."""
    return pd.DataFrame(table).ffill().to_numpy(dtype=float) if table.shape[1] else table


def _wide(ahead: Floats, steps: int) -> Floats:
    """Features of more steps, the last ones again."""
    more = steps - len(ahead)
    if not more:
        return ahead
    last = ahead[-1:] if len(ahead) else np.full((1, ahead.shape[1]), np.nan)
    return np.concatenate([ahead, np.repeat(last, more, axis=0)])
