"""Which numbers a model has made of which columns, and how: what Azure calls its engineered features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST_NAMES = 20
"""Names of features that are told of one group of columns."""
SUMMARY = "engineered_features.json"


def summary(members: Sequence[Any]) -> list[dict[str, Any]]:
    """A row for each group of columns of each model.

    Args:
        members: Fitted models with a `name` and `features`: a ColumnTransformer, or a pipeline that begins with one.

    Returns:
        `model`, `columns`, `steps` (what they go through), `features` (how many come of them) and `names` of the first.
    """
    found = []
    for member in members:
        whole = member.features
        made = whole if hasattr(whole, "transformers_") else whole[0]
        for name, fitted, columns in made.transformers_:
            if name == "remainder":
                continue
            span = made.output_indices_[name]
            found.append(
                {
                    "model": str(member.name),
                    "columns": [str(column) for column in columns],
                    "steps": [_step(one) for one in _parts(fitted)],
                    "features": int(span.stop - span.start),
                    "names": _names(fitted, columns),
                }
            )
    return found


def _parts(fitted: Any) -> list[Any]:
    return [part for _, part in fitted.steps] if hasattr(fitted, "steps") else [fitted]


def _step(part: Any) -> str:
    """A transformer's class; of a function its name."""
    function = getattr(part, "func", None)
    return str(getattr(function, "__name__", "")) or type(part).__name__


def _names(fitted: Any, columns: Any) -> list[str]:
    """The first features' names; none where a step does not tell them."""
    try:
        return [str(name) for name in fitted.get_feature_names_out(columns)[:MOST_NAMES]]
    except (AttributeError, ValueError, TypeError):
        pass
    last = _parts(fitted)[-1]
    try:
        return [str(name) for name in last.get_feature_names_out()[:MOST_NAMES]]
    except (AttributeError, ValueError, TypeError):
        return []
