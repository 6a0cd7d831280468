"""What a column of a table holds: its type, what is missing, its spread, its most frequent values."""

from __future__ import annotations

import math
import re
from typing import Any

BINS = 12
TOP = 5
LONGEST = 80
"""Characters of a value that are shown."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")
_SEEN = 200
"""Texts that are looked at before all are taken for dates."""


def profile(frame: Any) -> list[dict[str, Any]]:
    """One record a column, in the table's order.

    Each has name, type, count (of what is there), missing, missing_percent and distinct; numbers and dates have min,
    max and histogram (edges, one more than counts); numbers mean and std; the others top (value, count).
    """
    return [_column(str(name), frame.iloc[:, at]) for at, name in enumerate(frame.columns)]


def types(frame: Any) -> dict[str, str]:
    """The type of each column: integer, number, boolean, date, text, nested or empty."""
    return {str(name): typed(frame.iloc[:, at])[0] for at, name in enumerate(frame.columns)}


def typed(column: Any) -> tuple[str, Any]:
    """The type of a column, and its values without the missing ones, dates as such."""
    from pandas.api import types as kinds

    held = column.dropna()
    if held.dtype == "category":
        held = held.astype(held.cat.categories.dtype)
    if held.empty:
        return "empty", held
    if kinds.is_bool_dtype(held.dtype):
        return "boolean", held
    if kinds.is_integer_dtype(held.dtype):
        return "integer", held
    if kinds.is_float_dtype(held.dtype):
        return "number", held
    if kinds.is_datetime64_any_dtype(held.dtype):
        return "date", held
    return _of_objects(held)


def _of_objects(held: Any) -> tuple[str, Any]:
    """What objects are: dates and numbers by their class or their spelling, else text."""
    import datetime as dt
    import decimal

    first = held.iloc[0]
    if isinstance(first, dict | list | tuple) or type(first).__name__ == "ndarray":
        return "nested", held.map(str)
    if isinstance(first, decimal.Decimal):
        return "number", held.astype(float)
    if isinstance(first, dt.date):
        return _dates(held.map(str))
    return _dates(held.map(str)) if _dated(held) else ("text", held.map(str))


def _dated(held: Any) -> bool:
    return all(isinstance(one, str) and _DATE.fullmatch(one) for one in held.head(_SEEN))


def _dates(texts: Any) -> tuple[str, Any]:
    import pandas as pd

    try:
        return "date", pd.to_datetime(texts, format="ISO8601", utc=True)
    except ValueError:
        return "text", texts


def _column(name: str, column: Any) -> dict[str, Any]:
    kind, held = typed(column)
    missing = len(column) - len(held)
    found: dict[str, Any] = {
        "name": name,
        "type": kind,
        "count": len(held),
        "missing": missing,
        "missing_percent": round(100 * missing / len(column), 2) if len(column) else 0.0,
        "distinct": int(held.nunique()),
    }
    if kind in {"integer", "number"}:
        return found | _numbers(held)
    if kind == "date":
        return found | _times(held)
    return found | ({"top": _top(held)} if len(held) else {})


def _numbers(held: Any) -> dict[str, Any]:
    """Spread of the finite numbers; the others are counted as `infinite`."""
    import numpy as np

    values = held.to_numpy(dtype="float64")
    finite = values[np.isfinite(values)]
    found: dict[str, Any] = {"infinite": len(values) - len(finite)} if len(finite) < len(values) else {}
    if not len(finite):
        return found
    whole = held.dtype.kind in "iu"
    found |= {
        "min": int(held.min()) if whole else _number(finite.min()),
        "max": int(held.max()) if whole else _number(finite.max()),
        "mean": _number(finite.mean()),
        "std": _number(finite.std(ddof=1)) if len(finite) > 1 else None,
    }
    return found | _histogram(finite, held.nunique(), whole=whole)


def _histogram(finite: Any, distinct: int, *, whole: bool) -> dict[str, Any]:
    """Counts in bins of equal width; few whole numbers have a bin each."""
    import numpy as np

    low, high = float(finite.min()), float(finite.max())
    if not math.isfinite(high - low):
        return {}
    bins = int(high - low) + 1 if whole and high - low < BINS else 1 if distinct == 1 else BINS
    edges = (low - 0.5, high + 0.5) if whole and high - low < BINS else (low, high)
    try:
        counts, cuts = np.histogram(finite, bins=bins, range=edges)
    except ValueError:  # numbers that differ by less than their precision
        return {}
    return {"histogram": {"edges": [_number(one) for one in cuts], "counts": [int(one) for one in counts]}}


def _times(held: Any) -> dict[str, Any]:
    """First and last moment, and how the others lie between them; edges in seconds since 1970."""
    import pandas as pd

    seconds = pd.to_datetime(held, utc=True).dt.as_unit("s").astype("int64")
    low, high = held.min(), held.max()
    found: dict[str, Any] = {"min": _moment(low), "max": _moment(high)}
    return found | _histogram(seconds.to_numpy(dtype="float64"), int(held.nunique()), whole=False)


def _moment(value: Any) -> str:
    text = str(value.isoformat())
    for end in ("+00:00", "T00:00:00"):
        text = text.removesuffix(end)
    return text


def _top(held: Any) -> list[dict[str, Any]]:
    counts = held.value_counts().head(TOP)
    return [{"value": _short(value), "count": int(count)} for value, count in zip(counts.index, counts, strict=True)]


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    return bool(value)


def _number(value: Any) -> float:
    """A float that JSON can carry, to twelve digits."""
    return float(f"{float(value):.12g}")
