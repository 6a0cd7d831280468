"""The best model's training as a script: run where jupyter_aml cannot be imported, it makes the same model."""

from __future__ import annotations

import ast
import json
import pickle
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine

from jupyter_aml.automl import algorithms, contenders
from jupyter_aml.automl.family import COMPLETED, Best, Done, Order, Proposal
from jupyter_aml.automl.metrics import CLASSIFICATION, REGRESSION
from jupyter_aml.automl.tabular import FAMILY

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of pickles
RUN = """
import contextlib, io, json, pickle, runpy, sys
sys.modules["jupyter_aml"] = sys.modules["mlflow"] = None
import pandas as pd
for folder, given, features in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        model = runpy.run_path(folder + "/best/generated_code/script.py")["main"](*given)
    frame = pd.read_pickle(features)
    found = {"metrics": eval(said.getvalue()), "predicted": model.predict(frame)}
    if hasattr(model, "predict_proba"):
        found |= {"probabilities": model.predict_proba(frame), "classes": list(model.classes_)}
    with open(folder + "/again.pkl", "wb") as file:
        pickle.dump(found, file)
"""
ALONE = {"enableVoteEnsemble": False, "enableStackEnsemble": False, "enableModelExplainability": False}
VOTE = {**ALONE, "enableVoteEnsemble": True}


@dataclass(frozen=True)
class Case:
    """A search that has ended."""

    folder: Path
    frame: pd.DataFrame
    best: Best
    given: Sequence[str]

    @property
    def script(self) -> str:
        return (self.folder / "best" / "generated_code" / "script.py").read_text(encoding="utf-8")

    @property
    def again(self) -> dict[str, Any]:
        with (self.folder / "again.pkl").open("rb") as file:
            found: dict[str, Any] = pickle.load(file)
        return found

    @property
    def model(self) -> Any:
        with (self.folder / "best" / "model" / "model.pkl").open("rb") as file:
            return pickle.load(file)


def searched(
    task: str,
    details: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    folder: Path,
    proposals: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    seconds: float | None = None,
) -> Case:
    """The end of a search that has tried these models, of tables that lie as files; each is said to have taken long."""
    place, out = folder / "prepared", folder / "best"
    for one in (place, out):
        one.mkdir(parents=True)
    details = {"targetColumnName": "target", "trainingSettings": VOTE, **details}
    read = {}
    for role, frame in tables.items():
        frame.to_csv(folder / f"{role}.csv", index=False)
        read[role] = pd.read_csv(folder / f"{role}.csv")
        if role != "test":
            details[f"{role}Data"] = {"jobInputType": "uri_file", "uri": f"azureml:{role}:1"}
    FAMILY.prepare(Order(task, details, read), place)
    done = []
    for number, (name, parameters) in enumerate(proposals):
        trial = folder / str(number)
        trial.mkdir()
        proposal = Proposal(number, name, dict(parameters))
        attempt = FAMILY.attempt(
            Order(task, details), place, proposal, trial, threads=1, until=time.monotonic() + 60, told=lambda *_: None
        )
        assert attempt.status == COMPLETED, attempt.error
        done.append(Done(proposal, replace(attempt, seconds=seconds or attempt.seconds), trial))
    best = FAMILY.finish(Order(task, details), place, done, out, time.monotonic() + 60)
    read["training"].drop(columns="target").to_pickle(folder / "features.pkl")
    given = [str(folder / f"{role}.csv") for role in ("training", "validation") if role in tables]
    return Case(folder, read["training"], best, given)


def run(*cases: Case) -> None:
    """Their scripts, where jupyter_aml and MLflow cannot be imported."""
    told = json.dumps([[str(one.folder), list(one.given), str(one.folder / "features.pkl")] for one in cases])
    done = subprocess.run([sys.executable, "-c", RUN, told], capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stderr


def tidy(*cases: Case) -> None:
    """Whether their scripts are as a person would lay them out, and name nothing that is not there."""
    scripts = [str(one.folder / "best" / "generated_code" / "script.py") for one in cases]
    for words in (["format", "--check", "--diff"], ["check", "--select", "E,F,I,W,RUF100,PLC0414"]):
        ruff = [sys.executable, "-m", "ruff", *words, "--isolated", "--no-cache", "--line-length", "120", *scripts]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    for one in cases:
        names = [node.name for node in ast.parse(one.script).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        assert len(names) == len(set(names))


def same(case: Case) -> None:
    """Whether the script has made the model that was saved, and measured what the job has measured."""
    again, features = case.again, case.frame.drop(columns="target")
    expected = case.model.predict(features)
    if "classes" in again:
        assert again["predicted"].tolist() == expected.tolist()
        assert again["classes"] == list(case.model.classes_)
        np.testing.assert_allclose(again["probabilities"], case.model.predict_proba(features), atol=1e-6)
    else:
        np.testing.assert_allclose(again["predicted"], expected, rtol=1e-6)
    assert list(again["metrics"].values()) == pytest.approx([case.best.score], abs=1e-6)


def first(task: str, *names: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Algorithms with the parameters that a search begins with."""
    known = algorithms.available(task)
    return [(name, known[name].first) for name in names]


def wine() -> pd.DataFrame:
    """Three classes, with categories and gaps."""
    frame = load_wine(as_frame=True).frame
    random = np.random.default_rng(0)
    gone = random.random(len(frame)) < 0.1
    return frame.assign(
        target=frame["target"].map({0: "barolo", 1: "grignolino", 2: "barbera"}),
        hue=frame["hue"].mask(gone),
        town=pd.Series(random.choice(["Alba", "Asti", "Bra"], len(frame))).mask(gone),
        number=range(len(frame)),
    )


def diabetes() -> pd.DataFrame:
    """Numbers to be predicted, with categories and gaps."""
    frame = load_diabetes(as_frame=True).frame
    return frame.assign(sex=np.where(frame["sex"] > 0, "f", "m"), bmi=frame["bmi"].mask(frame.index % 9 == 0))


@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("task", [CLASSIFICATION, REGRESSION])
def test_every_algorithm_is_trained_again(task: str, part: int, tmp_path: Path) -> None:
    frame = wine() if task == CLASSIFICATION else diabetes()
    details = {"trainingSettings": ALONE, "validationDataSize": 0.3}

    cases = {
        name: searched(task, details, {"training": frame}, tmp_path / name, first(task, name))
        for name in list(algorithms.available(task))[part::3]
    }
    run(*cases.values())
    tidy(*cases.values())

    for name, case in cases.items():
        assert case.best.algorithm == name
        same(case)


def sales(rows: int = 300) -> pd.DataFrame:
    """Two classes, with every kind of column, gaps in each, and weights."""
    random = np.random.default_rng(1)
    words = ["late", "fine", "broken", "lovely", "again", "never", "box", "blue"]
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 700, rows), unit="D")
    frame = pd.DataFrame(
        {
            "price": random.gamma(2.0, 10.0, rows).round(2),
            "count": random.integers(0, 9, rows).astype(float),
            "shop": random.choice(["Oslo", "Rome", "Zürich"], rows),
            "day": pd.Series(days).dt.strftime("%Y-%m-%d"),
            "said": [" ".join(random.choice(words, 6)) for _ in range(rows)],
            "tag": [f"tag {one}" for one in random.integers(0, 40, rows)],
            "gone": 1,
            "w": random.integers(1, 4, rows),
        }
    )
    told = frame["price"] / 10 + frame["said"].str.contains("broken") * 2 + (frame["shop"] == "Rome")
    frame["target"] = np.where(told + random.normal(0, 1, rows) > 3, "no", "yes")
    for name in ("price", "shop", "day", "said", "target"):
        frame.loc[random.random(rows) < 0.05, name] = np.nan
    return frame


def test_every_kind_of_column_is_made_anew(tmp_path: Path) -> None:
    given = {"Imputer": [{"fields": ["count"], "parameters": {"strategy": "constant", "fill_value": -5}}]}
    details = {
        "weightColumnName": "w", "primaryMetric": "AUCWeighted", "nCrossValidations": {"mode": "Custom", "value": 3},
        "featurizationSettings": {
            "mode": "Custom", "transformerParams": given, "columnNameAndTypes": {"tag": "CategoricalHash"},
        },
    }  # fmt: skip
    proposals = first(CLASSIFICATION, "LogisticRegression", "LightGBM", "KNN", "MultinomialNaiveBayes")
    vote = searched(CLASSIFICATION, details, {"training": sales()}, tmp_path / "vote", proposals)
    off = {
        "featurizationSettings": {"mode": "Off"}, "primaryMetric": "NormMacroRecall", "testDataSize": 0.2,
        "trainingSettings": ALONE,
    }  # fmt: skip
    plain = searched(CLASSIFICATION, off, {"training": sales()}, tmp_path / "plain", first(CLASSIFICATION, "LightGBM"))

    run(vote, plain)
    tidy(vote, plain)

    assert len(vote.best.of) > 1
    same(vote)
    same(plain)
    script = vote.script
    assert "def _repeated(" not in script
    assert 'DATES = ["day"]\nTEXTS = ["said"]' in script
    assert 'MANY_CATEGORIES = ["tag"]' in script
    assert 'WEIGHT = "w"' in script
    assert "# gone is left out: it has the same value in every row." in script
    assert "training_dataset_uri of the job: azureml:training:1" in script
    assert "# shop is left out: it is no number, and featurization is off." in plain.script


def test_rows_are_split_as_in_the_job(tmp_path: Path) -> None:
    frame = diabetes().assign(w=lambda one: 1.0 + one.index % 3)
    tables = {"training": frame[:250], "validation": frame[250:350], "test": frame[350:]}
    proposals = first(REGRESSION, "ElasticNet", "LightGBM", "KNN")
    details = {"primaryMetric": "SpearmanCorrelation", "weightColumnName": "w"}
    judged = searched(REGRESSION, details, tables, tmp_path / "judged", proposals)
    marks = {"one": (frame.index % 3 > 0).astype(int), "two": (frame.index % 4 > 0).astype(int)}
    details = {"primaryMetric": "R2Score", "cvSplitColumnNames": ["one", "two"]}
    marked = searched(REGRESSION, details, {"training": frame.assign(**marks)}, tmp_path / "marked", proposals)
    details = {"validationDataSize": 0.25, "testDataSize": 0.1, "primaryMetric": "NormalizedMeanAbsoluteError"}
    held_out = searched(REGRESSION, details, {"training": frame}, tmp_path / "held", proposals[1:2])
    rare = wine()[["alcohol", "proline", "target"]].assign(target=lambda one: one["target"].replace("barbera", None))
    rare.loc[3, "target"] = "amarone"  # too few of a class for each fold to have some
    details = {"nCrossValidations": {"mode": "Custom", "value": 4}, "primaryMetric": "Accuracy"}
    few = searched(
        CLASSIFICATION, details, {"training": rare}, tmp_path / "few", first(CLASSIFICATION, "XGBoostClassifier", "KNN")
    )

    run(judged, marked, held_out, few)
    tidy(judged, marked, held_out, few)

    for case in (judged, marked, held_out, few):
        same(case)
    assert "validation_dataset_uri" in judged.script
    assert 'loc[X.index, ["one", "two"]]' in marked.script
    assert "KFold(n_splits=4" in few.script


@pytest.mark.parametrize("labels", [[False, True], [3, 7], [1.5, 2.5]])
def test_labels_of_any_kind_come_back(labels: list[Any], tmp_path: Path) -> None:
    frame = sales(80)[["price", "count", "target"]].dropna()
    frame["target"] = frame["target"].map({"no": labels[0], "yes": labels[1]})

    case = searched(
        CLASSIFICATION, {}, {"training": frame}, tmp_path / "it", first(CLASSIFICATION, "XGBoostClassifier")
    )
    run(case)

    same(case)
    assert case.again["predicted"].dtype == case.frame["target"].dtype


def test_few_rows_are_learned_from_as_in_the_job(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {'a "b"\\n': random.normal(size=90), "it's": ["x", "y", None] * 30, "[ü]\n<": range(0, 180, 2)}
    )
    tags = frame.assign(target=["p", "q"] * 44 + ["r", "r"], tag=[f"t{one}" for one in random.integers(0, 30, 90)])
    hashed = {"featurizationSettings": {"mode": "Custom", "columnNameAndTypes": {"tag": "CategoricalHash"}}}
    marks = {"one": [1] * 45 + [0] * 45, "two": [0] * 45 + [1] * 45}
    sorted_ = frame.assign(target=["p"] * 45 + ["q"] * 45, **marks)
    numbers = frame.assign(target=random.normal(size=90))
    five = {"nCrossValidations": {"mode": "Custom", "value": 5}}
    made = [
        (CLASSIFICATION, {**five, **hashed, "trainingSettings": ALONE}, tags, "SVM"),
        (CLASSIFICATION, {"cvSplitColumnNames": ["one", "two"]}, sorted_, "XGBoostClassifier"),
        (REGRESSION, {}, numbers.head(8), "KNN"),
        (REGRESSION, {}, numbers.head(12), "SGD"),
    ]

    cases = [
        searched(task, details, {"training": table}, tmp_path / str(at), first(task, name))
        for at, (task, details, table, name) in enumerate(made)
    ]
    run(*cases)
    tidy(*cases)

    for case in cases:
        same(case)
    assert "def _repeated(" in cases[0].script


@pytest.fixture
def stacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack is always taken for the best."""
    own = contenders.contenders

    def first_stacks(*args: Any, **kwargs: Any) -> Any:
        found, said = own(*args, **kwargs)
        return sorted(found, key=lambda one: one.algorithm != contenders.STACK), said

    monkeypatch.setattr(contenders, "contenders", first_stacks)


@pytest.mark.usefixtures("stacked")
def test_stacks_are_taught_anew(tmp_path: Path) -> None:
    stack = {"trainingSettings": {**ALONE, "enableStackEnsemble": True}}
    folded = {**stack, "nCrossValidations": {"mode": "Custom", "value": 3}}
    held_out = {**stack, "validationDataSize": 0.3}
    names = ("LightGBM", "LogisticRegression", "KNN")
    learners = {"stackEnsembleSettings": {"stackMetaLearnerType": "LightGBMRegressor"}}
    other = {**held_out, "trainingSettings": {**stack["trainingSettings"], **learners}}
    weighted = {**folded, "weightColumnName": "w", "primaryMetric": "AUCWeighted"}
    more = first(REGRESSION, "KNN", "XGBoostRegressor")
    linear = first(REGRESSION, "ElasticNet", "KNN")
    cases = [
        searched(CLASSIFICATION, weighted, {"training": sales()}, tmp_path / "weighted", first(CLASSIFICATION, *names)),
        searched(CLASSIFICATION, held_out, {"training": wine()}, tmp_path / "three", first(CLASSIFICATION, *names)),
        searched(REGRESSION, folded, {"training": diabetes()}, tmp_path / "numbers", more),
        searched(REGRESSION, other, {"training": diabetes()}, tmp_path / "held", linear),
        searched(REGRESSION, held_out, {"training": diabetes()}, tmp_path / "late", linear, seconds=20.0),
    ]

    run(*cases)
    tidy(*cases)

    for case in cases:
        assert case.best.algorithm == contenders.STACK
        same(case)
    assert "return LogisticRegressionCV(" in cases[0].script
    assert "listen_unseen(" in cases[2].script
    assert "train_test_split(learn, test_size=0.2, random_state=0)" in cases[3].script
    assert "train_test_split(learn" not in cases[4].script
    assert any("there is no time to keep" in one for one in cases[4].best.said)
