"""Waiting for file descriptors of any number."""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from jupyter_aml.local.runtime import polling

HIGH = 1500


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, int]]:
    """A socket, and the other end under a number that `select` refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft <= HIGH:
        resource.setrlimit(resource.RLIMIT_NOFILE, (HIGH + 100, hard))
    near, far = socket.socketpair()
    high = fcntl.fcntl(far.fileno(), fcntl.F_DUPFD_CLOEXEC, HIGH)
    yield near, high
    os.close(high)
    near.close()
    far.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_can_be_read_is_told(pair: tuple[socket.socket, int]) -> None:
    near, high = pair
    assert high >= HIGH

    assert polling.readable([high, near], 0) == []
    near.send(b"x")
    assert polling.readable([high], 0) == [high]
    assert polling.readable([near, high], 5) == [high]
    assert polling.writable([near], 0) == [near]


def test_an_end_can_be_read(pair: tuple[socket.socket, int]) -> None:
    near, high = pair
    near.shutdown(socket.SHUT_WR)

    assert polling.readable([high]) == [high]


def test_waiting_ends_after_its_time(pair: tuple[socket.socket, int]) -> None:
    begun = time.monotonic()

    assert polling.readable([pair[1]], 0.05) == []

    assert time.monotonic() - begun >= 0.05


def test_what_is_closed_is_an_error(pair: tuple[socket.socket, int]) -> None:
    near, high = pair
    gone = os.dup(high)
    os.close(gone)
    closed, other = socket.socketpair()
    closed.close()
    other.close()

    with pytest.raises(OSError, match="is closed"):
        polling.readable([near, closed], 0)
    with pytest.raises(OSError, match="is closed"):
        polling.readable([gone], 0)
