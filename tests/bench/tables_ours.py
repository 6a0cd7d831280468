"""One search of ours over a table, in this process, as its jobs do it: look, trials, the best model saved and loaded.

`python -m tests.bench.tables_ours FOLDER`; the same folder as `tables_rivals`.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jupyter_aml.automl.family import COMPLETED, Done, Order
from jupyter_aml.automl.tabular import FAMILY
from tests.bench.trials import tried

ENDING = 0.15
"""Share of the time that the job keeps for the best model. Source: `conducted.automl`."""
METRICS = {"binary": "AUCWeighted", "multiclass": "AUCWeighted", "regression": "NormalizedRootMeanSquaredError"}


def searched(order: Order, place: Path, threads: int) -> tuple[list[Done], float]:
    """The trials of a search, and the seconds until the first model was there."""
    began = time.monotonic()
    until = began + order.seconds
    facts = FAMILY.prepare(order, place)
    done: list[Done] = []
    first = np.nan
    for one in tried(FAMILY, order, facts, place, until=until - ENDING * order.seconds, threads=threads):
        if one.attempt.status == COMPLETED and np.isnan(first):
            first = time.monotonic() - began
        done.append(one)
    return done, first


def main() -> None:
    """Search, and write what the best model tells of the test rows."""
    import mlflow

    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    asked: dict[str, Any] = json.loads((folder / "order.json").read_text())
    train, test = (pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    kind, target = asked["kind"], asked["target"]
    began = time.monotonic()
    order = Order(
        "regression" if kind == "regression" else "classification",
        {
            "targetColumnName": target, "primaryMetric": METRICS[kind],
            "trainingSettings": {"enableModelExplainability": False},
        },
        {"training": train}, seconds=asked["seconds"], seed=asked["seed"],
    )  # fmt: skip
    place, out = folder / "ours", folder / "best"
    place.mkdir()
    out.mkdir()
    done, first = searched(order, place, asked["threads"])
    good = sorted(
        (one for one in done if one.attempt.status == COMPLETED), key=lambda one: one.attempt.loss or 0.0
    )[:12]  # fmt: skip
    best = FAMILY.finish(order, place, good, out, began + asked["seconds"])
    seconds = time.monotonic() - began
    model = mlflow.sklearn.load_model(str(out / "model"))
    rows = test.drop(columns=target)
    told = model.predict(rows) if kind == "regression" else model.predict_proba(rows)
    found = {
        "told": np.asarray(told, dtype=float).tolist(),
        "classes": None if kind == "regression" else [str(one) for one in model.classes_],
        "seconds": seconds, "first": first, "trials": len(done), "title": best.title,
        "best": [(one.proposal.title, one.attempt.score) for one in good[:5]],
    }  # fmt: skip
    (folder / "ours.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
