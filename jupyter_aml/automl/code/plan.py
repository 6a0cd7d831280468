"""What the code is to say: the best model and the data that it was learned from, without the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl import saving, stacked
from jupyter_aml.automl.columns import Purpose
from jupyter_aml.automl.folds import HELD_OUT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.settings import Settings
    from jupyter_aml.automl.table import Table

FEW_ROWS, FEW_OF_A_CLASS = 100, 5
"""Below which some models want more care: those that split their rows, or look at many of them."""
TABLES = {"training": "trainingData", "validation": "validationData", "test": "testData"}


@dataclass(frozen=True)
class Voter:
    """One model of the best.

    Attributes:
        name: Azure's, of its algorithm.
        features: What makes numbers of a table.
        estimator: What makes predictions of numbers.
        weight: How its vote counts; the weights of all have the sum 1.
        scaled: Whether it predicts a target that is moved to the mean 0 and divided to the spread 1.
        trees: Those of a boosting in each fold; empty for others.
    """

    name: str
    features: Any
    estimator: Any
    weight: float = 1.0
    scaled: bool = False
    trees: Sequence[int] = ()


@dataclass(frozen=True)
class Stack:
    """What listens to the models.

    Attributes:
        name: Azure's, of the meta-learner.
        estimator: The meta-learner.
        part: Of the rows to train on, by which it was taught; 0 where it was taught by the rows that judge the models.
        folds: In which its rows were judged by others like it.
        stratified: Whether each part, or fold, has all classes.
    """

    name: str
    estimator: Any
    part: float = 0.0
    folds: int = 0
    stratified: bool = False


@dataclass(frozen=True)
class Splits:
    """How the rows were split.

    Attributes:
        folds: How many; 0 where a part was held out.
        held_out: That part; 0 where there are folds.
        columns: Columns that hold 1 where a row is to learn from and 0 where it judges.
        given: Whether rows that judge were given.
        stratified: Whether each part has all classes.
    """

    folds: int = 0
    held_out: float = 0.0
    columns: Sequence[str] = ()
    given: bool = False
    stratified: bool = False


@dataclass(frozen=True)
class Plan:
    """What the code is to say.

    Attributes:
        title: What the best model is called.
        score: The primary metric, as the job has measured it.
        primary: Its name.
        classes: Labels, in order; empty for a regression.
        voters: The models.
        target, weight: Columns; the latter empty for none.
        columns: By what they are for.
        ignored: Columns that are left out, and why.
        splits: How the rows were split.
        tested: The part of the rows that only judged the best model; 0 for none.
        span: Largest less smallest target of all rows, where some were not learned from; else 0.
        rows: That were learned from.
        seed: Of the job.
        uris: How the data were given, by role.
        tables: Whether they were given as MLTables.
        packages: Pinned.
        stack: What listens to the models; None where they vote.
        careful: Whether rows, or those of a class, are so few that models are fitted with more care.
    """

    title: str
    score: float
    primary: str
    classes: Sequence[Any]
    voters: Sequence[Voter]
    target: str
    weight: str
    columns: Mapping[Purpose, Sequence[str]]
    ignored: Mapping[str, str]
    splits: Splits
    tested: float
    span: float
    rows: int
    seed: int
    uris: Mapping[str, str] = field(default_factory=dict)
    tables: bool = True
    packages: Sequence[str] = ()
    stack: Stack | None = None
    careful: bool = False


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes:
        details: Of the job, as Azure's REST API writes them.
        settings: That they mean.
        table: The data.
        title: What the best model is called.
        score: Its primary metric.
        packages: That it needs besides scikit-learn.
        apart: Whether its meta-learner was taught by rows that were kept for it.
    """

    details: Mapping[str, Any]
    settings: Settings
    table: Table
    title: str
    score: float
    packages: Sequence[str]
    apart: bool = False


def read(found: Found, model: Any, trees: Sequence[Sequence[int]]) -> Plan:
    """What the code of a best model is to say.

    Args:
        found: What is known of it.
        model: One of `voted`.
        trees: Of a boosting in each fold, by member; zeros for others.
    """
    details, settings, table = found.details, found.settings, found.table
    held: dict[Purpose, list[str]] = {}
    for one in table.columns.values():
        held.setdefault(one.purpose, []).append(one.name)
    held.pop(Purpose.IGNORE, None)
    given = {role: details.get(key) or {} for role, key in TABLES.items()}
    kinds = {str(one.get("jobInputType") or "mltable").lower() for one in given.values() if one}
    tables = not kinds or "mltable" in kinds
    packages = (*saving.ALWAYS, "mlflow", *(["pyyaml"] if tables else []), *found.packages)
    return Plan(
        title=found.title,
        score=found.score,
        primary=settings.primary,
        classes=list(table.classes),
        voters=_voters(model, trees),
        target=table.target,
        weight=settings.weight,
        columns=held,
        ignored={one.name: one.why for one in table.columns.values() if one.purpose is Purpose.IGNORE},
        splits=_splits(details, settings, table),
        tested=settings.test if table.tested is not None and not details.get("testData") else 0.0,
        span=_span(table),
        rows=len(table.rows.target),
        seed=settings.seed,
        uris={role: str(one.get("uri") or "") for role, one in given.items() if one},
        tables=tables,
        packages=[saving.requirement(name) for name in packages],
        stack=_stack(found, model.meta) if hasattr(model, "meta") else None,
        careful=_careful(table),
    )


def _careful(table: Table) -> bool:
    """Whether any model learns from few rows, from few of a class, or from few values of a column."""
    learned = [table.rows.target, *(table.rows.target[seen] for seen, _ in table.splits)]
    few = min(map(len, learned)) < FEW_ROWS
    few |= bool(table.classes) and min(map(_least, learned)) < FEW_OF_A_CLASS
    few |= bool(table.classes) and any(len(np.unique(one)) == 1 for one in learned)
    given = [one for one in table.columns.values() if one.purpose is not Purpose.IGNORE]
    return few or any(len(table.rows.target) - one.missing < FEW_ROWS for one in given)


def _voters(model: Any, trees: Sequence[Sequence[int]]) -> list[Voter]:
    weights = getattr(model, "weights", np.ones(len(model.members)))
    return [
        Voter(
            member.name, member.features, member.estimator, float(weight),
            scaled=tuple(member.scale) != (0.0, 1.0), trees=[max(one, 1) for one in found] if any(found) else [],
        )
        for member, weight, found in zip(model.members, weights, trees, strict=True)
    ]  # fmt: skip


def _stack(found: Found, meta: Any) -> Stack:
    """How a meta-learner was taught, by the rules of `contenders` and `stacked`."""
    table, wish = found.table, found.settings.stacking or stacked.Stacking()
    if found.apart:
        target = table.rows.target[table.splits[0][0]]
        enough = bool(table.classes) and _least(target) * min(wish.part, 1 - wish.part) >= 1
        return Stack(meta.name, meta.estimator, part=wish.part, stratified=enough)
    target = table.rows.target[np.unique(table.validated)]
    enough = bool(table.classes) and _least(target) >= stacked.FOLDS
    return Stack(meta.name, meta.estimator, folds=min(stacked.FOLDS, len(target)), stratified=enough)


def _least(target: NDArray[Any]) -> int:
    """Rows of the rarest class."""
    return int(np.unique(target, return_counts=True)[1].min())


def _span(table: Table) -> float:
    if table.classes or table.tested is None:
        return 0.0
    return float(np.ptp(np.concatenate([table.rows.target, table.tested.target])))


def _splits(details: Mapping[str, Any], settings: Settings, table: Table) -> Splits:
    """How a table was split, by the rules of `folds`."""
    asked = settings.validation
    if details.get("validationData"):
        return Splits(given=True)
    if asked.columns:
        return Splits(columns=asked.columns)
    least = _least(table.rows.target) if table.classes else 0
    if len(table.splits) == 1:
        part = asked.held_out or HELD_OUT
        return Splits(held_out=part, stratified=least * min(part, 1 - part) >= 1)
    count = len(table.splits)
    return Splits(folds=count, stratified=least >= count)
