"""Models of sklearn, LightGBM, XGBoost and ONNX as their own libraries load them, which MLflow would take a second for.

Each gives what `mlflow.pyfunc` gives: the same files, the same method, the same types.
"""

from __future__ import annotations

import importlib
import pickle
import warnings

from . import independence, linear, onnxed
from .exchange import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .mlmodel import Description

METHODS = ("predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba")
"""What `pyfunc_predict_fn` may name that takes rows alone."""


class Native:
    """A model without MLflow.

    Attributes:
        call: From a matrix, a frame or a tensor to predictions.
        arrays: Whether it takes a matrix as well as a frame.
        names: The columns it was fitted with, where it knows them.
        mixes: What may mix rows, in words, so that requests must be scored one by one; empty where nothing does.
        batches: Whether rows of many requests may be scored together.
        light: Whether a call is one product with a narrow matrix, which threads of the algebra would only hinder.
    """

    def __init__(
        self,
        call: Callable[[Any], Any],
        *,
        arrays: bool,
        names: list[str] | None,
        mixes: str = "",
        light: bool = False,
    ) -> None:
        self.call = call
        self.light = light
        self.arrays = arrays
        self.names = names
        self.mixes = mixes
        self.batches = not mixes


def load(description: Description) -> Native | None:
    """The model, or None where MLflow itself has to load it. Raises Failed."""
    loader = _LOADERS.get(description.loader)
    if loader is None or not description.flavor:
        return None
    description.use_code()
    try:
        return loader(description)
    except Failed:
        raise
    except Exception as error:
        raise Failed(
            "BadModel",
            f"The MLflow model ({description.loader}) could not be loaded: {type(error).__name__}: {error}. "
            "If that is about versions or packages, give the deployment an environment with those of the training.",
        ) from error


def _unpickled(description: Description, name: str, serialization: str, trusted: Any) -> Any:
    path = description.path(name)
    if serialization == "skops":
        return importlib.import_module("skops.io").load(path, trusted=trusted)
    with open(path, "rb") as file:
        if serialization == "cloudpickle":
            return importlib.import_module("cloudpickle").load(file)
        return pickle.load(file)  # noqa: S301 -- the user's own model, which MLflow would unpickle too


def _sklearn(description: Description) -> Native | None:
    flavor, function = description.flavor, description.function.get("predict_fn", "predict")
    if function not in METHODS:
        return None
    model = _unpickled(
        description,
        flavor["pickled_model"],
        flavor.get("serialization_format", "pickle"),
        flavor.get("skops_trusted_types"),
    )
    if not hasattr(model, function):
        raise Failed("BadModel", f"The sklearn model {type(model).__name__} has no {function}().")
    return of_estimator(model, function)


def of_estimator(model: Any, function: str = "predict") -> Native:
    """A fitted estimator with sklearn's methods."""
    arrays = independence.takes_arrays(model)
    found = getattr(model, "feature_names_in_", None)
    names = None if found is None else [str(name) for name in found]
    if arrays:
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
    quick = linear.quick(model) if arrays and function == "predict" else None
    mixes = independence.mixes(model, function)
    call = quick or getattr(model, function)
    return Native(call, arrays=arrays, names=names, mixes=mixes, light=quick is not None)


def _lightgbm(description: Description) -> Native | None:
    flavor = description.flavor
    if flavor.get("model_class", "lightgbm.basic.Booster") != "lightgbm.basic.Booster":
        serialization = flavor.get("serialization_format", "cloudpickle")
        model = _unpickled(description, flavor["data"], serialization, flavor.get("skops_trusted_types"))
        booster = model.booster_
    else:
        module = importlib.import_module("lightgbm")
        model = booster = module.Booster(model_file=description.path(flavor["data"]))
    arrays = not booster.pandas_categorical
    names = [str(name) for name in booster.feature_name()]
    if names == [f"Column_{at}" for at in range(len(names))]:
        names = None  # type: ignore[assignment]
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    return Native(model.predict, arrays=arrays, names=names, mixes=independence.own(model))


def _xgboost(description: Description) -> Native | None:
    flavor = description.flavor
    module = importlib.import_module("xgboost")
    package, _, name = flavor.get("model_class", "xgboost.core.Booster").rpartition(".")
    model = getattr(importlib.import_module(package), name)()
    model.load_model(description.path(flavor["data"]))
    booster = model if isinstance(model, module.Booster) else model.get_booster()
    if description.params or name == "XGBRanker":
        return None
    numbers = not any(kind == "c" for kind in booster.feature_types or ())
    names = booster.feature_names
    call = model.predict
    if model is booster:

        def call(rows: Any) -> Any:
            columns = names if not hasattr(rows, "columns") else None
            return booster.predict(module.DMatrix(rows, feature_names=columns))

    return Native(call, arrays=numbers, names=names, mixes=independence.own(model))


def _onnx(description: Description) -> Native | None:
    found = onnxed.load(description)
    if found is None:
        return None
    mixes = "" if found.independent else "an operator of the ONNX graph, or its fixed number of rows,"
    return Native(found, arrays=True, names=None, mixes=mixes)


_LOADERS: dict[str, Callable[[Description], Native | None]] = {
    "mlflow.sklearn": _sklearn,
    "mlflow.lightgbm": _lightgbm,
    "mlflow.xgboost": _xgboost,
    "mlflow.onnx": _onnx,
}
