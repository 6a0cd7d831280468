"""One model: an algorithm with parameters, the features before it, and how it is fitted and asked."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl import family, features
from jupyter_aml.automl.algorithms import CALIBRATION_FOLDS, PATIENCE, Algorithm
from jupyter_aml.automl.features import Form, Wishes

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    from jupyter_aml.automl.columns import Column
    from jupyter_aml.automl.metrics import Floats

LEAST = 1e-12
ROUNDS_AT_FIRST = 8
"""Trees of scikit-learn's after which it is looked at the time; then after twice as many each time."""
MANY = 50_000
"""Numbers below which a boosting has one thread: it is over in a moment, and several wait for each other's cores."""
LEAST_STOPPED = 2
"""Rows of each class that an estimator wants which holds some back to know when to stop."""


@dataclass(frozen=True)
class Recipe:
    """What a model is made of.

    Attributes:
        algorithm: Of what kind.
        parameters: Of the algorithm.
        classes: How many classes the target has; 0 for a regression.
        threads: That a fit may use.
        seed: The same seed gives the same model.
        wishes: How features are to be made.
    """

    algorithm: Algorithm
    parameters: Mapping[str, Any]
    classes: int = 0
    threads: int = 1
    seed: int = 0
    wishes: Wishes = field(default_factory=Wishes)

    @property
    def title(self) -> str:
        """The algorithm and its parameters, to be read."""
        return family.title(self.algorithm.name, self.parameters)


@dataclass(frozen=True)
class Rows:
    """Rows with what they are to tell.

    Attributes:
        frame: Features, shape (rows, columns).
        target: Classes from 0 on, or numbers, shape (rows,).
        weights: Shape (rows,); None for equal ones.
    """

    frame: pd.DataFrame
    target: NDArray[Any]
    weights: Floats | None = None

    def take(self, positions: NDArray[np.intp]) -> Rows:
        """Some of them."""
        weights = None if self.weights is None else self.weights[positions]
        return Rows(self.frame.iloc[positions], self.target[positions], weights)


@dataclass
class Model:
    """A fitted model.

    Attributes:
        recipe: What it was made of.
        features: What makes numbers of a table.
        estimator: What makes predictions of numbers.
        labels: The classes that it has seen, as numbers; empty for a regression.
        center, spread: By which the target of a regression was moved and divided.
        rounds: Trees of a boosting; 0 for others.
    """

    recipe: Recipe
    features: ColumnTransformer | Pipeline
    estimator: BaseEstimator
    labels: NDArray[np.intp]
    center: float = 0.0
    spread: float = 1.0
    rounds: int = 0

    def predict(self, frame: pd.DataFrame) -> Floats:
        """Probabilities of all classes, shape (rows, classes), or numbers, shape (rows,)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # columns that are empty where was learned
            numbers = self.features.transform(frame)
        return self.ask(numbers)

    def ask(self, numbers: Any) -> Floats:
        """What is predicted of rows whose features are made already."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            if not self.recipe.classes:
                return np.asarray(self.estimator.predict(numbers), dtype=float) * self.spread + self.center
            told = np.asarray(self.estimator.predict_proba(numbers), dtype=float)
        found = np.zeros((len(told), self.recipe.classes))
        found[:, self.labels] = np.nan_to_num(told)
        found /= np.maximum(found.sum(axis=1, keepdims=True), LEAST)
        return found


def fit(
    recipe: Recipe, columns: Mapping[str, Column], seen: Rows, unseen: Rows | None = None, until: float = np.inf
) -> tuple[Model, Floats | None]:
    """A model of some rows, and what it says of others.

    Args:
        recipe: What it is made of.
        columns: What the columns are for.
        seen: The rows to learn from.
        unseen: Rows by which a boosting knows when to stop, and of which is told what the model says of them.
        until: When to stop a boosting, by `time.monotonic`.

    Returns:
        The model, and what it predicts of `unseen`; None without them.

    Raises:
        TimeoutError: The time was up before there was a model.
        Exception: Whatever the library raises.
    """
    algorithm = recipe.algorithm
    labels, told = _codes(seen.target) if recipe.classes else (np.array([], dtype=np.intp), seen.target)
    alone = len(labels) == 1
    made = features.transformer(
        columns, algorithm.form, classes=0 if alone else len(labels), positive=algorithm.positive, wishes=recipe.wishes
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what libraries say of convergence is shown by the score
        numbers = made.fit_transform(seen.frame, told)
        others = made.transform(unseen.frame) if unseen is not None else None
        estimator = _sure() if alone else algorithm.make(recipe.parameters, _threads(recipe, numbers), recipe.seed)
        model = Model(recipe, made, estimator, labels)
        if not recipe.classes and algorithm.form is Form.LINEAR:
            model.center, model.spread = float(told.mean()), float(told.std()) or 1.0
            told = (told - model.center) / model.spread
        if algorithm.boosts and not alone:
            _boost(model, numbers, Rows(seen.frame, told, seen.weights), _watched(model, others, unseen), until)
        else:
            _learn(model.estimator, numbers, told, seen.weights, until)
    return model, model.ask(others) if others is not None else None


def _sure() -> BaseEstimator:
    """What is sure of the only class that it has seen."""
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")


def _threads(recipe: Recipe, numbers: Any) -> int:
    """How many are used."""
    small = recipe.algorithm.boosts and numbers.shape[0] * numbers.shape[1] < MANY
    return 1 if small else recipe.threads


def _codes(target: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The classes that are there, and each row's position among them: libraries want no gaps."""
    labels, told = np.unique(target, return_inverse=True)
    return labels.astype(np.intp), told


def _learn(estimator: Any, numbers: Any, told: NDArray[Any], weights: Floats | None, until: float) -> None:
    from sklearn.base import is_classifier
    from sklearn.utils.validation import has_fit_parameter

    own = estimator.get_params(deep=False)
    if "n_neighbors" in own:
        estimator.set_params(n_neighbors=min(own["n_neighbors"], len(told)))
    splits = CALIBRATION_FOLDS if "cv" in own else LEAST_STOPPED if own.get("early_stopping") else 0
    if splits and is_classifier(estimator):
        rows = _repeated(told, splits)
        numbers, told, weights = numbers[rows], told[rows], None if weights is None else weights[rows]
    if own.get("early_stopping") and len(told) * own["validation_fraction"] < max(len(np.unique(told)), LEAST_STOPPED):
        estimator.set_params(early_stopping=False)
    more = {"sample_weight": weights} if weights is not None and has_fit_parameter(estimator, "sample_weight") else {}
    for _ in _rounds(estimator, until):
        estimator.fit(_known(numbers), told, **more)


def _rounds(estimator: Any, until: float) -> Iterator[None]:
    """The calls of its `fit`: one, and of scikit-learn's trees, which know no time, several that go on.

    Raises:
        TimeoutError: The time is up before it has all its trees.
    """
    own = estimator.get_params(deep=False)
    trees = "max_iter" if "max_bins" in own else "n_estimators"
    if until == np.inf or "warm_start" not in own or trees not in own:
        yield
        return
    count, most = ROUNDS_AT_FIRST, own[trees]
    while True:
        estimator.set_params(**{"warm_start": True, trees: min(count, most)})
        yield
        if count >= most or getattr(estimator, "n_iter_", count) < count:
            break
        if time.monotonic() > until:
            msg = f"{count} of {most} trees took all its time; give the search more, or allow LightGBM."
            raise TimeoutError(msg)
        count *= 2
    estimator.set_params(**{"warm_start": own["warm_start"], trees: most})


def _repeated(told: NDArray[Any], least: int) -> NDArray[np.intp]:
    """All rows, those of rare classes repeated: for estimators that split rows so that each part has every class."""
    counts = np.unique(told, return_counts=True)[1]
    more = [np.resize(np.flatnonzero(told == at), least)[count:] for at, count in enumerate(counts) if count < least]
    return np.concatenate([np.arange(len(told)), *more])


def _known(numbers: Any) -> Any:
    """Features of which each has a value in some row: scikit-learn's boosting wants one."""
    if isinstance(numbers, np.ndarray):
        empty = np.isnan(numbers).all(axis=0)
        if empty.any():
            numbers = numbers.copy()
            numbers[0, empty] = 0.0
    return numbers


def _boost(model: Model, numbers: Any, seen: Rows, watched: tuple[Any, NDArray[Any]] | None, until: float) -> None:
    """Add trees until other rows are predicted no better, or the time is up."""
    more: dict[str, Any] = {} if seen.weights is None else {"sample_weight": seen.weights}
    if watched is not None:
        more["eval_set"] = [watched]
    estimator: Any = model.estimator
    if model.recipe.algorithm.needs == "lightgbm":
        estimator.fit(numbers, seen.target, callbacks=_lightgbm_stops(until, early=watched is not None), **more)
        model.rounds = int(estimator.best_iteration_ or estimator.booster_.current_iteration())
        return
    stops = [] if until == np.inf else [_xgboost_stop(until)]
    early = PATIENCE if watched is not None else None
    estimator.set_params(callbacks=stops, early_stopping_rounds=early)
    estimator.fit(numbers, seen.target, verbose=False, **more)
    estimator.set_params(callbacks=None)
    booster = estimator.get_booster()
    model.rounds = int(booster.attr("best_iteration") or booster.num_boosted_rounds() - 1) + 1


def _watched(model: Model, others: Any, unseen: Rows | None) -> tuple[Any, NDArray[Any]] | None:
    """Features and targets of rows by which a boosting knows when to stop; those of unknown classes tell it nothing."""
    if unseen is None:
        return None
    if not model.recipe.classes:
        return others, unseen.target
    known = np.isin(unseen.target, model.labels)
    return (others[known], np.searchsorted(model.labels, unseen.target[known])) if known.any() else None


def _lightgbm_stops(until: float, *, early: bool) -> list[Any]:
    import lightgbm

    def in_time(env: Any) -> None:
        if time.monotonic() > until:
            raise lightgbm.callback.EarlyStopException(env.iteration, env.evaluation_result_list)

    stops: list[Any] = [] if until == np.inf else [in_time]
    return [*stops, lightgbm.early_stopping(PATIENCE, verbose=False)] if early else stops


def _xgboost_stop(until: float) -> Any:
    from xgboost.callback import TrainingCallback

    class InTime(TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002 - XGBoost's
            return time.monotonic() > until

    return InTime()
