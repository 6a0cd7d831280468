"""A plan follows what the user wishes: Azure's distributions, samplers, limits, and where an earlier plan left off."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import optuna
import pytest

from jupyter_aml.automl.family import Attempt, Proposal
from jupyter_aml.automl.text.distributions import distribution
from jupyter_aml.automl.text.sweeps import Kind, Plan, wishes

KINDS = (
    Kind("Fast", {"x": 0.5}, lambda asked: {"x": asked.suggest_float("x", 0.0, 1.0)}),
    Kind("Slow", {"depth": 3}, lambda asked: {"depth": asked.suggest_int("depth", 1, 9)}),
)
EPOCHS = {"numberOfEpochs": "epochs"}


def ended(proposal: Proposal) -> Attempt:
    """Fast is best where x is 0.2."""
    loss = abs(proposal.parameters["x"] - 0.2) if proposal.algorithm == "Fast" else 0.9
    return Attempt(score=1 - loss, loss=loss, early=loss)


def run(plan: Plan, count: int) -> list[Proposal]:
    found = []
    while len(found) < count and (proposal := plan.ask()) is not None:
        found.append(proposal)
        plan.tell(proposal, ended(proposal))
    return found


@pytest.mark.parametrize(
    ("text", "low", "high", "whole"),
    [
        ("uniform(0.1,0.2)", 0.1, 0.2, False),
        ("loguniform(-3, 0)", math.exp(-3), 1.0, False),
        ("quniform(1,9,2)", 0, 10, True),
        ("randint(4)", 0, 3, True),
        ("normal(10,1)", 5, 15, False),
        ("choice(1, 2)", 1, 2, True),
        ("0.5", 0.5, 0.5, False),
    ],
)
def test_values_are_drawn_as_azure_says(text: str, low: float, high: float, whole: bool) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

    drawn = [distribution(text).suggest(study.ask(), "it") for _ in range(30)]

    assert low <= min(drawn) <= max(drawn) <= high
    assert all(float(one).is_integer() for one in drawn) == whole
    assert len(set(drawn)) > 1 or low == high


def test_names_within_quotes_keep_their_commas() -> None:
    assert distribution("choice('a,b', \"c d\", True, 1e-3)").values == ("a,b", "c d", True, 0.001)


def test_first_come_all_algorithms_and_then_what_does_best() -> None:
    found = run(Plan(KINDS, wishes({}), {}), 40)

    assert [one.title for one in found[:2]] == ["Fast(x=0.5)", "Slow(depth=3)"]
    assert [one.number for one in found] == list(range(40))
    fast = [one.parameters["x"] for one in found if one.algorithm == "Fast"]
    assert len(fast) > 10
    assert min(abs(x - 0.2) for x in fast) < 0.03
    assert len({str(one.parameters) for one in found}) == 40


def test_a_grid_is_gone_through_and_ends() -> None:
    details = {
        "searchSpace": [{"modelName": "choice('fast','slow')", "numberOfEpochs": "choice(1,2,3)"}],
        "sweepSettings": {"samplingAlgorithm": "Grid"},
    }

    found = run(Plan(KINDS, wishes(details), EPOCHS), 99)

    assert [(one.algorithm, one.parameters["epochs"]) for one in found] == [
        (name, epochs) for name in ("Fast", "Slow") for epochs in (1, 2, 3)
    ]


def test_spaces_hold_for_their_own_algorithms() -> None:
    details = {
        "searchSpace": [
            {"modelName": "choice('fast')", "numberOfEpochs": "choice(1,2)"},
            {"modelName": "choice('slow')", "numberOfEpochs": "choice(8,9)"},
        ],
        "sweepSettings": {"samplingAlgorithm": "Random"},
        "limitSettings": {"maxTrials": 12},
    }

    found = run(Plan(KINDS, wishes(details), EPOCHS), 99)

    assert len(found) == 12
    told = {name: {one.parameters["epochs"] for one in found if one.algorithm == name} for name in ("Fast", "Slow")}
    assert told == {"Fast": {1, 2}, "Slow": {8, 9}}


def test_where_nothing_else_is_left_the_search_ends() -> None:
    one = Kind("Only", {"on": True}, lambda asked: {"on": asked.suggest_categorical("on", [True, False])})
    plan = Plan([one], wishes({}), {})

    found = []
    while (proposal := plan.ask()) is not None:
        found.append(proposal)
        plan.tell(proposal, Attempt(score=0.5, loss=0.5))

    assert sorted(one.parameters["on"] for one in found) == [False, True]


def test_a_plan_goes_on_where_another_was_left() -> None:
    first = Plan(KINDS, wishes({}), {})
    found = run(first, 8)
    running = first.ask()
    assert running is not None

    second = Plan(KINDS, wishes({}), {})
    for one in found:
        second.again(one, ended(one))
    second.again(running, None)
    later = run(second, 8)
    second.tell(running, ended(running))

    assert [one.number for one in later] == list(range(9, 17))
    assert not {one.title for one in later} & {one.title for one in [*found, running]}
    learned = [one.parameters["x"] for one in later if one.algorithm == "Fast"]
    assert np.median([abs(x - 0.2) for x in learned]) < 0.25


@pytest.mark.parametrize(
    ("policy", "bar"),
    [
        ({"policyType": "MedianStopping"}, 0.3),
        ({"policyType": "Bandit", "slackAmount": 0.1}, 0.3),
        ({"policyType": "Bandit", "slackFactor": 0.25}, 1 - 0.8 / 1.25),
        ({"policyType": "TruncationSelection", "truncationPercentage": 100}, 0.2),
    ],
)
def test_a_policy_sets_a_bar_when_three_have_told(policy: Any, bar: float) -> None:
    details = {"sweepSettings": {"samplingAlgorithm": "Random", "earlyTermination": policy}}
    plan = Plan(KINDS, wishes(details), {})
    for at, loss in enumerate((0.2, 0.3, 0.4)):
        proposal = plan.ask()
        assert proposal is not None
        assert proposal.bar is None
        plan.tell(proposal, Attempt(score=1 - loss, loss=loss, early=loss))
        assert at == proposal.number

    after = plan.ask()

    assert after is not None
    assert after.bar == pytest.approx(bar)


def test_a_grid_of_ranges_is_refused() -> None:
    details = {"searchSpace": [{"numberOfEpochs": "uniform(1,2)"}], "sweepSettings": {"samplingAlgorithm": "Grid"}}

    with pytest.raises(ValueError, match="numberOfEpochs is another distribution"):
        wishes(details)
