"""Metrics under Azure's names and by its definitions, of classification and regression.

Source: Microsoft's "Evaluate automated machine learning experiment results". Where Azure leaves a case open (a class
that no row has), the mean is taken over the classes for which the metric is defined.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

CLASSIFICATION, REGRESSION = "classification", "regression"
PRIMARY = {
    CLASSIFICATION: (
        "accuracy",
        "AUC_weighted",
        "average_precision_score_weighted",
        "norm_macro_recall",
        "precision_score_weighted",
    ),
    REGRESSION: (
        "spearman_correlation",
        "normalized_root_mean_squared_error",
        "r2_score",
        "normalized_mean_absolute_error",
    ),
}
"""What may be optimised; the first is what Azure takes when none is named, but for regression (`DEFAULT`)."""
DEFAULT = {CLASSIFICATION: "accuracy", REGRESSION: "normalized_root_mean_squared_error"}
LOWEST_R2 = -1.0
"""Azure reports no R² below it."""
_TINY = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Classes:
    """What a classifier has said of some rows.

    Args:
        truth: The class of each row as its position among the classes, shape (rows,).
        probabilities: Of each class, shape (rows, classes); each row sums to 1.
        weights: Of the rows, shape (rows,); None for equal ones.

    Raises:
        ValueError: The shapes do not fit, or there is no row.
    """

    truth: Codes
    probabilities: Floats
    weights: Floats | None = None

    def __post_init__(self) -> None:
        rows, shape = len(self.truth), self.probabilities.shape
        if not rows or shape != (rows, shape[-1]):
            msg = f"{rows} true classes, and probabilities of the shape {shape}; expected as many, and at least one."
            raise ValueError(msg)

    @property
    def count(self) -> int:
        """How many classes there are."""
        return int(self.probabilities.shape[1])

    @cached_property
    def labels(self) -> Codes:
        """All classes, shape (classes,)."""
        return np.arange(self.count)

    @cached_property
    def predicted(self) -> Codes:
        """The most probable class of each row, shape (rows,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @cached_property
    def indicator(self) -> Floats:
        """1 where a row has a class, shape (rows, classes)."""
        return np.asarray(self.truth[:, None] == self.labels, dtype=float)

    @cached_property
    def shares(self) -> Floats:
        """The weight of each class among the rows, shape (classes,), with the sum 1."""
        found = np.bincount(self.truth, weights=self.weights, minlength=self.count).astype(float)
        return np.asarray(found / found.sum())

    def averaged(self, metric: Callable[..., float], average: str) -> float:
        """A metric of one class against the rest, averaged over the classes.

        Args:
            metric: Takes a truth of zeros and ones, scores, and `sample_weight`.
            average: `macro`, `weighted` (by the rows of a class) or `micro` (every cell of the indicator is a row).
        """
        if average == "micro":
            weights = None if self.weights is None else np.repeat(self.weights, self.count)
            return float(metric(self.indicator.ravel(), self.probabilities.ravel(), sample_weight=weights))
        there = [at for at in range(self.count) if 0.0 < self.shares[at] < 1.0]
        if not there:
            return math.nan
        values = [metric(self.indicator[:, at], self.probabilities[:, at], sample_weight=self.weights) for at in there]
        return float(np.average(values, weights=self.shares[there] if average == "weighted" else None))


@dataclass(frozen=True)
class Numbers:
    """What a regression has said of some rows.

    Args:
        truth: Shape (rows,).
        predicted: Shape (rows,).
        span: Largest less smallest target of all the data, by which normalised errors are divided.
        weights: Of the rows, shape (rows,); None for equal ones.

    Raises:
        ValueError: The shapes do not fit, or there is no row.
    """

    truth: Floats
    predicted: Floats
    span: float
    weights: Floats | None = None

    def __post_init__(self) -> None:
        if not len(self.truth) or self.truth.shape != self.predicted.shape or self.truth.ndim != 1:
            msg = f"Targets of the shape {self.truth.shape} and predictions of the shape {self.predicted.shape}."
            raise ValueError(msg)

    @cached_property
    def errors(self) -> Floats:
        """Predicted less true, shape (rows,)."""
        return np.asarray(self.predicted - self.truth)

    def mean(self, values: Floats) -> float:
        """The weighted mean of a value of each row."""
        return float(np.average(values, weights=self.weights))

    @cached_property
    def mean_absolute(self) -> float:
        return self.mean(np.abs(self.errors))

    @cached_property
    def root_mean_squared(self) -> float:
        return math.sqrt(self.mean(self.errors**2))

    @cached_property
    def root_mean_squared_log(self) -> float:
        """Not defined where a target or a prediction is -1 or less."""
        if min(self.truth.min(), self.predicted.min()) <= -1.0:
            return math.nan
        return math.sqrt(self.mean((np.log1p(self.predicted) - np.log1p(self.truth)) ** 2))

    @cached_property
    def median_absolute(self) -> float:
        from sklearn.metrics import median_absolute_error

        return float(median_absolute_error(self.truth, self.predicted, sample_weight=self.weights))

    @cached_property
    def mean_absolute_percentage(self) -> float:
        """In per cent, of the rows whose target is not 0."""
        there = self.truth != 0
        if not there.any():
            return math.nan
        weights = None if self.weights is None else self.weights[there]
        return float(100.0 * np.average(np.abs(self.errors[there] / self.truth[there]), weights=weights))

    def normalized(self, error: float) -> float:
        """An error as a part of the targets' span."""
        return error / self.span if self.span > 0 else math.nan


def _auc(case: Classes, average: str) -> float:
    from sklearn.metrics import roc_auc_score

    return case.averaged(roc_auc_score, average)


def _average_precision(case: Classes, average: str) -> float:
    from sklearn.metrics import average_precision_score

    return case.averaged(average_precision_score, average)


def _by_class(name: str) -> Callable[[Classes, str], float]:
    """Precision, recall or F1 of the predicted classes."""

    def metric(case: Classes, average: str) -> float:
        from sklearn import metrics

        found = getattr(metrics, name)(
            case.truth,
            case.predicted,
            labels=case.labels[case.shares > 0] if average == "macro" else None,
            average=average,
            sample_weight=case.weights,
            zero_division=0.0,
        )
        return float(found)

    return metric


def _accuracy(case: Classes) -> float:
    return float(np.average(case.predicted == case.truth, weights=case.weights))


def _weighted_accuracy(case: Classes) -> float:
    """Each row counts as often as its class has rows."""
    own = np.bincount(case.truth, minlength=case.count)[case.truth].astype(float)
    weights = own if case.weights is None else own * case.weights
    return float(np.average(case.predicted == case.truth, weights=weights))


def _norm_macro_recall(case: Classes) -> float:
    """0 for a guess, 1 for what is always right."""
    guess = 1.0 / case.count
    recall = _RECALL(case, "macro")
    return (recall - guess) / (1.0 - guess) if case.count > 1 else math.nan


def _log_loss(case: Classes) -> float:
    own = np.clip(case.probabilities[np.arange(len(case.truth)), case.truth], _TINY, 1.0)
    return float(np.average(-np.log(own), weights=case.weights))


def _matthews(case: Classes) -> float:
    """0 where all rows have, or all get, one class."""
    from sklearn.metrics import matthews_corrcoef

    if len(set(case.truth)) == 1 or len(set(case.predicted)) == 1:
        return 0.0
    return float(matthews_corrcoef(case.truth, case.predicted, sample_weight=case.weights))


def _spearman(case: Numbers) -> float:
    """Of the ranks; 0 where all predictions or all targets are alike."""
    from scipy.stats import rankdata

    truth, predicted = rankdata(case.truth), rankdata(case.predicted)
    if truth.min() == truth.max() or predicted.min() == predicted.max():
        return 0.0
    spread = np.cov(truth, predicted, aweights=case.weights)
    return float(spread[0, 1] / math.sqrt(spread[0, 0] * spread[1, 1]))


def _r2(case: Numbers) -> float:
    around = case.mean((case.truth - case.mean(case.truth)) ** 2)
    return max(1.0 - case.mean(case.errors**2) / around, LOWEST_R2) if around > 0 else math.nan


def _explained(case: Numbers) -> float:
    around = case.mean((case.truth - case.mean(case.truth)) ** 2)
    left = case.mean((case.errors - case.mean(case.errors)) ** 2)
    return 1.0 - left / around if around > 0 else math.nan


_RECALL = _by_class("recall_score")
_AVERAGED: dict[str, Callable[..., float]] = {
    "AUC": _auc,
    "average_precision_score": _average_precision,
    "f1_score": _by_class("f1_score"),
    "precision_score": _by_class("precision_score"),
    "recall_score": _RECALL,
}


def _averages(name: str, metric: Callable[..., float]) -> dict[str, Callable[[Classes], float]]:
    return {f"{name}_{average}": partial(metric, average=average) for average in ("macro", "micro", "weighted")}


CLASSIFICATION_METRICS: dict[str, Callable[[Classes], float]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": lambda case: _RECALL(case, "macro"),
    "log_loss": _log_loss,
    "matthews_correlation": _matthews,
    "norm_macro_recall": _norm_macro_recall,
    "weighted_accuracy": _weighted_accuracy,
}
"""All that is reported of a classifier, by name."""
for _name, _metric in _AVERAGED.items():
    CLASSIFICATION_METRICS |= _averages(_name, _metric)

REGRESSION_METRICS: dict[str, Callable[[Numbers], float]] = {
    "explained_variance": _explained,
    "mean_absolute_error": lambda case: case.mean_absolute,
    "mean_absolute_percentage_error": lambda case: case.mean_absolute_percentage,
    "median_absolute_error": lambda case: case.median_absolute,
    "normalized_mean_absolute_error": lambda case: case.normalized(case.mean_absolute),
    "normalized_median_absolute_error": lambda case: case.normalized(case.median_absolute),
    "normalized_root_mean_squared_error": lambda case: case.normalized(case.root_mean_squared),
    "normalized_root_mean_squared_log_error": lambda case: case.normalized(case.root_mean_squared_log),
    "r2_score": _r2,
    "root_mean_squared_error": lambda case: case.root_mean_squared,
    "root_mean_squared_log_error": lambda case: case.root_mean_squared_log,
    "spearman_correlation": _spearman,
}
"""All that is reported of a regression, by name."""


def value(name: str, case: Classes | Numbers) -> float:
    """One metric of some rows; not a number where it is not defined.

    Raises:
        KeyError: There is no such metric of this kind of task.
    """
    found: dict[str, Callable[[Any], float]] = (
        CLASSIFICATION_METRICS if isinstance(case, Classes) else REGRESSION_METRICS
    )
    return found[name](case)


def every(case: Classes | Numbers) -> dict[str, float]:
    """All metrics of some rows that are defined for them, by name."""
    names = CLASSIFICATION_METRICS if isinstance(case, Classes) else REGRESSION_METRICS
    values = {name: value(name, case) for name in sorted(names)}
    return {name: found for name, found in values.items() if not math.isnan(found)}


def maximized(name: str) -> bool:
    """Whether more is better."""
    return not (name.endswith(("_error", "_loss")))


def loss(name: str, found: float) -> float:
    """A metric as something to be made small, with 0 for the best there can be; infinite where it is not defined."""
    if math.isnan(found):
        return math.inf
    return 1.0 - found if maximized(name) else found
