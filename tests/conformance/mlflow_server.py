"""A loopback HTTP server around the tracking service, for a real MLflow client; it can keep what passes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from jupyter_aml.local.arm.http import Identity, Request
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import rest

ADA = Identity("ada@local", "00000000-0000-0000-0000-000000000001")


@dataclass
class Exchange:
    """One request and its answer."""

    method: str
    path: str
    body: Any
    status: int
    answer: Any


@dataclass
class Served:
    """A running server."""

    url: str
    exchanges: list[Exchange] = field(default_factory=list)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return content.decode("utf-8", "replace")


@contextmanager
def serve(workspace: Workspace) -> Iterator[Served]:
    """Serve MLflow's protocol on a free loopback port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request.build(
                self.command, f"http://{self.headers['Host']}{self.path}", identity=ADA, body=content
            )
            response = rest.handle(workspace, request, request.path, time.time())
            body = b"".join(response.chunks())
            served.exchanges.append(Exchange(self.command, self.path, _parsed(content), response.status, _parsed(body)))
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    served = Served(f"http://127.0.0.1:{server.server_address[1]}")
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def bare(path: str) -> str:
    """The path without its query."""
    return urlsplit(path).path
