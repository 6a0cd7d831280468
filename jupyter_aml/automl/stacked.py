"""Stacking: a meta-learner is taught what models' predictions are worth, on rows that none of them has learned from.

Source: Wolpert, "Stacked generalization", Neural Networks 5, 1992. The meta-learners and which of them is the default
are Azure's: Microsoft's "Set up AutoML training", ensemble configuration.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl import folds
from jupyter_aml.automl.metrics import CLASSIFICATION, REGRESSION

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

    from jupyter_aml.automl.metrics import Floats
    from jupyter_aml.automl.voted import Meta

PART = 0.2
"""Azure's default of the part of the training rows that is kept for the meta-learner."""
FOLDS = 5
"""In which the rows of a meta-learner are judged by others like it."""
MOST_COEFFICIENTS = 5_000
"""Of a meta-learner: with more, as many classes make, it takes too long."""
_LOGISTIC, _LOGISTIC_CV = "LogisticRegression", "LogisticRegressionCV"
_CAREFUL = {"n_estimators": 60, "learning_rate": 0.05, "num_leaves": 5, "min_child_samples": 30, "verbosity": -1}
_LEARNERS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    CLASSIFICATION: {
        _LOGISTIC: ("sklearn.linear_model.LogisticRegression", {"max_iter": 300}),
        _LOGISTIC_CV: (
            "sklearn.linear_model.LogisticRegressionCV",
            {"Cs": [0.001, 0.01, 0.1, 1.0, 10.0], "cv": 3, "scoring": "neg_log_loss", "max_iter": 300},
        ),
        "LightGBMClassifier": ("lightgbm.LGBMClassifier", _CAREFUL),
    },
    REGRESSION: {
        "ElasticNet": ("sklearn.linear_model.ElasticNet", {"alpha": 1e-3}),
        "ElasticNetCV": ("sklearn.linear_model.ElasticNetCV", {"cv": 5}),
        "LinearRegression": ("sklearn.linear_model.LinearRegression", {}),
        "LightGBMRegressor": ("lightgbm.LGBMRegressor", _CAREFUL),
    },
}
"""Class and parameters of each meta-learner by task and Azure's name; targets of a regression have the spread 1."""
_DEFAULTS = {CLASSIFICATION: (_LOGISTIC, _LOGISTIC_CV), REGRESSION: ("ElasticNet", "ElasticNetCV")}
"""Azure's, of rows that are held out and of rows in folds."""
_USUAL = {"multi_class": ("auto", "multinomial")}
"""Parameters of Azure's examples that scikit-learn no longer has, and the values that say what it does anyway."""


class NotStackedError(Exception):
    """No stack can be made of these rows and models; says why."""


@dataclass(frozen=True)
class Stacking:
    """What the user wishes.

    Attributes:
        learner: Azure's name of the meta-learner; empty for the default.
        part: Of the rows to train on that is kept for the meta-learner, where others are held out to validate.
        parameters: Of the meta-learner.
    """

    learner: str = ""
    part: float = PART
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Learner:
    """A meta-learner that has not learned yet.

    Attributes:
        task: `classification` or `regression`.
        name: Azure's.
        parameters: That differ from the usual ones.
        classes: How many classes there are; 0 for a regression.
        threads: That it may use.
        seed: The same seed learns the same.
    """

    task: str
    name: str
    parameters: Mapping[str, Any]
    classes: int = 0
    threads: int = 1
    seed: int = 0

    @property
    def needs(self) -> str:
        """The package that brings it; empty for scikit-learn."""
        return needs(self.task, self.name)

    def make(self) -> BaseEstimator:
        """The estimator.

        Raises:
            ValueError: Its package is not installed, or it has no such parameter.
        """
        path, usual = _LEARNERS[self.task][self.name]
        if self.needs and importlib.util.find_spec(self.needs) is None:
            msg = f"stack_meta_learner_type is {self.name}, which needs a package: pip install {self.needs}"
            raise ValueError(msg)
        module, _, name = path.rpartition(".")
        kind = getattr(importlib.import_module(module), name)
        known = inspect.signature(kind).parameters
        given = {key: value for key, value in self.parameters.items() if value not in _USUAL.get(key, ())}
        strange = sorted(set(given) - set(known)) if not self.needs else []
        if strange:
            what = f"stack_meta_learner_k_wargs has {', '.join(strange)}, which {self.name} does not take"
            msg = f"{what}; expected some of {', '.join(known)}."
            raise ValueError(msg)
        own = {"random_state": self.seed, **({"n_jobs": self.threads} if self.needs else {})}
        return kind(**{**{key: own[key] for key in own if key in known}, **usual, **given})

    def learn(self, told: Sequence[Floats], target: NDArray[Any], weights: Floats | None) -> Meta:
        """What it learns of models' predictions for rows.

        Args:
            told: Of each model, shape (rows,) or (rows, classes).
            target: Shape (rows,).
            weights: Of the rows, shape (rows,); None for equal ones.

        Raises:
            NotStackedError: The rows do not suffice.
        """
        from sklearn.utils.validation import has_fit_parameter
        from threadpoolctl import threadpool_limits

        from jupyter_aml.automl.voted import Meta, inputs

        scale, labels, wanted = (0.0, 1.0), np.array([], dtype=np.intp), target
        if self.classes:
            labels, wanted = np.unique(target, return_inverse=True)
            self._enough(labels, wanted)
        else:
            scale = float(target.mean()), float(target.std()) or 1.0
            wanted = (target - scale[0]) / scale[1]
        estimator: Any = self.make()
        weighed = weights is not None and has_fit_parameter(estimator, "sample_weight")
        with warnings.catch_warnings(), threadpool_limits(self.threads):
            warnings.simplefilter("ignore")  # what libraries say of convergence is shown by the score
            numbers = inputs(told, classes=self.classes, scale=scale)
            estimator.fit(numbers, wanted, **({"sample_weight": weights} if weighed else {}))
        return Meta(self.name, estimator, labels=labels, classes=self.classes, scale=scale)

    def _enough(self, labels: NDArray[Any], wanted: NDArray[Any]) -> None:
        if len(labels) == 1:
            msg = "its rows have one class only"
            raise NotStackedError(msg)
        least = int(np.bincount(wanted).min())
        folds = self.parameters.get("cv") or _LEARNERS[self.task][self.name][1].get("cv")
        if isinstance(folds, int) and least < folds:
            other = f"choose {_LOGISTIC} as stack_meta_learner_type"
            msg = f"{self.name} splits its rows in {folds}, and {least} have the rarest class; {other}"
            raise NotStackedError(msg)


def needs(task: str, name: str) -> str:
    """The package that brings a meta-learner; empty for scikit-learn."""
    module = _LEARNERS[task][name][0].partition(".")[0]
    return "" if module == "sklearn" else module


def wish(task: str, given: Mapping[str, Any]) -> Stacking:
    """Azure's stack ensemble settings as its REST API writes them.

    Raises:
        ValueError: One of them cannot be; says what was expected.
    """
    known = {_bare(name): name for name in _LEARNERS[task]}
    asked = str(given.get("stackMetaLearnerType") or "None")
    name = "" if _bare(asked) == "none" else known.get(_bare(asked))
    if name is None:
        msg = f"stack_meta_learner_type is {asked!r}; for {task} expected one of {', '.join(known.values())}."
        raise ValueError(msg)
    part = given.get("stackMetaLearnerTrainPercentage")
    if part is not None and not 0 < part < 1:
        msg = f"stack_meta_learner_train_percentage is {part}; expected a part between 0 and 1."
        raise ValueError(msg)
    parameters = given.get("stackMetaLearnerKWargs") or {}
    if not isinstance(parameters, Mapping):
        msg = f"stack_meta_learner_k_wargs is {parameters!r}; expected names and values such as {{'C': 0.5}}."
        raise ValueError(msg)  # noqa: TRY004 - as of every setting
    return Stacking(name, PART if part is None else float(part), dict(parameters))


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


def learner(
    task: str, stacking: Stacking, target: NDArray[Any], *, classes: int, folded: bool, threads: int, seed: int
) -> Learner:
    """The meta-learner that is asked for, or the default.

    Args:
        task: `classification` or `regression`.
        stacking: What the user wishes.
        target: Classes as numbers, or numbers, of the rows that it learns from.
        classes: How many classes there are; 0 for a regression.
        folded: Whether the models' predictions come from folds.
        threads: That it may use.
        seed: The same seed learns the same.

    Raises:
        NotStackedError: There are too few rows.
    """
    needed = FOLDS * max(classes, 2)
    if len(target) < needed:
        msg = f"it would learn from {len(target)} rows; {needed} are needed"
        raise NotStackedError(msg)
    rare = classes > 0 and int(np.unique(target, return_counts=True)[1].min()) < FOLDS
    return replace(named(task, stacking, folded=folded and not rare), classes=classes, threads=threads, seed=seed)


def named(task: str, stacking: Stacking, *, folded: bool) -> Learner:
    """The meta-learner that is asked for, or the default, before anything is known of the rows."""
    return Learner(task, stacking.learner or _DEFAULTS[task][folded], stacking.parameters)


def crossed(
    learner: Learner,
    told: Sequence[Floats],
    target: NDArray[Any],
    *,
    weights: Floats | None,
    places: NDArray[np.intp],
    until: float,
) -> tuple[Meta, Floats]:
    """A meta-learner of some rows, and what others like it say of rows that they have not seen.

    Args:
        learner: What is taught.
        told: Predictions of each model for the rows.
        target: Of the rows, shape (rows,).
        weights: Of the rows, shape (rows,); None for equal ones.
        places: Of the rows in the data; a row that is there twice is in one fold.
        until: When to give up, by `time.monotonic`.

    Returns:
        What has learned from all rows, and predictions of the shape that each model's have.

    Raises:
        NotStackedError: The rows or the time do not suffice.
    """
    import pandas as pd

    _, first, which = np.unique(places, return_index=True, return_inverse=True)
    rows = target[first]
    found = np.empty(told[0].shape)
    wish = folds.Validation(folds=FOLDS)
    splits = folds.splits(wish, rows, pd.DataFrame(), classes=learner.classes > 0, seed=learner.seed)
    began = time.monotonic()
    for at, (seen, _) in enumerate(splits):
        taught = np.isin(which, seen)
        meta = learner.learn([one[taught] for one in told], target[taught], _some(weights, taught))
        found[~taught] = meta.predict([one[~taught] for one in told])
        spent = time.monotonic() - began
        in_time(until - spent * (len(splits) - at) / (at + 1))
    return learner.learn(told, target, weights), found


def in_time(until: float) -> None:
    """Nothing.

    Raises:
        NotStackedError: It is later.
    """
    if time.monotonic() > until:
        msg = "there is no time left for it"
        raise NotStackedError(msg)


def small_enough(models: int, classes: int) -> None:
    """Nothing.

    Raises:
        NotStackedError: There are too many classes.
    """
    if classes > 2 and models * classes**2 > MOST_COEFFICIENTS:  # noqa: PLR2004 - two classes are one number
        msg = f"{classes} classes of {models} models are too many to learn from"
        raise NotStackedError(msg)


def _some(weights: Floats | None, taken: NDArray[np.bool_]) -> Floats | None:
    return None if weights is None else weights[taken]
