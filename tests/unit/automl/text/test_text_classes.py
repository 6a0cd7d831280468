"""Classes and sets of labels of real texts: documentation of installed packages, told apart by what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.utils import all_estimators

from jupyter_aml.automl.family import Attempt, Order
from jupyter_aml.automl.text.family import FAMILY
from tests.unit.automl.text import rooms

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints

CLASSES, SETS = "text_classification", "text_classification_multilabel"
PACKAGES = {
    "numpy": "numpy",
    "pandas": "pandas",
    "tkinter": "tkinter",
    "tkinter.ttk": "tkinter",
    "optuna.study": "optuna",
}
DETAILS = {"targetColumnName": "label", "primaryMetric": "AUCWeighted"}


def split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    seen, unseen = train_test_split(frame, test_size=0.3, random_state=0)
    return seen.reset_index(drop=True), unseen.reset_index(drop=True)


def estimators() -> pd.DataFrame:
    """What scikit-learn says of its estimators, and what these can do."""
    rows = []
    for kind in ("classifier", "regressor", "transformer", "cluster"):
        for name, one in all_estimators(type_filter=kind):
            rows.append({"name": name, "text": (one.__doc__ or "")[:600], "kind": kind})
    frame = (
        pd.DataFrame(rows)
        .groupby("name", as_index=False)
        .agg({"text": "first", "kind": lambda kinds: str(list(kinds))})
    )
    return frame[["text", "kind"]]


def test_the_package_of_a_paragraph_is_told_without_jupyter_aml(tmp_path: Path) -> None:
    seen, unseen = split(rooms.paragraphs(PACKAGES))
    seen.loc[len(seen)] = ["   ", "numpy"]
    seen.loc[len(seen)] = ["Return the number of rows.", None]

    found = rooms.search(FAMILY, Order(CLASSES, DETAILS, {"training": seen}), tmp_path, trials=3)

    told = rooms.asked(found.model, unseen[["text"]])
    guess = unseen["label"].value_counts(normalize=True).max()
    assert (told == unseen["label"].to_numpy()).mean() > guess + 0.1
    assert found.best.metrics["AUC_weighted"] == found.best.score > 0.9
    assert rooms.guardrails(found.facts)["Empty texts"] == "Done"
    assert rooms.guardrails(found.facts)["Missing target values"] == "Done"
    assert found.facts["rows"] == len(seen) - 2
    drawn = json.loads((found.place / "best" / "charts.json").read_text())
    assert drawn["confusion_matrix"]["data"]["class_labels"] == sorted(set(PACKAGES.values()))
    rows = pd.read_csv(found.place / "best" / "predictions.csv")
    assert (rows["truth"] == rows["prediction"]).mean() == pytest.approx(found.best.metrics["accuracy"])
    assert np.sum(drawn["confusion_matrix"]["data"]["matrix"]) == len(rows)
    assert {one[0] for one in found.told} == {"AUC_weighted"}


def test_labels_written_as_lists_are_told_in_sets(tmp_path: Path) -> None:
    seen, unseen = split(estimators())
    details = {"targetColumnName": "kind", "primaryMetric": "Accuracy"}

    found = rooms.search(FAMILY, Order(SETS, details, {"training": seen, "validation": unseen}), tmp_path, trials=2)

    told = rooms.asked(found.model, unseen[["text"]])
    names = ["classifier", "cluster", "regressor", "transformer"]
    truth, given = ([[name in eval(one) for name in names] for one in rows] for rows in (unseen["kind"], told))
    alike = np.repeat(
        [np.mean([[name in eval(one) for name in names] for one in seen["kind"]], axis=0) >= 0.4], len(truth), 0
    )
    assert f1_score(truth, given, average="micro") > 0.7 > f1_score(truth, alike, average="micro") + 0.1
    exact = np.mean([one == other for one, other in zip(truth, given, strict=True)])
    assert exact == pytest.approx(found.best.score)
    drawn = json.loads((found.place / "best" / "charts.json").read_text())
    assert drawn["multilabel_confusion_matrix"]["data"]["class_labels"] == names
    matrices = drawn["multilabel_confusion_matrix"]["data"]["matrices"]
    tables = drawn["accuracy_table"]["data"]["probability_tables"]
    for at, (matrix, table) in enumerate(zip(matrices, tables, strict=True)):
        assert np.sum(matrix, axis=1).tolist() == [len(truth) - np.sum(truth, axis=0)[at], np.sum(truth, axis=0)[at]]
        assert table[10] == [matrix[1][1], matrix[0][1], matrix[0][0], matrix[1][0]]


def test_whole_numbers_remain_whole_numbers(tmp_path: Path) -> None:
    frame = rooms.paragraphs({"numpy": "1", "tkinter": "0"}).astype({"label": int}).assign(stars=3)

    found = rooms.search(FAMILY, Order(CLASSES, DETAILS, {"training": frame}), tmp_path, trials=1, only="LightGBM")

    told = rooms.asked(found.model, frame[["text", "stars"]].head(20))
    assert told.dtype.kind == "i"
    assert (told == frame["label"].head(20)).mean() > 0.8
    assert "lightgbm" in (found.model / "requirements.txt").read_text()


@pytest.mark.parametrize(
    ("frame", "details", "said"),
    [
        ({"text": ["a b", "c d"], "label": ["x", "x"]}, DETAILS, "nothing to tell apart: all rows have the class 'x'"),
        ({"text": ["a b"], "label": ["x"]}, DETAILS, "1 rows can be learned from; two are needed"),
        ({"text": ["a", " "], "label": ["x", "y"]}, DETAILS, "1 rows can be learned from"),
        (
            {"text": ["a", "b"], "kind": ["x", "y"]},
            DETAILS,
            "no column label in the training data; they have text, kind",
        ),
        ({"label": ["a", "b"]}, DETAILS, "no column beside label"),
    ],
)
def test_data_that_teach_nothing_are_refused(frame: Any, details: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        FAMILY.prepare(Order(CLASSES, details, {"training": pd.DataFrame(frame)}), tmp_path)


def test_what_is_replaced_is_said() -> None:
    told = FAMILY.check(
        CLASSES,
        {
            **DETAILS,
            "fixedParameters": {"modelName": "bert-base-cased", "learningRate": "0.00001"},
            "featurizationSettings": {"datasetLanguage": "deu"},
        },
    )

    assert len(told) == 3
    assert "bert-base-cased: a language model is replaced by models of weighted words and letters" in told[0]
    assert told[1].startswith("learningRate")
    assert "dataset_language deu" in told[2]
    assert FAMILY.check(CLASSES, {**DETAILS, "fixedParameters": {"modelName": "linear_svm"}}) == []


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"primaryMetric": "R2Score"}, "no primary metric for text_classification; expected one of accuracy"),
        ({"targetColumnName": ""}, "target_column_name is missing"),
        ({"validationDataSize": 1.5}, "validation_data_size is 1.5"),
        ({"sweepSettings": {"samplingAlgorithm": "Magic"}}, "expected one of Grid, Random, Bayesian"),
        ({"searchSpace": [{"learningRate": "uniform(1)"}]}, "uniform takes 2 numbers"),
        ({"searchSpace": [{"learningRate": "sometimes(1,2)"}]}, "is no distribution"),
        ({"limitSettings": {"maxTrials": 0}}, "max_trials is 0; expected at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(details: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FAMILY.check(CLASSES, {**DETAILS, **details})


def test_a_trial_that_begins_badly_is_stopped(tmp_path: Path) -> None:
    details = {
        **DETAILS,
        "sweepSettings": {"samplingAlgorithm": "Bayesian", "earlyTermination": {"policyType": "Bandit"}},
    }
    order = Order(CLASSES, details, {"training": rooms.paragraphs({"numpy": "numpy", "tkinter": "tkinter"})})
    found = rooms.search(FAMILY, order, tmp_path, trials=1)
    plan = FAMILY.planner(CLASSES, details, found.facts, 0)
    for _ in range(3):
        proposal = plan.ask()
        assert proposal is not None
        plan.tell(proposal, Attempt(score=1.0, loss=0.0, early=0.0))

    badly = plan.ask()

    assert badly is not None
    assert badly.bar == 0.0
    out = tmp_path / "badly"
    out.mkdir()
    ended = FAMILY.attempt(order, tmp_path / "prepared", badly, out, threads=1, until=np.inf, told=lambda *_: None)
    assert ended.status == "Pruned"
    assert ended.early == ended.loss
    assert list(out.iterdir()) == []
    assert found.done[0].attempt.early is not None
    assert [step for _, _, step in found.told] == [0, 1]
