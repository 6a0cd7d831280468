"""What is asked of a fitted text model: pickled by value, so that it runs where jupyter_aml is not installed.

Only numpy, pandas, SciPy and scikit-learn may be needed here.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST = 1e-12
SCALES = np.geomspace(0.05, 50, 40)
"""By which margins are multiplied, to see which makes the best probabilities of them."""


def joined(frame: pd.DataFrame) -> list[str]:
    """The texts of each row, one after the other; length rows."""
    columns = [
        ["" if gone else str(one) for one, gone in zip(frame[name], frame[name].isna(), strict=True)] for name in frame
    ]
    return [". ".join(part for part in row if part) for row in zip(*columns, strict=True)]


def wide(found: Any, least: int) -> Any:
    """A sparse matrix with columns of nothing where it has fewer."""
    from scipy.sparse import csr_matrix, hstack

    more = least - found.shape[1]
    return hstack([found, csr_matrix((found.shape[0], more))], format="csr") if more > 0 else found


def softmax(scores: Floats) -> Floats:
    """Shares that sum to 1 in each row."""
    found = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(found / found.sum(axis=1, keepdims=True))


class Scaled:
    """A classifier that tells margins, with the probabilities that fit them best.

    Args:
        make: The classifier, new each time.
        asked: Its method that tells the margins.
        seed: Of the rows by which the margins are scaled.
    """

    def __init__(self, make: Any, asked: str, seed: int = 0) -> None:
        self._make, self._asked, self._seed = make, asked, seed
        self.scale = 1.0

    def fit(self, numbers: Any, target: NDArray[Any]) -> Scaled:
        self.classes_ = np.unique(target)
        order = np.random.default_rng(self._seed).permutation(len(target))
        kept, tried = order[len(target) // 5 :], order[: len(target) // 5]
        if len(tried) and set(np.unique(target[kept])) == set(self.classes_):
            self.estimator = self._make().fit(numbers[kept], target[kept])
            margins = self._margins(numbers[tried])
            own = np.searchsorted(self.classes_, target[tried])
            losses = [-np.log(softmax(one * margins)[np.arange(len(own)), own] + LEAST).mean() for one in SCALES]
            self.scale = float(SCALES[int(np.argmin(losses))])
        self.estimator = self._make().fit(numbers, target)
        self._make = None
        return self

    def _margins(self, numbers: Any) -> Floats:
        found = np.asarray(getattr(self.estimator, self._asked)(numbers), dtype=float)
        return np.column_stack([-found / 2, found / 2]) if found.ndim == 1 else found

    def predict_proba(self, numbers: Any) -> Floats:
        return softmax(self.scale * self._margins(numbers))


class Boosted:
    """LightGBM that stops adding trees when the time is up.

    Args:
        settings: LightGBM's own.
        until: When to stop, by `time.monotonic`.
    """

    def __init__(self, settings: dict[str, Any], until: float) -> None:
        self._settings, self._until = settings, until

    def fit(self, numbers: Any, target: NDArray[Any]) -> Boosted:
        from lightgbm import LGBMClassifier
        from lightgbm.callback import EarlyStopException

        def in_time(env: Any) -> None:
            if time.monotonic() > self._until:
                raise EarlyStopException(env.iteration, env.evaluation_result_list or [])

        self.estimator = LGBMClassifier(**self._settings).fit(numbers, target, callbacks=[in_time])
        self.classes_ = self.estimator.classes_
        return self

    def predict_proba(self, numbers: Any) -> Floats:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            return np.asarray(self.estimator.predict_proba(numbers))


class Always:
    """Says of every row that it has, or has not, a label."""

    def __init__(self, has: bool) -> None:
        self.classes_ = np.array([has])

    def predict_proba(self, numbers: Any) -> Floats:
        return np.ones((numbers.shape[0], 1))


@dataclass
class Classes:
    """A fitted classifier of numbers into one class each.

    Attributes:
        estimator: With `predict_proba`.
        labels: Positions of the classes that it has seen.
        count: How many classes there are.
    """

    estimator: Any
    labels: NDArray[np.intp]
    count: int

    def predict(self, numbers: Any) -> Floats:
        """Probabilities, shape (rows, count), with the sum 1."""
        told = np.asarray(self.estimator.predict_proba(numbers), dtype=float)
        found = np.zeros((len(told), self.count))
        found[:, self.labels] = np.nan_to_num(told)
        found /= np.maximum(found.sum(axis=1, keepdims=True), LEAST)
        return found


@dataclass
class Marks:
    """Fitted classifiers of numbers, one for each label.

    Attributes:
        estimators: With `predict_proba` and `classes_`.
        cuts: The probabilities that stand for a half, shape (labels,).
    """

    estimators: Sequence[Any]
    cuts: Floats | None = None

    def predict(self, numbers: Any) -> Floats:
        """Probabilities, shape (rows, labels), of which a half and more means that a row has the label."""
        found = np.column_stack([_has(one, numbers) for one in self.estimators])
        if self.cuts is None:
            return found
        low, high = found / (2 * self.cuts), 1 - (1 - found) / (2 * (1 - self.cuts))
        return np.where(found < self.cuts, low, high)


def _has(estimator: Any, numbers: Any) -> Floats:
    told = np.asarray(estimator.predict_proba(numbers), dtype=float)
    known = list(estimator.classes_)
    return told[:, known.index(True)] if True in known else np.zeros(len(told))


@dataclass
class Pipeline:
    """A fitted model of texts: what makes numbers of them, and what is learned of the numbers."""

    features: Any
    model: Classes | Marks

    def predict(self, texts: Sequence[str]) -> Floats:
        """Probabilities, shape (rows, classes)."""
        return self.model.predict(self.features.transform(texts))


def vote(models: Sequence[Any], weights: Sequence[float], rows: Any) -> Floats:
    """The weighted mean of what models predict, shape (rows, classes)."""
    return np.asarray(sum(weight * one.predict(rows) for one, weight in zip(models, weights, strict=True)))


@dataclass
class TextModel:
    """What is served: tells the class, or the labels, of texts.

    Attributes:
        models: Those that vote.
        weights: Of their votes, with the sum 1.
        labels: The classes in their order.
        columns: Of the texts; all where none of them is there.
        several: Whether a text has any number of labels.
    """

    models: Sequence[Any]
    weights: Sequence[float]
    labels: Sequence[Any]
    columns: Sequence[str] = field(default=())
    several: bool = False

    def predict_proba(self, frame: Any) -> Floats:
        """Shape (rows, classes)."""
        return vote(self.models, self.weights, self._texts(frame))

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002 - MLflow's
        """Classes, shape (rows,), or where a text has several labels, a string of them such as `['a', 'b']`."""
        found = self.predict_proba(model_input)
        if self.several:
            named = [[name for name, one in zip(self.labels, row, strict=True) if one >= 0.5] for row in found]  # noqa: PLR2004
            return np.array([repr(row) for row in named], dtype=object)
        return np.asarray(self.labels)[found.argmax(axis=1)]

    def _texts(self, frame: Any) -> list[str]:
        import pandas as pd

        if not isinstance(frame, pd.DataFrame):
            frame = pd.DataFrame(frame)
        return joined(frame[[name for name in self.columns if name in frame] or list(frame)])
