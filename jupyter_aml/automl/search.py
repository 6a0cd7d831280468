"""A search in this process: sane models first, then better parameters of what does well, and ensembles of the best.

A search can be stopped at any moment; what was found until then is the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl import algorithms, contenders, ensembles, metrics, models, trials
from jupyter_aml.automl.contenders import Contender, Tried
from jupyter_aml.automl.family import COMPLETED, FAILED, VOTERS
from jupyter_aml.automl.planning import Choices
from jupyter_aml.automl.settings import Settings
from jupyter_aml.automl.table import Table
from jupyter_aml.automl.trials import Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.metrics import Floats
    from jupyter_aml.automl.models import Recipe

__all__ = ["Result", "Search", "Settings", "Trial"]

ENDING = 0.05
"""Share of the time that is kept for a stack."""


@dataclass
class Result:
    """What a search has found.

    Attributes:
        table: What it has learned from.
        settings: What was asked for.
        trials: All that were tried, in their order.
        voters: The trials that make the best model.
        best: The best model.
        others: What came after it, the better first.
        said: A sentence for each ensemble that was not made, or was made otherwise than asked for.
        metrics: All metrics of the best model.
    """

    table: Table
    settings: Settings
    trials: list[Trial]
    voters: list[Trial]
    best: Contender
    others: list[Contender]
    said: list[str]
    metrics: dict[str, float]

    @property
    def score(self) -> float:
        """The primary metric of the best model."""
        return self.best.score

    @property
    def leaderboard(self) -> pd.DataFrame:
        """The trials and the ensembles, the best first."""
        rows = [
            {"model": one.recipe.title, "status": one.status, self.settings.primary: one.score, "seconds": one.seconds}
            for one in self.trials
        ]
        rows += [
            {"model": one.title, "status": COMPLETED, self.settings.primary: one.score}
            for one in (self.best, *self.others)
            if one.algorithm in {contenders.VOTE, contenders.STACK}
        ]
        found = pd.DataFrame(rows)
        return found.sort_values(
            self.settings.primary, ascending=not metrics.maximized(self.settings.primary), ignore_index=True
        )

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Of the best, with the mean of its folds' models for each model: shape (rows, classes), or (rows,)."""
        own = frame.rename(columns=str)
        told = [_mean([model.predict(own) for model in one.fitted]) for one in self.voters]
        if self.best.meta is not None:
            return np.asarray(self.best.meta.predict(told))
        return ensembles.combine(told, self.best.weights)

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        """Classes or numbers, shape (rows,)."""
        found = self.predict_proba(frame)
        return np.asarray(self.table.classes)[found.argmax(axis=1)] if self.table.classes else found


def _mean(predicted: list[Floats]) -> Floats:
    return np.asarray(np.mean(predicted, axis=0))


class Search:
    """One search.

    Args:
        frame: Features and target.
        target: The column to be predicted.
        settings: What is asked for.
        told: Called with each trial that has ended.

    Raises:
        ValueError: The data or the settings cannot be; says why.
    """

    def __init__(
        self, frame: pd.DataFrame, target: str, settings: Settings, told: Callable[[Trial], None] | None = None
    ) -> None:
        self.settings = settings
        self._primary = settings.primary
        self._begun = time.monotonic()
        self.table = Table(frame, target, settings)
        self.trials: list[Trial] = []
        self._told = told or (lambda _: None)
        self._stopped = False
        known = algorithms.available(settings.task, settings.allowed, settings.blocked)
        self._algorithms = algorithms.suited(known, len(self.table.rows.target), len(self.table.classes))
        self._choices = Choices(settings.task, list(self._algorithms), settings.seed)

    def stop(self) -> None:
        """End after the fold that is being fitted; may be called from another thread."""
        self._stopped = True

    def run(self) -> Result:
        """Try models until the time is up.

        Raises:
            RuntimeError: Not one model could be fitted; says what the first one failed of.
        """
        until = self._begun + self.settings.seconds * (1.0 if self.settings.stacking is None else 1.0 - ENDING)
        while (proposal := self._choices.ask()) is not None:
            recipe = self.table.recipe(self._algorithms[proposal.algorithm], proposal.parameters, self.settings)
            trial = Trial(proposal.number, recipe)
            trials.run(
                trial, self.table, self._primary,
                bar=proposal.bar, until=until, needed=not self._good(), stopped=lambda: self._stopped,
            )  # fmt: skip
            self._choices.tell(proposal, trial.attempt(self._primary))
            self.trials.append(trial)
            self._told(trial)
            if self._enough(until):
                break
        return self._result()

    def _enough(self, until: float) -> bool:
        if self._stopped or time.monotonic() > until or len(self.trials) >= self.settings.trials:
            return bool(self._good()) or self._stopped or all(one.status == FAILED for one in self.trials)
        wanted, good = self.settings.exit_score, self._good()
        return wanted is not None and bool(good) and self._loss(good[0].score) <= self._loss(wanted)

    def _loss(self, score: float) -> float:
        return metrics.loss(self._primary, score)

    def _good(self) -> list[Trial]:
        """The trials that have ended, the best first."""
        done = [one for one in self.trials if one.status == COMPLETED and not np.isnan(one.score)]
        return sorted(done, key=lambda one: self._loss(one.score))

    def _result(self) -> Result:
        good = self._good()
        if not good:
            told = next((one.error for one in self.trials if one.error), "There was no time for one.")
            msg = f"No model could be fitted. {told}"
            raise RuntimeError(msg)
        asked = good[:VOTERS]
        until = self._begun + (0.0 if self._stopped else self.settings.seconds)

        def again(at: int, seen: NDArray[np.intp], unseen: NDArray[np.intp]) -> Floats:
            model, _ = models.fit(_settled(asked[at]), self.table.columns, self.table.rows.take(seen))
            return model.predict(self.table.rows.take(unseen).frame)

        tried = [Tried(one.recipe.title, one.recipe.algorithm.name, one.predicted, one.seconds) for one in asked]
        found, said = contenders.contenders(self.table, self.settings, tried, again, until, refit=False)
        best, *others = found
        voters = [asked[at] for at in best.places]
        measured = metrics.every(self.table.case(best.predicted, self.table.validated))
        return Result(self.table, self.settings, self.trials, voters, best, others, said, measured)


def _settled(trial: Trial) -> Recipe:
    """What a trial's model was made of, with as many trees as were found to be enough."""
    if not trial.recipe.algorithm.boosts:
        return trial.recipe
    return replace(trial.recipe, parameters={**trial.recipe.parameters, "n_estimators": trial.rounds})
