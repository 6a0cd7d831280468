"""What repeats in a series, how it depends on its past, and what is left when both are taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jupyter_aml.automl.forecasting.frequencies import base, seasons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SIGNIFICANT = 1.96
"""Standard deviations that 5 % of what is chance alone exceed."""
SEASONAL = 1.645
STRONG = 0.3
"""The autocorrelation of a season that the frequency does not suggest."""
LOOKED_AT = 40
"""Series that are looked at."""
MOST_STEPS = 5000
"""Steps of a series that are looked at, the latest."""
MOST_LAGS = 60
LEAST_STEPS = 8
NEXT = {"s": 60, "min": 60, "h": 24, "D": 7, "B": 5, "W": 4, "MS": 12, "QS": 4, "YS": 1}
"""Steps until the next coarser frequency."""


def autocorrelation(values: Floats, lags: int) -> Floats:
    """Of a series with itself `lags` steps ago and less, shape (lags + 1,), 1 at first; zeros for a constant."""
    size = len(values)
    centered = values - values.mean()
    power = np.fft.rfft(centered, 2 * size)
    found = np.fft.irfft(np.abs(power) ** 2)[: lags + 1]
    scale = float(centered @ centered)
    return np.asarray(found / scale) if scale > 1e-12 * max(1.0, float(values @ values)) else np.zeros(lags + 1)


def partial_autocorrelation(values: Floats, lags: int) -> Floats:
    """By Durbin and Levinson, shape (lags + 1,), 1 at first."""
    plain = autocorrelation(values, lags)
    found, before = np.zeros(lags + 1), np.zeros(0)
    found[0] = 1.0
    for at in range(1, lags + 1):
        below = 1.0 - before @ plain[1:at]
        now = (plain[at] - before @ plain[at - 1 : 0 : -1]) / below if below > 1e-9 else 0.0  # noqa: PLR2004
        before = np.append(before - now * before[::-1], now)
        found[at] = now
    return found


def flat(values: Floats) -> Floats:
    """A series without its trend: less a line, or differenced where it wanders."""
    steps = np.arange(len(values), dtype=float)
    rest = values - np.polyval(np.polyfit(steps, values, 1), steps)
    change = np.diff(values)
    return np.asarray(change if change.var() < rest.var() * 0.5 else rest)


def repeats(values: Floats, season: int) -> float:
    """How far the autocorrelation at a season is above what is chance, in standard deviations."""
    if season < 2 or len(values) < 2 * season + 4:  # noqa: PLR2004 - two seasons at least
        return -np.inf
    rest = flat(values[-MOST_STEPS:])
    found = autocorrelation(rest, season)
    spread = np.sqrt((1 + 2 * float((found[1:season] ** 2).sum())) / len(rest))
    return float(found[season] / spread)


def find(series: Sequence[Floats], frequency: str) -> list[int]:
    """The seasons of most series, the first one the best; empty for none."""
    looked = [one for one in series if len(one) >= LEAST_STEPS and np.ptp(one) > 0][:LOOKED_AT]
    found = []
    for season in seasons(frequency):
        strengths = [strength for one in looked if np.isfinite(strength := repeats(one, season))]
        if strengths and float(np.median(strengths)) > SEASONAL:
            found.append(season)
    if found or not looked:
        return found
    other = [_peak(one) for one in looked]
    values, counts = np.unique([one for one in other if one], return_counts=True)
    return [int(values[counts.argmax()])] if len(counts) and counts.max() > len(looked) / 2 else []


def _peak(values: Floats) -> int:
    """The step at which a series is most like itself, past the first fall of its autocorrelation; 0 for none."""
    rest = flat(values[-MOST_STEPS:])
    most = min(len(rest) // 3, 400)
    if most < 4:  # noqa: PLR2004 - nothing to see
        return 0
    found = autocorrelation(rest, most)
    below = np.flatnonzero(found < 0)
    if not len(below):
        return 0
    at = int(below[0] + found[below[0] :].argmax())
    inside = 1 < at < most and found[at] >= found[at - 1] and found[at] >= found[at + 1]
    return at if inside and found[at] > STRONG and repeats(values, at) > SEASONAL else 0


def look_back(series: Sequence[Floats], frequency: str, season: int) -> tuple[int, int]:
    """Lags and the rolling window by Azure's rule; 0 for none.

    Source: the SDK's `ForecastingSettings.target_lags`.
    """
    most = min(2 * NEXT.get(base(frequency), 12), MOST_LAGS)
    lags, windows = [], []
    for one in series[:LOOKED_AT]:
        if len(one) < most + 4:
            continue
        _, seasonal = decompose(one, season)
        found = np.abs(partial_autocorrelation(one - seasonal, most))
        significant = found > SIGNIFICANT / np.sqrt(most)
        if significant.all():
            lags.append(0)
            windows.append(0)
            continue
        lags.append(int(np.flatnonzero(~significant)[0]) - 1)
        windows.append(int(np.flatnonzero(significant)[-1]))
    if not lags:
        return 0, 0
    window = int(np.median(windows))
    return int(np.median(lags)), window if window > 1 else 0


def decompose(values: Floats, season: int, keep: float = 0.7) -> tuple[Floats, Floats]:
    """Trend and season of a series, each of its shape.

    The season of a step is that of the same step of earlier seasons, the later the more; looked at from both ends, so
    that what is early is told as well. Twice, as in STL (Cleveland and others, 1990): trend, season, trend, season.

    Args:
        values: Shape (steps,).
        season: Steps of a season, 1 for none.
        keep: How much of the season one year leaves to the next.
    """
    steps = len(values)
    if season < 2 or steps < 2 * season:  # noqa: PLR2004 - no season
        return smooth(values, max(3, min(steps // 4, 25))), np.zeros(steps)
    trend = smooth(values, season)
    seasonal = np.zeros(steps)
    for _ in range(2):
        seasonal = _seasonal(values - trend, season, keep)
        trend = smooth(values - seasonal, season)
    return trend, seasonal


def smooth(values: Floats, window: int) -> Floats:
    """A centered mean, with a line through the ends."""
    steps = len(values)
    window = min(window, steps)
    weights = np.ones(window + 1 if window % 2 == 0 else window)
    if window % 2 == 0:
        weights[[0, -1]] = 0.5
    half = len(weights) // 2
    if steps < 2 * half + 2:
        line = np.polyfit(np.arange(steps), values, min(1, steps - 1))
        return np.asarray(np.polyval(line, np.arange(steps)))
    inner = np.convolve(values, weights / weights.sum(), mode="valid")
    ahead, behind = _ends(inner, half), _ends(inner[::-1], half)[::-1]
    return np.concatenate([behind, inner, ahead])


def _ends(inner: Floats, half: int) -> Floats:
    """A line on, as steep as the last of what is smoothed."""
    last = inner[-min(len(inner), max(half, 2)) :]
    slope = (last[-1] - last[0]) / max(len(last) - 1, 1)
    return np.asarray(inner[-1] + slope * np.arange(1, half + 1))


def _seasonal(rest: Floats, season: int, keep: float) -> Floats:
    """The season in what is left of a series: both ways smoothed over the seasons, with the mean 0 over each."""
    steps = len(rest)
    rows = -(-steps // season)
    whole = np.full(rows * season, np.nan)
    whole[rows * season - steps :] = rest
    table = whole.reshape(rows, season)
    weights = keep ** np.abs(np.subtract.outer(np.arange(rows), np.arange(rows)))
    there = ~np.isnan(table)
    found = weights @ np.where(there, table, 0.0) / np.maximum(weights @ there, 1e-12)
    found -= found.mean(axis=1, keepdims=True)
    return np.asarray(found.ravel()[rows * season - steps :])


def onwards(seasonal: Floats, season: int, steps: int) -> Floats:
    """The last season, repeated."""
    if season < 2:  # noqa: PLR2004 - no season
        return np.zeros(steps)
    last = seasonal[-season:]
    return np.resize(last, steps)
