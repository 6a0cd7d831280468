"""The host's socket and its lock."""

from __future__ import annotations

import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.host import lock
from jupyter_aml.local.host.control import Control
from jupyter_aml.local.host.loop import Loop
from jupyter_aml.local.store import bell


class Listener:
    """A control socket that answers with what it was asked."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.heard: list[Any] = []
        self.loop = Loop()
        self.control = Control(self.loop, bell.socket_path(home), self._handle)
        self.control.open()
        self.thread = threading.Thread(target=self.loop.run)
        self.thread.start()

    def _handle(self, request: dict[str, Any]) -> dict[str, Any] | None:
        self.heard.append(request["op"])
        return None if request["op"] == "ring" else {"heard": request["op"]}

    def close(self) -> None:
        self.loop.soon(self.control.close)
        self.loop.stop()
        self.thread.join()
        self.loop.close()


@pytest.fixture
def listener(home: Path) -> Iterator[Listener]:
    made = Listener(home)
    yield made
    made.close()


def test_a_question_is_answered(listener: Listener) -> None:
    assert bell.ask(listener.home, {"op": "status"}) == {"heard": "status"}


def test_a_ring_is_heard_and_not_answered(listener: Listener) -> None:
    assert bell.ring(listener.home, start=False)
    bell.ask(listener.home, {"op": "status"})

    assert listener.heard == ["ring", "status"]


@pytest.mark.parametrize("said", [b"", b'{"pid": 1'])
def test_a_host_that_dies_before_it_has_answered_is_no_host(home: Path, said: bytes) -> None:
    path = bell.socket_path(home)
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()

        def die() -> None:
            line, _ = listening.accept()
            line.sendall(said)
            line.close()  # with the question unread, which resets the connection

        thread = threading.Thread(target=die)
        thread.start()
        assert bell.ask(home, {"op": "status"}, timeout=30.0) is None
        thread.join()


def test_nonsense_is_answered_with_what_was_expected(listener: Listener) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(bell.socket_path(listener.home)))
        line.sendall(b"hello\n")
        assert b"One line of JSON was expected" in line.recv(1000)


def test_a_line_that_comes_in_pieces_is_heard_whole(listener: Listener) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(bell.socket_path(listener.home)))
        line.sendall(b'{"op":')
        bell.ask(listener.home, {"op": "status"})
        line.sendall(b'"x"}\n')
        assert line.recv(1000) == b'{"heard": "x"}\n'


def test_who_leaves_without_a_word_does_no_harm(listener: Listener) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(bell.socket_path(listener.home)))

    assert bell.ask(listener.home, {"op": "status"}) == {"heard": "status"}


def test_the_socket_is_its_owners_alone(listener: Listener) -> None:
    assert stat.S_IMODE(bell.socket_path(listener.home).stat().st_mode) == 0o600


def test_a_second_host_rings_the_first_and_leaves(listener: Listener) -> None:
    held = lock.take(listener.home)
    assert held is not None
    with held:
        assert lock.take(listener.home) is None
    bell.ask(listener.home, {"op": "status"})

    assert listener.heard == ["ring", "status"]


def test_a_host_waits_for_one_that_is_leaving(home: Path) -> None:
    first = lock.take(home)
    assert first is not None
    first.__enter__()
    threading.Timer(0.1, lambda: first.__exit__(None, None, None)).start()

    second = lock.take(home, patience=5.0)

    assert second is not None
    with second:
        pass


def test_a_host_gives_up_on_one_that_neither_answers_nor_leaves(home: Path) -> None:
    held = lock.take(home)
    assert held is not None
    with held:
        assert lock.take(home, patience=0.1) is None
