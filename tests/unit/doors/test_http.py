"""The loopback door: who may come in, how requests are read, how answers are written."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.errors import StoreError
from jupyter_aml.local.arm.http import Identity, Request, Response
from jupyter_aml.local.doors import http as door
from jupyter_aml.local.doors import http_wire

ADA = Identity("ada@local", "1")
TOKEN = {"Authorization": "Bearer good"}


class Echo:
    """A service that tells what reached it."""

    store: Any = None

    def __init__(self) -> None:
        self.answer: Callable[[Request], Response] = self.tell

    def handle(self, request: Request) -> Response:
        return self.answer(request)

    @staticmethod
    def tell(request: Request) -> Response:
        body = request.stream.read()
        return Response.of(
            {
                "method": request.method,
                "host": request.host,
                "path": request.path,
                "query": dict(request.query),
                "body": body.decode("latin-1") if len(body) < 1000 else len(body),
                "user": request.identity.name,
                "url": request.url,
            }
        )


@pytest.fixture
def service() -> Echo:
    return Echo()


@pytest.fixture
def server(service: Echo) -> Iterator[door.Server]:
    opened = door.serve(service, verify=lambda token: ADA if token == "good" else None)
    yield opened
    opened.close()


def ask(server: door.Server, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with contextlib.closing(connection):
        connection.request(method, path, body, TOKEN | named)
        response = connection.getresponse()
        content = response.read()
    found = json.loads(content) if content and "json" in response.headers["Content-Type"] else content
    return response.status, found, response.headers


def raw(server: door.Server, sent: bytes, *, close: bool = True) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(sent)
        if close:
            line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(65536), b""))


def test_a_request_reaches_the_service_as_it_was_meant(server: door.Server) -> None:
    status, told, headers = ask(server, "POST", "/subscriptions/s%20x/y?$Top=1&a=%2F&empty=", b'{"a":1}')

    assert status == 200
    assert told == {
        "method": "POST",
        "host": "management.azure.com",
        "path": "/subscriptions/s x/y",
        "query": {"$top": "1", "a": "/", "empty": ""},
        "body": '{"a":1}',
        "user": "ada@local",
        "url": f"{server.url}/subscriptions/s%20x/y?$Top=1&a=%2F&empty=",
    }
    assert headers["Date"].endswith("GMT")


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/subscriptions/x", "management.azure.com"),
        ("/mlflow/v2.0/subscriptions/x", "local.api.azureml.ms"),
        ("/history/v1.0/x", "local.api.azureml.ms"),
        ("/discovery/workspaces/x", "local.api.azureml.ms"),
        ("/", "management.azure.com"),
    ],
)
def test_the_intended_host_follows_from_the_path(server: door.Server, path: str, host: str) -> None:
    assert ask(server, "GET", path)[1]["host"] == host


def test_a_relay_names_the_intended_host(server: door.Server) -> None:
    told = ask(server, "GET", "/c/b?x=1", x_jupyter_aml_host="Acc.blob.core.windows.net")[1]

    assert (told["host"], told["path"]) == ("acc.blob.core.windows.net", "/c/b")
    assert told["url"] == "https://acc.blob.core.windows.net/c/b?x=1"
    assert ask(server, "GET", "/", x_jupyter_aml_host="a/b")[1]["error"]["code"] == "InvalidHost"


@pytest.mark.parametrize("value", ["", "Bearer bad", "Basic good", "good"])
def test_without_a_good_token_nobody_comes_in(server: door.Server, value: str) -> None:
    status, told, headers = ask(server, "GET", "/subscriptions/x", Authorization=value)

    assert (status, told["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert "Authorization: Bearer" in told["error"]["message"]
    assert headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", ""])
def test_another_host_name_is_refused(server: door.Server, host: str) -> None:
    status, told, _ = ask(server, "GET", "/subscriptions/x", Host=host)

    assert (status, told["error"]["code"]) == (421, "MisdirectedRequest")
    assert server.url in told["error"]["message"]


def test_pages_of_other_sites_are_refused(server: door.Server) -> None:
    status, told, headers = ask(server, "GET", "/subscriptions/x", Origin="http://evil.example")

    assert (status, told["error"]["code"]) == (403, "OriginNotAllowed")
    assert "Access-Control-Allow-Origin" not in headers
    assert ask(server, "GET", "/subscriptions/x", Origin=f"http://localhost:{server.port}")[0] == 200


def test_a_connection_serves_one_request_after_another(server: door.Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for number in range(5):
        connection.request("PUT", "/subscriptions/x", str(number), TOKEN)
        first = connection.sock
        assert json.loads(connection.getresponse().read())["body"] == str(number)
        assert connection.sock is first
    connection.request("GET", "/subscriptions/x", headers=TOKEN | {"Connection": "close"})
    assert connection.getresponse().headers["Connection"] == "close"
    connection.close()


def test_pipelined_requests_are_answered_in_turn(server: door.Server) -> None:
    one = f"GET /subscriptions/1 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer good\r\n\r\n"

    told = raw(server, (one + one.replace("/1 ", "/2 ")).encode())

    assert told.count(b"HTTP/1.1 200 OK") == 2
    assert told.index(b"subscriptions/1") < told.index(b"subscriptions/2")


def test_chunked_bodies_are_read(server: door.Server) -> None:
    told = ask(server, "PUT", "/subscriptions/x", iter([b"one", b"", b"two"]))[1]

    assert told["body"] == "onetwo"


def test_large_uploads_are_streamed(server: door.Server, service: Echo) -> None:
    most = []

    def count(request: Request) -> Response:
        size = 0
        while piece := request.stream.read(1 << 20):
            most.append(len(piece))
            size += len(piece)
        return Response.of({"size": size})

    service.answer = count
    path = "/c/b"
    host = "acc.blob.core.windows.net"
    size = 80 << 20
    told = ask(server, "PUT", path, io.BytesIO(bytes(size)), x_jupyter_aml_host=host, Content_Length=str(size))[1]
    assert told["size"] == size
    assert max(most) <= 1 << 20
    pieces = (bytes(1 << 20) for _ in range(80))
    told = ask(server, "PUT", path, pieces, x_jupyter_aml_host=host)[1]
    assert told["size"] == size


@pytest.mark.parametrize("chunked", [False, True])
def test_json_longer_than_the_limit_is_refused(
    server: door.Server, monkeypatch: pytest.MonkeyPatch, chunked: bool
) -> None:
    monkeypatch.setattr(door, "LARGEST_JSON", 1 << 21)
    size = (1 << 21) + 1
    service: Any = server.service
    seen = []

    def read(request: Request) -> Response:
        try:
            request.stream.read()
        except Exception as error:
            seen.append(error)
            raise
        return Response()

    service.answer = read
    body: Any = (bytes(size) for _ in range(1)) if chunked else bytes(size)
    status, told, _ = ask(server, "PUT", "/subscriptions/x", body)

    assert (status, told["error"]["code"]) == (413, "RequestEntityTooLarge")
    assert "streamed" in told["error"]["message"]


def test_a_refused_upload_is_read_so_that_the_client_sees_why(server: door.Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("PUT", "/subscriptions/x", bytes(10 << 20), {"Authorization": "Bearer bad"})
    response = connection.getresponse()
    assert response.status == 401
    response.read()
    connection.request("GET", "/subscriptions/x", headers=TOKEN)
    assert connection.getresponse().status == 200
    connection.close()


def test_a_client_that_waits_for_leave_gets_it_or_the_refusal(server: door.Server) -> None:
    head = (
        f"PUT /subscriptions/x HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer TOKEN\r\n"
        "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(head.replace("TOKEN", "good").encode())
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"hello")
        assert b'"body":"hello"' in line.recv(4000)
    told = raw(server, head.replace("TOKEN", "bad").encode(), close=False)
    assert told.startswith(b"HTTP/1.1 401")
    assert b"Connection: close" in told


def test_answers_come_from_files_in_full(server: door.Server, service: Echo, tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = bytes(range(256)) * 20000
    path.write_bytes(content)

    def part(first: int, length: int) -> bytes:
        def answer(_: Request) -> Response:
            stream = path.open("rb")
            stream.seek(first)
            return Response(206, {"Content-Type": "application/octet-stream"}, stream=stream, length=length)

        service.answer = answer
        found: bytes = ask(server, "GET", "/x")[1]
        return found

    assert part(0, len(content)) == content
    assert part(77, 3_000_000) == content[77:3_000_077]
    assert part(5, 10) == content[5:15]


def test_answers_from_other_streams_come_in_full(server: door.Server, service: Echo) -> None:
    content = bytes(3 << 20)
    service.answer = lambda _: Response(200, {"Content-Type": "x/y"}, stream=io.BytesIO(content), length=len(content))

    assert ask(server, "GET", "/x")[1] == content


def test_a_head_has_the_length_but_no_body(server: door.Server, service: Echo) -> None:
    service.answer = lambda _: Response(200, {"Content-Length": "7", "Content-Type": "x/y"})

    status, body, headers = ask(server, "HEAD", "/x")

    assert (status, body, headers["Content-Length"]) == (200, b"", "7")


def test_204_and_304_have_neither(server: door.Server, service: Echo) -> None:
    for status in (204, 304):
        service.answer = lambda _, status=status: Response(status, {"Content-Type": "x/y"})
        told = ask(server, "GET", "/x")
        assert told[:2] == (status, b"")
        assert "Content-Length" not in told[2]


def test_a_line_break_in_a_header_of_ours_cannot_split_the_answer(server: door.Server, service: Echo) -> None:
    service.answer = lambda _: Response(200, {"x-said": "a\r\nSet-Cookie: b", "Content-Type": "x/y"})

    headers = ask(server, "GET", "/x")[2]

    assert "Set-Cookie" not in headers
    assert headers["x-said"] == "a  Set-Cookie: b"


MALFORMED = {
    b"nonsense\r\n\r\n": 400,
    b"GET /\r\n\r\n": 400,
    b"GET / HTTP/2.0\r\n\r\n": 505,
    b"G\x00T / HTTP/1.1\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n": 501,
    b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n": 400,
    b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n": 431,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n": 400,
}


@pytest.mark.parametrize("sent", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_requests_are_refused_and_harm_nobody(server: door.Server, sent: bytes) -> None:
    told = raw(server, sent)

    assert told.startswith(f"HTTP/1.1 {MALFORMED[sent]} ".encode())
    assert b"Connection: close" in told
    assert ask(server, "GET", "/subscriptions/x")[0] == 200


@pytest.mark.parametrize("chunks", [b"x\r\n", b"5\r\nhell", b"3\r\nabcd\r\n0\r\n\r\n", b"1" * 2000, b"-1\r\n"])
def test_malformed_chunks_are_refused_and_harm_nobody(server: door.Server, service: Echo, chunks: bytes) -> None:
    def read(request: Request) -> Response:
        from jupyter_aml.errors import ResourceError

        try:
            return service.tell(request)
        except ResourceError as error:
            return Response.of({"code": error.code}, error.status)

    service.answer = read
    head = f"PUT /x HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer good\r\n"
    told = raw(server, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)

    assert told.startswith(b"HTTP/1.1 400")
    assert b"InvalidRequestContent" in told or b"RequestBodyIncomplete" in told
    assert ask(server, "GET", "/subscriptions/x")[0] == 200


def test_slow_heads_and_bodies_are_given_up(server: door.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_wire, "HEAD_SECONDS", 0.1)
    monkeypatch.setattr(http_wire, "STALL_SECONDS", 0.1)
    head = f"PUT /x HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer good\r\n"

    begun = time.monotonic()
    assert raw(server, b"GET / HT", close=False).startswith(b"HTTP/1.1 408")
    assert raw(server, (head + "Content-Length: 9\r\n\r\nabc").encode(), close=False).startswith(b"HTTP/1.1 408")
    assert time.monotonic() - begun < 5


def test_idle_connections_are_closed_without_a_word(server: door.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_wire, "IDLE_SECONDS", 0.1)

    assert raw(server, b"", close=False) == b""


def test_clients_are_served_at_the_same_time(server: door.Server, service: Echo) -> None:
    together = threading.Barrier(8)

    def meet(_: Request) -> Response:
        together.wait(10)
        return Response.of({})

    service.answer = meet
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(ask(server, "GET", "/x")[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 8


def test_a_closed_door_answers_nobody_and_frees_the_port(service: Echo) -> None:
    server = door.serve(service, verify=lambda _: ADA)
    waiting = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    assert ask(server, "GET", "/x")[0] == 200

    server.close()

    assert waiting.recv(10) == b""
    waiting.close()
    again = door.serve(service, port=server.port, verify=lambda _: ADA)
    assert ask(again, "GET", "/x")[0] == 200
    again.close()


def test_a_taken_port_is_named(server: door.Server, service: Echo) -> None:
    with pytest.raises(StoreError, match=f"Port {server.port} of 127.0.0.1 cannot be used") as caught:
        door.serve(service, port=server.port, verify=lambda _: ADA)

    assert "port 0" in caught.value.remedy


def test_only_the_loopback_address_listens(server: door.Server) -> None:
    assert server._socket.getsockname()[0] == "127.0.0.1"
