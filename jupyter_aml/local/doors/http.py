"""The loopback door: the service over HTTP/1.1, for MLflow, raw REST, the panel and jobs.

Only this machine can reach it, and only with a token that the store signed. Host and Origin are checked, so that
a web page cannot talk to it. One thread serves one connection; bodies are streamed in both directions.
"""

from __future__ import annotations

import contextlib
import io
import re
import socket
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from http.client import responses as reasons
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from jupyter_aml.errors import ResourceError, StoreError
from jupyter_aml.local.arm import faults
from jupyter_aml.local.arm.http import Identity, Request, Response
from jupyter_aml.local.doors import pages
from jupyter_aml.local.doors.http_wire import (
    STALL_SECONDS,
    Body,
    ChunkedBody,
    ClosedError,
    Head,
    Line,
    MalformedError,
    too_large,
)

if TYPE_CHECKING:
    from jupyter_aml.local.store.catalogue import Store

LOOPBACK = "127.0.0.1"
NAMES = (LOOPBACK, "localhost")
HOST_HEADER = "x-jupyter-aml-host"
ARM_HOST = "management.azure.com"
API_HOST = "local.api.azureml.ms"
API_WORDS = frozenset({"history", "mlflow", "data", "modelregistry", "discovery"})
UPLOADS = "/mlflow-artifacts/"
STORAGE = ".core.windows.net"
LARGEST_JSON = 64 << 20
IN_MEMORY = 1 << 20
"""Bodies up to this size are read at once."""
DRAINED = 64 << 20
"""How much of a refused upload is read, so that the client gets to see why, before the connection is cut."""
LEAVE_SECONDS = 1.0
MOST_CONNECTIONS = 512
BACKLOG = 128
BODILESS = frozenset({204, 304})

_HOST_NAME = re.compile(r"[a-z0-9.-]{1,253}")


class Answering(Protocol):
    """What the door opens onto."""

    @property
    def store(self) -> Store: ...

    def handle(self, request: Request) -> Response: ...


Verify = Callable[[str], Identity | None]
"""Who a bearer token stands for; None when it is not good."""


def serve(service: Answering, *, port: int = 0, verify: Verify | None = None) -> Server:
    """Answer on the loopback address from now on.

    Args:
        service: Who answers.
        port: A port to bind; 0 for any free one.
        verify: Checks tokens; those of the service's store when not given.

    Raises:
        StoreError: The port is taken.
    """
    return Server(service, port, verify or _verifier(service))


def _verifier(service: Answering) -> Verify:
    from jupyter_aml.local.authz import tokens

    return lambda token: tokens.verify(service.store, token)


class Server:
    """A listening door.

    Attributes:
        port: Where it listens on 127.0.0.1.
        visited: When a page of a browser last asked for something, on the monotonic clock; 0 for never.
    """

    address = LOOPBACK
    scheme = "http"
    family = socket.AF_INET
    browsable = True
    """Whether a browser's pages may be looked at here."""

    def __init__(self, service: Answering, port: int, verify: Verify) -> None:
        self.service = service
        self.verify = verify
        self.visited = 0.0
        self._socket = socket.socket(self.family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((self.address, port))
        except OSError as error:
            self._socket.close()
            raise StoreError(
                f"Port {port} of {self.address} cannot be used: {error.strerror}.",
                remedy="Take port 0 for any free one, or end the program that holds it.",
            ) from error
        self._socket.listen(BACKLOG)
        self.port: int = self._socket.getsockname()[1]
        self.hosts = frozenset(f"{name}:{self.port}" for name in NAMES)
        self.origins = frozenset(f"http://{host}" for host in self.hosts)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closing = False
        self._thread = threading.Thread(target=self._accept, name=f"aml-http-{self.port}", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"{self.scheme}://{self.address}:{self.port}"

    def wrapped(self, connection: socket.socket) -> socket.socket:
        """A connection as it is spoken through; called once, in the thread that serves it.

        Raises:
            OSError: Whoever is at the other end is not let in.
        """
        return connection

    def refuse_strangers(self, head: Head) -> None:
        """Let only this machine's programs and the door's own pages in.

        Raises:
            ResourceError: The request is meant for another host, or comes from another site's page.
        """
        headers = head.headers
        if headers.get("host", "").lower() not in self.hosts:
            raise ResourceError(
                f"The host '{headers.get('host', '')}' is not answered here.",
                status=421,
                code="MisdirectedRequest",
                remedy=f"Address it to {self.url}, with the intended host in the header {HOST_HEADER}.",
            )
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in self.origins:
            raise ResourceError(
                f"Pages of '{origin}' may not talk to the local workspace.",
                status=403,
                code="OriginNotAllowed",
                remedy="Ask from a program, or from the Jupyter server's own pages.",
            )

    def base_for(self, head: Head) -> str:
        """Where the sender of a request finds this door."""
        del head
        return self.url

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._open)

    def close(self) -> None:
        """Stop listening and end all connections."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            held = list(self._open)
        for connection in held:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                if not self._closing:
                    time.sleep(0.05)  # out of descriptors: wait for some to be given back
                continue
            with self._lock:
                crowded = len(self._open) >= MOST_CONNECTIONS
                if not crowded:
                    self._open.add(connection)
            if crowded:
                connection.close()
                continue
            try:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            except RuntimeError:
                self._forget(connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            spoken = self.wrapped(connection)
            with self._lock:
                self._open.discard(connection)
                self._open.add(spoken)
            connection = spoken
            Conversation(self, connection).run()
        except OSError:
            pass  # the client is gone
        finally:
            self._forget(connection)

    def _forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)
        connection.close()


class Conversation:
    """One connection: requests and answers in turn."""

    def __init__(self, server: Server, connection: socket.socket) -> None:
        self._server = server
        self._connection = connection
        self._line = Line(connection)
        self._waited_for = False

    def run(self) -> None:
        """Answer until the client leaves or what it sends makes no sense."""
        try:
            while self._exchange(self._line.read_head()):
                pass
        except ClosedError:
            return
        except MalformedError as error:
            refused = ResourceError(error.message, status=error.status, code="BadRequest")
            self._send(_refusal(refused), head_only=False, keep_alive=False)
            self._leave()

    def _exchange(self, head: Head) -> bool:
        """Answer one request; whether another may follow."""
        body = self._body(head)
        self._waited_for = "expect" in head.headers
        try:
            response = self._answer(head, body)
        except ResourceError as error:
            response = pages.sorry(error) if pages.wanted(head) else _refusal(error)
        lost = self._line.broken or (self._waited_for and not body.ended)
        keep_alive = head.keep_alive and not lost and (body.ended or body.left <= DRAINED)
        keep_alive = self._send(response, head_only=head.method == "HEAD", keep_alive=keep_alive)
        if not body.ended and not lost:
            keep_alive = _drain(body) and keep_alive
        if not keep_alive:
            self._leave()
        return keep_alive

    def _answer(self, head: Head, body: Body) -> Response:
        server = self._server
        server.refuse_strangers(head)
        entered = pages.enter(server.service.store, head, server.port) if server.browsable else None
        if entered is not None:
            return entered
        identity = self._identify(head)
        host = self._intended(head)
        return server.service.handle(self._request(head, host, identity, self._stream_of(head, body, host)))

    def _identify(self, head: Head) -> Identity:
        """Who asks: by a token, or by the cookie of a page.

        Raises:
            ResourceError: Neither is good.
        """
        server = self._server
        scheme, _, token = head.headers.get("authorization", "").partition(" ")
        identity = server.verify(token.strip()) if scheme.lower() == "bearer" else None
        if identity is None and server.browsable:
            identity = pages.visitor(server.service.store, head, server.port)
            server.visited = time.monotonic() if identity else server.visited
        if identity is None:
            raise ResourceError(
                "The request bears no token of this store, or one that has expired.",
                status=401,
                code="InvalidAuthenticationToken",
                remedy="Send 'Authorization: Bearer TOKEN'; a job finds its token in MLFLOW_TRACKING_TOKEN.",
            )
        return identity

    def _intended(self, head: Head) -> str:
        named = head.headers.get(HOST_HEADER, "").lower()
        if named:
            if not _HOST_NAME.fullmatch(named):
                raise ResourceError(f"'{named[:80]}' is no host name.", code="InvalidHost", target=HOST_HEADER)
            return named
        word = head.target.partition("?")[0].strip("/").partition("/")[0].lower()
        return API_HOST if word in API_WORDS else ARM_HOST

    def _body(self, head: Head) -> Body:
        if head.length is None:
            streamed = head.headers.get(HOST_HEADER, "").endswith(STORAGE) or UPLOADS in head.target
            return ChunkedBody(self._line, None if streamed else LARGEST_JSON)
        return Body(self._line, head.length)

    def _stream_of(self, head: Head, body: Body, host: str) -> BinaryIO:
        """A body as the service reads it: small ones from memory."""
        if body.ended:
            return io.BytesIO()
        if body.left > LARGEST_JSON and not (host.endswith(STORAGE) or UPLOADS in head.target):
            raise too_large(LARGEST_JSON)
        if head.headers.get("expect", "").lower() == "100-continue":
            self._connection.settimeout(STALL_SECONDS)
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._waited_for = False
        if head.length is not None and head.length <= IN_MEMORY:
            return io.BytesIO(body.read())
        return cast("BinaryIO", body)

    def _request(self, head: Head, host: str, identity: Identity, stream: BinaryIO) -> Request:
        target = head.target
        if not target.startswith("/"):
            parts = urlsplit(target)
            if parts.netloc.lower() not in self._server.hosts:
                raise ResourceError(f"'{target[:80]}' is no path.", code="InvalidUri")
            target = parts._replace(scheme="", netloc="").geturl() or "/"
        path, _, query = target.partition("?")
        asked = {name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)} if query else {}
        # where the client can follow links: here, or, for one that spoke to Azure's host through a relay, there
        base = f"https://{host}" if HOST_HEADER in head.headers else self._server.base_for(head)
        return Request(head.method, host, unquote(path), asked, head.headers, stream, identity, base + target)

    def _send(self, response: Response, *, head_only: bool, keep_alive: bool) -> bool:
        """Write an answer; whether the connection is still good for another."""
        bodiless = head_only or response.status in BODILESS
        connection = self._connection
        connection.settimeout(STALL_SECONDS)
        head = _head(response, bodiless=bodiless, keep_alive=keep_alive)
        stream = response.stream
        try:
            if bodiless or stream is None:
                connection.sendall(head if bodiless else head + response.body)
                return keep_alive
            if response.length <= IN_MEMORY:
                body = stream.read(response.length)
                connection.sendall(head + body)
                return keep_alive and len(body) == response.length
            connection.sendall(head)
            return self._stream(stream, response.length) and keep_alive
        finally:
            if stream is not None:
                stream.close()

    def _stream(self, stream: BinaryIO, length: int) -> bool:
        """Send the next `length` bytes of a stream; whether it had as many."""
        try:
            begin = stream.tell()
            stream.fileno()
        except (OSError, AttributeError):
            left = length
            while left and (piece := stream.read(min(IN_MEMORY, left))):
                self._connection.sendall(piece)
                left -= len(piece)
            return left == 0
        return self._connection.sendfile(stream, begin, length) == length

    def _leave(self) -> None:
        """Close in a way that lets the client read what was sent last."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)
            self._connection.settimeout(LEAVE_SECONDS)
            end = time.monotonic() + LEAVE_SECONDS
            while self._connection.recv(1 << 16) and time.monotonic() < end:
                pass


def _drain(body: Body) -> bool:
    """Read what is left of a body; whether its end came within reason."""
    read = 0
    try:
        while not body.ended and read < DRAINED:
            piece = body.read(IN_MEMORY)
            if not piece:
                break
            read += len(piece)
    except ResourceError:
        return False
    return body.ended


def _refusal(error: ResourceError) -> Response:
    response = Response.of(faults.body_of(error), error.status)
    if error.status == 401:  # noqa: PLR2004 - Unauthorized
        response.headers["WWW-Authenticate"] = 'Bearer realm="jupyter_aml"'
    return response


class _Clock:
    """The Date header, made once a second."""

    def __init__(self) -> None:
        self._held = (0, "")

    def text(self) -> str:
        now = int(time.time())
        held = self._held
        if held[0] != now:
            held = self._held = (now, formatdate(now, usegmt=True))
        return held[1]


_CLOCK = _Clock()


def _head(response: Response, *, bodiless: bool, keep_alive: bool) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {reasons.get(response.status, 'Unknown')}", f"Date: {_CLOCK.text()}"]
    has_length = False
    for name, value in response.headers.items():
        if name.lower() == "content-length":
            has_length = True
            if not bodiless:
                continue
        lines.append(f"{name}: {_one_line(value)}")
    if not bodiless or (not has_length and response.status not in BODILESS):
        lines.append(f"Content-Length: {response.content_length}")
    if not keep_alive:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _one_line(value: str) -> str:
    if "\r" in value or "\n" in value:
        return value.replace("\r", " ").replace("\n", " ")
    return value
