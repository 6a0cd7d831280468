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
    from jupyter_aml.automl.metrics import Classes, Floats, Numbers
    from jupyter_aml.automl.models import Model
    from jupyter_aml.automl.settings import Settings
    from jupyter_aml.automl.table import Table

TABLE, PREDICTED, FACTS = "table.pkl", "predicted.npy", "trial.json"
MODEL = "model"
VOTE = "VotingEnsemble"


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
        from jupyter_aml.automl import search
        from jupyter_aml.automl.table import Table

        asked = replace(settings.read(order.task, order.details), seed=order.seed)
        target = str(order.details["targetColumnName"])
        tables = order.tables
        table = Table(tables["training"], target, asked, tables.get("validation"), tables.get("test"))
        known = algorithms.available(asked.task, asked.allowed, asked.blocked)
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
            "algorithms": list(search.suited(known, len(table.rows.target))),
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
        import numpy as np

        from jupyter_aml.automl import trials

        asked = replace(settings.read(order.task, order.details), threads=threads, seed=order.seed)
        table = _table(place)
        algorithm = algorithms.chosen(asked.task)[proposal.algorithm]
        trial = trials.Trial(proposal.number, table.recipe(algorithm, proposal.parameters, asked))
        trials.run(trial, table, asked.primary, bar=proposal.bar, until=until, needed=proposal.number == 0, told=told)
        if trial.status == COMPLETED:
            np.save(out / PREDICTED, trial.predicted)
            (out / FACTS).write_text(json.dumps({"rounds": trial.rounds}), encoding="utf-8")
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
        self._table = _table(place)
        self._until = until
        good = [one for one in done if one.attempt.status == COMPLETED and one.attempt.loss is not None]
        self._done = sorted(good, key=lambda one: one.attempt.loss or 0.0)
        if not self._done:
            msg = "No trial came to an end with a model."
            raise ValueError(msg)

    def write(self, out: Path) -> Best:
        """Leave the best model and what is told of it in a folder."""
        import numpy as np

        from jupyter_aml.automl import charts, ensembles, saving, search

        asked = self._done[:VOTERS] if self._settings.ensemble else self._done[:1]
        predicted = [np.load(one.place / PREDICTED) for one in asked]
        places, weights = search.vote(self._table, self._primary, predicted)
        voters = [asked[at] for at in places]
        case = self._table.case(ensembles.combine([predicted[at] for at in places], weights), self._table.validated)
        model = self._model(voters, weights)
        wanted = list(model.columns)
        saving.save(model, self._table.rows.frame[wanted], out / MODEL, _packages(voters))
        drawn = charts.of(case, self._table.classes)
        if self._settings.explain:
            drawn["feature_importance"] = self._importance(model)
        tested = self._tested(model)
        charts.save(out, drawn, charts.rows(case, self._table.validated, self._table.classes, charts.MOST_ROWS))
        found = metrics.every(case)
        one = voters[0].proposal
        names = ", ".join(dict.fromkeys(voter.proposal.algorithm for voter in voters))
        alone = len(voters) == 1
        return Best(
            one.title if alone else f"{VOTE}({names})",
            one.algorithm if alone else VOTE,
            found[self._primary],
            {**found, **{f"test_{name}": value for name, value in tested.items()}},
            [voter.proposal.number for voter in voters],
        )

    def _model(self, voters: Sequence[Done], weights: Floats) -> Any:
        """The voters, learned from all rows; those for which there is no time have no vote."""
        import numpy as np

        from jupyter_aml.automl.columns import Purpose
        from jupyter_aml.automl.voted import VotedClassifier, VotedRegressor

        members: list[Any] = []
        counted: list[float] = []
        for at in np.argsort(-weights):
            if members and time.monotonic() > self._until:
                break
            members.append(_member(self._refitted(voters[at])))
            counted.append(weights[at])
        shares = np.asarray(counted) / sum(counted)
        wanted = [one.name for one in self._table.columns.values() if one.purpose is not Purpose.IGNORE]
        if self._table.classes:
            return VotedClassifier(members, shares, wanted, self._table.classes)
        return VotedRegressor(members, shares, wanted)

    def _refitted(self, voter: Done) -> Model:
        from jupyter_aml.automl import models

        algorithm = algorithms.chosen(self._settings.task)[voter.proposal.algorithm]
        parameters = dict(voter.proposal.parameters)
        if algorithm.boosts:
            parameters["n_estimators"] = json.loads((voter.place / FACTS).read_text(encoding="utf-8"))["rounds"]
        recipe = self._table.recipe(algorithm, parameters, self._settings)
        return models.fit(recipe, self._table.columns, self._table.rows)[0]

    def _importance(self, model: Any) -> dict[str, float]:
        import numpy as np

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


def _packages(voters: Sequence[Done]) -> list[str]:
    """What the voters need besides scikit-learn."""
    known = {**algorithms.chosen(CLASSIFICATION), **algorithms.chosen(REGRESSION)}
    return sorted({known[voter.proposal.algorithm].needs for voter in voters} - {""})


FAMILY = Tabular()
