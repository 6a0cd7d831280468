"""What a moment tells: the parts of its date that matter at a frequency, and the holidays of a country."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl.forecasting.frequencies import base

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Days = NDArray[np.int64]

PARTS = {
    "YS": (), "QS": ("quarter",), "MS": ("month",), "W": ("month",), "D": ("month", "day_of_week"),
    "B": ("month", "day_of_week"),
    "h": ("month", "day_of_week", "hour"), "min": ("day_of_week", "hour"), "s": ("hour",),
}  # fmt: skip
"""Parts of a date that are told as categories."""
YEAR_DAYS = 365.25
AFTER = 12
"""Years of holidays that a model knows after the last of its data."""


def parts(times: pd.DatetimeIndex, frequency: str) -> Floats:
    """The parts of each time as codes, shape (times, parts)."""
    names = PARTS.get(base(frequency), ("month",))
    found = [getattr(times, name).to_numpy(dtype=float) for name in names]
    return np.stack(found, axis=1) if found else np.zeros((len(times), 0))


def years(times: pd.DatetimeIndex) -> Floats:
    """Years since 2000, shape (times,)."""
    return np.asarray((times - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=YEAR_DAYS), dtype=float)


def days(country: str, first: int, last: int) -> Days:
    """The holidays of some years, as days since 1970 in order.

    Args:
        country: Two letters.
        first: Year.
        last: Year.

    Raises:
        ValueError: The country is not known.
    """
    span = range(first, last + AFTER + 1)
    try:
        holidays = import_module("holidays")
    except ImportError:
        found = [one for year in span for one in _alike(year)]
    else:
        try:
            found = [pd.Timestamp(one) for one in holidays.country_holidays(country, years=list(span))]
        except NotImplementedError:
            msg = f"country_or_region_for_holidays is {country!r}, of which no holidays are known; try another: 'US'."
            raise ValueError(msg) from None
    stamps = pd.DatetimeIndex(sorted(set(found)))
    return np.asarray(_days(stamps))


def _alike(year: int) -> list[pd.Timestamp]:
    """Days that most of the countries have: New Year, Good Friday to Easter Monday, 1 May and Christmas."""
    easter = _easter(year)
    moved = [easter + pd.Timedelta(days=off) for off in (-2, 0, 1)]
    return [
        pd.Timestamp(year, 1, 1),
        *moved,
        pd.Timestamp(year, 5, 1),
        *(pd.Timestamp(year, 12, at) for at in (25, 26)),
    ]


def _easter(year: int) -> pd.Timestamp:
    """By the anonymous Gregorian algorithm."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    length = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * length) // 451
    month, day = divmod(h + length - 7 * m + 114, 31)
    return pd.Timestamp(year, month, day + 1)


def _days(times: Any) -> Days:
    return np.asarray(times.to_numpy().astype("datetime64[D]").astype(np.int64))


def holidays_in(times: pd.DatetimeIndex, frequency: str, known: Days) -> Floats:
    """How many holidays each step has, and the day before it and after it, shape (times, 3)."""
    begin = _days(times)
    unit = base(frequency)
    if unit in {"YS", "QS", "MS", "W"}:
        offset = pd.tseries.frequencies.to_offset(frequency)
        ends = offset.rule_code.split("-")[0][-1:] != "S"
        low = _days(times - offset) + 1 if ends else begin
        high = begin + 1 if ends else _days(times + offset)
    else:
        low, high = begin, begin + 1
    count = np.searchsorted(known, high) - np.searchsorted(known, low)
    return np.stack([count, np.isin(low - 1, known), np.isin(high, known)], axis=1).astype(float)
