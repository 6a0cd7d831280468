"""The settings of tabular jobs and their limits, as Azure's REST API writes them."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_aml.automl import limits, settings
from jupyter_aml.automl.folds import Validation
from jupyter_aml.automl.metrics import CLASSIFICATION, REGRESSION

WHOLE: dict[str, Any] = {
    "taskType": "Classification",
    "targetColumnName": "y",
    "primaryMetric": "AUCWeighted",
    "nCrossValidations": {"mode": "Custom", "value": 4},
    "testDataSize": 0.2,
    "weightColumnName": "w",
    "trainingSettings": {
        "allowedTrainingAlgorithms": ["LightGBM", "KNN"], "blockedTrainingAlgorithms": ["KNN"],
        "enableVoteEnsemble": False, "enableModelExplainability": False,
    },
    "featurizationSettings": {
        "mode": "Custom", "columnNameAndTypes": {"a": "Categorical"}, "blockedTransformers": ["TfIdf", "LabelEncoder"],
        "transformerParams": {"Imputer": [{"fields": ["b"], "parameters": {"strategy": "constant", "fill_value": 7}}]},
    },
    "limitSettings": {
        "timeout": "PT1H30M", "trialTimeout": "PT90S", "maxTrials": 7, "maxConcurrentTrials": 2, "maxCoresPerTrial": -1,
        "exitScore": 0.9, "enableEarlyTermination": False,
    },
}  # fmt: skip


def test_all_settings_are_read() -> None:
    found = settings.read(CLASSIFICATION, WHOLE)

    assert found.primary == "AUC_weighted"
    assert found.validation == Validation(folds=4)
    assert (found.test, found.weight, found.ensemble, found.explain) == (0.2, "w", False, False)
    assert list(found.allowed or ()) == ["LightGBM", "KNN"]
    assert list(found.blocked) == ["KNN"]
    assert found.purposes == {"a": "Categorical"}
    assert found.wishes.blocked == {"TfIdf"}
    assert found.wishes.imputers == {"b": ("constant", 7)}
    assert not found.plain


def test_little_is_enough() -> None:
    found = settings.read(REGRESSION, {"targetColumnName": "y"})

    assert found.primary == "normalized_root_mean_squared_error"
    assert found.validation == Validation()
    assert found.ensemble
    assert found.test == 0


def test_all_limits_are_read() -> None:
    found = limits.read(WHOLE)

    assert found == limits.Limits(5400.0, 90.0, 7, 2, None, 0.9, early=False)
    assert limits.read({}) == limits.Limits()


def test_validation_data_of_ones_own_leave_no_folds() -> None:
    details = {**WHOLE, "validationData": {"uri": "x"}, "validationDataSize": 0.3}

    assert settings.read(CLASSIFICATION, details).validation == Validation()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"primaryMetric": "R2Score"}, "'R2Score' is no primary metric for classification"),
        ({"targetColumnName": ""}, "target_column_name is missing"),
        ({"testDataSize": 1.5}, "test_data_size is 1.5"),
        ({"nCrossValidations": {"mode": "Custom", "value": 1}}, "n_cross_validations is 1"),
        ({"nCrossValidations": 1}, "n_cross_validations is 1"),
        ({"trainingSettings": {"allowedTrainingAlgorithms": ["Perceptron"]}}, "'Perceptron' is no algorithm"),
        (
            {"trainingSettings": {"allowedTrainingAlgorithms": ["KNN"], "blockedTrainingAlgorithms": ["KNN"]}},
            "No algorithm is left",
        ),
        (
            {"featurizationSettings": {"transformerParams": {"Imputer": [{"parameters": {"strategy": "guess"}}]}}},
            "strategy is 'guess'",
        ),
    ],
)
def test_what_cannot_be_is_told(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settings.read(CLASSIFICATION, {**WHOLE, **change})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"timeout": "an hour"}, "limits.timeout is 'an hour'; expected a duration"),
        ({"trialTimeout": "PT0S"}, "no time at all"),
        ({"maxTrials": 0}, "limits.max_trials is 0"),
        ({"maxConcurrentTrials": 1.5}, "limits.max_concurrent_trials is 1.5"),
    ],
)
def test_limits_that_cannot_be_are_told(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        limits.read({"limitSettings": change})


def test_what_is_not_honoured_is_said() -> None:
    details = {
        "trainingSettings": {
            "enableStackEnsemble": True, "enableOnnxCompatibleModels": True, "trainingMode": "Distributed",
        },
        "featurizationSettings": {
            "enableDnnFeaturization": True, "blockedTransformers": ["WordEmbedding"], "datasetLanguage": "deu",
            "transformerParams": {"HashOneHotEncoder": [], "Imputer": []},
        },
    }  # fmt: skip

    said = settings.unheard(details)

    words = ("enable_stack", "onnx", "training_mode", "dnn", "blocked_transformers", "transformer_params", "language")
    assert len(said) == len(words)
    assert all(any(word in one for one in said) for word in words)
    assert settings.unheard({}) == []
