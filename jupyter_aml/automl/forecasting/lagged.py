"""Regressions of all series together: what comes follows from what was, from the calendar and from known features.

A row is a series, an origin (the last step that is known) and a step ahead of it. A direct regression learns every
step ahead at once, with the step as a feature; a recursive one learns the next step, and takes its forecasts for truth.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl.forecasting.calendars import holidays_in, parts, years
from jupyter_aml.automl.forecasting.seasons import decompose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from jupyter_aml.automl.forecasting.panel import Panel, Series

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

MOST_ROWS = 40_000
"""Rows that are learned from."""
SLOW = {"RandomForest": 3_000, "ExtremeRandomTrees": 6_000, "KNN": 15_000}
"""The same, of those that would take long."""
MOST_CODES = 60
"""Series that a linear model tells apart."""
HARMONICS = 3
LEAST_ROWS = 8
OPTIONS = ("strategy", "reference", "log", "lags", "memory")
"""Parameters that are the regression's and not the estimator's."""


@dataclass
class Scaled:
    """The series of a panel on one scale, side by side, with room for what is forecast.

    Attributes:
        table: Values, shape (series, steps); not a number after the end of a series.
        sums, squares: Of the values before each step, shape (series, steps + 1).
        lengths: Of the series, shape (series,).
        center, spread: Of each series, shape (series,).
        logged: Which of them are logarithms, shape (series,).
        seasonal, trend: Of the decomposition, shape (series, steps).
        features: Shape (series, steps, features).
        calendar: Shape (series, steps, parts).
        beside: Numbers of the calendar, shape (series, steps, numbers).
    """

    table: Floats
    sums: Floats
    squares: Floats
    lengths: Whole
    center: Floats
    spread: Floats
    logged: NDArray[np.bool_]
    seasonal: Floats
    trend: Floats
    features: Floats
    calendar: Floats
    beside: Floats

    def put(self, rows: Whole, at: Whole, values: Floats) -> None:
        """Write a step of series as if it had been seen."""
        self.table[rows, at] = values
        self.sums[rows, at + 1] = self.sums[rows, at] + values
        self.squares[rows, at + 1] = self.squares[rows, at] + values**2

    def back(self, values: Floats, at: int) -> Floats:
        """Numbers of a series on its own scale."""
        own = values * self.spread[at] + self.center[at]
        return np.asarray(np.exp(np.minimum(own, 700.0)) if self.logged[at] else own)


def scaled(panel: Panel, steps: int, ahead: list[Floats], *, log: bool, centered: bool) -> Scaled:
    """A panel on one scale.

    Args:
        panel: The series.
        steps: Ahead, for which there is room.
        ahead: The features of those steps, by series, shape (steps, features) each.
        log: Whether growth is what is added; only of series that are above 0.
        centered: Whether the mean of a series is taken off.
    """
    count, longest = len(panel.series), max(map(len, panel.series)) + steps
    values = np.full((count, longest), np.nan)
    features = np.full((count, longest, len(panel.features.names)), np.nan)
    seasonal, trend = np.zeros((count, longest)), np.full((count, longest), np.nan)
    center, spread, logged = np.zeros(count), np.ones(count), np.zeros(count, dtype=bool)
    calendar, beside = [], []
    alike: dict[Any, tuple[Floats, Floats]] = {}
    for at, one in enumerate(panel.series):
        logged[at] = log and bool((one.target > 0).all())
        own = np.log(one.target) if logged[at] else one.target
        center[at] = own.mean() if centered or logged[at] else 0.0
        spread[at] = own.std() or float(np.abs(own).mean()) or 1.0
        own = (own - center[at]) / spread[at]
        values[at, : len(own)] = own
        features[at, : len(own)] = one.features
        features[at, len(own) : len(own) + steps] = ahead[at]
        if panel.stl != "None":
            found = decompose(own, panel.season)
            trend[at, : len(own)] = found[0]
            if panel.season > 1:
                again = np.arange(longest - len(own)) % panel.season
                seasonal[at] = np.concatenate([found[1], found[1][-panel.season :][again]])[:longest]
        known = alike.get(one.times[0])
        if known is None:
            times = _times(panel, one, longest)
            known = alike[one.times[0]] = (parts(times, panel.frequency), _beside(times, panel))
        calendar.append(known[0])
        beside.append(known[1])
    plain = np.nan_to_num(values)
    zero = np.zeros((count, 1))
    sums = np.concatenate([zero, np.cumsum(plain, axis=1)], axis=1)
    squares = np.concatenate([zero, np.cumsum(plain**2, axis=1)], axis=1)
    lengths = np.array([len(one) for one in panel.series])
    return Scaled(
        values, sums, squares, lengths, center, spread, logged, seasonal, trend, features, np.stack(calendar),
        np.stack(beside),
    )  # fmt: skip


def _times(panel: Panel, series: Series, longest: int) -> pd.DatetimeIndex:
    more = longest - len(series)
    return series.times.append(panel.after(series, more)) if more else series.times


def _beside(times: pd.DatetimeIndex, panel: Panel) -> Floats:
    """Years, waves of the seasons, and holidays."""
    found = [years(times)[:, None]]
    steps = np.arange(len(times))
    begin = round(float(years(times[:1])[0]) / panel.step)  # waves begin at the same moment in all series
    for season in panel.seasons[:2]:
        angles = 2 * np.pi * (steps[:, None] + begin) * np.arange(1, min(HARMONICS, season // 2) + 1) / season
        found += [np.sin(angles), np.cos(angles)]
    if len(panel.days):
        found.append(holidays_in(times, panel.frequency, panel.days))
    return np.concatenate(found, axis=1)


@dataclass
class Lagged:
    """One regression.

    Attributes:
        algorithm: Azure's name.
        parameters: Of the estimator, and the regression's own (`OPTIONS`).
        threads: That it may use.
        seed: The same seed gives the same model.
        estimator: What was fitted.
        codes: The series that were seen.
    """

    algorithm: str
    parameters: Mapping[str, Any]
    threads: int = 1
    seed: int = 0
    estimator: Any = None
    codes: dict[tuple[str, ...], int] = field(default_factory=dict)

    @property
    def direct(self) -> bool:
        """Whether all steps ahead are told at once."""
        return bool(self.parameters.get("strategy", "direct") == "direct")

    @property
    def reference(self) -> str:
        """From what the target is measured: `level` (0), `last` or `season`."""
        return str(self.parameters.get("reference", "last"))

    def lags(self, panel: Panel) -> tuple[int, ...]:
        """Steps back that are seen, from the first forecast step on."""
        if not panel.look_back:
            return ()
        if panel.lags:
            return panel.lags
        most = int(self.parameters.get("lags", 0)) or min(max(panel.season, 4), 12)
        return tuple(range(1, most + 1))

    def fit(self, panel: Panel) -> None:
        """Learn from a panel.

        Raises:
            ValueError: There are too few steps.
        """
        self.codes = {one.key: at for at, one in enumerate(panel.series)}
        none = [np.zeros((0, len(panel.features.names)))] * len(panel.series)
        data = self._scaled(panel, 0, none)
        rows, origins, ahead = self._samples(panel)
        told = data.table[rows, origins + ahead] - self._reference(panel, data, rows, origins, ahead)
        there = np.isfinite(told)
        rows, origins, ahead, told = rows[there], origins[there], ahead[there], told[there]
        if len(told) < LEAST_ROWS:
            msg = f"{len(told)} steps can be learned from; a regression needs {LEAST_ROWS} at least."
            raise ValueError(msg)
        numbers = self._numbers(panel, data, rows, origins, ahead)
        self.estimator = self._make(panel, numbers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what libraries say of convergence is shown by the score
            self.estimator.fit(numbers, told)

    def forecast(self, panel: Panel, steps: int, ahead: list[Floats]) -> list[Floats]:
        """Each series some steps on.

        Args:
            panel: The series that were seen, or longer ones.
            steps: Ahead.
            ahead: The features of those steps, by series.
        """
        data = self._scaled(panel, steps, ahead)
        series = np.arange(len(panel.series))
        horizon = max(panel.horizon, 1) if self.direct else 1
        for begin in range(0, steps, horizon):
            width = min(horizon, steps - begin)
            rows = np.repeat(series, width)
            far = np.tile(np.arange(1, width + 1), len(series))
            origins = data.lengths[rows] - 1 + begin
            numbers = self._numbers(panel, data, rows, origins, far)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="X does not have valid feature names")
                found = np.asarray(self.estimator.predict(numbers), dtype=float)
            found = np.clip(found + self._reference(panel, data, rows, origins, far), -50.0, 50.0)
            for step in range(1, width + 1):
                own = far == step
                data.put(rows[own], (origins + far)[own], found[own])
        ends = data.lengths
        return [data.back(data.table[at, ends[at] : ends[at] + steps], at) for at in range(len(series))]

    def _scaled(self, panel: Panel, steps: int, ahead: list[Floats]) -> Scaled:
        return scaled(panel, steps, ahead, log=bool(self.parameters.get("log")), centered=True)

    def _samples(self, panel: Panel) -> tuple[Whole, Whole, Whole]:
        """Series, origin and step ahead of the rows to learn from."""
        horizon = panel.horizon if self.direct else 1
        memory = int(self.parameters.get("memory", 0))
        found = []
        for at, one in enumerate(panel.series):
            first = min(max(panel.season, *self.lags(panel), 1), max((len(one) - horizon) // 2, 1)) - 1
            if memory:
                first = max(first, len(one) - memory)
            origins = np.arange(first, len(one) - 1)
            pairs = np.stack(np.meshgrid(origins, np.arange(1, horizon + 1), indexing="ij"), axis=-1).reshape(-1, 2)
            target = pairs.sum(axis=1)
            pairs = pairs[target < len(one)]
            seen = ~np.isnan(one.observed[pairs.sum(axis=1)])
            pairs = pairs[seen]
            found.append(np.column_stack([np.full(len(pairs), at), pairs]))
        rows = np.concatenate(found)
        most = SLOW.get(self.algorithm, MOST_ROWS)
        if len(rows) > most:
            rows = rows[np.sort(np.random.default_rng(self.seed).choice(len(rows), most, replace=False))]
        return rows[:, 0], rows[:, 1], rows[:, 2]

    def _reference(self, panel: Panel, data: Scaled, rows: Whole, origins: Whole, ahead: Whole) -> Floats:
        """From what the target of each row is measured."""
        if self.reference == "level":
            return np.zeros(len(rows))
        if self.reference == "season" and panel.season > 1:
            found = _seen(data.table, rows, _again(origins, ahead, panel.season, 0))
            return np.where(np.isnan(found), data.table[rows, origins], found)
        return data.table[rows, origins]

    def _numbers(self, panel: Panel, data: Scaled, rows: Whole, origins: Whole, ahead: Whole) -> Floats:
        """The features of each row; categories are the last columns."""
        now = origins + ahead
        found = self._past(panel, data, rows, origins, ahead) if panel.look_back else []
        around = self._reference(panel, data, rows, origins, ahead)
        if panel.stl != "None":
            found.append(data.seasonal[rows, now])
        if panel.stl == "SeasonTrend":
            found.append(data.trend[rows, np.minimum(origins, data.lengths[rows] - 1)] - around)
        found += list(data.beside[rows, now].T)
        if self.direct:
            found.append(ahead.astype(float))
        categories = list(data.calendar[rows, now].T)
        kinds = zip(panel.features.known, panel.features.categorical, strict=True)
        for at, (known, category) in enumerate(kinds):
            own = data.features[:, :, at]
            (categories if category else found).append(own[rows, now] if known else own[rows, origins])
            if known and not category and panel.feature_lags:
                found += [_seen(own, rows, now - lag) for lag in (1, 2)]
        if len(self.codes) > 1:
            own_codes = np.array([self.codes.get(one.key, -1) for one in panel.series], dtype=float)
            categories.append(own_codes[rows])
        return np.stack([*found, *categories], axis=1)

    def _past(self, panel: Panel, data: Scaled, rows: Whole, origins: Whole, ahead: Whole) -> list[Floats]:
        """What is seen of the target."""
        around = self._reference(panel, data, rows, origins, ahead)
        found = [data.table[rows, origins] - around] if self.reference == "season" else []
        found += [_seen(data.table, rows, origins + 1 - lag) - around for lag in self.lags(panel)]
        for season in () if panel.lags else panel.seasons[:2]:
            found += [_seen(data.table, rows, _again(origins, ahead, season, at)) - around for at in (0, 1)]
        for window in self._windows(panel):
            found += _rolled(data, rows, origins, window, around)
        return found

    def _windows(self, panel: Panel) -> tuple[int, ...]:
        if panel.window:
            return (panel.window,)
        if panel.lags:
            return ()
        return (panel.season, 2 * panel.season) if panel.season > 2 else (3, 8)  # noqa: PLR2004 - a season to speak of

    def _make(self, panel: Panel, numbers: Floats) -> Any:
        """The estimator, with the features that it wants before it."""
        from jupyter_aml.automl import algorithms
        from jupyter_aml.automl.features import Form

        algorithm = algorithms.available("regression", [self.algorithm])[self.algorithm]
        own = {name: value for name, value in self.parameters.items() if name not in OPTIONS}
        if self.algorithm == "KNN":
            own["n_neighbors"] = min(int(own.get("n_neighbors", 5)), len(numbers))
        estimator = algorithm.make(own, self.threads, self.seed)
        if algorithm.form is Form.TREES:
            return estimator
        return _linear(estimator, numbers.shape[1], self._categories(panel))

    def _categories(self, panel: Panel) -> int:
        """How many of the last columns are categories."""
        named = parts(panel.series[0].times[:1], panel.frequency).shape[1]
        return int(named + panel.features.categorical.sum() + (len(self.codes) > 1))


def _linear(estimator: Any, columns: int, categories: int) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = list(range(columns - categories))
    return make_pipeline(
        ColumnTransformer([
            ("numbers", make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()), numeric),
            ("categories", OneHotEncoder(
                handle_unknown="infrequent_if_exist", max_categories=MOST_CODES, sparse_output=False,
            ), list(range(columns - categories, columns))),
        ]),
        estimator,
    )  # fmt: skip


def _seen(values: Floats, rows: Whole, at: Whole) -> Floats:
    """Values of steps; not a number before the first."""
    return np.where(at >= 0, values[rows, np.maximum(at, 0)], np.nan)


def _again(origins: Whole, ahead: Whole, season: int, before: int) -> Whole:
    """The step a whole number of seasons before the one that is forecast, and not after the origin."""
    return origins + ahead - season * (-(-ahead // season) + before)


def _rolled(data: Scaled, rows: Whole, origins: Whole, window: int, around: Floats) -> list[Floats]:
    """Mean and deviation of the steps until the origin."""
    low = np.maximum(origins + 1 - window, 0)
    size = origins + 1 - low
    mean = (data.sums[rows, origins + 1] - data.sums[rows, low]) / size
    variance = (data.squares[rows, origins + 1] - data.squares[rows, low]) / size - mean**2
    return [mean - around, np.sqrt(np.maximum(variance, 0.0))]
