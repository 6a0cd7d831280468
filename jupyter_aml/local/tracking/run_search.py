"""Searching runs: MLflow's filter as SQL, its order, and pages by key rather than by offset."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_aml.local.arm import paging
from jupyter_aml.local.tracking import faults, places, runs
from jupyter_aml.local.tracking.experiments import ACTIVE, DELETED, Reader
from jupyter_aml.local.tracking.grammar import (
    ATTRIBUTE,
    DATASET,
    METRIC,
    PARAM,
    TAG,
    Clause,
    Grammar,
    Order,
)
from jupyter_aml.local.tracking.matching import position

GRAMMAR = Grammar(
    text=frozenset({"run_id", "run_name", "status", "user_id", "artifact_uri", "experiment_id"}),
    numeric=frozenset({"start_time", "end_time"}),
    kinds=frozenset({METRIC, PARAM, TAG, DATASET}),
    aliases={
        "created": "start_time",
        "Created": "start_time",
        "run name": "run_name",
        "Run name": "run_name",
        "Run Name": "run_name",
    },
)
STAGES = {"ACTIVE_ONLY": (ACTIVE,), "DELETED_ONLY": (DELETED,), "ALL": (ACTIVE, DELETED)}
VIEWS = {"1": "ACTIVE_ONLY", "2": "DELETED_ONLY", "3": "ALL"}

_COLUMNS = {
    "run_id": "runs.run_id COLLATE BINARY",
    "run_name": "runs.name",
    "status": "runs.status",
    "user_id": "runs.user_id",
    "experiment_id": "CAST(runs.experiment AS TEXT)",
    "start_time": "runs.start_time",
    "end_time": "runs.end_time",
}
_TABLES = {PARAM: "params", TAG: "run_tags"}
_DATASET_COLUMNS = {
    "name": "datasets.name",
    "digest": "datasets.digest",
    "context": """json_extract(run_datasets.tags, '$."mlflow.data.context"')""",
}


@dataclass(frozen=True)
class Sql:
    """A piece of SQL and the values of its question marks."""

    text: str
    values: tuple[Any, ...] = ()


def stages(view: Any) -> tuple[str, ...]:
    """The life cycle stages of a view type, by name or number; active ones when not given."""
    name = VIEWS.get(str(view), str(view or "ACTIVE_ONLY").upper())
    return STAGES.get(name, (ACTIVE,))


def compare(expression: Sql, clause: Clause) -> Sql:
    """One comparison as SQL; LIKE minds the case, ILIKE does not."""
    value = clause.value
    if isinstance(value, tuple):
        marks = ",".join("?" * len(value))
        return Sql(f"{expression.text} {clause.operator} ({marks})", (*expression.values, *value))
    if clause.operator == "LIKE":
        return Sql(f"{expression.text} GLOB ?", (*expression.values, _glob(str(value))))
    if clause.operator == "ILIKE":
        return Sql(f"{expression.text} LIKE ?", (*expression.values, value))
    return Sql(f"{expression.text} {clause.operator} ?", (*expression.values, value))


def _glob(pattern: str) -> str:
    marks = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(marks.get(mark, mark) for mark in pattern)


def _column(key: str, folder: Path) -> Sql:
    if key != "artifact_uri":
        return Sql(_COLUMNS[key])
    return Sql(
        "CASE WHEN instr(runs.place, ':/') OR substr(runs.place, 1, 1)='/' THEN runs.place"
        " ELSE ? || '/' || runs.place END",
        (places.uri(folder, ""),),
    )


def where(clause: Clause, folder: Path) -> Sql:
    """A comparison as a condition on `runs`."""
    if clause.kind == ATTRIBUTE:
        return compare(_column(clause.key, folder), clause)
    if clause.kind == METRIC:
        test = "(nan OR value<>?)" if clause.operator == "!=" else f"NOT nan AND value {clause.operator} ?"
        return Sql(
            f"EXISTS (SELECT 1 FROM series WHERE run=runs.id AND key=? AND {test})",  # noqa: S608 - checked operator
            (clause.key, clause.value),
        )
    if clause.kind == DATASET:
        inner = compare(Sql(_DATASET_COLUMNS[clause.key]), clause)
        return Sql(
            "EXISTS (SELECT 1 FROM run_datasets JOIN datasets ON datasets.id=dataset"  # noqa: S608 - fixed text
            f" WHERE run=runs.id AND {inner.text})",
            inner.values,
        )
    table = _TABLES[clause.kind]
    if clause.value is None:
        no = "NOT " if clause.operator == "IS NULL" else ""
        return Sql(f"{no}EXISTS (SELECT 1 FROM {table} WHERE run=runs.id AND key=?)", (clause.key,))  # noqa: S608 - fixed
    inner = compare(Sql("value"), clause)
    return Sql(
        f"EXISTS (SELECT 1 FROM {table} WHERE run=runs.id AND key=? AND {inner.text})",  # noqa: S608 - fixed text
        (clause.key, *inner.values),
    )


def _terms(order: Sequence[Order], folder: Path) -> list[tuple[Sql, bool]]:
    """SQL to order by, each with whether it descends; absent values and NaN come last either way."""
    found: list[tuple[Sql, bool]] = []
    for term in order:
        if term.kind == ATTRIBUTE:
            column = _column(term.key, folder)
        elif term.kind == METRIC:
            column = Sql(
                "(SELECT CASE WHEN NOT nan THEN value END FROM series WHERE run=runs.id AND key=?)", (term.key,)
            )
            nan = Sql(
                "coalesce((SELECT nan FROM series WHERE run=runs.id AND key=?), 2)",
                (term.key,),
            )
            found.append((nan, False))
            column = Sql(f"coalesce({column.text}, 0)", column.values)
        else:
            if term.kind not in _TABLES:
                raise faults.invalid(f"Runs cannot be ordered by a {term.kind}.")
            table = _TABLES[term.kind]
            column = Sql(f"(SELECT value FROM {table} WHERE run=runs.id AND key=?)", (term.key,))  # noqa: S608 - fixed
        if term.kind != METRIC and (term.kind, term.key) != (ATTRIBUTE, "start_time"):
            found.append((Sql(f"({column.text}) IS NULL", column.values), False))
            column = Sql(f"coalesce({column.text}, '')", column.values)
        found.append((column, term.descending))
    if (ATTRIBUTE, "start_time") not in {(term.kind, term.key) for term in order}:
        found.append((Sql("runs.start_time"), True))
    found.append((Sql("runs.run_id"), False))
    return found


def _after(terms: Sequence[tuple[Sql, bool]], last: Sequence[Any]) -> Sql:
    """The condition that a row comes after the last one of the page before."""
    choices: list[str] = []
    values: list[Any] = []
    for index, (term, descending) in enumerate(terms):
        parts = [f"({held.text})=?" for held, _ in terms[:index]]
        for (held, _), value in zip(terms[:index], last, strict=False):
            values += [*held.values, value]
        parts.append(f"({term.text}) {'<' if descending else '>'} ?")
        values += [*term.values, last[index]]
        choices.append("(" + " AND ".join(parts) + ")")
    return Sql("(" + " OR ".join(choices) + ")", tuple(values))


def search(
    reader: Reader,
    folder: Path,
    *,
    experiments: Sequence[int],
    text: str | None,
    view: Any,
    order: Sequence[str],
    size: int,
    token: str | None,
) -> tuple[list[sqlite3.Row], str | None]:
    """One page of rows of `runs`, and the token of the next.

    Args:
        reader: A connection or transaction.
        folder: The workspace's folder.
        experiments: Where to look.
        text: The filter.
        view: ACTIVE_ONLY, DELETED_ONLY or ALL.
        order: Terms such as `metrics.auc DESC`; newest first when empty.
        size: Runs on a page.
        token: Of the page before.

    Raises:
        ResourceError: Filter, order or token cannot be understood.
    """
    conditions = [where(clause, folder) for clause in GRAMMAR.filter(text)]
    parsed = GRAMMAR.order(order)
    terms = _terms(parsed, folder)
    if token:
        last = position(token, len(terms))
        if not parsed:  # lets the index begin at the page
            conditions.append(Sql("runs.start_time<=?", (last[0],)))
        conditions.append(_after(terms, last))
    kept = stages(view)
    conditions.insert(0, Sql(f"runs.lifecycle_stage IN ({','.join('?' * len(kept))})", kept))
    within = tuple(experiments)
    conditions.insert(0, Sql(f"runs.experiment IN ({','.join('?' * len(within))})", within))
    keys = ", ".join(f"{term.text} AS k{index}" for index, (term, _) in enumerate(terms))
    ordered = ", ".join(f"k{index}{' DESC' if way else ''}" for index, (_, way) in enumerate(terms))
    sql = (
        f"SELECT {runs.COLUMNS}, {keys} FROM runs"  # noqa: S608 - texts made here, values bound
        f" WHERE {' AND '.join(one.text for one in conditions)} ORDER BY {ordered} LIMIT ?"
    )
    values = [
        *(value for term, _ in terms for value in term.values),
        *(value for one in conditions for value in one.values),
        size + 1,
    ]
    found = reader.execute(sql, values).fetchall()
    if len(found) <= size:
        return found, None
    last_row = found[size - 1]
    return found[:size], paging.encode([last_row[f"k{index}"] for index in range(len(terms))])
