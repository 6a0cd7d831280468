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
_MODULES = {"classification": "tabular", "regression": "tabular"}


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
        msg = f"The local workspace does not work on {name}; it does on {', '.join(_MODULES)}. Connect to Azure for it."
        raise ValueError(msg)
    found: Family = importlib.import_module(f"jupyter_aml.automl.{module}").FAMILY
    return found
