"""What Azure draws of a model, as the artifacts that it logs: JSON by the name of the chart.

Source: the schemas of `confusion_matrix`, `accuracy_table`, `residuals` and `predictions` that AutoML runs of Azure
log, which MLflow and studio draw ROC, precision-recall, gain, lift and calibration curves of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl.metrics import Classes, Numbers

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray


THRESHOLDS = np.round(np.linspace(0, 1, 21), 3)
"""Probabilities at which the accuracy table counts."""
CHARTS, PREDICTIONS = "charts.json", "predictions.csv"
MOST_ROWS = 10_000
"""Rows of the table of predictions."""
BINS = 10
"""Of the histogram of residuals, on either side of zero, and of the predictions."""


def of(case: Classes | Numbers, labels: Sequence[Any]) -> dict[str, Any]:
    """All charts of predictions."""
    if isinstance(case, Classes):
        return {"confusion_matrix": confusion(case, labels), "accuracy_table": accuracy(case, labels)}
    return {"residuals": residuals(case), "predictions": predicted(case)}


def confusion(case: Classes, labels: Sequence[Any]) -> dict[str, Any]:
    """Rows of a class (by row) that are taken for each class (by column)."""
    count = len(labels)
    matrix = np.zeros((count, count), dtype=int)
    np.add.at(matrix, (case.truth, case.probabilities.argmax(axis=1)), 1)
    return chart("confusion_matrix", {"class_labels": list(map(str, labels)), "matrix": matrix.tolist()})


def accuracy(case: Classes, labels: Sequence[Any]) -> dict[str, Any]:
    """True and false positives and negatives of each class against the rest, by probability and by share of rows.

    The tables have a line `[tp, fp, tn, fn]` per threshold, for each class in order.
    """
    by_probability, by_share = [], []
    for at in range(len(labels)):
        hit, told = case.truth == at, case.probabilities[:, at]
        by_probability.append([counts(hit, told >= threshold) for threshold in THRESHOLDS])
        order = np.argsort(-told, kind="stable")
        ranks = np.empty(len(told))
        ranks[order] = (np.arange(len(told)) + 1) / len(told)
        by_share.append([counts(hit, ranks <= share) for share in THRESHOLDS])
    return chart(
        "accuracy_table",
        {
            "probability_tables": by_probability,
            "percentile_tables": by_share,
            "probability_thresholds": THRESHOLDS.tolist(),
            "percentile_thresholds": THRESHOLDS.tolist(),
            "class_labels": list(map(str, labels)),
        },
    )


def counts(hit: NDArray[np.bool_], taken: NDArray[np.bool_]) -> list[int]:
    """True and false positives, true and false negatives."""
    return [
        int((hit & taken).sum()), int((~hit & taken).sum()), int((~hit & ~taken).sum()), int((hit & ~taken).sum()),
    ]  # fmt: skip


def residuals(case: Numbers) -> dict[str, Any]:
    """The histogram of prediction minus truth."""
    found = case.predicted - case.truth
    most = float(np.abs(found).max()) or 1.0
    edges = np.linspace(-most, most, 2 * BINS + 1)
    counts, _ = np.histogram(found, edges)
    mean, spread = float(found.mean()), float(found.std())
    return chart(
        "residuals",
        {
            "bin_edges": edges.tolist(), "bin_counts": counts.tolist(), "mean": mean, "stddev": spread,
            "res_count": len(found),
        },
    )  # fmt: skip


def predicted(case: Numbers) -> dict[str, Any]:
    """Mean and spread of the predictions by the truth, in bins of as many values."""
    low, high = float(case.truth.min()), float(case.truth.max())
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    places = np.clip(np.digitize(case.truth, edges) - 1, 0, BINS - 1)
    held = [case.predicted[places == at] for at in range(BINS)]
    return chart(
        "predictions",
        {
            "bin_averages": [float(one.mean()) if len(one) else None for one in held],
            "bin_errors": [float(one.std()) if len(one) else None for one in held],
            "bin_counts": [len(one) for one in held],
            "bin_edges": edges.tolist(),
        },
    )


def chart(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """One chart in the form in which Azure logs them."""
    return {"schema_type": kind, "schema_version": "1.0.0", "data": data}


def rows(case: Classes | Numbers, places: NDArray[np.intp], labels: Sequence[Any], most: int) -> Any:
    """Truth and prediction of rows as a table, at most so many.

    Args:
        case: The predictions.
        places: Of the rows in the data.
        labels: The classes; empty for numbers.
        most: Rows of the table.
    """
    import pandas as pd

    chosen = np.sort(np.random.default_rng(0).permutation(len(places))[:most])
    if isinstance(case, Numbers):
        return pd.DataFrame({"row": places[chosen], "truth": case.truth[chosen], "prediction": case.predicted[chosen]})
    names, told = np.asarray(labels), case.probabilities[chosen]
    found = pd.DataFrame(
        {"row": places[chosen], "truth": names[case.truth[chosen]], "prediction": names[told.argmax(axis=1)]}
    )
    return found.assign(**{f"probability of {label}": told[:, at] for at, label in enumerate(labels)})


def save(out: Path, drawn: Mapping[str, Any], told: pd.DataFrame) -> None:
    """Write `charts.json`, and at most so many rows of what was predicted as `predictions.csv`."""
    (out / CHARTS).write_text(json.dumps(drawn), encoding="utf-8")
    told.head(MOST_ROWS).to_csv(out / PREDICTIONS, index=False)
