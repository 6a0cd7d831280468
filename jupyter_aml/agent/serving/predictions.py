"""From predictions to JSON, as Azure's server of MLflow models writes them: a list, or records for tables."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def split(found: Any, counts: Sequence[int]) -> list[Any] | None:
    """Joint predictions, cut into those of each request; None where they are not one per row.

    Args:
        found: An array, or arrays by name.
        counts: Rows of each request.
    """
    total = sum(counts)
    if isinstance(found, dict):
        if not all(getattr(one, "shape", ())[:1] == (total,) for one in found.values()):
            return None
        cut = {name: _cut(one, counts) for name, one in found.items()}
        return [{name: parts[at] for name, parts in cut.items()} for at in range(len(counts))]
    if getattr(found, "shape", ())[:1] != (total,) or not hasattr(found, "tolist") or hasattr(found, "columns"):
        return None
    return _cut(found, counts)


def _cut(found: Any, counts: Sequence[int]) -> list[Any]:
    pieces, at = [], 0
    for count in counts:
        pieces.append(found[at : at + count])
        at += count
    return pieces


def texts(found: Any, counts: Sequence[int]) -> list[str] | None:
    """The JSON of joint predictions in one array, for each request; None where `split` and `text` are needed."""
    if getattr(found, "ndim", 0) != 1 or len(found) != sum(counts):
        return None
    kind = found.dtype.kind
    if kind == "f":
        import numpy as np

        if not np.isfinite(found).all():
            return None
    elif kind not in "iu":
        return None
    values = found.tolist()
    if len(values) == len(counts):
        return [f"[{value!r}]" for value in values]
    pieces, at = [], 0
    for count in counts:
        pieces.append(repr(values[at : at + count]))
        at += count
    return pieces


def text(found: Any, *, records: bool = True) -> str:
    """Predictions as JSON.

    Args:
        found: What a model returned.
        records: Whether arrays by name are a table, which is written row by row.

    Raises:
        TypeError: JSON cannot hold them.
    """
    return json.dumps(_plain(found, records=records), default=_other)


def _plain(found: Any, *, records: bool) -> Any:
    if hasattr(found, "to_dict") and hasattr(found, "columns"):
        return found.to_dict(orient="records")
    if hasattr(found, "to_frame"):
        return found.to_frame().to_dict(orient="records")
    if hasattr(found, "toarray"):
        return found.toarray().tolist()
    if isinstance(found, dict) and records and found and all(hasattr(one, "tolist") for one in found.values()):
        lists = {name: _flat(one).tolist() for name, one in found.items()}
        if len(set(map(len, lists.values()))) == 1:
            return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    return found


def _flat(array: Any) -> Any:
    """A column of one value per row as a flat array."""
    return array.reshape(-1) if array.shape[1:] == (1,) else array


def _other(value: Any) -> Any:
    """What JSON does not know: arrays and scalars of numpy, times, bytes."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        import base64

        return base64.b64encode(value).decode()
    if isinstance(value, (set, frozenset)):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
