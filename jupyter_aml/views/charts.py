"""Line charts as self-contained SVG: axes, round ticks, a legend; readable on light and on dark."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_aml.views import formats, markup

COLOURS = ("#2f7fd0", "#d9730d", "#2a9d6b", "#9166c9", "#c2477f", "#7f8c1f", "#1f9aa8", "#b0653a")
GREY = GRID = "#767b83"
"""Reads as well on white as on the near black of dark themes: a picture does not know which it is shown on."""
FONT = "system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif"
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 26, 30
MOST_POINTS = 400
FEWEST = 3
"""Ticks along x, where there is room."""
HUGE = 1e300
NAME = 26
"""Characters of a name in the legend: the name of a job has room."""


@dataclass(frozen=True)
class Series:
    """One line of a chart: points in the order of x; values that are not finite are gaps."""

    name: str
    points: Sequence[tuple[float, float]]


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers (1, 2, 2.5 or 5 times a power of ten) that cover [low, high] with about `count` steps."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # equal as far as floats can draw
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def label(value: float) -> str:
    """A tick as `0.25`, `1.5k`, `20M`, `3e-05`."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scale = 1e3 if unit == "k" else limit
            return f"{value / scale:.4g}{unit}"
    return f"{value:.4g}"


def line(
    series: Sequence[Series],
    *,
    title: str = "",
    x: str = "step",
    width: int = 360,
    height: int = 190,
) -> str:
    """Draw the series over one pair of axes.

    Args:
        series: At most eight get a colour of their own.
        title: Above the chart; with one series usually its metric.
        x: What the horizontal axis counts, with its unit.
        width: Pixels.
        height: Pixels.

    Returns:
        An `<svg>` element without scripts or outside references.
    """
    finite = [[p for p in one.points if abs(p[0]) < HUGE and abs(p[1]) < HUGE] for one in series]
    every = [point for points in finite for point in points]
    legend = len(series) > 1
    right = RIGHT + (_legend_width(series) if legend else 0)
    frame = _Frame(width, height, right, every)
    parts = [_text(LEFT, 15, title, size=12, weight=600)] if title else []
    parts += frame.axes(x)
    for index, points in enumerate(finite):
        parts += frame.curve(points, COLOURS[index % len(COLOURS)])
    if legend:
        parts += _legend(series, width - right + 12)
    if not every:
        parts.append(_text(width / 2, height / 2, "no points yet", anchor="middle"))
    box = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="{FONT}">{"".join(parts)}</svg>'


def image(svg: str, alt: str) -> str:
    """The chart as an `<img>` that survives sanitising, reopening and export."""
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{markup.esc(alt)}" src="data:image/svg+xml;base64,{data}">'


def thin(points: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """At most about `most` points; each stretch keeps its lowest and highest, so that no spike is lost."""
    if len(points) <= most:
        return list(points)
    span = math.ceil(len(points) / (most // 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), span):
        chunk = points[start : start + span]
        pair = {min(chunk, key=lambda p: p[1]), max(chunk, key=lambda p: p[1])}
        kept.extend(sorted(pair))
    if kept[-1] != points[-1]:
        kept.append(points[-1])
    return kept


class _Frame:
    """The plot area and its two scales."""

    def __init__(self, width: int, height: int, right: int, points: Sequence[tuple[float, float]]) -> None:
        self.left, self.top = LEFT, TOP
        self.right, self.bottom = width - right, height - BOTTOM
        xs = [p[0] for p in points] or [0.0, 1.0]
        ys = [p[1] for p in points] or [0.0, 1.0]
        self.y_ticks = ticks(min(ys), max(ys))
        self.y_low, self.y_high = self.y_ticks[0], self.y_ticks[-1]
        self.x_low, self.x_high = min(xs), max(xs)
        if self.x_low == self.x_high:
            self.x_low, self.x_high = self.x_low - 0.5, self.x_high + 0.5
        whole = all(float(x).is_integer() for x in xs)
        self.x_ticks = self._across(whole=whole)

    def _across(self, *, whole: bool) -> list[float]:
        """Round numbers along x: one about every 70 pixels, closer where less than three would be left."""
        room = self.right - self.left
        found: list[float] = []
        for count in range(max(2, room // 70), max(3, room // 35)):
            inside = [t for t in ticks(self.x_low, self.x_high, count) if self.x_low <= t <= self.x_high]
            found = [t for t in inside if t.is_integer()] if whole else inside
            if len(found) >= FEWEST:
                break
        return found

    def px(self, value: float) -> float:
        return self.left + (value - self.x_low) / (self.x_high - self.x_low) * (self.right - self.left)

    def py(self, value: float) -> float:
        return self.bottom - (value - self.y_low) / (self.y_high - self.y_low) * (self.bottom - self.top)

    def axes(self, x: str) -> list[str]:
        parts = []
        for tick in self.y_ticks:
            y = self.py(tick)
            ends = f'x1="{self.left}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}"'
            parts.append(f'<line {ends} stroke="{GRID}" stroke-opacity=".25"/>')
            parts.append(_text(self.left - 6, y + 3.5, label(tick), anchor="end"))
        parts.extend(_text(self.px(t), self.bottom + 13, label(t), anchor="middle") for t in self.x_ticks)
        parts.append(_text((self.left + self.right) / 2, self.bottom + 26, x, anchor="middle"))
        return parts

    def curve(self, points: Sequence[tuple[float, float]], colour: str) -> list[str]:
        if not points:
            return []
        path = " ".join(f"{self.px(x):.1f},{self.py(y):.1f}" for x, y in thin(points))
        last_x, last_y = points[-1]
        pen = f'fill="none" stroke="{colour}" stroke-width="1.8" stroke-linejoin="round"'
        drawn = f'<polyline points="{path}" {pen}/>'
        dot = f'<circle cx="{self.px(last_x):.1f}" cy="{self.py(last_y):.1f}" r="2.6" fill="{colour}"/>'
        return [drawn, dot] if len(points) > 1 else [dot]


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 10, weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
        f'fill="{GREY}">{markup.esc(text)}</text>'
    )


def _legend_width(series: Sequence[Series]) -> int:
    longest = max((min(len(one.name), NAME) for one in series), default=0)
    return 26 + int(longest * 5.8)


def _legend(series: Sequence[Series], x: float) -> list[str]:
    parts = []
    for index, one in enumerate(series[: len(COLOURS)]):
        y = TOP + 6 + index * 15
        parts.append(f'<rect x="{x:.0f}" y="{y - 4}" width="10" height="3" rx="1.5" fill="{COLOURS[index]}"/>')
        parts.append(_text(x + 15, y + 1, formats.clip(one.name, NAME)))
    return parts
