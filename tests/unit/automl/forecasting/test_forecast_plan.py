"""The plan of a forecast: cheap models first, then better parameters, the same again for the same seed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from jupyter_aml.automl.family import COMPLETED, FAILED, Attempt, Planner
from jupyter_aml.automl.forecasting.family import FAMILY
from jupyter_aml.automl.forecasting.settings import ALGORITHMS, BASELINES
from tests.unit.automl.forecasting.sets import details

FACTS: dict[str, Any] = {
    "algorithms": [one for one in ALGORITHMS if one != "Prophet"], "asked": False, "series": 1, "steps": 144,
    "horizon": 12, "season": 12, "folds": 5, "regressors": False, "positive": True, "seconds": 60,
}  # fmt: skip
LOSSES = {"ExponentialSmoothing": 0.1, "ElasticNet": 0.2, "LightGBM": 0.3}


def plan(seed: int = 0, **facts: Any) -> Planner:
    return FAMILY.planner("forecasting", details("y", "t"), {**FACTS, **facts}, seed)


def run(planner: Planner, count: int) -> list[Any]:
    """Proposals, each of which ends with the loss of its algorithm."""
    found = []
    for number in range(count):
        proposal = planner.ask()
        assert proposal is not None
        loss = LOSSES.get(proposal.algorithm, 1.0) + number / 1e4
        planner.tell(proposal, Attempt(COMPLETED, loss, loss, loss))
        found.append(proposal)
    return found


def test_baselines_come_first_and_each_algorithm_once_before_the_search() -> None:
    names = [one.algorithm for one in run(plan(), 60)]

    assert set(names[:4]) == set(BASELINES)
    assert set(FACTS["algorithms"]) - {"Arimax"} == set(names)
    later = Counter(names[30:])
    assert later["ElasticNet"] + later["LightGBM"] > later["XGBoostRegressor"] + later["ExtremeRandomTrees"]
    assert set(later) <= {"ExponentialSmoothing", "ElasticNet", "LightGBM", "XGBoostRegressor", "ExtremeRandomTrees"}


def test_nothing_is_proposed_twice_and_the_same_seed_does_the_same() -> None:
    one, two, other = (run(plan(seed), 50) for seed in (0, 0, 1))

    titles = [proposal.title for proposal in one]
    assert len(set(titles)) == 50
    assert titles == [proposal.title for proposal in two]
    assert titles != [proposal.title for proposal in other]
    assert [proposal.number for proposal in one] == list(range(50))


def test_a_plan_goes_on_where_another_was_ended() -> None:
    first = plan()
    done = run(first, 40)
    second = plan()
    for proposal in done:
        loss = LOSSES.get(proposal.algorithm, 1.0)
        second.again(proposal, Attempt(COMPLETED, loss, loss, loss))

    more = run(second, 10)

    assert [one.number for one in more] == list(range(40, 50))
    assert {one.title for one in more}.isdisjoint(one.title for one in done)


def test_several_may_be_open_at_once_and_fail() -> None:
    planner = plan()
    open_ones = [planner.ask() for _ in range(30)]

    for proposal in reversed(open_ones):
        assert proposal is not None
        planner.tell(proposal, Attempt(FAILED, error="no"))

    assert planner.ask() is not None


def test_a_bar_is_set_by_the_best_first_fold() -> None:
    planner = plan()
    first = planner.ask()
    assert first is not None
    assert first.bar is None
    planner.tell(first, Attempt(COMPLETED, 0.1, 0.1, 0.08))

    second = planner.ask()

    assert second is not None
    assert second.bar == pytest.approx(0.08 * 2.5 + 0.01)


def test_there_is_nothing_left_where_nothing_varies() -> None:
    planner = plan(algorithms=["Naive", "Average"])

    assert [one.algorithm for one in run(planner, 2)] == ["Naive", "Average"]
    assert planner.ask() is None


def test_what_is_slow_for_many_series_is_tried_where_it_is_asked_for() -> None:
    unasked = [one.algorithm for one in run(plan(series=500), 30)]
    asked = [one.algorithm for one in run(plan(series=500, algorithms=["AutoArima"], asked=True), 1)]

    assert "AutoArima" not in unasked
    assert asked == ["AutoArima"]


def test_without_a_season_nothing_seasonal_is_tried() -> None:
    found = run(plan(season=1, positive=False), 40)

    assert {"SeasonalNaive", "SeasonalAverage"}.isdisjoint(one.algorithm for one in found)
    assert not any(one.parameters.get("reference") == "season" or one.parameters.get("log") for one in found)
