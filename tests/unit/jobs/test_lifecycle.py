"""The life cycle of a job: Azure's statuses in Azure's order, whatever happens when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aml.local.jobs import lifecycle as life
from jupyter_aml.local.jobs.lifecycle import Instruction, Job, Status

FAULT = life.Fault("UserError", "exit code 3")
EVENTS = [
    life.Accepted(1.0),
    life.Prepared(2.0),
    life.PreparationFailed(3.0, FAULT),
    life.Granted(4.0),
    life.Started(5.0),
    life.StartFailed(6.0, FAULT),
    life.Exited(7.0),
    life.Exited(7.0, FAULT),
    life.Exited(7.0, None, cancelled=True),
    life.Finalized(8.0),
    life.FinalizationFailed(9.0, FAULT),
    life.CancelAsked(10.0),
    life.HostReturned(11.0, alive=True),
    life.HostReturned(11.0),
]
ORDER = [
    Status.NOT_STARTED,
    Status.PREPARING,
    Status.QUEUED,
    Status.STARTING,
    Status.RUNNING,
    Status.FINALIZING,
    Status.COMPLETED,
]


def walk(*events: life.Event, job: Job | None = None) -> tuple[Job, list[Instruction]]:
    job, orders = job or Job("j"), []
    for event in events:
        job, more = life.handle(job, event)
        orders += more
    return job, orders


def test_a_good_run_goes_through_azures_statuses_in_order() -> None:
    job, seen = Job("j"), [Status.NOT_STARTED]
    for event in (
        life.Accepted(1),
        life.Prepared(2),
        life.Granted(3),
        life.Started(4),
        life.Exited(5),
        life.Finalized(6),
    ):
        job, _ = life.handle(job, event)
        seen.append(job.status)

    assert seen == ORDER


def test_a_good_run_is_prepared_queued_started_watched_finalized_and_closed() -> None:
    _, orders = walk(
        life.Accepted(1),
        life.Prepared(2),
        life.Granted(3),
        life.Started(4),
        life.Exited(5),
        life.Finalized(6),
    )

    assert orders == [
        Instruction.PREPARE,
        Instruction.ENQUEUE,
        Instruction.START,
        Instruction.WATCH,
        Instruction.FINALIZE,
        Instruction.CLOSE,
    ]


def test_a_fault_of_the_script_ends_as_failed_with_the_fault_kept() -> None:
    job, _ = walk(
        life.Accepted(1),
        life.Prepared(2),
        life.Granted(3),
        life.Started(4),
        life.Exited(5, FAULT),
        life.Finalized(6),
    )

    assert (job.status, job.fault) == (Status.FAILED, FAULT)


def test_an_output_that_cannot_be_kept_fails_the_job() -> None:
    job, _ = walk(
        life.Accepted(1),
        life.Prepared(2),
        life.Granted(3),
        life.Started(4),
        life.Exited(5),
        life.FinalizationFailed(6, FAULT),
    )

    assert (job.status, job.fault) == (Status.FAILED, FAULT)


def test_cancelling_a_job_that_never_started_ends_it_at_once() -> None:
    job, orders = walk(life.CancelAsked(1))

    assert (job.status, orders) == (Status.CANCELED, [Instruction.CLOSE])


def test_cancelling_a_queued_job_takes_it_out_of_the_queue() -> None:
    job, orders = walk(life.Accepted(1), life.Prepared(2), life.CancelAsked(3))

    assert job.status == Status.CANCELED
    assert orders[-2:] == [Instruction.LEAVE_QUEUE, Instruction.CLOSE]


def test_cancelling_a_running_job_kills_it_and_shows_as_cancel_requested() -> None:
    job, orders = walk(life.Accepted(1), life.Prepared(2), life.Granted(3), life.Started(4), life.CancelAsked(5))

    assert job.status == Status.CANCEL_REQUESTED
    assert orders[-1] == Instruction.KILL
    assert walk(life.Exited(6, FAULT), life.Finalized(7), job=job)[0].status == Status.CANCELED


def test_a_job_asked_to_cancel_while_it_starts_is_killed_as_soon_as_it_runs() -> None:
    _, orders = walk(life.Accepted(1), life.Prepared(2), life.Granted(3), life.CancelAsked(4), life.Started(5))

    assert orders[-2:] == [Instruction.WATCH, Instruction.KILL]


def test_work_that_is_done_stays_done_when_cancel_comes_too_late() -> None:
    job, _ = walk(
        life.Accepted(1),
        life.Prepared(2),
        life.Granted(3),
        life.Started(4),
        life.Exited(5),
        life.CancelAsked(6),
        life.Finalized(7),
    )

    assert job.status == Status.COMPLETED


def test_a_run_whose_supervisor_vanished_without_a_record_fails_with_a_reason() -> None:
    job, _ = walk(life.Accepted(1), life.Prepared(2), life.Granted(3), life.Started(4), life.HostReturned(5))

    assert job.phase == Status.FINALIZING
    assert job.fault is not None
    assert "supervisor was killed" in job.fault.message


def test_a_job_whose_preparation_was_interrupted_is_prepared_again() -> None:
    job, orders = walk(life.Accepted(1), life.HostReturned(2))

    assert (job.phase, orders[-1]) == (Status.PREPARING, Instruction.PREPARE)


def test_an_impossible_event_is_refused_with_the_story() -> None:
    job, _ = walk(life.Accepted(1.5), life.Prepared(2.25))

    with pytest.raises(life.ImpossibleTransitionError, match=r"is Queued .* cannot take Finalized") as caught:
        life.handle(job, life.Finalized(3))

    assert "1.500 Accepted" in caught.value.why
    assert "2.250 Prepared" in caught.value.why


def test_a_record_of_an_event_names_it_and_its_fields() -> None:
    assert life.record_of(life.Exited(5.0, FAULT)) == {
        "event": "Exited",
        "at": 5.0,
        "fault": {"code": "UserError", "message": "exit code 3", "traceback": ""},
        "cancelled": False,
    }


@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_in_any_order_a_job_moves_forward_and_ends_once(events: list[life.Event]) -> None:
    job, closed = Job("j"), 0
    for event in events:
        before = job
        try:
            job, orders = life.handle(job, event)
        except life.ImpossibleTransitionError:
            continue
        assert before.phase not in life.FINAL
        closed += orders.count(Instruction.CLOSE)
        if not isinstance(event, life.HostReturned) and job.phase in ORDER:
            assert ORDER.index(job.phase) >= ORDER.index(before.phase)

    assert closed == (1 if job.phase in life.FINAL else 0)


@given(
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.sampled_from([None, *range(5)]),
)
def test_whatever_the_world_answers_every_instruction_leads_to_an_end(
    luck: list[bool], cancel_before: int | None
) -> None:
    answers: dict[Instruction, tuple[life.Event, life.Event]] = {
        Instruction.PREPARE: (life.Prepared(1), life.PreparationFailed(1, FAULT)),
        Instruction.ENQUEUE: (life.Granted(2), life.Granted(2)),
        Instruction.START: (life.Started(3), life.StartFailed(3, FAULT)),
        Instruction.WATCH: (life.Exited(4), life.Exited(4, FAULT)),
        Instruction.FINALIZE: (life.Finalized(5), life.FinalizationFailed(5, FAULT)),
    }
    job, orders = life.handle(Job("j"), life.Accepted(0))
    waiting = list(orders)
    for step, good in enumerate(luck):
        if step == cancel_before and job.phase not in life.FINAL:
            job, more = life.handle(job, life.CancelAsked(9))
            waiting += more
        if job.phase in life.FINAL:
            break
        order = next(item for item in waiting if item in answers)
        waiting.remove(order)
        job, more = life.handle(job, answers[order][0 if good else 1])
        waiting += more

    assert job.phase in life.FINAL
    assert waiting.count(Instruction.CLOSE) == 1
