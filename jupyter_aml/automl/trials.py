"""One trial: a model that is fitted on each fold and judged by what it has not seen."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from jupyter_aml.automl import memory, metrics, models
from jupyter_aml.automl.family import COMPLETED, FAILED, PRUNED, Attempt, Told
from jupyter_aml.automl.models import Model, Recipe

if TYPE_CHECKING:
    from jupyter_aml.automl.metrics import Floats
    from jupyter_aml.automl.table import Table


def never() -> bool:
    """Nobody has said stop."""
    return False


def nobody(name: str, value: float, step: int) -> None:
    """Nobody listens."""


@dataclass
class Trial:
    """One model that was tried, on every fold.

    Attributes:
        number: From 0 on.
        recipe: What it was made of.
        status: `Completed`, `Pruned` or `Failed`.
        score: The primary metric of all rows that were predicted; not a number where there is none.
        metrics: All metrics.
        seconds: How long it took.
        error: One sentence, where it failed.
        predicted: Of the validated rows, in their order; empty where it did not complete.
        fitted: The model of each fold.
        first: The loss of the first fold.
    """

    number: int
    recipe: Recipe
    status: str = COMPLETED
    score: float = np.nan
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    predicted: Floats = field(default_factory=lambda: np.empty(0))
    fitted: list[Model] = field(default_factory=list)
    first: float = np.inf

    @property
    def rounds(self) -> int:
        """Trees of a boosting, in the middle of the folds and one at least; 0 for others."""
        found = [model.rounds for model in self.fitted]
        return max(int(np.median(found)), 1) if any(found) else int(self.recipe.algorithm.boosts)

    def attempt(self, primary: str) -> Attempt:
        """How it ended, in plain values."""
        done = self.status == COMPLETED and not np.isnan(self.score)
        early = self.first if np.isfinite(self.first) else None
        return Attempt(
            status=self.status if done or self.status != COMPLETED else FAILED,
            score=self.score if done else None,
            loss=metrics.loss(primary, self.score) if done else early,
            early=early,
            metrics={name: value for name, value in self.metrics.items() if np.isfinite(value)} if done else {},
            seconds=self.seconds,
            error=self.error,
        )


def run(
    trial: Trial,
    table: Table,
    primary: str,
    *,
    bar: float | None = None,
    until: float = np.inf,
    needed: bool = True,
    stopped: Callable[[], bool] = never,
    told: Told = nobody,
) -> None:
    """Fit the model on every fold; whatever goes wrong is kept in the trial.

    Args:
        trial: Is filled.
        table: The data.
        primary: The metric that is optimised.
        bar: A trial whose first fold loses more is not finished; None to finish each.
        until: When it is late, by `time.monotonic`.
        needed: Whether it is finished although it is late.
        stopped: Whether somebody has said stop.
        told: Called with the primary metric after each fold, of all rows that are predicted so far.
    """
    began = time.monotonic()
    try:
        late = lambda: not needed and (stopped() or time.monotonic() > until)  # noqa: E731 - what it knows is here
        ends = np.inf if needed and not trial.recipe.algorithm.boosts else until  # a boosting has a model at any time
        _folds(trial, table, primary, bar=bar, until=ends, late=late, told=told)
    except TimeoutError as error:
        trial.status, trial.error, trial.fitted = PRUNED, str(error), []
    except Exception as error:  # noqa: BLE001 - a library may raise anything, and the next trial may do better
        trial.status, trial.error = FAILED, memory.told(error)
        traceback.clear_frames(error.__traceback__)
    trial.seconds = time.monotonic() - began


def _folds(
    trial: Trial,
    table: Table,
    primary: str,
    *,
    bar: float | None,
    until: float,
    late: Callable[[], bool],
    told: Told,
) -> None:
    predicted: list[Floats] = []
    algorithm, classes = trial.recipe.algorithm, trial.recipe.classes
    if 0 < algorithm.most_classes < classes:
        told_apart = f"{algorithm.name} is to tell {algorithm.most_classes} classes at most"
        trial.status, trial.error = FAILED, f"{told_apart}, and there are {classes:,}."
        return
    for at, (seen, unseen) in enumerate(table.splits):
        if at and late():
            trial.status, trial.fitted = PRUNED, []
            return
        part = _part_of(until, len(table.splits) - at)
        model, found = models.fit(trial.recipe, table.columns, table.rows.take(seen), table.rows.take(unseen), part)
        if found is None or not np.isfinite(found).all():
            trial.status, trial.error = FAILED, "It predicts what is no finite number."
            return
        predicted.append(found)
        trial.fitted.append(model)
        so_far = np.concatenate([one for _, one in table.splits[: at + 1]])
        value = metrics.value(primary, table.case(np.concatenate(predicted), so_far))
        told(primary, value, at)
        if at == 0:
            trial.first = metrics.loss(primary, value)
            if bar is not None and len(table.splits) > 1 and trial.first > bar:
                trial.status, trial.fitted = PRUNED, []
                return
    trial.predicted = np.concatenate(predicted)
    trial.metrics = metrics.every(table.case(trial.predicted, table.validated))
    trial.score = trial.metrics.get(primary, np.nan)


def _part_of(until: float, folds: int) -> float:
    """When a fold is to come to its end, that the next ones have as much time."""
    left = until - time.monotonic()
    return until if until == np.inf or left <= 0 else time.monotonic() + left / folds
