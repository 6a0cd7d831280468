"""Settings of AutoML in the spelling of YAML, and in that of ARM's task details.

Source: azure-ai-ml 1.35.2, `_to_rest_object` of the jobs and settings in `entities/_job/automl`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from jupyter_aml.local.jobs.pipelines import spelling

LISTS = frozenset({"time_series_id_column_names", "features_unknown_at_forecast_time"})
"""Settings that are a text or a list, of which the SDK writes lists as texts."""
GROUPS = {
    "limits": "limitSettings", "featurization": "featurizationSettings", "training": "trainingSettings",
    "forecasting": "forecastingSettings", "sweep": "sweepSettings",
}  # fmt: skip
MINUTES = {
    "timeout_minutes": "timeout", "trial_timeout_minutes": "trialTimeout",
    "ensemble_model_download_timeout_minutes": "ensembleModelDownloadTimeout",
}  # fmt: skip
CHOSEN = frozenset({"n_cross_validations", "forecast_horizon", "seasonality", "target_rolling_window_size"})
"""Settings that are `auto`, or chosen."""
WORDS = frozenset(
    {
        "primary_metric", "log_verbosity", "mode", "blocked_transformers", "allowed_training_algorithms",
        "blocked_training_algorithms", "training_mode", "stack_meta_learner_type", "feature_lags", "use_stl",
        "short_series_handling_config", "target_aggregate_function", "learning_rate_scheduler", "optimizer",
        "model_size", "validation_metric_type", "log_training_metrics", "log_validation_loss",
    }
)  # fmt: skip
"""Settings that are words of an enumeration."""
GIVEN = frozenset({"column_name_and_types", "parameters", "stack_meta_learner_kwargs", "stack_meta_learner_k_wargs"})
"""Settings whose keys are the user's."""
ODD = {
    word.lower(): word
    for word in (
        "AUCWeighted", "IOU", "TextNER", "LightGBM", "LightGBMClassifier", "LightGBMRegressor", "XGBoostClassifier",
        "XGBoostRegressor", "KNN", "SVM", "LinearSVM", "SGD", "TCNForecaster", "LogisticRegressionCV", "ElasticNetCV",
        "WoETargetEncoder", "TfIdf", "SeasonTrend",
    )
}  # fmt: skip
"""Words whose capitals do not tell where one of their parts begins."""
PARTS = {"lr": "LR", "kwargs": "KWargs"}
"""The like in names of settings."""


def details(task: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a task in snake case as ARM has them, without tables."""
    found = dict(_rest(key, value) for key, value in settings.items())
    fixed = found.pop("trainingParameters", None)
    if fixed:
        found["modelSettings" if task.startswith("image") else "fixedParameters"] = fixed
    return found


def _rest(key: str, value: Any) -> tuple[str, Any]:
    """The name and the value of a setting in ARM's spelling."""
    if key in MINUTES:
        return MINUTES[key], f"PT{value}M"
    spelled = _SPELLED.get(key)
    return GROUPS.get(key) or _camel(key), _plain(value) if spelled is None else spelled(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(_rest(key, held) for key, held in value.items() if held is not None)
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _mode(value: Any) -> dict[str, Any]:
    return {"mode": "Auto"} if _is_auto(value) else {"mode": "Custom", "value": value}


def _modes(value: Any) -> dict[str, Any]:
    values = value if isinstance(value, list) else [value]
    return {"mode": "Auto"} if _is_auto(value) else {"mode": "Custom", "values": values}


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value.lower() == "auto"


def _word(written: Any) -> Any:
    """A word of an enumeration as ARM has it, or each of several."""
    if isinstance(written, list):
        return [_word(one) for one in written]
    if not isinstance(written, str):
        return written
    owner, _, plain = written.rpartition(".")  # some members of Python enumerations are written with their class
    plain = plain.lower() if owner else plain
    bare = plain.replace("_", "").lower()
    return ODD.get(bare) or "".join(part[:1].upper() + part[1:] for part in plain.split("_"))


def _listed(written: Any) -> Any:
    return [written] if isinstance(written, str) else written


def _sampling(written: Any) -> Any:
    return _word(written.get("type") if isinstance(written, Mapping) else written)


def _columns(written: Any) -> Any:
    """Parameters of transformers, by their words."""
    return {_word(name): _plain(held) for name, held in written.items()} if isinstance(written, Mapping) else written


def _spaces(written: Any) -> Any:
    if not isinstance(written, list):
        return written
    return [{_camel(name): _distribution(held) for name, held in space.items()} for space in written]


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(PARTS.get(part, part.capitalize()) for part in rest)


def _distribution(value: Any) -> Any:
    """A distribution as ARM has it in a task's details: a text such as `choice(1,2)`."""
    if not isinstance(value, Mapping):
        return value if isinstance(value, str) else _number(value)
    kind, values = spelling.dimension(value)
    held = values[0] if kind == "choice" else values
    return f"{kind}({','.join(repr(one) if isinstance(one, str) else _number(one) for one in held)})"


def _number(value: Any) -> str:
    """A number without an exponent, as the SDK writes it."""
    text = str(value)
    return f"{Decimal(text):f}" if isinstance(value, float) and re.search("e", text, re.IGNORECASE) else text


_SPELLED: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(WORDS, _word),
    **dict.fromkeys(GIVEN, lambda held: held),
    **dict.fromkeys(CHOSEN, _mode),
    **dict.fromkeys(LISTS, _listed),
    "target_lags": _modes,
    "transformer_params": _columns,
    "search_space": _spaces,
    "sampling_algorithm": _sampling,
    "early_termination": spelling.termination,
}
"""What becomes of a setting's value; of any other, what becomes of what it holds."""
