"""What scripts of the best model are made of besides libraries: each takes from here what it needs, as source."""

# ruff: noqa: N802, N803 - features are X, as in scikit-learn, and metrics have Azure's names

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.metrics import average_precision_score, precision_score, r2_score, recall_score, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from jupyter_aml.automl.voted import inputs


def fit_pipeline(pipeline: Pipeline, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> Pipeline:
    """A pipeline fitted on all rows; weights of rows are for those models that take some."""
    model = getattr(pipeline[-1], "regressor", pipeline[-1])
    if sample_weight is None or not has_fit_parameter(model, "sample_weight"):
        return pipeline.fit(X, y)
    return pipeline.fit(X, y, model__sample_weight=sample_weight)


class VotingEnsembleClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """The weighted mean of probabilities; a model that stands alone is the only one that votes.

    Args:
        pipelines: The models, unfitted.
        weights: How their votes count, with the sum 1.
    """

    def __init__(self, pipelines: list[Pipeline], weights: list[float]) -> None:
        self.pipelines = pipelines
        self.weights = weights

    def fit(self, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> VotingEnsembleClassifier:
        """Fit every model on all rows; they know classes as numbers from 0 on."""
        codes, classes = pd.factorize(y, sort=True)
        self.classes_ = np.array(list(classes))
        self.pipelines_ = [fit_pipeline(clone(one), X, codes, sample_weight) for one in self.pipelines]
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Probabilities, shape (rows, classes)."""
        votes = [np.asarray(one.predict_proba(X), dtype=float) for one in self.pipelines_]
        votes = [vote / vote.sum(axis=1, keepdims=True) for vote in votes]
        return np.asarray(sum(weight * vote for weight, vote in zip(self.weights, votes, strict=True)))

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:
        """Labels, shape (rows,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


class VotingEnsembleRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc] # idem
    """The weighted mean of numbers; a model that stands alone is the only one that votes.

    Args:
        pipelines: The models, unfitted.
        weights: How their votes count, with the sum 1.
    """

    def __init__(self, pipelines: list[Pipeline], weights: list[float]) -> None:
        self.pipelines = pipelines
        self.weights = weights

    def fit(self, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> VotingEnsembleRegressor:
        """Fit every model on all rows."""
        self.pipelines_ = [fit_pipeline(clone(one), X, y, sample_weight) for one in self.pipelines]
        return self

    def predict(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Numbers, shape (rows,)."""
        votes = [np.asarray(one.predict(X), dtype=float) for one in self.pipelines_]
        return np.asarray(sum(weight * vote for weight, vote in zip(self.weights, votes, strict=True)))


class StackEnsembleClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # idem
    """A meta-learner that listens to the probabilities of models.

    Args:
        pipelines: The models, unfitted.
        meta_learner: Unfitted.
    """

    def __init__(self, pipelines: list[Pipeline], meta_learner: Any) -> None:
        self.pipelines = pipelines
        self.meta_learner = meta_learner

    def fit(self, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> StackEnsembleClassifier:
        """Fit every model on all rows; they know classes as numbers from 0 on."""
        codes, classes = pd.factorize(y, sort=True)
        self.classes_ = np.array(list(classes))
        self.pipelines_ = [fit_pipeline(clone(one), X, codes, sample_weight) for one in self.pipelines]
        return self

    def votes(self, X: pd.DataFrame) -> list[NDArray[np.float64]]:
        """Probabilities of each model, shape (rows, classes)."""
        found = [np.asarray(one.predict_proba(X), dtype=float) for one in self.pipelines_]
        return [one / one.sum(axis=1, keepdims=True) for one in found]

    def teach(self, votes: list[NDArray[Any]], y: NDArray[Any], sample_weight: Any = None) -> StackEnsembleClassifier:
        """Fit the meta-learner to votes on rows that the voters have not seen; classes are numbers from 0 on."""
        self.labels_, codes = np.unique(y, return_inverse=True)
        told = inputs(votes, classes=votes[0].shape[1], scale=(0.0, 1.0))
        self.meta_learner_ = clone(self.meta_learner)
        if sample_weight is None or not has_fit_parameter(self.meta_learner_, "sample_weight"):
            self.meta_learner_.fit(told, codes)
        else:
            self.meta_learner_.fit(told, codes, sample_weight=sample_weight)
        return self

    def listen(self, votes: list[NDArray[Any]]) -> NDArray[np.float64]:
        """What the meta-learner makes of votes, shape (rows, classes)."""
        found = np.zeros(votes[0].shape)
        told = inputs(votes, classes=votes[0].shape[1], scale=(0.0, 1.0))
        found[:, self.labels_] = self.meta_learner_.predict_proba(told)
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Probabilities, shape (rows, classes)."""
        return self.listen(self.votes(X))

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:
        """Labels, shape (rows,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


class StackEnsembleRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc] # idem
    """A meta-learner that listens to the numbers of models.

    Args:
        pipelines: The models, unfitted.
        meta_learner: Unfitted.
    """

    def __init__(self, pipelines: list[Pipeline], meta_learner: Any) -> None:
        self.pipelines = pipelines
        self.meta_learner = meta_learner

    def fit(self, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> StackEnsembleRegressor:
        """Fit every model on all rows."""
        self.pipelines_ = [fit_pipeline(clone(one), X, y, sample_weight) for one in self.pipelines]
        return self

    def votes(self, X: pd.DataFrame) -> list[NDArray[np.float64]]:
        """Numbers of each model, shape (rows,)."""
        return [np.asarray(one.predict(X), dtype=float) for one in self.pipelines_]

    def teach(self, votes: list[NDArray[Any]], y: NDArray[Any], sample_weight: Any = None) -> StackEnsembleRegressor:
        """Fit the meta-learner to votes on rows that the voters have not seen; numbers are scaled."""
        self.scale_ = center, spread = y.mean(), y.std() or 1.0
        told, target = inputs(votes, classes=0, scale=self.scale_), (y - center) / spread
        self.meta_learner_ = clone(self.meta_learner)
        if sample_weight is None or not has_fit_parameter(self.meta_learner_, "sample_weight"):
            self.meta_learner_.fit(told, target)
        else:
            self.meta_learner_.fit(told, target, sample_weight=sample_weight)
        return self

    def listen(self, votes: list[NDArray[Any]]) -> NDArray[np.float64]:
        """What the meta-learner makes of votes, shape (rows,)."""
        center, spread = self.scale_
        return np.asarray(self.meta_learner_.predict(inputs(votes, classes=0, scale=self.scale_)) * spread + center)

    def predict(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Numbers, shape (rows,)."""
        return self.listen(self.votes(X))


def listen_unseen(
    model: Any, votes: list[NDArray[Any]], y: NDArray[Any], rows: NDArray[Any], folds: Any, *, sample_weight: Any = None
) -> NDArray[np.float64]:
    """What meta-learners that have not seen a row make of votes on it; one that is there twice is in one fold."""
    _, first, which = np.unique(rows, return_index=True, return_inverse=True)
    truth, found = y[rows], np.empty(votes[0].shape)
    for seen, _ in folds.split(first, truth[first]):
        taught = np.isin(which, seen)
        weights = None if sample_weight is None else sample_weight[rows][taught]
        other = clone(model).teach([one[taught] for one in votes], truth[taught], weights)
        found[~taught] = other.listen([one[~taught] for one in votes])
    return found


def accuracy(y: NDArray[Any], probabilities: NDArray[Any], sample_weight: Any = None) -> float:
    """The part of the rows whose most probable class is theirs."""
    return float(np.average(probabilities.argmax(axis=1) == y, weights=sample_weight))


def AUC_weighted(y: NDArray[Any], probabilities: NDArray[Any], sample_weight: Any = None) -> float:
    """The area under the ROC curve of each class against the rest, weighted by the rows of the class."""
    return one_against_rest(roc_auc_score, y, probabilities, sample_weight)


def average_precision_score_weighted(y: NDArray[Any], probabilities: NDArray[Any], sample_weight: Any = None) -> float:
    """The average precision of each class against the rest, weighted by the rows of the class."""
    return one_against_rest(average_precision_score, y, probabilities, sample_weight)


def one_against_rest(
    score: Callable[..., float], y: NDArray[Any], probabilities: NDArray[Any], sample_weight: Any
) -> float:
    """The mean of a score of each class against the rest, weighted by the rows of the class."""
    shares = np.bincount(y, weights=sample_weight, minlength=probabilities.shape[1])
    there = np.flatnonzero(shares)
    found = [score(y == at, probabilities[:, at], sample_weight=sample_weight) for at in there]
    return float(np.average(found, weights=shares[there]))


def norm_macro_recall(y: NDArray[Any], probabilities: NDArray[Any], sample_weight: Any = None) -> float:
    """The mean recall of the classes: 0 for a guess, 1 for what is always right."""
    told, guess = probabilities.argmax(axis=1), 1 / probabilities.shape[1]
    recall = recall_score(y, told, labels=np.unique(y), average="macro", sample_weight=sample_weight, zero_division=0)
    return float((recall - guess) / (1 - guess))


def precision_score_weighted(y: NDArray[Any], probabilities: NDArray[Any], sample_weight: Any = None) -> float:
    """The precision of each class, weighted by its rows."""
    told = probabilities.argmax(axis=1)
    return float(precision_score(y, told, average="weighted", sample_weight=sample_weight, zero_division=0))


def spearman_correlation(y: NDArray[Any], predicted: NDArray[Any], sample_weight: Any = None) -> float:
    """The correlation of the ranks."""
    spread = np.cov(rankdata(y), rankdata(predicted), aweights=sample_weight)
    return float(spread[0, 1] / math.sqrt(spread[0, 0] * spread[1, 1]))


def normalized_root_mean_squared_error(
    y: NDArray[Any], predicted: NDArray[Any], span: float, sample_weight: Any = None
) -> float:
    """The root of the mean squared error, as a part of the span of all targets."""
    return float(math.sqrt(np.average((predicted - y) ** 2, weights=sample_weight)) / span)


def normalized_mean_absolute_error(
    y: NDArray[Any], predicted: NDArray[Any], span: float, sample_weight: Any = None
) -> float:
    """The mean absolute error, as a part of the span of all targets."""
    return float(np.average(np.abs(predicted - y), weights=sample_weight) / span)


def r2(y: NDArray[Any], predicted: NDArray[Any], sample_weight: Any = None) -> float:
    """R squared, of which none below -1 is reported."""
    return max(float(r2_score(y, predicted, sample_weight=sample_weight)), -1.0)
