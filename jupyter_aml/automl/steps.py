"""Steps of a model's pipeline that scikit-learn does not have: functions of frames, with numpy and pandas alone.

Models are pickled with this module by value, so that they load where jupyter_aml is not installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

DATE_PARTS = ("year", "month", "day", "weekday", "day of the year", "hour", "elapsed")
"""What is made of a moment; elapsed are seconds since 1970."""
MISSING = "(missing)"
"""The category of what is not there."""


def numbers(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Columns as numbers, shape (rows, columns); what is none, or not finite, is not a number."""
    found = np.empty(frame.shape)
    for at in range(frame.shape[1]):
        column = frame.iloc[:, at]
        if pd.api.types.is_timedelta64_dtype(column.dtype):
            column = column.dt.total_seconds()
        elif isinstance(column.dtype, pd.PeriodDtype):
            column = pd.Series([np.nan if one is pd.NaT else one.ordinal for one in column])
        found[:, at] = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    found[~np.isfinite(found)] = np.nan
    return found


def words(frame: pd.DataFrame) -> NDArray[Any]:
    """Columns as categories, shape (rows, columns), of strings; numbers that are whole are written without a point."""
    found = np.empty(frame.shape, dtype=object)
    for at in range(frame.shape[1]):
        column = frame.iloc[:, at]
        gone = column.isna().to_numpy()
        found[:, at] = [MISSING if away else _word(one) for one, away in zip(column, gone, strict=True)]
    return found


def _word(one: object) -> str:
    if isinstance(one, float | np.floating) and float(one).is_integer():
        return str(int(one))
    return str(one).strip() or MISSING


def texts(frame: pd.DataFrame) -> list[str]:
    """One column as texts, empty where there is none; length rows."""
    column = frame.iloc[:, 0]
    return ["" if gone else str(one) for one, gone in zip(column, column.isna(), strict=True)]


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
        elapsed = (column - pd.Timestamp(0)).dt.total_seconds()
        parts += [when.year, when.month, when.day, when.day_of_week, when.day_of_year, when.hour, elapsed]
    return np.column_stack([part.to_numpy(dtype=float, na_value=np.nan) for part in parts])


def moment_names(_: object, names: Any) -> NDArray[Any]:
    """What the columns of `moments` are called."""
    return np.array([f"{name} {part}" for name in names for part in DATE_PARTS], dtype=object)


def positive(found: Any) -> Any:
    """A matrix, dense or sparse, with zero instead of what is below it."""
    return np.maximum(found, 0) if isinstance(found, np.ndarray) else found.maximum(0)
