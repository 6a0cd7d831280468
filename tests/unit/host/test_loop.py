"""The host's loop."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from jupyter_aml.local.host.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


def test_calls_from_other_threads_run_in_the_loops_thread(loop: Loop) -> None:
    seen = []
    threading.Timer(0.02, lambda: loop.soon(lambda: (seen.append(threading.get_ident()), loop.stop()))).start()

    loop.run()

    assert seen == [threading.get_ident()]


def test_timers_run_in_the_order_of_their_time(loop: Loop) -> None:
    seen: list[str] = []
    loop.later(0.03, loop.stop)
    loop.later(0.02, lambda: seen.append("second"))
    loop.later(0.0, lambda: seen.append("first"))

    loop.run()

    assert seen == ["first", "second"]


def test_a_readable_file_descriptor_calls(loop: Loop) -> None:
    ours, theirs = os.pipe()
    seen = []

    def read() -> None:
        seen.append(os.read(ours, 10))
        loop.unwatch(ours)
        loop.unwatch(ours)
        loop.stop()

    loop.watch(ours, read)
    threading.Timer(0.02, lambda: os.write(theirs, b"x")).start()
    loop.run()
    os.close(ours)
    os.close(theirs)

    assert seen == [b"x"]


def test_a_fault_in_one_call_does_not_end_the_loop(loop: Loop, capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise ValueError("broken")

    loop.soon(broken)
    loop.later(0.01, loop.stop)
    loop.run()

    assert "ValueError: broken" in capsys.readouterr().err


def test_a_call_wakes_the_loop_at_once(loop: Loop) -> None:
    waited = []
    begun: list[float] = []

    def ring() -> None:
        begun.append(time.perf_counter())
        loop.soon(lambda: (waited.append(time.perf_counter() - begun[0]), loop.stop()))

    threading.Timer(0.05, ring).start()
    loop.run()

    assert waited[0] < 0.05
