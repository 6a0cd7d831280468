"""How well objects are found: precision and recall by score, and their average.

Metrics are those of Azure: mean average precision at an overlap of one half (`validation_iou_threshold`), over all
points of precision and recall, of boxes, or of outlines where these are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl.images import windows
from jupyter_aml.automl.images.rows import Thing
from jupyter_aml.automl.images.scenes import Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.images.windows import Found

    Floats = NDArray[np.float64]

METRIC = "mean_average_precision"
SURE = 0.3
"""From this score on an object counts for precision and recall, as Azure has it."""
OVERLAP = 0.5
"""With what is true, from which on an object is found."""
RASTER = 128
"""Pixels of a side on which outlines are compared."""


@dataclass(frozen=True)
class Curve:
    """How well the objects of one class are found.

    Attributes:
        scores: Of all that was told, the surest first.
        right: Whether each is true.
        count: Objects that there are.
    """

    scores: Floats
    right: NDArray[np.bool_]
    count: int

    @property
    def recall(self) -> Floats:
        return np.asarray(self.right.cumsum() / max(self.count, 1))

    @property
    def precision(self) -> Floats:
        return np.asarray(self.right.cumsum() / np.arange(1, len(self.right) + 1))

    @property
    def average(self) -> float:
        """The area under the precision that can be had for each recall."""
        recall = np.concatenate([[0.0], self.recall])
        best = np.maximum.accumulate(self.precision[::-1])[::-1]
        return float((np.diff(recall) * best).sum())

    def at(self, score: float) -> tuple[float, float]:
        """Precision and recall of what is at least as sure."""
        sure = self.scores >= score
        right = int(self.right[sure].sum())
        return right / max(int(sure.sum()), 1), right / max(self.count, 1)


def curves(
    scenes: Sequence[Scene], told: Sequence[Found], labels: Sequence[str], least: float, *, outlined: bool
) -> dict[str, Curve]:
    """How well objects are found, by their class: those of the pictures, whether they were learned or not.

    Args:
        scenes: What is true.
        told: What was found in each.
        labels: The classes that were learned, in their order.
        least: The overlap from which on an object is found.
        outlined: Whether outlines are compared instead of boxes.
    """
    labels = [*labels, *sorted({thing.label for one in scenes for thing in one.things} - set(labels))]
    found: dict[str, list[tuple[float, bool]]] = {label: [] for label in labels}
    counts = dict.fromkeys(labels, 0)
    for scene, one in zip(scenes, told, strict=True):
        shared = overlaps(scene.things, one, outlined=outlined)
        for at, label in enumerate(labels):
            own = [place for place, thing in enumerate(scene.things) if thing.label == label]
            counts[label] += sum(not scene.things[place].crowd for place in own)
            given = np.flatnonzero(one.kinds == at)
            found[label] += _matched(scene.things, one.scores, shared, (own, given), least)
    ordered = {label: sorted(pairs, key=lambda pair: -pair[0]) for label, pairs in found.items() if counts[label]}
    return {
        label: Curve(
            np.array([one for one, _ in pairs]), np.array([one for _, one in pairs], dtype=bool), counts[label]
        )
        for label, pairs in ordered.items()
    }


def _matched(
    things: Sequence[Thing], scores: Floats, shared: Floats, places: tuple[Sequence[int], Any], least: float
) -> list[tuple[float, bool]]:
    """Each of what was told with whether it is true; not what tells of a crowd."""
    own, given = places
    free = {place for place in own if not things[place].crowd}
    found: list[tuple[float, bool]] = []
    for at in given:
        near = [place for place in free if shared[at, place] >= least]
        if near:
            free.discard(max(near, key=lambda place: float(shared[at, place])))
        elif any(things[place].crowd and shared[at, place] >= least for place in own):
            continue
        found.append((float(scores[at]), bool(near)))
    return found


def overlaps(things: Sequence[Thing], told: Found, *, outlined: bool) -> Floats:
    """How much of each found object and each true one is common to both, shape (found, true)."""
    if not things or not len(told.boxes):
        return np.zeros((len(told.boxes), len(things)))
    if not outlined:
        return windows.overlap(told.boxes, np.array([one.box for one in things]))
    true = np.stack([raster(parts(one)).ravel() for one in things]).astype(float)
    given = np.stack([raster([one]).ravel() for one in told.outlines]).astype(float)
    both = given @ true.T
    return np.asarray(both / np.maximum(given.sum(axis=1)[:, None] + true.sum(axis=1)[None] - both, 1))


def parts(thing: Thing) -> Sequence[Sequence[float]]:
    """The polygons of an object, each as x and y in turn; its box where it has none."""
    left, top, right, bottom = thing.box
    return thing.outlines or [(left, top, right, top, right, bottom, left, bottom)]


def raster(parts: Sequence[Sequence[float]], box: Sequence[float] = (0, 0, 1, 1), side: int = RASTER) -> Any:
    """True within polygons, of the part of a picture in a box, shape (side, side)."""
    from PIL import Image, ImageDraw

    drawn = Image.new("1", (side, side))
    left, top, right, bottom = box
    for one in parts:
        xs = (np.array(one[::2]) - left) / (right - left) * side - 0.5
        ys = (np.array(one[1::2]) - top) / (bottom - top) * side - 0.5
        ImageDraw.Draw(drawn).polygon(list(zip(xs.tolist(), ys.tolist(), strict=True)), fill=1)
    return np.asarray(drawn)


def measured(found: Mapping[str, Curve]) -> dict[str, float]:
    """All metrics."""
    at = [one.at(SURE) for one in found.values()]
    return {
        METRIC: float(np.mean([one.average for one in found.values()])) if found else 0.0,
        "precision": float(np.mean([one for one, _ in at])) if at else 0.0,
        "recall": float(np.mean([one for _, one in at])) if at else 0.0,
    }


# learning
