"""Sets of labels: how they are written, and how well a model tells them, under Azure's names of metrics.

Source of the forms: Microsoft's "Prepare data for computer vision tasks" and "Set up AutoML to train a natural language
processing model": a list, or a string that reads like one, as in `"['sport', 'music']"`.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.metrics import Floats

HALF = 0.5
"""From this probability on a label is given."""
PRIMARY = (
    "accuracy",
    "AUC_weighted",
    "norm_macro_recall",
    "average_precision_score_weighted",
    "precision_score_weighted",
    "iou",
)
"""What may be optimised."""
CUTS = np.linspace(0.05, 0.95, 37)
"""Probabilities that are tried as the one from which on a label is given."""


def read(written: Any) -> tuple[str, ...]:
    """The labels of one row, without repetition; empty where it has none.

    Raises:
        ValueError: It is neither a list, nor reads like one, nor is a single label.
    """
    found = _plain(written)
    if isinstance(found, dict):
        raise ValueError(f"{written!r} is no list of labels; expected one such as \"['a', 'b']\".")  # noqa: TRY004 - of the data
    return tuple(dict.fromkeys(str(one).strip() for one in found if str(one).strip()))


def _plain(written: Any) -> Any:
    """A list, tuple or whatever else a cell holds as a list."""
    if isinstance(written, list | tuple | set | np.ndarray):
        return list(written)
    if isinstance(written, dict):
        return written
    if written is None or (isinstance(written, float) and math.isnan(written)):
        return []
    text = str(written).strip()
    if text[:1] in {"[", "{", "("}:
        for parsed in (json.loads, ast.literal_eval):
            try:
                found = parsed(text)
            except (ValueError, SyntaxError):
                continue
            return found if isinstance(found, dict) else list(found)
        return [one.strip().strip("'\"") for one in text.strip("[]()").split(",")]
    return [one.strip() for one in text.split(",")]


def indicator(rows: Sequence[tuple[str, ...]], names: Sequence[str]) -> NDArray[np.bool_]:
    """True where a row has a label, shape (rows, labels)."""
    at = {name: place for place, name in enumerate(names)}
    found = np.zeros((len(rows), len(names)), dtype=bool)
    for place, row in enumerate(rows):
        found[place, [at[name] for name in row]] = True
    return found


@dataclass(frozen=True)
class Marks:
    """What a model has said of sets of labels.

    Args:
        truth: True where a row has a label, shape (rows, labels).
        probabilities: Of each label, shape (rows, labels).
    """

    truth: NDArray[np.bool_]
    probabilities: Floats

    @cached_property
    def given(self) -> NDArray[np.bool_]:
        """The labels that are given, shape (rows, labels)."""
        return np.asarray(self.probabilities >= HALF)

    @cached_property
    def there(self) -> NDArray[np.intp]:
        """The labels that some rows have and some have not."""
        return np.flatnonzero(self.truth.any(axis=0) & ~self.truth.all(axis=0))

    def ranked(self, metric: Callable[..., float], average: str) -> float:
        """A metric of probabilities, averaged over the labels for which it is defined."""
        if average == "micro":
            flat = self.truth.ravel()
            return float(metric(flat, self.probabilities.ravel())) if 0 < flat.sum() < len(flat) else math.nan
        if not len(self.there):
            return math.nan
        values = [metric(self.truth[:, at], self.probabilities[:, at]) for at in self.there]
        weights = self.truth[:, self.there].sum(axis=0) if average == "weighted" else None
        return float(np.average(values, weights=weights))


def value(name: str, case: Marks) -> float:
    """One metric; not a number where it is not defined.

    Raises:
        KeyError: There is no such metric.
    """
    return METRICS[name](case)


def every(case: Marks) -> dict[str, float]:
    """All metrics that are defined, by name."""
    found = {name: metric(case) for name, metric in sorted(METRICS.items())}
    return {name: one for name, one in found.items() if not math.isnan(one)}


def _accuracy(case: Marks) -> float:
    """The rows of which all labels are right."""
    return float((case.truth == case.given).all(axis=1).mean())


def _overlap(case: Marks) -> float:
    """Labels that are true and given, of those that are either; 1 for a row with none of both."""
    both, either = (case.truth & case.given).sum(axis=1), (case.truth | case.given).sum(axis=1)
    return float(np.where(either > 0, both / np.maximum(either, 1), 1.0).mean())


def _norm_macro_recall(case: Marks) -> float:
    """0 for a guess, 1 for what is always right: of having a label and of not having it."""
    if not len(case.there):
        return math.nan
    truth, given = case.truth[:, case.there], case.given[:, case.there]
    has = (truth & given).sum(axis=0) / truth.sum(axis=0)
    has_not = (~truth & ~given).sum(axis=0) / (~truth).sum(axis=0)
    return float((has + has_not - 1).mean())


def _ranks(name: str, average: str) -> Callable[[Marks], float]:
    def metric(case: Marks) -> float:
        from sklearn import metrics

        return case.ranked(getattr(metrics, name), average)

    return metric


def _gives(name: str, average: str) -> Callable[[Marks], float]:
    def metric(case: Marks) -> float:
        from sklearn import metrics

        return float(getattr(metrics, name)(case.truth, case.given, average=average, zero_division=0.0))

    return metric


METRICS: dict[str, Callable[[Marks], float]] = {
    "accuracy": _accuracy,
    "iou": _overlap,
    "norm_macro_recall": _norm_macro_recall,
}
"""All that is reported, by name."""
for _average in ("macro", "micro", "weighted"):
    METRICS[f"AUC_{_average}"] = _ranks("roc_auc_score", _average)
    METRICS[f"average_precision_score_{_average}"] = _ranks("average_precision_score", _average)
    for _name in ("f1_score", "precision_score", "recall_score"):
        METRICS[f"{_name}_{_average}"] = _gives(_name, _average)


def cuts(truth: NDArray[np.bool_], probabilities: Floats) -> Floats:
    """The probability of each label from which on it is best given, by F1, shape (labels,)."""
    found = np.full(truth.shape[1], HALF)
    for at in range(truth.shape[1]):
        if not 0 < truth[:, at].sum() < len(truth):
            continue
        given = probabilities[:, at, None] >= CUTS
        right = (given & truth[:, at, None]).sum(axis=0)
        f1 = 2 * right / np.maximum(given.sum(axis=0) + truth[:, at].sum(), 1)
        best = CUTS[f1 >= f1.max() - 1e-12]
        found[at] = best[np.abs(best - HALF).argmin()]
    return found
