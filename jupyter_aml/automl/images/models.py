"""Algorithms that tell classes of pictures from features that need no weights, or from what a network says of them.

They stand for Azure's image models. The first parameters of each are sane ones; the cheapest is tried first.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl.family import Json
from jupyter_aml.automl.text.sweeps import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.algorithms import Asked
    from jupyter_aml.automl.images import served

ALL = "shapes,colours,textures,pixels"
LOOKS = (ALL, "shapes", "shapes,pixels", "colours,textures,pixels", "shapes,colours,textures")
MOST_SVM = 8_000
"""Pictures above which a support vector machine is too slow."""


def _look(asked: Asked) -> Json:
    return {
        "looks": asked.suggest_categorical("looks", list(LOOKS)),
        "mirror": asked.suggest_categorical("mirror", [False, True]),
    }


def _logistic(asked: Asked) -> Json:
    return {
        "C": asked.suggest_float("C", 1e-4, 10.0, log=True),
        "components": asked.suggest_categorical("components", [0, 100, 300]),
    } | _look(asked)


def _svm(asked: Asked) -> Json:
    return {
        "C": asked.suggest_float("C", 0.3, 100.0, log=True),
        "gamma": asked.suggest_float("gamma", 0.1, 10.0, log=True),
        "components": asked.suggest_categorical("components", [50, 100, 200, 300]),
    } | _look(asked)


def _trees(asked: Asked) -> Json:
    return {
        "max_features": asked.suggest_categorical("max_features", ["sqrt", "0.1"]),
        "min_samples_leaf": asked.suggest_int("min_samples_leaf", 1, 4),
    } | _look(asked)


def _boosted(asked: Asked) -> Json:
    return {
        "components": asked.suggest_categorical("components", [50, 100]),
        "learning_rate": asked.suggest_float("learning_rate", 0.03, 0.3, log=True),
        "num_leaves": asked.suggest_int("num_leaves", 4, 31, log=True),
    } | _look(asked)


def _filters(asked: Asked) -> Json:
    return {
        "C": asked.suggest_float("C", 1e-4, 1.0, log=True),
        "filters": asked.suggest_categorical("filters", [100, 200, 400]),
        "patch": asked.suggest_int("patch", 5, 8),
        "pools": asked.suggest_int("pools", 2, 4),
        "mirror": asked.suggest_categorical("mirror", [False, True]),
    }


def _on_network(asked: Asked) -> Json:
    return {"C": asked.suggest_float("C", 1e-5, 10.0, log=True)}


_ALL = {"looks": ALL, "mirror": False}
_KINDS = (
    Kind("LogisticRegression", {"C": 0.01, "components": 0, **_ALL}, _logistic, "Features"),
    Kind("SVM", {"C": 5.0, "gamma": 1.0, "components": 100, **_ALL}, _svm, "Features, PCA"),
    Kind("ExtremeRandomTrees", {"max_features": "sqrt", "min_samples_leaf": 1, **_ALL}, _trees, "Features"),
    Kind(
        "LightGBM", {"components": 50, "learning_rate": 0.1, "num_leaves": 15, **_ALL}, _boosted, "Features, PCA"
    ),
    Kind(
        "ConvolutionalFilters", {"C": 0.01, "filters": 200, "patch": 6, "pools": 3, "mirror": False}, _filters,
        "Filters of patches",
    ),
)  # fmt: skip
_NETWORK = Kind("Backbone", {"C": 0.01}, _on_network, "ONNX network")


def kinds(networks: bool = False) -> list[Kind]:
    """The algorithms that can be tried here.

    Args:
        networks: Whether there is a file of a network, whose features are then tried first.
    """
    found = [one for one in _KINDS if one.name != "LightGBM" or importlib.util.find_spec("lightgbm") is not None]
    return [_NETWORK, *found] if networks else found


def learn(
    algorithm: str,
    parameters: Mapping[str, Any],
    pictures: Any,
    truth: NDArray[Any],
    count: int,
    *,
    threads: int,
    seed: int,
    until: float,
    backbone: served.Backbone | None = None,
) -> served.Pipeline:
    """A fitted model.

    Args:
        algorithm: One of `kinds`.
        parameters: Of the algorithm.
        pictures: Small ones, shape (pictures, side, side, 3), or what the network says of them.
        truth: Classes as numbers, shape (pictures,), or True where a picture has a label, shape (pictures, labels).
        count: How many classes there are.
        threads: That it may use.
        seed: The same seed gives the same model.
        until: When to stop a boosting, by `time.monotonic`.
        backbone: The network.

    Raises:
        ValueError: There are more pictures than the algorithm can learn from.
    """
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from jupyter_aml.automl.images import served
    from jupyter_aml.automl.text import models

    if algorithm == "SVM" and len(pictures) > MOST_SVM:
        raise ValueError(f"There are {len(pictures):,} pictures; SVM learns from {MOST_SVM:,} at most.")
    mirrored = bool(parameters.get("mirror"))
    looks: Any = backbone or _looks(algorithm, parameters, pictures, seed)
    told = pictures if backbone is not None else looks.transform(pictures)
    if mirrored:
        told, truth = np.concatenate([told, looks.transform(pictures[:, :, ::-1])]), np.concatenate([truth, truth])
    numbers = None
    if algorithm != "ExtremeRandomTrees":
        kept = min(int(parameters.get("components", 0)), len(told) - 1, told.shape[1])
        squeezed = [PCA(kept, random_state=seed, whiten=algorithm != "LightGBM")] if kept else []
        numbers = make_pipeline(StandardScaler(), *squeezed)
        told = numbers.fit_transform(told)

    def make() -> Any:
        return estimator(algorithm, parameters, threads, seed, until)

    model = models.marks(make, told, truth, seed) if truth.ndim > 1 else models.classes(make, told, truth, count)
    return served.Pipeline(looks, numbers, model, mirrored)


def _looks(algorithm: str, parameters: Mapping[str, Any], pictures: Any, seed: int) -> Any:
    from jupyter_aml.automl.images import served

    if algorithm == "ConvolutionalFilters":
        made = served.Filters(int(parameters["filters"]), int(parameters["patch"]), int(parameters["pools"]), seed)
        return made.fit(pictures)
    return served.Looks(str(parameters["looks"]).split(","))


def estimator(algorithm: str, parameters: Mapping[str, Any], threads: int, seed: int, until: float) -> Any:
    """One that is not fitted yet.

    Raises:
        ValueError: There is no such algorithm.
    """
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    from jupyter_aml.automl.text import models
    from jupyter_aml.automl.text import served as shared

    weights = parameters.get("class_weight")
    if algorithm in {"LogisticRegression", "ConvolutionalFilters", "Backbone"}:
        return LogisticRegression(C=parameters["C"], max_iter=300, class_weight=weights, random_state=seed)
    if algorithm == "SVM":
        gamma = parameters["gamma"] / max(int(parameters["components"]), 1)
        return shared.Scaled(
            lambda: SVC(C=parameters["C"], gamma=gamma, class_weight=weights, cache_size=500), "decision_function", seed
        )
    if algorithm == "ExtremeRandomTrees":
        features = parameters["max_features"]
        return ExtraTreesClassifier(
            300, max_features=features if features == "sqrt" else float(features), class_weight=weights,
            min_samples_leaf=int(parameters["min_samples_leaf"]), n_jobs=threads, random_state=seed,
        )  # fmt: skip
    if algorithm == "LightGBM":
        return models.boosting(parameters, threads, seed, until)
    names = ", ".join(one.name for one in (*_KINDS, _NETWORK))
    raise ValueError(f"{algorithm!r} is no algorithm for pictures; expected one of {names}.")


def network(name: str) -> Path | None:
    """The file of a network that a setting names; None where it names something else.

    Raises:
        ValueError: It names a file that is not there, or nothing runs it.
    """
    if not name.lower().endswith(".onnx"):
        return None
    place = Path(name).expanduser()
    if not place.is_file():
        raise ValueError(f"model_name is {name!r}, and there is no such file; expected the path of an ONNX file.")
    if importlib.util.find_spec("onnxruntime") is None:
        raise ValueError(f"model_name is {name!r}, which needs ONNX Runtime. Install onnxruntime.")
    return place
