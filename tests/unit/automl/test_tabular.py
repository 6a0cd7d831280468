"""Classification and regression as trials that are jobs: each part in a folder of its own, handed on as files."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine

from jupyter_aml.automl.family import COMPLETED, Attempt, Best, Done, Order, Proposal
from jupyter_aml.automl.metrics import CLASSIFICATION, REGRESSION
from jupyter_aml.automl.tabular import FAMILY

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of pickles
LOADED = (
    "import sys; sys.modules['jupyter_aml'] = None; import mlflow, pandas as pd\n"
    "found = mlflow.pyfunc.load_model(sys.argv[1]).predict(pd.read_pickle(sys.argv[2]))\n"
    "print(*found.tolist(), sep=chr(10))"
)


def wine() -> pd.DataFrame:
    frame = load_wine(as_frame=True).frame
    return frame.assign(target=frame["target"].map({0: "barolo", 1: "grignolino", 2: "barbera"}))


def found(
    task: str, details: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], folder: Path, count: int = 3
) -> tuple[dict[str, Any], list[Done], Best]:
    """A whole search, each part as its own process would do it."""
    place, out = folder / "prepared", folder / "best"
    place.mkdir()
    out.mkdir()
    details = {"targetColumnName": "target", **details}
    facts = json.loads(json.dumps(FAMILY.prepare(Order(task, details, tables), place)))
    planner = FAMILY.planner(task, details, facts, 0)
    done = []
    for number in range(count):
        proposal = planner.ask()
        assert proposal is not None
        trial = folder / str(number)
        trial.mkdir()
        plain = Proposal(**json.loads(json.dumps(proposal.written())))
        attempt = FAMILY.attempt(
            Order(task, details), place, plain, trial,
            threads=1, until=time.monotonic() + 60, told=lambda *_: None,
        )  # fmt: skip
        planner.tell(proposal, attempt)
        done.append(Done(plain, Attempt(**json.loads(json.dumps(attempt.written()))), trial))
    return facts, done, FAMILY.finish(Order(task, details), place, done, out, time.monotonic() + 60)


def test_classes_are_told_apart_by_a_model_that_loads_without_us(tmp_path: Path) -> None:
    details = {
        "primaryMetric": "AUCWeighted", "testDataSize": 0.2, "nCrossValidations": {"mode": "Custom", "value": 3},
        "trainingSettings": {"allowedTrainingAlgorithms": ["LogisticRegression", "LightGBM", "KNN"]},
    }  # fmt: skip

    facts, done, best = found(CLASSIFICATION, details, {"training": wine()}, tmp_path)

    assert facts["rows"] + facts["tested"] == len(wine())
    assert facts["tested"] == 36
    assert facts["classes"] == ["barbera", "barolo", "grignolino"]
    assert [one.attempt.status for one in done].count(COMPLETED) >= 2
    assert best.score >= max(one.attempt.score or 0 for one in done)
    assert best.metrics["test_AUC_weighted"] > 0.95
    features = wine().drop(columns="target")
    features.to_pickle(tmp_path / "x.pkl")
    command = [sys.executable, "-W", "ignore", "-c", LOADED, str(tmp_path / "best" / "model"), str(tmp_path / "x.pkl")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert (np.array(ran.stdout.split()) == wine()["target"]).mean() > 0.95


def test_the_charts_count_every_validated_row(tmp_path: Path) -> None:
    details = {
        "nCrossValidations": {"mode": "Custom", "value": 3},
        "trainingSettings": {"allowedTrainingAlgorithms": ["LogisticRegression", "KNN"]},
    }

    _, _, best = found(CLASSIFICATION, details, {"training": wine()}, tmp_path, 2)

    drawn = json.loads((tmp_path / "best" / "charts.json").read_text())
    matrix = np.array(drawn["confusion_matrix"]["data"]["matrix"])
    assert matrix.sum() == len(wine())
    assert np.trace(matrix) / matrix.sum() == pytest.approx(best.metrics["accuracy"])
    tables = np.array(drawn["accuracy_table"]["data"]["probability_tables"])
    assert tables.shape == (3, 21, 4)
    assert (tables.sum(axis=2) == len(wine())).all()
    assert (tables[:, 0, 0] == matrix.sum(axis=1)).all()  # at probability 0 every row of a class is found
    importance = list(drawn["feature_importance"].items())
    assert {"alcohol", "proline"} <= {name for name, _ in importance[:4]}
    assert importance[0][1] > importance[-1][1]
    rows = pd.read_csv(tmp_path / "best" / "predictions.csv")
    assert len(rows) == len(wine())
    assert (rows["truth"] == rows["prediction"]).mean() == pytest.approx(best.metrics["accuracy"])


def test_numbers_are_predicted_with_rows_that_only_validate(tmp_path: Path) -> None:
    frame = load_diabetes(as_frame=True).frame
    details = {"primaryMetric": "R2Score", "trainingSettings": {"allowedTrainingAlgorithms": ["ElasticNet", "KNN"]}}
    tables = {"training": frame.iloc[:300], "validation": frame.iloc[300:400], "test": frame.iloc[400:]}

    facts, _, best = found(REGRESSION, details, tables, tmp_path, 2)

    assert (facts["rows"], facts["tested"], facts["folds"]) == (400, 42, 1)
    assert best.score > 0.3
    drawn = json.loads((tmp_path / "best" / "charts.json").read_text())
    assert sum(drawn["residuals"]["data"]["bin_counts"]) == 100
    assert sum(drawn["predictions"]["data"]["bin_counts"]) == 100
    assert best.metrics["test_r2_score"] > 0.2


def test_without_ensembles_the_best_alone_is_the_model(tmp_path: Path) -> None:
    details = {
        "validationDataSize": 0.3, "featurizationSettings": {"mode": "Off"},
        "trainingSettings": {
            "enableVoteEnsemble": False, "enableStackEnsemble": False, "enableModelExplainability": False,
            "allowedTrainingAlgorithms": ["LogisticRegression", "KNN"],
        },
    }  # fmt: skip
    tables = {"training": wine().assign(place="north")}

    facts, _, best = found(CLASSIFICATION, details, tables, tmp_path, 2)

    assert (len(best.of), list(best.others), list(best.said)) == (1, [], [])
    assert best.algorithm in {"LogisticRegression", "KNN"}
    assert "feature_importance" not in json.loads((tmp_path / "best" / "charts.json").read_text())
    purposes = {one["name"]: one["purpose"] for one in facts["columns"]}
    assert purposes["place"] == "Ignore"
    assert purposes["hue"] == "Numeric"


def loaded(folder: Path, frame: pd.DataFrame) -> list[str]:
    """What the best model says where there is no jupyter_aml."""
    frame.to_pickle(folder / "x.pkl")
    command = [sys.executable, "-W", "ignore", "-c", LOADED, str(folder / "best" / "model"), str(folder / "x.pkl")]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout.split()


@pytest.mark.parametrize("learner", ["ElasticNetCV", "LightGBMRegressor", "LinearRegression"])
def test_numbers_are_told_by_a_stack_that_loads_without_us(tmp_path: Path, learner: str) -> None:
    frame = load_diabetes(as_frame=True).frame
    details = {
        "primaryMetric": "R2Score", "nCrossValidations": {"mode": "Custom", "value": 3},
        "trainingSettings": {
            "allowedTrainingAlgorithms": ["ElasticNet", "KNN", "DecisionTree"], "enableVoteEnsemble": False,
            "enableModelExplainability": False, "stackEnsembleSettings": {"stackMetaLearnerType": learner},
        },
    }  # fmt: skip

    _, _, best = found(REGRESSION, details, {"training": frame}, tmp_path)

    scores = {one.algorithm: one.score for one in (best, *best.others)}
    assert set(scores) - {"StackEnsemble"} < {"ElasticNet", "KNN", "DecisionTree"}
    assert max(scores.values()) == best.score == best.metrics["r2_score"]
    if learner == "LightGBMRegressor":
        return
    assert best.algorithm == "StackEnsemble"
    assert best.title.startswith(f"StackEnsemble({learner} of ElasticNet")
    assert len(best.of) > 1
    told = np.array(loaded(tmp_path, frame.drop(columns="target")), dtype=float)
    assert np.corrcoef(told, frame["target"])[0, 1] > 0.7


def test_classes_are_told_by_a_stack_that_loads_without_us(tmp_path: Path) -> None:
    frame = unclear()
    details = {
        "primaryMetric": "AUCWeighted", "nCrossValidations": {"mode": "Custom", "value": 3},
        "trainingSettings": {
            "allowedTrainingAlgorithms": ["LogisticRegression", "DecisionTree"], "enableVoteEnsemble": False,
        },
    }  # fmt: skip

    _, _, best = found(CLASSIFICATION, details, {"training": frame}, tmp_path, 2)

    assert best.title == "StackEnsemble(LogisticRegressionCV of DecisionTree, LogisticRegression)"
    assert best.score == best.metrics["AUC_weighted"] > max(one.score for one in best.others)
    drawn = json.loads((tmp_path / "best" / "charts.json").read_text())
    assert np.sum(drawn["confusion_matrix"]["data"]["matrix"]) == len(frame)
    assert next(iter(drawn["feature_importance"])) in {"0", "1"}
    told = loaded(tmp_path, frame.drop(columns="target"))
    assert (np.array(told) == frame["target"]).mean() > 0.7


def unclear() -> pd.DataFrame:
    """Two classes that a line through one column tells apart, and a band of another, neither surely."""
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 3))
    chance = 1 / (1 + np.exp(-2 * x[:, 0] - 3 * np.sign(np.abs(x[:, 1]) - 0.7)))
    return pd.DataFrame(x, columns=list("012")).assign(target=np.where(random.random(400) < chance, "yes", "no"))


def test_without_time_the_best_is_what_was_fitted(tmp_path: Path) -> None:
    details = {
        "primaryMetric": "R2Score", "targetColumnName": "target", "nCrossValidations": {"mode": "Custom", "value": 3},
        "trainingSettings": {"allowedTrainingAlgorithms": ["ElasticNet", "KNN", "DecisionTree"]},
    }  # fmt: skip
    _, done, best = found(REGRESSION, details, {"training": load_diabetes(as_frame=True).frame}, tmp_path)
    out = tmp_path / "late"
    out.mkdir()

    late = FAMILY.finish(Order(REGRESSION, details), tmp_path / "prepared", done, out, time.monotonic() - 1)

    assert len(best.of) > 1
    assert len(late.of) == 1
    assert late.algorithm in {"ElasticNet", "KNN", "DecisionTree"}
    assert late.score == late.metrics["r2_score"] <= best.score
    assert "StackEnsemble is not made: there is no time left for it." in late.said
    assert any("there was time to fit 1 of its" in one for one in late.said)
    assert (out / "model" / "MLmodel").is_file()


def test_a_meta_learner_that_cannot_be_is_refused_before_any_trial(tmp_path: Path) -> None:
    wish = {"stackMetaLearnerKWargs": {"C": 1.0}}
    details = {"targetColumnName": "target", "trainingSettings": {"stackEnsembleSettings": wish}}
    tables = {"training": load_diabetes(as_frame=True).frame}

    with pytest.raises(ValueError, match="stack_meta_learner_k_wargs has C, which ElasticNetCV does not take"):
        FAMILY.prepare(Order(REGRESSION, details, tables), tmp_path)


def test_gaps_become_what_the_user_wants(tmp_path: Path) -> None:
    frame = wine().assign(proline=lambda one: one["proline"].where(one.index % 2 > 0))
    given = {"Imputer": [{"fields": ["proline"], "parameters": {"strategy": "constant", "fill_value": -5}}]}
    details = {
        "validationDataSize": 0.3, "featurizationSettings": {"mode": "Custom", "transformerParams": given},
        "trainingSettings": {"allowedTrainingAlgorithms": ["DecisionTree"]},
    }  # fmt: skip

    found(CLASSIFICATION, details, {"training": frame}, tmp_path, 1)

    with (tmp_path / "best" / "model" / "model.pkl").open("rb") as file:
        member = pickle.load(file).members[0]
    numbers = member.features.transform(frame.drop(columns="target"))
    assert (numbers[frame["proline"].isna().to_numpy()] == -5).any(axis=1).all()


def test_data_that_teach_nothing_are_told(tmp_path: Path) -> None:
    details = {"targetColumnName": "target"}

    with pytest.raises(ValueError, match="has one class only, 'a'"):
        FAMILY.prepare(Order(CLASSIFICATION, details, {"training": wine().assign(target="a")}), tmp_path)
    tables = {"training": wine(), "validation": wine().drop(columns="hue")}
    with pytest.raises(ValueError, match="The validation data have no column hue"):
        FAMILY.prepare(Order(CLASSIFICATION, details, tables), tmp_path)


def test_no_model_is_made_of_no_trial(tmp_path: Path) -> None:
    details = {"targetColumnName": "target"}
    FAMILY.prepare(Order(CLASSIFICATION, details, {"training": wine()}), tmp_path)

    with pytest.raises(ValueError, match="No trial came to an end"):
        FAMILY.finish(Order(CLASSIFICATION, details), tmp_path, [], tmp_path, time.monotonic())
