"""Linear models of scikit-learn without its checks: the same sums, a hundred times sooner for one row.

What the checks would refuse (a wrong number of columns, NaN) goes to the model's own method, which says so.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

BASE = "sklearn.linear_model._base"
REGRESSION = {"predict": "LinearModel.predict", "_decision_function": "LinearModel._decision_function"}
LABELS = {
    "predict": "LinearClassifierMixin.predict",
    "decision_function": "LinearClassifierMixin.decision_function",
}


def quick(model: Any) -> Callable[[Any], Any] | None:
    """What does as `model.predict` does with a matrix; None where a class has a method of its own."""
    import numpy as np

    labels = _has(model, LABELS)
    if not labels and not _has(model, REGRESSION):
        return None
    weights, width = np.asarray(model.coef_), model.n_features_in_
    if weights.dtype.kind != "f" or type(model.coef_) is not np.ndarray:
        return None
    turned, start, own, finite = weights.T, model.intercept_, model.predict, np.isfinite
    classes = np.asarray(model.classes_) if labels else None

    def predict(rows: Any) -> Any:
        if type(rows) is not np.ndarray or rows.ndim != 2 or rows.shape[1] != width or not len(rows):  # noqa: PLR2004
            return own(rows)
        if not finite(rows).all():
            return own(rows)
        scores = rows @ turned + start
        if classes is None:
            return scores
        if scores.ndim > 1 and scores.shape[1] == 1:
            scores = scores.reshape(-1)
        return classes.take((scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1))

    return predict


def _has(model: Any, methods: dict[str, str]) -> bool:
    """Whether these methods of a model are those of the base classes."""
    found = [getattr(type(model), name, None) for name in methods]
    return all(
        getattr(one, "__module__", "") == BASE and getattr(one, "__qualname__", "") == name
        for one, name in zip(found, methods.values(), strict=True)
    )
