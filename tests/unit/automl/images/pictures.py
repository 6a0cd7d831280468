"""Pictures in files: handwritten digits, and scenes drawn of coloured shapes on noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw
from sklearn.datasets import load_digits

COLOURS = {"disc": (210, 60, 50), "square": (50, 90, 210), "triangle": (60, 170, 70)}
SHAPES = tuple(COLOURS)
Box = tuple[float, float, float, float]


def digits(place: Path, count: int, seed: int = 0) -> pd.DataFrame:
    """Handwritten digits, in grey."""
    data = load_digits()
    rows = []
    for at in np.random.default_rng(seed).permutation(len(data.target))[:count]:
        file = place / f"digit{at}.png"
        Image.fromarray((data.images[at] * 15.9).astype(np.uint8)).save(file)
        rows.append({"image_url": str(file), "label": int(data.target[at])})
    return pd.DataFrame(rows)


def scene(random: np.random.Generator, shapes: Sequence[str], side: int = 96) -> tuple[Image.Image, list[Any]]:
    """Shapes on a noisy ground, none upon another, and where they are: label, box in pixels, corners in pixels."""
    ground = random.integers(90, 200) + random.normal(0, 12, (side, side, 3))
    picture = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
    drawing, found = ImageDraw.Draw(picture), []
    for shape in shapes:
        for _ in range(50):
            wide, high = random.uniform(0.18, 0.4, 2) * side
            left, top = random.uniform(0, side - wide), random.uniform(0, side - high)
            box = (left, top, left + wide, top + high)
            if all(_apart(box, other) for _, other, _ in found):
                break
        else:
            continue
        colour = tuple(int(one) for one in np.clip(np.array(COLOURS[shape]) + random.normal(0, 15, 3), 0, 255))
        corners = _corners(shape, box)
        drawing.polygon(corners, fill=colour)
        found.append((shape, box, corners))
    return picture, found


def _apart(one: Box, other: Box) -> bool:
    return one[0] > other[2] or one[2] < other[0] or one[1] > other[3] or one[3] < other[1]


def _corners(shape: str, box: Box) -> list[tuple[float, float]]:
    left, top, right, bottom = box
    if shape == "square":
        return [(left, top), (right, top), (right, bottom), (left, bottom)]
    if shape == "triangle":
        return [((left + right) / 2, top), (right, bottom), (left, bottom)]
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    xs = (left + right) / 2 + (right - left) / 2 * np.cos(turns)
    ys = (top + bottom) / 2 + (bottom - top) / 2 * np.sin(turns)
    return [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]


def scenes(
    place: Path, count: int, *, most: int, outlined: bool = False, seed: int = 0, side: int = 96
) -> pd.DataFrame:
    """Scenes of at most so many shapes, with their objects as Azure writes them."""
    random = np.random.default_rng(seed)
    rows = []
    for at in range(count):
        shapes = random.choice(SHAPES, size=random.integers(1, most + 1))
        picture, found = scene(random, [str(one) for one in shapes], side)
        file = place / f"scene{seed}-{at}.png"
        picture.save(file)
        label = [
            {"label": shape, "isCrowd": 0}
            | (
                {"polygon": [[float(one / side) for point in corners for one in point]]}
                if outlined
                else _edges(box, side)
            )
            for shape, box, corners in found
        ]
        rows.append({"image_url": str(file), "label": label})
    return pd.DataFrame(rows)


def _edges(box: Box, side: int) -> dict[str, float]:
    names = ("topX", "topY", "bottomX", "bottomY")
    return {name: float(one / side) for name, one in zip(names, box, strict=True)}


def contents(table: pd.DataFrame) -> pd.DataFrame:
    """The bytes of the pictures, as a model is asked of them."""
    return pd.DataFrame({"image": [Path(one).read_bytes() for one in table["image_url"]]})
