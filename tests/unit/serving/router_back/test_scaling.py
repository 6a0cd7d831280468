"""How many instances follow the load."""

from __future__ import annotations

import pytest

from jupyter_aml.local.serving.router.order import Scale
from jupyter_aml.local.serving.router.scaling import COOL_SECONDS, Load, decide, needed

SCALE = Scale(least=1, most=5, target=50)


@pytest.mark.parametrize(
    ("instances", "busy", "waiting", "wanted"),
    [(1, 0.0, 0, 1), (1, 0.5, 0, 1), (1, 0.51, 0, 2), (2, 1.0, 0, 4), (4, 1.0, 0, 5), (2, 0.9, 100, 4), (3, 0.1, 0, 1)],
)
def test_the_busy_share_is_brought_to_the_target(instances: int, busy: float, waiting: int, wanted: int) -> None:
    assert needed(SCALE, instances, busy, waiting) == wanted


def test_requests_that_wait_ask_for_one_more() -> None:
    assert needed(Scale(1, 5, 100), 2, 1.0, 10) == 3


def test_more_come_at_once() -> None:
    assert decide(Load(1), SCALE, 1.0, 0, now=0.0) == Load(2)


def test_fewer_come_only_after_a_while() -> None:
    load = decide(Load(4), SCALE, 0.1, 0, now=0.0)
    assert load.instances == 4

    load = decide(load, SCALE, 0.3, 0, now=10.0)
    load = decide(load, SCALE, 0.1, 0, now=COOL_SECONDS - 1)
    assert load.instances == 4

    assert decide(load, SCALE, 0.1, 0, now=COOL_SECONDS) == Load(3)  # the most that was needed meanwhile


def test_a_load_in_between_begins_the_while_anew() -> None:
    load = decide(Load(2), SCALE, 0.1, 0, now=0.0)
    load = decide(load, SCALE, 0.5, 0, now=20.0)

    assert decide(load, SCALE, 0.1, 0, now=COOL_SECONDS + 1).instances == 2


def test_none_are_kept_where_none_are_the_least() -> None:
    assert needed(Scale(0, 0, 50), 0, 0.0, 3) == 0
    assert needed(Scale(0, 2, 50), 1, 0.0, 0) == 1
