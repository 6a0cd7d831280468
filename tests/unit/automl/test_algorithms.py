"""Algorithms: Azure's names, all of them, each of which learns from real data with what a search proposes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import optuna
import pytest
from azure.ai.ml.automl import ClassificationModels, RegressionModels
from sklearn.datasets import load_diabetes, load_wine
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from jupyter_aml.automl import algorithms
from jupyter_aml.automl.features import Form
from jupyter_aml.automl.metrics import CLASSIFICATION, REGRESSION

NAMES = {CLASSIFICATION: ClassificationModels, REGRESSION: RegressionModels}
EVERY = [(task, name) for task in NAMES for name in algorithms.available(task)]


@pytest.mark.parametrize("task", NAMES)
def test_the_names_are_azures(task: str) -> None:
    assert {one.value for one in NAMES[task]} == set(algorithms.available(task))


@pytest.mark.parametrize(("task", "line"), [(CLASSIFICATION, "LogisticRegression"), (REGRESSION, "ElasticNet")])
def test_what_is_cheap_comes_first_and_of_many_rows_that_is_lightgbm(task: str, line: str) -> None:
    known = algorithms.available(task)

    assert list(algorithms.suited(known, 20_000))[:2] == [line, "LightGBM"]
    assert list(algorithms.suited(known, 20_001))[:2] == ["LightGBM", line]
    assert set(algorithms.suited(known, 30_000)) == {name for name, one in known.items() if name != "SVM"}


@pytest.mark.parametrize(("task", "name"), EVERY)
def test_an_algorithm_learns_with_its_first_parameters_and_with_others(task: str, name: str) -> None:
    load, score = (load_wine, accuracy_score) if task == CLASSIFICATION else (load_diabetes, r2_score)
    one = algorithms.available(task)[name]
    x, y = load(return_X_y=True)
    if one.form is Form.LINEAR:
        x = (MinMaxScaler() if one.positive else StandardScaler()).fit_transform(x)
    seen, unseen, told, truth = train_test_split(x, y, test_size=0.4, random_state=0)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    asked = one.space(study.ask()) if one.space else {}
    assert set(one.first) <= set(asked)

    for parameters in (one.first, asked):
        model: Any = one.make({**parameters, **({"n_estimators": 50} if one.boosts else {})}, 1, 0)
        more = {"eval_set": [(unseen, truth)]} if one.boosts else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # libraries tell of themselves
            found = model.fit(seen, told, **more).predict(unseen)

        assert score(truth, found) > (0.5 if task == CLASSIFICATION else 0.1)
        if task == CLASSIFICATION:
            np.testing.assert_allclose(model.predict_proba(unseen).sum(axis=1), 1.0, rtol=1e-5)


def test_allowed_and_blocked_names_are_read_as_yaml_and_rest_write_them() -> None:
    allowed = ["light_gbm", "xg_boost_classifier", "LogisticRegression", "xgboost_classifier"]
    found = algorithms.available(CLASSIFICATION, allowed, ["logistic_regression"])

    assert list(found) == ["LightGBM", "XGBoostClassifier"]


def test_what_is_wrong_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="'Forest' is no algorithm for regression; expected one of DecisionTree, "):
        algorithms.available(REGRESSION, ["Forest"])
    with pytest.raises(ValueError, match="No algorithm is left to try"):
        algorithms.available(REGRESSION, ["KNN"], ["KNN"])
    monkeypatch.setattr(algorithms.Algorithm, "there", property(lambda one: not one.needs))
    with pytest.raises(ValueError, match="Install lightgbm"):
        algorithms.available(REGRESSION, ["LightGBM"])
    assert "LightGBM" not in algorithms.available(REGRESSION)
