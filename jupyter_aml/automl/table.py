"""The data of a search over a table: what is learned from, what judges, and what only judges the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl import columns, folds, guardrails, steps
from jupyter_aml.automl.columns import Column, Purpose
from jupyter_aml.automl.metrics import CLASSIFICATION, Classes, Numbers
from jupyter_aml.automl.models import Recipe, Rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from jupyter_aml.automl.algorithms import Algorithm
    from jupyter_aml.automl.metrics import Floats
    from jupyter_aml.automl.settings import Settings

LEAST_ROWS = 2
MOST_CLASSES = 1_000
"""Beyond it neither the metrics nor the charts of a model come to an end in a reasonable time."""
_LEARN, _JUDGE, _TEST = range(3)


class Table:
    """The data of a search, cleaned of what teaches nothing.

    Args:
        frame: Features and target, shape (rows, columns).
        target: The column to be predicted.
        settings: What is asked for.
        validation: Rows that judge, of the same columns; None where they are taken from `frame`.
        test: Rows that judge the best model alone, of the same columns; None where there are none, or `frame` has them.

    Attributes:
        columns: What the columns are for.
        classes: The class labels in order; empty for a regression.
        rows: What is learned from.
        tested: What judges the best model alone; None where nothing does.
        splits: Rows to learn from and to be judged by.
        guardrails: What was found in the data.

    Raises:
        ValueError: The data cannot be learned from; says why.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        target: str,
        settings: Settings,
        validation: pd.DataFrame | None = None,
        test: pd.DataFrame | None = None,
    ) -> None:
        target = str(target)
        whole, roles = _joined(frame, validation, test)
        _check(whole, target, settings)
        if test is None and settings.test:
            roles[_some(len(whole), settings.test, settings.seed)] = _TEST
        own = [name for name in (settings.weight, *settings.validation.columns) if name]
        features = whole.drop(columns=[target, *own])
        learned = roles != _TEST
        self.target = target
        self.columns = columns.read(features[learned], settings.purposes, settings.drop)
        if settings.plain:
            self.columns = _numbers_alone(self.columns)
        kept = whole.index.isin(columns.present(whole[target]).index)
        _check_rows(kept, roles, target)
        self.classes, told = _target(whole.loc[kept, target], settings.task)
        self.guardrails = guardrails.look(features[learned], whole.loc[learned, target], self.columns, settings.task)
        if all(one.purpose is Purpose.IGNORE for one in self.columns.values()):
            raise ValueError(columns.nothing(self.columns))
        weights = _weights(whole.loc[kept, settings.weight]) if settings.weight else None
        rows, roles = Rows(features.loc[kept], told, weights), roles[kept]
        self.tested = rows.take(np.flatnonzero(roles == _TEST)) if (roles == _TEST).any() else None
        learned = roles != _TEST
        self.rows = rows.take(np.flatnonzero(learned))
        self.splits = self._split(settings, whole.loc[kept].loc[learned], roles[learned])
        self.validated = np.concatenate([unseen for _, unseen in self.splits])
        self._span = 0.0 if self.classes else float(np.ptp(told))

    def _split(self, settings: Settings, frame: pd.DataFrame, roles: NDArray[Any]) -> list[folds.Split]:
        judge = roles == _JUDGE
        if judge.any():
            return [(np.flatnonzero(~judge), np.flatnonzero(judge))]
        classes = settings.task == CLASSIFICATION
        return folds.splits(settings.validation, self.rows.target, frame, classes=classes, seed=settings.seed)

    def case(self, predicted: Floats, positions: NDArray[np.intp]) -> Classes | Numbers:
        """Predictions beside what is true."""
        weights = None if self.rows.weights is None else self.rows.weights[positions]
        return self._beside(predicted, self.rows.target[positions], weights)

    def compared(self, predicted: Floats, rows: Rows) -> Classes | Numbers:
        """Predictions for rows beside what is true."""
        return self._beside(predicted, rows.target, rows.weights)

    def _beside(self, predicted: Floats, truth: NDArray[Any], weights: Floats | None) -> Classes | Numbers:
        if self.classes:
            return Classes(truth, predicted, weights)
        return Numbers(truth, predicted, self._span, weights)

    def recipe(self, algorithm: Algorithm, parameters: Mapping[str, Any], settings: Settings) -> Recipe:
        """What a model of this table is made of."""
        wishes = settings.wishes
        return Recipe(algorithm, dict(parameters), len(self.classes), settings.threads, settings.seed, wishes)


def _joined(
    frame: pd.DataFrame, validation: pd.DataFrame | None, test: pd.DataFrame | None
) -> tuple[pd.DataFrame, NDArray[Any]]:
    """All rows, known by their places, and what each is for."""
    parts = {_LEARN: frame, _JUDGE: validation, _TEST: test}
    given = {role: part.rename(columns=str) for role, part in parts.items() if part is not None}
    for part in given.values():
        columns.once(part)
    first = given[_LEARN]
    roles = np.concatenate([np.full(len(part), role) for role, part in given.items()])
    for role, word in ((_JUDGE, "validation"), (_TEST, "test")):
        missing = [name for name in first.columns if role in given and name not in given[role]]
        if missing:
            msg = f"The {word} data have no column {columns.listed(missing)}, which the training data have."
            raise ValueError(msg)
    whole = first if len(given) == 1 else pd.concat([part[first.columns] for part in given.values()])
    return whole.reset_index(drop=True), roles  # an index may name some rows twice


def _check(frame: pd.DataFrame, target: str, settings: Settings) -> None:
    if target not in frame:
        msg = f"There is no column {target}; the table has {columns.listed(frame.columns)}."
        raise ValueError(msg)
    if settings.weight and settings.weight not in frame:
        msg = f"There is no column {settings.weight}, which is to hold the weights."
        raise ValueError(msg)
    if target in {settings.weight, *settings.validation.columns}:
        msg = f"The target {target} is to be predicted, so it can neither weigh nor split the rows; name another."
        raise ValueError(msg)


def _check_rows(kept: NDArray[np.bool_], roles: NDArray[Any], target: str) -> None:
    """Refuse a table of which too few rows have a target."""
    given = roles != _TEST
    if (kept & given).sum() < LEAST_ROWS:
        msg = f"{int(kept.sum())} of {len(kept)} rows have a target in {target}; two are needed at least."
        raise ValueError(msg)
    for role, word in ((_LEARN, "training"), (_JUDGE, "validation")):
        if (roles == role).any() and not (kept & (roles == role)).any():
            msg = f"No row of the {word} data has a target in {target}; expected one at least."
            raise ValueError(msg)


def _weights(values: pd.Series[Any]) -> Floats:
    """The weights of rows as numbers."""
    found: Floats = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    strange = values[~(np.isfinite(found) & (found >= 0))]
    if len(strange) or not found.any():
        other = f"{len(strange):,} rows hold others, such as {strange.tolist()[0]!r}" if len(strange) else "all are 0"
        msg = f"The column {values.name} is to hold weights, numbers of 0 or more; {other}."
        raise ValueError(msg)
    return found


def _some(rows: int, part: float, seed: int) -> NDArray[np.intp]:
    count = max(round(rows * part), 1)
    return np.random.default_rng(seed).permutation(rows)[:count]


def _numbers_alone(found: Mapping[str, Column]) -> dict[str, Column]:
    """The columns where no features are to be made: those that are no numbers are left out."""
    return {
        name: one
        if one.purpose in {Purpose.NUMERIC, Purpose.IGNORE}
        else Column(name, Purpose.IGNORE, "is no number, and featurization is off", one.missing, one.different)
        for name, one in found.items()
    }


def _target(values: pd.Series[Any], task: str) -> tuple[list[Any], NDArray[Any]]:
    """The classes, and each row's, or the numbers."""
    return _labels(values) if task == CLASSIFICATION else ([], _numbers(values))


def _numbers(values: pd.Series[Any]) -> Floats:
    """The targets of a regression."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
        msg = f"The target {values.name} is to be a number; it holds moments, such as {values.iloc[0]}."
        raise ValueError(msg)
    numbers: Floats = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    strange = values[~np.isfinite(numbers)]
    if len(strange):
        other = f"{len(strange)} rows hold others, such as {strange.iloc[0]!r}"
        msg = f"The target {values.name} is to be a number; {other}."
        raise ValueError(msg)
    if np.abs(numbers).max() > steps.LARGEST:
        msg = f"The target {values.name} reaches {np.abs(numbers).max():.3g}, too much to calculate with; divide it."
        raise ValueError(msg)
    if not np.ptp(numbers):
        msg = f"The target {values.name} is {numbers[0]:g} in every row; there is nothing to be learned."
        raise ValueError(msg)
    return numbers


def _labels(values: pd.Series[Any]) -> tuple[list[Any], NDArray[Any]]:
    """The classes, in order, and the place of each row's among them."""
    if pd.api.types.is_object_dtype(values.dtype):
        held = values[[isinstance(one, list | tuple | dict | set | np.ndarray) for one in values]]
        if len(held):
            msg = f"The target {values.name} is to be one class in each row; {len(held):,} hold {held.iloc[0]!r}."
            raise ValueError(msg)
        kinds = {type(one) for one in values}
        values = values.map(str) if len(kinds) > 1 and not kinds <= {int, float} else values
    codes, labels = pd.factorize(values, sort=True)
    if len(labels) < LEAST_ROWS:
        msg = f"The target {values.name} has one class only, {labels[0]!r}; two are needed to tell them apart."
        raise ValueError(msg)
    if len(values) >= columns.FEW_ROWS and len(labels) >= columns.MOSTLY * len(values):
        msg = (
            f"The target {values.name} has another value in almost every row ({len(labels):,} in {len(values):,}), so"
            " there are no classes to be learned; where it is a number, make the task a regression."
        )
        raise ValueError(msg)
    if len(labels) > MOST_CLASSES:
        msg = (
            f"The target {values.name} has {len(labels):,} classes; at most {MOST_CLASSES:,} are told apart. Put rare"
            " ones together, or leave out their rows."
        )
        raise ValueError(msg)
    return list(labels), codes.astype(np.intp)
