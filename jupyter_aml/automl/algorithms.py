"""Algorithms under Azure's names: what they are made of, where a search begins, and what it may vary.

Source of the names: the SDK's `ClassificationModels` and `RegressionModels`. The first parameters of each are sane ones
from the libraries' own guides; a search begins with the cheap algorithms and with what usually wins.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_aml.automl.features import Form
from jupyter_aml.automl.metrics import CLASSIFICATION, REGRESSION

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Parameters = Mapping[str, Any]
ROUNDS = 2000
"""Trees that a boosting may have at most; how many it has is found by stopping early."""
PATIENCE = 50
"""Rounds of a boosting without gain before it stops."""
CALIBRATION_FOLDS = 3
FEW, SOME = 100, 300
"""Classes that are told apart by what makes a model for each pair or a large tree, and by what makes one for each."""


class Asked(Protocol):
    """What proposes values; an Optuna trial is one."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...
    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...
    def suggest_categorical(self, name: str, choices: list[Any]) -> Any: ...


@dataclass(frozen=True)
class Algorithm:
    """One algorithm for one task.

    Attributes:
        name: Azure's.
        make: The estimator for parameters, a number of threads and a seed.
        space: Proposes parameters; None where there is nothing to vary.
        first: Parameters that are tried before any other.
        form: Of the features that it takes.
        needs: The package that brings it; empty for scikit-learn.
        boosts: Whether it adds trees until a validation says stop.
        positive: Whether its features must not be negative.
        most_rows: Above it the algorithm is too slow to be tried; 0 for no limit.
        most_classes: Above it the algorithm is too slow, or needs too much memory, to be tried; 0 for no limit.
    """

    name: str
    make: Callable[[Parameters, int, int], BaseEstimator]
    space: Callable[[Asked], dict[str, Any]] | None = None
    first: Parameters = field(default_factory=dict)
    form: Form = Form.LINEAR
    needs: str = ""
    boosts: bool = False
    positive: bool = False
    most_rows: int = 0
    most_classes: int = 0

    @property
    def there(self) -> bool:
        """Whether its package is installed."""
        return not self.needs or importlib.util.find_spec(self.needs) is not None


def chosen(task: str, allowed: Iterable[str] | None = None, blocked: Iterable[str] = ()) -> dict[str, Algorithm]:
    """The algorithms that are wanted, installed or not, in the order in which a search begins with them.

    Args:
        task: `classification` or `regression`.
        allowed: Azure's names; None for all.
        blocked: Azure's names.

    Raises:
        ValueError: A name is none of the task's, or none is left.
    """
    known = {one.name: one for one in (_CLASSIFIERS if task == CLASSIFICATION else _REGRESSORS)}
    names = {key(name): name for name in known}
    wanted = None if allowed is None else [_known(name, names, task) for name in allowed]
    without = {_known(name, names, task) for name in blocked}
    found = {name: one for name, one in known.items() if name not in without and (wanted is None or name in wanted)}
    if not found:
        msg = "No algorithm is left to try: each that is allowed is blocked as well."
        raise ValueError(msg)
    return found


def available(task: str, allowed: Iterable[str] | None = None, blocked: Iterable[str] = ()) -> dict[str, Algorithm]:
    """Those that are wanted and installed. See `chosen`.

    Raises:
        ValueError: A name is none of the task's, or none is left.
    """
    wanted = chosen(task, allowed, blocked)
    found = {name: one for name, one in wanted.items() if one.there}
    if not found:
        missing = sorted({one.needs for one in wanted.values()})
        msg = f"No algorithm is left to try. Install {', '.join(missing)}."
        raise ValueError(msg)
    return found


def suited(known: Mapping[str, Algorithm], rows: int, classes: int = 0) -> dict[str, Algorithm]:
    """Those that are not too slow for so many rows and classes, the cheap first.

    All that can tell so many classes where each is too slow.

    Raises:
        ValueError: None can tell so many classes.
    """
    able = {name: one for name, one in known.items() if not 0 < one.most_classes < classes}
    if not able:
        told = ", ".join(f"{name} at most {one.most_classes}" for name, one in known.items())
        msg = f"The target has {classes:,} classes, too many for what is allowed: {told}. Allow KNN or DecisionTree."
        raise ValueError(msg)
    found = {name: one for name, one in able.items() if not 0 < one.most_rows < rows} or able
    if rows > LINES_FIRST and BOOSTING in found:
        return {BOOSTING: found[BOOSTING], **found}
    return found


def key(name: str) -> str:
    """An algorithm's name as the SDK, YAML and REST may write it, in one form."""
    short = name.replace("_", "").replace(" ", "").lower()
    return {"xgboostclassifier": "xgboost", "xgboostregressor": "xgboost", "lightgbmclassifier": "lightgbm"}.get(
        short, short
    )


def _known(name: str, names: Mapping[str, str], task: str) -> str:
    found = names.get(key(name))
    if found is None:
        msg = f"{name!r} is no algorithm for {task}; expected one of {', '.join(sorted(names.values()))}."
        raise ValueError(msg)
    return found


# what they are made of


def _lightgbm(task: str) -> Callable[[Parameters, int, int], BaseEstimator]:
    def make(parameters: Parameters, threads: int, seed: int) -> BaseEstimator:
        from lightgbm import LGBMClassifier, LGBMRegressor

        kind = LGBMClassifier if task == CLASSIFICATION else LGBMRegressor
        fixed = {"n_estimators": ROUNDS, "subsample_freq": 1, "verbosity": -1}
        return kind(**{**fixed, **parameters}, n_jobs=threads, random_state=seed)

    return make


def _xgboost(task: str) -> Callable[[Parameters, int, int], BaseEstimator]:
    def make(parameters: Parameters, threads: int, seed: int) -> BaseEstimator:
        from xgboost import XGBClassifier, XGBRegressor

        kind = XGBClassifier if task == CLASSIFICATION else XGBRegressor
        fixed = {"n_estimators": ROUNDS, "tree_method": "hist", "verbosity": 0}
        return kind(**{**fixed, **parameters}, n_jobs=threads, random_state=seed)

    return make


def _sklearn(path: str, *, threads: bool = False, seed: bool = True, **fixed: Any) -> Callable[..., BaseEstimator]:
    """An estimator of scikit-learn's, such as `linear_model.Ridge`."""

    def make(parameters: Parameters, count: int, number: int) -> BaseEstimator:
        module, name = path.rsplit(".", 1)
        kind = getattr(importlib.import_module(f"sklearn.{module}"), name)
        more = {**({"n_jobs": count} if threads else {}), **({"random_state": number} if seed else {})}
        return kind(**{**fixed, **parameters}, **more)

    return make


def _calibrated(path: str) -> Callable[[Parameters, int, int], BaseEstimator]:
    """A machine that separates classes, with probabilities made from its distances (Platt)."""

    def make(parameters: Parameters, threads: int, seed: int) -> BaseEstimator:
        from sklearn.calibration import CalibratedClassifierCV

        own = _sklearn(path)(parameters, threads, seed)
        return CalibratedClassifierCV(own, cv=CALIBRATION_FOLDS, ensemble=False)

    return make


# what a search may vary


def _lightgbm_space(trial: Asked) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 7, 255, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 2, 100, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 30.0, log=True),
        "reg_alpha": trial.suggest_float("reg_alpha", 1e-3, 10.0, log=True),
    }


def _xgboost_space(trial: Asked) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
        "max_depth": trial.suggest_int("max_depth", 3, 10),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 30.0, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 30.0, log=True),
    }


def _forest_space(trial: Asked) -> dict[str, Any]:
    return {
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 20, log=True),
        "max_features": trial.suggest_float("max_features", 0.1, 1.0),
    }


def _of(name: str, low: float, high: float) -> Callable[[Asked], dict[str, Any]]:
    """A space of one parameter that is thought of in powers."""
    return lambda trial: {name: trial.suggest_float(name, low, high, log=True)}


def _knn_space(trial: Asked) -> dict[str, Any]:
    return {
        "n_neighbors": trial.suggest_int("n_neighbors", 2, 60, log=True),
        "weights": trial.suggest_categorical("weights", ["uniform", "distance"]),
        "p": trial.suggest_categorical("p", [1, 2]),
    }


def _svm_space(trial: Asked) -> dict[str, Any]:
    return {
        "C": trial.suggest_float("C", 1e-2, 100.0, log=True),
        "gamma": trial.suggest_categorical("gamma", ["scale", "auto"]),
    }


def _tree_space(trial: Asked) -> dict[str, Any]:
    return {
        "max_depth": trial.suggest_int("max_depth", 2, 20),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 60, log=True),
    }


def _hist_space(trial: Asked) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 7, 127, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 60, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-3, 10.0, log=True),
    }


def _elastic_space(trial: Asked) -> dict[str, Any]:
    return {
        "alpha": trial.suggest_float("alpha", 1e-4, 10.0, log=True),
        "l1_ratio": trial.suggest_float("l1_ratio", 0.0, 1.0),
    }


_BOOSTED: Parameters = {
    "learning_rate": 0.05, "num_leaves": 31, "colsample_bytree": 0.8, "subsample": 0.9, "min_child_samples": 10,
}  # fmt: skip
_XBOOSTED: Parameters = {
    "learning_rate": 0.05, "max_depth": 6, "colsample_bytree": 0.8, "subsample": 0.9, "min_child_weight": 1.0,
}  # fmt: skip
_LEAVES: Parameters = {"min_samples_leaf": 1}
LINES_FIRST, BOOSTING = 20_000, "LightGBM"
"""Up to so many rows a linear model is there in a moment, and is tried before LightGBM."""
TREES = Form.TREES


def _trees(task: str) -> tuple[Algorithm, ...]:
    """What both tasks have, in the order in which a search begins with it."""
    kind = "Classifier" if task == CLASSIFICATION else "Regressor"
    hist = _sklearn(f"ensemble.HistGradientBoosting{kind}", early_stopping=True, max_iter=ROUNDS // 4)
    forest = _sklearn(f"ensemble.RandomForest{kind}", threads=True, n_estimators=300)
    extra = _sklearn(f"ensemble.ExtraTrees{kind}", threads=True, n_estimators=300)
    tree = _sklearn(f"tree.DecisionTree{kind}")
    return (
        Algorithm(
            "LightGBM", _lightgbm(task), _lightgbm_space, _BOOSTED, TREES, needs="lightgbm", boosts=True,
            most_classes=SOME,
        ),
        Algorithm(
            "XGBoostClassifier" if task == CLASSIFICATION else "XGBoostRegressor",
            _xgboost(task), _xgboost_space, _XBOOSTED, TREES, needs="xgboost", boosts=True, most_classes=SOME,
        ),
        Algorithm("ExtremeRandomTrees", extra, _forest_space, _LEAVES, TREES, most_rows=200_000, most_classes=FEW),
        Algorithm("RandomForest", forest, _forest_space, _LEAVES, TREES, most_rows=200_000, most_classes=FEW),
        Algorithm("GradientBoosting", hist, _hist_space, {"learning_rate": 0.1}, TREES, most_classes=SOME),
        Algorithm("DecisionTree", tree, _tree_space, {"max_depth": 8, "min_samples_leaf": 5}, TREES),
        Algorithm(
            "KNN", _sklearn(f"neighbors.KNeighbors{kind}", threads=True, seed=False), _knn_space,
            {"n_neighbors": 10, "weights": "distance"}, most_rows=50_000,
        ),
    )  # fmt: skip


def _in_order(found: Iterable[Algorithm], names: Iterable[str]) -> tuple[Algorithm, ...]:
    by_name = {one.name: one for one in found}
    return tuple(by_name[name] for name in names)


_CLASSIFIERS = _in_order(
    (
        *_trees(CLASSIFICATION),
        Algorithm(
            "LogisticRegression", _sklearn("linear_model.LogisticRegression", max_iter=300), _of("C", 1e-3, 100.0)
        ),
        Algorithm(
            "SGD", _sklearn("linear_model.SGDClassifier", loss="modified_huber", early_stopping=True),
            _of("alpha", 1e-6, 1e-1), most_classes=SOME,
        ),
        Algorithm(
            "LinearSVM", _calibrated("svm.LinearSVC"), _of("C", 1e-3, 30.0), most_rows=100_000, most_classes=SOME
        ),
        Algorithm("SVM", _calibrated("svm.SVC"), _svm_space, most_rows=10_000, most_classes=FEW),
        Algorithm("BernoulliNaiveBayes", _sklearn("naive_bayes.BernoulliNB", seed=False), _of("alpha", 1e-3, 10.0)),
        Algorithm(
            "MultinomialNaiveBayes", _sklearn("naive_bayes.MultinomialNB", seed=False), _of("alpha", 1e-3, 10.0),
            positive=True,
        ),
    ),
    (
        "LogisticRegression", "LightGBM", "XGBoostClassifier", "ExtremeRandomTrees", "RandomForest", "GradientBoosting",
        "KNN", "SVM", "LinearSVM", "SGD", "DecisionTree", "BernoulliNaiveBayes", "MultinomialNaiveBayes",
    ),
)  # fmt: skip
_REGRESSORS = _in_order(
    (
        *_trees(REGRESSION),
        Algorithm("ElasticNet", _sklearn("linear_model.ElasticNet"), _elastic_space, {"alpha": 0.01, "l1_ratio": 0.5}),
        Algorithm(
            "LassoLars", _sklearn("linear_model.LassoLars"), _of("alpha", 1e-5, 1.0), {"alpha": 1e-3}, most_rows=100_000
        ),
        Algorithm(
            "SGD", _sklearn("linear_model.SGDRegressor", early_stopping=True), _of("alpha", 1e-6, 1e-1)
        ),
    ),
    (
        "ElasticNet", "LightGBM", "XGBoostRegressor", "ExtremeRandomTrees", "RandomForest", "GradientBoosting", "KNN",
        "LassoLars", "SGD", "DecisionTree",
    ),
)  # fmt: skip
