"""Metrics of AutoML: Azure's names, scikit-learn's numbers where both define them, and what is done at the edges."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from jupyter_aml.automl import metrics
from jupyter_aml.automl.metrics import Classes, Numbers


@pytest.fixture(scope="module", params=[load_wine, load_breast_cancer], ids=["three classes", "two classes"])
def classes(request: pytest.FixtureRequest) -> Classes:
    """What a shallow tree says of rows that it has not seen."""
    x, y = request.param(return_X_y=True)
    seen, unseen, told, truth = train_test_split(x, y, test_size=0.5, random_state=0, stratify=y)
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(seen, told)
    return Classes(truth, tree.predict_proba(unseen))


@pytest.fixture(scope="module")
def numbers() -> Numbers:
    x, y = load_diabetes(return_X_y=True)
    predicted = LinearRegression().fit(x[:200], y[:200]).predict(x[200:])
    return Numbers(y[200:], predicted, float(np.ptp(y)))


SAME: dict[str, Callable[[Classes], float]] = {
    "accuracy": lambda case: sk.accuracy_score(case.truth, case.predicted),
    "balanced_accuracy": lambda case: sk.balanced_accuracy_score(case.truth, case.predicted),
    "norm_macro_recall": lambda case: sk.balanced_accuracy_score(case.truth, case.predicted, adjusted=True),
    "log_loss": lambda case: sk.log_loss(case.truth, case.probabilities),
    "matthews_correlation": lambda case: sk.matthews_corrcoef(case.truth, case.predicted),
    "f1_score_macro": lambda case: sk.f1_score(case.truth, case.predicted, average="macro"),
    "f1_score_micro": lambda case: sk.f1_score(case.truth, case.predicted, average="micro"),
    "precision_score_weighted": lambda case: sk.precision_score(case.truth, case.predicted, average="weighted"),
    "recall_score_weighted": lambda case: sk.recall_score(case.truth, case.predicted, average="weighted"),
    "AUC_macro": lambda case: sk.roc_auc_score(case.indicator, case.probabilities, average="macro"),
    "AUC_micro": lambda case: sk.roc_auc_score(case.indicator, case.probabilities, average="micro"),
    "AUC_weighted": lambda case: sk.roc_auc_score(case.indicator, case.probabilities, average="weighted"),
    "average_precision_score_weighted": lambda case: sk.average_precision_score(
        case.indicator, case.probabilities, average="weighted"
    ),
    "average_precision_score_macro": lambda case: sk.average_precision_score(
        case.indicator, case.probabilities, average="macro"
    ),
}


@pytest.mark.parametrize("name", sorted(SAME))
def test_a_metric_of_a_classifier_is_scikit_learns(classes: Classes, name: str) -> None:
    assert metrics.value(name, classes) == pytest.approx(SAME[name](classes), rel=1e-12)


def test_all_metrics_that_azure_reports_are_there(classes: Classes, numbers: Numbers) -> None:
    averaged = ("AUC", "average_precision_score", "f1_score", "precision_score", "recall_score")
    single = {"accuracy", "balanced_accuracy", "log_loss", "matthews_correlation", "norm_macro_recall"}
    expected = {f"{name}_{kind}" for name in averaged for kind in ("macro", "micro", "weighted")}

    assert set(metrics.every(classes)) == expected | single | {"weighted_accuracy"}
    assert len(metrics.every(numbers)) == 12
    assert set(metrics.PRIMARY[metrics.CLASSIFICATION]) <= set(metrics.every(classes))
    assert set(metrics.PRIMARY[metrics.REGRESSION]) <= set(metrics.every(numbers))


def test_weighted_accuracy_counts_a_row_as_often_as_its_class_has_rows() -> None:
    truth = np.array([0, 0, 0, 1])
    case = Classes(truth, np.eye(2)[[0, 0, 1, 0]])

    assert metrics.value("weighted_accuracy", case) == pytest.approx((3 + 3) / (3 * 3 + 1))
    assert metrics.value("norm_macro_recall", case) == pytest.approx(((2 / 3 + 0) / 2 - 0.5) / 0.5)


@pytest.mark.parametrize("name", sorted(metrics.CLASSIFICATION_METRICS.keys() - {"weighted_accuracy"}))
def test_a_weight_of_two_is_the_row_twice(name: str) -> None:
    x, truth = load_wine(return_X_y=True)
    told = LogisticRegression(max_iter=1000).fit(x[:, :2], truth).predict_proba(x[:, :2])
    often = np.arange(len(truth)) % 3 + 1

    weighed = metrics.value(name, Classes(truth, told, often.astype(float)))

    assert weighed == pytest.approx(metrics.value(name, Classes(np.repeat(truth, often), np.repeat(told, often, 0))))


@pytest.mark.parametrize("name", sorted(metrics.REGRESSION_METRICS.keys() - {"spearman_correlation"}))
def test_a_weight_of_two_is_the_number_twice(numbers: Numbers, name: str) -> None:
    often = np.arange(len(numbers.truth)) % 3 + 1
    twice = Numbers(np.repeat(numbers.truth, often), np.repeat(numbers.predicted, often), numbers.span)

    weighed = metrics.value(name, Numbers(numbers.truth, numbers.predicted, numbers.span, often.astype(float)))

    assert weighed == pytest.approx(metrics.value(name, twice), rel=1e-2 if "median" in name else 1e-9)


def test_metrics_of_numbers() -> None:
    case = Numbers(np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 1.0]), 10.0)
    found = metrics.every(case)

    assert found["mean_absolute_error"] == pytest.approx(1.0)
    assert found["normalized_mean_absolute_error"] == pytest.approx(0.1)
    assert found["root_mean_squared_error"] == pytest.approx(math.sqrt(5 / 3))
    assert found["median_absolute_error"] == pytest.approx(1.0)
    assert found["mean_absolute_percentage_error"] == pytest.approx(100 * (1 / 1 + 2 / 3) / 2), "0 is left out"
    assert found["spearman_correlation"] == pytest.approx(0.5)
    assert found["r2_score"] == pytest.approx(sk.r2_score(case.truth, case.predicted))
    assert found["explained_variance"] == pytest.approx(sk.explained_variance_score(case.truth, case.predicted))


def test_r2_is_not_below_minus_one_and_a_log_error_needs_numbers_above_minus_one() -> None:
    case = Numbers(np.array([1.0, 2.0, 3.0]), np.array([-100.0, 50.0, 7.0]), 2.0)

    assert metrics.value("r2_score", case) == -1.0
    assert "root_mean_squared_log_error" not in metrics.every(case)


def test_a_class_that_no_row_has_is_left_out_of_the_means() -> None:
    truth = np.array([0, 1, 0, 1])
    case = Classes(truth, np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.4, 0.5, 0.1], [0.2, 0.7, 0.1]]))

    assert metrics.value("AUC_macro", case) == 1.0
    assert metrics.value("balanced_accuracy", case) == pytest.approx(0.75)


def test_one_class_alone_has_no_curve() -> None:
    found = metrics.every(Classes(np.zeros(3, dtype=int), np.full((3, 2), 0.5)))

    assert "AUC_weighted" not in found
    assert found["accuracy"] == 1.0


def test_constant_targets_have_no_normalised_error() -> None:
    found = metrics.every(Numbers(np.ones(3), np.zeros(3), 0.0))

    assert "normalized_root_mean_squared_error" not in found
    assert "r2_score" not in found
    assert found["spearman_correlation"] == 0.0


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Classes, (np.array([], dtype=int), np.empty((0, 2)))),
        (Classes, (np.array([0, 1]), np.ones((3, 2)))),
        (Numbers, (np.array([1.0]), np.array([[1.0]]), 1.0)),
        (Numbers, (np.array([]), np.array([]), 1.0)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(kind: Any, given: Any) -> None:
    with pytest.raises(ValueError, match="shape"):
        kind(*given)


def test_a_metric_becomes_a_loss() -> None:
    assert metrics.loss("AUC_weighted", 0.9) == pytest.approx(0.1)
    assert metrics.loss("normalized_root_mean_squared_error", 0.2) == 0.2
    assert metrics.loss("accuracy", math.nan) == math.inf
    assert [name for name in metrics.CLASSIFICATION_METRICS if not metrics.maximized(name)] == ["log_loss"]
