"""Classification and regression of tables, as trials that are jobs."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl import algorithms, limits, metrics, settings
from jupyter_aml.automl.family import (
    COMPLETED,
    VOTERS,
    Attempt,
    Best,
    Done,
    Family,
    Json,
    Order,
    Planner,
    Proposal,
    Told,
)
from jupyter_aml.automl.metrics import CLASSIFICATION, REGRESSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.contenders import Contender, Tried
    from jupyter_aml.automl.metrics import Classes, Floats, Numbers
    from jupyter_aml.automl.models import Model, Recipe
    from jupyter_aml.automl.settings import Settings
    from jupyter_aml.automl.table import Table

TABLE, PREDICTED, FACTS = "table.pkl", "predicted.npy", "trial.json"
MODEL = "model"


class Tabular(Family):
    """Classification and regression of tables."""

    tasks = frozenset({CLASSIFICATION, REGRESSION})

    def check(self, task: str, details: Mapping[str, Any]) -> list[str]:
        """As `Family`."""
        settings.read(task, details)
        limits.read(details)
        return settings.unheard(details)

    def metric(self, task: str, details: Mapping[str, Any]) -> tuple[str, bool]:
        """As `Family`."""
        name = settings.read(task, details).primary
        return name, metrics.maximized(name)

    def prepare(self, order: Order, place: Path) -> Json:
        """As `Family`."""
        from jupyter_aml.automl import stacked
        from jupyter_aml.automl.table import Table

        asked = replace(settings.read(order.task, order.details), seed=order.seed)
        target = str(order.details["targetColumnName"])
        tables = order.tables
        table = Table(tables["training"], target, asked, tables.get("validation"), tables.get("test"))
        known = algorithms.available(asked.task, asked.allowed, asked.blocked)
        if asked.stacking is not None:
            stacked.named(asked.task, asked.stacking, folded=len(table.splits) > 1).make()
        with (place / TABLE).open("wb") as file:
            pickle.dump(table, file)
        absent = sorted(
            name for name, one in algorithms.chosen(asked.task, asked.allowed, asked.blocked).items() if not one.there
        )
        return {
            "rows": len(table.rows.target),
            "tested": len(table.tested.target) if table.tested is not None else 0,
            "folds": len(table.splits),
            "classes": list(map(str, table.classes)),
            "guardrails": [one.plain() for one in table.guardrails],
            "columns": [
                {"name": one.name, "purpose": str(one.purpose), "why": one.why} for one in table.columns.values()
            ],
            "algorithms": list(algorithms.suited(known, len(table.rows.target), len(table.classes))),
            "absent": absent,
        }

    def planner(self, task: str, details: Mapping[str, Any], facts: Json, seed: int) -> Planner:
        """As `Family`."""
        from jupyter_aml.automl.planning import Choices

        return Choices(task, facts["algorithms"], seed, early=limits.read(details).early)

    def attempt(
        self, order: Order, place: Path, proposal: Proposal, out: Path, *, threads: int, until: float, told: Told
    ) -> Attempt:
        """As `Family`."""
        from jupyter_aml.automl import trials

        asked = replace(settings.read(order.task, order.details), threads=threads, seed=order.seed)
        table = _table(place)
        algorithm = algorithms.chosen(asked.task)[proposal.algorithm]
        trial = trials.Trial(proposal.number, table.recipe(algorithm, proposal.parameters, asked))
        trials.run(trial, table, asked.primary, bar=proposal.bar, until=until, needed=proposal.number == 0, told=told)
        if trial.status == COMPLETED:
            np.save(out / PREDICTED, trial.predicted)
            facts = {"rounds": trial.rounds, "folds": [model.rounds for model in trial.fitted]}
            (out / FACTS).write_text(json.dumps(facts), encoding="utf-8")
        return trial.attempt(asked.primary)

    def finish(self, order: Order, place: Path, done: Sequence[Done], out: Path, until: float) -> Best:
        """As `Family`."""
        return _Finish(order, place, done, until).write(out)


def _table(place: Path) -> Table:
    path = place / TABLE
    return _unpickled(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _unpickled(path: str, _written: int) -> Table:
    """The data of a search; trials that share a process read them once."""
    with Path(path).open("rb") as file:
        return pickle.load(file)  # type: ignore[no-any-return] # noqa: S301 - what `prepare` has written


class _Finish:
    """The end of a search."""

    def __init__(self, order: Order, place: Path, done: Sequence[Done], until: float) -> None:
        self._settings: Settings = replace(settings.read(order.task, order.details), seed=order.seed)
        self._primary = self._settings.primary
        self._details = order.details
        self._table = _table(place)
        self._until = until
        good = [one for one in done if one.attempt.status == COMPLETED and one.attempt.loss is not None]
        self._done = sorted(good, key=lambda one: one.attempt.loss or 0.0)[:VOTERS]
        if not self._done:
            msg = "No trial came to an end with a model."
            raise ValueError(msg)
        self._fitted: dict[int, Model] = {}

    def write(self, out: Path) -> Best:
        """Leave the best model and what is told of it in a folder."""
        from jupyter_aml.automl import charts, contenders, engineered, explaining, saving

        tried = [self._tried(one) for one in self._done]
        found, said = contenders.contenders(self._table, self._settings, tried, self._again, self._until, refit=True)
        best, others = self._first(found, tried, said)
        case = self._table.case(best.predicted, self._table.validated)
        model = self._model(best)
        wanted = list(model.columns)
        saving.save(model, self._table.rows.frame[wanted], out / MODEL, self._packages(best))
        (out / engineered.SUMMARY).write_text(json.dumps(engineered.summary(model.members)), encoding="utf-8")
        drawn = charts.of(case, self._table.classes)
        if self._settings.explain:
            drawn["feature_importance"] = self._importance(model)
            explaining.keep(self._table.rows.frame[wanted], out)
        tested = self._tested(model)
        charts.save(out, drawn, charts.rows(case, self._table.validated, self._table.classes, charts.MOST_ROWS))
        measured = metrics.every(case)
        said += self._written(model, best, measured[self._primary], out)
        return Best(
            best.title,
            best.algorithm,
            measured[self._primary],
            {**measured, **{f"test_{name}": value for name, value in tested.items()}},
            [self._done[at].proposal.number for at in best.places],
            [one.other for one in others],
            said,
        )

    def _tried(self, done: Done) -> Tried:
        from jupyter_aml.automl.contenders import Tried

        proposal = done.proposal
        return Tried(proposal.title, proposal.algorithm, np.load(done.place / PREDICTED), done.attempt.seconds)

    def _first(
        self, found: Sequence[Contender], tried: Sequence[Tried], said: list[str]
    ) -> tuple[Contender, list[Contender]]:
        """The best for whose models there is time to learn from all rows, and the others.

        Of a vote there may be time for some of the models; those for which there is none then have no vote.
        """
        from jupyter_aml.automl import contenders

        for at, one in enumerate(found):
            there = self._fit(one, self._until)
            others = [*found[:at], *found[at + 1 :]]
            if len(there) == len(one.places):
                return one, others
            said.append(f"{one.title}: there was time to fit {len(there)} of its {len(one.places)} models to all rows.")
            if one.algorithm == contenders.VOTE and there:
                return contenders.fewer(self._table, self._settings, tried, one, there), others
        alone = next(one for one in found if len(one.places) == 1)
        self._fit(alone, np.inf)
        return alone, [one for one in found if one is not alone]

    def _fit(self, one: Contender, until: float) -> list[int]:
        """Those of its trials that have learned from all rows, the weightier first, as far as there is time."""
        from jupyter_aml.automl import models

        order = np.argsort(-one.weights, kind="stable") if len(one.weights) else range(len(one.places))
        places = [one.places[at] for at in order]
        for at in places:
            if at not in self._fitted and (not self._fitted or time.monotonic() <= until):
                self._fitted[at] = models.fit(self._recipe(at), self._table.columns, self._table.rows)[0]
        return [at for at in places if at in self._fitted]

    def _again(self, at: int, seen: NDArray[np.intp], unseen: NDArray[np.intp]) -> Floats:
        """What a trial's model says of some rows once it has learned from others."""
        from jupyter_aml.automl import models

        rows = self._table.rows
        return models.fit(self._recipe(at), self._table.columns, rows.take(seen))[0].predict(rows.take(unseen).frame)

    def _recipe(self, at: int) -> Recipe:
        """What a trial's model was made of, with as many trees as were found to be enough."""
        done = self._done[at]
        algorithm = algorithms.chosen(self._settings.task)[done.proposal.algorithm]
        parameters = dict(done.proposal.parameters)
        if algorithm.boosts:
            parameters["n_estimators"] = json.loads((done.place / FACTS).read_text(encoding="utf-8"))["rounds"]
        return self._table.recipe(algorithm, parameters, self._settings)

    def _model(self, best: Contender) -> Any:
        """The best, of models that have learned from all rows."""
        from jupyter_aml.automl import voted
        from jupyter_aml.automl.columns import Purpose

        members = [_member(self._fitted[at]) for at in best.places]
        wanted = [one.name for one in self._table.columns.values() if one.purpose is not Purpose.IGNORE]
        classes = self._table.classes
        if best.meta is not None:
            if classes:
                return voted.StackedClassifier(members, best.meta, wanted, classes)
            return voted.StackedRegressor(members, best.meta, wanted)
        if classes:
            return voted.VotedClassifier(members, best.weights, wanted, classes)
        return voted.VotedRegressor(members, best.weights, wanted)

    def _packages(self, best: Contender) -> list[str]:
        """What the best needs besides scikit-learn."""
        from jupyter_aml.automl import stacked

        known = algorithms.chosen(self._settings.task)
        needed = {known[self._done[at].proposal.algorithm].needs for at in best.places}
        if best.meta is not None:
            needed.add(stacked.needs(self._settings.task, best.meta.name))
        return sorted(needed - {""})

    def _written(self, model: Any, best: Contender, score: float, out: Path) -> list[str]:
        """Leave the training of the best as code; says why where there is none."""
        from jupyter_aml.automl.code import plan, writing

        facts = [json.loads((self._done[at].place / FACTS).read_text(encoding="utf-8")) for at in best.places]
        trees, packages = [one.get("folds") or [] for one in facts], self._packages(best)
        found = plan.Found(self._details, self._settings, self._table, best.title, score, packages, best.apart)
        return writing.write(out / writing.FOLDER, lambda: plan.read(found, model, trees))

    def _importance(self, model: Any) -> dict[str, float]:
        from jupyter_aml.automl import explaining

        rows = self._table.tested or self._table.rows
        chosen = np.random.default_rng(0).permutation(len(rows.target))[: explaining.ROWS]
        some = rows.take(np.sort(chosen))

        def loss(found: Floats) -> float:
            return metrics.loss(self._primary, metrics.value(self._primary, self._table.compared(found, some)))

        ask = model.predict_proba if self._table.classes else model.predict
        return explaining.importance(ask, some.frame[list(model.columns)], loss, until=self._until)

    def _tested(self, model: Any) -> dict[str, float]:
        """The metrics of the rows that have had no part in the search."""
        rows = self._table.tested
        if rows is None:
            return {}
        ask = model.predict_proba if self._table.classes else model.predict
        case: Classes | Numbers = self._table.compared(ask(rows.frame), rows)
        return metrics.every(case)


def _member(model: Model) -> Any:
    from jupyter_aml.automl.voted import Member

    recipe = model.recipe
    return Member(
        recipe.algorithm.name, model.features, model.estimator,
        labels=model.labels, classes=recipe.classes, scale=(model.center, model.spread),
    )  # fmt: skip


FAMILY = Tabular()
