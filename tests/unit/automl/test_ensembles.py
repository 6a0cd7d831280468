"""Votes: better together on real data, and never worse than the best alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsRegressor

from jupyter_aml.automl import ensembles


def test_models_vote_better_than_the_best_of_them() -> None:
    x, y = load_diabetes(return_X_y=True)
    models = [Ridge(0.1), ExtraTreesRegressor(50, random_state=0), KNeighborsRegressor(20)]
    found = [cross_val_predict(model, x, y, cv=5) for model in models]

    def loss(predicted: np.ndarray) -> float:
        return float(np.sqrt(np.mean((predicted - y) ** 2)))

    weights = ensembles.select(found, loss)

    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    assert (weights > 0).sum() >= 2
    assert loss(ensembles.combine(found, weights)) < min(loss(one) for one in found) - 0.1


def test_one_that_is_always_right_votes_alone() -> None:
    truth = np.array([1.0, 2.0, 3.0])
    weights = ensembles.select([truth + 1, truth, truth * 2], lambda one: float(np.abs(one - truth).sum()))

    assert weights.tolist() == [0.0, 1.0, 0.0]


def test_where_nothing_can_be_measured_the_first_votes() -> None:
    assert ensembles.select([np.zeros(2), np.ones(2)], lambda _: np.inf).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="no model that could vote"):
        ensembles.select([], lambda _: 0.0)
