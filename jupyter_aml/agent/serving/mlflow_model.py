"""An MLflow model without a scoring script: `{"input_data": …}` in, predictions out.

Requests that wait together are scored in one call where the model's rows are independent. Each is read and checked by
itself before; when the joint call raises, they are scored in halves, so that a bad one fails only itself.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from . import intake, mlmodel, natives, openapi, predictions, pyfunc, schemas, traces
from .exchange import BAD_REQUEST, INTERNAL, OK, Answer, Refused, head, refusal, refuse_method, unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .exchange import Request, Scorer
    from .intake import Item
    from .natives import Native

MOST_ROWS = 1 << 16
"""Rows that are scored together at most, beyond which there is nothing to win."""
USERS = (ValueError, TypeError, KeyError, IndexError, OverflowError)
"""What a model raises about the data it is given."""

_JOIN: dict[str, Callable[[Sequence[Item]], Any]] = {
    "matrix": intake.matrix,
    "frame": intake.frame,
    "tensor": intake.tensor,
}


def load(folder: str) -> Scorer:
    """The model in a folder. Raises Failed."""
    description = mlmodel.read(folder)
    swagger = openapi.of_schemas(*schemas.of(description))
    simple = all(one.type in mlmodel.PLAIN for one in description.columns) and len(description.tensors) < 2  # noqa: PLR2004
    native = natives.load(description) if simple and not description.hinted else None
    if native is None:
        return pyfunc.load(description, swagger)
    read = intake.Intake(description, arrays=native.arrays, names=native.names)
    return Model(native, read, swagger, description.words())


class Model:
    """A model that its own library has loaded.

    Args:
        native: The model.
        read: From a body to rows.
        swagger: Its OpenAPI documents by version.
        words: What it is, for the log.
    """

    headers = False

    def __init__(self, native: Native, read: intake.Intake, swagger: dict[str, Any], words: str) -> None:
        self.batches = native.batches
        self.swagger = swagger
        alone = f"Each request is scored alone: {native.mixes} may mix rows, or differ when rows come together."
        self.about = [words, "Requests that wait are scored together." if native.batches else alone]
        self._native = native
        self._read = read
        self.why = _unforkable()
        self.forkable = not self.why

    def begin(self) -> None:
        """Nothing is left to do."""

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """As `Scorer`."""
        answers: list[Answer | None] = [None] * len(requests)
        groups: dict[Any, tuple[list[int], list[Item]]] = {}
        for at, request in enumerate(requests):
            try:
                if not request.posted:
                    refuse_method(request)
                item = self._read(request.body)
            except Refused as error:
                answers[at] = refusal(error)
                continue
            except Exception as error:  # noqa: BLE001 -- no request may end the replica
                answers[at] = unreadable(error)
                continue
            key = item.key if self._native.batches and item.count else None
            places, items = groups.setdefault(at if key is None else key, ([], []))
            places.append(at)
            items.append(item)
        for places, items in groups.values():
            for at, answer in zip(places, self._scored(items), strict=True):
                answers[at] = answer
        return [answer for answer in answers if answer is not None]

    def _scored(self, items: list[Item]) -> list[Answer]:
        """The answers to requests that may be scored together."""
        if len(items) > 1 and sum([item.count for item in items]) > MOST_ROWS:
            return self._halved(items)
        begun = time.perf_counter()
        try:
            found = self._called(items)
        except Exception as error:  # noqa: BLE001 -- a model may raise anything; the client reads a sentence, the log why
            if len(items) > 1:
                return self._halved(items)
            return [refusal(self._about(error, items[0]))]
        milliseconds = (time.perf_counter() - begun) * 1000
        try:
            return _written(found, items, head(milliseconds=milliseconds))
        except Exception as error:  # noqa: BLE001 -- idem
            if len(items) > 1:
                return self._halved(items)
            traces.show(error)
            return [refusal(Refused(INTERNAL, f"The model's predictions are no JSON: {error}.", failed=True))]

    def _halved(self, items: list[Item]) -> list[Answer]:
        """As `_scored`, in two calls: so the few that a model cannot score are soon alone."""
        half = len(items) // 2
        return self._scored(items[:half]) + self._scored(items[half:])

    def _about(self, error: Exception, item: Item) -> Refused:
        """What the client reads when the model, or numpy on the way to it, raised."""
        if isinstance(error, Refused):
            return error
        if isinstance(error, OverflowError):
            try:
                self._read.recheck(item)
            except Refused as refused:
                return refused
        return _raised(error)

    def _called(self, items: list[Item]) -> Any:
        key = items[0].key
        if key is not None and not any(item.count for item in items):
            raise Refused(BAD_REQUEST, "The input has no rows; at least one was expected.")
        return self._native.call(intake.loose(items[0]) if key is None else _JOIN[key[0]](items))


def _written(found: Any, items: list[Item], lines: bytes) -> list[Answer]:
    """The answers with joint predictions."""
    counts = [item.count for item in items]
    told: list[str] | None = predictions.texts(found, counts)
    if told is None:
        records = _is_table(items[0])
        pieces = [found] if len(items) == 1 else predictions.split(found, counts)
        if pieces is None:
            raise ValueError("the model does not give one prediction for each row")
        told = [predictions.text(piece, records=records) for piece in pieces]
    return [
        Answer(OK, lines, (text if item.bare else f'{{"predictions": {text}}}').encode())
        for item, text in zip(items, told, strict=True)
    ]


def _is_table(item: Item) -> bool:
    """Whether MLflow would have given the model a frame, not an array."""
    key = item.key
    if key is None:
        return item.data[0] is not None
    return key[0] == "frame" or (key[0] == "matrix" and key[3:] != (True,))


def _raised(error: Exception) -> Refused:
    """What the client reads when the model raised."""
    if isinstance(error, Refused):
        return error
    traces.show(error)
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, USERS):
        return Refused(BAD_REQUEST, f"The model cannot score this input: {said}", failed=True)
    return Refused(INTERNAL, f"The model failed: {said}", failed=True)


def _unforkable() -> str:
    """Why this process must not be forked to serve; empty where it may be, as it must not have scored yet."""
    if threading.active_count() > 1:
        return "Loading the model started a Python thread."
    try:
        threads = len(os.listdir("/proc/self/task"))
    except OSError:
        return "The threads of this process cannot be counted."
    if threads > 1:
        return f"Loading the model left {threads} threads running."
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "Loading the model started CUDA."
    return ""
