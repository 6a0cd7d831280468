"""What finds objects in pictures: pickled by value, so that it runs where jupyter_aml is not installed.

Windows of the sizes that objects have slide over the picture; a quick model keeps the likeliest, and slower ones move
their edges and name what is in them. Features of a window are means of channels (brightness, colours, edges by their
direction) in the cells of a grid that reaches a little beyond the window; by sums over the picture they cost little.

Source: Dollár, Tu, Perona and Belongie, "Integral channel features", 2009. Only numpy, scikit-learn and Pillow may be
needed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    Floats = NDArray[np.float64]

STORED = 256
"""Pixels of the longer side of pictures, of which more tell a finder nothing."""
DIRECTIONS = 6
CHANNELS = 4 + DIRECTIONS
MARGIN = 1
"""Cells of the grid that lie beyond the window, on each side."""
MOST_WINDOWS = 5_000
STRIDE = 0.25
"""By which part of its size a window moves."""
KEPT = 250
"""Windows that the quick model keeps."""
LIKELY = 0.02
"""The least score of a window that is looked at twice."""
MOVES = 2
"""How often the edges of a window are moved."""
LEAST = 1e-9


def shrunk(picture: Image.Image) -> Image.Image:
    """A picture of which no side is longer than objects are looked for on."""
    found = picture.copy()
    found.thumbnail((STORED, STORED))
    return found


def channels(picture: Image.Image, side: int) -> Floats:
    """Brightness, two colours, edges, and edges by direction, shape (height, width, CHANNELS).

    Args:
        picture: In red, green and blue.
        side: Pixels to which its longer side is brought.
    """
    from PIL import Image

    ratio = side / max(picture.size)
    size = (max(round(picture.width * ratio), 8), max(round(picture.height * ratio), 8))
    shown = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    found = np.empty((size[1], size[0], CHANNELS))
    found[..., :3] = np.asarray(shown.convert("YCbCr"), dtype=float) / 255
    across, down = np.zeros(found.shape[:2]), np.zeros(found.shape[:2])
    for at in range(3):
        dx, dy = np.zeros_like(across), np.zeros_like(down)
        dx[:, 1:-1] = found[:, 2:, at] - found[:, :-2, at]
        dy[1:-1] = found[2:, :, at] - found[:-2, :, at]
        stronger = np.hypot(dx, dy) > np.hypot(across, down)
        across, down = np.where(stronger, dx, across), np.where(stronger, dy, down)
    found[..., 3] = np.hypot(across, down)
    turned = (np.arctan2(down, across) % np.pi) / np.pi * DIRECTIONS
    low = np.floor(turned).astype(int)
    share = turned - low
    for at in range(DIRECTIONS):
        part = (low % DIRECTIONS == at) * (1 - share) + ((low + 1) % DIRECTIONS == at) * share
        found[..., 4 + at] = found[..., 3] * part
    return found


def summed(found: Floats) -> Floats:
    """The sums of channels left of and above each pixel, shape (height + 1, width + 1, channels)."""
    sums = np.zeros((found.shape[0] + 1, found.shape[1] + 1, found.shape[2]))
    sums[1:, 1:] = found.cumsum(axis=0).cumsum(axis=1)
    return sums


def pooled(sums: Floats, boxes: Floats, grid: int) -> Floats:
    """Features of windows, shape (windows, features).

    Args:
        sums: Of the picture's channels.
        boxes: Left, top, right and bottom as parts of the sides, shape (windows, 4).
        grid: Cells of a side, with those beyond the window.
    """
    high, wide = sums.shape[0] - 1, sums.shape[1] - 1
    steps = (np.arange(grid + 1) - MARGIN) / (grid - 2 * MARGIN)
    xs = np.clip((boxes[:, None, 0] + steps * (boxes[:, None, 2] - boxes[:, None, 0])) * wide, 0, wide)
    ys = np.clip((boxes[:, None, 1] + steps * (boxes[:, None, 3] - boxes[:, None, 1])) * high, 0, high)
    corners = _between(sums, xs, ys)
    cells = corners[:, 1:, 1:] - corners[:, :-1, 1:] - corners[:, 1:, :-1] + corners[:, :-1, :-1]
    areas = np.diff(ys)[:, :, None] * np.diff(xs)[:, None, :]
    means = cells / np.maximum(areas, 0.05)[..., None]
    strength = means[..., 3].mean(axis=(1, 2)) + 0.01
    means[..., 4:] /= strength[:, None, None, None]
    sizes = np.log(np.maximum(boxes[:, 2:] - boxes[:, :2], LEAST))
    where = np.column_stack([sizes, sizes[:, 0] - sizes[:, 1], strength])
    return np.asarray(np.concatenate([means.reshape(len(boxes), -1), where], axis=1), dtype=np.float32)


def _between(sums: Floats, xs: Floats, ys: Floats) -> Floats:
    """Sums at places between pixels, shape (windows, rows, columns, channels)."""
    left, top = np.minimum(xs.astype(int), sums.shape[1] - 2), np.minimum(ys.astype(int), sums.shape[0] - 2)
    x, y = (xs - left)[:, None, :, None], (ys - top)[:, :, None, None]
    down, across = top[:, :, None], left[:, None, :]
    upper = sums[down, across] * (1 - x) + sums[down, across + 1] * x
    lower = sums[down + 1, across] * (1 - x) + sums[down + 1, across + 1] * x
    return np.asarray(upper * (1 - y) + lower * y)


def overlap(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union, shape (boxes, others)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    other = (others[:, 2:] - others[:, :2]).prod(axis=1)
    return np.asarray(both / np.maximum(areas[:, None] + other[None] - both, LEAST))


def windows(sizes: Floats) -> Floats:
    """Windows of some widths and heights all over a picture, shape (windows, 4).

    Args:
        sizes: As parts of the sides, shape (sizes, 2).
    """
    stride = STRIDE
    while _many(sizes, stride) > MOST_WINDOWS:
        stride *= 1.15
    found = []
    for wide, high in sizes:
        xs = np.linspace(0, 1 - wide, int((1 - wide) / (stride * wide)) + 2)
        ys = np.linspace(0, 1 - high, int((1 - high) / (stride * high)) + 2)
        left, top = (one.ravel() for one in np.meshgrid(xs, ys))
        found.append(np.column_stack([left, top, left + wide, top + high]))
    return np.concatenate(found)


def _many(sizes: Floats, stride: float) -> float:
    return float((((1 - sizes) / (stride * sizes)).astype(int) + 2).prod(axis=1).sum())


def moved(boxes: Floats, shifts: Floats) -> Floats:
    """Boxes whose edges are moved by parts of their sizes, and that stay in the picture."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    found = np.clip(boxes + shifts * np.concatenate([sizes, sizes], axis=1), 0, 1)
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1e-3)
    return np.asarray(found)


def shifts(boxes: Floats, aims: Floats) -> Floats:
    """By which parts of their sizes the edges of boxes are to be moved."""
    sizes = np.maximum(boxes[:, 2:] - boxes[:, :2], LEAST)
    return np.asarray((aims - boxes) / np.concatenate([sizes, sizes], axis=1))


def alone(boxes: Floats, scores: Floats, most: float) -> NDArray[np.intp]:
    """The boxes that no better one overlaps by more than so much, the best first."""
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        first = int(order[0])
        kept.append(first)
        rest = order[1:]
        order = rest[overlap(boxes[first][None], boxes[rest])[0] <= most]
    return np.array(kept, dtype=np.intp)


@dataclass(frozen=True)
class Limits:
    """What of all that is found is told.

    Attributes:
        score: The least.
        overlap: Of two objects of one class, above which they are one.
        count: The most objects of a picture.
    """

    score: float = 0.1
    overlap: float = 0.35
    count: int = 100


@dataclass(frozen=True)
class Found:
    """Objects in one picture, the surest first.

    Attributes:
        boxes: Shape (objects, 4).
        kinds: Positions of their classes, shape (objects,).
        scores: From 0 to 1, shape (objects,).
        outlines: A polygon for each, of x and y in turn; empty where none are asked for.
    """

    boxes: Floats
    kinds: NDArray[np.intp]
    scores: Floats
    outlines: Sequence[Sequence[float]] = ()


@dataclass
class Finder:
    """A fitted model that finds objects.

    Attributes:
        side: Pixels to which the longer side of a picture is brought.
        grid: Cells of a window's side.
        sizes: Of windows, shape (sizes, 2).
        quick: Tells windows with an object from those without; class 0 is the ground.
        naming: Tells what is in a window; class 0 is the ground.
        moving: Tells by how much to move the edges.
        count: Classes.
        limits: What is told.
    """

    side: int
    grid: int
    sizes: Floats
    quick: Any
    naming: Any
    moving: Any
    count: int
    limits: Limits = field(default_factory=Limits)

    def find(self, picture: Image.Image) -> Found:
        """The objects in a picture."""
        return self.within(summed(channels(picture, self.side)))

    def within(self, sums: Floats) -> Found:
        """The objects in a picture of which the sums of the channels are known."""
        boxes, scores = self.scored(sums)
        best = scores.argmax(axis=1)
        own = scores[np.arange(len(scores)), best]
        kept = own >= self.limits.score
        boxes, best, own = boxes[kept], best[kept], own[kept]
        found: list[tuple[float, int, int]] = []
        for kind in np.unique(best):
            places = np.flatnonzero(best == kind)
            found += [
                (-float(own[places[at]]), int(places[at]), int(kind))
                for at in alone(boxes[places], own[places], self.limits.overlap)
            ]
        found = sorted(found)[: self.limits.count]
        at = np.array([place for _, place, _ in found], dtype=np.intp)
        return Found(boxes[at], np.array([kind for *_, kind in found], dtype=np.intp), own[at])

    def scored(self, sums: Floats) -> tuple[Floats, Floats]:
        """Windows whose edges were moved, and their scores for each class."""
        boxes, features = self.proposed(sums)
        return boxes, self.named(features)

    def proposed(self, sums: Floats) -> tuple[Floats, Floats]:
        """Windows whose edges were moved, and their features."""
        boxes = self.likely(sums)
        for _ in range(MOVES):
            boxes = moved(boxes, np.clip(self.moving.predict(pooled(sums, boxes, self.grid)), -0.5, 0.5))
        return boxes, pooled(sums, boxes, self.grid)

    def likely(self, sums: Floats) -> Floats:
        """The windows that a quick look finds likeliest."""
        boxes = windows(self.sizes)
        ground = self.quick.predict_proba(pooled(sums, boxes, self.grid))[:, 0]
        kept = np.argsort(ground, kind="stable")[:KEPT]
        return boxes[kept[ground[kept] < 1 - LIKELY]] if (ground[kept] < 1 - LIKELY).any() else boxes[kept[:1]]

    def named(self, features: Floats) -> Floats:
        """Scores of windows for each class, shape (windows, classes)."""
        told = np.asarray(self.naming.predict_proba(features), dtype=float)
        found = np.zeros((len(told), self.count + 1))
        found[:, np.asarray(self.naming.classes_, dtype=int)] = told
        return np.asarray(found[:, 1:])
