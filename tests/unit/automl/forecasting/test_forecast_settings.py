"""The settings of a forecast: each of Azure's is honoured, or a sentence says what stands for it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from jupyter_aml.automl.forecasting import settings
from jupyter_aml.automl.forecasting.family import FAMILY
from tests.unit.automl.forecasting.sets import details, only


def test_all_settings_are_read() -> None:
    asked = details(
        "y", "t", 12, task={
            "primaryMetric": "SpearmanCorrelation", "nCrossValidations": {"mode": "Custom", "value": 4},
            "trainingSettings": {"blockedTrainingAlgorithms": ["Prophet", "RANDOM_FOREST"],
                                 "enableVoteEnsemble": False},
            "featurizationSettings": {
                "mode": "Custom", "columnNameAndTypes": {"shop": "Categorical"},
                "transformerParams": {
                    "Imputer": [{"fields": ["y"], "parameters": {"strategy": "constant", "fill_value": 0}}],
                },
            },
        },
        timeSeriesIdColumnNames=["shop", "item"], frequency="M", seasonality={"mode": "Custom", "value": 6},
        targetLags={"mode": "Custom", "values": [12, 1, 1]}, targetRollingWindowSize={"mode": "Custom", "value": 5},
        featureLags="Auto", useStl="SeasonTrend", shortSeriesHandlingConfig="Drop", targetAggregateFunction="Sum",
        cvStepSize=3, featuresUnknownAtForecastTime=["rain"],
    )  # fmt: skip

    found, notes = settings.read(asked)

    assert notes == []
    assert (found.target, found.time, found.ids) == ("y", "t", ("shop", "item"))
    assert found.metric == "spearman_correlation"
    assert (found.horizon, found.frequency, found.season, found.folds, found.step) == (12, "ME", 6, 4, 3)
    assert (found.lags, found.lags_mode, found.window, found.window_mode) == ((1, 12), "Custom", 5, "Custom")
    assert (found.feature_lags, found.stl, found.short, found.aggregate) == (True, "SeasonTrend", "Drop", "Sum")
    assert (found.unknown, found.ensemble) == (("rain",), False)
    assert found.purposes == {"shop": "Categorical"}
    assert found.fills == {"y": ("constant", 0)}
    assert {"Prophet", "RandomForest"}.isdisjoint(found.offered())


def test_without_wishes_azures_defaults_hold() -> None:
    found, notes = settings.read(details("y", "t"))

    assert notes == []
    assert (found.horizon, found.metric, found.short) == (1, "normalized_root_mean_squared_error", "Auto")
    assert (found.season, found.folds, found.lags_mode, found.ensemble) == (0, 0, "", True)
    assert found.offered()[:2] == ["Naive", "SeasonalNaive"]


def test_auto_is_auto() -> None:
    auto = {"mode": "Auto"}
    found, _ = settings.read(
        details("y", "t", task={"nCrossValidations": auto}, forecastHorizon=auto, targetLags=auto, seasonality=auto,
                targetRollingWindowSize=auto)
    )  # fmt: skip

    assert (found.horizon, found.lags_mode, found.window_mode, found.season, found.folds) == (0, "Auto", "Auto", 0, 0)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"forecastingSettings": {"timeColumnName": "t"}}, "set target_column_name"),
        ({"targetColumnName": "y"}, "set forecasting.time_column_name"),
        (details("y", "y"), "must be different columns"),
        (details("y", "t", forecastHorizon={"mode": "Custom", "value": 0}), "forecast_horizon is 0"),
        (details("y", "t", forecastHorizon={"mode": "Custom", "value": "soon"}), "expected 'auto' or a whole number"),
        (details("y", "t", targetLags={"mode": "Custom", "values": [0]}), r"target_lags is \[0\]"),
        (details("y", "t", seasonality={"mode": "Custom", "value": -1}), "seasonality is -1"),
        (details("y", "t", frequency="fortnightly"), "'W-SUN', 'MS'"),
        (details("y", "t", frequency="0D"), "frequency is '0D'"),
        (details("y", "t", targetAggregateFunction="Sum"), "set frequency, e.g. 'D'"),
        (details("y", "t", targetAggregateFunction="Product", frequency="D"), "expected one of None, Sum"),
        (details("y", "t", useStl="Trend"), "use_stl is 'Trend'"),
        (details("y", "t", shortSeriesHandlingConfig="Ignore"), "expected one of Auto, Pad, Drop"),
        (details("y", "t", cvStepSize=0), "cv_step_size is 0"),
        (details("y", "t", countryOrRegionForHolidays="Bavaria"), "two letters"),
        (details("y", "t", featuresUnknownAtForecastTime=["t"]), "which is no feature"),
        (details("y", "t", task={"primaryMetric": "Accuracy"}), "'Accuracy' is no primary metric for forecasting"),
        (details("y", "t", task=only("LogisticRegression")), "no algorithm for forecasting"),
        (details("y", "t", task={"featurizationSettings": {"mode": "Off"}}), "which forecasting cannot use"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_what_to_type(asked: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        FAMILY.check("forecasting", asked)


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ({"weightColumnName": "w"}, "w is left out"),
        ({"cvSplitColumnNames": ["cv"]}, "origins that roll forward"),
        ({"validationDataSize": 0.1}, "origins that roll forward"),
        ({"testDataSize": 0.1}, "give the last steps as test_data"),
        ({"trainingSettings": {"enableStackEnsemble": True}}, "the best of them vote"),
        ({"trainingSettings": {"enableDnnTraining": True}}, "LightGBM stands for it"),
        ({"trainingSettings": {"enableOnnxCompatibleModels": True}}, "no ONNX is written"),
        (only("TCNForecaster"), "LightGBM stands for it"),
        ({"trainingSettings": {"enableModelExplainability": True}}, "explained by its backtest"),
        ({"trainingSettings": {"trainingMode": "Distributed"}}, "trials run side by side"),
        ({"featurizationSettings": {"datasetLanguage": "deu"}}, "in any language"),
        ({"featurizationSettings": {"blockedTransformers": ["LabelEncoder"]}}, "LabelEncoder"),
        ({"featurizationSettings": {"transformerParams": {"PCA": []}}}, "PCA are not used"),
    ],
)  # fmt: skip
def test_what_is_not_honoured_is_said(task: Any, told: str) -> None:
    (note,) = FAMILY.check("forecasting", details("y", "t", task=task))

    assert told in note


@pytest.mark.parametrize(
    ("found", "word"), [("H", "h"), ("15T", "15min"), ("w-mon", "W-MON"), ("AS", "YS"), ("Q-JAN", "QE-JAN"), ("d", "D")]
)
def test_old_words_for_frequencies_are_known(found: str, word: str) -> None:
    assert settings.unit(found) == word


def test_the_metric_says_whether_more_is_better() -> None:
    assert FAMILY.metric("forecasting", details("y", "t")) == ("normalized_root_mean_squared_error", False)
    assert FAMILY.metric("forecasting", details("y", "t", task={"primaryMetric": "R2Score"})) == ("r2_score", True)


def test_checking_imports_nothing_heavy() -> None:
    script = """
import sys
from jupyter_aml.automl.forecasting.family import FAMILY
asked = {"targetColumnName": "y", "forecastingSettings": {"timeColumnName": "t"}}
FAMILY.check("forecasting", asked), FAMILY.metric("forecasting", asked)
print([name for name in ("numpy", "pandas", "sklearn", "scipy", "optuna") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
