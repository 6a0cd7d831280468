"""One model of a panel: an algorithm under Azure's name with parameters, fitted, and asked for what comes."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl.forecasting import arima, smoothing
from jupyter_aml.automl.forecasting.calendars import holidays_in
from jupyter_aml.automl.forecasting.lagged import Lagged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from jupyter_aml.automl.forecasting.panel import Panel, Series

    Floats = NDArray[np.float64]

WILD = 4.0
"""Forecasts are kept within so many spans of a series beyond what it had."""
MOST_LEVELS = 12
"""Categories of a feature that ARIMAX has a regressor for."""
BASELINES = frozenset({"Naive", "SeasonalNaive", "Average", "SeasonalAverage"})
ALONE = BASELINES | {"ExponentialSmoothing", "AutoArima"}
"""Models that look at a series alone, and not at its features."""


@dataclass
class Model:
    """One model.

    Attributes:
        algorithm: Azure's name.
        parameters: JSON.
        threads: That it may use.
        seed: The same seed gives the same model.
        regression: What was fitted to all series together; None for models of one series each.
    """

    algorithm: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1
    seed: int = 0
    regression: Lagged | None = None

    def fit(self, panel: Panel) -> None:
        """Learn what is learned from all series; models of one series learn when they are asked."""
        if self.algorithm not in ALONE | {"Arimax", "Prophet"}:
            self.regression = Lagged(self.algorithm, self.parameters, self.threads, self.seed)
            self.regression.fit(panel)

    def forecast(self, panel: Panel, steps: int, ahead: list[Floats], until: float = np.inf) -> list[Floats]:
        """Each series some steps on.

        Args:
            panel: The series until now.
            steps: Ahead.
            ahead: The features of those steps, by series, shape (steps, features) each.
            until: When to come to an end, by `time.monotonic`.

        Raises:
            TimeoutError: The time is up.
        """
        if self.regression is None:
            panel = panel.of([one.bare() for one in panel.series])
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # what is told of overflows is shown by the score
            found = self._forecast(panel, steps, ahead, until)
        return [_sane(told, one) for told, one in zip(found, panel.series, strict=True)]

    def _forecast(self, panel: Panel, steps: int, ahead: list[Floats], until: float) -> list[Floats]:
        if self.regression is not None:
            return self.regression.forecast(panel, steps, ahead)
        if self.algorithm == "ExponentialSmoothing":
            targets = [one.target for one in panel.series]
            return smoothing.forecast(targets, panel.seasons, steps, smoothing.How(**self.parameters))
        found: list[Floats] = []
        for one, features in zip(panel.series, ahead, strict=True):
            if self.algorithm not in BASELINES and time.monotonic() > until:
                msg = f"{self.algorithm} had time for {len(found)} of {len(panel.series)} series."
                raise TimeoutError(msg)
            found.append(self._single(panel, one, steps, features, until))
        return found

    def _single(self, panel: Panel, series: Series, steps: int, ahead: Floats, until: float) -> Floats:
        values, season = series.target, panel.season if panel.season < len(series.target) else 1
        log = bool(self.parameters.get("log"))
        if self.algorithm == "AutoArima":
            return arima.forecast(values, season, steps, log=log, until=until)
        if self.algorithm == "Arimax":
            beside = regressors(panel, series, steps, ahead)
            return arima.forecast(values, season, steps, log=log, beside=beside, until=until)
        if self.algorithm == "Prophet":
            return _prophet(panel, series, steps, ahead, self.parameters)
        return baseline(self.algorithm, values, season, steps)


def baseline(algorithm: str, values: Floats, season: int, steps: int) -> Floats:
    """What needs no model.

    Source: the SDK's `ForecastingModels`, which says what each carries forward.
    """
    if algorithm == "SeasonalNaive":
        return np.resize(values[-season:], steps)
    if algorithm == "Average":
        return np.repeat(values.mean(), steps)
    if algorithm == "SeasonalAverage":
        return np.repeat(values[-season:].mean(), steps)
    return np.repeat(values[-1], steps)


def _sane(told: Floats, series: Series) -> Floats:
    """A forecast that is finite, not far beyond what the series had, and not below 0 where the series never is."""
    low, high = float(series.target.min()), float(series.target.max())
    beyond = WILD * max(high - low, abs(high) / 10, 1e-9)
    found = np.clip(np.where(np.isfinite(told), told, series.target[-1]), low - beyond, high + beyond)
    return np.asarray(np.maximum(found, 0.0) if low >= 0 else found)


def regressors(panel: Panel, series: Series, steps: int, ahead: Floats) -> tuple[Floats, Floats]:
    """Numbers of what is known in advance, of the seen steps and of those ahead, shape (steps, regressors) each."""
    both = np.concatenate([series.features, ahead])
    found = []
    kinds = zip(panel.features.names, panel.features.known, panel.features.categorical, strict=True)
    for at, (name, known, category) in enumerate(kinds):
        if not known:
            continue
        if category:
            levels = range(min(len(panel.features.categories[name]), MOST_LEVELS))
            found += [(both[:, at] == level).astype(float) for level in levels[1:]]
        else:
            gaps = np.isnan(both[:, at])
            found.append(np.where(gaps, np.nanmean(both[:, at]) if not gaps.all() else 0.0, both[:, at]))
    if len(panel.days):
        times = series.times.append(panel.after(series, steps))
        found += list(holidays_in(times, panel.frequency, panel.days).T)
    table = np.stack(found, axis=1) if found else np.zeros((len(both), 0))
    return table[: len(series)], table[len(series) :]


def _prophet(panel: Panel, series: Series, steps: int, ahead: Floats, parameters: Mapping[str, Any]) -> Floats:
    import logging

    import pandas as pd

    prophet = import_module("prophet")
    for name in ("prophet", "cmdstanpy"):  # which set their own levels when they are imported
        logging.getLogger(name).setLevel(logging.ERROR)
    now, later = regressors(panel, series, steps, ahead)
    model = prophet.Prophet(uncertainty_samples=0, **parameters)
    names = [f"x{at}" for at in range(now.shape[1])]
    for name in names:
        model.add_regressor(name)
    seen = pd.DataFrame({"ds": series.times, "y": series.target, **dict(zip(names, now.T, strict=True))})
    model.fit(seen)
    told = pd.DataFrame({"ds": panel.after(series, steps), **dict(zip(names, later.T, strict=True))})
    return np.asarray(model.predict(told)["yhat"], dtype=float)
