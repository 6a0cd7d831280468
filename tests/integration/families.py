"""Fitted models of every family of scikit-learn, and a way to ask a served one in this process."""

from __future__ import annotations

import copy
import inspect
import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_regressor
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils import all_estimators

from jupyter_aml.agent.serving import intake, mlflow_model, mlmodel, natives
from jupyter_aml.agent.serving.exchange import Request

NONE = memoryview(b"")
CLASSES = {name: kind for name, kind in all_estimators() if hasattr(kind, "predict")}
X = load_iris(as_frame=True).data.sample(120, random_state=0).reset_index(drop=True)
LABELS = load_iris(as_frame=True).target.loc[load_iris(as_frame=True).data.sample(120, random_state=0).index].to_numpy()
NUMBERS = 1.0 + X.to_numpy() @ np.array([0.5, -0.25, 1.0, 2.0]) + np.sin(np.arange(len(X)))
SPECIAL: dict[str, dict[str, Any]] = {
    "VotingClassifier": {"estimators": [("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))]},
    "VotingRegressor": {"estimators": [("a", Ridge()), ("b", Ridge(alpha=9))]},
    "StackingClassifier": {"estimators": [("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))]},
    "StackingRegressor": {"estimators": [("a", Ridge()), ("b", Ridge(alpha=9))]},
    "GridSearchCV": {"estimator": Ridge(), "param_grid": {"alpha": [1, 2]}},
    "RandomizedSearchCV": {"estimator": Ridge(), "param_distributions": {"alpha": [1, 2]}, "n_iter": 2},
    "Pipeline": {"steps": [("one", Ridge())]},
    "RegressorChain": {"estimator": Ridge()},
    "MultiOutputRegressor": {"estimator": Ridge()},
    "RFE": {"estimator": Ridge()},
    "RFECV": {"estimator": Ridge()},
    "LocalOutlierFactor": {"novelty": True},
    "RadiusNeighborsClassifier": {"radius": 50.0},
    "RadiusNeighborsRegressor": {"radius": 50.0},
    "NuSVC": {"nu": 0.1},
}
TWO_OUTPUTS = ("MultiTask", "MultiOutput", "Chain", "CCA", "PLS")
META = ("ClassifierChain", "MultiOutputClassifier", "OneVs", "OutputCode", "SelfTraining")
BINARY = {"FixedThresholdClassifier", "TunedThresholdClassifierCV"}


def fitted(name: str) -> Any:
    """An estimator of scikit-learn by the name of its class, fitted with its defaults as far as it has them."""
    kind = CLASSES[name]
    known = dict(SPECIAL.get(name, {}))
    if not known and (name in BINARY or ("estimator" in inspect.signature(kind).parameters and name.startswith(META))):
        known = {"estimator": LogisticRegression(max_iter=1000)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = kind(**known)
        if "random_state" in model.get_params():
            model.set_params(random_state=0)
        regresses = is_regressor(model) or name in {"GridSearchCV", "RandomizedSearchCV", "Pipeline", "RFE", "RFECV"}
        target = NUMBERS if regresses else LABELS
        rows = X
        if name in BINARY:
            target = (LABELS > 0).astype(int)
        if any(word in name for word in TWO_OUTPUTS):
            target = np.column_stack([target, np.roll(target, 7)])
            if "Chain" in name and not regresses:
                target = (target > 0).astype(int)
        if name == "IsotonicRegression":
            rows = X.iloc[:, :1]
        if name == "CategoricalNB":
            rows = X.round()
            model.set_params(min_categories=12)
        model.fit(rows, target)
    return model


def rows_of(model: Any) -> pd.DataFrame:
    """Rows a fitted model can be asked about."""
    rows = X.iloc[:, : 1 if type(model).__name__ == "IsotonicRegression" else model.n_features_in_]
    return rows.round() if type(model).__name__ == "CategoricalNB" else rows


def signature(rows: pd.DataFrame) -> str:
    """A signature for the columns of a frame, as MLflow writes it."""
    kinds = {"f": "double", "i": "long", "b": "boolean", "M": "datetime"}
    return json.dumps([{"type": kinds.get(rows[name].dtype.kind, "string"), "name": name} for name in rows.columns])


def served(model: Any, rows: pd.DataFrame | None, function: str = "predict") -> mlflow_model.Model:
    """A copy of a fitted estimator as a replica serves it; with the signature of `rows`."""
    return wrapped(natives.of_estimator(copy.deepcopy(model), function), rows)


def wrapped(native: natives.Native, rows: pd.DataFrame | None) -> mlflow_model.Model:
    """A native model as a replica serves it."""
    told: dict[str, Any] = {"flavors": {"python_function": {"loader_module": "mlflow.sklearn"}}}
    if rows is not None:
        told["signature"] = {"inputs": signature(rows)}
    read = intake.Intake(mlmodel.Description("", told), arrays=native.arrays, names=native.names)
    return mlflow_model.Model(native, read, {}, "")


def body(rows: pd.DataFrame) -> bytes:
    """Rows as a client sends them to Azure."""
    return json.dumps({"input_data": json.loads(rows.to_json(orient="split", double_precision=15))}).encode()


def ask(model: mlflow_model.Model, bodies: list[bytes]) -> list[Any]:
    """What a model answers to requests that come together: the JSON of each, or the sentence of a refusal."""
    answers = model.answer([Request(at, NONE, memoryview(one)) for at, one in enumerate(bodies)])
    return [json.loads(one.body) for one in answers]


def counted(model: mlflow_model.Model) -> list[int]:
    """Counts the rows of each call of a model, from now on."""
    calls: list[int] = []
    call: Callable[[Any], Any] = model._native.call

    def counting(rows: Any) -> Any:
        calls.append(len(rows))
        return call(rows)

    model._native.call = counting
    return calls
