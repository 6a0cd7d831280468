"""The charts of a model as pictures: what studio draws of `charts.json`, as PNG beside it.

Source: Microsoft's "Evaluate automated machine learning experiment results": which curves are made of the counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl.charts import CHARTS

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Counts = NDArray[np.float64]

SIZE, DOTS = (6.0, 4.0), 110
MOST_CLASSES = 8
"""Classes that have a curve each; of more there is their mean alone."""
MOST_CELLS = 20
"""Classes whose counts are written into the cells of a confusion matrix."""
MOST_COLUMNS, MOST_SERIES = 15, 6
LEAST = 1e-12
PALE = 0.25


def pictures(out: Path) -> list[str]:
    """Draw what the folder's `charts.json` holds.

    Returns:
        Names of the pictures, without `.png`; none where matplotlib is not installed.
    """
    path = out / CHARTS
    if not path.is_file():
        return []
    found = figures(json.loads(path.read_text(encoding="utf-8")))
    for name, figure in found.items():
        figure.savefig(out / f"{name}.png", dpi=DOTS)
    return list(found)


def figures(charts: Mapping[str, Any]) -> dict[str, Figure]:
    """A figure for each chart that is known, by its name; none where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return {}
    found: dict[str, Figure] = {}
    for name, draw, data in _drawn(charts):
        figure = Figure(figsize=SIZE, layout="constrained")
        draw(figure, data)
        found[name] = figure
    return found


Draw = Callable[["Figure", Any], None]


def _drawn(charts: Mapping[str, Any]) -> list[tuple[str, Draw, Any]]:
    """Each picture: its name, what draws it, of what."""
    found: list[tuple[str, Draw, Any]] = []
    for name, chart in charts.items():
        data = chart.get("data", chart) if isinstance(chart, dict) else chart
        if name == "accuracy_table" and data["class_labels"]:
            found += [(curve, draw, data) for curve, draw in CURVES.items()]
        elif name in KINDS and data:
            found.append((name, KINDS[name], data))
    return found


def _confusion(figure: Figure, data: Any) -> None:
    matrix, labels = np.asarray(data["matrix"], dtype=float), data["class_labels"]
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes = figure.add_subplot()
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    figure.colorbar(shown, label="share of the true class")
    axes.set(xlabel="predicted", ylabel="true")
    if len(labels) <= MOST_CELLS:
        axes.set_xticks(range(len(labels)), [_short(one) for one in labels], rotation=45, ha="right")
        axes.set_yticks(range(len(labels)), [_short(one) for one in labels])
        for row, column in np.ndindex(matrix.shape):
            color = "white" if shares[row, column] > 0.5 else "black"  # noqa: PLR2004 - half
            axes.text(column, row, f"{matrix[row, column]:g}", ha="center", va="center", color=color, fontsize=8)


def _by_class(figure: Figure, data: Any, table: str, points: Callable[[Counts], tuple[Any, Any]]) -> Axes:
    """A curve for each class and the mean of all."""
    axes = figure.add_subplot()
    labels: Sequence[str] = data["class_labels"]
    tables = np.asarray(data[table], dtype=float)
    if len(labels) <= MOST_CLASSES:
        for label, one in zip(labels, tables, strict=True):
            across, up = points(one)
            axes.plot(across, up, linewidth=1, label=_short(label))
    across, up = points(tables.sum(axis=0))
    axes.plot(across, up, color="black", linewidth=2, label="all, micro average")
    axes.legend(fontsize=8)
    return axes


def _rates(counts: Counts) -> tuple[Counts, Counts, Counts]:
    """False positive rate, true positive rate and precision, by threshold."""
    hit, false, rest, missed = counts.T
    taken = hit + false
    precision = np.where(taken > 0, hit / np.maximum(taken, LEAST), 1.0)
    return false / np.maximum(false + rest, LEAST), hit / np.maximum(hit + missed, LEAST), precision


def _roc(figure: Figure, data: Any) -> None:
    axes = _by_class(figure, data, "probability_tables", lambda counts: _rates(counts)[:2])
    axes.plot([0, 1], [0, 1], "--", color="gray", linewidth=1)
    axes.set(xlabel="false positive rate", ylabel="true positive rate")


def _precision(figure: Figure, data: Any) -> None:
    axes = _by_class(figure, data, "probability_tables", lambda counts: _rates(counts)[1:])
    axes.set(xlabel="recall", ylabel="precision", ylim=(0, 1.02))


def _calibration(figure: Figure, data: Any) -> None:
    edges = np.asarray(data["probability_thresholds"])

    def points(counts: Counts) -> tuple[Any, Any]:
        hit, taken = -np.diff(counts[:, 0]), -np.diff(counts[:, 0] + counts[:, 1])
        there = taken > 0
        return ((edges[:-1] + edges[1:]) / 2)[there], hit[there] / taken[there]

    axes = _by_class(figure, data, "probability_tables", points)
    axes.plot([0, 1], [0, 1], "--", color="gray", linewidth=1)
    axes.set(xlabel="predicted probability", ylabel="share that is so")


def _gain(figure: Figure, data: Any) -> None:
    shares = np.asarray(data["percentile_thresholds"])
    axes = _by_class(figure, data, "percentile_tables", lambda counts: (shares, _rates(counts)[1]))
    axes.plot([0, 1], [0, 1], "--", color="gray", linewidth=1)
    axes.set(xlabel="share of the rows, the surest first", ylabel="share of the class that is found")


def _lift(figure: Figure, data: Any) -> None:
    shares = np.asarray(data["percentile_thresholds"])
    later = shares > 0
    axes = _by_class(
        figure, data, "percentile_tables", lambda counts: (shares[later], _rates(counts)[1][later] / shares[later])
    )
    axes.axhline(1, linestyle="--", color="gray", linewidth=1)
    axes.set(xlabel="share of the rows, the surest first", ylabel="times better than chance")


def _residuals(figure: Figure, data: Any) -> None:
    edges, counts = data.get("bin_edges") or data["edges"], data.get("bin_counts") or data["counts"]
    axes = figure.add_subplot()
    axes.bar(edges[:-1], counts, width=np.diff(edges), align="edge", edgecolor="white")
    axes.axvline(0, color="black", linewidth=1)
    axes.set(xlabel="prediction minus truth", ylabel="rows")


def _predicted(figure: Figure, data: Any) -> None:
    edges = np.asarray(data["bin_edges"])
    middles = (edges[:-1] + edges[1:]) / 2
    there = np.array([one is not None for one in data["bin_averages"]])
    means = np.array(data["bin_averages"], dtype=float)[there]
    spread = np.array(data["bin_errors"], dtype=float)[there]
    axes = figure.add_subplot()
    axes.errorbar(middles[there], means, yerr=spread, marker="o", capsize=3, label="mean and spread of the predictions")
    axes.plot(edges[[0, -1]], edges[[0, -1]], "--", color="gray", linewidth=1, label="ideal")
    axes.set(xlabel="truth", ylabel="prediction")
    axes.legend(fontsize=8)


def _importance(figure: Figure, data: Any) -> None:
    top = sorted(data.items(), key=lambda one: -one[1])[:MOST_COLUMNS][::-1]
    axes = figure.add_subplot()
    axes.barh([_short(name) for name, _ in top], [value for _, value in top])
    axes.set(xlabel="how much worse without the column")


def _forecast(figure: Figure, data: Any) -> None:
    history = data["history"][:MOST_SERIES]
    places = figure.subplots(len(history), 1, squeeze=False)[:, 0]
    figure.set_size_inches(SIZE[0], max(SIZE[1], 1.6 * len(history)))
    for axes, one in zip(places, history, strict=True):
        axes.plot(_times(one["time"]), _numbers(one["actual"]), color="black", linewidth=1, label="truth")
        mine = [fold for fold in data["series"] if fold["id"] == one["id"]]
        for at, fold in enumerate(mine):
            times = _times(fold["time"])
            line = axes.plot(times, _numbers(fold["forecast"]), color="tab:blue", label="" if at else "forecast")[0]
            axes.fill_between(
                times, _numbers(fold["lower"]), _numbers(fold["upper"]), color=line.get_color(), alpha=PALE, linewidth=0
            )
        title = ", ".join(map(str, one["id"].values()))
        axes.set_title(title, fontsize=9) if title else None
    places[0].legend(fontsize=8)


def _found(figure: Figure, data: Any) -> None:
    axes = figure.add_subplot()
    for one in data["labels"][:MOST_CLASSES]:
        label = f"{_short(one['label'])}, average precision {one['average_precision']:.2f}"
        axes.plot(one["recall"], one["precision"], linewidth=1, label=label)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.legend(fontsize=8)


def _horizon(figure: Figure, data: Any) -> None:
    axes = figure.add_subplot()
    axes.plot([one["step"] for one in data], [one["mean_absolute_error"] for one in data], marker="o")
    axes.set(xlabel="steps ahead", ylabel="mean absolute error", ylim=(0, None))


def _times(texts: Sequence[str]) -> Any:
    return np.asarray([text[:26] for text in texts], dtype="datetime64[us]")


def _numbers(values: Sequence[Any]) -> Counts:
    return np.asarray([np.nan if one is None else one for one in values], dtype=float)


def _short(label: object) -> str:
    text = str(label)
    return text if len(text) <= 24 else f"{text[:23]}…"  # noqa: PLR2004 - what fits beside an axis


CURVES: Mapping[str, Draw] = {
    "roc": _roc, "precision_recall_curve": _precision, "calibration": _calibration, "gain": _gain, "lift": _lift,
}  # fmt: skip
KINDS: Mapping[str, Draw] = {
    "confusion_matrix": _confusion, "residuals": _residuals, "predictions": _predicted,
    "feature_importance": _importance, "forecast": _forecast, "horizon_error": _horizon,
    "precision_recall": _found,
}  # fmt: skip
