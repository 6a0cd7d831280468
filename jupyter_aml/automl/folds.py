"""How rows are split for validation, by Azure's rules.

Source: Microsoft's "Configure training, validation, cross-validation and test data in automated machine learning":
below 1,000 rows ten folds, up to 20,000 three, above a tenth of the rows is held out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Rows = NDArray[np.intp]
    Split = tuple[Rows, Rows]

SMALL, LARGE = 1_000, 20_000
"""Rows below which there are ten folds, and above which a part is held out."""
MANY_FOLDS, FEW_FOLDS = 10, 3
HELD_OUT = 0.1
LEAST_FOLDS = 2


@dataclass(frozen=True)
class Validation:
    """What the user wishes.

    Attributes:
        folds: How many; None for the rule.
        held_out: The part of the rows that is held out, between 0 and 1; None for the rule.
        columns: Columns that hold 1 where a row is for training and 0 where it is for validation, a split each.
    """

    folds: int | None = None
    held_out: float | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.folds is not None and self.folds < LEAST_FOLDS:
            msg = f"n_cross_validations is {self.folds}; expected {LEAST_FOLDS} at least."
            raise ValueError(msg)
        if self.held_out is not None and not 0 < self.held_out < 1:
            msg = f"validation_data_size is {self.held_out}; expected a part between 0 and 1."
            raise ValueError(msg)


def splits(
    validation: Validation, target: NDArray[Any], frame: pd.DataFrame, *, classes: bool, seed: int = 0
) -> list[Split]:
    """Rows to learn from and rows to be judged by, as positions; of each split in turn.

    Args:
        validation: What the user wishes.
        target: Classes as numbers, or numbers, shape (rows,).
        frame: With the columns of the splits, shape (rows, columns).
        classes: Whether each part is to have all classes, as far as their rows suffice.
        seed: The same seed gives the same splits.

    Raises:
        ValueError: There are too few rows, or a column of splits is no such column.
    """
    if validation.columns:
        return [_by_column(name, frame) for name in validation.columns]
    rows = len(target)
    if rows < LEAST_FOLDS:
        msg = f"There are {rows} rows; two are needed, to learn from one and be judged by the other."
        raise ValueError(msg)
    held_out = validation.held_out
    if held_out is None and validation.folds is None and rows > LARGE:
        held_out = HELD_OUT
    if held_out is not None and validation.folds is None:
        return [_held_out(held_out, target, classes=classes, seed=seed)]
    count = validation.folds or (MANY_FOLDS if rows < SMALL else FEW_FOLDS)
    return _folded(min(count, rows), target, classes=classes, seed=seed)


def _folded(count: int, target: NDArray[Any], *, classes: bool, seed: int) -> list[Split]:
    from sklearn.model_selection import KFold, StratifiedKFold

    enough = classes and int(np.unique(target, return_counts=True)[1].min()) >= count
    kind = StratifiedKFold if enough else KFold
    folds = kind(count, shuffle=True, random_state=seed)
    return list(folds.split(np.zeros(len(target)), target))


def _held_out(part: float, target: NDArray[Any], *, classes: bool, seed: int) -> Split:
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(target))
    enough = classes and int(np.unique(target, return_counts=True)[1].min()) * min(part, 1 - part) >= 1
    seen, unseen = train_test_split(rows, test_size=part, random_state=seed, stratify=target if enough else None)
    return np.sort(seen), np.sort(unseen)


def _by_column(name: str, frame: pd.DataFrame) -> Split:
    if name not in frame:
        msg = f"cv_split_column_names has {name!r}, which is no column of the table."
        raise ValueError(msg)
    marks = frame[name].to_numpy()
    if set(np.unique(marks).tolist()) != {0, 1}:
        msg = f"Column {name} splits the rows, so it must hold 1 (train) and 0 (validate), and both of them."
        raise ValueError(msg)
    return np.flatnonzero(marks == 1), np.flatnonzero(marks == 0)
