"""Early termination by Azure's rules."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs.sweeps import policies
from jupyter_aml.local.jobs.sweeps.policies import Policy


def policy(kind: str, *, maximize: bool = True, **more: Any) -> Policy:
    found = policies.read({"policyType": kind, **more}, maximize=maximize)
    assert found is not None
    return found


def test_trials_are_looked_at_each_interval_after_the_delay() -> None:
    found = policy("Bandit", slackAmount=1, evaluationInterval=2, delayEvaluation=5)

    assert [found.due(seen, 0) for seen in range(10)] == [0, 0, 0, 0, 0, 0, 6, 6, 8, 8]
    assert found.due(7, 6) == 0


@pytest.mark.parametrize(
    ("maximize", "more", "best", "limit"),
    [
        (True, {"slackFactor": 0.2}, 0.8, 0.8 / 1.2),
        (True, {"slackAmount": 0.2}, 0.8, 0.6),
        (False, {"slackFactor": 0.2}, 0.5, 0.6),
        (False, {"slackAmount": 0.2}, 0.5, 0.7),
        (True, {"slackFactor": 0.25}, -1.0, -1.2),
    ],
)
def test_bandit_leaves_some_slack(maximize: bool, more: dict[str, float], best: float, limit: float) -> None:
    found = policy("Bandit", maximize=maximize, **more)
    nudge = 0.01 if maximize else -0.01

    assert not found.hopeless("b", 1, {"a": [best], "b": [limit + nudge]})
    assert found.hopeless("b", 1, {"a": [best], "b": [limit - nudge]})


def test_bandit_compares_what_trials_had_at_the_same_interval() -> None:
    found = policy("Bandit", slackAmount=0.1)
    curves = {"old": [0.1, 0.2, 0.9], "new": [0.15]}

    assert not found.hopeless("new", 1, curves)
    assert found.hopeless("new", 2, curves | {"new": [0.05, 0.05]})


def test_a_trial_alone_is_never_hopeless() -> None:
    for kind, more in (
        ("Bandit", {"slackAmount": 0.1}),
        ("MedianStopping", {}),
        ("TruncationSelection", {"truncationPercentage": 50}),
    ):
        assert not policy(kind, **more).hopeless("a", 1, {"a": [0.0], "b": []})


def test_median_stopping_compares_with_running_averages() -> None:
    found = policy("MedianStopping")
    curves = {"a": [0.2, 0.6], "b": [0.4, 0.8], "c": [0.1, 0.3]}

    assert not found.hopeless("d", 2, curves | {"d": [0.3, 0.41]})
    assert found.hopeless("d", 2, curves | {"d": [0.3, 0.39]})


def test_truncation_ends_the_worst_share() -> None:
    found = policy("TruncationSelection", truncationPercentage=40)
    curves = {name: [value] for name, value in zip("abcde", (0.1, 0.2, 0.3, 0.4, 0.5), strict=True)}

    assert [name for name in curves if found.hopeless(name, 1, curves)] == ["a", "b"]
    smaller = policy("TruncationSelection", maximize=False, truncationPercentage=40)
    assert [name for name in curves if smaller.hopeless(name, 1, curves)] == ["d", "e"]


def test_no_policy_is_none() -> None:
    assert policies.read(None, maximize=True) is None


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"policyType": "Guess"}, "is 'guess'; expected one of Bandit"),
        ({"policyType": "Bandit"}, "either slackFactor or slackAmount"),
        ({"policyType": "Bandit", "slackFactor": 0.1, "slackAmount": 0.1}, "either slackFactor or slackAmount"),
        ({"policyType": "Bandit", "slackFactor": -1}, "slackFactor is -1"),
        ({"policyType": "MedianStopping", "evaluationInterval": "2"}, "evaluationInterval is '2'"),
        ({"policyType": "TruncationSelection", "truncationPercentage": 100}, "is 100; expected 1 to 99"),
        ("bandit", "not an object"),
    ],
)
def test_a_wrong_policy_is_refused_by_name(written: Any, words: str) -> None:
    with pytest.raises(ResourceError, match=words):
        policies.read(written, maximize=True)
