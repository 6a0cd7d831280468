"""What is asked of a forecast: Azure's `Forecasting` details, checked once and typed.

Source: the SDK's `ForecastingSettings` and `ForecastingJob`; REST `Forecasting`, api-version 2023-04-01-preview.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.automl import family

PRIMARY = (
    "normalized_root_mean_squared_error",
    "normalized_mean_absolute_error",
    "r2_score",
    "spearman_correlation",
)
"""What may be optimised; the first is Azure's default."""
BASELINES = ("Naive", "SeasonalNaive", "Average", "SeasonalAverage")
LOCAL = (*BASELINES, "ExponentialSmoothing", "AutoArima", "Arimax", "Prophet")
"""Models of one series each."""
REGRESSIONS = (
    "LightGBM", "ElasticNet", "XGBoostRegressor", "ExtremeRandomTrees", "RandomForest", "GradientBoosting", "KNN",
    "LassoLars", "DecisionTree", "SGD",
)  # fmt: skip
"""Models of all series together, which learn from lags."""
NOT_THERE = {"TCNForecaster": "TCNForecaster is a neural network that is not offered here; LightGBM stands for it."}
ALGORITHMS = (*LOCAL, *REGRESSIONS)
PACKAGES = {"Prophet": "prophet", "LightGBM": "lightgbm", "XGBoostRegressor": "xgboost"}
AUTO, CUSTOM, NONE = "Auto", "Custom", "None"
SHORT = (AUTO, "Pad", "Drop", NONE)
AGGREGATES = (NONE, "Sum", "Max", "Min", "Mean")
STL = (NONE, "Season", "SeasonTrend")
FILLS = ("constant", "ffill", "mean", "median", "most_frequent")
"""Strategies of the transformer Imputer."""
MOST_HORIZON = 5000
UNITS = {
    "M": "ME", "BM": "BME", "Q": "QE", "BQ": "BQE", "A": "YE", "Y": "YE", "BA": "BYE", "BY": "BYE", "AS": "YS",
    "BAS": "BYS", "H": "h", "BH": "bh", "T": "min", "S": "s", "L": "ms", "CBM": "CBME", "SM": "SME",
}  # fmt: skip
"""Words for frequencies that pandas had before 2.2, which Azure's documentation uses, and those that it has now."""
KNOWN_UNITS = frozenset(
    {*UNITS.values(), "D", "B", "C", "W", "MS", "BMS", "QS", "BQS", "YS", "BYS", "SMS", "CBMS", "ms", "us"}
)
_FREQUENCY = re.compile(r"^(\d*)([A-Za-z]+)(-[A-Za-z]{3})?$")


@dataclass(frozen=True)
class Settings:
    """What is asked for.

    Attributes:
        target, time, ids: Names of columns.
        metric: What is optimised.
        horizon: Steps ahead; 0 for the rule.
        frequency: An offset of pandas; empty to find it.
        season: Steps of a season, 1 for none; 0 to find it.
        lags: Steps back that regressions see; empty for those of `lags_mode`.
        lags_mode, window_mode: `Auto` for Azure's rule, `Custom`, or empty where the search decides.
        window: Steps of a rolling window; 0 for that of `window_mode`.
        feature_lags: Whether numeric features are lagged.
        stl: Components of the decomposition that regressions see: `None`, `Season` or `SeasonTrend`.
        short: What is done with short series.
        holidays: A country; empty for none.
        aggregate: How targets are put together; empty for not at all.
        step: Steps between the origins of two folds; 0 for the horizon.
        unknown: Features that are not known in advance.
        folds: How many; 0 for the rule.
        allowed, blocked: Names of algorithms.
        ensemble: Whether the best may vote.
        purposes: Azure's purposes of columns.
        fills: Strategy and value by column, for gaps.
        weight: A column that is left out; empty for none.
    """

    target: str
    time: str
    ids: tuple[str, ...] = ()
    metric: str = PRIMARY[0]
    horizon: int = 1
    frequency: str = ""
    season: int = 0
    lags: tuple[int, ...] = ()
    lags_mode: str = ""
    window: int = 0
    window_mode: str = ""
    feature_lags: bool = False
    stl: str = NONE
    short: str = AUTO
    holidays: str = ""
    aggregate: str = ""
    step: int = 0
    unknown: tuple[str, ...] = ()
    folds: int = 0
    allowed: tuple[str, ...] | None = None
    blocked: tuple[str, ...] = ()
    ensemble: bool = True
    purposes: Mapping[str, str] = field(default_factory=dict)
    fills: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    weight: str = ""

    def offered(self) -> list[str]:
        """The algorithms that are installed and asked for, in the order in which a search begins with them.

        Raises:
            ValueError: None is left.
        """
        wanted = [one for one in ALGORITHMS if self.allowed is None or one in self.allowed]
        found = [one for one in wanted if one not in self.blocked and there(one)]
        if not found:
            missing = sorted({PACKAGES[one] for one in wanted if not there(one)})
            install = f" Install {', '.join(missing)}." if missing else ""
            msg = f"No algorithm is left to try.{install} Allow others, e.g. ExponentialSmoothing."
            raise ValueError(msg)
        return found


def there(algorithm: str) -> bool:
    """Whether the package that brings it is installed."""
    package = PACKAGES.get(algorithm)
    return package is None or importlib.util.find_spec(package) is not None


def read(details: Mapping[str, Any]) -> tuple[Settings, list[str]]:
    """The settings, and a sentence for each that is replaced or not used.

    Raises:
        ValueError: What was found, what was expected, and what to type.
    """
    asked = details.get("forecastingSettings") or {}
    notes: list[str] = []
    target, time = details.get("targetColumnName"), asked.get("timeColumnName")
    if not target:
        msg = "There is no target column; set target_column_name."
        raise ValueError(msg)
    if not time:
        msg = "There is no time column; set forecasting.time_column_name to the column that holds the dates."
        raise ValueError(msg)
    ids = _names(asked.get("timeSeriesIdColumnNames"))
    if len({target, time, *ids}) < len(ids) + 2:
        msg = f"Target {target!r}, time {time!r} and ids {list(ids)} must be different columns."
        raise ValueError(msg)
    horizon = _mode(asked.get("forecastHorizon"), "forecast_horizon", 1, MOST_HORIZON)
    lags, lags_mode = _lags(asked.get("targetLags"))
    window = _mode(asked.get("targetRollingWindowSize"), "target_rolling_window_size", 2)
    season = _mode(asked.get("seasonality"), "seasonality", 1)
    folds = _mode(details.get("nCrossValidations"), "n_cross_validations", 1)
    step = asked.get("cvStepSize")
    if step is not None and (not isinstance(step, int) or step < 1):
        msg = f"cv_step_size is {step!r}; expected a whole number of steps, 1 at least."
        raise ValueError(msg)
    frequency = unit(asked.get("frequency") or "")
    aggregate = _word(asked.get("targetAggregateFunction"), AGGREGATES, "target_aggregate_function", NONE)
    if aggregate != NONE and not frequency:
        msg = f"target_aggregate_function is {aggregate!r}, but there is no frequency; set frequency, e.g. 'D' or 'MS'."
        raise ValueError(msg)
    allowed, blocked = _algorithms(details.get("trainingSettings") or {}, notes)
    purposes, fills = _featurization(details.get("featurizationSettings") or {}, notes)
    settings = Settings(
        target=target, time=time, ids=ids, metric=metric(details), frequency=frequency,
        horizon=1 if horizon is None else horizon, season=season or 0, lags=lags, lags_mode=lags_mode,
        window=window or 0, window_mode="" if window is None else CUSTOM if window else AUTO,
        feature_lags=_word(asked.get("featureLags"), (NONE, AUTO), "feature_lags", NONE) == AUTO,
        stl=_word(asked.get("useStl"), STL, "use_stl", NONE),
        short=_word(asked.get("shortSeriesHandlingConfig"), SHORT, "short_series_handling_config", AUTO),
        holidays=_country(asked.get("countryOrRegionForHolidays"), notes),
        aggregate="" if aggregate == NONE else aggregate, step=step or 0,
        unknown=_names(asked.get("featuresUnknownAtForecastTime")), folds=folds or 0, allowed=allowed, blocked=blocked,
        ensemble=(details.get("trainingSettings") or {}).get("enableVoteEnsemble") is not False,
        purposes=purposes, fills=fills, weight=details.get("weightColumnName") or "",
    )  # fmt: skip
    strange = [one for one in settings.unknown if one in {target, time, *ids}]
    if strange:
        msg = f"features_unknown_at_forecast_time has {strange[0]!r}, which is no feature; leave it out."
        raise ValueError(msg)
    settings.offered()
    _unused(details, notes)
    return settings, notes


def metric(details: Mapping[str, Any]) -> str:
    """The primary metric under Azure's name.

    Raises:
        ValueError: It is none of a forecast's.
    """
    return family.primary(str(details.get("primaryMetric") or PRIMARY[0]), PRIMARY, "forecasting")


def unit(frequency: str) -> str:
    """A frequency in the words of today's pandas; empty for an empty one.

    Raises:
        ValueError: It is no frequency.
    """
    if not frequency:
        return ""
    found = _FREQUENCY.match(frequency)
    word = "" if found is None else UNITS.get(found[2], found[2])
    plain = word if word in KNOWN_UNITS else word.lower() if word.lower() in KNOWN_UNITS else word.upper()
    if found is None or plain not in KNOWN_UNITS or found[1].strip("0") == "" != found[1]:
        msg = f"frequency is {frequency!r}; expected an offset of pandas such as 'h', 'D', 'W-SUN', 'MS', 'QS' or 'YS'."
        raise ValueError(msg)
    return f"{found[1]}{plain}{(found[3] or '').upper()}"


def _names(found: Any) -> tuple[str, ...]:
    if not found:
        return ()
    return (found,) if isinstance(found, str) else tuple(dict.fromkeys(map(str, found)))


def _mode(found: Any, name: str, least: int, most: int = 100_000) -> int | None:
    """The number of a setting that is `Auto` (0), a number, or not there (None)."""
    value = found
    if isinstance(found, Mapping):
        value = found.get("value") if str(found.get("mode", CUSTOM)).title() != AUTO else AUTO
    if value is None and not isinstance(found, Mapping):
        return None
    if isinstance(value, str) and value.title() == AUTO:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        msg = (
            f"{name} is {value!r}; expected 'auto' or a whole number from {least:,} to {most:,}, e.g. {max(least, 12)}."
        )
        raise ValueError(msg)
    return value


def _lags(found: Any) -> tuple[tuple[int, ...], str]:
    values = found
    if isinstance(found, Mapping):
        values = AUTO if str(found.get("mode", CUSTOM)).title() == AUTO else found.get("values")
    if values is None and not isinstance(found, Mapping):
        return (), ""
    if isinstance(values, str) and values.title() == AUTO:
        return (), AUTO
    lags = [values] if isinstance(values, int) else values
    if not isinstance(lags, Sequence) or not lags or not all(isinstance(one, int) and one > 0 for one in lags):
        msg = f"target_lags is {values!r}; expected 'auto' or whole numbers of steps, 1 at least, e.g. [1, 2, 12]."
        raise ValueError(msg)
    return tuple(sorted(set(lags))), CUSTOM


def _word(found: Any, known: Sequence[str], name: str, default: str) -> str:
    if found is None:
        return default
    by_word = {one.lower(): one for one in known}
    word = by_word.get(str(found).replace("_", "").lower())
    if word is None:
        msg = f"{name} is {found!r}; expected one of {', '.join(known)}."
        raise ValueError(msg)
    return word


def _country(found: Any, notes: list[str]) -> str:
    if not found:
        return ""
    if not re.fullmatch(r"[A-Za-z]{2}", str(found)):
        msg = f"country_or_region_for_holidays is {found!r}; expected a country's two letters (ISO 3166), e.g. 'US'."
        raise ValueError(msg)
    if importlib.util.find_spec("holidays") is None:
        notes.append(
            f"country_or_region_for_holidays {found!r}: the package holidays is not installed, so the days that are"
            " alike every year (New Year, 1 May, Christmas) and Easter stand for the country's holidays."
        )
    return str(found).upper()


def key(name: str) -> str:
    """An algorithm's name as the SDK, YAML and REST may write it, in one form."""
    short = name.replace("_", "").replace(" ", "").lower()
    return {"xgboost": "xgboostregressor", "lightgbmregressor": "lightgbm"}.get(short, short)


def _algorithms(asked: Mapping[str, Any], notes: list[str]) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Names of algorithms that are allowed, None for all, and of those that are blocked."""
    names = {key(name): name for name in (*ALGORITHMS, *NOT_THERE)}

    def known(name: str) -> str:
        found = names.get(key(name))
        if found is None:
            msg = f"{name!r} is no algorithm for forecasting; expected one of {', '.join(sorted(names.values()))}."
            raise ValueError(msg)
        return found

    allowed = [known(one) for one in asked.get("allowedTrainingAlgorithms") or ()]
    blocked = [known(one) for one in asked.get("blockedTrainingAlgorithms") or ()]
    notes += [NOT_THERE[one] for one in allowed if one in NOT_THERE]
    notes += [f"{one} needs the package {PACKAGES[one]}, which is not installed." for one in allowed if not there(one)]
    if asked.get("enableDnnTraining") and "TCNForecaster" not in allowed:
        notes.append(NOT_THERE["TCNForecaster"])
    if asked.get("enableStackEnsemble"):
        notes.append("enable_stack_ensemble: forecasts are stacked by no model; the best of them vote with weights.")
    if asked.get("enableOnnxCompatibleModels"):
        notes.append("enable_onnx_compatible_models: a forecast depends on the past of its series; no ONNX is written.")
    if asked.get("enableModelExplainability"):
        notes.append("enable_model_explainability: a forecast is explained by its backtest, not by its features.")
    if str(asked.get("trainingMode") or AUTO).lower() == "distributed":
        notes.append("training_mode: each trial is trained in one process; trials run side by side.")
    own = [("LightGBM" if one in NOT_THERE else one) for one in allowed]
    return (tuple(dict.fromkeys(own)) or None), tuple(blocked)


def _featurization(asked: Mapping[str, Any], notes: list[str]) -> tuple[dict[str, str], dict[str, tuple[str, Any]]]:
    """Purposes by column, and how gaps of a column are filled."""
    if str(asked.get("mode") or AUTO).lower() == "off":
        msg = "featurization.mode is 'off', which forecasting cannot use; expected 'auto' or 'custom'."
        raise ValueError(msg)
    if asked.get("blockedTransformers"):
        told = ", ".join(asked["blockedTransformers"])
        notes.append(f"blocked_transformers ({told}): a forecast's features are made by none of Azure's transformers.")
    if asked.get("enableDnnFeaturization"):
        notes.append("enable_dnn_featurization: texts of a forecast are taken as categories.")
    if asked.get("datasetLanguage"):
        notes.append("dataset_language: texts of a forecast are taken as categories, in any language.")
    fills: dict[str, tuple[str, Any]] = {}
    for name, entries in (asked.get("transformerParams") or {}).items():
        if name.lower() not in {"imputer", "simpleimputer"}:
            notes.append(f"transformer_params of {name} are not used: a forecast's features are not made by it.")
            continue
        for entry in entries:
            parameters = entry.get("parameters") or {}
            strategy = _word(parameters.get("strategy"), FILLS, "strategy of the Imputer", "median")
            if strategy == "constant" and "fill_value" not in parameters:
                msg = "An Imputer with the strategy 'constant' has no fill_value; give one, e.g. {'fill_value': 0}."
                raise ValueError(msg)
            fills |= dict.fromkeys(entry.get("fields") or (), (strategy, parameters.get("fill_value")))
    return dict(asked.get("columnNameAndTypes") or {}), fills


def _unused(details: Mapping[str, Any], notes: list[str]) -> None:
    if details.get("weightColumnName"):
        notes.append(
            f"weight_column_name: rows of a forecast have no weights; {details['weightColumnName']} is left out."
        )
    if details.get("cvSplitColumnNames"):
        names = ", ".join(details["cvSplitColumnNames"])
        notes.append(f"cv_split_column_names ({names}): a forecast is validated by origins that roll forward in time.")
    if details.get("validationDataSize"):
        notes.append("validation_data_size: a forecast is validated by origins that roll forward in time.")
    if details.get("testDataSize"):
        notes.append("test_data_size: give the last steps as test_data; they are not split off here.")
