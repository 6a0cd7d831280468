"""What is said of a text or image task before any data are there: metrics, names of models, settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from jupyter_aml.automl.text.sweeps import Kind, Wishes, chosen, key


def unheard(
    wished: Wishes, kinds: Sequence[Kind], honoured: Collection[str], stands: str, passed: Collection[str] = ()
) -> list[str]:
    """A sentence for what is replaced, and for each setting that is not honoured.

    Args:
        wished: What the user wants.
        kinds: The algorithms that there are.
        honoured: Azure's names of settings that have an effect here.
        stands: What stands for a language or image model.
        passed: Values of `modelName` that are taken as they are.
    """
    known = {key(one.name) for one in kinds}
    others = [
        str(one) for one in dict.fromkeys(wished.named("modelName")) if key(one) not in known and one not in passed
    ]
    told = list(wished.unheard)
    if others:
        names = ", ".join(one.name for one in chosen(kinds, wished.named("modelName")))
        told.append(f"model_name {', '.join(others)}: {stands} ({names}), which need no downloaded weights.")
    lost = [one for one in wished.names if one not in honoured and one != "modelName"]
    if lost:
        told.append(f"{', '.join(lost)} are settings of neural networks that have no counterpart here; not honoured.")
    return told


def held_out(details: Mapping[str, Any]) -> float | None:
    """The part of the rows that is held out; None for the rule.

    Raises:
        ValueError: It is not between 0 and 1.
    """
    part = details.get("validationDataSize")
    if part is None:
        return None
    if not 0 < float(part) < 1:
        raise ValueError(f"validation_data_size is {part}; expected a part between 0 and 1.")
    return float(part)


def target(details: Mapping[str, Any], default: str = "") -> str:
    """The column of the labels.

    Raises:
        ValueError: None is named.
    """
    found = str(details.get("targetColumnName") or default)
    if not found:
        raise ValueError("target_column_name is missing; expected the column that holds the labels.")
    return found


def stops_early(details: Mapping[str, Any]) -> bool:
    """Whether trials that begin badly may be stopped."""
    return bool((details.get("sweepSettings") or {}).get("earlyTermination"))
