"""How scripts fit models where rows, or those of a class, are few: as the job does, by the same functions."""

# ruff: noqa: N803 - features are X, as in scikit-learn

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from jupyter_aml.automl.models import LEAST_STOPPED, _learn, _sure


def fit_pipeline(pipeline: Pipeline, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> Pipeline:
    """A pipeline fitted on rows that are few, or of which few have some class."""
    numbers = pipeline[:-1].fit_transform(X, y)
    if is_classifier(pipeline[-1]) and len(np.unique(y)) == 1:
        pipeline.set_params(model=_sure())
    model = pipeline[-1]
    own = getattr(model, "regressor", model)
    weighed = sample_weight is not None and has_fit_parameter(own, "sample_weight")
    more = {"sample_weight": sample_weight} if weighed else {}
    if own is not model:
        if hasattr(own, "n_neighbors"):
            own.set_params(n_neighbors=min(own.n_neighbors, len(y)))
        if getattr(own, "early_stopping", False) and len(y) * own.validation_fraction < LEAST_STOPPED:
            own.set_params(early_stopping=False)
        model.fit(numbers, y, **more)
    elif type(model).__name__.startswith(("LGBM", "XGB")):
        model.fit(numbers, y, **more)
    else:
        _learn(model, numbers, y, sample_weight, np.inf)
    return pipeline
