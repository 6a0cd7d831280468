"""The best model as it is kept: fitted models that vote, or are stacked, as one estimator of scikit-learn.

It is pickled by value, with `steps`, so that it loads where jupyter_aml is not installed.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

_LEAST = 1e-12
_TWO = 2


class Member:
    """One fitted model.

    Args:
        name: Of its algorithm.
        features: What makes numbers of a table.
        estimator: What makes predictions of numbers.
        labels: The classes that it has seen, as numbers; empty for a regression.
        classes: How many classes there are; 0 for a regression.
        scale: By what the target of a regression was moved, and then divided.
    """

    def __init__(
        self, name: str, features: Any, estimator: Any, *, labels: Any, classes: int, scale: tuple[float, float]
    ) -> None:
        self.name = name
        self.features = features
        self.estimator = estimator
        self.labels = labels
        self.classes = classes
        self.scale = scale

    def predict(self, frame: Any) -> Any:
        """Probabilities of all classes, shape (rows, classes), or numbers, shape (rows,)."""
        numbers = self.features.transform(frame)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            return _asked(self, numbers)


def inputs(predictions: Any, *, classes: int, scale: tuple[float, float]) -> Any:
    """What a meta-learner is told of models' predictions: probabilities, or numbers that are moved and divided.

    Args:
        predictions: Of each model, as `Member.predict` makes them.
        classes: How many classes there are; 0 for a regression.
        scale: By what numbers are moved, and then divided.

    Returns:
        Shape (rows, models), of several classes (rows, models times classes).
    """
    if not classes:
        center, spread = scale
        return (np.column_stack(predictions) - center) / spread
    return np.column_stack([one[:, 1:] if classes == _TWO else one for one in predictions])


class Meta:
    """A fitted meta-learner: what it makes of the predictions of several models.

    Args:
        name: Azure's.
        estimator: What was fitted to `inputs`.
        labels: The classes that it has seen, as numbers; empty for a regression.
        classes: How many classes there are; 0 for a regression.
        scale: By what the target of a regression, and what is predicted of it, was moved, and then divided.
    """

    def __init__(self, name: str, estimator: Any, *, labels: Any, classes: int, scale: tuple[float, float]) -> None:
        self.name = name
        self.estimator = estimator
        self.labels = labels
        self.classes = classes
        self.scale = scale

    def predict(self, predictions: Any) -> Any:
        """As `Member`, of what the members predict of the same rows."""
        told = inputs(predictions, classes=self.classes, scale=self.scale)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            return _asked(self, told)


def _asked(model: Any, numbers: Any) -> Any:
    """Probabilities of all classes, or numbers, of a member's or a meta-learner's estimator."""
    if not model.classes:
        center, spread = model.scale
        return np.asarray(model.estimator.predict(numbers), dtype=float) * spread + center
    told = np.asarray(model.estimator.predict_proba(numbers), dtype=float)
    found = np.zeros((len(told), model.classes))
    found[:, model.labels] = np.nan_to_num(told)
    found /= np.maximum(found.sum(axis=1, keepdims=True), _LEAST)
    return found


class _Ensemble(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Models that predict together. It has `members`, and `columns`: the names that they want, in any order."""

    members: Any
    columns: Any

    def fit(self, *_: Any) -> Any:
        """It is fitted."""
        return self

    def _frame(self, rows: Any) -> Any:
        import pandas as pd

        frame = rows if hasattr(rows, "columns") else pd.DataFrame(rows, columns=list(self.columns))
        frame = frame.rename(columns=str)
        missing = [name for name in self.columns if name not in frame.columns]
        if missing:
            raise ValueError(f"The rows have no column {', '.join(missing)}, which the model has learned from.")
        return frame


class _Voted(_Ensemble):
    """Models that vote.

    Args:
        members: The models.
        weights: How their votes count, shape (members,), with the sum 1.
        columns: Names of the table's columns that they want, in any order.
    """

    def __init__(self, members: Any, weights: Any, columns: Any) -> None:
        self.members = members
        self.weights = weights
        self.columns = columns
        self.is_fitted_ = True

    def _combined(self, rows: Any) -> Any:
        frame = self._frame(rows)
        return sum(
            weight * member.predict(frame) for weight, member in zip(self.weights, self.members, strict=True) if weight
        )


class _Stacked(_Ensemble):
    """Models that a meta-learner listens to.

    Args:
        members: The models.
        meta: The meta-learner.
        columns: Names of the table's columns that they want, in any order.
    """

    def __init__(self, members: Any, meta: Any, columns: Any) -> None:
        self.members = members
        self.meta = meta
        self.columns = columns
        self.is_fitted_ = True

    def _combined(self, rows: Any) -> Any:
        frame = self._frame(rows)
        return self.meta.predict([member.predict(frame) for member in self.members])


class _Classifier(ClassifierMixin):  # type: ignore[misc] # idem
    """What tells classes of the probabilities that `_combined` gives."""

    classes_: Any
    _combined: Any

    def predict_proba(self, rows: Any) -> Any:
        """Probabilities, shape (rows, classes)."""
        return self._combined(rows)

    def predict(self, rows: Any) -> Any:
        """Labels, shape (rows,)."""
        return self.classes_[self._combined(rows).argmax(axis=1)]


class _Regressor(RegressorMixin):  # type: ignore[misc] # idem
    """What tells the numbers that `_combined` gives."""

    _combined: Any

    def predict(self, rows: Any) -> Any:
        """Numbers, shape (rows,)."""
        return self._combined(rows)


class VotedClassifier(_Classifier, _Voted):
    """Models that vote on classes.

    Args:
        members, weights, columns: As above.
        classes: The labels, in order.
    """

    def __init__(self, members: Any, weights: Any, columns: Any, classes: Any) -> None:
        super().__init__(members, weights, columns)
        self.classes = classes
        self.classes_ = np.asarray(classes)


class VotedRegressor(_Regressor, _Voted):
    """Models that vote on numbers."""


class StackedClassifier(_Classifier, _Stacked):
    """Models of classes that a meta-learner listens to.

    Args:
        members, meta, columns: As above.
        classes: The labels, in order.
    """

    def __init__(self, members: Any, meta: Any, columns: Any, classes: Any) -> None:
        super().__init__(members, meta, columns)
        self.classes = classes
        self.classes_ = np.asarray(classes)


class StackedRegressor(_Regressor, _Stacked):
    """Models of numbers that a meta-learner listens to."""
