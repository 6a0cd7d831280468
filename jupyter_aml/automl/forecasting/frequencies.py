"""How far apart the steps of a series are, found from its times, and what usually repeats at such a frequency."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

MOSTLY = 0.9
"""The part of the times that must fit a frequency. Source: the SDK's table of `target_aggregate_function`."""
LOOKED_AT = 50
"""Series of which a frequency is looked for."""
LEAST_TIMES = 3
DAY, HOUR, MINUTE = 86_400.0, 3_600.0, 60.0
HORIZONS = {"s": 60, "min": 60, "h": 24, "D": 14, "B": 10, "W": 8, "MS": 12, "QS": 4, "YS": 3}
"""Steps ahead that are usual at a frequency."""
YEAR, QUARTER, MONTH, WEEK = (350, 380), (85, 95), (27, 32), 7
"""Days that these may have."""
SECONDS = {"s": 1.0, "min": MINUTE, "h": HOUR}
MOST_STEPS = 5_000_000
MOSTLY_GAPS = 50
"""A frequency of which only one step of so many is there is none."""
YEARS = (1000, 2999)
DIGITS = 8
MONTHS = 12
_DAY_AND_MONTH = re.compile(r"^\s*(\d{1,2})[./-](\d{1,2})[./-]\d{4}")


def day_first(values: pd.Series[Any]) -> bool:
    """Whether times such as 03/04/2026 begin with the day: as all of them can be, or as they are the more regular."""
    if pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype):
        return False
    found = values.dropna().astype(str).str.extract(_DAY_AND_MONTH).dropna()
    if found.empty:
        return False
    one, two = (found[at].astype(int) for at in (0, 1))
    if max(one.max(), two.max()) > MONTHS:
        return bool(one.max() > MONTHS)
    irregular = []
    for first in (True, False):
        read = pd.to_datetime(values.dropna().astype(str).str.strip(), errors="coerce", format="mixed", dayfirst=first)
        gaps = np.diff(np.unique(read.dropna().to_numpy().astype("datetime64[s]").astype(np.int64)))
        irregular.append(float(gaps.std() / gaps.mean()) if len(gaps) else 0.0)
    return irregular[0] < irregular[1]


def moments(values: pd.Series[Any], name: str, *, first: bool = False) -> pd.Series[Any]:
    """Times without a zone, in UTC where one is given; what is missing stays so.

    Args:
        values: Dates, periods, texts, years, or days as eight digits.
        name: Of the column.
        first: Whether the day comes before the month in texts.

    Raises:
        ValueError: The column holds no times, or some that cannot be read.
    """
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values.dt.tz_convert(None) if getattr(values.dt, "tz", None) is not None else values
    if isinstance(values.dtype, pd.PeriodDtype):
        return values.dt.to_timestamp()
    there = values.dropna()
    if pd.api.types.is_bool_dtype(there.dtype):
        raise ValueError(_no_times(name, there))
    if pd.api.types.is_numeric_dtype(there.dtype):
        return _from_numbers(values, there, name)
    texts = values.astype(object).where(values.notna(), None).map(lambda one: None if one is None else str(one).strip())
    found = pd.to_datetime(texts, errors="coerce", format="mixed", utc=True, dayfirst=first)
    lost = texts.notna() & (texts != "") & found.isna()
    if lost.any():
        raise ValueError(_no_times(name, texts[lost], int(lost.sum()), len(texts)))
    return found.dt.tz_localize(None)


def _from_numbers(values: pd.Series[Any], there: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Years, or days that are written as eight digits."""
    numbers = there.to_numpy(dtype=float)
    whole = bool(len(numbers)) and bool((numbers == np.round(numbers)).all())
    if whole and YEARS[0] <= numbers.min() and numbers.max() <= YEARS[1]:
        texts, form = there.map(lambda one: f"{int(one):04d}"), "%Y"
    elif whole and numbers.min() >= YEARS[0] * 10_000 and len(str(int(numbers.max()))) == DIGITS:
        texts, form = there.map(lambda one: str(int(one))), "%Y%m%d"
    else:
        raise ValueError(_no_times(name, there))
    found = pd.to_datetime(texts, errors="coerce", format=form)
    if found.isna().any():
        raise ValueError(_no_times(name, there[found.isna()]))
    return found.reindex(values.index)


def _no_times(name: str, strange: pd.Series[Any], count: int = 0, rows: int = 0) -> str:
    told = f"{count:,} of {rows:,} rows hold" if count else "It holds"
    found = strange.iloc[0] if len(strange) else "nothing"
    example = repr(found.item() if isinstance(found, np.generic) else found)
    return (
        f"The time column {name} holds no dates. {told} values such as {example}; expected dates such as '2026-11-29'."
        " Name another column as forecasting.time_column_name."
    )


def find(times: Sequence[pd.DatetimeIndex]) -> str:
    """The frequency of most series.

    Args:
        times: Of each series, in order and each once.

    Raises:
        ValueError: There is none; says what was found.
    """
    votes: dict[str, int] = {}
    longest = sorted(times, key=len, reverse=True)[:LOOKED_AT]
    for own in longest:
        found = _of(own)
        if found:
            votes[found] = votes.get(found, 0) + len(own)
    if votes:
        return max(votes, key=lambda one: votes[one])
    longest_one = longest[0]
    if len(longest_one) < LEAST_TIMES:
        msg = (
            f"The longest series has {len(longest_one)} times, too few to see a frequency; give more history, or set"
            " forecasting.frequency, e.g. 'D'."
        )
        raise ValueError(msg)
    told = ", ".join(str(one) for one in longest_one[:4])
    msg = (
        f"No frequency fits the times ({told}, ...). Set forecasting.frequency, and target_aggregate_function"
        " (sum, mean, min or max) where the rows are to be put together."
    )
    raise ValueError(msg)


def _of(times: pd.DatetimeIndex) -> str:
    """The frequency that fits most of the times; empty for none."""
    if len(times) < LEAST_TIMES:
        return ""
    gaps = np.diff(times.to_numpy().astype("datetime64[s]").astype(np.int64)).astype(float)
    best, share = "", 0.0
    for candidate in _candidates(times, gaps):
        found = fits(times, candidate)
        if found > share + 1e-9:
            best, share = candidate, found
    return best if share >= MOSTLY else ""


def _candidates(times: pd.DatetimeIndex, gaps: NDArray[np.float64]) -> Iterable[str]:
    """Frequencies that may be meant, the likeliest first."""
    step = float(np.median(gaps))
    days = step / DAY
    first = times[0]
    if YEAR[0] <= days <= YEAR[1]:
        month = first.strftime("%b").upper()
        return [f"YS-{month}", f"YE-{month}", f"BYS-{month}", f"BYE-{month}"]
    if QUARTER[0] <= days <= QUARTER[1]:
        month = first.strftime("%b").upper()
        return [f"QS-{month}", f"QE-{month}", f"BQS-{month}", f"BQE-{month}"]
    if MONTH[0] <= days <= MONTH[1]:
        return ["MS", "ME", "BMS", "BME"]
    if days == WEEK:
        return [f"W-{first.strftime('%a').upper()}"]
    if days == 1:
        weekend = bool((times.day_of_week >= 5).any())  # noqa: PLR2004 - Saturday
        return ["D"] if weekend else ["B", "D"]
    divisor = float(np.gcd.reduce(gaps.astype(np.int64)))
    most = MOSTLY_GAPS * len(times)
    return [_seconds(one) for one in dict.fromkeys((step, divisor)) if one > 0 and gaps.sum() / one < most]


def _seconds(step: float) -> str:
    for size, word in ((7 * DAY, "W"), (DAY, "D"), (HOUR, "h"), (MINUTE, "min")):
        if step % size == 0 and word != "W":
            return f"{int(step // size) if step != size else ''}{word}"
    return f"{int(step)}s"


def grid(first: pd.Timestamp, last: pd.Timestamp, frequency: str) -> pd.DatetimeIndex:
    """The steps of a frequency between two moments.

    Raises:
        ValueError: There are too many.
    """
    seconds = SECONDS.get(base(frequency), DAY) * times(frequency)
    count = (last - first).total_seconds() / seconds
    if count > MOST_STEPS:
        msg = f"The frequency {frequency!r} has {count:,.0f} steps from {first} to {last}; set a coarser one, e.g. 'D'."
        raise ValueError(msg)
    return pd.date_range(first, last, freq=frequency)


def fits(times: pd.DatetimeIndex, frequency: str) -> float:
    """The part of the times that are steps of a frequency."""
    return float(times.isin(steps(times, frequency)).mean())


def steps(times: pd.DatetimeIndex, frequency: str) -> pd.DatetimeIndex:
    """The steps that cover the times, from the moment on from which most of them fit."""
    best = grid(times[0], times[-1], frequency)
    if times.isin(best).mean() >= MOSTLY:
        return best
    for start in times[1 : LEAST_TIMES + 1]:
        other = grid(start, times[-1], frequency)
        if times.isin(other).mean() > times.isin(best).mean():
            best = other
    return best


def base(frequency: str) -> str:
    """The unit of a frequency: `h` of `6h`, `W` of `W-SUN`, `MS` of `ME`."""
    word = frequency.split("-", maxsplit=1)[0].lstrip("0123456789")
    return {"ME": "MS", "BME": "MS", "BMS": "MS", "QE": "QS", "BQE": "QS", "BQS": "QS", "YE": "YS", "BYE": "YS",
            "BYS": "YS", "C": "B", "bh": "h", "ms": "s", "us": "s"}.get(word, word)  # fmt: skip


def times(frequency: str) -> int:
    """How many units a step has: 6 of `6h`."""
    digits = frequency[: len(frequency) - len(frequency.lstrip("0123456789"))]
    return int(digits) if digits else 1


def seasons(frequency: str) -> list[int]:
    """Steps after which a series of a frequency may repeat itself, the likeliest first."""
    units = {
        "s": (60, 3600), "min": (60, 1440), "h": (24, 168, 8766), "D": (7, 365), "B": (5, 260), "W": (52,),
        "MS": (12,), "QS": (4,), "YS": (),
    }  # fmt: skip
    step = times(frequency)
    word = base(frequency)
    if word == "min" and step > 1:  # half-hours repeat daily, not hourly
        return [round(one / step) for one in (1440, 10080)]
    found = [round(one / step) for one in units.get(word, ()) if one / step > 1]
    return [one for one in found if one > 1]


def horizon(frequency: str, longest: int) -> int:
    """Steps ahead where none are asked for: what is usual, as far as the series is long enough."""
    usual = max(HORIZONS.get(base(frequency), 12) // times(frequency), 1)
    return max(1, min(usual, longest // 5))
