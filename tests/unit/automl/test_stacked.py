"""Stacks: what each meta-learner makes of predictions, who judges it, and when there is none."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine

from jupyter_aml.automl import contenders, settings, stacked
from jupyter_aml.automl.contenders import Contender, Tried
from jupyter_aml.automl.folds import Validation
from jupyter_aml.automl.metrics import CLASSIFICATION, REGRESSION
from jupyter_aml.automl.settings import Settings
from jupyter_aml.automl.stacked import Learner, NotStackedError, Stacking
from jupyter_aml.automl.table import Table

NEVER = np.inf
REGRESS = Settings(task=REGRESSION, metric="r2_score", validation=Validation(folds=3))
CLASSIFY = Settings(metric="accuracy", validation=Validation(folds=3))
HELD_OUT = Validation(held_out=0.3)


def read(task: str, training: Mapping[str, Any]) -> Settings:
    return settings.read(task, {"targetColumnName": "target", "trainingSettings": training})


def opinions(truth: np.ndarray, count: int, rightness: tuple[float, ...], seed: int = 0) -> list[np.ndarray]:
    """Probabilities of models that are right in such a part of the rows."""
    random = np.random.default_rng(seed)
    found = []
    for right in rightness:
        said = np.where(random.random(len(truth)) < right, truth, random.integers(count, size=len(truth)))
        found.append(np.full((len(truth), count), 0.1 / (count - 1)))
        found[-1][np.arange(len(truth)), said] = 0.9
    return found


def numbers(rows: int = 200) -> tuple[np.ndarray, list[np.ndarray]]:
    """A target, and models that know a half of it each."""
    random = np.random.default_rng(0)
    parts = random.normal(size=(2, rows))
    target = 1000.0 + 50.0 * parts.sum(axis=0)
    return target, [1000.0 + 50.0 * part for part in parts]


# settings


@pytest.mark.parametrize("name", ["LogisticRegression", "LogisticRegressionCV", "LightGBMClassifier"])
@pytest.mark.parametrize("count", [2, 3])
def test_each_learner_of_classes_listens_to_who_is_right(name: str, count: int) -> None:
    truth = np.random.default_rng(1).integers(count, size=300)
    told = opinions(truth, count, (0.8, 0.0))
    learner = stacked.learner(
        CLASSIFICATION, read(CLASSIFICATION, {"stackEnsembleSettings": {"stackMetaLearnerType": name}}).stacking
        or Stacking(), truth, classes=count, folded=True, threads=1, seed=0,
    )  # fmt: skip

    meta, found = stacked.crossed(learner, told, truth, weights=None, places=np.arange(300), until=NEVER)

    assert meta.name == name
    assert found.shape == (300, count)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert (found.argmax(axis=1) == told[0].argmax(axis=1)).mean() > 0.98
    np.testing.assert_allclose(meta.predict(told).sum(axis=1), 1.0)


@pytest.mark.parametrize(("name", "near"), [
    ("ElasticNet", 1.0), ("ElasticNetCV", 2.0), ("LinearRegression", 1e-6), ("LightGBMRegressor", 45.0),
])  # fmt: skip
def test_each_learner_of_numbers_adds_what_each_model_knows(name: str, near: float) -> None:
    target, told = numbers()
    wish = stacked.wish(REGRESSION, {"stackMetaLearnerType": name})
    learner = stacked.learner(REGRESSION, wish, target, classes=0, folded=True, threads=1, seed=0)

    _, found = stacked.crossed(learner, told, target, weights=None, places=np.arange(len(target)), until=NEVER)

    assert np.abs(told[0] - target).mean() > 35
    assert np.sqrt(np.mean((found - target) ** 2)) < near


@pytest.mark.parametrize(
    ("task", "folded", "name"),
    [
        (CLASSIFICATION, True, "LogisticRegressionCV"), (CLASSIFICATION, False, "LogisticRegression"),
        (REGRESSION, True, "ElasticNetCV"), (REGRESSION, False, "ElasticNet"),
    ],
)  # fmt: skip
def test_the_default_is_azures(task: str, folded: bool, name: str) -> None:
    target, classes = (np.arange(60) % 2, 2) if task == CLASSIFICATION else (np.arange(60.0), 0)
    found = stacked.learner(task, Stacking(), target, classes=classes, folded=folded, threads=1, seed=0)

    assert found.name == name


def test_azures_settings_are_read() -> None:
    wish = {
        "stackMetaLearnerType": "LogisticRegression", "stackMetaLearnerTrainPercentage": 0.3,
        "stackMetaLearnerKWargs": {"C": 0.5, "multi_class": "auto"},
    }  # fmt: skip

    found = read(CLASSIFICATION, {"stackEnsembleSettings": wish}).stacking

    assert found == Stacking("LogisticRegression", 0.3, {"C": 0.5, "multi_class": "auto"})
    learner = Learner(CLASSIFICATION, found.learner, found.parameters, 2)
    assert learner.make().get_params()["C"] == 0.5
    assert learner.make().get_params()["max_iter"] == 300
    assert read(CLASSIFICATION, {}).stacking == Stacking()
    assert read(REGRESSION, {"stackEnsembleSettings": {"stackMetaLearnerType": "None"}}).stacking == Stacking()
    assert read(REGRESSION, {"stackEnsembleSettings": {"stackMetaLearnerType": "elastic_net_cv"}}).stacking == Stacking(
        "ElasticNetCV"
    )
    assert read(CLASSIFICATION, {"enableStackEnsemble": False}).stacking is None
    assert read(CLASSIFICATION, {"enableStackEnsemble": True, "enableOnnxCompatibleModels": True}).stacking is None


@pytest.mark.parametrize(
    ("task", "training", "said"),
    [
        (
            CLASSIFICATION, {"stackEnsembleSettings": {"stackMetaLearnerType": "ElasticNet"}},
            "stack_meta_learner_type is 'ElasticNet'; for classification expected one of LogisticRegression, Log",
        ),
        (
            REGRESSION, {"stackEnsembleSettings": {"stackMetaLearnerType": "LogisticRegression"}},
            "for regression expected one of ElasticNet, ElasticNetCV, LinearRegression, LightGBMRegressor",
        ),
        (
            REGRESSION, {"stackEnsembleSettings": {"stackMetaLearnerTrainPercentage": 20}},
            "stack_meta_learner_train_percentage is 20; expected a part between 0 and 1",
        ),
        (
            REGRESSION, {"stackEnsembleSettings": {"stackMetaLearnerKWargs": "alpha=1"}},
            "stack_meta_learner_k_wargs is 'alpha=1'; expected names and values",
        ),
        (
            CLASSIFICATION, {"blockedTrainingAlgorithms": ["StackEnsemble"]},
            "blocked_training_algorithms has 'StackEnsemble', which .* set enable_stack_ensemble: false",
        ),
        (
            REGRESSION, {"allowedTrainingAlgorithms": ["KNN", "VotingEnsemble"]},
            "allowed_training_algorithms has 'VotingEnsemble', which .* set enable_vote_ensemble: true",
        ),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_told(task: str, training: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(task, training)


def test_parameters_that_a_learner_does_not_take_are_told() -> None:
    with pytest.raises(ValueError, match="k_wargs has depth, which LogisticRegression does not take; expected some of"):
        Learner(CLASSIFICATION, "LogisticRegression", {"depth": 3}).make()
    with pytest.raises(ValueError, match="k_wargs has multi_class"):
        Learner(CLASSIFICATION, "LogisticRegression", {"multi_class": "crammer_singer"}).make()


def test_a_learner_whose_package_is_absent_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(ValueError, match="is LightGBMRegressor, which needs a package: pip install lightgbm"):
        Learner(REGRESSION, "LightGBMRegressor", {}).make()


def test_settings_that_have_no_part_are_said() -> None:
    wish = {"stackEnsembleSettings": {"stackMetaLearnerType": "LinearRegression"}}

    def said(training: dict[str, Any]) -> list[str]:
        return settings.unheard({"trainingSettings": training})

    assert said(wish) == []
    assert said({"enableStackEnsemble": True}) == []
    assert any("no part here" in one for one in said({**wish, "enableStackEnsemble": False}))
    assert any("as in Azure" in one for one in said({"enableStackEnsemble": True, "enableOnnxCompatibleModels": True}))
    assert any("no model is downloaded" in one for one in said({"ensembleModelDownloadTimeout": "PT10M"}))


# honest scores


def test_a_learner_is_judged_by_rows_that_it_has_not_seen() -> None:
    random = np.random.default_rng(0)
    target, told = random.normal(size=40), list(random.normal(size=(30, 40)))
    learner = Learner(REGRESSION, "LinearRegression", {})

    meta, found = stacked.crossed(learner, told, target, weights=None, places=np.arange(40), until=NEVER)

    assert np.corrcoef(meta.predict(told), target)[0, 1] > 0.8  # of noise, by heart
    assert np.corrcoef(found, target)[0, 1] < 0.3


def test_a_row_that_is_validated_twice_is_in_one_fold() -> None:
    random = np.random.default_rng(0)
    once, noise = random.normal(size=30), random.normal(size=(25, 30))
    target, told = np.tile(once, 2), [np.tile(one, 2) for one in noise]
    learner = Learner(REGRESSION, "LinearRegression", {})

    _, found = stacked.crossed(learner, told, target, weights=None, places=np.tile(np.arange(30), 2), until=NEVER)

    np.testing.assert_allclose(found[:30], found[30:])
    assert np.corrcoef(found, target)[0, 1] < 0.5


def test_rows_without_weight_teach_nothing() -> None:
    target, told = numbers()
    weights = np.ones(200)
    target[::2], weights[::2] = -1e4, 0.0
    learner = Learner(REGRESSION, "LinearRegression", {})

    _, found = stacked.crossed(learner, told, target, weights=weights, places=np.arange(200), until=NEVER)

    np.testing.assert_allclose(found[1::2], target[1::2])


def test_a_class_that_is_in_no_row_of_a_fold_is_never_told() -> None:
    truth = np.array([0, 1] * 30 + [2])
    learner = stacked.learner(CLASSIFICATION, Stacking(), truth, classes=3, folded=True, threads=1, seed=0)
    told = opinions(truth, 3, (0.9, 0.5))

    meta, found = stacked.crossed(learner, told, truth, weights=None, places=np.arange(61), until=NEVER)

    assert learner.name == "LogisticRegression"  # folds of its own would lack the class
    assert found[60, 2] == 0.0
    assert meta.predict(told)[60, 2] > 0.0


def test_rows_that_do_not_suffice_are_told() -> None:
    with pytest.raises(NotStackedError, match="it would learn from 14 rows; 15 are needed"):
        stacked.learner(CLASSIFICATION, Stacking(), np.arange(14) % 3, classes=3, folded=True, threads=1, seed=0)
    rare = np.array([0] * 40 + [1] * 2)
    learner = stacked.learner(
        CLASSIFICATION, Stacking("LogisticRegressionCV"), rare, classes=2, folded=True, threads=1, seed=0
    )
    with pytest.raises(NotStackedError, match="splits its rows in 3, and 2 have the rarest class; choose LogisticReg"):
        learner.learn(opinions(rare, 2, (0.9,)), rare, None)
    with pytest.raises(NotStackedError, match="its rows have one class only"):
        learner.learn(opinions(rare, 2, (0.9,)), np.zeros(42, dtype=int), None)


# beside votes and single models


def table(asked: Settings, frame: pd.DataFrame | None = None) -> Table:
    return Table(load_diabetes(as_frame=True).frame if frame is None else frame, "target", asked)


def never(at: int, seen: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    raise AssertionError


def halves(data: Table, rows: np.ndarray | None = None) -> list[np.ndarray]:
    """Models that tell the target's deviation above its mean, and below it."""
    target = data.rows.target[data.validated if rows is None else rows]
    return [np.maximum(target, 150.0), np.minimum(target, 150.0)]


def tried(data: Table, seconds: float = 0.0) -> list[Tried]:
    names = ("KNN", "SGD")
    return [Tried(f"{name}()", name, one, seconds) for name, one in zip(names, halves(data), strict=True)]


def made(
    data: Table, asked: Settings, trials: list[Tried], until: float | None = None, again: Any = never
) -> tuple[list[Contender], list[str]]:
    until = time.monotonic() + 100 if until is None else until
    return contenders.contenders(data, asked, trials, again, until, refit=True)


def test_a_stack_that_is_better_than_the_vote_leads() -> None:
    data = table(REGRESS)

    found, said = made(data, REGRESS, tried(data))

    assert said == []
    assert [one.algorithm for one in found] == ["StackEnsemble", "VotingEnsemble", found[2].algorithm]
    assert found[2].algorithm in {"KNN", "SGD"}
    assert found[0].title == "StackEnsemble(ElasticNetCV of KNN, SGD)"
    assert found[0].score > 0.99 > found[1].score > found[2].score
    assert found[0].places == [0, 1]
    assert found[1].weights.sum() == pytest.approx(1.0)


def test_each_ensemble_can_be_left_out() -> None:
    data = table(REGRESS)
    no_vote = Settings(task=REGRESSION, metric="r2_score", validation=Validation(folds=3), ensemble=False)
    no_stack = Settings(task=REGRESSION, metric="r2_score", validation=Validation(folds=3), stacking=None)

    assert made(data, no_vote, tried(data))[0][0].algorithm == "StackEnsemble"
    assert "VotingEnsemble" not in [one.algorithm for one in made(data, no_vote, tried(data))[0]]
    assert made(data, no_stack, tried(data))[0][0].algorithm == "VotingEnsemble"
    assert "StackEnsemble" not in [one.algorithm for one in made(data, no_stack, tried(data))[0]]


def test_where_one_model_is_best_alone_the_best_of_each_algorithm_are_stacked() -> None:
    data = table(REGRESS)
    target = data.rows.target[data.validated]
    trials = [Tried(f"{name}()", name, target + off) for name, off in (("KNN", 0.0), ("KNN", 50.0), ("SGD", 90.0))]

    found, _ = made(data, REGRESS, trials)

    assert (found[0].algorithm, found[0].score, found[0].places) == ("KNN", 1.0, [0])
    assert (found[1].algorithm, found[1].places) == ("StackEnsemble", [0, 2])


def test_held_out_rows_only_judge() -> None:
    asked = Settings(
        task=REGRESSION, metric="r2_score", validation=HELD_OUT, stacking=Stacking("LinearRegression", 0.4)
    )
    data = table(asked)
    training, validated = data.splits[0]
    given: list[tuple[int, np.ndarray, np.ndarray]] = []

    def again(at: int, seen: np.ndarray, unseen: np.ndarray) -> np.ndarray:
        given.append((at, seen, unseen))
        return halves(data, unseen)[at]

    found, said = made(data, asked, tried(data), again=again)

    assert said == []
    assert [at for at, _, _ in given] == [0, 1]
    _, seen, unseen = given[0]
    assert len(unseen) == pytest.approx(0.4 * len(training), abs=1)
    assert sorted([*seen, *unseen]) == sorted(training)
    assert not set(validated) & {*seen, *unseen}
    assert (found[0].title, len(found[0].predicted)) == ("StackEnsemble(LinearRegression of KNN, SGD)", len(validated))


def test_without_time_for_that_the_validated_rows_teach_in_folds_and_it_is_said() -> None:
    asked = Settings(task=REGRESSION, metric="r2_score", validation=HELD_OUT)
    data = table(asked)

    found, said = made(data, asked, tried(data, seconds=40.0))

    assert said == [
        "StackEnsemble: there is no time to keep 0.2 of the rows to train on for it; it learns from the validated rows."
    ]
    assert found[0].title == "StackEnsemble(ElasticNet of KNN, SGD)"


@pytest.mark.parametrize(
    ("asked", "data", "trials", "until", "why"),
    [
        (REGRESS, table(REGRESS), 2, 0.0, "there is no time left for it"),
        (REGRESS, table(REGRESS), 1, None, "there is no second model to learn from"),
        (
            REGRESS,
            table(REGRESS, load_diabetes(as_frame=True).frame.head(9)),
            2,
            None,
            "it would learn from 9 rows; 10",
        ),
    ],
)
def test_a_stack_that_is_not_made_is_said(
    asked: Settings, data: Table, trials: int, until: float | None, why: str
) -> None:
    found, said = made(data, asked, tried(data)[:trials], until)

    assert said[0].startswith(f"StackEnsemble is not made: {why}")
    assert found[-1].algorithm in {"KNN", "SGD"}
    assert "StackEnsemble" not in [one.algorithm for one in found]


def test_a_learner_that_fails_leaves_the_vote() -> None:
    asked = Settings(
        metric="accuracy", validation=Validation(folds=3), stacking=Stacking("LogisticRegression", 0.2, {"C": -1.0})
    )
    data = table(asked, load_wine(as_frame=True).frame)
    truth = data.rows.target[data.validated]
    trials = [Tried(f"{at}", f"{at}", one) for at, one in enumerate(opinions(truth, 3, (0.5, 0.5, 0.5)))]

    found, said = made(data, asked, trials)

    assert said[0].startswith("StackEnsemble is not made: ")
    assert "'C' parameter" in said[0]
    assert found[0].algorithm == "VotingEnsemble"


def test_many_classes_are_too_much() -> None:
    frame = pd.DataFrame({"x": np.arange(800.0), "target": np.arange(800) % 60})
    data = table(CLASSIFY, frame)
    truth = data.rows.target[data.validated]
    trials = [Tried(f"{at}", f"{at}", one) for at, one in enumerate(opinions(truth, 60, (0.5, 0.5)))]

    assert made(data, CLASSIFY, trials)[1] == [
        "StackEnsemble is not made: 60 classes of 2 models are too many to learn from."
    ]


def test_a_vote_of_fewer_counts_those_that_came() -> None:
    data = table(REGRESS)
    found, _ = made(data, REGRESS, tried(data))
    vote = next(one for one in found if one.algorithm == "VotingEnsemble")

    one = contenders.fewer(data, REGRESS, tried(data), vote, [1])

    assert (one.title, one.algorithm, one.places, one.weights.tolist()) == ("SGD()", "SGD", [1], [1.0])
    assert one.score < vote.score
