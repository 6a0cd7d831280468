"""Models of series: each is better than what it claims to beat, on real series and on ones whose truth is known."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_aml.automl.forecasting import arima, calendars, seasons, settings, smoothing
from jupyter_aml.automl.forecasting.models import Model, baseline
from jupyter_aml.automl.forecasting.panel import Panel
from jupyter_aml.automl.forecasting.preparing import Table
from jupyter_aml.automl.forecasting.smoothing import How
from tests.unit.automl.forecasting.sets import airline, details, electricity, nights

LAGS = ("LightGBM", "ElasticNet", "XGBoostRegressor", "ExtremeRandomTrees", "RandomForest", "GradientBoosting", "KNN",
        "LassoLars", "DecisionTree", "SGD")  # fmt: skip
FEW = {"RandomForest": {"n_estimators": 30}, "ExtremeRandomTrees": {"n_estimators": 30},
       "LightGBM": {"n_estimators": 80, "min_child_samples": 5, "num_leaves": 15},
       "XGBoostRegressor": {"n_estimators": 80},
       "ElasticNet": {"alpha": 0.01}, "LassoLars": {"alpha": 0.001}, "DecisionTree": {"max_depth": 4}}  # fmt: skip


def passengers() -> Any:
    return airline()["passengers"].to_numpy(dtype=float)


def panel(frame: pd.DataFrame, asked: Any) -> Panel:
    return Table(frame, settings.read(asked)[0]).panel


def split(frame: pd.DataFrame, asked: Any, steps: int) -> tuple[Panel, list[Any], list[Any]]:
    """A panel without its last steps, the features of those, and their truth."""
    whole = panel(frame, asked)
    seen = whole.of([one.until(len(one) - steps) for one in whole.series])
    return seen, [one.features[-steps:] for one in whole.series], [one.target[-steps:] for one in whole.series]


def test_baselines_carry_forward_what_azure_says() -> None:
    values = np.array([1.0, 2, 3, 4, 5, 9])

    assert baseline("Naive", values, 3, 2).tolist() == [9, 9]
    assert baseline("SeasonalNaive", values, 3, 4).tolist() == [4, 5, 9, 4]
    assert baseline("Average", values, 3, 2).tolist() == [4, 4]
    assert baseline("SeasonalAverage", values, 3, 2).tolist() == [6, 6]


@pytest.mark.parametrize(
    "how", [How("ets"), How("ets", log=True), How("theta", log=True), How("stl", log=True)], ids=str
)
def test_smoothing_beats_the_seasonal_naive_forecast(how: How) -> None:
    values = passengers()
    errors = []
    for end in (108, 120, 132):
        (told,) = smoothing.forecast([values[:end]], [12], 12, how)
        naive = baseline("SeasonalNaive", values[:end], 12, 12)
        truth = values[end : end + 12]
        errors.append((np.abs(told - truth).mean(), np.abs(naive - truth).mean()))

    ours, theirs = np.mean(errors, axis=0)
    assert ours < 0.85 * theirs


def test_smoothing_goes_on_with_a_line_and_with_a_season() -> None:
    steps = np.arange(60.0)
    wave = 5 * np.sin(2 * np.pi * steps / 12)

    (line,) = smoothing.forecast([10 + 2 * steps[:48]], [], 12, How("ets", damped=False))
    (both,) = smoothing.forecast([(50 + steps + wave)[:48]], [12], 12, How("ets"))

    np.testing.assert_allclose(line, 10 + 2 * steps[48:], rtol=0.02)
    np.testing.assert_allclose(both, (50 + steps + wave)[48:], rtol=0.04)


def test_many_series_are_smoothed_as_each_alone() -> None:
    values = passengers()
    several = [values[:100], values[:100] * 3, values[20:90]]

    together = smoothing.forecast(several, [12], 6, How("theta"))

    for one, told in zip(several, together, strict=True):
        np.testing.assert_allclose(smoothing.forecast([one], [12], 6, How("theta"))[0], told, rtol=1e-9)


@pytest.mark.parametrize("values", [[5.0], [1.0, 2.0], [3.0] * 30, [0.0] * 9 + [1.0]], ids=len)
@pytest.mark.parametrize("method", ["ets", "theta", "stl"])
def test_little_or_nothing_to_learn_is_no_obstacle(values: list[float], method: str) -> None:
    (told,) = smoothing.forecast([np.array(values)], [12], 5, How(method))

    assert told.shape == (5,)
    assert np.isfinite(told).all()


def test_arima_finds_its_coefficient_and_its_orders() -> None:
    random = np.random.default_rng(0)
    values = np.zeros(600)
    for at in range(1, 600):
        values[at] = 0.7 * values[at - 1] + random.normal()

    model = arima.fit(values, arima.Orders(1, 0, 0), 1)

    assert model is not None
    assert -model.ar[1] == pytest.approx(0.7, abs=0.08)
    found = arima.automatic(np.cumsum(values), 1)
    assert found is not None
    assert found.orders.d == 1
    assert found.orders.p + found.orders.q >= 1


def test_arima_beats_the_seasonal_naive_forecast() -> None:
    values = passengers()

    told = arima.forecast(values[:132], 12, 12, log=True)

    truth = values[132:]
    assert np.abs(told - truth).mean() < 0.5 * np.abs(values[120:132] - truth).mean()


def test_arima_comes_to_an_end_in_time() -> None:
    began = time.monotonic()

    told = arima.forecast(passengers(), 12, 12, until=began)

    assert time.monotonic() - began < 3
    assert np.isfinite(told).all()


def test_regressors_help_arima() -> None:
    seen, ahead, (truth,) = split(electricity(), details("demand", "day", 14), 14)

    (without,) = Model("AutoArima").forecast(seen, 14, ahead)
    (within,) = Model("Arimax").forecast(seen, 14, ahead)

    assert np.abs(within - truth).mean() < 0.8 * np.abs(without - truth).mean()


@pytest.mark.parametrize("algorithm", LAGS)
def test_regressions_of_lags_beat_the_mean_and_tell_series_apart(algorithm: str) -> None:
    seen, ahead, truths = split(nights(), details("nights", "quarter", 4, timeSeriesIdColumnNames=["region"]), 4)
    model = Model(algorithm, {"strategy": "direct", "reference": "last", **FEW.get(algorithm, {})})

    model.fit(seen)
    told = model.forecast(seen, 4, ahead)

    ours = np.mean([np.abs(one - truth).mean() for one, truth in zip(told, truths, strict=True)])
    mean = np.mean([np.abs(one.target.mean() - truth).mean() for one, truth in zip(seen.series, truths, strict=True)])
    assert ours < 0.9 * mean


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize("reference", ["last", "season", "level"])
def test_regressions_go_on_with_a_trend_and_beyond_the_horizon(strategy: str, reference: str) -> None:
    seen, _, (truth,) = split(airline(), details("passengers", "month", 6), 12)
    model = Model("ElasticNet", {"strategy": strategy, "reference": reference, "log": True, "alpha": 0.001})

    model.fit(seen)
    (told,) = model.forecast(seen, 12, [np.zeros((12, 0))])

    assert np.abs(told - truth).mean() < 0.8 * np.abs(seen.series[0].target[-12:] - truth).mean()


def test_known_features_are_used() -> None:
    random = np.random.default_rng(0)
    promotion = (random.random(200) < 0.2).astype(int)
    shop = np.where(random.random(200) < 0.5, "groß", "klein")
    frame = pd.DataFrame({
        "t": pd.date_range("2024-01-01", periods=200), "promotion": promotion, "shop": shop,
        "y": 100 + 50 * promotion + 30 * (shop == "groß") + random.normal(size=200),
    })  # fmt: skip
    seen, ahead, (truth,) = split(frame, details("y", "t", 14), 14)
    model = Model("LightGBM", {"reference": "level", **FEW["LightGBM"]})

    model.fit(seen)
    (told,) = model.forecast(seen, 14, ahead)

    assert np.abs(told - truth).mean() < 5


def test_settings_for_the_past_are_kept() -> None:
    asked = details(
        "demand", "day", 7, targetLags={"mode": "Custom", "values": [1, 7]}, useStl="Season",
        targetRollingWindowSize={"mode": "Custom", "value": 7},
    )  # fmt: skip
    within, without = panel(electricity(), asked), panel(electricity(), details("demand", "day", 7))
    models = [Model("ElasticNet", {"reference": "last"}) for _ in range(2)]
    for model, seen in zip(models, (within, without), strict=True):
        model.fit(seen)

    numbers = [one.regression.estimator.n_features_in_ for one in models if one.regression is not None]
    assert models[0].regression is not None
    assert models[0].regression.lags(within) == (1, 7)
    assert numbers[0] < numbers[1]


def test_a_series_that_is_never_negative_gets_no_negative_forecast() -> None:
    falling = pd.DataFrame({"t": pd.date_range("2024-01-01", periods=50), "y": np.linspace(100, 1, 50)})

    (told,) = Model("ExponentialSmoothing", {"damped": False}).forecast(
        panel(falling, details("y", "t", 14)), 14, [np.zeros((14, 0))]
    )

    assert told.min() == 0


def test_holidays_are_seen_in_days_and_months() -> None:
    known = calendars.days("US", 2024, 2024)
    days = pd.date_range("2024-12-24", periods=4)

    found = calendars.holidays_in(days, "D", known)

    assert found[1, 0] == 1
    assert found[0].tolist() == [0, 0, 1]
    assert calendars.holidays_in(pd.DatetimeIndex(["2024-12-01", "2024-02-01"]), "MS", known)[0, 0] >= 1
    assert calendars._easter(2026) == pd.Timestamp("2026-04-05")


def test_partial_autocorrelations_tell_the_order() -> None:
    random = np.random.default_rng(1)
    values = np.zeros(2000)
    for at in range(2, 2000):
        values[at] = 0.5 * values[at - 1] + 0.3 * values[at - 2] + random.normal()

    found = seasons.partial_autocorrelation(values, 6)

    assert found[2] == pytest.approx(0.3, abs=0.06)
    assert np.abs(found[3:]).max() < 0.1
    assert seasons.look_back([values], "D", 1) == (1, 0)
    assert seasons.look_back([random.normal(size=500)], "D", 1) == (0, 0)


def test_a_series_is_its_trend_its_season_and_the_rest() -> None:
    values = np.log(passengers())

    trend, seasonal = seasons.decompose(values, 12)

    assert np.std(values - trend - seasonal) < 0.05 * np.std(values) * 3
    assert np.argmax(seasonal[-12:]) in {6, 7}
    assert np.corrcoef(trend, np.arange(144))[0, 1] > 0.98
