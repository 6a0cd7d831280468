"""HTTP/1.1 as RFC 9112 and 9110 have it, over raw sockets; every answer is read by h11."""

from __future__ import annotations

import socket
import time

import pytest

from jupyter_aml.local.serving.router import heads, http1

AUTH = b"Authorization: Bearer " + b"k" * 32 + b"\r\n"
HEAD = b"POST /score HTTP/1.1\r\nHost: x\r\n" + AUTH
MALFORMED = {
    "Transfer-Encoding and Content-Length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "Content-Length and Transfer-Encoding": HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths that differ": HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "two equal lengths": HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": HEAD + b"Content-Length: 3, 3\r\n\r\nabc",
    "a signed length": HEAD + b"Content-Length: +3\r\n\r\nabc",
    "a negative length": HEAD + b"Content-Length: -3\r\n\r\nabc",
    "a hexadecimal length": HEAD + b"Content-Length: 0x3\r\n\r\nabc",
    "an empty length": HEAD + b"Content-Length: \r\n\r\n",
    "a length beyond all": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "a space before the colon": HEAD + b"Content-Length : 3\r\n\r\nabc",
    "a tab before the colon": HEAD + b"Content-Length\t: 3\r\n\r\nabc",
    "a folded header": HEAD + b"X-A: 1\r\n 2\r\n\r\n",
    "a folded first header": b"POST /score HTTP/1.1\r\n Host: x\r\n\r\n",
    "bare line feeds": HEAD.replace(b"\r\n", b"\n") + b"\n",
    "one bare line feed": HEAD + b"X-A: 1\nContent-Length: 3\r\n\r\nabc",
    "a bare carriage return": HEAD + b"X-A: 1\rContent-Length: 3\r\n\r\nabc",
    "a NUL in a value": HEAD + b"X-A: a\x00b\r\n\r\n",
    "a NUL in a name": HEAD + b"X\x00A: ab\r\n\r\n",
    "a control character in a value": HEAD + b"X-A: a\x01b\r\n\r\n",
    "an empty name": HEAD + b": ab\r\n\r\n",
    "a name with a bracket": HEAD + b"X(A): ab\r\n\r\n",
    "a header without a colon": HEAD + b"nothing\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a Host with a space": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "a Host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "a version in lower case": b"GET / http/1.1\r\nHost: x\r\n\r\n",
    "a version without a dot": b"GET / HTTP/11\r\nHost: x\r\n\r\n",
    "two spaces after the method": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tab for a space": b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target without a slash": b"GET score HTTP/1.1\r\nHost: x\r\n\r\n",
    "a fragment": b"GET /#a HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes above ASCII in the target": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space before the method": b" GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "Transfer-Encoding in HTTP/1.0": HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk size that is not hexadecimal": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a signed chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
    "a chunk size with 0x": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "a chunk size with an underscore": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1_0\r\nabc\r\n0\r\n\r\n",
    "a chunk size beyond all": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc",
    "an empty chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n",
    "a space before a chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n",
    "a chunk longer than its size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "a chunk that ends in a bare line feed": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n",
    "a chunk size that ends in a bare line feed": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
    "a NUL in a chunk extension": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;a\x00\r\nabc\r\n0\r\n\r\n",
    "an extension without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;" + b"a" * 5000,
    "a trailer that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nnothing\r\n\r\n",
    "a trailer without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X-A: bbbbbbbbbbb\r\n" * 600,
}  # fmt: skip
UNSUPPORTED = {
    "another coding": (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 400),
    "a coding that is nearly chunked": (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n", 400),
    "a coding twice": (HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    "a coding in two headers": (HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400),
    "a coding behind a vertical tab": (HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
    "HTTP/2 with prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 400),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405),
    "a method that nobody knows": (b"NOTHING / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    "a target that is too long": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a target without end": (b"GET /" + b"a" * 9000, 414),
    "a header that is too long": (HEAD + b"X-A: " + b"a" * 9000 + b"\r\n\r\n", 431),
    "too many headers": (HEAD + b"X-A: 1\r\n" * 101 + b"\r\n", 431),
    "headers without end": (HEAD + b"X-A: 12345678901234567890\r\n" * 1200, 431),
}


@pytest.fixture(autouse=True)
def _deployed(site, replica) -> None:
    site.deploy("blue", replica())


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_refused_and_the_connection_closed(site, name: str) -> None:
    with site.client() as client:
        answer = client.send(MALFORMED[name]).read()

        assert answer.status == 400, name
        assert answer.headers["connection"] == "close"
        assert answer.json["error"]["message"]
        assert client.closed()
    assert not site.replicas[0].seen


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_taken_is_refused_with_its_status(site, name: str) -> None:
    data, status = UNSUPPORTED[name]
    with site.client() as client:
        answer = client.send(data).read()

        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert client.closed()


def test_a_request_behind_a_refused_one_is_not_served(site, request_bytes) -> None:
    smuggled = HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + request_bytes()
    with site.client() as client:
        assert client.send(smuggled).read().status == 400
        assert client.closed()
    assert not site.replicas[0].seen


def test_a_connection_serves_many_requests(site, request_bytes) -> None:
    with site.client() as client:
        for number in range(5):
            assert client.send(request_bytes(b"%d" % number)).read().body == b"%d" % number


def test_pipelined_requests_are_answered_in_order(site, request_bytes) -> None:
    with site.client() as client:
        client.send(b"".join(request_bytes(b"%d" % number) for number in range(200)))

        assert [client.read().body for _ in range(200)] == [b"%d" % number for number in range(200)]


def test_routes_of_all_kinds_may_be_pipelined(site, request_bytes) -> None:
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with site.client() as client:
        client.send(get + request_bytes(b"a") + get + request_bytes(b"b", key="wrong") + get)

        bodies = [client.read().body[:7] for _ in range(5)]

    assert bodies == [b"Healthy", b"a", b"Healthy", b'{"error', b"Healthy"]


def test_a_request_may_come_byte_by_byte(site, request_bytes) -> None:
    with site.client() as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request_bytes(b"slowly"):
            client.send(bytes([byte]))

        assert client.read().body == b"slowly"


def test_chunks_are_put_together_wherever_they_are_cut(site, request_bytes) -> None:
    body = b"5;name=value\r\nhello\r\n1\r\n \r\n00005\r\nworld\r\n000\r\nX-Trailer: a\r\n\r\n"
    whole = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body
    for step in (1, 3, 7, 1000):
        with site.client() as client:
            for at in range(0, len(whole), step):
                client.send(whole[at : at + step])
            assert client.read().body == b"hello world"
            assert client.send(request_bytes(b"next")).read().body == b"next"


def test_coding_names_have_no_case(site) -> None:
    with site.client() as client:
        answer = client.send(HEAD + b"Transfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n").read()

    assert answer.body == b"ab"


def test_connection_close_is_honoured(site, request_bytes) -> None:
    with site.client() as client:
        answer = client.send(request_bytes(Connection="close")).read()

        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.sock.recv(1) == b""


def test_http_1_0_closes_unless_asked_not_to(site) -> None:
    old = b"GET / HTTP/1.0\r\n\r\n"
    with site.client() as client:
        assert client.send(old).read().headers["connection"] == "close"
        assert client.sock.recv(1) == b""
    with site.client() as client:
        kept = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        assert client.send(kept).read().headers["connection"] == "keep-alive"
        assert client.send(kept).read().status == 200


def test_a_client_that_expects_it_is_told_to_continue(site) -> None:
    with site.client() as client:
        client.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert client.sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"

        assert client.send(b"ab").read().body == b"ab"


def test_a_refused_client_that_expects_is_refused_at_once(site) -> None:
    refused = HEAD.replace(b"kkk", b"xxx") + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with site.client() as client:
        answer = client.send(refused).read()

    assert (answer.status, answer.headers["connection"]) == (401, "close")


def test_empty_lines_before_a_request_are_read_over(site, request_bytes) -> None:
    with site.client() as client:
        assert client.send(b"\r\n" + request_bytes()).read().status == 200
        assert client.send(b"\r\n" + request_bytes()).read().status == 200


def test_a_target_may_be_a_whole_url(site) -> None:
    data = b"POST http://other/score?a=1 HTTP/1.1\r\nHost: x\r\n" + AUTH + b"Content-Length: 1\r\n\r\n1"
    with site.client() as client:
        assert client.send(data).read().body == b"1"


def test_an_offer_of_another_protocol_is_left_aside(site, request_bytes) -> None:
    with site.client() as client:
        answer = client.send(request_bytes(Connection="Upgrade", Upgrade="websocket")).read()

    assert answer.status == 200


def test_a_client_that_has_said_all_still_gets_its_answer(site, replica, request_bytes) -> None:
    held = replica()
    held.holds = True
    site.deploy("held", held)
    with site.client() as client:
        client.send(request_bytes(b"last", azureml_model_deployment="held"))
        client.sock.shutdown(socket.SHUT_WR)
        _until(lambda: bool(held.held))
        site.call(held.let_go)

        assert client.read().body == b"last"
        assert client.sock.recv(1) == b""


def test_a_body_that_is_said_to_be_too_large_is_refused_before_it_comes(site) -> None:
    with site.client() as client:
        answer = client.send(HEAD + b"Content-Length: 1073741824\r\n\r\n" + b"a" * 1000).read()

        assert answer.status == 413
        assert answer.json["error"]["code"] == "PayloadTooLarge"
        assert "1073741824" in answer.json["error"]["message"]


def test_a_client_that_sends_a_huge_body_regardless_sees_the_refusal(site) -> None:
    site.set(largest=1 << 20)
    piece = b"a" * (1 << 20)
    with site.client() as client:
        client.send(HEAD + b"Content-Length: %d\r\n\r\n" % (200 << 20))
        for _ in range(200):
            client.send(piece)

        assert client.read().status == 413
        assert site.front.room == 1 << 30


def test_chunks_that_exceed_the_limit_are_refused_as_they_come(site) -> None:
    site.set(largest=1 << 20)
    with site.client() as client:
        client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(12):
            client.send(b"20000\r\n" + b"a" * 0x20000 + b"\r\n")

        assert client.read().status == 413
    _until(lambda: site.front.room == 1 << 30)


def test_a_large_body_arrives_whole_and_is_let_go(site, request_bytes) -> None:
    body = bytes(range(256)) * (4 << 12)
    with site.client() as client:
        answer = client.send(request_bytes(body)).read()

    assert answer.body == body
    assert site.front.room == 1 << 30


def test_bodies_of_all_together_are_bounded(site, request_bytes) -> None:
    site.front.room = 1 << 20
    with site.client() as client:
        answer = client.send(HEAD + b"Content-Length: %d\r\n\r\n" % (2 << 20) + b"a" * (2 << 20)).read()

    assert answer.status == 503
    assert answer.json["error"]["code"] == "TooManyBytes"
    _until(lambda: site.front.room == 1 << 20)
    assert site.ask().status == 200


def test_a_client_that_does_not_read_its_answers_is_not_read_from(site, replica, request_bytes) -> None:
    large = b"a" * (1 << 20)
    site.deploy("large", replica(lambda _body: (200, b"", large)))
    asked = request_bytes(azureml_model_deployment="large")
    with site.client() as client:
        client.send(asked * 40)
        time.sleep(0.5)
        served = len(site.replicas[-1].seen)

        assert served < 20
        client.sock.shutdown(socket.SHUT_WR)
        assert all(len(client.read().body) == len(large) for _ in range(40))
        assert client.sock.recv(1) == b""


def test_heads_that_do_not_end_are_answered_408(site, monkeypatch) -> None:
    monkeypatch.setattr(http1, "HEAD_SECONDS", 0.1)
    with site.client() as client:
        client.send(HEAD)
        answer = client.read()

        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert client.closed()


def test_bodies_that_do_not_end_are_answered_408(site, monkeypatch) -> None:
    monkeypatch.setattr(http1, "BODY_SECONDS", 0.1)
    with site.client() as client:
        answer = client.send(HEAD + b"Content-Length: 10\r\n\r\nabc").read()

        assert answer.status == 408
        assert client.closed()


def test_idle_connections_are_closed(site, request_bytes) -> None:
    with site.client() as client:
        assert client.send(request_bytes()).read().status == 200
        site.call(lambda: [connection.rest(site.loop.time() + 1000) for connection in list(site.front.connections)])

        assert client.sock.recv(1) == b""


def test_heads_that_come_again_are_read_once() -> None:
    known = heads.Heads()
    raw = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    own = b"GET / HTTP/1.1\r\nHost: x\r\nx-ms-request-id: 1\r\n\r\n"

    assert known.read(raw) is known.read(bytes(bytearray(raw)))
    assert known.read(own) is not known.read(own)


def test_ten_thousand_different_heads_are_not_all_kept() -> None:
    known = heads.Heads()
    for number in range(10_000):
        known.read(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)

    assert len(known._known) <= 512


def test_more_connections_than_descriptors_wait(site, request_bytes) -> None:
    site.front._listeners[0]._most = 3
    clients = [site.client() for _ in range(6)]
    try:
        for client in clients:
            client.send(request_bytes())
        assert [client.read().status for client in clients[:3]] == [200] * 3
        assert len(site.front.connections) == 3
        for client in clients[:3]:
            client.close()
        assert [client.read().status for client in clients[3:]] == [200] * 3
    finally:
        for client in clients:
            client.close()


def _until(holds, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)
