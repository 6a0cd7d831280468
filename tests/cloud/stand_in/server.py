"""The HTTPS door: the authority, and a local service as if it were Resource Manager and a storage account."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import re
import threading
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt

from jupyter_aml.local.app import Service
from jupyter_aml.local.arm.http import Identity, Request
from jupyter_aml.local.store.catalogue import Store
from stand_in.authority import KEY, TENANT, Authority
from stand_in.certificates import Certificates

ARM = {
    "management.azure.com": "https://management.azure.com",
    "management.chinacloudapi.cn": "https://management.chinacloudapi.cn",
    "management.usgovcloudapi.net": "https://management.usgovcloudapi.net",
    "management.stack.example": "https://management.stack.example",
}
"""Resource Managers, and the audience of the tokens that each one takes."""
API = "local.api.azureml.ms"
STORAGE_AUDIENCE = "https://storage.azure.com"
_BLOB = re.compile(r"^([a-z0-9]{3,24})\.blob\.")


class Azure:
    """Everything that the hosts of Azure answer.

    Attributes:
        authority: Signs in.
        service: Answers for the workspace; its store is nobody else's.
        asked: Method and URL of every request to Resource Manager, storage and the workspace's own services.
    """

    def __init__(self, store: Store, certificates: Certificates) -> None:
        self.authority = Authority()
        self.service = Service(store)
        self.entry = store.create("prod", "cloud")
        self.certificates = certificates
        self.asked: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _Exchange)
        self._server.azure = self
        self._server.socket = certificates.server().wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def target(self) -> str:
        """The workspace, as `connect` is told it."""
        return f"azure:{self.entry.subscription}/{self.entry.group}/{self.entry.name}"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)

    def answer(self, method: str, host: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        """Answer one request: status, headers and content."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if host.startswith("login."):
            return self.authority.answer(method, host, parts.path, query, dict(parse_qsl(body.decode())))
        self.asked.append(f"{method} https://{host}{target}")
        storage = _BLOB.match(host)
        if storage is not None:
            who = _of_storage(headers, query)
            known = f"{storage[1]}.blob.core.windows.net"
        else:
            who = _of_arm(ARM.get(host) or ARM["management.azure.com"], headers)
            known = API if host == API else "management.azure.com"
        if isinstance(who, str):
            return _unauthorized(who)
        url = f"https://{known}{target}"
        response = self.service.handle(Request.build(method, url, identity=who, headers=headers, body=io.BytesIO(body)))
        content = b"".join(response.chunks())
        if host == API and parts.path.endswith("/details") and response.status == 200:
            content = _signed(content)
        if known != host:
            content = _translated(content, response.headers, host)
        return response.status, response.headers, content


class _Server(http.server.ThreadingHTTPServer):
    azure: Azure
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that left is no news."""


class _Exchange(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle_one_request(self) -> None:
        with contextlib.suppress(OSError):
            super().handle_one_request()
            return
        self.close_connection = True

    def _exchange(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._body(headers)
        headers["content-length"] = str(len(body))
        host = headers.get("host", "").partition(":")[0]
        status, sent, content = self.server.azure.answer(self.command, host, self.path, headers, body)
        self.send_response(status)
        bodiless = self.command == "HEAD" or status in {204, 304}
        for name, value in sent.items():
            if name.lower() != "content-length" or bodiless:
                self.send_header(name, value)
        if not bodiless:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not bodiless:
            self.wfile.write(content)

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.pop("transfer-encoding", "") != "chunked":
            return self.rfile.read(int(headers.get("content-length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _exchange  # noqa: N815


def _of_arm(audience: str, headers: dict[str, str]) -> Identity | str:
    """Who asks Resource Manager, or ARM's sentence against it."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        return "Authentication failed. The 'Authorization' header is missing."
    try:
        said = jwt.decode(token, KEY, algorithms=["HS256"], audience=[audience, audience + "/"])
    except jwt.InvalidTokenError as error:
        return f"The access token is invalid: {error}."
    if said["tid"] != TENANT:
        return f"The access token is from the wrong issuer: it must be of the tenant {TENANT}."
    return Identity(said.get("upn") or said["appid"], said["oid"])


def _of_storage(headers: dict[str, str], query: dict[str, str]) -> Identity | str:
    """Who asks the storage account: a key, a signature or a token for storage."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme == "SharedKey" or "sig" in query:
        return Identity("the account's key", "")
    try:
        said = jwt.decode(token, KEY, algorithms=["HS256"], audience=[STORAGE_AUDIENCE, STORAGE_AUDIENCE + "/"])
    except jwt.InvalidTokenError as error:
        return f"Server failed to authenticate the request: {error}."
    return Identity(said.get("upn") or said["appid"], said["oid"])


def _unauthorized(sentence: str) -> tuple[int, dict[str, str], bytes]:
    wrong = "InvalidAuthenticationTokenTenant" if "wrong issuer" in sentence else "InvalidAuthenticationToken"
    body = json.dumps({"error": {"code": wrong, "message": sentence}}).encode()
    uri = f"https://login.microsoftonline.com/{TENANT}"
    challenge = f'Bearer authorization_uri="{uri}", error="invalid_token", error_description="{sentence}"'
    return 401, {"Content-Type": "application/json", "WWW-Authenticate": challenge}, body


def _signed(content: bytes) -> bytes:
    """The details of a run with the addresses of its logs as Azure gives them: bearing a signature."""
    found = json.loads(content)
    found["logFiles"] = {name: f"{url}?sv=2024-11-04&sp=r&sig=log" for name, url in found.get("logFiles", {}).items()}
    return json.dumps(found).encode()


def _translated(content: bytes, headers: dict[str, str], host: str) -> bytes:
    """A body of Resource Manager with the links of its own cloud."""
    if "json" in headers.get("Content-Type", "") and host in ARM:
        return content.replace(b"https://management.azure.com/", f"https://{host}/".encode())
    return content
