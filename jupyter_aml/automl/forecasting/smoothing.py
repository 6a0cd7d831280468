"""Exponential smoothing of many series at once, with the theta method and what is smoothed after a decomposition.

Every parameter that is tried of every series is a lane; the lanes go through time side by side, so that the steps are
the only loop. Sources: Hyndman, Koehler, Ord, Snyder, "Forecasting with exponential smoothing", 2008, for the models
and their choice by AICc; Hyndman and Billah, "Unmasking the Theta method", 2003; Cleveland and others, "STL", 1990.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jupyter_aml.automl.forecasting.seasons import decompose, onwards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_SEASON = 24
"""Longer seasons are taken away before."""
TOGETHER = 200
"""Series that go through time side by side."""
MOST_LOG = 700.0
LONGEST = 800
"""Steps that are looked at, the latest, and at least so many seasons:"""
SEASONS = 12
ROUNDS, TRIED = 7, 14
"""Rounds in which parameters are bettered, and how many are tried in each."""
TINY = 1e-9
LIMITS = np.array([[1e-4, 0.999], [0.0, 0.6], [0.0, 0.7], [0.8, 0.985]])
"""Of alpha, beta, gamma and phi."""
GRID = np.array(
    [[alpha, beta, gamma, phi]
     for alpha in (0.03, 0.15, 0.4, 0.8) for beta in (0.003, 0.08) for gamma in (0.03, 0.25) for phi in (0.97,)]
)  # fmt: skip


@dataclass(frozen=True)
class Form:
    """Which of the models: errors and trend are added or, of errors and seasons, multiplied.

    Attributes:
        trend: `N` for none, `A`, or `Ad` for one that fades.
        season: `N` for none, `A` or `M`.
    """

    trend: str
    season: str

    @property
    def multiplied(self) -> bool:
        """Whether errors are relative."""
        return self.season == "M"

    def free(self, season: int) -> int:
        """How many numbers are chosen."""
        return 3 + {"N": 0, "A": 2, "Ad": 3}[self.trend] + (0 if self.season == "N" else 1 + season)


@dataclass
class Lanes:
    """Parameters that are tried, and the states that they lead to; each of the shape (lanes,)."""

    alpha: Floats
    beta: Floats
    gamma: Floats
    phi: Floats
    level: Floats
    trend: Floats
    seasonal: Floats
    loss: Floats


def run(values: Floats, form: Form, season: int, lanes: Lanes) -> None:
    """Take lanes through time, and leave their last states and -2 log likelihood (but for a constant) in them.

    Args:
        values: Shape (steps, lanes).
        form: Which model.
        season: Steps of a season, 1 for none; `lanes.seasonal` has the shape (season, lanes).
        lanes: Where they begin.
    """
    steps = len(values)
    level, trend, seasonal = lanes.level.copy(), lanes.trend.copy(), lanes.seasonal.copy()
    squares, logs = np.zeros_like(level), np.zeros_like(level)
    added = form.season != "M"
    for at in range(steps):
        fades = lanes.phi * trend
        base = level + fades
        own = seasonal[at % season]
        if added:
            error = values[at] - base - own
            level = base + lanes.alpha * error
            trend = fades + lanes.beta * error
            if form.season == "A":
                seasonal[at % season] += lanes.gamma * error
        else:
            base = np.maximum(base, TINY)
            expected = base * own
            error = values[at] / expected - 1.0
            logs += np.log(expected)
            level = base * (1.0 + lanes.alpha * error)
            trend = fades + lanes.beta * base * error
            seasonal[at % season] = np.maximum(own * (1.0 + lanes.gamma * error), TINY)
        squares += error * error
    lanes.level, lanes.trend, lanes.seasonal = level, trend, seasonal
    lanes.loss = steps * np.log(np.maximum(squares, TINY) / steps) + 2.0 * logs
    lanes.loss[~np.isfinite(lanes.loss)] = np.inf


def _begin(values: Floats, form: Form, season: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Level, trend and seasons where a series begins, and how much its level may be off; shape (series,) each."""
    steps, count = values.shape
    seasonal = np.zeros((season, count)) if form.season != "M" else np.ones((season, count))
    rest = values.copy()
    if form.season != "N":
        for at in range(count):
            own = np.log(np.maximum(values[:, at], TINY)) if form.multiplied else values[:, at]
            _, found = decompose(own, season)
            usual = found[:season]
            seasonal[:, at] = np.exp(usual) if form.multiplied else usual
            cycle = np.resize(seasonal[:, at], steps)
            rest[:, at] = values[:, at] / cycle if form.multiplied else values[:, at] - cycle
    looked = min(steps, max(10, 2 * season))
    along = np.arange(looked, dtype=float) - (looked - 1) / 2
    slope = along @ rest[:looked] / max(float(along @ along), 1.0)
    if form.trend == "N":
        slope = np.zeros(count)
    level = rest[:looked].mean(axis=0) - slope * (looked + 1) / 2
    spread = np.std(np.diff(rest, axis=0), axis=0) if steps > 2 else np.zeros(count)  # noqa: PLR2004
    if form.multiplied:
        level = np.maximum(level, 0.1 * rest.mean(axis=0))
    return level, slope, seasonal, spread


def ets(values: Floats, form: Form, season: int, steps: int, *, seed: int = 0) -> tuple[Floats, Floats]:
    """Forecasts of one model, and its AICc.

    Args:
        values: Shape (seen steps, series); as many of all series.
        form: Which model.
        season: Steps of a season, 1 for none.
        steps: Ahead.
        seed: Of the parameters that are tried.

    Returns:
        Forecasts, shape (steps, series), and AICc, shape (series,); infinite where there are too few steps.
    """
    seen, count = values.shape
    season = 1 if form.season == "N" else season
    begun = _begin(values, form, season)
    random = np.random.default_rng(seed)
    best = np.full((count, 6), np.nan)
    least = np.full(count, np.inf)
    states = np.zeros((2 + season, count))
    for number in range(ROUNDS):
        if number == 0:
            tried = np.zeros((len(GRID), count, 6))
            tried[:, :, :4] = GRID[:, None, :]
        else:
            scale = 0.8 * 0.6 ** (number - 1)
            tried = best[None] + scale * random.standard_normal((TRIED, count, 6)) * [1, 1, 1, 0.5, 0.7, 0.25]
            tried[:, :, :4] = _inside(best[None, :, :4], tried[:, :, :4])
        lanes = _lanes(tried, form, begun)
        run(np.tile(values, len(tried)), form, season, lanes)
        losses = lanes.loss.reshape(len(tried), count)
        chosen = losses.argmin(axis=0)
        better = losses[chosen, np.arange(count)] < least
        if number == 0:
            better[:] = True
        at = (chosen * count + np.arange(count))[better]
        least[better] = lanes.loss[at]
        best[better] = tried[chosen, np.arange(count)][better]
        states[:, better] = np.concatenate([lanes.level[None, at], lanes.trend[None, at], lanes.seasonal[:, at]])
    free = form.free(season)
    penalty = 2.0 * free * seen / (seen - free - 1) if seen > free + 1 else np.inf
    return _ahead(form, states, best[:, 3], seen, steps), least + penalty


def _inside(before: Floats, wanted: Floats) -> Floats:
    """Parameters moved on a scale on which the ends of their range are far away."""
    low, high = LIMITS[:, 0], LIMITS[:, 1]
    part = np.clip((before - low) / (high - low), 0.002, 0.998)
    moved = np.log(part / (1 - part)) + 3.0 * (wanted - before)
    return np.asarray(low + (high - low) / (1 + np.exp(-moved)))


def _lanes(tried: Floats, form: Form, begun: tuple[Floats, Floats, Floats, Floats]) -> Lanes:
    """The lanes of parameters of the shape (tried, series, 6)."""
    level, slope, seasonal, spread = begun
    flat = tried.reshape(-1, 6)
    count = len(tried)
    beta = np.minimum(flat[:, 1], flat[:, 0]) if form.trend != "N" else np.zeros(len(flat))
    gamma = np.minimum(flat[:, 2], 1 - flat[:, 0]) if form.season != "N" else np.zeros(len(flat))
    phi = flat[:, 3] if form.trend == "Ad" else np.ones(len(flat))
    first = np.tile(level, count) + flat[:, 4] * np.tile(spread, count)
    trend = (np.tile(slope, count) + flat[:, 5] * np.tile(spread, count)) if form.trend != "N" else np.zeros(len(flat))
    if form.multiplied:
        first = np.maximum(first, TINY)
    return Lanes(flat[:, 0].copy(), beta, gamma, phi, first, trend, np.tile(seasonal, count), np.zeros(len(flat)))


def _ahead(form: Form, states: Floats, phi: Floats, seen: int, steps: int) -> Floats:
    level, trend, seasonal = states[0], states[1], states[2:]
    ahead = np.arange(1, steps + 1)
    fades = np.cumsum(phi[None, :] ** ahead[:, None], axis=0) if form.trend == "Ad" else ahead[:, None]
    base = level + fades * trend
    own = seasonal[(seen + np.arange(steps)) % len(seasonal)]
    return np.asarray(base * own if form.multiplied else base + own)


def forms(season: int, *, positive: bool) -> list[Form]:
    """The models that are compared."""
    trends = ("N", "A", "Ad")
    if season < 2:  # noqa: PLR2004 - no season
        return [Form(one, "N") for one in trends]
    added = [Form(one, "A") for one in trends]
    return added + [Form(one, "M") for one in trends] if positive else added


def automatic(values: Floats, season: int, steps: int, damped: bool | None = None) -> Floats:
    """The forecasts of the model that fits each series best, shape (steps, series).

    Args:
        values: Shape (seen steps, series).
        season: Steps of a season, 1 for none.
        steps: Ahead.
        damped: Whether a trend fades; None where that is to be found.
    """
    seen, count = values.shape
    if seen < 4:  # noqa: PLR2004 - nothing to be learned
        return np.repeat(values[-1:], steps, axis=0)
    if seen < 2 * season + 2:
        season = 1
    positive = np.asarray((values > 0).all(axis=0))
    found, least = np.repeat(values[-1:], steps, axis=0), np.full(count, np.inf)
    for form in forms(season, positive=bool(positive.any())):
        if (damped is True and form.trend == "A") or (damped is False and form.trend == "Ad"):
            continue
        own = positive if form.multiplied else np.ones(count, dtype=bool)
        told, criterion = ets(values[:, own], form, season, steps)
        better = np.zeros(count, dtype=bool)
        better[own] = criterion < least[own]
        inner = criterion < least[own]
        found[:, better], least[better] = told[:, inner], criterion[inner]
    return found


def theta(values: Floats, steps: int, drift: float = 0.5) -> Floats:
    """The theta method of series without a season, shape (steps, series): smoothed, with a part of the line's slope."""
    seen = len(values)
    along = np.arange(seen) - (seen - 1) / 2
    slope = drift * (along @ values) / max(float(along @ along), 1.0)
    alphas = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99])
    count = values.shape[1]
    lanes = Lanes(
        np.repeat(alphas, count), np.zeros(1), np.zeros(1), np.ones(1), np.tile(values[0] - slope, len(alphas)),
        np.tile(slope, len(alphas)), np.zeros((1, len(alphas) * count)), np.zeros(1),
    )  # fmt: skip
    run(np.tile(values, len(alphas)), Form("A", "N"), 1, lanes)
    chosen = lanes.loss.reshape(len(alphas), count).argmin(axis=0) * count + np.arange(count)
    return np.asarray(lanes.level[chosen] + slope * np.arange(1, steps + 1)[:, None])


@dataclass(frozen=True)
class How:
    """How series are smoothed.

    Attributes:
        method: `ets`, `theta` or `stl`.
        log: Whether growth is what is added; only of series that are above 0.
        damped: Whether a trend fades; None where that is to be found.
        keep: How much of the season one year leaves to the next, where seasons are taken away.
        drift: The part of the line's slope that the theta method keeps.
    """

    method: str = "ets"
    log: bool = False
    damped: bool | None = None
    keep: float = 0.7
    drift: float = 0.5


def decomposed(values: Floats, seasons: Sequence[int], steps: int, how: How) -> Floats:
    """Seasons taken away, what is left forecast, and the seasons put on again; shape (steps, series)."""
    left, ahead = values.copy(), np.zeros((steps, values.shape[1]))
    for season in sorted(seasons):
        if len(values) < 2 * season + 2:
            continue
        for at in range(values.shape[1]):
            _, seasonal = decompose(left[:, at], season, how.keep)
            left[:, at] -= seasonal
            ahead[:, at] += onwards(seasonal, season, steps)
    short = left[-max(LONGEST // 2, 100) :]
    return ahead + (theta(short, steps, how.drift) if how.method == "theta" else automatic(short, 1, steps))


def forecast(series: Sequence[Floats], seasons: Sequence[int], steps: int, how: How) -> list[Floats]:
    """Each series some steps on.

    Args:
        series: Each of the shape (seen steps,); of any lengths.
        seasons: Their seasons, the likeliest first; empty for none.
        steps: Ahead.
        how: They are smoothed.
    """
    groups: dict[tuple[int, bool], list[int]] = {}
    longest = max([LONGEST, *(SEASONS * one for one in seasons)])
    for at, one in enumerate(series):
        groups.setdefault((min(len(one), longest), how.log and bool((one > 0).all())), []).append(at)
    found: dict[int, Floats] = {}
    for (length, logged), members in groups.items():
        for begin in range(0, len(members), TOGETHER):
            some = members[begin : begin + TOGETHER]
            values = np.stack([series[at][len(series[at]) - length :] for at in some], axis=1)
            scale = np.maximum(np.abs(values).mean(axis=0), TINY) if not logged else np.ones(len(some))
            told = _some(np.log(values) if logged else values / scale, seasons, steps, how)
            found |= dict(zip(some, (np.exp(np.minimum(told, MOST_LOG)) if logged else told * scale).T, strict=True))
    return [found[at] for at in range(len(series))]


def _some(values: Floats, seasons: Sequence[int], steps: int, how: How) -> Floats:
    season = seasons[0] if seasons else 1
    several = len(seasons) > 1 and len(values) >= 2 * seasons[1] + 2
    if how.method == "theta":
        return decomposed(values, seasons, steps, how)
    if how.method == "ets" and season <= MOST_SEASON and not several:
        return automatic(values[-LONGEST:], season, steps, how.damped)
    return decomposed(values, seasons, steps, how)
