"""One search of a rival over a table: run by the Python of its own environment, as a file.

`python tables_rivals.py SIDE FOLDER`; the folder has `train.parquet`, `test.parquet` and `order.json`, and gets
`SIDE.json`: the test rows' probabilities with the classes, or numbers.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

METRICS = {
    "flaml": {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"},
    "autogluon": {"binary": "roc_auc", "multiclass": "log_loss", "regression": "root_mean_squared_error"},
}


def flaml(train: Any, test: Any, order: dict[str, Any]) -> Any:
    """FLAML's `AutoML.fit` with its defaults."""
    from flaml import AutoML

    model, target, kind = AutoML(), order["target"], order["kind"]
    model.fit(
        train.drop(columns=target), train[target], task="regression" if kind == "regression" else "classification",
        metric=METRICS["flaml"][kind], time_budget=order["seconds"], n_jobs=order["threads"], seed=order["seed"],
        verbose=0, early_stop=False,
    )  # fmt: skip
    rows = test.drop(columns=target)
    if kind == "regression":
        return model.predict(rows), None
    return model.predict_proba(rows), model.classes_


def autogluon(train: Any, test: Any, order: dict[str, Any]) -> Any:
    """AutoGluon's `TabularPredictor.fit` at good quality."""
    from autogluon.tabular import TabularPredictor

    target, kind = order["target"], order["kind"]
    with tempfile.TemporaryDirectory() as place:
        model = TabularPredictor(
            target, problem_type=kind, eval_metric=METRICS["autogluon"][kind], path=place, verbosity=0
        ).fit(
            train, time_limit=order["seconds"], presets="good_quality", num_cpus=order["threads"], num_gpus=0,
            dynamic_stacking=False,
        )  # fmt: skip
        rows = test.drop(columns=target)
        if kind == "regression":
            return model.predict(rows).to_numpy(), None
        told = model.predict_proba(rows)
        return told.to_numpy(), list(told.columns)


def _plain(train: Any, test: Any, target: str) -> tuple[Any, Any]:
    """Rows with categories as such, for models that take them."""
    both = pd.concat([train, test]).drop(columns=target)
    for name in both:
        if both[name].dtype == object or str(both[name].dtype) in {"str", "string", "bool"}:
            both[name] = both[name].astype("category")
    return both.iloc[: len(train)], both.iloc[len(train) :]


def hist(train: Any, test: Any, order: dict[str, Any]) -> Any:
    """scikit-learn's gradient boosting with its defaults."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    learn, rows = _plain(train, test, order["target"])
    for name in learn.select_dtypes("category"):
        if learn[name].cat.categories.size > 250:
            learn, rows = learn.drop(columns=name), rows.drop(columns=name)
    if order["kind"] == "regression":
        one = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=order["seed"])
        return one.fit(learn, train[order["target"]]).predict(rows), None
    two = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=order["seed"])
    two.fit(learn, train[order["target"]])
    return two.predict_proba(rows), two.classes_


def lightgbm(train: Any, test: Any, order: dict[str, Any]) -> Any:
    """LightGBM with its defaults."""
    import lightgbm as gbm

    learn, rows = _plain(train, test, order["target"])
    names = {name: f"c{at}" for at, name in enumerate(learn.columns)}
    learn, rows = learn.rename(columns=names), rows.rename(columns=names)
    options = {"random_state": order["seed"], "n_jobs": order["threads"], "verbose": -1}
    if order["kind"] == "regression":
        return gbm.LGBMRegressor(**options).fit(learn, train[order["target"]]).predict(rows), None
    one = gbm.LGBMClassifier(**options).fit(learn, train[order["target"]])
    return one.predict_proba(rows), one.classes_


SIDES = {"flaml": flaml, "autogluon": autogluon, "hist": hist, "lightgbm": lightgbm}


def main() -> None:
    """Search, and write what is told of the test rows."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    side, folder = sys.argv[1], Path(sys.argv[2])
    order = json.loads((folder / "order.json").read_text())
    train, test = (pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    began = time.monotonic()
    told, labels = SIDES[side](train, test, order)
    found = {
        "told": [list(map(float, row)) if hasattr(row, "__len__") else float(row) for row in told],
        "classes": None if labels is None else [str(one) for one in labels],
        "seconds": time.monotonic() - began,
    }
    (folder / f"{side}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
