"""Steps of a model's pipeline that scikit-learn does not have: functions of frames, with numpy and pandas alone.

Models are pickled with this module by value, so that they load where jupyter_aml is not installed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

DATE_PARTS = ("year", "month", "day", "weekday", "day of the year", "hour", "elapsed")
"""What is made of a moment; elapsed are seconds since 1970."""
MISSING = "(missing)"
"""The category of what is not there."""
LARGEST = 1e37
"""Numbers beyond it are cut: trees calculate with 32 bits."""
LEAST_WIDE = 64
"""Columns that a matrix of words has at least."""


def numbers(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Columns as numbers, shape (rows, columns); what is none, or not finite, is not a number."""
    kinds = {getattr(one, "kind", "") if isinstance(one, np.dtype) else "" for one in frame.dtypes.unique()}
    if kinds <= set("biuf"):
        found: NDArray[np.float64] = frame.to_numpy(dtype=float, copy=True)
    else:
        found = np.empty(frame.shape)
        for at in range(frame.shape[1]):
            found[:, at] = _numbers(frame.iloc[:, at])
    found[~np.isfinite(found)] = np.nan
    np.clip(found, -LARGEST, LARGEST, out=found)
    return found


def _numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        column = column.dt.total_seconds()
    elif isinstance(column.dtype, pd.PeriodDtype):
        column = pd.Series([np.nan if one is pd.NaT else one.ordinal for one in column])
    return np.asarray(pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan))


def words(frame: pd.DataFrame) -> NDArray[Any]:
    """Columns as categories, shape (rows, columns), of strings; numbers that are whole are written without a point."""
    found = np.empty(frame.shape, dtype=object)
    for at in range(frame.shape[1]):
        column = frame.iloc[:, at]
        if pd.api.types.is_object_dtype(column.dtype):
            gone = column.isna().to_numpy()
            found[:, at] = [MISSING if away else _word(one) for one, away in zip(column, gone, strict=True)]
        else:  # each value once
            codes, different = pd.factorize(column)
            found[:, at] = np.array([*map(_word, different), MISSING], dtype=object)[codes]
    return found


def _word(one: object) -> str:
    if isinstance(one, float | np.floating) and float(one).is_integer():
        return str(int(one))
    return str(one).strip() or MISSING


def texts(frame: pd.DataFrame) -> list[str]:
    """One column as texts, length rows; where there is no word, it is missing."""
    column = frame.iloc[:, 0]
    read = ("" if gone else str(one) for one, gone in zip(column, column.isna(), strict=True))
    return [one if re.search(r"\w", one) else MISSING for one in read]


def wide(found: Any) -> Any:
    """A sparse matrix, with columns of nothing where it has fewer than topics are made of."""
    from scipy.sparse import csr_matrix, hstack

    more = LEAST_WIDE - found.shape[1]
    return hstack([found, csr_matrix((found.shape[0], more))], format="csr") if more > 0 else found


def moments(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Columns of dates as numbers, shape (rows, columns times parts); not a number where there is no date."""
    parts = []
    for at in range(frame.shape[1]):
        column = frame.iloc[:, at]
        if not pd.api.types.is_datetime64_any_dtype(column.dtype):
            column = pd.to_datetime(column, errors="coerce", format="mixed", utc=True)
        if column.dt.tz is not None:
            column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        when = column.dt
        counted = column.to_numpy().astype("datetime64[ms]").astype(np.int64) / 1000
        elapsed = pd.Series(np.where(column.isna(), np.nan, counted))
        parts += [when.year, when.month, when.day, when.day_of_week, when.day_of_year, when.hour, elapsed]
    return np.column_stack([part.to_numpy(dtype=float, na_value=np.nan) for part in parts])


def moment_names(_: object, names: Any) -> NDArray[Any]:
    """What the columns of `moments` are called."""
    return np.array([f"{name} {part}" for name in names for part in DATE_PARTS], dtype=object)


def positive(found: Any) -> Any:
    """A matrix, dense or sparse, with zero instead of what is below it."""
    return np.maximum(found, 0) if isinstance(found, np.ndarray) else found.maximum(0)
