"""What predictions depend on: all of a model's, by shuffling a column; one row's, by putting its values in one by one.

Sources: Breiman, "Random forests", Machine Learning 45, 2001 (permutation importance); Štrumbelj and Kononenko,
"Explaining prediction models and individual predictions with feature contributions", KAIS 41, 2014 (sampled Shapley
values), with each order of the columns taken forwards and backwards.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from jupyter_aml.automl.metrics import Floats

ROWS = 1000
"""Rows that are looked at."""
REPEATS = 3
ORDERS = 24
"""Orders of the columns that a row's values are put in by; an even number."""
BACKGROUND, KEPT = "background.parquet", 100
"""Where rows are kept that others are compared with, and how many."""
AT_ONCE = 50_000
"""Rows that a model is asked of at a time."""


def importance(
    predict: Callable[[pd.DataFrame], Floats],
    frame: pd.DataFrame,
    loss: Callable[[Floats], float],
    *,
    until: float = np.inf,
    seed: int = 0,
) -> dict[str, float]:
    """How much the loss grows when a column is shuffled, by column, the largest first.

    Args:
        predict: Of a frame.
        frame: Rows, shape (rows, columns).
        loss: Of predictions for those rows.
        until: When to stop, by `time.monotonic`; columns that were not reached are left out.
        seed: Of the shuffling.
    """
    random = np.random.default_rng(seed)
    usual = loss(predict(frame))
    found: dict[str, float] = {}
    for name in frame.columns:
        if time.monotonic() > until:
            break
        grown: list[float] = []
        for _ in range(REPEATS):
            shuffled: Any = frame[name].iloc[random.permutation(len(frame))].to_numpy()
            column = frame[name].__class__(shuffled, index=frame.index, name=name, dtype=frame[name].dtype)
            grown.append(loss(predict(frame.assign(**{str(name): column}))) - usual)
        found[str(name)] = float(np.mean(grown))
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def keep(frame: pd.DataFrame, out: Path) -> None:
    """Keep some rows for `contributions`; none of columns of several kinds, which no file of tables holds."""
    from pyarrow.lib import ArrowException

    some = frame.sample(min(len(frame), KEPT), random_state=0)
    with contextlib.suppress(ArrowException, ValueError):
        some.to_parquet(out / BACKGROUND, index=False)


def contributions(
    model: Any, rows: pd.DataFrame, background: pd.DataFrame, *, label: Any = None, orders: int = ORDERS, seed: int = 0
) -> pd.DataFrame:
    """What each column adds to the prediction of each row, against rows that stand for all.

    Args:
        model: With `predict`, and for classes `predict_proba` and `classes_`.
        rows: To be explained, shape (rows, columns).
        background: Rows with the same columns.
        label: The class whose probability is explained; by default that of each row's own prediction.
        orders: More are more exact, and take as much longer.
        seed: Of the orders and of the rows that are compared with.

    Returns:
        Shape (rows, columns + 2 or 3): `base`, the contributions, `prediction`, and `label` for classes. Base and
        contributions add up to the prediction.

    Raises:
        ValueError: There is no such class.
    """
    import pandas as pd

    chosen = _labels(model, rows, label)
    random = np.random.default_rng(seed)
    count, width = len(rows), len(rows.columns)
    pool = pd.concat([background, rows], ignore_index=True)
    half = max(orders // 2, 1)
    ways = [random.permutation(width) for _ in range(half)]
    ways += [way[::-1] for way in ways]
    against = np.tile(random.integers(len(background), size=half), 2)
    # place of a column in each order: its value is the row's own once the step has passed it
    places = np.array([np.argsort(way) for way in ways])
    own = np.arange(width + 1)[None, :, None] > places[:, None, :]
    steps = len(ways) * (width + 1)
    found = np.zeros((count, width))
    ends = np.zeros((count, 2))
    most = max(AT_ONCE // steps, 1)
    for start in range(0, count, most):
        part = np.arange(start, min(start + most, count))
        mine = len(background) + part
        which = np.where(own[None], mine[:, None, None, None], against[None, :, None, None])
        flat = which.reshape(-1, width)
        asked = pd.DataFrame({name: pool[name].take(flat[:, at]).array for at, name in enumerate(rows.columns)})
        told = _told(model, asked, np.repeat(chosen[part], steps) if chosen is not None else None)
        values = told.reshape(len(part), len(ways), width + 1)
        gains = np.diff(values, axis=2)
        for at, way in enumerate(ways):
            found[part[:, None], way[None, :]] += gains[:, at] / len(ways)
        ends[part, 0], ends[part, 1] = values[:, :, 0].mean(axis=1), values[:, :, -1].mean(axis=1)
    made = pd.DataFrame(found, index=rows.index, columns=rows.columns)
    made.insert(0, "base", ends[:, 0], allow_duplicates=True)
    made["prediction"] = ends[:, 1]
    if chosen is not None:
        made["label"] = np.asarray(model.classes_)[chosen]
    return made


def _labels(model: Any, rows: pd.DataFrame, label: Any) -> Any:
    """The class that is explained of each row, as its place; None for numbers."""
    if not hasattr(model, "predict_proba"):
        return None
    known = [str(one) for one in model.classes_]
    if label is None:
        return np.asarray(model.predict_proba(rows)).argmax(axis=1)
    if str(label) not in known:
        msg = f"There is no class {label!r}; the model knows {', '.join(known)}."
        raise ValueError(msg)
    return np.full(len(rows), known.index(str(label)))


def _told(model: Any, asked: pd.DataFrame, chosen: Any) -> Floats:
    if chosen is None:
        return np.asarray(model.predict(asked), dtype=float)
    told: Floats = np.asarray(model.predict_proba(asked), dtype=float)[np.arange(len(asked)), chosen]
    return told
