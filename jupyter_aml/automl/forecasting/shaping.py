"""Pieces of a panel: rows by series, times, targets and padding, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl.forecasting.panel import (
    NUMERIC,
    Features,
    Panel,
    Series,
    fill,
    keys,
    word,
)  # fmt: skip
from jupyter_aml.automl.steps import LARGEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.forecasting.panel import Key

    Floats = NDArray[np.float64]


def numbered(frame: pd.DataFrame, names: tuple[str, ...]) -> tuple[list[tuple[Any, ...]], NDArray[np.intp]]:
    """The ids of each series, in order, and the number of each row's."""
    if not names:
        return [()], np.zeros(len(frame), dtype=np.intp)
    found = keys(frame, names)
    own = [tuple(one) for one in frame[list(names)].itertuples(index=False, name=None)]
    ids: dict[Key, tuple[Any, ...]] = {}
    for key, value in zip(found, own, strict=True):
        ids.setdefault(key, value)
    order = {key: at for at, key in enumerate(sorted(ids))}
    return [tuple(plain(one) for one in ids[key]) for key in order], np.array(
        [order[key] for key in found], dtype=np.intp
    )


def plain(one: Any) -> Any:
    """A value as JSON has it."""
    return one.item() if isinstance(one, np.generic) else one if isinstance(one, str | int | float | bool) else str(one)


def word_of(ids: tuple[Any, ...]) -> str:
    """A series, to be read."""
    return ", ".join(word(one) for one in ids) or "the series"


def by_series(times: pd.Series[Any], numbers: NDArray[np.intp]) -> list[pd.DatetimeIndex]:
    """The different times of each series, by the number of each row's."""
    return [pd.DatetimeIndex(own.drop_duplicates()) for _, own in times.groupby(numbers)]


def target(values: pd.Series[Any], name: str) -> Floats:
    """Numbers; not a number for what is missing or not finite."""
    found = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    gone = values.isna().to_numpy() | (
        values.map(lambda one: isinstance(one, str) and not one.strip()).to_numpy(dtype=bool)
    )
    strange = np.isnan(found) & ~gone
    if strange.any():
        other = f"{int(strange.sum()):,} rows hold others, such as {values[strange].iloc[0]!r}"
        msg = f"The target {name} is to be a number; {other}."
        raise ValueError(msg)
    finite = np.asarray(np.where(np.isfinite(found), found, np.nan))
    most = float(np.abs(finite[~np.isnan(finite)]).max(initial=0.0))
    if most > LARGEST:
        msg = f"The target {name} reaches {most:.3g}, too much to calculate with; divide it."
        raise ValueError(msg)
    return finite


def filled(beside: Floats, features: Features, fills: Mapping[str, tuple[str, Any]]) -> Floats:
    """Features without the gaps that the user wants filled."""
    for at, (name, kind) in enumerate(features.kinds.items()):
        if name in fills and kind == NUMERIC and not np.isnan(beside[:, at]).all():
            beside[:, at] = fill(beside[:, at], 1, fills[name])
    return beside


def padded(series: Series, least: int, panel: Panel) -> Series:
    """A series with steps before it: targets around its median, features empty.

    Source: the SDK's `ForecastingSettings.short_series_handling_config`.
    """
    more = least - len(series)
    before = pd.date_range(end=series.times[0], periods=more + 1, freq=panel.frequency)[:-1]
    random = np.random.default_rng(len(series))
    middle = float(np.median(series.target))
    spread = float(series.target.std()) or abs(middle) / 100
    made = middle + 0.1 * spread * random.standard_normal(more)
    made = np.maximum(made, 0.0) if middle >= 0 else made
    return replace(
        series, times=before.append(series.times), observed=np.concatenate([np.full(more, np.nan), series.observed]),
        target=np.concatenate([made, series.target]),
        features=np.concatenate([np.full((more, series.features.shape[1]), np.nan), series.features]), padded=more,
    )  # fmt: skip


def names(found: list[Any]) -> str:
    """Some names, to be read."""
    shown = ", ".join(map(str, found[:20]))
    return f"{shown}, ..." if len(found) > 20 else shown  # noqa: PLR2004 - a line of names
