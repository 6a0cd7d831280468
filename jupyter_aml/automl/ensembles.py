"""Voting: models that vote with weights which are chosen greedily on rows that none of them has learned from.

Source: Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble selection from libraries of models", ICML 2004.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jupyter_aml.automl.metrics import Floats

ROUNDS = 40
"""Votes that are given; a model may get several."""
NO_GAIN = 1e-12


def select(
    predictions: Sequence[Floats], loss: Callable[[Floats], float], rounds: int = ROUNDS, until: float = np.inf
) -> Floats:
    """The weight of each model's vote, with the sum 1.

    Args:
        predictions: Of each model for the same rows, of one shape.
        loss: What is to be made small, of predictions of that shape.
        rounds: How many votes are given.
        until: When to give no more, by `time.monotonic`; the first is given in any case.

    Returns:
        Shape (models,); the best model alone has 1 where no other vote helps.

    Raises:
        ValueError: There is no model.
    """
    if not predictions:
        msg = "There is no model that could vote."
        raise ValueError(msg)
    votes = np.zeros(len(predictions))
    total: Any = np.zeros_like(predictions[0], dtype=float)
    best, kept = np.inf, votes.copy()
    for given in range(1, rounds + 1):
        if given > 1 and time.monotonic() > until:
            break
        losses = [loss((total + one) / given) for one in predictions]
        chosen = int(np.argmin(losses))
        votes[chosen] += 1
        total = total + predictions[chosen]
        if losses[chosen] < best - NO_GAIN:
            best, kept = losses[chosen], votes.copy()
    return np.asarray(kept / kept.sum()) if kept.any() else _alone(len(votes))


def _alone(count: int) -> Floats:
    """The first model's vote, where nothing could be measured."""
    weights = np.zeros(count)
    weights[0] = 1.0
    return weights


def combine(predictions: Sequence[Floats], weights: Floats) -> Floats:
    """The weighted mean of the predictions."""
    return np.asarray(sum(weight * one for weight, one in zip(weights, predictions, strict=True) if weight))
