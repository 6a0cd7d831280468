"""The search: sane models first, then better parameters of what does well, and votes of the best at the end.

A search can be stopped at any moment; what was found until then is the result.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl import algorithms, columns, ensembles, folds, guardrails, metrics, models
from jupyter_aml.automl.family import COMPLETED, FAILED, PRUNED
from jupyter_aml.automl.metrics import CLASSIFICATION, Classes, Numbers
from jupyter_aml.automl.models import Model, Recipe, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.algorithms import Algorithm
    from jupyter_aml.automl.metrics import Floats

VOTERS = 12
"""The best trials, of which some vote."""
PRUNE = 1.25
SLACK = 0.005
"""A trial whose first fold loses so many times more than the best trial's, and so much more, is not finished."""
LEADING = 3
"""The best algorithms, whose parameters are searched."""
STARTUP = 6
"""Parameters of an algorithm that are tried at random before the search learns from them."""
LEAST_ROWS = 2


@dataclass(frozen=True)
class Settings:
    """What is asked for.

    Attributes:
        task: `classification` or `regression`.
        metric: What is optimised; Azure's default where it is empty.
        seconds: How long a search may take.
        trials: How many models it may try.
        exit_score: Enough; None to use all the time.
        threads: That one fit may use.
        seed: The same seed tries the same models, as far as the time allows.
        allowed, blocked: Azure's names of algorithms.
        validation: How rows are split.
        ensemble: Whether the best may vote.
        purposes: What columns are for, where the user knows better.
        drop: Columns that are ignored.
        weight: The column of weights; empty for none.
    """

    task: str = CLASSIFICATION
    metric: str = ""
    seconds: float = 600.0
    trials: int = 1000
    exit_score: float | None = None
    threads: int = 1
    seed: int = 0
    allowed: Sequence[str] | None = None
    blocked: Sequence[str] = ()
    validation: folds.Validation = field(default_factory=folds.Validation)
    ensemble: bool = True
    purposes: Mapping[str, str] = field(default_factory=dict)
    drop: Sequence[str] = ()
    weight: str = ""

    @property
    def primary(self) -> str:
        """The metric that is optimised.

        Raises:
            ValueError: It is none of the task's.
        """
        if self.task not in metrics.PRIMARY:
            msg = f"The task is {self.task!r}; expected one of {', '.join(metrics.PRIMARY)}."
            raise ValueError(msg)
        name = self.metric or metrics.DEFAULT[self.task]
        known = {one.replace("_", "").lower(): one for one in metrics.PRIMARY[self.task]}
        found = known.get(name.replace("_", "").lower())
        if found is None:
            msg = f"{name!r} is no primary metric for {self.task}; expected one of {', '.join(known.values())}."
            raise ValueError(msg)
        return found


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


class Table:
    """The data of a search, cleaned of what teaches nothing.

    Args:
        frame: Features and target, shape (rows, columns).
        target: The column to be predicted.
        settings: What is asked for.

    Attributes:
        columns: What the columns are for.
        classes: The class labels in order; empty for a regression.
        rows: What is learned from.
        splits: Rows to learn from and to be judged by.
        guardrails: What was found in the data.

    Raises:
        ValueError: The data cannot be learned from; says why.
    """

    def __init__(self, frame: pd.DataFrame, target: str, settings: Settings) -> None:
        if target not in frame:
            msg = f"There is no column {target}; the table has {', '.join(map(str, frame.columns))}."
            raise ValueError(msg)
        if settings.weight and settings.weight not in frame:
            msg = f"There is no column {settings.weight}, which is to hold the weights."
            raise ValueError(msg)
        frame = frame.reset_index(drop=True)  # rows are known by their places: an index may name some twice
        own = [name for name in (settings.weight, *settings.validation.columns) if name]
        features = frame.drop(columns=[target, *own]).rename(columns=str)
        self.columns = columns.read(features, settings.purposes, settings.drop)
        kept = frame.index.isin(columns.present(frame[target]).index)
        if kept.sum() < LEAST_ROWS:
            msg = f"{int(kept.sum())} of {len(frame)} rows have a target in {target}; two are needed at least."
            raise ValueError(msg)
        self.classes, told = _target(frame.loc[kept, target], settings.task)
        self.guardrails = guardrails.look(features, frame[target], self.columns, settings.task)
        weights = frame.loc[kept, settings.weight].to_numpy(dtype=float) if settings.weight else None
        self.rows = Rows(features.loc[kept], told, weights)
        classify = settings.task == CLASSIFICATION
        self.splits = folds.splits(settings.validation, told, frame.loc[kept], classes=classify, seed=settings.seed)
        self.validated = np.concatenate([unseen for _, unseen in self.splits])
        self._span = 0.0 if classify else float(np.ptp(told))

    def case(self, predicted: Floats, positions: NDArray[np.intp]) -> Classes | Numbers:
        """Predictions beside what is true."""
        truth = self.rows.target[positions]
        weights = None if self.rows.weights is None else self.rows.weights[positions]
        if self.classes:
            return Classes(truth, predicted, weights)
        return Numbers(truth, predicted, self._span, weights)


def _target(values: pd.Series[Any], task: str) -> tuple[list[Any], NDArray[Any]]:
    """The classes, and each row's, or the numbers."""
    if task != CLASSIFICATION:
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        strange = values[~np.isfinite(numbers)]
        if len(strange):
            other = f"{len(strange)} rows hold others, such as {strange.iloc[0]!r}"
            msg = f"The target {values.name} is to be a number; {other}."
            raise ValueError(msg)
        return [], numbers
    codes, labels = pd.factorize(values, sort=True)
    if len(labels) < LEAST_ROWS:
        msg = f"The target {values.name} has one class only, {labels[0]!r}; two are needed to tell them apart."
        raise ValueError(msg)
    return list(labels), codes.astype(np.intp)


@dataclass
class Result:
    """What a search has found.

    Attributes:
        table: What it has learned from.
        settings: What was asked for.
        trials: All that were tried, in their order.
        voters, weights: The trials that make the best model, and how their votes count.
        score: The primary metric of the best model.
        metrics: All its metrics.
    """

    table: Table
    settings: Settings
    trials: list[Trial]
    voters: list[Trial]
    weights: Floats
    score: float
    metrics: dict[str, float]

    @property
    def leaderboard(self) -> pd.DataFrame:
        """The trials, the best first; where models vote together better than any alone, their vote leads."""
        rows = [
            {"model": one.recipe.title, "status": one.status, self.settings.primary: one.score, "seconds": one.seconds}
            for one in self.trials
        ]
        if len(self.voters) > 1:
            told = ", ".join(dict.fromkeys(one.recipe.algorithm.name for one in self.voters))
            rows.append({"model": f"VotingEnsemble({told})", "status": COMPLETED, self.settings.primary: self.score})
        found = pd.DataFrame(rows)
        return found.sort_values(
            self.settings.primary, ascending=not metrics.maximized(self.settings.primary), ignore_index=True
        )

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """The mean prediction of the folds' models of all who vote: shape (rows, classes), or (rows,)."""
        own = frame.rename(columns=str)
        return ensembles.combine(
            [_mean([model.predict(own) for model in one.fitted]) for one in self.voters], self.weights
        )

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
        rows = len(self.table.rows.target)
        known = algorithms.available(settings.task, settings.allowed, settings.blocked)
        self._algorithms = {name: one for name, one in known.items() if not 0 < one.most_rows < rows} or known
        self._studies: dict[str, Any] = {}
        self._random = np.random.default_rng(settings.seed)

    def stop(self) -> None:
        """End after the fold that is being fitted; may be called from another thread."""
        self._stopped = True

    def run(self) -> Result:
        """Try models until the time is up.

        Raises:
            RuntimeError: Not one model could be fitted; says what the first one failed of.
        """
        until = self._begun + self.settings.seconds
        for recipe, tell in self._recipes():
            trial = self._try(recipe, until)
            tell(trial)
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

    # what is tried

    def _recipes(self) -> Iterator[tuple[Recipe, Callable[[Trial], None]]]:
        """What to try next, for ever, and whom to tell how it went."""
        for one in self._algorithms.values():
            yield self._recipe(one, one.first), self._tell_first(one)
        while True:
            algorithm = self._promising()
            study = self._study(algorithm)
            asked = study.ask()
            parameters = algorithm.space(asked) if algorithm.space is not None else {}

            def tell(trial: Trial, study: Any = study, asked: Any = asked) -> None:
                _tell(study, asked, self._loss(trial.score) if trial.status == COMPLETED else trial.first)

            yield self._recipe(algorithm, parameters), tell

    def _recipe(self, algorithm: Algorithm, parameters: Mapping[str, Any]) -> Recipe:
        settings = self.settings
        return Recipe(algorithm, dict(parameters), len(self.table.classes), settings.threads, settings.seed)

    def _tell_first(self, algorithm: Algorithm) -> Callable[[Trial], None]:
        def tell(trial: Trial) -> None:
            if algorithm.space is not None and algorithm.first and trial.status == COMPLETED:
                study = self._study(algorithm)
                study.enqueue_trial(dict(algorithm.first))
                asked = study.ask()
                algorithm.space(asked)
                _tell(study, asked, self._loss(trial.score))

        return tell

    def _promising(self) -> Algorithm:
        """One of the algorithms that did best, the better the more often."""
        found: dict[str, Algorithm] = {}
        for one in self._good():
            if one.recipe.algorithm.space is not None:
                found.setdefault(one.recipe.algorithm.name, one.recipe.algorithm)
        leading = list(found.values())[:LEADING] or list(self._algorithms.values())[:1]
        chances = 0.5 ** np.arange(len(leading))
        return leading[int(self._random.choice(len(leading), p=chances / chances.sum()))]

    def _study(self, algorithm: Algorithm) -> Any:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        if algorithm.name not in self._studies:
            sampler = optuna.samplers.TPESampler(seed=self.settings.seed, n_startup_trials=STARTUP)
            self._studies[algorithm.name] = optuna.create_study(sampler=sampler, direction="minimize")
        return self._studies[algorithm.name]

    # a trial

    def _try(self, recipe: Recipe, until: float) -> Trial:
        """Fit a model on every fold; whatever goes wrong is kept in the trial."""
        trial, began = Trial(len(self.trials), recipe), time.monotonic()
        try:
            self._fit(trial, until)
        except Exception as error:  # noqa: BLE001 - a library may raise anything, and the next trial may do better
            trial.status, trial.error = FAILED, f"{type(error).__name__}: {error}"
            traceback.clear_frames(error.__traceback__)
        trial.seconds = time.monotonic() - began
        return trial

    def _fit(self, trial: Trial, until: float) -> None:
        table, predicted = self.table, []
        best = min((one.first for one in self._good()), default=np.inf)
        for at, (seen, unseen) in enumerate(table.splits):
            if at and self._good() and (self._stopped or time.monotonic() > until):
                trial.status, trial.fitted = PRUNED, []
                return
            model, found = models.fit(
                trial.recipe, table.columns, table.rows.take(seen), table.rows.take(unseen), until
            )
            if found is None or not np.isfinite(found).all():
                trial.status, trial.error = FAILED, "It predicts what is no finite number."
                return
            predicted.append(found)
            trial.fitted.append(model)
            if at == 0:
                trial.first = self._loss(metrics.value(self._primary, table.case(found, unseen)))
                if len(table.splits) > 1 and trial.first > best * PRUNE + SLACK:
                    trial.status, trial.fitted = PRUNED, []
                    return
        trial.predicted = np.concatenate(predicted)
        case = table.case(trial.predicted, table.validated)
        trial.metrics = metrics.every(case)
        trial.score = trial.metrics.get(self._primary, np.nan)

    # the end

    def _result(self) -> Result:
        good = self._good()
        if not good:
            told = next((one.error for one in self.trials if one.error), "There was no time for one.")
            msg = f"No model could be fitted. {told}"
            raise RuntimeError(msg)
        voters, weights = self._vote(good) if self.settings.ensemble else (good[:1], np.ones(1))
        case = self.table.case(_votes(voters, weights), self.table.validated)
        found = metrics.every(case)
        return Result(self.table, self.settings, self.trials, voters, weights, found[self._primary], found)

    def _vote(self, good: list[Trial]) -> tuple[list[Trial], Floats]:
        """Who votes, and how their votes count."""
        asked = good[:VOTERS]

        def loss(predicted: Floats) -> float:
            return self._loss(metrics.value(self._primary, self.table.case(predicted, self.table.validated)))

        weights = ensembles.select([one.predicted for one in asked], loss)
        chosen = np.flatnonzero(weights)
        return [asked[at] for at in chosen], weights[chosen]


def _votes(voters: list[Trial], weights: Floats) -> Floats:
    return ensembles.combine([one.predicted for one in voters], weights)


def _tell(study: Any, asked: Any, loss: float) -> None:
    """Let a study learn from a trial; from one without a score that it was bad."""
    import optuna

    if np.isfinite(loss):
        study.tell(asked, loss)
    else:
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
