"""Tables that are wrong, strange, tiny or wide: a sentence that says what to do, or a model all the same."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import threadpoolctl

from jupyter_aml.automl import algorithms, features, trials
from jupyter_aml.automl.columns import Purpose
from jupyter_aml.automl.family import COMPLETED, FAILED, PRUNED, Done, Order, Proposal
from jupyter_aml.automl.features import Form
from jupyter_aml.automl.folds import Validation
from jupyter_aml.automl.metrics import CLASSIFICATION, REGRESSION
from jupyter_aml.automl.settings import Settings
from jupyter_aml.automl.table import Table
from jupyter_aml.automl.tabular import FAMILY
from jupyter_aml.automl.trials import Trial

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of pickles
ROWS = 120
RNG = np.random.default_rng(5)
SIGNAL = RNG.normal(size=ROWS)
NOISE = RNG.normal(size=ROWS)
WITH_TREES = {"LightGBM", "XGBoostClassifier", "ExtremeRandomTrees", "RandomForest"}
FEW_TREES = 20


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small tables take many times as long with several."""
    with threadpoolctl.threadpool_limits(1):
        yield


def good(**more: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"a": SIGNAL, "b": NOISE, "y": np.where(SIGNAL + NOISE / 4 > 0, "yes", "no")})
    return frame.assign(**more)


def numbered(**more: Any) -> pd.DataFrame:
    return good(y=SIGNAL * 2 + NOISE / 4).assign(**more)


def two(column: Any) -> pd.DataFrame:
    frame = good(c=column)
    return frame.set_axis(["a", "b", "y", "a"], axis=1)


def tried(
    table: Table, task: str = CLASSIFICATION, names: Any = None, *, until: float = np.inf, needed: bool = False
) -> dict[str, Trial]:
    """A trial of each algorithm with its first parameters."""
    settings, found = Settings(task=task), {}
    for at, (name, one) in enumerate(algorithms.available(task, names).items()):
        few = {"n_estimators": FEW_TREES} if name in WITH_TREES else {}
        found[name] = Trial(at, table.recipe(one, {**one.first, **few}, settings))
        trials.run(found[name], table, settings.primary, until=until, needed=needed)
    return found


def faults(found: dict[str, Trial]) -> dict[str, str]:
    return {name: one.error for name, one in found.items() if one.status != COMPLETED}


@pytest.mark.parametrize(
    ("task", "tables", "details", "said"),
    [
        (CLASSIFICATION, {"training": good(y="one")}, {}, "has one class only, 'one'; two are needed"),
        (CLASSIFICATION, {"training": good().head(1)}, {}, "1 of 1 rows have a target in y; two are needed at least"),
        (CLASSIFICATION, {"training": good().head(0)}, {}, "0 of 0 rows have a target in y"),
        (
            CLASSIFICATION,
            {"training": good()},
            {"targetColumnName": "z"},
            "There is no column z; the table has a, b, y",
        ),
        (CLASSIFICATION, {"training": good(y=None)}, {}, "0 of 120 rows have a target in y"),
        (CLASSIFICATION, {"training": good(y=[[1], [2]] * 60)}, {}, r"one class in each row; 120 hold \[1\]"),
        (CLASSIFICATION, {"training": good(y=NOISE)}, {}, r"another value in almost every row .*make the task a regr"),
        (CLASSIFICATION, {"training": good()[["y"]]}, {}, "There is no column beside the target to learn from"),
        (
            CLASSIFICATION,
            {"training": good(a=None, b=np.nan)},
            {},
            "No column is left to learn from: a has no values, b has no values",
        ),
        (CLASSIFICATION, {"training": two(SIGNAL)}, {}, "more than one column a; rename them"),
        (CLASSIFICATION, {"training": good().set_axis(["a", "y", "y"], axis=1)}, {}, "more than one column y; rename"),
        (CLASSIFICATION, {"training": good().rename(columns={"a": 1, "b": "1"})}, {}, "more than one column 1; rename"),
        (
            CLASSIFICATION,
            {"training": good(), "validation": two(SIGNAL)},
            {},
            "more than one column a; rename",
        ),
        (
            CLASSIFICATION,
            {"training": good(), "validation": good(y=None)},
            {},
            "No row of the validation data has a target in y; expected one at least",
        ),
        (
            CLASSIFICATION,
            {"training": good(y=None), "validation": good()},
            {},
            "No row of the training data has a target in y",
        ),
        (
            CLASSIFICATION,
            {"training": good(w=["1", "heavy"] * 60)},
            {"weightColumnName": "w"},
            "column w is to hold weights, numbers of 0 or more; 60 rows hold others, such as 'heavy'",
        ),
        (CLASSIFICATION, {"training": good(w=-1.0)}, {"weightColumnName": "w"}, "120 rows hold others, such as -1.0"),
        (CLASSIFICATION, {"training": good(w=0)}, {"weightColumnName": "w"}, "numbers of 0 or more; all are 0"),
        (CLASSIFICATION, {"training": good()}, {"weightColumnName": "y"}, "it can neither weigh nor split the rows"),
        (REGRESSION, {"training": good(y=5.0)}, {}, "The target y is 5 in every row; there is nothing to be learned"),
        (REGRESSION, {"training": numbered(y=np.inf)}, {}, "0 of 120 rows have a target in y"),
        (REGRESSION, {"training": numbered(y=SIGNAL * 1e300)}, {}, "too much to calculate with; divide it"),
        (
            REGRESSION,
            {"training": good(y=pd.date_range("2026-01-01", periods=ROWS))},
            {},
            "is to be a number; it holds moments, such as 2026-01-01",
        ),
        (REGRESSION, {"training": numbered(y=["1", "two"] * 60)}, {}, "60 rows hold others, such as 'two'"),
    ],
)
def test_a_table_that_teaches_nothing_is_refused_with_a_remedy(
    task: str, tables: Any, details: Any, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        FAMILY.prepare(Order(task, {"targetColumnName": "y", **details}, tables), tmp_path)


def test_five_thousand_classes_are_refused_and_many_are_left_to_those_who_can_tell_them() -> None:
    frame = pd.DataFrame({"a": np.arange(15_000.0), "b": 1.0, "y": [f"k{at % 5000}" for at in range(15_000)]})
    with pytest.raises(ValueError, match=r"has 5,000 classes; at most 1,000 are told apart\. Put rare ones together"):
        Table(frame, "y", Settings())

    table = Table(frame[frame["y"].str.len() < 4], "y", Settings(validation=Validation(held_out=0.3)))
    assert len(table.classes) == 100
    known = algorithms.available(CLASSIFICATION)
    assert set(algorithms.suited(known, 1000, 5000)) == {
        "KNN", "DecisionTree", "LogisticRegression", "BernoulliNaiveBayes", "MultinomialNaiveBayes",
    }  # fmt: skip
    assert "RandomForest" in algorithms.suited(known, 1000, 100)
    with pytest.raises(ValueError, match=r"too many for what is allowed: SVM at most 100\. Allow KNN or DecisionTree"):
        algorithms.suited({"SVM": known["SVM"]}, 1000, 101)


def test_an_algorithm_that_cannot_tell_so_many_classes_fails_at_once() -> None:
    frame = pd.DataFrame({"a": np.repeat(np.arange(120.0), 4), "y": np.repeat([f"k{at}" for at in range(120)], 4)})
    table = Table(frame, "y", Settings(validation=Validation(folds=2)))

    found = tried(table, names=["SVM", "KNN"])

    assert faults(found) == {"SVM": "SVM is to tell 100 classes at most, and there are 120."}
    assert found["KNN"].score > 0.5


def test_names_in_a_sentence_are_not_ten_thousand() -> None:
    wide = pd.DataFrame(np.zeros((2, 10_000)))

    with pytest.raises(ValueError, match=r"the table has 0, 1, .*, \.\.\. \(10,000 in all\)") as caught:
        Table(wide, "y", Settings())
    assert len(str(caught.value)) < 200
    with pytest.raises(ValueError, match=r"have no column 1, 2, .*\(9,999 in all\), which the training data have"):
        Table(wide.assign(y=1), "y", Settings(), wide.assign(y=1)[[0, "y"]])


def strange() -> pd.DataFrame:
    """One thing of everything, beside two columns that tell the target."""
    mixed = [1, "1", "x", 2.5, None, [1], {"a": 1}, b"z", pd.Timestamp("2020"), True]
    return pd.DataFrame(
        {
            "[a]<b>": np.where(np.arange(ROWS) == 3, np.inf, SIGNAL),
            'größe__\n{"☃": 1}': NOISE,
            "": np.where(np.arange(ROWS) < 5, 1e300, NOISE),
            "mixed": mixed * 12,
            "null": None,
            "mostly null": [1.0] + [None] * (ROWS - 1),
            "when": ["2026-01-31", "31.12.9999", "0001-01-01", "yesterday", ""] * 24,
            "day": ["2020-01-01", "2021-12-01", "2022-02-02", "2020-01-02", "1066-10-14"] * 24,
            "signs__only": [f"!!! ??? ☃{at % 40} …" for at in range(ROWS)],
            "few words": [f"ein wort {at % 30}" if at % 3 else " " for at in range(ROWS)],
            "漢字": pd.Categorical(["仮名", "ß", "e\u0301", "]<["] * 30),
            "y": np.where(SIGNAL + NOISE / 4 > 0, "jä [1]", "<nein> ☃"),
        }
    )


def test_a_strange_table_is_learned_by_every_algorithm() -> None:
    table = Table(strange(), "y", Settings(validation=Validation(folds=3)))

    found = tried(table)

    assert faults(found) == {}
    assert max(one.score for one in found.values()) > 0.8
    assert {name: one.purpose for name, one in table.columns.items()}["day"] is Purpose.DATE_TIME
    assert "has no values" in table.columns["null"].why


def test_names_and_values_of_any_letters_come_back_from_the_model_that_is_kept(tmp_path: Path) -> None:
    frame = strange().drop(columns=["mixed"])
    details = {"targetColumnName": "y", "nCrossValidations": {"mode": "Custom", "value": 2}}
    (tmp_path / "out").mkdir()
    FAMILY.prepare(Order(CLASSIFICATION, details, {"training": frame}), tmp_path)
    done = []
    for number, name in enumerate(["LightGBM", "LogisticRegression"]):
        place = tmp_path / str(number)
        place.mkdir()
        proposal = Proposal(number, name)
        attempt = FAMILY.attempt(
            Order(CLASSIFICATION, details), tmp_path, proposal, place,
            threads=1, until=time.monotonic() + 60, told=lambda *_: None,
        )  # fmt: skip
        done.append(Done(proposal, attempt, place))

    FAMILY.finish(Order(CLASSIFICATION, details), tmp_path, done, tmp_path / "out", time.monotonic() + 60)

    model = mlflow.sklearn.load_model(str(tmp_path / "out" / "model"))
    assert (model.predict(frame.drop(columns="y")) == frame["y"]).mean() > 0.9
    drawn = json.loads((tmp_path / "out" / "charts.json").read_text(encoding="utf-8"))
    assert drawn["confusion_matrix"]["data"]["class_labels"] == ["<nein> ☃", "jä [1]"]


@pytest.mark.parametrize("rows", [2, 3, 5])
def test_a_handful_of_rows_gives_a_model_of_every_kind(rows: int) -> None:
    frame = pd.DataFrame({"a": np.arange(rows) * 1.0, "y": ["p", "q", "p"][: min(rows, 3)] + ["q"] * (rows - 3)})

    assert faults(tried(Table(frame, "y", Settings(validation=Validation(folds=2))))) == {}


def test_two_numbers_are_enough_for_some_model() -> None:
    table = Table(pd.DataFrame({"a": [1.0, 2.0], "y": [3.0, 4.0]}), "y", Settings(task=REGRESSION))

    assert "DecisionTree" not in faults(tried(table, REGRESSION, ["DecisionTree", "KNN", "ElasticNet"]))


def test_a_class_of_one_row_spoils_no_algorithm() -> None:
    frame = good()
    frame.loc[0, "y"] = "rare"

    found = tried(Table(frame, "y", Settings(validation=Validation(folds=3))))

    assert faults(found) == {}
    assert min(one.score for one in found.values()) > 0.4


def test_classes_of_several_kinds_are_told_by_how_they_are_written() -> None:
    table = Table(good(y=[1, "1", "a", 2.0] * 30), "y", Settings())

    assert table.classes == ["1", "2.0", "a"]
    assert Table(good(y=[1, 2.5] * 60), "y", Settings()).classes == [1, 2.5]


def test_ten_thousand_columns_are_looked_at_and_learned_from() -> None:
    wide = pd.DataFrame(RNG.normal(size=(ROWS, 10_000)).astype(np.float32)).add_prefix("c")
    told = np.where(SIGNAL > 0, "yes", "no")
    frame = wide.assign(c7=SIGNAL * 9, c8=[f"k{at % 4}" for at in range(ROWS)], y=told)

    table = Table(frame, "y", Settings(validation=Validation(held_out=0.3)))

    assert len(table.columns) == 10_000
    leak = next(one for one in table.guardrails if one.name == "Target leakage detection")
    assert leak.found == "The target follows from c7 alone."
    found = tried(table, names=["LogisticRegression", "DecisionTree"])
    assert faults(found) == {}
    assert found["DecisionTree"].score > 0.9


def test_five_thousand_categories_become_few_columns_however_many_classes_there_are() -> None:
    rows = 6_000
    town = RNG.integers(0, 5_000, rows)
    frame = pd.DataFrame({"town": [f"t{at}" for at in town], "a": RNG.normal(size=rows)})
    table = Table(frame.assign(y=np.where(town % 2, "odd", "even")), "y", Settings(validation=Validation(held_out=0.3)))
    guardrail = next(one for one in table.guardrails if one.name.startswith("High cardinality"))
    assert guardrail.found == "1 columns have very many categories, which were hashed."
    assert faults(tried(table, names=["LogisticRegression", "DecisionTree"])) == {}

    for classes, form, most in [(2, Form.LINEAR, 2), (50, Form.TREES, 2), (50, Form.LINEAR, 103)]:
        made = features.transformer(table.columns, form, classes=classes)
        assert made.fit_transform(frame, np.arange(rows) % classes).shape[1] <= most


def test_a_trial_that_is_late_from_the_beginning_still_has_every_fold() -> None:
    table = Table(good(), "y", Settings(validation=Validation(folds=4)))
    trial = Trial(0, table.recipe(algorithms.available(CLASSIFICATION)["LightGBM"], {}, Settings()))

    trials.run(trial, table, "accuracy", until=time.monotonic() - 1, needed=True)

    assert (trial.status, len(trial.fitted), trial.rounds) == (COMPLETED, 4, 1)
    assert len(trial.predicted) == ROWS


def test_each_fold_has_its_share_of_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials.time, "monotonic", lambda: 60.0)

    assert trials._part_of(100.0, 4) == 70.0
    assert trials._part_of(100.0, 1) == 100.0
    assert trials._part_of(50.0, 4) == 50.0
    assert trials._part_of(np.inf, 4) == np.inf


@pytest.mark.parametrize("name", ["GradientBoosting", "RandomForest", "ExtremeRandomTrees"])
def test_trees_that_know_no_time_are_ended_with_a_sentence(name: str) -> None:
    table = Table(good(), "y", Settings(validation=Validation(held_out=0.3)))

    found = tried(table, names=[name], until=time.monotonic() - 1)[name]
    assert found.status == PRUNED
    assert re.fullmatch(r"8 of \d+ trees took all its time; give the search more, or allow LightGBM\.", found.error)
    assert found.attempt("accuracy").error == found.error

    assert tried(table, names=[name], until=time.monotonic() - 1, needed=True)[name].status == COMPLETED
    whole = tried(table, names=[name])[name]
    timed = tried(table, names=[name], until=time.monotonic() + 600)[name]
    np.testing.assert_array_equal(whole.predicted, timed.predicted)


def test_a_library_that_fails_fails_its_trial_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: Any, **__: Any) -> None:
        raise RuntimeError("no idea")

    table = Table(good(), "y", Settings(validation=Validation(folds=2)))
    monkeypatch.setattr("sklearn.neighbors.KNeighborsClassifier.fit", fit)

    found = tried(table, names=["KNN", "DecisionTree"])

    assert {name: one.status for name, one in found.items()} == {"KNN": FAILED, "DecisionTree": COMPLETED}
    assert found["KNN"].error == "RuntimeError: no idea"
