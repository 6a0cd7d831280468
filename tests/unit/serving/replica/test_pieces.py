"""What a replica is made of: frames that arrive in pieces, lines of the log, groups of quick requests."""

from __future__ import annotations

import json
import random
import signal
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from jupyter_aml.agent.serving import frames, journal, loop, payload, predictions
from jupyter_aml.agent.serving.exchange import Answer, Refused, Request

NONE = memoryview(b"")


@pytest.mark.parametrize("seed", range(8))
def test_frames_are_whole_however_they_arrive(seed: int) -> None:
    rng = random.Random(seed)
    bodies = [rng.randbytes(rng.choice([0, 1, 9, 300, 70_000])) for _ in range(40)]
    sent = b"".join(frames.request(at, body) for at, body in enumerate(bodies))
    reader, found = frames.Reader(), []

    while sent:
        size = rng.choice([1, 3, 8, 9, 10, 500, 100_000])
        found += [(number, bytes(frames.read_request(load)[1])) for _, number, load in reader.feed(sent[:size])]
        sent = sent[size:]

    assert found == list(enumerate(bodies))


def test_the_pieces_of_a_large_frame_are_kept_until_the_last_is_there() -> None:
    whole = frames.request(1, bytes(1 << 20))
    reader, pieces = frames.Reader(), range(0, len(whole), 1 << 16)

    found = [reader.feed(whole[at : at + (1 << 16)]) for at in pieces[:-1]]

    assert not any(found)
    assert len(reader._pieces) == len(pieces) - 1
    assert len(reader.feed(whole[pieces[-1] :])) == 1
    assert not reader._pieces


def test_meta_is_read_when_it_is_asked_for() -> None:
    told = memoryview(json.dumps({"method": "POST", "id": "x"}, separators=(",", ":")).encode())
    broken = Request(1, memoryview(b'{"method":"POST" broken'), NONE)

    assert broken.posted
    assert Request(1, told, NONE).meta["id"] == "x"
    assert not Request(1, memoryview(b'{"method":"GET"}'), NONE).posted


def test_the_first_requests_of_a_second_have_lines_and_the_others_are_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal.time, "time", lambda: 1000.5)
    lines = journal.Journal()
    good, bad = Answer(200, b"", b"[1]"), Answer(400, b"", b'{"message": "No column.\\nMore"}')

    lines.note([Request(1, NONE, NONE)], [bad], 0.002)
    lines.note([Request(1, NONE, NONE)] * 50, [good] * 49 + [bad], 0.01)
    assert lines.owes == pytest.approx(0.5)
    lines.settle()

    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith(" POST /score 400 2.000ms 31 No column.")
    assert said[1].endswith(" POST /score 200 10.000ms 3")
    assert len(said) == 1 + 19 + 1
    assert said[-1].endswith(" and 31 more in this second, 30 of them 200")
    assert lines.owes == 0.0


class Slow:
    """A scorer that takes a while for each request."""

    batches = False

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        until = time.perf_counter() + self.seconds
        while time.perf_counter() < until:
            pass
        return [Answer(200, b"", bytes(one.body)) for one in requests]


def groups(seconds: float, number: int) -> list[int]:
    """How many requests begin together when `number` come at once, after twenty have taught what is usual."""
    ours, theirs = socket.socketpair()
    before = signal.getsignal(signal.SIGTERM)
    with ours, theirs:
        served: Any = loop.Loop(theirs, Slow(seconds))  # type: ignore[arg-type]
        served._usual = seconds
        raw = b"".join(frames.request(at, b"x") for at in range(number))
        found: list[int] = []
        answered: list[int] = []

        def read() -> None:
            reader = frames.Reader()
            while len(answered) < number:
                for kind, at, load in reader.feed(ours.recv(1 << 16)):
                    if kind == frames.BEGAN:
                        found.append(len(frames.read_began(load)))
                    else:
                        answered.append(at)

        thread = threading.Thread(target=read)
        thread.start()
        served._one_by_one(served._requests(raw))
        thread.join(20)
        signal.signal(signal.SIGTERM, before)
        assert answered == list(range(number))
    return found


def test_slow_requests_begin_one_by_one_and_quick_ones_together() -> None:
    assert groups(0.005, 5) == [1] * 5
    assert groups(0.00002, 60)[0] > 10
    assert sum(groups(0.00002, 60)) == 60


@pytest.mark.parametrize("text", ["{", "", "[1", '{"a":1}x', "nope"])
def test_what_is_no_json_is_refused_as_by_the_standard_library(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        json.loads(text)
    with pytest.raises(Refused):
        payload.read(memoryview(text.encode()))


@pytest.mark.parametrize("text", [' {"a": 1}', '{"a": 1}\n', "[1, NaN]", '"\\u00e9"', "12345678901234567890123"])
def test_json_is_read_as_by_the_standard_library(text: str) -> None:
    assert repr(payload.loads(text)) == repr(json.loads(text))


@pytest.mark.parametrize(
    "found",
    [
        np.array([1, 2, 3]),
        np.array([0.1, 1e300, -0.0]),
        np.array([0.1, np.nan, np.inf]),
        np.array(["a", "b", 'c"']),
        np.array([True, False, True]),
        np.array([[1.5, 2], [3, 4], [5, 6]]),
        np.array([0.1, 0.2, 0.3], dtype=np.float32),
    ],
    ids=str,
)
def test_predictions_are_cut_and_written_as_json_writes_them(found: Any) -> None:
    for counts in ([1, 1, 1], [2, 1], [3], [0, 3]):
        told = predictions.texts(found, counts)
        if told is None:
            pieces = predictions.split(found, counts)
            assert pieces is not None
            told = [predictions.text(piece) for piece in pieces]
        at = 0
        for text, count in zip(told, counts, strict=True):
            assert text == json.dumps(found[at : at + count].tolist())
            at += count


def test_predictions_that_are_not_one_per_row_are_not_cut() -> None:
    assert predictions.split(np.array([1, 2]), [1, 1, 1]) is None
    assert predictions.split({"a": np.array([1]), "b": np.array([1, 2])}, [1, 1]) is None
    assert predictions.split([1, 2], [1, 1]) is None
