"""Every family of models gives the same alone, among others, and through MLflow; what might not is never batched."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import NMF, PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    QuantileTransformer,
    StandardScaler,
)

from jupyter_aml.agent.serving import mlflow_model

from .families import CLASSES, LABELS, NUMBERS, X, ask, body, counted, fitted, rows_of, served

DOUBLE, SINGLE = 1e-9, 1e-5
NEVER = {
    "GaussianProcessClassifier",
    "GaussianProcessRegressor",
    "KernelRidge",
    "LabelPropagation",
    "LabelSpreading",
    "LocalOutlierFactor",
}
"""Classes of scikit-learn whose rows are not surely independent."""
REQUESTS = 24
PROBABILITIES = ("LogisticRegression", "RandomForestClassifier", "GaussianNB", "HistGradientBoostingClassifier", "SVC")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Warnings of the libraries about the small models here are not what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parts(rows: pd.DataFrame, number: int = REQUESTS) -> list[pd.DataFrame]:
    """Requests of one, two or three rows, wrapping around the rows there are."""
    places = iter(range(10_000))
    return [rows.iloc[[next(places) % len(rows) for _ in range(1 + at % 3)]] for at in range(number)]


def same(found: Any, expected: Any, limit: float) -> None:
    """Labels are identical, numbers equal to `limit` relative."""
    left, right = np.asarray(found), np.asarray(expected)
    assert left.shape == right.shape
    if right.dtype.kind == "f":
        np.testing.assert_allclose(left.astype(float), right.astype(float), rtol=limit, atol=0)
    else:
        assert left.tolist() == right.tolist()


def agrees(
    model: mlflow_model.Model, asked: list[pd.DataFrame], expected: list[Any], limit: float = DOUBLE
) -> list[int]:
    """Check the answers given together and alone; the rows of each call for those given together."""
    calls = counted(model)
    bodies = [body(one) for one in asked]
    together = ask(model, bodies)
    found = list(calls)
    alone = [ask(model, [one])[0] for one in bodies]
    for one, other, right in zip(together, alone, expected, strict=True):
        same(one, right, limit)
        same(other, right, limit)
    return found


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_each_class_of_sklearn_gives_the_same_alone_and_among_others(name: str) -> None:
    model = fitted(name)
    asked = parts(rows_of(model))

    calls = agrees(served(model, rows_of(model)), asked, [model.predict(one) for one in asked])

    assert len(calls) == (REQUESTS if name in NEVER else 1)


@pytest.mark.parametrize("name", PROBABILITIES)
def test_probabilities_are_the_same_alone_and_among_others(name: str) -> None:
    model = CLASSES["CalibratedClassifierCV"]() if name == "SVC" else fitted(name)
    if name == "SVC":
        model.fit(X, LABELS)
    asked = parts(X)

    calls = agrees(served(model, X, "predict_proba"), asked, [model.predict_proba(one) for one in asked])

    assert len(calls) == 1


def mixed() -> pd.DataFrame:
    """A table with numbers, gaps, whole numbers, words and truths."""
    rng = np.random.default_rng(0)
    rows = X.copy()
    rows["gaps"] = np.where(rng.random(len(rows)) < 0.3, np.nan, rng.normal(size=len(rows)))
    rows["age"] = rng.integers(0, 90, len(rows))
    rows["city"] = rng.choice(["Ulm", "Köln", "Bern"], len(rows))
    rows["member"] = rng.random(len(rows)) < 0.5
    rows["note"] = rng.choice(["late again", "on time", "lost and found"], len(rows))
    return rows


def of_mixed(last: Any) -> Any:
    """A pipeline over such a table."""
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), [*X.columns, "gaps", "age"]),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("texts", TfidfVectorizer(), "note"),
            ("truths", "passthrough", make_column_selector(dtype_include=bool)),
        ]
    )
    return make_pipeline(columns, last)


@pytest.mark.parametrize("last", [LogisticRegression(max_iter=1000), RandomForestRegressor(20), Ridge()], ids=str)
def test_a_pipeline_over_columns_of_all_kinds_is_batched_and_the_same(last: Any) -> None:
    rows = mixed()
    target = LABELS if isinstance(last, LogisticRegression) else NUMBERS
    model = of_mixed(last).fit(rows, target)
    asked = parts(rows)

    calls = agrees(served(model, rows), asked, [model.predict(one) for one in asked])

    assert len(calls) == 1


@pytest.mark.parametrize(
    "steps",
    [
        (StandardScaler(), PCA(2), LogisticRegression()),
        (
            QuantileTransformer(n_quantiles=20),
            KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"),
            LogisticRegression(),
        ),
        (FeatureUnion([("one", PCA(2)), ("all", StandardScaler())]), HistGradientBoostingClassifier(max_iter=8)),
        (FunctionTransformer(np.log1p), LogisticRegression()),
        (StandardScaler().set_output(transform="pandas"), LogisticRegression()),
    ],
    ids=lambda steps: "-".join(type(one).__name__ for one in steps),
)
def test_pipelines_are_batched_and_the_same(steps: tuple[Any, ...]) -> None:
    model = make_pipeline(*copy.deepcopy(steps)).fit(X, LABELS)
    asked = parts(X)

    calls = agrees(served(model, X), asked, [model.predict(one) for one in asked])

    assert len(calls) == 1


class Nearest(ClassifierMixin, BaseEstimator):
    """A user's own estimator, whose rows depend on each other."""

    def fit(self, rows: Any, labels: Any) -> Nearest:
        self.classes_ = np.unique(labels)
        return self

    def predict(self, rows: Any) -> Any:
        values = np.asarray(rows)
        return (values[:, 0] > values[:, 0].mean()).astype(int)


def centred(rows: Any) -> Any:
    """A user's own function, whose rows depend on each other."""
    return rows - np.mean(rows, axis=0)


@pytest.mark.parametrize(
    "model",
    [
        Nearest(),
        make_pipeline(StandardScaler(), Nearest()),
        make_pipeline(FunctionTransformer(centred), LogisticRegression()),
        make_pipeline(FunctionTransformer(np.cumsum, kw_args={"axis": 0}), LogisticRegression()),
        make_pipeline(NMF(2, max_iter=500), LogisticRegression()),
        DummyClassifier(strategy="stratified", random_state=0),
        DummyClassifier(strategy="uniform", random_state=0),
        KNeighborsClassifier(algorithm="brute"),
        KNeighborsClassifier(metric=lambda a, b: float(np.abs(a - b).sum()), algorithm="ball_tree"),
        ColumnTransformer([("own", FunctionTransformer(centred), list(X.columns))]),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_might_mix_rows_is_never_batched(model: Any) -> None:
    if not hasattr(model, "predict"):
        model = make_pipeline(model, LogisticRegression())
    model.fit(X, LABELS)
    asked = parts(X, 6)
    limit = DOUBLE

    calls = agrees(served(model, X), asked, [copy.deepcopy(model).predict(one) for one in asked], limit)

    assert len(calls) == len(asked)


def saved(folder: Path, flavor: str, model: Any, rows: Any, **more: Any) -> tuple[mlflow_model.Model, Any]:
    """A model through MLflow's own files: as a replica serves it, and as MLflow loads it."""
    import mlflow
    from mlflow.models import infer_signature

    module = getattr(mlflow, flavor)
    signature = infer_signature(rows) if rows is not None else None
    module.save_model(model, str(folder), signature=signature, pip_requirements=["mlflow"], **more)
    found: Any = mlflow_model.load(str(folder))
    assert isinstance(found, mlflow_model.Model)
    return found, mlflow.pyfunc.load_model(str(folder))


def records(found: Any) -> Any:
    """What MLflow returned, as JSON has it."""
    return json.loads(json.dumps(found.to_dict(orient="records"), default=lambda one: one.item()))


@pytest.mark.parametrize("kind", ["pickle", "cloudpickle", "skops"])
def test_sklearn_from_mlflows_files(tmp_path: Path, kind: str) -> None:
    model = LogisticRegression(max_iter=1000).fit(X, LABELS)
    found, reference = saved(tmp_path / "m", "sklearn", model, X, serialization_format=kind)
    asked = parts(X)

    assert len(agrees(found, asked, [reference.predict(one) for one in asked])) == 1


def test_a_tensor_signature_takes_lists(tmp_path: Path) -> None:
    model = LogisticRegression(max_iter=1000).fit(X.to_numpy(), LABELS)
    found, reference = saved(
        tmp_path / "m",
        "sklearn",
        model,
        X.to_numpy(),
        serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba",
    )
    bodies = [json.dumps({"input_data": one.to_numpy().tolist()}).encode() for one in parts(X)]

    for one, asked in zip(ask(found, bodies), parts(X), strict=True):
        same(one, reference.predict(asked.to_numpy()), DOUBLE)


@pytest.mark.parametrize("kind", ["LGBMClassifier", "LGBMRegressor", "Booster"])
def test_lightgbm(tmp_path: Path, kind: str) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    if kind == "Booster":
        model = lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, NUMBERS), 20)
    else:
        model = getattr(lightgbm, kind)(n_estimators=20, verbose=-1).fit(X, LABELS if "Class" in kind else NUMBERS)
    more = {} if kind == "Booster" else {"serialization_format": "cloudpickle"}
    found, reference = saved(tmp_path / "m", "lightgbm", model, X, **more)
    asked = parts(X)

    assert len(agrees(found, asked, [reference.predict(one) for one in asked])) == 1


@pytest.mark.parametrize("kind", ["XGBClassifier", "XGBRegressor", "Booster"])
def test_xgboost(tmp_path: Path, kind: str) -> None:
    xgboost = pytest.importorskip("xgboost")
    if kind == "Booster":
        model = xgboost.train({}, xgboost.DMatrix(X, NUMBERS), 20)
    else:
        model = getattr(xgboost, kind)(n_estimators=20).fit(X, LABELS if "Class" in kind else NUMBERS)
    found, reference = saved(tmp_path / "m", "xgboost", model, X)
    asked = parts(X)

    assert len(agrees(found, asked, [reference.predict(one) for one in asked], SINGLE)) == 1


@pytest.mark.parametrize("kind", ["LogisticRegression", "RandomForestRegressor", "Ridge"])
def test_onnx(tmp_path: Path, kind: str) -> None:
    found, reference = of_onnx(tmp_path, fitted(kind))
    asked = parts(X)
    calls = counted(found)

    together = ask(found, [body(one) for one in asked])

    assert len(calls) == 1
    for one, frame in zip(together, asked, strict=True):
        expected = records(reference.predict(frame))
        assert [list(row) for row in one] == [list(row) for row in expected]
        for row, right in zip(one, expected, strict=True):
            for name in right:
                assert close(row[name], right[name])


def close(found: Any, expected: Any) -> bool:
    """Whether values, or probabilities by class, are equal in single precision."""
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(close(found[name], expected[name]) for name in expected)
    if isinstance(expected, float):
        return bool(abs(found - expected) <= SINGLE * abs(expected))
    return bool(found == expected)


def of_onnx(folder: Path, model: Any, first: int | None = None) -> tuple[mlflow_model.Model, Any]:
    """A model of scikit-learn as ONNX, with so many rows at once where `first` is given."""
    pytest.importorskip("onnxruntime")
    skl2onnx = pytest.importorskip("skl2onnx")
    types = pytest.importorskip("skl2onnx.common.data_types")
    graph = skl2onnx.convert_sklearn(model, initial_types=[("X", types.FloatTensorType([first, X.shape[1]]))])
    return saved(folder / "m", "onnx", graph, X)


def test_an_onnx_graph_for_a_fixed_number_of_rows_is_not_batched(tmp_path: Path) -> None:
    found, _ = of_onnx(tmp_path, Ridge().fit(X, NUMBERS), first=1)
    calls = counted(found)

    ask(found, [body(X.iloc[at : at + 1]) for at in range(5)])

    assert calls == [1] * 5


def test_an_onnx_graph_that_mixes_rows_is_not_batched(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, tensor = onnx.helper, onnx.TensorProto
    node = helper.make_node("Softmax", ["X"], ["Y"], axis=0)
    graph = helper.make_graph(
        [node],
        "mixes",
        [helper.make_tensor_value_info("X", tensor.FLOAT, [None, 4])],
        [helper.make_tensor_value_info("Y", tensor.FLOAT, [None, 4])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    found, _ = saved(tmp_path / "m", "onnx", model, X)
    calls = counted(found)

    ask(found, [body(X.iloc[at : at + 1]) for at in range(5)])

    assert calls == [1] * 5


def test_a_bad_request_fails_only_itself() -> None:
    model = served(LogisticRegression(max_iter=1000).fit(X, LABELS), X)
    calls = counted(model)
    good = [body(X.iloc[at : at + 1]) for at in range(3)]
    nothing = body(X.iloc[:1].assign(**{X.columns[1]: np.nan}))
    word = good[0].replace(b"[[", b'[["a",', 1)

    answers = ask(model, [good[0], b"{", good[1], nothing, word, good[2]])

    assert [answers[at] for at in (0, 2, 5)] == [ask(model, [one])[0] for one in good]
    assert "could not be decoded as JSON" in answers[1]["message"]
    assert "contains NaN" in answers[3]["message"]
    assert "5 values" in answers[4]["message"]
    assert calls[0] == 4


def test_a_signature_in_another_order_than_the_model_was_fitted_with_is_not_taken_for_it() -> None:
    model = LogisticRegression(max_iter=1000).fit(X, LABELS)
    turned = X[list(X.columns)[::-1]]

    with pytest.raises(ValueError, match="feature names") as raised:
        model.predict(turned)
    (answer,) = ask(served(model, turned), [body(turned.iloc[:1])])

    assert str(raised.value).splitlines()[0] in answer["message"]


@pytest.mark.parametrize("columns", [[3, 2, 1, 0], [0, 1, 2, 3]])
def test_a_model_without_a_signature_checks_the_columns_itself(columns: list[int]) -> None:
    model = LogisticRegression(max_iter=1000).fit(X, LABELS)
    asked = X.iloc[:3, columns]

    (answer,) = ask(served(model, None), [body(asked)])

    if columns[0]:
        assert "feature names" in answer["message"]
    else:
        same(answer, model.predict(asked), DOUBLE)
