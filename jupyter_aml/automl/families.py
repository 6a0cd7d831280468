"""Which family works on a task, and what Azure's REST API calls it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_aml.automl.family import Family

TASKS = {
    "Classification": "classification",
    "Regression": "regression",
    "Forecasting": "forecasting",
    "TextClassification": "text_classification",
    "TextClassificationMultilabel": "text_classification_multilabel",
    "TextNER": "text_ner",
    "ImageClassification": "image_classification",
    "ImageClassificationMultilabel": "image_classification_multilabel",
    "ImageObjectDetection": "image_object_detection",
    "ImageInstanceSegmentation": "image_instance_segmentation",
}
"""Azure's words of a task: in REST, and in YAML and the SDK."""
_MODULES = {
    "classification": "tabular",
    "regression": "tabular",
    "forecasting": "forecasting.family",
    "text_classification": "text.family",
    "text_classification_multilabel": "text.family",
    "text_ner": "text.family",
    "image_classification": "images.family",
    "image_classification_multilabel": "images.family",
    "image_object_detection": "images.family",
    "image_instance_segmentation": "images.family",
}


def task(word: object) -> str:
    """A task's word in snake case, from REST's.

    Raises:
        ValueError: It is none; says which there are.
    """
    known = {name.lower(): snake for name, snake in TASKS.items()}
    found = known.get(str(word or "").replace("_", "").lower())
    if found is None:
        msg = f"taskType is {word!r}; expected one of {', '.join(TASKS)}."
        raise ValueError(msg)
    return found


def family(name: str) -> Family:
    """What works on a task.

    Args:
        name: In snake case.

    Raises:
        ValueError: Nothing does.
    """
    module = _MODULES.get(name)
    if module is None:
        msg = f"There is no task {name}; expected one of {', '.join(_MODULES)}."
        raise ValueError(msg)
    found: Family = importlib.import_module(f"jupyter_aml.automl.{module}").FAMILY
    return found
