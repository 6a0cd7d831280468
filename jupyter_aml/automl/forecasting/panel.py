"""Series on a regular grid of times, made of a table, with what is known of each step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl.forecasting.frequencies import moments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Key = tuple[str, ...]

SHOWN = 5
"""Names that one sentence tells."""
NUMERIC, CATEGORICAL, MOMENT = "number", "category", "moment"
MOST_CATEGORIES = 200
"""Categories that a column is told apart by; others are one."""


def word(one: Any) -> str:
    """An id as it is compared: 1, 1.0 and '1' are one."""
    if isinstance(one, float | np.floating) and float(one).is_integer():
        return str(int(one))
    return "" if one is None or one is pd.NaT or (isinstance(one, float) and np.isnan(one)) else str(one)


@dataclass
class Features:
    """Columns beside target, time and ids, and how numbers are made of them.

    Attributes:
        kinds: What each column holds, in order.
        categories: The categories of those that hold such.
        unknown: Columns that are not known in advance.
    """

    kinds: dict[str, str] = field(default_factory=dict)
    categories: dict[str, list[str]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """All columns, in order."""
        return list(self.kinds)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which of them are known in advance, shape (features,)."""
        return np.array([one not in self.unknown for one in self.kinds], dtype=bool)

    @property
    def categorical(self) -> NDArray[np.bool_]:
        """Which of them are categories, shape (features,)."""
        return np.array([kind == CATEGORICAL for kind in self.kinds.values()], dtype=bool)

    def learn(self, frame: pd.DataFrame) -> None:
        """Find the categories."""
        for name, kind in self.kinds.items():
            if kind == CATEGORICAL:
                counts = frame[name].dropna().map(word).value_counts()
                self.categories[name] = sorted(counts.index[:MOST_CATEGORIES])

    def numbers(self, frame: pd.DataFrame) -> Floats:
        """Numbers of a table, shape (rows, features); not a number where there is nothing."""
        found = np.full((len(frame), len(self.kinds)), np.nan)
        for at, (name, kind) in enumerate(self.kinds.items()):
            if name not in frame:
                continue
            column = frame[name]
            if kind == CATEGORICAL:
                codes = {one: float(code) for code, one in enumerate(self.categories[name])}
                found[:, at] = [np.nan if pd.isna(one) else codes.get(word(one), np.nan) for one in column]
            elif kind == MOMENT:
                elapsed = (moments(column, name) - pd.Timestamp(0)).dt.total_seconds()
                found[:, at] = elapsed.to_numpy(dtype=float, na_value=np.nan)
            else:
                found[:, at] = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        found[~np.isfinite(found)] = np.nan
        return found


@dataclass
class Series:
    """One series.

    Attributes:
        key, ids: Its ids as words, and as the table has them.
        times: Of its steps, each one once and without gaps.
        observed: The target; not a number where there is none, shape (steps,).
        target: The target with its gaps filled, shape (steps,).
        features: Shape (steps, features).
        padded: Steps at the beginning that were made up.
    """

    key: Key
    ids: tuple[Any, ...]
    times: pd.DatetimeIndex
    observed: Floats
    target: Floats
    features: Floats
    padded: int = 0

    def __len__(self) -> int:
        return len(self.target)

    def bare(self) -> Series:
        """Without the steps that were made up."""
        begin = min(self.padded, len(self) - 1)
        return replace(
            self,
            times=self.times[begin:],
            observed=self.observed[begin:],
            target=self.target[begin:],
            features=self.features[begin:],
            padded=0,
        )

    def until(self, steps: int) -> Series:
        """The first steps."""
        return replace(
            self, times=self.times[:steps], observed=self.observed[:steps], target=self.target[:steps],
            features=self.features[:steps],
        )  # fmt: skip


@dataclass
class Panel:
    """Series that are forecast together.

    Attributes:
        target, time, ids: Names of columns.
        frequency: An offset of pandas.
        horizon: Steps ahead.
        season: Steps of the season, 1 for none.
        seasons: All seasons that the series have, the likeliest first; empty for none.
        series: At least one.
        features: The columns beside.
        aggregate: How targets of one step are put together; empty for not at all.
        days: Holidays, as days since 1970 in order; empty for none.
        lags: Steps back that regressions see; empty where the search decides.
        window: Steps of a rolling window; 0 where the search decides.
        look_back: Whether there are lags and windows at all.
        feature_lags: Whether numeric features are lagged.
        stl: Components of the decomposition that regressions see.
        written: Whether the table has its times as text.
        day_first: Whether the day comes before the month in it.
    """

    target: str
    time: str
    ids: tuple[str, ...]
    frequency: str
    horizon: int
    series: list[Series]
    features: Features
    season: int = 1
    seasons: list[int] = field(default_factory=list)
    aggregate: str = ""
    days: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    lags: tuple[int, ...] = ()
    window: int = 0
    look_back: bool = True
    feature_lags: bool = False
    stl: str = "None"
    written: bool = False
    day_first: bool = False

    def of(self, series: list[Series]) -> Panel:
        """The same with other series."""
        return replace(self, series=series)

    @property
    def step(self) -> float:
        """Years from one step to the next."""
        times = pd.date_range("2000-01-01", periods=101, freq=self.frequency)
        return float((times[-1] - times[0]) / pd.Timedelta(days=365.25)) / 100

    def after(self, series: Series, steps: int) -> pd.DatetimeIndex:
        """The times that follow a series."""
        return pd.date_range(series.times[-1], periods=steps + 1, freq=self.frequency)[1:]


def keys(frame: pd.DataFrame, ids: Sequence[str]) -> list[Key]:
    """The series of each row."""
    if not ids:
        return [()] * len(frame)
    columns = [[word(one) for one in frame[name]] for name in ids]
    return list(zip(*columns, strict=True))


def label(times: pd.DatetimeIndex, frequency: str) -> pd.DatetimeIndex:
    """The step of a frequency that each time belongs to, where rows are put together."""
    offset = pd.tseries.frequencies.to_offset(frequency)
    try:
        return times.floor(frequency)
    except ValueError:
        pass
    days = times.normalize()
    if offset.n != 1:
        msg = f"Rows cannot be put together to {frequency!r}; set frequency to a single unit such as 'W', 'MS' or 'QS'."
        raise ValueError(msg)
    starts = offset.rule_code.split("-")[0].endswith("S") or offset.rule_code in {"B", "C"}
    move = offset.rollback if starts else offset.rollforward
    moved = {one: move(one) for one in days.unique()}
    return pd.DatetimeIndex([moved[one] for one in days])


def together(
    frame: pd.DataFrame, key: NDArray[Any], names: Mapping[str, str], how: str, kinds: Mapping[str, str]
) -> tuple[pd.DataFrame, NDArray[Any]]:
    """Rows of one series and one time as one row.

    Args:
        frame: With a target and features.
        key: The number of each row's series.
        names: The columns `target` and `time`.
        how: How targets are put together.
        kinds: Of the features: numbers by their mean, others by the most frequent one.
    """
    grouped = frame.assign(**{"": key}).groupby(["", names["time"]], sort=True)
    found: dict[str, Any] = {}
    if names["target"] in frame:
        numbers = grouped[names["target"]]
        found[names["target"]] = numbers.sum(min_count=1) if how == "sum" else getattr(numbers, how)()
    for name, kind in kinds.items():
        if name in frame:
            found[name] = grouped[name].mean() if kind == NUMERIC else grouped[name].agg(_most)
    for name in frame:
        if name not in found and name != names["time"]:
            found[name] = grouped[name].first()
    merged = pd.DataFrame(found, index=grouped.size().index)
    own = merged.index.get_level_values(0).to_numpy()
    merged[names["time"]] = merged.index.get_level_values(1)
    return merged.reset_index(drop=True), own


def _most(values: pd.Series[Any]) -> Any:
    counts = values.value_counts()
    return counts.index[0] if len(counts) else None


def fill(observed: Floats, season: int, how: tuple[str, Any] | None = None) -> Floats:
    """A target without gaps: between its neighbours, with the season in it.

    Args:
        observed: Not a number where there is none, shape (steps,).
        season: Steps of a season, 1 for none.
        how: Azure's strategy and value; None for this one.
    """
    gaps = np.isnan(observed)
    if not gaps.any():
        return observed.copy()
    found = observed.copy()
    strategy, constant = how or ("", None)
    if strategy == "constant":
        found[gaps] = float(constant or 0.0)
    elif strategy in {"mean", "median"}:
        found[gaps] = getattr(np, f"nan{strategy}")(observed)
    elif strategy == "most_frequent":
        values, counts = np.unique(observed[~gaps], return_counts=True)
        found[gaps] = values[counts.argmax()]
    elif strategy == "ffill":
        found = pd.Series(observed).ffill().bfill().to_numpy(dtype=float)
    else:
        found = _between(observed, season)
    return np.asarray(found)


def _between(observed: Floats, season: int) -> Floats:
    steps = np.arange(len(observed))
    there = ~np.isnan(observed)
    line = np.interp(steps, steps[there], observed[there])
    if season < 2 or there.sum() < 2 * season:  # noqa: PLR2004 - no season
        return line
    level = pd.Series(line).rolling(season, center=True, min_periods=1).mean().to_numpy()
    usual = pd.Series(np.where(there, observed - level, np.nan)).groupby(steps % season).mean()
    around = usual.fillna(0.0).to_numpy()[steps % season]
    return np.where(there, observed, np.interp(steps, steps[there], (observed - around)[there]) + around)
