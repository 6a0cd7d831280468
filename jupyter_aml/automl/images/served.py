"""What is asked of a fitted image classifier: pickled by value, so that it runs where jupyter_aml is not installed.

Only numpy, scikit-learn and Pillow may be needed here, and ONNX Runtime by models with a backbone.
"""

from __future__ import annotations

import base64
import binascii
import io
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    Floats = NDArray[np.float64]
    Pictures = NDArray[np.uint8]

SIDE = 64
"""Pixels of a side to which pictures are brought before features are made of them."""
CELL, BINS = 8, 9
"""Pixels of a side of which directions are counted, and into how many of them."""
CLIP = 0.2
TINY = 8
AT_ONCE = 256
"""Pictures of which features are made at a time: more need much memory."""
SMALL = 32
"""Pixels of a side to which pictures are brought before filters run over them."""
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pixels of ImageNet, by which networks expect theirs to be moved and divided."""
LEAST = 1e-12


def opened(picture: Any) -> Image.Image:
    """A picture in red, green and blue, turned as its camera says.

    Args:
        picture: Bytes of a file, such bytes in base64, or a path.

    Raises:
        ValueError: It is no picture.
    """
    from PIL import Image, ImageOps

    try:
        source = picture if isinstance(picture, Path) else io.BytesIO(content(picture))
        with Image.open(source) as found:
            if found.mode.startswith("I"):
                return Image.fromarray(_eight_bits(np.asarray(found, dtype=float))).convert("RGB")
            return ImageOps.exif_transpose(found).convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"It does not open as a picture: {error}") from error


def _eight_bits(grey: Floats) -> Pictures:
    low, high = grey.min(), grey.max()
    return np.asarray((grey - low) / max(high - low, LEAST) * 255, dtype=np.uint8)


def content(picture: Any) -> bytes:
    """The bytes of a picture's file.

    Raises:
        ValueError: They are neither bytes nor base64.
    """
    if isinstance(picture, bytes | bytearray | memoryview):
        found = bytes(picture)
        if not re.fullmatch(rb"[A-Za-z0-9+/=\s]+", found[:64]):
            return found
        picture = found.decode("ascii", errors="replace")
    if not isinstance(picture, str):
        raise ValueError(f"A picture is {type(picture).__name__}; expected its bytes, or a string of base64.")  # noqa: TRY004
    try:
        return base64.b64decode(picture.partition("base64,")[2] or picture)
    except binascii.Error as error:
        raise ValueError(f"A picture is a string that is no base64: {error}") from error


def small(picture: Image.Image, side: int = SIDE) -> Pictures:
    """A picture brought to a square, shape (side, side, 3)."""
    from PIL import Image

    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=3.0), dtype=np.uint8)


# features, of pictures of the shape (pictures, SIDE, SIDE, 3)


def shapes(pictures: Pictures) -> Floats:
    """Histograms of the directions of edges, after Dalal and Triggs 2005."""
    grey = pictures.mean(axis=3) / 255
    across, down = np.zeros_like(grey), np.zeros_like(grey)
    across[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    strength = np.hypot(across, down)
    turned = (np.arctan2(down, across) % np.pi) / np.pi * BINS
    low = np.floor(turned).astype(int)
    share = turned - low
    cells = SIDE // CELL
    found = np.empty((len(grey), cells, cells, BINS))
    for at in range(BINS):
        part = strength * ((low % BINS == at) * (1 - share) + ((low + 1) % BINS == at) * share)
        found[..., at] = part.reshape(-1, cells, CELL, cells, CELL).sum(axis=(2, 4))
    blocks = np.concatenate([found[:, :-1, :-1], found[:, 1:, :-1], found[:, :-1, 1:], found[:, 1:, 1:]], axis=3)
    blocks = np.minimum(blocks / (np.linalg.norm(blocks, axis=3, keepdims=True) + 1e-2), CLIP)
    return np.asarray(blocks.reshape(len(grey), -1) * 5)


def colours(pictures: Pictures) -> Floats:
    """How often colours occur, in the whole picture and in its quarters."""
    codes = (pictures // 64).astype(int) @ np.array([16, 4, 1])
    return _counted(codes, 64)


def textures(pictures: Pictures) -> Floats:
    """How often pixels are brighter than their neighbours in which pattern, after Ojala and others 2002."""
    grey = pictures.mean(axis=3)
    middle = grey[:, 1:-1, 1:-1]
    around = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    code = np.zeros(middle.shape, dtype=int)
    for at, (top, left) in enumerate(around):
        there = grey[:, top : top + middle.shape[1], left : left + middle.shape[2]]
        code += (there > middle + 2).astype(int) << at
    return _counted(_patterns()[code], 59)


def _patterns() -> NDArray[np.intp]:
    """The patterns with at most two changes one by one, and all others together."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    uniform = (bits != np.roll(bits, 1, axis=1)).sum(axis=1) <= 2  # noqa: PLR2004 - the definition
    return np.where(uniform, np.cumsum(uniform) - 1, 58)


def _counted(codes: NDArray[np.intp], count: int) -> Floats:
    """The roots of the shares of codes, in the whole and in the quarters, shape (pictures, 5 times count)."""
    high, wide = codes.shape[1] // 2, codes.shape[2] // 2
    quarters = [codes[:, :high, :wide], codes[:, high:, :wide], codes[:, :high, wide:], codes[:, high:, wide:]]
    found = []
    for part in (codes, *quarters):
        flat = part.reshape(len(codes), -1) + np.arange(len(codes))[:, None] * count
        histogram = np.bincount(flat.ravel(), minlength=len(codes) * count).reshape(len(codes), count)
        found.append(np.sqrt(histogram / flat.shape[1]))
    return np.concatenate(found, axis=1)


def pixels(pictures: Pictures) -> Floats:
    """The picture itself, very small."""
    step = SIDE // TINY
    found = pictures.reshape(-1, TINY, step, TINY, step, 3).mean(axis=(2, 4)) / 255
    return np.asarray(found.reshape(len(pictures), -1))


PARTS = {"shapes": shapes, "colours": colours, "textures": textures, "pixels": pixels}


@dataclass
class Looks:
    """Features that look at shapes, colours and textures.

    Attributes:
        parts: Names of `PARTS`.
    """

    parts: Sequence[str]

    def transform(self, pictures: Pictures) -> Floats:
        """Shape (pictures, features)."""
        chunks = [pictures[at : at + AT_ONCE] for at in range(0, len(pictures), AT_ONCE)]
        return np.concatenate([np.concatenate([PARTS[one](chunk) for one in self.parts], axis=1) for chunk in chunks])


@dataclass
class Filters:
    """Small filters, learned by clustering patches of the pictures, and how strongly they answer where.

    Source: Coates, Ng and Lee, "An analysis of single-layer networks in unsupervised feature learning", 2011.

    Attributes:
        count: Filters.
        patch: Pixels of a side of each.
        pools: Parts of a side, over which answers are summed.
        seed: Of the patches that are drawn.
    """

    count: int = 150
    patch: int = 6
    pools: int = 3
    seed: int = 0

    def fit(self, pictures: Pictures, draws: int = 30_000) -> Filters:
        from sklearn.cluster import MiniBatchKMeans

        random = np.random.default_rng(self.seed)
        each = max(draws // len(pictures), 1)
        found = []
        for one in pictures[random.permutation(len(pictures))[:draws]]:
            patches = self._patches(_shrunk(one[None]))[0]
            found.append(patches[random.integers(len(patches), size=each)])
        drawn = _evened(np.concatenate(found))
        self.mean = drawn.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(drawn - self.mean, rowvar=False))
        self.whiten = vectors @ np.diag(1 / np.sqrt(np.maximum(values, 0) + 0.1)) @ vectors.T
        white = (drawn - self.mean) @ self.whiten
        means = MiniBatchKMeans(
            min(self.count, len(white)), random_state=self.seed, n_init=1, batch_size=2048, max_iter=30
        )
        self.filters = means.fit(white).cluster_centers_
        return self

    def transform(self, pictures: Pictures) -> Floats:
        """Shape (pictures, features)."""
        return np.stack([self._answers(_shrunk(one[None])) for one in pictures])

    def _patches(self, pictures: Floats) -> Floats:
        """Every patch, shape (pictures, positions, values)."""
        windows = np.lib.stride_tricks.sliding_window_view(pictures, (self.patch, self.patch), axis=(1, 2))
        return windows.reshape(len(pictures), -1, 3 * self.patch**2)

    def _answers(self, picture: Floats) -> Floats:
        white = (_evened(self._patches(picture)[0]) - self.mean) @ self.whiten
        distance = np.sqrt(
            np.maximum((white**2).sum(axis=1)[:, None] - 2 * white @ self.filters.T + (self.filters**2).sum(axis=1), 0)
        )
        near = np.maximum(distance.mean(axis=1, keepdims=True) - distance, 0)
        side = SMALL - self.patch + 1
        places = near.reshape(side, side, -1)
        cuts = np.linspace(0, side, self.pools + 1).astype(int)
        pooled = [
            places[top:bottom, left:right].mean(axis=(0, 1))
            for top, bottom in itertools.pairwise(cuts)
            for left, right in itertools.pairwise(cuts)
        ]
        return np.concatenate(pooled)


def _shrunk(pictures: Pictures) -> Floats:
    step = SIDE // SMALL
    return np.asarray(pictures.reshape(-1, SMALL, step, SMALL, step, 3).mean(axis=(2, 4)))


def _evened(patches: Floats) -> Floats:
    """Patches of like brightness and contrast."""
    found = patches - patches.mean(axis=1, keepdims=True)
    return np.asarray(found / np.sqrt(found.var(axis=1, keepdims=True) + 10))


@dataclass
class Backbone:
    """A network that makes features of pictures, run by ONNX Runtime.

    Attributes:
        name: Of the file, under which the model carries it.
        path: Of the file here.
    """

    name: str
    path: str
    _session: Any = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "path": self.path, "_session": None}

    def load(self, artifacts: Mapping[str, str]) -> None:
        """Take the file that the model carries."""
        self.path, self._session = artifacts.get(self.name, self.path), None

    @property
    def session(self) -> Any:
        """The network, opened once."""
        if self._session is None:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self._session = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        return self._session

    def embedded(self, pictures: Iterable[Image.Image]) -> Floats:
        """What the network says of pictures, shape (pictures, features)."""
        given = self.session.get_inputs()[0]
        last = given.shape[-1] == 3  # noqa: PLR2004 - the colours
        sides = given.shape[1:3] if last else given.shape[2:4]
        side = next((one for one in sides if isinstance(one, int)), 224)
        found = []
        for one in pictures:
            pixels = ((small(one, side) / 255 - np.array(MEAN)) / np.array(SPREAD)).astype(np.float32)
            told = self.session.run(None, {given.name: (pixels if last else pixels.transpose(2, 0, 1))[None]})[0][0]
            told = np.asarray(told, dtype=float)
            found.append(told.mean(axis=tuple(range(1, told.ndim))) if told.ndim > 1 and not last else told.ravel())
        return np.stack(found)


@dataclass
class Pipeline:
    """A fitted model of pictures: features, what is done to them, and what is learned of them.

    Attributes:
        looks: `Looks` or `Filters`; a `Backbone` instead, whose features are given in place of pictures.
        numbers: Makes the features alike, and fewer.
        model: With `predict(numbers)`.
        mirrored: Whether a picture's mirror image is asked too.
    """

    looks: Looks | Filters | Backbone
    numbers: Any
    model: Any
    mirrored: bool = False

    def predict(self, pictures: Any) -> Floats:
        """Probabilities, shape (pictures, classes)."""
        found = self._asked(pictures)
        if self.mirrored:
            found = (found + self._asked(pictures[:, :, ::-1])) / 2
        return found

    def _asked(self, pictures: Any) -> Floats:
        told = pictures if isinstance(self.looks, Backbone) else self.looks.transform(pictures)
        return np.asarray(self.model.predict(self.numbers.transform(told) if self.numbers is not None else told))


@dataclass
class ImageModel:
    """What is served: tells the class, or the labels, of pictures.

    Attributes:
        models: Those that vote.
        weights: Of their votes, with the sum 1.
        labels: The classes in their order.
    """

    models: Sequence[Pipeline]
    weights: Sequence[float]
    labels: Sequence[str]

    def load(self, context: Any) -> None:
        """Find the networks that the model carries."""
        for one in self.models:
            if isinstance(one.looks, Backbone):
                one.looks.load(context.artifacts)

    def predict_proba(self, pictures: Sequence[Any]) -> Floats:
        """Shape (pictures, classes), of bytes or base64."""
        read = [opened(one) for one in pictures]
        squares = np.stack([small(one) for one in read])
        told = [
            weight * one.predict(one.looks.embedded(read) if isinstance(one.looks, Backbone) else squares)
            for one, weight in zip(self.models, self.weights, strict=True)
        ]
        return np.asarray(sum(told))

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002 - MLflow's
        """A table with `probs` and `labels`, a list each for a picture, as Azure's models answer."""
        import pandas as pd

        frame = model_input if isinstance(model_input, pd.DataFrame) else pd.DataFrame(model_input)
        column = frame["image"] if "image" in frame else frame.iloc[:, 0]
        found = self.predict_proba(list(column)) if len(column) else np.empty((0, len(self.labels)))
        names = [str(one) for one in self.labels]
        return pd.DataFrame({"probs": [[float(one) for one in row] for row in found], "labels": [names for _ in found]})
