"""What a finished task leaves: an MLflow model that loads by itself, what is drawn of it, and its predictions."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl import charts as drawing
from jupyter_aml.automl import saving
from jupyter_aml.automl.text.labels import HALF

if TYPE_CHECKING:
    from jupyter_aml.automl.metrics import Floats
    from jupyter_aml.automl.text.labelled import Labelled

POINTS = 100
"""Of a curve."""
SHOWN = 20
"""Classes whose probabilities are told."""


def save_model(
    model: Any,
    place: Path,
    *,
    inputs: Sequence[tuple[str, str]],
    outputs: Any,
    example: pd.DataFrame,
    packages: Sequence[str],
    carried: Sequence[ModuleType],
    files: Mapping[str, str] | None = None,
) -> None:
    """Write an MLflow model.

    Args:
        model: With `predict(context, frame, params)`.
        place: A folder that is not there yet.
        inputs: Name and type of each column; `any` for texts and bytes alike.
        outputs: The schema of what it returns.
        example: Rows that can be asked of.
        packages: That it imports.
        carried: Modules that go into the model.
        files: That it reads, by names under `context.artifacts`.
    """
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    schema = Schema(
        [ColSpec(AnyType(), name, required=False) if kind == "any" else ColSpec(kind, name) for name, kind in inputs]
    )
    quiet = logging.getLogger("mlflow")
    level = quiet.level
    try:
        quiet.setLevel(logging.ERROR)  # it warns of every pickled model, and of its own type hints
        with saving.carried(*carried):
            mlflow.pyfunc.save_model(
                place,
                python_model=_served(model),
                signature=ModelSignature(schema, outputs),
                input_example=example,
                pip_requirements=[saving.requirement(one) for one in ("mlflow", "cloudpickle", *packages)],
                artifacts=dict(files) if files else None,
            )
    finally:
        quiet.setLevel(level)


def _served(model: Any) -> Any:
    """A model as MLflow asks it."""
    import mlflow

    def asked(self, context, model_input, params=None):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        return self.model.predict(context, model_input, params)

    asked.__annotations__ = {"model_input": pd.DataFrame}  # or MLflow warns at each loading

    class Served(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        predict = asked

        def __init__(self, model: Any) -> None:
            self.model = model

        def load_context(self, context: Any) -> None:
            if hasattr(self.model, "load"):
                self.model.load(context)

    return Served(model)


def charts(case: Labelled, predicted: Floats) -> dict[str, Any]:
    """What Azure draws of a classifier; where rows have several labels, each of these against its absence."""
    from jupyter_aml.automl.metrics import Classes

    truth, names = case.truth[case.unseen], [str(one) for one in case.names]
    if not case.several:
        return drawing.of(Classes(truth, predicted), names)
    at = range(len(names))
    matrices = [_two(truth[:, one], predicted[:, one] >= HALF) for one in at]
    shares = (np.argsort(np.argsort(-predicted, axis=0, kind="stable"), axis=0) + 1) / len(predicted)
    cuts = drawing.THRESHOLDS
    tables = {
        "probability_tables": [[drawing.counts(truth[:, one], predicted[:, one] >= cut) for cut in cuts] for one in at],
        "percentile_tables": [[drawing.counts(truth[:, one], shares[:, one] <= cut) for cut in cuts] for one in at],
        "probability_thresholds": cuts.tolist(), "percentile_thresholds": cuts.tolist(), "class_labels": names,
    }  # fmt: skip
    return {
        "multilabel_confusion_matrix": drawing.chart(
            "multilabel_confusion_matrix", {"class_labels": names, "matrices": matrices}
        ),
        "accuracy_table": drawing.chart("accuracy_table", tables),
    }


def _two(truth: Any, given: Any) -> list[list[int]]:
    """Rows: has it not, has it; columns: is not given, is given."""
    right, wrong, rest, missed = drawing.counts(truth, given)
    return [[rest, wrong], [missed, right]]


def thinned(values: Any) -> list[float]:
    """At most so many points of a curve, with both of its ends."""
    found = np.asarray(values, dtype=float)
    if len(found) > POINTS:
        found = found[np.linspace(0, len(found) - 1, POINTS).round().astype(int)]
    return [round(float(one), 6) for one in found]


def predictions(case: Labelled, predicted: Floats, shown: pd.DataFrame) -> pd.DataFrame:
    """The rows that were judged, what is true of them and what was predicted.

    Args:
        case: The rows.
        predicted: Of those to be judged by, shape (rows, classes).
        shown: What is told of each of these rows, in their order.
    """
    truth, named = case.truth[case.unseen], np.array(case.names, dtype=object)
    found = shown.reset_index(drop=True)
    if case.several:
        found["truth"] = [repr([str(one) for one in named[row]]) for row in truth]
        found["prediction"] = [repr([str(one) for one in named[row]]) for row in predicted >= HALF]
    else:
        found["truth"] = named[truth]
        found["prediction"] = named[predicted.argmax(axis=1)]
    for at, name in enumerate(case.names[:SHOWN]):
        found[f"probability of {name}"] = predicted[:, at].round(6)
    return found
