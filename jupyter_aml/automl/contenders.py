"""What may be the best model of a search: one trial alone, some that vote, and some that a meta-learner listens to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jupyter_aml.automl import ensembles, folds, metrics, stacked
from jupyter_aml.automl.family import Other
from jupyter_aml.automl.stacked import NotStackedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.metrics import Floats
    from jupyter_aml.automl.settings import Settings
    from jupyter_aml.automl.stacked import Learner
    from jupyter_aml.automl.table import Table
    from jupyter_aml.automl.voted import Meta

VOTE, STACK = "VotingEnsemble", "StackEnsemble"
CHOOSING = 5.0
"""Seconds that the choice of who votes has in any case."""
MOST_STACKED = 5
"""Algorithms whose best models are stacked where one model alone is better than any vote."""

Again = Callable[[int, "NDArray[np.intp]", "NDArray[np.intp]"], "Floats"]
"""Fits a trial's model anew, by its place among them, to some rows of the data, and predicts others."""


@dataclass(frozen=True)
class Tried:
    """A trial that has a model.

    Attributes:
        title: The algorithm and its parameters.
        algorithm: Azure's name.
        predicted: Of the validated rows, in their order.
        seconds: How long it took.
    """

    title: str
    algorithm: str
    predicted: Floats
    seconds: float = 0.0


@dataclass(frozen=True)
class Contender:
    """What may be the best model.

    Attributes:
        title: To be read.
        algorithm: Azure's name: of a trial's, `VotingEnsemble` or `StackEnsemble`.
        places: Of the trials that it is made of.
        weights: How their votes count, with the sum 1; none where they are stacked.
        predicted: Of the validated rows, shape (rows,) or (rows, classes).
        score: The primary metric.
        meta: What listens to the models; None where they vote.
        apart: Whether that was taught by rows that were kept for it.
    """

    title: str
    algorithm: str
    places: Sequence[int]
    weights: Floats
    predicted: Floats
    score: float
    meta: Meta | None = None
    apart: bool = False

    @property
    def other(self) -> Other:
        """What is told of it where another is the best."""
        return Other(self.title, self.algorithm, self.score)


def contenders(
    table: Table, settings: Settings, tried: Sequence[Tried], again: Again, until: float, *, refit: bool
) -> tuple[list[Contender], list[str]]:
    """What may be the best model, the best first.

    A vote is judged by the rows that its weights are chosen on, a stack by rows that its meta-learner has not seen: a
    stack that is said to be better is so all the more.

    Args:
        table: The data.
        settings: What is asked for.
        tried: The trials, the best first.
        again: Fits one of them to other rows.
        until: When it is late, by `time.monotonic`.
        refit: Whether the models will be fitted again until then.

    Returns:
        Contenders, and sentences on what was not made and why.
    """
    judge = _Judge(table, settings.primary)
    found, said = [judge.voted(tried, [0], np.ones(1))], []
    places, weights = (
        judge.choose(tried, max(until, time.monotonic() + CHOOSING))
        if settings.ensemble or settings.stacking
        else ([0], np.ones(1))
    )
    if settings.ensemble and len(places) > 1:
        found.insert(0, judge.voted(tried, places, weights))
    if settings.stacking is not None:
        try:
            chosen = places if len(places) > 1 else _various(tried)
            stack = _Stack(judge, settings, [tried[at] for at in chosen], chosen)
            found.append(stack.make(again, until, refit=refit))
            said += stack.said
        except NotStackedError as error:
            said.append(f"{STACK} is not made: {error}.")
        except Exception as error:  # noqa: BLE001 - a library may raise anything, and the others are there
            said.append(f"{STACK} is not made: {type(error).__name__}: {error}")
    return sorted(found, key=lambda one: metrics.loss(settings.primary, one.score)), said


def fewer(
    table: Table, settings: Settings, tried: Sequence[Tried], vote: Contender, places: Sequence[int]
) -> Contender:
    """A vote of which only these have come."""
    weights = np.array([weight for at, weight in zip(vote.places, vote.weights, strict=True) if at in places])
    kept = [at for at in vote.places if at in places]
    return _Judge(table, settings.primary).voted(tried, kept, weights / weights.sum())


def _various(tried: Sequence[Tried]) -> list[int]:
    """Places of the best trial of each algorithm."""
    first: dict[str, int] = {}
    for at, one in enumerate(tried):
        first.setdefault(one.algorithm, at)
    return list(first.values())[:MOST_STACKED]


def _names(tried: Sequence[Tried]) -> str:
    return ", ".join(dict.fromkeys(one.algorithm for one in tried))


class _Judge:
    """What says how good predictions of the validated rows are."""

    def __init__(self, table: Table, primary: str) -> None:
        self.table = table
        self.primary = primary

    def score(self, predicted: Floats) -> float:
        return metrics.value(self.primary, self.table.case(predicted, self.table.validated))

    def choose(self, tried: Sequence[Tried], until: float) -> tuple[list[int], Floats]:
        """Who votes, and how their votes count."""
        predicted = [one.predicted for one in tried]
        weights = ensembles.select(predicted, lambda found: metrics.loss(self.primary, self.score(found)), until=until)
        chosen = np.flatnonzero(weights)
        return [int(at) for at in chosen], weights[chosen]

    def voted(self, tried: Sequence[Tried], places: Sequence[int], weights: Floats) -> Contender:
        voters = [tried[at] for at in places]
        predicted = ensembles.combine([one.predicted for one in voters], weights)
        alone = len(voters) == 1
        title = voters[0].title if alone else f"{VOTE}({_names(voters)})"
        algorithm = voters[0].algorithm if alone else VOTE
        return Contender(title, algorithm, list(places), weights, predicted, self.score(predicted))


class _Stack:
    """A stack that is to be made of some trials.

    Attributes:
        said: What was done otherwise than asked for.
    """

    def __init__(self, judge: _Judge, settings: Settings, members: Sequence[Tried], places: Sequence[int]) -> None:
        self._judge = judge
        self._table = judge.table
        self._settings = settings
        self._members = members
        self._places = list(places)
        self.said: list[str] = []

    def make(self, again: Again, until: float, *, refit: bool) -> Contender:
        """Teach a meta-learner.

        Raises:
            NotStackedError: The trials, the rows or the time do not suffice.
        """
        if len(self._members) == 1:
            msg = "there is no second model to learn from"
            raise NotStackedError(msg)
        stacked.small_enough(len(self._members), len(self._table.classes))
        fits = sum(one.seconds for one in self._members) / len(self._table.splits)
        until -= fits if refit else 0.0
        stacked.in_time(until)
        late = time.monotonic() + fits > until
        held_out = len(self._table.splits) == 1
        if held_out and late:
            part = f"{self._stacking.part:g} of the rows to train on"
            self.said.append(f"{STACK}: there is no time to keep {part} for it; it learns from the validated rows.")
        apart = held_out and not late
        meta, predicted = self._reserved(again, until) if apart else self._crossed(until)
        title = f"{STACK}({meta.name} of {_names(self._members)})"
        score = self._judge.score(predicted)
        return Contender(title, STACK, self._places, np.empty(0), predicted, score, meta, apart)

    def _crossed(self, until: float) -> tuple[Meta, Floats]:
        """Taught by the validated rows, and judged by others like it that have not seen them."""
        rows, places = self._table.rows, self._table.validated
        target, weights = rows.target[places], None if rows.weights is None else rows.weights[places]
        told = [one.predicted for one in self._members]
        return stacked.crossed(self._learner(target), told, target, weights=weights, places=places, until=until)

    def _reserved(self, again: Again, until: float) -> tuple[Meta, Floats]:
        """Taught by a part of the rows to train on, which the models do without, and judged by the validated rows."""
        rows, training = self._table.rows, self._table.splits[0][0]
        wish = folds.Validation(held_out=self._stacking.part)
        rest, kept = folds.splits(
            wish, rows.target[training], rows.frame, classes=bool(self._table.classes), seed=self._settings.seed
        )[0]
        taught = training[kept]
        learner = self._learner(rows.target[taught])
        told = []
        for at in self._places:
            told.append(again(at, training[rest], taught))
            stacked.in_time(until)
        weights = None if rows.weights is None else rows.weights[taught]
        meta = learner.learn(told, rows.target[taught], weights)
        return meta, meta.predict([one.predicted for one in self._members])

    @property
    def _stacking(self) -> stacked.Stacking:
        return self._settings.stacking or stacked.Stacking()

    def _learner(self, target: NDArray[np.float64]) -> Learner:
        settings = self._settings
        return stacked.learner(
            settings.task, self._stacking, target, classes=len(self._table.classes),
            folded=len(self._table.splits) > 1, threads=settings.threads, seed=settings.seed,
        )  # fmt: skip
