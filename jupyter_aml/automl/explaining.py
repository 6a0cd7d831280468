"""What a model's predictions depend on: how much worse they become when a column is shuffled.

Source: Breiman, "Random forests", Machine Learning 45, 2001 (permutation importance).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from jupyter_aml.automl.metrics import Floats

ROWS = 1000
"""Rows that are looked at."""
REPEATS = 3


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
