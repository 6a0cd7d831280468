"""Traffic when a deployment joins: the first gets everything, a later one what is said, the others keep proportions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aml.commands.actions import shares
from jupyter_aml.commands.actions.endpoints_flags import percents
from jupyter_aml.errors import UsageError


def test_the_first_deployment_gets_everything() -> None:
    assert shares.given({}, "blue", None) == {"blue": 100}
    assert shares.given({"green": 0}, "blue", None) == {"blue": 100}


def test_a_later_one_changes_nothing_unless_it_is_said() -> None:
    assert shares.given({"blue": 100}, "green", None) is None
    assert shares.given({"blue": 100, "green": 0}, "blue", None) is None


@pytest.mark.parametrize(
    ("known", "percent", "expected"),
    [
        ({"blue": 100}, 10, {"blue": 90, "green": 10}),
        ({"blue": 100}, 100, {"green": 100}),
        ({"blue": 100}, 0, {"blue": 100}),
        ({"blue": 60, "red": 40}, 50, {"blue": 30, "red": 20, "green": 50}),
        ({"blue": 90, "green": 10}, 25, {"blue": 75, "green": 25}),
    ],
)
def test_the_others_keep_their_proportions(known: dict[str, int], percent: int, expected: dict[str, int]) -> None:
    assert shares.given(known, "green", percent) == expected


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100), min_size=1), st.integers(0, 100))
def test_shares_are_whole_and_sum_to_a_hundred(known: dict[str, int], percent: int) -> None:
    if not any(known.values()) and percent < shares.FULL:
        return

    found = shares.given(known, "new", percent) or {}

    assert sum(found.values()) == shares.FULL
    assert all(isinstance(value, int) and value > 0 for value in found.values())
    assert found.get("new", 0) == percent


def test_a_share_without_anybody_for_the_rest_is_refused() -> None:
    with pytest.raises(UsageError, match="no other deployment gets the other 70 %") as caught:
        shares.given({}, "blue", 30)

    assert "Leave it out" in caught.value.remedy


@pytest.mark.parametrize("percent", [-1, 101])
def test_what_is_no_percent_is_refused(percent: int) -> None:
    with pytest.raises(UsageError, match="a whole number from 0 to 100"):
        shares.given({"blue": 100}, "green", percent)


def test_typed_percents_are_numbers() -> None:
    assert percents({"blue": "90", "green": "10%"}, "--traffic") == {"blue": 90, "green": 10}


@pytest.mark.parametrize("value", ["ten", "-5", "150", "1.5", ""])
def test_typed_percents_that_are_none_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match=f"--traffic blue={value}: a whole number") as caught:
        percents({"blue": value}, "--traffic")

    assert '--traffic "blue=10"' in caught.value.remedy
