"""What draws the outlines of objects that are found: pickled by value, like `windows`.

Each pixel around an object is told from the ground by its colours, by those around it, and by where it lies in the box.
Only numpy, SciPy, scikit-learn and Pillow may be needed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

PIXELS = 40
"""Of a side, to which the surroundings of an object are brought."""
AROUND = 0.2
"""How far they reach beyond its box, as a part of its size."""
HALF = 0.5
BLURS = (1.0, 2.5)
SMOOTH = 0.8
"""Pixels by which scores are smoothed before an outline is drawn."""
CLOSE = 0.6
"""Pixels that a corner may lie off the line that is drawn instead."""
CORNERS = 3


def around(box: Sequence[float]) -> tuple[float, float, float, float]:
    """A box with its surroundings."""
    wide, high = (box[2] - box[0]) * AROUND, (box[3] - box[1]) * AROUND
    return box[0] - wide, box[1] - high, box[2] + wide, box[3] + high


def crop(picture: Image.Image, box: Sequence[float]) -> Floats:
    """An object's surroundings, shape (PIXELS, PIXELS, 3), in brightness and colours from 0 to 1."""
    from PIL import Image

    left, top, right, bottom = around(box)
    wide, high = picture.size
    part = picture.transform(
        (PIXELS, PIXELS), Image.Transform.EXTENT, (left * wide, top * high, right * wide, bottom * high),
        Image.Resampling.BILINEAR,
    )  # fmt: skip
    return np.asarray(part.convert("YCbCr"), dtype=float) / 255


def noted(shown: Floats, kind: int, count: int) -> NDArray[np.float32]:
    """Features of each pixel, shape (PIXELS * PIXELS, features).

    Args:
        shown: An object's surroundings.
        kind: The position of its class.
        count: Classes.
    """
    from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude

    steps = (np.arange(PIXELS) + 0.5) / PIXELS * 2 - 1
    x, y = np.meshgrid(steps, steps)
    blurred = [gaussian_filter(shown, (blur, blur, 0)) for blur in BLURS]
    edge = PIXELS // 8
    rim = np.concatenate([shown[:edge].reshape(-1, 3), shown[-edge:].reshape(-1, 3), shown[:, :edge].reshape(-1, 3),
                          shown[:, -edge:].reshape(-1, 3)])  # fmt: skip
    middle = shown[PIXELS * 3 // 8 : PIXELS * 5 // 8, PIXELS * 3 // 8 : PIXELS * 5 // 8].reshape(-1, 3)
    to_middle, to_rim = blurred[0] - np.median(middle, axis=0), blurred[0] - np.median(rim, axis=0)
    layers = [
        shown, *blurred, to_middle, to_rim,
        np.linalg.norm(to_middle, axis=2)[..., None], np.linalg.norm(to_rim, axis=2)[..., None],
        gaussian_gradient_magnitude(shown[..., 0], 1.0)[..., None],
        np.stack([x, y, np.hypot(x, y), np.abs(x), np.abs(y)], axis=2),
        np.broadcast_to(np.eye(count)[kind], (PIXELS, PIXELS, count)),
    ]  # fmt: skip
    return np.concatenate(layers, axis=2).reshape(PIXELS * PIXELS, -1).astype(np.float32)


def whole(scores: Floats) -> Mask:
    """The largest coherent part of what is likely, without holes, shape (PIXELS, PIXELS)."""
    from scipy.ndimage import binary_fill_holes, gaussian_filter, label

    likely = gaussian_filter(scores, SMOOTH) >= HALF
    parts, count = label(likely)
    if not count:
        return np.zeros(likely.shape, dtype=bool)
    return np.asarray(binary_fill_holes(parts == np.bincount(parts.ravel())[1:].argmax() + 1), dtype=bool)


def outline(mask: Mask) -> list[tuple[float, float]]:
    """The corners of the longest line around what is true, in pixels; empty where nothing is."""
    loops = _loops(_edges(mask))
    return _straightened(max(loops, key=len)) if loops else []


def _edges(mask: Mask) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Sides of pixels between true and false, from corner to corner, with what is true on the right."""
    wide = np.pad(mask, 1)
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    sides = (((-1, 0), (0, 0), (1, 0)), ((0, 1), (1, 0), (1, 1)), ((1, 0), (1, 1), (0, 1)), ((0, -1), (0, 1), (0, 0)))
    for (down, across), begin, end in sides:
        free = ~wide[1 + down : wide.shape[0] - 1 + down, 1 + across : wide.shape[1] - 1 + across]
        for y, x in np.argwhere(mask & free).tolist():
            found.setdefault((x + begin[0], y + begin[1]), []).append((x + end[0], y + end[1]))
    return found


def _loops(edges: Mapping[tuple[int, int], list[tuple[int, int]]]) -> list[list[tuple[int, int]]]:
    left = {begin: list(ends) for begin, ends in edges.items()}
    found = []
    while left:
        first = next(iter(left))
        loop, at = [first], first
        while at in left:
            after = left[at].pop()
            if not left[at]:
                del left[at]
            at = after
            if at == first:
                break
            loop.append(at)
        found.append(loop)
    return found


def _straightened(loop: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    """Fewer corners, none of them far off (Douglas and Peucker)."""
    points = np.array(loop, dtype=float)
    far = int(np.linalg.norm(points - points[0], axis=1).argmax())
    kept = [*_line(points[: far + 1]), *_line(np.concatenate([points[far:], points[:1]]))]
    return [(float(x), float(y)) for x, y in kept]


def _line(points: Floats) -> list[Any]:
    """The corners of a line without its last."""
    if len(points) < CORNERS:
        return [points[0]]
    way = points[-1] - points[0]
    length = max(float(np.linalg.norm(way)), 1e-9)
    away = np.abs(way[0] * (points[:, 1] - points[0, 1]) - way[1] * (points[:, 0] - points[0, 0])) / length
    at = int(away.argmax())
    return [points[0]] if away[at] <= CLOSE else [*_line(points[: at + 1]), *_line(points[at:])]


@dataclass
class Outliner:
    """A fitted model of outlines.

    Attributes:
        pixels: Tells pixels of an object from others, with `predict_proba`.
        count: Classes.
    """

    pixels: Any
    count: int

    def draw(self, picture: Image.Image, box: Sequence[float], kind: int) -> list[float]:
        """The outline of an object as x and y in turn, as parts of the picture's sides; its box where none is seen."""
        told = self.pixels.predict_proba(noted(crop(picture, box), kind, self.count))[:, 1]
        corners = outline(whole(told.reshape(PIXELS, PIXELS)))
        if len(corners) < CORNERS:
            return [box[0], box[1], box[2], box[1], box[2], box[3], box[0], box[3]]
        left, top, right, bottom = around(box)
        found: list[float] = []
        for x, y in corners:
            found += [left + x / PIXELS * (right - left), top + y / PIXELS * (bottom - top)]
        return [float(np.clip(one, 0, 1)) for one in found]


@dataclass
class FindingModel:
    """What is served: finds objects in pictures.

    Attributes:
        finder: Finds boxes.
        labels: The classes in their order.
        opened: Functions that make a picture of what is given, one after the other.
        outliner: Draws outlines; None where none are asked for.
    """

    finder: Any
    labels: Sequence[str]
    opened: Sequence[Any]
    outliner: Outliner | None = None

    def find(self, picture: Any) -> list[dict[str, Any]]:
        """The objects in a picture, of bytes or base64, as Azure's models tell them."""
        shown = picture
        for step in self.opened:
            shown = step(shown)
        told = seen(self.finder, self.outliner, shown)
        found = []
        for at, (box, kind, score) in enumerate(zip(told.boxes, told.kinds, told.scores, strict=True)):
            edges = dict(zip(("topX", "topY", "bottomX", "bottomY"), map(float, box), strict=True))
            one = {"box": edges, "label": str(self.labels[kind]), "score": float(score)}
            found.append(one | ({"polygon": [list(told.outlines[at])]} if self.outliner is not None else {}))
        return found

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002 - MLflow's
        """A table with `boxes`, a list of objects for each picture."""
        import pandas as pd

        frame = model_input if isinstance(model_input, pd.DataFrame) else pd.DataFrame(model_input)
        column = frame["image"] if "image" in frame else frame.iloc[:, 0]
        return pd.DataFrame({"boxes": [self.find(one) for one in column]})


def seen(finder: Any, outliner: Outliner | None, picture: Image.Image) -> Any:
    """The objects in a picture, with their outlines where these are asked for; boxes then reach as far as those."""
    from dataclasses import replace

    found = finder.find(picture)
    if outliner is None:
        return found
    told = zip(found.boxes, found.kinds, strict=True)
    drawn = [outliner.draw(picture, list(map(float, box)), int(kind)) for box, kind in told]
    tight = [[min(one[::2]), min(one[1::2]), max(one[::2]), max(one[1::2])] for one in drawn]
    return replace(found, outlines=drawn, boxes=np.array(tight).reshape(-1, 4))
