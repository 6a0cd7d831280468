"""The endpoint of a managed identity: an App Service's, Azure ML's on a compute instance, and a virtual machine's."""

from __future__ import annotations

import http.server
import json
import threading
import time
import uuid
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from stand_in.authority import TENANT, Authority, Granted

SECRET = "header-secret"


class IdentityEndpoint:
    """A plain HTTP server on the loopback address.

    Attributes:
        asked: The query of every request.
    """

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.asked: list[dict[str, str]] = []
        endpoint = self

        class Exchange(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = endpoint.answer(self.path, {name.lower(): value for name, value in self.headers.items()})
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)

    def answer(self, target: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """A token, if the request proves to come from this machine's own programs."""
        query = dict(parse_qsl(urlsplit(target).query))
        self.asked.append(query)
        proof = headers.get("x-identity-header") or headers.get("secret")
        if proof not in {None, SECRET} or (proof is None and headers.get("metadata") != "true"):
            return 401, {"error": "unauthorized", "error_description": "the secret header is missing"}
        client = query.get("client_id") or query.get("clientid") or ""
        who = {"appid": client or "system", "oid": str(uuid.uuid5(uuid.NAMESPACE_URL, client or "system"))}
        self.authority.granted.append(Granted("managed_identity", TENANT, client, query["resource"].rstrip("/")))
        token = self.authority.token(query["resource"], TENANT, who)
        expires = int(time.time()) + 3600
        return 200, {"access_token": token, "expires_on": str(expires), "expires_in": "3600", "token_type": "Bearer"}
