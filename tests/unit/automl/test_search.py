"""A search: real tables, classes by their names, what spoils a table, and a result at any moment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import accuracy_score, root_mean_squared_error
from sklearn.model_selection import train_test_split

from jupyter_aml.automl import algorithms, metrics
from jupyter_aml.automl.folds import Validation
from jupyter_aml.automl.metrics import REGRESSION
from jupyter_aml.automl.search import Search, Settings, Trial
from jupyter_aml.automl.stacked import Stacking

QUICK = ("LightGBM", "LogisticRegression", "KNN")
FEW = Validation(folds=3)
CLASSIFY = Settings(metric="AUC_weighted", trials=3, allowed=QUICK, validation=FEW)
REGRESS = Settings(task=REGRESSION, trials=3, allowed=("ElasticNet", "LightGBM", "KNN"), validation=FEW)


def wines() -> pd.DataFrame:
    data = load_wine(as_frame=True)
    return data.data.assign(kind=data.target.map({0: "Barolo", 1: "Grignolino", 2: "Barbera"}))


def test_classes_are_told_by_their_names() -> None:
    seen, unseen = train_test_split(wines(), test_size=0.4, random_state=0, stratify=wines()["kind"])
    told: list[Trial] = []

    result = Search(seen, "kind", CLASSIFY, told.append).run()

    guess = DummyClassifier().fit(seen, seen["kind"]).score(unseen, unseen["kind"])
    right = accuracy_score(unseen["kind"], result.predict(unseen.drop(columns="kind")))
    assert right > 0.9 > guess
    assert result.table.classes == ["Barbera", "Barolo", "Grignolino"]
    np.testing.assert_allclose(result.predict_proba(unseen).sum(axis=1), 1.0)
    assert [one.recipe.algorithm.name for one in told] == ["LogisticRegression", "LightGBM", "KNN"]
    assert result.trials == told
    assert result.score >= max(one.score for one in told)
    board = result.leaderboard
    assert board["AUC_weighted"].is_monotonic_decreasing
    ensembles = [one.title for one in (result.best, *result.others) if one.title.startswith(("Voting", "Stack"))]
    assert sorted(board["model"]) == sorted([*(one.recipe.title for one in told), *ensembles])
    assert "StackEnsemble" in "".join(ensembles)


def test_numbers_are_predicted_better_than_by_their_mean() -> None:
    seen, unseen = train_test_split(load_diabetes(as_frame=True).frame, test_size=0.4, random_state=0)

    result = Search(seen, "target", REGRESS).run()

    found = root_mean_squared_error(unseen["target"], result.predict(unseen))
    assert found < 0.85 * root_mean_squared_error(
        unseen["target"], DummyRegressor().fit(seen, seen.target).predict(unseen)
    )
    assert result.leaderboard["normalized_root_mean_squared_error"].is_monotonic_increasing


def test_the_search_goes_on_with_other_parameters_and_does_the_same_again() -> None:
    settings = replace(REGRESS, trials=9)
    frame = load_diabetes(as_frame=True).frame.head(200)

    one, two = (Search(frame, "target", settings).run() for _ in range(2))

    titles = [trial.recipe.title for trial in one.trials]
    assert len(set(titles)) == len(titles) == 9
    assert titles == [trial.recipe.title for trial in two.trials]
    assert one.score == two.score
    assert "Ensemble" in one.leaderboard["model"].iloc[0]


def test_a_stack_tells_rows_that_it_has_not_seen() -> None:
    seen, unseen = train_test_split(load_diabetes(as_frame=True).frame, test_size=0.4, random_state=0)
    stacked = replace(REGRESS, ensemble=False, stacking=Stacking("LinearRegression"))

    result = Search(seen, "target", stacked).run()

    assert (result.best.algorithm, result.said) == ("StackEnsemble", [])
    assert result.leaderboard["model"].iloc[0] == result.best.title
    guess = DummyRegressor().fit(seen, seen.target).predict(unseen)
    found = root_mean_squared_error(unseen["target"], result.predict(unseen))
    assert found < 0.85 * root_mean_squared_error(unseen["target"], guess)


def test_held_out_rows_stay_unseen_by_a_stack() -> None:
    frame = load_diabetes(as_frame=True).frame
    settings = replace(REGRESS, validation=Validation(held_out=0.3), allowed=("LightGBM", "ElasticNet"), trials=2)

    result = Search(frame, "target", settings).run()

    titles = [one.title for one in (result.best, *result.others)]
    assert any(one.startswith("StackEnsemble(ElasticNet of") for one in titles)
    assert result.said == []
    assert max(one.score for one in result.others) < 0.25


def test_a_table_of_everything() -> None:
    rng = np.random.default_rng(0)
    size, noise = rng.normal(size=300), rng.normal(scale=0.3, size=300)
    frame = pd.DataFrame(
        {
            1: np.where(size > 1, np.nan, size),
            "größe": np.array(["klein", None, "groß"], dtype=object)[np.digitize(size, [-0.5, 0.5])],
            "when": pd.date_range("2026-01-01", periods=300, freq="h").astype(str),
            "id": [f"u{at}" for at in range(300)],
"y": pd.Series(np.where(size + noise > 0, "ja", "nein")).mask(rng.random(300) < 0.1),
        }
    )  # fmt: skip

    result = Search(frame, "y", CLASSIFY).run()

    assert result.score > 0.9
    assert len(result.table.rows.target) == frame["y"].notna().sum()
    assert {one.name: str(one.status) for one in result.table.guardrails} == {
        "Missing target values": "Done",
        "Missing feature values imputation": "Done",
        "High cardinality feature detection": "Passed",
        "Columns without information": "Done",
        "Class balancing detection": "Passed",
        "Duplicate rows detection": "Passed",
        "Target leakage detection": "Passed",
    }
    strange = pd.DataFrame({1: [None], "größe": ["riesig"], "when": ["gestern"], "id": ["x"]})
    assert result.predict(strange)[0] in {"ja", "nein"}


def test_an_index_that_repeats_is_no_obstacle() -> None:
    frame = load_diabetes(as_frame=True).frame.head(120)
    twice = pd.concat([frame.head(60), frame.tail(60).reset_index(drop=True)])
    twice.iloc[[3, 70], -1] = [np.nan, np.inf]
    assert not twice.index.is_unique

    result = Search(twice, "target", replace(REGRESS, trials=1)).run()

    assert len(result.table.rows.target) == 118


def test_weights_count() -> None:
    frame = pd.DataFrame({"x": [0.0, 1.0] * 60, "y": [10.0, 20.0] * 60, "w": 1.0})
    frame.loc[::6, ["y", "w"]] = [100.0, 0.0]
    result = Search(frame, "y", replace(REGRESS, weight="w", allowed=("DecisionTree",), trials=1)).run()

    assert result.predict(pd.DataFrame({"x": [0.0, 1.0]})) == pytest.approx([10.0, 20.0])
    assert set(result.table.columns) == {"x"}


def test_enough_is_enough_and_stop_means_stop() -> None:
    search = Search(wines(), "kind", replace(CLASSIFY, trials=50, exit_score=0.5))
    assert len(search.run().trials) == 1

    stopped: list[Search] = []
    search = Search(wines(), "kind", replace(CLASSIFY, trials=50), lambda _: stopped[0].stop())
    stopped.append(search)
    assert len(search.run().trials) == 1


def test_no_time_still_gives_one_model() -> None:
    result = Search(wines(), "kind", replace(CLASSIFY, seconds=0.0)).run()

    assert len([one for one in result.trials if one.status == "Completed"]) == 1
    assert result.score > 0.5


def test_one_that_fails_does_not_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(task: str, *_: Any) -> dict[str, algorithms.Algorithm]:
        def make(*_: Any) -> Any:
            raise MemoryError("4 GiB")

        known = {one.name: one for one in algorithms._CLASSIFIERS}
        return {"SVM": replace(known["SVM"], make=make), "KNN": known["KNN"]} if task else {}

    monkeypatch.setattr(algorithms, "available", broken)
    result = Search(wines(), "kind", replace(CLASSIFY, trials=2)).run()

    assert [(one.status, one.error) for one in result.trials] == [("Failed", "MemoryError: 4 GiB"), ("Completed", "")]
    with pytest.raises(RuntimeError, match=r"No model could be fitted\. MemoryError: 4 GiB"):
        Search(wines(), "kind", replace(CLASSIFY, trials=1)).run()


@pytest.mark.parametrize(
    ("frame", "settings", "told"),
    [
        (wines().rename(columns={"kind": "sort"}), CLASSIFY, "There is no column kind; the table has alcohol"),
        (wines().assign(kind="one"), CLASSIFY, "The target kind has one class only, 'one'"),
        (wines().assign(kind=None), CLASSIFY, "0 of 178 rows have a target in kind"),
        (wines().head(1), CLASSIFY, "1 of 1 rows have a target in kind"),
        (wines(), REGRESS, "The target kind is to be a number; 178 rows hold others, such as 'Barolo'"),
        (wines(), replace(CLASSIFY, weight="w"), "There is no column w, which is to hold the weights"),
        (wines(), replace(CLASSIFY, metric="r2_score"), "'r2_score' is no primary metric for classification; expected"),
        (wines(), replace(CLASSIFY, task="clustering"), "The task is 'clustering'; expected one of classification"),
        (wines()[["kind"]].assign(one=1), CLASSIFY, "No column is left to learn from: one has the same value"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_is_said(frame: pd.DataFrame, settings: Settings, told: str) -> None:
    with pytest.raises((ValueError, RuntimeError), match=told):
        Search(frame, "kind", settings).run()


@pytest.mark.parametrize("name", ["AUC_weighted", "auc_weighted", "AucWeighted"])
def test_a_metric_is_known_as_yaml_and_rest_write_it(name: str) -> None:
    assert Settings(metric=name).primary == "AUC_weighted"
    assert Settings().primary == "accuracy"
    assert Settings(task=REGRESSION).primary == metrics.DEFAULT[REGRESSION]
