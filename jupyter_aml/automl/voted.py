"""The best model as it is kept: fitted models that vote, as one estimator of scikit-learn.

It is pickled by value, with `steps`, so that it loads where jupyter_aml is not installed.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

_LEAST = 1e-12


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
            if not self.classes:
                center, spread = self.scale
                return np.asarray(self.estimator.predict(numbers), dtype=float) * spread + center
            told = np.asarray(self.estimator.predict_proba(numbers), dtype=float)
        found = np.zeros((len(told), self.classes))
        found[:, self.labels] = np.nan_to_num(told)
        found /= np.maximum(found.sum(axis=1, keepdims=True), _LEAST)
        return found


class _Voted(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
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

    def fit(self, *_: Any) -> Any:
        """It is fitted."""
        return self

    def _combined(self, rows: Any) -> Any:
        import pandas as pd

        frame = rows if hasattr(rows, "columns") else pd.DataFrame(rows, columns=list(self.columns))
        frame = frame.rename(columns=str)
        missing = [name for name in self.columns if name not in frame.columns]
        if missing:
            raise ValueError(f"The rows have no column {', '.join(missing)}, which the model has learned from.")
        return sum(
            weight * member.predict(frame) for weight, member in zip(self.weights, self.members, strict=True) if weight
        )


class VotedClassifier(ClassifierMixin, _Voted):  # type: ignore[misc] # idem
    """Models that vote on classes.

    Args:
        members, weights, columns: As above.
        classes: The labels, in order.
    """

    def __init__(self, members: Any, weights: Any, columns: Any, classes: Any) -> None:
        super().__init__(members, weights, columns)
        self.classes = classes
        self.classes_ = np.asarray(classes)

    def predict_proba(self, rows: Any) -> Any:
        """Probabilities, shape (rows, classes)."""
        return self._combined(rows)

    def predict(self, rows: Any) -> Any:
        """Labels, shape (rows,)."""
        return self.classes_[self._combined(rows).argmax(axis=1)]


class VotedRegressor(RegressorMixin, _Voted):  # type: ignore[misc] # idem
    """Models that vote on numbers."""

    def predict(self, rows: Any) -> Any:
        """Numbers, shape (rows,)."""
        return self._combined(rows)
