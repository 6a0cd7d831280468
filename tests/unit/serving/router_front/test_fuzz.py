"""Whatever a client sends: never a hang, never a traceback; well-formed answers, or the connection is closed."""

from __future__ import annotations

import contextlib
import logging
import socket

import h11
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KEY = b"k" * 32
NAMES = st.sampled_from(
    [b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Expect", b"X-A", b"Authorization", b"Upgrade",
     b"content-length ", b"Trailer", b"TE", b"azureml-model-deployment", b"x-ms-request-id", b"Content-Type"]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        [b"x", b"0", b"3", b"5", b"chunked", b"Chunked", b"gzip, chunked", b"close", b"keep-alive", b"100-continue",
         b"Bearer " + KEY, b"blue", b"", b" ", b"99999999999", b"-1", b"3,3", b"h2c", b"upgrade", b"\x00", b"a\rb"]
    ),
    st.binary(max_size=12),
)  # fmt: skip
ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\n ", b"\r\n\r\n"])
LINES = st.builds(
    lambda method, target, version, end: method + b" " + target + b" " + version + end,
    st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"CONNECT", b"PRI", b"get", b"", b"TRACE"]),
    st.one_of(
        st.sampled_from([b"/", b"/score", b"/score?a=%00", b"*", b"http://x/score", b"//", b"%", b"/swagger.json"]),
        st.binary(max_size=8),
    ),
    st.sampled_from([b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.9", b"http/1.1", b""]),
    ENDS,
)  # fmt: skip
FIELDS = st.lists(st.builds(lambda n, v, e: n + b": " + v + e, NAMES, VALUES, ENDS), max_size=6).map(b"".join)
BODIES = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [b"3\r\nabc\r\n0\r\n\r\n", b"0\r\n\r\n", b"3\r\nabcd\r\n", b"g\r\n", b"abc",
         b"5;x=y\r\nabcde\r\n0\r\nA: b\r\n\r\n"]
    ),
)  # fmt: skip
GOOD = b"POST /score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + KEY + b"\r\nContent-Length: 3\r\n\r\nabc"
REQUESTS = st.one_of(
    st.builds(lambda line, fields, body: line + fields + b"\r\n" + body, LINES, FIELDS, BODIES),
    st.just(GOOD),
    st.binary(max_size=200),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=st.lists(REQUESTS, min_size=1, max_size=4), cuts=st.lists(st.integers(1, 400), max_size=3))
def test_any_bytes_are_answered_well_or_refused(site, replica, caplog, requests: list[bytes], cuts: list[int]) -> None:
    if not site.pools:
        site.deploy("blue", replica())
    data = b"".join(requests)
    with site.client() as client, caplog.at_level(logging.ERROR):
        with contextlib.suppress(ConnectionError):
            at = 0
            for cut in [*sorted(cuts), len(data)]:
                client.send(data[at:cut])
                at = max(at, cut)
            client.sock.shutdown(socket.SHUT_WR)
        answers = _answers(_received(client.sock))

    assert all(200 <= status < 600 for status in answers)
    assert not caplog.records
    assert site.ask(b"alive").body == b"alive"


def _received(sock: socket.socket) -> bytes:
    """All that comes until the server closes; waiting too long for that fails the test."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts)


def _answers(data: bytes) -> list[int]:
    """The statuses of all answers, each read by h11. Nothing may be left over; HEAD has no body."""
    found = []
    while data:
        reader = h11.Connection(h11.CLIENT)
        reader.send(h11.Request(method=b"GET", target=b"/", headers=[(b"Host", b"x"), (b"Connection", b"close")]))
        reader.send(h11.EndOfMessage())
        reader.receive_data(data)
        event = reader.next_event()
        while isinstance(event, h11.InformationalResponse):
            event = reader.next_event()
        assert isinstance(event, h11.Response), data[:200]
        found.append(event.status_code)
        head, _, rest = data[data.index(b"HTTP/1.1 %d" % event.status_code) :].partition(b"\r\n\r\n")
        length = next((int(v) for n, v in event.headers if n == b"content-length"), 0)
        data = rest if rest.startswith(b"HTTP/1.1 ") or not rest else rest[length:]
        assert b"\n" not in head.replace(b"\r\n", b"")
    return found
