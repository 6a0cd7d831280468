"""ARIMA with seasons, its orders found step by step, and with regressors (ARIMAX).

Sources: Hyndman and Khandakar, "Automatic time series forecasting", 2008, for the steps; the parameters are those of
the least conditional sum of squares, kept stationary and invertible by way of partial autocorrelations.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl.forecasting.seasons import decompose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

KPSS = 0.463
"""Above it a series wanders (5 %). Source: Kwiatkowski and others, 1992."""
STRENGTH = 0.64
"""A season as strong is differenced away. Source: Hyndman and Athanasopoulos, "Forecasting", section 9.9."""
LONGEST = 1000
MOST_SEASON = 60
MOST_ORDER, MOST_SEASONAL, MOST_STEPS = 4, 2, 20
LEAST = 10


@dataclass(frozen=True)
class Orders:
    """Of a model: autoregression, differences, moving average, each plain and seasonal, and a constant."""

    p: int
    d: int
    q: int
    P: int = 0
    D: int = 0
    Q: int = 0
    constant: bool = False


@dataclass
class Fitted:
    """A model with its parameters.

    Attributes:
        orders: Its orders.
        ar, ma: Polynomials of the backshift, the first of all differences as well.
        mean: Of what is left after the differences.
        short: The polynomial of the autoregression alone.
        errors: The last of them, as many as `ma` has.
        criterion: AICc.
    """

    orders: Orders
    ar: Floats
    ma: Floats
    short: Floats
    mean: float
    errors: Floats
    criterion: float

    def ahead(self, values: Floats, steps: int) -> Floats:
        """The forecast after the values that were fitted, shape (steps,)."""
        back = len(self.ar) - 1
        past = np.concatenate([values[-back:] if back else values[:0], np.zeros(steps)])
        errors = np.concatenate([self.errors, np.zeros(steps)])
        constant = self.mean * float(self.short.sum())
        weights, shocks = -self.ar[:0:-1], self.ma[:0:-1]
        moving = len(shocks)
        for at in range(steps):
            told = constant + weights @ past[at : at + back]
            if moving and at < moving:
                told += shocks @ errors[at : at + moving]
            past[back + at] = told
        return past[back:]


def _coefficients(raw: Floats) -> Floats:
    """Numbers without bounds as the coefficients of a stationary autoregression (Durbin and Levinson)."""
    found = np.zeros(0)
    for partial in np.tanh(raw):
        found = np.append(found - partial * found[::-1], partial)
    return found


def _polynomial(raw: Floats, seasonal: Floats, season: int, sign: float) -> Floats:
    plain = np.concatenate([[1.0], sign * _coefficients(raw)])
    if not len(seasonal):
        return plain
    spread = np.zeros(len(seasonal) * season + 1)
    spread[0], spread[season::season] = 1.0, sign * _coefficients(seasonal)
    return np.convolve(plain, spread)


def differences(d: int, seasonal: int, season: int) -> Floats:
    """The polynomial of the differences."""
    found = np.ones(1)
    long = np.zeros(season + 1)
    long[0], long[-1] = 1.0, -1.0
    for _ in range(d):
        found = np.convolve(found, [1.0, -1.0])
    for _ in range(seasonal):
        found = np.convolve(found, long)
    return found


def fit(values: Floats, orders: Orders, season: int) -> Fitted | None:
    """A model of some orders; None where there are too few steps."""
    from scipy.optimize import minimize
    from scipy.signal import lfilter

    far = differences(orders.d, orders.D, season)
    rest = np.convolve(values, far, mode="valid")
    free = orders.p + orders.q + orders.P + orders.Q + orders.constant + 1
    skipped = min(orders.p + season * orders.P, len(rest) // 4)
    used = len(rest) - skipped
    if used < max(LEAST, free + 3):
        return None
    center = float(rest.mean()) if orders.constant else 0.0
    spread = float(rest.std()) or 1.0
    bounds = np.cumsum([0, orders.p, orders.P, orders.q, orders.Q])

    def parts(raw: Floats) -> tuple[Floats, Floats, float, Floats]:
        own = [raw[begin:end] for begin, end in pairwise(bounds)]
        ar = _polynomial(own[0], own[1], season, -1.0)
        ma = _polynomial(own[2], own[3], season, 1.0)
        mean = center + spread * raw[-1] if orders.constant else 0.0
        return ar, ma, mean, lfilter(ar, ma, rest - mean)

    def loss(raw: Floats) -> float:
        errors = parts(raw)[3][skipped:]
        found = float(np.log(max(float(errors @ errors) / used, 1e-300)))
        return found + 1e-3 * float(raw @ raw) / used if np.isfinite(found) else 1e10

    begin = np.full(bounds[-1] + orders.constant, 0.1)
    if orders.constant:
        begin[-1] = 0.0
    found = (
        minimize(loss, begin, method="L-BFGS-B", bounds=[(-4.0, 4.0)] * len(begin), options={"maxiter": 40}).x
        if len(begin)
        else begin
    )
    ar, ma, mean, errors = parts(found)
    kept = errors[skipped:]
    likelihood = used * float(np.log(max(float(kept @ kept) / used, 1e-300)))
    criterion = likelihood + 2.0 * free * used / (used - free - 1)
    tail = errors[len(errors) - (len(ma) - 1) :] if len(ma) > 1 else errors[:0]
    return Fitted(orders, np.convolve(ar, far), ma, ar, mean, tail, criterion)


def wanders(values: Floats) -> bool:
    """Whether a series has a unit root, by the test of Kwiatkowski, Phillips, Schmidt and Shin."""
    steps = len(values)
    if steps < LEAST or np.ptp(values) == 0:
        return False
    rest = values - values.mean()
    lags = int(3 * np.sqrt(steps) / 13) + 1
    variance = float(rest @ rest)
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(rest[lag:] @ rest[:-lag])
    return variance > 0 and float((np.cumsum(rest) ** 2).sum() / (steps * variance)) > KPSS


def seasonal(values: Floats, season: int) -> bool:
    """Whether a season is so strong that it is differenced away."""
    if season < 2 or len(values) < 3 * season:  # noqa: PLR2004 - no season
        return False
    trend, found = decompose(values, season)
    rest = values - trend - found
    around = float((rest + found).var())
    return around > 0 and 1 - float(rest.var()) / around > STRENGTH


def automatic(values: Floats, season: int, until: float = np.inf) -> Fitted | None:
    """The model whose orders have the least AICc among those that single steps lead to; None for a short series."""
    season = season if 1 < season <= MOST_SEASON else 1
    far = int(seasonal(values, season))
    rest = values[season:] - values[:-season] if far else values
    d = 0
    while d < 2 - far and wanders(rest):
        rest, d = np.diff(rest), d + 1
    constant = d + far < 2  # noqa: PLR2004 - a line at most
    top = MOST_SEASONAL if season > 1 else 0
    one = int(season > 1)
    tried: dict[Orders, Fitted | None] = {}

    def attempt(orders: Orders) -> Fitted | None:
        if orders not in tried:
            tried[orders] = fit(values, orders, season)
        return tried[orders]

    begins = [(2, 2, one, one), (0, 0, 0, 0), (1, 0, one, 0), (0, 1, 0, one)]
    found = [attempt(Orders(p, d, q, P, far, Q, constant)) for p, q, P, Q in begins]
    there = [one for one in found if one is not None]
    if not there:
        return None
    best = min(there, key=lambda model: model.criterion)
    moved = True
    while moved and len(tried) < MOST_STEPS and time.monotonic() < until:
        moved = False
        for orders in _near(best.orders, top):
            model = attempt(orders)
            if model is not None and model.criterion < best.criterion:
                best, moved = model, True
                break
            if len(tried) >= MOST_STEPS or time.monotonic() > until:
                break
    return best


def _near(orders: Orders, top: int) -> list[Orders]:
    """Orders that differ by a step."""
    found: list[Orders] = []
    for p, q, P, Q in (  # noqa: N806 - the field's letters
        (1, 0, 0, 0), (-1, 0, 0, 0), (0, 1, 0, 0), (0, -1, 0, 0), (0, 0, 1, 0), (0, 0, -1, 0), (0, 0, 0, 1),
        (0, 0, 0, -1), (1, 1, 0, 0), (-1, -1, 0, 0), (0, 0, 1, 1), (0, 0, -1, -1),
    ):  # fmt: skip
        now = Orders(orders.p + p, orders.d, orders.q + q, orders.P + P, orders.D, orders.Q + Q, orders.constant)
        if all(0 <= one <= MOST_ORDER for one in (now.p, now.q)) and all(0 <= one <= top for one in (now.P, now.Q)):
            found.append(now)
    if orders.d + orders.D < 2:  # noqa: PLR2004 - a line at most
        found.append(Orders(orders.p, orders.d, orders.q, orders.P, orders.D, orders.Q, not orders.constant))
    return found


def forecast(
    values: Floats,
    season: int,
    steps: int,
    *,
    log: bool = False,
    beside: tuple[Floats, Floats] | None = None,
    until: float = np.inf,
) -> Floats:
    """A series some steps on, shape (steps,).

    Args:
        values: Shape (seen steps,).
        season: Steps of a season, 1 for none.
        steps: Ahead.
        log: Whether growth is what is added; only of a series that is above 0.
        beside: Regressors of the seen steps and of those ahead, shape (steps, regressors) each; None without.
        until: When to be content with what there is, by `time.monotonic`.
    """
    kept = max(LONGEST, 6 * season)
    own, logged = values[-kept:], log and bool((values > 0).all())
    own = np.log(own) if logged else own
    scale = float(np.abs(own).mean()) or 1.0
    own = own / scale
    moved = np.zeros(steps)
    if beside is not None and beside[0].shape[1]:
        own, moved = _without(own, beside[0][-kept:], beside[1], season)
    model = automatic(own, season, until)
    told = np.repeat(own[-1], steps) if model is None else model.ahead(own, steps)
    told = (told + moved) * scale
    return np.asarray(np.exp(np.minimum(told, 700.0)) if logged else told)


def _without(values: Floats, beside: Floats, ahead: Floats, season: int) -> tuple[Floats, Floats]:
    """A series without what its regressors tell, and what they tell of the steps ahead, by a ridge regression."""
    center, spread = beside.mean(axis=0), beside.std(axis=0)
    told = spread > 0
    if not told.any() or len(values) < 3 * told.sum() + LEAST:
        return values, np.zeros(len(ahead))
    now, later = ((one[:, told] - center[told]) / spread[told] for one in (beside, ahead))
    far = differences(1, int(seasonal(values, season)), season)
    left = np.stack([np.convolve(column, far, mode="valid") for column in now.T], axis=1)
    right: Any = np.convolve(values, far, mode="valid")
    weights = np.linalg.solve(left.T @ left + 1e-3 * len(left) * np.eye(left.shape[1]), left.T @ right)
    return values - now @ weights, np.asarray(later @ weights)
