"""Pictures of a model's charts: which there are, and that the curves are those of scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import precision_score, recall_score

from jupyter_aml.automl import charts, drawing
from jupyter_aml.automl.metrics import Classes, Numbers


def classes(count: int = 3, rows: int = 200) -> Classes:
    random = np.random.default_rng(0)
    truth = random.integers(count, size=rows)
    told = random.random((rows, count)) + 2 * (np.arange(count) == truth[:, None])
    return Classes(truth, told / told.sum(axis=1, keepdims=True))


def drawn(figure: Any) -> dict[str, tuple[Any, Any]]:
    """The lines of a figure by their labels."""
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in figure.axes[0].get_lines()}


def test_the_curves_of_classes_are_those_of_scikit_learn() -> None:
    case = classes()
    found = drawing.figures(charts.of(case, ["red", "green", "blue"]))

    assert list(found) == ["confusion_matrix", "roc", "precision_recall_curve", "calibration", "gain", "lift"]
    recall, precision = drawn(found["precision_recall_curve"])["green"]
    hit = case.truth == 1
    for at in (5, 10, 15):
        taken = case.probabilities[:, 1] >= charts.THRESHOLDS[at]
        assert recall[at] == pytest.approx(recall_score(hit, taken))
        assert precision[at] == pytest.approx(precision_score(hit, taken, zero_division=1))
    shares, lift = drawn(found["lift"])["red"]
    assert (shares[-1], lift[-1]) == (1, pytest.approx(1))
    assert lift[0] > 2
    across, up = drawn(found["roc"])["all, micro average"]
    assert (across[0], up[0], across[-1], up[-1]) == (1, 1, pytest.approx(0), pytest.approx(0, abs=0.1))


def test_many_classes_have_one_curve_for_all_and_a_matrix_without_numbers() -> None:
    found = drawing.figures(charts.of(classes(30, 2000), [f"class {at}" for at in range(30)]))

    assert set(drawn(found["gain"])) - {"_child1"} == {"all, micro average"}
    assert len(found["confusion_matrix"].axes[0].texts) == 0


def test_numbers_have_residuals_and_predictions_by_truth() -> None:
    truth = np.arange(100.0)
    held = charts.of(Numbers(truth, truth + 1, 99.0), ())
    found = drawing.figures({**held, "feature_importance": {"b": 0.1, "a": 0.4}})

    assert list(found) == ["residuals", "predictions", "feature_importance"]
    assert [text.get_text() for text in found["feature_importance"].axes[0].get_yticklabels()] == ["b", "a"]


def test_a_forecast_has_a_part_for_each_series() -> None:
    months = [f"2020-{month:02}-01T00:00:00" for month in range(1, 7)]
    history = [{"id": {"shop": one}, "time": months, "actual": [1.0, 2.0, None, 4.0, 5.0, 6.0]} for one in "ab"]
    fold = {"id": {"shop": "a"}, "fold": 0, "time": months[4:], "forecast": [5.0, 6.5], "lower": [4.0, 5.0],
            "upper": [6.0, 8.0], "actual": [5.0, 6.0]}  # fmt: skip

    found = drawing.figures({"forecast": {"series": [fold], "history": history, "of": 2}, "metrics": {"mase": 1.0}})

    first, second = found["forecast"].axes
    assert (first.get_title(), second.get_title()) == ("a", "b")
    assert [list(line.get_ydata()) for line in first.get_lines()][1] == [5.0, 6.5]
    assert len(second.get_lines()) == 1


def test_pictures_lie_beside_the_charts(tmp_path: Path) -> None:
    assert drawing.pictures(tmp_path) == []
    (tmp_path / charts.CHARTS).write_text(json.dumps(charts.of(classes(2), ["no", "yes"])), encoding="utf-8")

    names = drawing.pictures(tmp_path)

    assert "roc" in names
    assert sorted(path.stem for path in tmp_path.glob("*.png")) == sorted(names)
    with Image.open(tmp_path / "roc.png") as picture:
        assert picture.size == (660, 440)
