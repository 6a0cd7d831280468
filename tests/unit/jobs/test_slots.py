"""Slots: first come, first served, per compute."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_aml.local.jobs.slots import Slots

LOCAL = ("ws", "local")
CLUSTER = ("ws", "cluster")


def test_jobs_of_one_compute_start_in_the_order_they_came() -> None:
    slots = Slots()
    for job in ("a", "b", "c"):
        slots.ask(LOCAL, job)

    assert slots.grant({LOCAL: 2}) == [(LOCAL, "a"), (LOCAL, "b")]
    assert slots.ahead(LOCAL, "c") == 2
    slots.release(LOCAL, "b")
    assert slots.grant({LOCAL: 2}) == [(LOCAL, "c")]


def test_who_was_ready_late_stands_where_it_came() -> None:
    slots = Slots()
    slots.ask(LOCAL, "third", came=3.0)
    slots.ask(LOCAL, "first", came=1.0)
    slots.ask(LOCAL, "second", came=2.0)

    assert slots.grant({LOCAL: 2}) == [(LOCAL, "first"), (LOCAL, "second")]


def test_a_full_compute_does_not_hold_up_another() -> None:
    slots = Slots()
    slots.ask(LOCAL, "a")
    slots.ask(LOCAL, "b")
    slots.ask(CLUSTER, "c")

    assert slots.grant({LOCAL: 1, CLUSTER: 1}) == [(LOCAL, "a"), (CLUSTER, "c")]


def test_a_job_of_several_instances_waits_for_as_many_slots_and_is_not_overtaken() -> None:
    slots = Slots()
    slots.ask(CLUSTER, "one")
    slots.ask(CLUSTER, "two", need=2)
    slots.ask(CLUSTER, "three")

    assert slots.grant({CLUSTER: 2}) == [(CLUSTER, "one")]
    slots.release(CLUSTER, "one")
    assert slots.grant({CLUSTER: 2}) == [(CLUSTER, "two")]


def test_a_job_that_needs_more_than_there_is_gets_all_of_it() -> None:
    slots = Slots()
    slots.ask(CLUSTER, "big", need=16)

    assert slots.grant({CLUSTER: 2}) == [(CLUSTER, "big")]


def test_a_cancelled_job_leaves_the_line() -> None:
    slots = Slots()
    slots.ask(LOCAL, "a")
    slots.ask(LOCAL, "b")
    slots.release(LOCAL, "a")

    assert slots.grant({LOCAL: 1}) == [(LOCAL, "b")]


def test_a_job_found_running_counts() -> None:
    slots = Slots()
    slots.hold(LOCAL, "old")
    slots.ask(LOCAL, "new")

    assert slots.grant({LOCAL: 1}) == []
    assert slots.busy()


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans(), st.integers(1, 4))), st.integers(1, 4))
def test_never_more_slots_are_held_than_there_are(moves: list[tuple[str, bool, int]], capacity: int) -> None:
    slots, held = Slots(), {}
    for job, leaves, need in moves:
        if leaves:
            slots.release(LOCAL, job)
            held.pop(job, None)
        else:
            slots.ask(LOCAL, job, need)
        for _, granted in slots.grant({LOCAL: capacity}):
            held[granted] = True
        assert len(held) <= capacity
    for job in "abcdefgh":
        slots.release(LOCAL, job)
    assert not slots.busy()
