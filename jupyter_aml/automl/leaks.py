"""How well a single column tells the target: near 1, the target is likely to be made from it, or it from the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl import steps
from jupyter_aml.automl.metrics import CLASSIFICATION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

AT_ONCE = 256
"""Columns that are looked at together."""
MANY_CLASSES = 100
"""Above it a leak is a column in whose order rows of a class stand side by side; no cuts are learned."""
DOUBT = 0.01
"""Rows of a class apart from the others, of all, with which a column is still looked at closely."""


def numbers(frame: pd.DataFrame, truth: NDArray[Any], task: str) -> dict[str, float]:
    """How well each column of numbers tells the target, from 0 to 1.

    Args:
        frame: The columns, shape (rows, columns).
        truth: Classes from 0 on, or numbers, shape (rows,).
        task: `classification` or `regression`.
    """
    found: dict[str, float] = {}
    for at in range(0, frame.shape[1], AT_ONCE):
        some = frame.iloc[:, at : at + AT_ONCE]
        values = steps.numbers(some)
        values = np.where(np.isnan(values), _middles(values), values)
        tells = _classes(values, truth) if task == CLASSIFICATION else _ranks(values, truth)
        found |= dict(zip(map(str, some.columns), tells, strict=True))
    return found


def _middles(values: Floats) -> Floats:
    """The median of each column; 0 of one that has no numbers."""
    found = np.zeros(values.shape[1])
    there = ~np.isnan(values).all(axis=0)
    found[there] = np.nanmedian(values[:, there], axis=0)
    return found


def _ranks(values: Floats, truth: NDArray[Any]) -> list[float]:
    """The squares of the rank correlations."""
    from scipy.stats import rankdata

    own = rankdata(truth) - (len(truth) + 1) / 2
    ranks = rankdata(values, axis=0) - (len(truth) + 1) / 2
    spread = np.sqrt((ranks**2).sum(axis=0) * (own**2).sum())
    return [float(one) for one in np.where(spread > 0, own @ ranks / np.where(spread > 0, spread, 1), 0) ** 2]


def _classes(values: Floats, truth: NDArray[Any]) -> list[float]:
    """The rows beyond a guess that a few cuts of a number tell."""
    count = int(truth.max()) + 1
    changes = (np.diff(truth[np.argsort(values, axis=0, kind="stable")], axis=0) != 0).sum(axis=0)
    if count > MANY_CLASSES:
        room = max(len(truth) - count, 1)
        same = 1 - (changes - (count - 1)) / room
        return [float(one) for one in np.where(np.ptp(values, axis=0) > 0, same, 0.0)]
    most = 4 * count + DOUBT * len(truth)
    return [_cuts(values[:, at], truth) if changes[at] <= most else 0.0 for at in range(values.shape[1])]


def _cuts(values: Floats, truth: NDArray[Any]) -> float:
    """What a few cuts tell, learned from every other row, asked of the rest."""
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_leaf_nodes=2 * (int(truth.max()) + 1), random_state=0)
    told = tree.fit(values[::2, None], truth[::2]).predict(values[1::2, None])
    guess = np.bincount(truth[1::2]).max() / len(told)
    return float(((told == truth[1::2]).mean() - guess) / (1 - guess)) if guess < 1 else 0.0


def groups(given: NDArray[Any], truth: NDArray[Any], task: str, enough: float) -> float:
    """The rows, or the squares, that are explained by knowing a category; categories of few rows explain nothing.

    Args:
        given: The category of each row as a number, shape (rows,).
        truth: Classes from 0 on, or numbers, shape (rows,).
        task: `classification` or `regression`.
        enough: What would be a leak: where fewer rows are in large categories, there is none.
    """
    table = pd.DataFrame({"group": given, "truth": truth})
    sizes = table.groupby("group")["truth"].transform("size")
    if (sizes < np.sqrt(len(table)) / 2).mean() > 1 - enough or not np.ptp(given):
        return 0.0
    if task == CLASSIFICATION:
        right = table.value_counts().groupby("group").max().sum()
        guess = table["truth"].value_counts().iloc[0]
        return float((right - guess) / max(len(table) - guess, 1))
    left = table["truth"] - table.groupby("group")["truth"].transform("mean")
    around = float(table["truth"].var(ddof=0))
    return 1 - float((left**2).mean()) / around if around else 0.0
