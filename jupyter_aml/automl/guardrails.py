"""Guardrails: what was found in the data before training, what was done about it, and what the user may want to do.

Missing values, high cardinality and the balance of classes are Azure's, in its words; the others warn of what spoils a
model without failing it. Source: Microsoft's "Data featurization in automated machine learning", section Data
guardrails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl import leaks
from jupyter_aml.automl.columns import Column, Purpose, present
from jupyter_aml.automl.metrics import CLASSIFICATION

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALL_CLASS = 0.2
"""Classes are unbalanced when the smallest has less than this part of the largest one's rows."""
SHOWN = 10
"""Columns or classes that are named in one guardrail."""
LEAK = 0.999
"""A single column that tells so much of the target, beyond a guess, is likely to be made from it."""
LEAK_ROWS = 5000
LEAK_CELLS, LEAK_FEW = 5_000_000, 500
"""Values of which a leak is looked for, and rows that are enough where there are very many columns."""
LEAK_LEAST = 50
"""Rows of which a leak is looked for at most, and below which none is."""


class Status(StrEnum):
    """How a guardrail ended, in Azure's words."""

    PASSED = "Passed"
    DONE = "Done"
    ALERTED = "Alerted"


@dataclass(frozen=True)
class Guardrail:
    """One look at the data.

    Attributes:
        name: What was looked for.
        status: `Passed`, `Done` (something was changed) or `Alerted` (the user had better look).
        found: One sentence.
        details: Rows of a table, each of the same keys.
        remedy: What to do about it; empty where nothing need be done.
    """

    name: str
    status: Status
    found: str
    details: Sequence[Mapping[str, Any]] = field(default=())
    remedy: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name, "status": str(self.status), "found": self.found,
            "details": [dict(one) for one in self.details], "remedy": self.remedy,
        }  # fmt: skip


def look(frame: pd.DataFrame, target: pd.Series[Any], columns: Mapping[str, Column], task: str) -> list[Guardrail]:
    """All guardrails of a table for classification or regression.

    Args:
        frame: The features, shape (rows, columns).
        target: Shape (rows,), with gaps where the table has them.
        columns: What the columns are for, as `columns.read` says.
        task: `classification` or `regression`.
    """
    found = [missing_target(target), missing_values(frame, columns), high_cardinality(columns), ignored(columns)]
    if task == CLASSIFICATION:
        found.append(class_balance(target))
    found += [duplicates(frame, target), leakage(frame, target, columns, task)]
    return found


def missing_target(target: pd.Series[Any]) -> Guardrail:
    """Rows without a target teach nothing."""
    name, count = "Missing target values", len(target) - len(present(target))
    if not count:
        return Guardrail(name, Status.PASSED, "Every row has a target.")
    return Guardrail(
        name, Status.DONE, f"{count:,} of {len(target):,} rows have no target and were left out.",
        remedy="Look where they come from: a model that never saw them may be wrong about rows like them.",
    )  # fmt: skip


def missing_values(frame: pd.DataFrame, columns: Mapping[str, Column]) -> Guardrail:
    """Azure's imputation of missing features."""
    name = "Missing feature values imputation"
    gaps = [one for one in columns.values() if one.missing and one.purpose is not Purpose.IGNORE]
    if not gaps:
        return Guardrail(name, Status.PASSED, "No feature values are missing.")
    rows = [
        {"column": one.name, "missing": one.missing, "imputed with": _imputed(one.purpose)}
        for one in sorted(gaps, key=lambda one: -one.missing)[:SHOWN]
    ]
    what = f"{len(gaps)} of {len(columns)} columns have missing values, which were imputed."
    worst = max(one.missing for one in gaps) / max(len(frame), 1)
    remedy = f"{rows[0]['column']} is empty in {worst:.0%} of the rows; check its source." if worst > 1 / 2 else ""
    return Guardrail(name, Status.DONE, what, rows, remedy)


def _imputed(purpose: Purpose) -> str:
    return "mean" if purpose in {Purpose.NUMERIC, Purpose.DATE_TIME} else "a category of their own"


def high_cardinality(columns: Mapping[str, Column]) -> Guardrail:
    """Azure's detection of columns with very many categories."""
    name = "High cardinality feature detection"
    many = [one for one in columns.values() if one.purpose is Purpose.CATEGORICAL_HASH]
    if not many:
        return Guardrail(name, Status.PASSED, "No feature has very many categories.")
    rows = [{"column": one.name, "categories": one.different, "done": "hashed"} for one in many[:SHOWN]]
    return Guardrail(name, Status.DONE, f"{len(many)} columns have very many categories, which were hashed.", rows)


def ignored(columns: Mapping[str, Column]) -> Guardrail:
    """Columns that tell nothing: constant ones, empty ones, identifiers."""
    name = "Columns without information"
    gone = [one for one in columns.values() if one.purpose is Purpose.IGNORE]
    if not gone:
        return Guardrail(name, Status.PASSED, "Every column may tell something.")
    rows = [{"column": one.name, "why": one.why} for one in gone[:SHOWN]]
    return Guardrail(
        name, Status.DONE, f"{len(gone)} of {len(columns)} columns were left out.", rows,
        remedy="Give a purpose under featurization.column_name_and_types to use one all the same.",
    )  # fmt: skip


def class_balance(target: pd.Series[Any]) -> Guardrail:
    """Azure's detection of classes with few rows."""
    name = "Class balancing detection"
    counts = present(target).value_counts()
    if len(counts) < 2:  # noqa: PLR2004 - what else could be weighed
        return Guardrail(name, Status.ALERTED, f"There are {len(counts)} classes; two are needed to tell them apart.")
    least, most = int(counts.min()), int(counts.max())
    if least >= SMALL_CLASS * most:
        return Guardrail(name, Status.PASSED, "The classes are balanced.")
    rows = [{"class": str(one), "rows": int(count)} for one, count in counts.tail(SHOWN).items()]
    smallest = str(counts.idxmin())
    return Guardrail(
        name, Status.ALERTED, f"Class {smallest} has {least:,} rows, the largest class {most:,}.", rows,
        remedy="Choose a metric that is fair to small classes, such as AUC_weighted or norm_macro_recall.",
    )  # fmt: skip


def duplicates(frame: pd.DataFrame, target: pd.Series[Any]) -> Guardrail:
    """Rows that are there more than once may stand on both sides of a split."""
    name = "Duplicate rows detection"
    whole = frame.set_axis([f"{at}" for at in range(frame.shape[1])], axis=1).assign(target=target.to_numpy())
    objects = [name for name in whole if pd.api.types.is_object_dtype(whole[name].dtype)]  # others all have a hash
    whole = whole.assign(**{name: whole[name].map(_hashable) for name in objects})
    count = int(pd.util.hash_pandas_object(whole, index=False).duplicated().sum())
    if not count:
        return Guardrail(name, Status.PASSED, "No row is there twice.")
    return Guardrail(
        name, Status.ALERTED, f"{count:,} of {len(frame):,} rows repeat an earlier one.",
        remedy="Drop them (drop_duplicates), or scores of the validation are too good.",
    )  # fmt: skip


def _hashable(one: Any) -> Any:
    return repr(one) if isinstance(one, list | dict | set | np.ndarray) else one


def leakage(frame: pd.DataFrame, target: pd.Series[Any], columns: Mapping[str, Column], task: str) -> Guardrail:
    """Columns that give the target away all by themselves."""
    name = "Target leakage detection"
    labels = present(target)
    if len(labels) < LEAK_LEAST:
        return Guardrail(name, Status.PASSED, f"Not looked for in {len(labels)} rows.")
    looked = [one for one in columns.values() if one.purpose in {Purpose.NUMERIC, Purpose.CATEGORICAL}]
    most = int(np.clip(LEAK_CELLS // max(len(looked), 1), LEAK_FEW, LEAK_ROWS))
    rows = labels.sample(min(len(labels), most), random_state=0).index
    labels = labels[rows]
    truth = pd.factorize(labels)[0] if task == CLASSIFICATION else pd.to_numeric(labels).to_numpy(dtype=float)
    some = frame.loc[rows]
    strengths = leaks.numbers(some[[one.name for one in looked if one.purpose is Purpose.NUMERIC]], truth, task)
    for one in looked:
        if one.purpose is Purpose.CATEGORICAL:
            strengths[one.name] = leaks.groups(pd.factorize(some[one.name].map(_hashable))[0], truth, task, LEAK)
    told = [
        {"column": one.name, "tells": f"{strengths[one.name]:.4f}"} for one in looked if strengths[one.name] >= LEAK
    ]
    if not told:
        return Guardrail(name, Status.PASSED, "No single column gives the target away.")
    named = ", ".join(one["column"] for one in told[:SHOWN])
    return Guardrail(
        name, Status.ALERTED, f"The target follows from {named} alone.", told[:SHOWN],
        remedy="If it is not known when a prediction is asked for, drop it (featurization.drop_columns).",
    )  # fmt: skip
