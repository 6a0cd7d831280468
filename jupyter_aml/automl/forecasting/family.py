"""Forecasting as a family of tasks: prepare a panel, try models on origins that roll, and let the best vote."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_aml.automl.family import (
    COMPLETED,
    FAILED,
    PRUNED,
    Attempt,
    Best,
    Done,
    Family,
    Json,
    Order,
    Planner,
    Proposal,
    Told,
)  # fmt: skip
from jupyter_aml.automl.forecasting import settings as asked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from jupyter_aml.automl.forecasting.backtest import Backtest
    from jupyter_aml.automl.forecasting.models import Model
    from jupyter_aml.automl.forecasting.panel import Panel
    from jupyter_aml.automl.forecasting.saved import Errors, Forecaster

    Floats = NDArray[np.float64]

PREPARED, TRIED = "panel.pickle", "backtest.npy"
VOTERS, CHOSEN, BROAD = 14, 4, 5
"""The best trials, of which some vote; how many are chosen greedily, and how many algorithms have a vote anyway."""
EVEN, SHARP = 0.5, 4
"""The part of the votes of those, and how steeply their weights fall with their losses."""
WORSE, TINY = 1.1, 1e-12
"""So many times the best trial's loss is too much for a vote."""
WORST = 1.5
"""A trial whose loss is so many times the best one's does not vote."""
ALIKE = 2
"""Trials of one algorithm that may vote."""


class Forecasting(Family):
    """Forecasts of one series or many."""

    tasks = frozenset({"forecasting"})

    def check(self, task: str, details: Mapping[str, Any]) -> list[str]:  # noqa: ARG002 - there is one task
        settings, notes = asked.read(details)
        if settings.aggregate:
            notes.append(
                "target_aggregate_function: numeric features are put together by their mean, others by their most"
                " frequent value."
            )
        return notes

    def metric(self, task: str, details: Mapping[str, Any]) -> tuple[str, bool]:  # noqa: ARG002 - there is one task
        name = asked.metric(details)
        return name, not name.endswith("_error")

    def prepare(self, order: Order, place: Path) -> Json:
        import pandas as pd

        from jupyter_aml.automl.forecasting import backtest, preparing

        settings, _ = asked.read(order.details)
        table = preparing.Table(order.tables["training"], settings, order.tables.get("validation"))
        test = backtest.make(table.panel, table.folds, table.step)
        kept = {"panel": table.panel, "test": test, "dropped": table.dropped, "rows": order.tables.get("test")}
        pd.to_pickle(kept, place / PREPARED)
        panel = table.panel
        known = [name for name in panel.features.names if name not in panel.features.unknown]
        return {
            "rows": len(order.tables["training"]),
            "guardrails": [one.plain() for one in table.guardrails],
            "algorithms": settings.offered(),
            "asked": settings.allowed is not None,
            "series": len(panel.series),
            "steps": max(map(len, panel.series)),
            "frequency": panel.frequency,
            "horizon": panel.horizon,
            "season": panel.season,
            "seasons": panel.seasons,
            "folds": len(test.folds),
            "step": table.step,
            "lags": list(panel.lags),
            "window": panel.window,
            "features": panel.features.names,
            "regressors": bool(known) or bool(len(panel.days)),
            "positive": all(bool((one.target > 0).all()) for one in panel.series),
            "seconds": order.seconds,
        }

    def planner(self, task: str, details: Mapping[str, Any], facts: Json, seed: int) -> Planner:  # noqa: ARG002
        from jupyter_aml.automl.forecasting.planning import Plan

        return Plan(facts, seed)

    def attempt(
        self, order: Order, place: Path, proposal: Proposal, out: Path, *, threads: int, until: float, told: Told
    ) -> Attempt:
        import numpy as np

        from jupyter_aml.automl.forecasting.models import Model

        began, name = time.monotonic(), asked.metric(order.details)
        kept = _kept(place)
        panel, test = kept["panel"], kept["test"]
        found: Floats = np.zeros(0)
        early, slow = None, ""
        for at in range(len(test.folds)):
            if at and _late(at, began, until):
                break
            model = Model(proposal.algorithm, proposal.parameters, threads, order.seed)
            before, ahead = test.split(panel, at)
            try:
                model.fit(before)
                parts = model.forecast(before, test.horizon, ahead, until)
            except TimeoutError as error:
                slow = str(error)
                break
            found = np.concatenate([found, *parts])
            loss = test.loss(name, found)
            early = loss if early is None else early
            measured = test.measured(found)
            if name in measured:
                told(name, measured[name], at)
            if at == 0 and len(test.folds) > 1 and proposal.bar is not None and early > proposal.bar:
                break
        measured, loss = test.measured(found), test.loss(name, found)
        seconds = time.monotonic() - began
        plain = {word: float(value) for word, value in measured.items()}
        if len(found) < len(test.actual):
            return Attempt(PRUNED, None, _finite(loss) if len(found) else None, _finite(early), plain, seconds, slow)
        if name not in plain:
            msg = f"{name} is not defined for these targets, which may all be alike; choose {asked.PRIMARY[0]}."
            return Attempt(FAILED, None, None, None, plain, seconds, msg)
        np.save(out / TRIED, found)
        return Attempt(COMPLETED, plain.get(name), _finite(loss), _finite(early), plain, seconds)

    def finish(self, order: Order, place: Path, done: Sequence[Done], out: Path, until: float) -> Best:
        import numpy as np

        from jupyter_aml.automl import charts, ensembles
        from jupyter_aml.automl.forecasting import drawing, exporting

        settings, _ = asked.read(order.details)
        kept = _kept(place)
        panel, test = kept["panel"], kept["test"]
        ranked = _ranked(done)
        if not ranked:
            errors = [one.attempt.error for one in done if one.attempt.error]
            told = f" The first failed: {errors[0]}" if errors else " Give it more time, or allow ExponentialSmoothing."
            msg = f"No trial completed, so there is no model.{told}"
            raise ValueError(msg)
        predicted = [np.load(one.place / TRIED) for one in ranked]
        names = [one.proposal.algorithm for one in ranked]
        weights = vote(test, settings.metric, predicted, names) if settings.ensemble else np.eye(1, len(ranked))[0]
        chosen = list(np.flatnonzero(weights))
        whole = panel.of([*panel.series, *kept["dropped"]])
        models, weights = _refitted(order, panel, [ranked[at] for at in chosen], weights[chosen], until)
        voters = [ranked[at] for at in chosen if any(ranked[at].proposal is one for one, _ in models)]
        found = ensembles.combine([np.load(one.place / TRIED) for one in voters], weights)
        measured = test.measured(found)
        off = _errors(panel, test, found)
        forecaster = _forecaster(whole, [model for _, model in models], weights, off)
        rows = drawing.table(panel, test, found, off)
        drawn = drawing.charts(panel, test, rows, measured)
        if kept["rows"] is not None:
            drawn["test"] = _tested(forecaster, kept["rows"], settings)
        charts.save(out, drawn, rows)
        exporting.save(forecaster, out / "model")
        titles = [one.proposal.title for one in voters]
        alone = len(voters) == 1
        title = (
            titles[0]
            if alone
            else f"VotingEnsemble({', '.join(dict.fromkeys(one.proposal.algorithm for one in voters))})"
        )
        algorithm = voters[0].proposal.algorithm if alone else "VotingEnsemble"
        numbers = [one.proposal.number for one in voters]
        return Best(title, algorithm, measured[settings.metric], measured, numbers)


FAMILY = Forecasting()


def _kept(place: Path) -> Json:
    import pandas as pd

    found: Json = pd.read_pickle(place / PREPARED)  # noqa: S301 - written by `prepare`
    return found


def _late(folds: int, began: float, until: float) -> bool:
    """Whether there is no time for a fold more, if it takes as long as those before."""
    now = time.monotonic()
    return now + (now - began) / folds > until


def _finite(value: float | None) -> float | None:
    return value if value is not None and abs(value) < float("inf") else None


def _ranked(done: Sequence[Done]) -> list[Done]:
    """The trials that may vote, the best first; a few of each algorithm."""
    good = [one for one in done if one.attempt.status == COMPLETED and one.attempt.loss is not None]
    good.sort(key=lambda one: (one.attempt.loss, one.proposal.number))
    found: list[Done] = []
    for one in good:
        alike = sum(other.proposal.algorithm == one.proposal.algorithm for other in found)
        near = (one.attempt.loss or 0.0) <= WORST * (good[0].attempt.loss or 0.0)
        if near and alike < ALIKE and len(found) < VOTERS:
            found.append(one)
    return found


def vote(test: Backtest, metric: str, predicted: Sequence[Floats], names: Sequence[str]) -> Floats:
    """The weight of each trial's vote, with the sum 1.

    Half of the votes are chosen greedily, the other half go to the best trials of several algorithms: few folds tell
    little of who is right, and different algorithms err differently. Where that is much worse, the greedy choice holds.

    Args:
        test: The backtest.
        metric: What is optimised.
        predicted: Of each trial, the best first.
        names: The trials' algorithms.
    """
    import numpy as np

    from jupyter_aml.automl import ensembles

    weights = ensembles.select(predicted, lambda told: test.loss(metric, told))
    greedy = np.zeros(len(weights))
    leading = np.argsort(-weights, kind="stable")[:CHOSEN]
    greedy[leading] = weights[leading] / weights[leading].sum()
    broad = [at for at, name in enumerate(names) if name not in names[:at]][:BROAD]
    losses = np.array([max(test.loss(metric, predicted[at]), TINY) for at in broad])
    even = np.zeros(len(weights))
    even[broad] = (losses.min() / losses) ** SHARP
    mixed = (1 - EVEN) * greedy + EVEN * even / even.sum()
    found = test.loss(metric, ensembles.combine(predicted, mixed))
    return np.asarray(mixed if found <= WORSE * losses.min() else greedy)


def _refitted(
    order: Order, panel: Panel, chosen: Sequence[Done], weights: Floats, until: float
) -> tuple[list[tuple[Proposal, Model]], Floats]:
    """The voters' models of all data, the strongest first; those that the time does not suffice for are left out."""
    import numpy as np

    from jupyter_aml.automl.forecasting.models import Model

    found: dict[int, Model] = {}
    for at in np.argsort(-weights, kind="stable"):
        one = chosen[at]
        if found and time.monotonic() + one.attempt.seconds / 2 > until:
            continue
        model = Model(one.proposal.algorithm, one.proposal.parameters, 1, order.seed)
        model.fit(panel)
        found[int(at)] = model
    kept = sorted(found)
    return [(chosen[at].proposal, found[at]) for at in kept], weights[kept] / weights[kept].sum()


def _errors(panel: Panel, test: Backtest, told: Floats) -> Errors:
    import numpy as np

    from jupyter_aml.automl.forecasting.saved import errors_of

    there = ~np.isnan(test.actual)
    series = test.series[there]
    keys = [panel.series[at].key for at in series]
    return errors_of(test.step[there], keys, (test.actual - told)[there], test.scales[series], test.horizon)


def _forecaster(whole: Panel, models: list[Model], weights: Floats, errors: Errors) -> Forecaster:
    from jupyter_aml.automl.forecasting.saved import Forecaster

    found = Forecaster(whole, models, weights, errors)
    found.prepare()
    return found


def _tested(forecaster: Forecaster, rows: Any, settings: asked.Settings) -> Json:
    """Metrics of rows that no model has seen; why not, where they cannot be forecast."""
    import numpy as np
    import pandas as pd

    from jupyter_aml.automl import metrics

    truth = pd.to_numeric(rows[settings.target], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    try:
        told = forecaster.predict(rows.drop(columns=settings.target))
    except ValueError as error:
        return {"error": str(error)}
    there = np.isfinite(truth)
    span = max(float(np.ptp(np.concatenate([one.target for one in forecaster.panel.series]))), 1e-12)
    return {"metrics": metrics.every(metrics.Numbers(truth[there], told[there], span))}
