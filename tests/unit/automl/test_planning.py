"""What a search tries next, and how it goes on after a restart."""

from __future__ import annotations

from jupyter_aml.automl.family import COMPLETED, FAILED, PRUNED, Attempt, Proposal
from jupyter_aml.automl.metrics import CLASSIFICATION
from jupyter_aml.automl.planning import PRUNE, SLACK, Choices

NAMES = ["LightGBM", "LogisticRegression", "KNN"]


def asked(choices: Choices) -> Proposal:
    found = choices.ask()
    assert found is not None
    return found


def ended(loss: float, status: str = COMPLETED) -> Attempt:
    return Attempt(status, score=1 - loss, loss=loss, early=loss)


def test_each_algorithm_is_tried_with_its_first_parameters_before_any_is_varied() -> None:
    choices = Choices(CLASSIFICATION, NAMES)
    first = [asked(choices) for _ in NAMES]

    assert [one.algorithm for one in first] == NAMES
    assert [one.number for one in first] == [0, 1, 2]
    assert first[0].parameters["num_leaves"] == 31
    for one, loss in zip(first, (0.1, 0.4, 0.5), strict=True):
        choices.tell(one, ended(loss))
    more = []
    for _ in range(30):
        more.append(asked(choices))
        choices.tell(more[-1], ended(0.2))
    counts = [sum(one.algorithm == name for one in more) for name in NAMES]
    assert counts[0] > counts[1]
    assert counts[0] > counts[2] > 0
    assert len({str(one.parameters) for one in more}) == len(more)


def test_a_bar_is_set_by_the_best_first_fold() -> None:
    choices = Choices(CLASSIFICATION, NAMES)
    one = asked(choices)
    assert one.bar is None
    choices.tell(one, ended(0.2))
    assert asked(choices).bar == 0.2 * PRUNE + SLACK

    patient = Choices(CLASSIFICATION, NAMES, early=False)
    patient.tell(asked(patient), ended(0.2))
    assert asked(patient).bar is None


def test_trials_that_failed_or_were_pruned_set_no_bar_and_are_not_varied() -> None:
    choices = Choices(CLASSIFICATION, NAMES)
    first = [asked(choices) for _ in NAMES]
    choices.tell(first[0], Attempt(FAILED, error="no"))
    choices.tell(first[1], ended(0.3))
    choices.tell(first[2], ended(0.01, PRUNED))

    more = [asked(choices) for _ in range(10)]

    assert {one.algorithm for one in more} == {"LogisticRegression"}
    assert more[0].bar == 0.3 * PRUNE + SLACK


def test_a_search_goes_on_where_an_earlier_one_was() -> None:
    before = Choices(CLASSIFICATION, NAMES, seed=3)
    told = []
    for loss in (0.1, 0.4, 0.5, 0.09, 0.2):
        told.append((asked(before), ended(loss)))
        before.tell(*told[-1])
    open_one = asked(before)

    after = Choices(CLASSIFICATION, NAMES, seed=3)
    for one, attempt in told:
        after.again(one, attempt)
    after.again(open_one, None)
    after.tell(open_one, ended(0.08))
    found = asked(after)

    assert found.number == open_one.number + 1
    assert found.bar == 0.08 * PRUNE + SLACK
    assert found.algorithm in NAMES


def test_what_was_not_tried_before_the_restart_is_tried_after_it() -> None:
    before = Choices(CLASSIFICATION, NAMES)
    one = asked(before)
    after = Choices(CLASSIFICATION, NAMES)
    after.again(one, ended(0.1))

    assert [asked(after).algorithm for _ in range(2)] == NAMES[1:]


def test_there_is_an_end_where_nothing_can_be_varied() -> None:
    choices = Choices(CLASSIFICATION, [])

    assert choices.ask() is None
