"""Models: classes that a fold has not seen, boosting that stops in time, and what is asked of every algorithm."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine

from jupyter_aml.automl import algorithms, columns, models
from jupyter_aml.automl.metrics import CLASSIFICATION, REGRESSION
from jupyter_aml.automl.models import Recipe, Rows

WINES = load_wine(as_frame=True)
BOOSTINGS = [
    (task, name)
    for task in (CLASSIFICATION, REGRESSION)
    for name, one in algorithms.available(task).items()
    if one.boosts
]


def recipe(task: str, name: str, classes: int = 3) -> Recipe:
    one = algorithms.available(task)[name]
    return Recipe(one, one.first, classes if task == CLASSIFICATION else 0)


def rows(task: str = CLASSIFICATION) -> Rows:
    if task == REGRESSION:
        x, y = load_diabetes(return_X_y=True, as_frame=True)
        return Rows(x, y.to_numpy())
    return Rows(WINES.data, WINES.target.to_numpy())


@pytest.mark.parametrize("name", sorted(algorithms.available(CLASSIFICATION)))
def test_a_class_that_was_not_seen_has_no_probability(name: str) -> None:
    every = rows()
    seen, unseen = every.take(np.flatnonzero(every.target != 1)), every.take(np.arange(0, 178, 5))

    model, found = models.fit(recipe(CLASSIFICATION, name), columns.read(seen.frame), seen, unseen)

    assert found is not None
    assert (found[:, 1] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    others = unseen.target != 1
    assert (found.argmax(axis=1) == unseen.target)[others].mean() > 0.6
    np.testing.assert_array_equal(model.predict(unseen.frame), found)


@pytest.mark.parametrize(("task", "name"), BOOSTINGS)
def test_a_boosting_stops_where_it_gains_nothing_or_when_the_time_is_up(task: str, name: str) -> None:
    every = rows(task)
    seen, unseen = every.take(np.arange(0, 170, 2)), every.take(np.arange(1, 170, 2))
    known = columns.read(seen.frame)

    model, _ = models.fit(recipe(task, name), known, seen, unseen)
    assert 1 < model.rounds < algorithms.ROUNDS
    hurried, found = models.fit(recipe(task, name), known, seen, unseen, until=time.monotonic())
    assert hurried.rounds == 1
    assert found is not None
    alone, nothing = models.fit(recipe(task, name), known, seen, until=time.monotonic())
    assert (alone.rounds, nothing) == (1, None)


@pytest.mark.parametrize("name", sorted(algorithms.available(REGRESSION)))
def test_targets_far_from_zero_are_no_obstacle(name: str) -> None:
    frame = pd.DataFrame({"x": np.tile(np.arange(10.0), 20)})
    every = Rows(frame, 1e6 + 1e3 * frame["x"].to_numpy())

    _, found = models.fit(recipe(REGRESSION, name), columns.read(frame), every, every)

    assert found is not None
    assert np.abs(found - every.target).mean() < 1e3


def test_a_recipe_can_be_read() -> None:
    one = recipe(CLASSIFICATION, "KNN")

    assert one.title == "KNN(n_neighbors=10, weights=distance)"
