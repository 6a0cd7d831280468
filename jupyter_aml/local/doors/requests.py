"""The in-process door: requests to our own names are answered by the service, all others pass on untouched.

The seam is `requests.adapters.HTTPAdapter.send`, under the SDK, azure-storage, MLflow and plain `requests`. It is
taken once in a process and kept: with nothing registered every request passes on, whereas restoring it could undo
a wrapper that somebody else put over it. Claims are by exact name (subscription, storage account, workspace) or by
a token that one of the registered stores issued; never by a prefix, so a cloud client works beside a local one.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.client import responses as reasons
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast
from urllib.parse import unquote, urlsplit, urlunsplit

from jupyter_aml.errors import StoreError
from jupyter_aml.local.arm.http import Identity, Request, Response
from jupyter_aml.local.authz import tokens

if TYPE_CHECKING:
    from requests import PreparedRequest
    from requests import Response as HttpAnswer
    from requests.adapters import HTTPAdapter

    from jupyter_aml.local.store.catalogue import Store

INTERPRETER_HEADER = "x-jupyter-aml-interpreter"
"""Private header of every request that passes: JSON of the client's `executable` and `prefix`."""

ARM_HOST = "management.azure.com"
API_HOST = "local.api.azureml.ms"
STORAGE_SUFFIX = "core.windows.net"

SPOOL_BYTES = 64 << 20
"""A body of unknown length is kept in memory up to here, then in a temporary file."""

_SUBSCRIPTION = re.compile(r"/subscriptions/([^/?]+)", re.IGNORECASE)
_DISCOVERY = re.compile(r"^/discovery/workspaces/([^/]+)/?$", re.IGNORECASE)
_STORAGE = re.compile(r"^([a-z0-9]{3,24})\.(blob|dfs|file)\.")
_ARM_HOSTS = frozenset({ARM_HOST, "management.chinacloudapi.cn", "management.usgovcloudapi.net"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PLACE = re.compile(
    r"(?P<lead>/|azureml://)subscriptions/(?P<subscription>[^/\"?]+)"
    r"(?:/resourceGroups/(?P<group>[^/\"?]+)"
    r"(?:(?P<provider>(?:/providers/Microsoft\.MachineLearningServices)?/workspaces/)(?P<workspace>[^/\"?]+))?)?",
    re.IGNORECASE,
)


class Answering(Protocol):
    """What a door opens onto: the service of one store."""

    @property
    def store(self) -> Store: ...

    def handle(self, request: Request) -> Response: ...


@dataclass(frozen=True)
class Adoption:
    """Every workspace that is not in a catalogue stands for this one, while it is adopted.

    Attributes:
        service: Who answers.
        subscription: Of the local workspace that answers; so are `group` and `workspace`.
    """

    service: Answering
    subscription: str
    group: str
    workspace: str


@dataclass(frozen=True)
class Place:
    """A workspace as an unedited notebook names it."""

    subscription: str
    group: str
    workspace: str


@dataclass(frozen=True)
class Claim:
    """Why a request is ours: who answers it, and under which URL."""

    service: Answering
    url: str
    adopted: bool = False


class Door:
    """What this process answers itself. Its parts are replaced as a whole, so that readers need no lock."""

    def __init__(self) -> None:
        self.services: tuple[Answering, ...] = ()
        self.adoption: Adoption | None = None
        self.places: tuple[Place, ...] = ()
        self.told: Callable[[Place], object] = bool
        """Called once for every workspace that a notebook names and an adopted one stands for."""

    def register(self, service: Answering) -> None:
        """Answer for the names of this service's store from now on."""
        if all(known is not service for known in self.services):
            self.services = (*self.services, service)
        install()

    def unregister(self, service: Answering) -> None:
        """Pass everything on that is addressed to this service's store."""
        self.services = tuple(known for known in self.services if known is not service)

    def adopt(self, service: Answering, *, subscription: str, group: str, workspace: str) -> None:
        """Let one local workspace stand for every workspace that is not in a catalogue."""
        self.adoption = Adoption(service, subscription, group, workspace)
        self.places = ()

    def release(self) -> None:
        """Pass on again what the notebook addresses to workspaces of its own."""
        self.adoption = None
        self.places = ()

    def claim(self, url: str, headers: Mapping[str, str]) -> Claim | None:
        """Say who answers a request; None when it is nobody of ours.

        Args:
            url: As sent, absolute.
            headers: As sent; `Authorization` is looked at.
        """
        services = self.services
        if not services:
            return None
        parts = urlsplit(url)
        host, path = (parts.hostname or "").lower(), unquote(parts.path)
        for service in services:
            if _names(service.store, host, path):
                return Claim(service, _canonical(url, host))
        issuer = _issuer(services, headers)
        if self.adoption is not None and (issuer is not None or _SUBSCRIPTION.search(path)):
            adopted = self._adopted(self.adoption, url, host, path)
            if adopted is not None:
                return adopted
        if issuer is not None and host not in _LOOPBACK:
            return Claim(issuer, _canonical(url, host))  # our tokens never leave the machine
        return None

    def _adopted(self, adoption: Adoption, url: str, host: str, path: str) -> Claim | None:
        if host not in _ARM_HOSTS and not host.endswith(".api.azureml.ms"):
            return None
        found = _PLACE.search(path)
        if found is None:
            return Claim(adoption.service, _canonical(url, host), adopted=True)
        place = Place(found["subscription"], found["group"] or "", found["workspace"] or "")
        if place.workspace and place not in self.places:
            self.places = (*self.places, place)
            self.told(place)
        url = _rename(url, adoption)
        if host.endswith(".api.azureml.ms"):
            url = urlunsplit(urlsplit(url)._replace(netloc=API_HOST))
        return Claim(adoption.service, _canonical(url, host), adopted=True)


DOOR = Door()
"""The door of this process."""

register = DOOR.register
unregister = DOOR.unregister
adopt = DOOR.adopt
release = DOOR.release


_THREAD = threading.local()


def answered_here() -> bool:
    """Whether the latest request of this thread was answered on this machine."""
    return bool(getattr(_THREAD, "answered_here", False))


def installed() -> bool:
    """Whether requests of this process come by the door."""
    adapters = sys.modules.get("requests.adapters")
    return adapters is not None and hasattr(adapters.HTTPAdapter.send, "jupyter_aml_door")


def install() -> None:
    """Put the door under `requests`; nothing happens when it stands there already."""
    from requests.adapters import HTTPAdapter

    inner = HTTPAdapter.send
    if hasattr(inner, "jupyter_aml_door"):
        return

    @functools.wraps(inner)
    def send(
        self: HTTPAdapter,
        request: PreparedRequest,
        stream: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> HttpAnswer:
        claim = DOOR.claim(str(request.url or ""), request.headers)
        _THREAD.answered_here = claim is not None
        if claim is None:
            return inner(self, request, stream, *args, **kwargs)
        return answer(self, request, claim)

    send.jupyter_aml_door = DOOR  # type: ignore[attr-defined]
    HTTPAdapter.send = send  # type: ignore[method-assign]


def answer(adapter: HTTPAdapter, prepared: PreparedRequest, claim: Claim) -> HttpAnswer:
    """Hand a request to the service and give its answer back as if it had come over a wire."""
    headers = {name.lower(): _text(value) for name, value in prepared.headers.items()}
    body = _body(prepared.body, headers)
    if claim.adopted and "json" in headers.get("content-type", ""):
        body = _renamed_body(body, headers)
    headers.setdefault(INTERPRETER_HEADER, interpreter())
    identity = identify(claim.service.store, headers)
    request = Request.build(prepared.method or "GET", claim.url, identity=identity, headers=headers, body=body)
    try:
        response = claim.service.handle(request)
    finally:
        if isinstance(body, tempfile.SpooledTemporaryFile):
            body.close()
    return adapter.build_response(prepared, _wire(request, response))


def identify(store: Store, headers: Mapping[str, str]) -> Identity:
    """Who asks: the holder of a token of this store, else the user of the operating system.

    A request may reach the door with a foreign token or none (MLflow in a notebook): it comes from this very
    process, which belongs to that user.
    """
    token = _bearer(headers)
    return (tokens.verify(store, token) if token else None) or tokens.local_identity(store)


@functools.cache
def interpreter() -> str:
    """This process's Python, as the private header says it."""
    return json.dumps({"executable": sys.executable, "prefix": sys.prefix})


def _names(store: Store, host: str, path: str) -> bool:
    """Whether a URL names something of this store, exactly; a store that was deleted names nothing."""
    try:
        return _named(store, host, path)
    except StoreError:
        return False


def _named(store: Store, host: str, path: str) -> bool:
    storage = _STORAGE.match(host)
    if storage is not None:
        return store.entry_by_account(storage[1]) is not None
    if host == API_HOST and (found := _DISCOVERY.match(path)):
        return store.entry_by_id(found[1]) is not None
    subscription = _SUBSCRIPTION.search(path)
    if subscription is None:
        return False
    return store.owns(subscription[1])


def _issuer(services: Iterable[Answering], headers: Mapping[str, str]) -> Answering | None:
    token = _bearer(headers)
    if token.count(".") != 2:  # noqa: PLR2004 - a JWT has three parts
        return None
    for service in services:
        with contextlib.suppress(StoreError):  # one that was deleted has issued nothing
            if tokens.verify(service.store, token) is not None:
                return service
    return None


def _bearer(headers: Mapping[str, str]) -> str:
    value = _text(headers.get("Authorization") or headers.get("authorization") or "")
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _canonical(url: str, host: str) -> str:
    """The URL with the host that the service knows, whatever cloud the SDK takes for the current one.

    A loopback address is that of the host process (MLflow's tracking URI): there, too, the path tells what is meant.
    """
    parts = urlsplit(url)
    storage = _STORAGE.match(host)
    if storage is not None:
        netloc = f"{storage[1]}.{storage[2]}.{STORAGE_SUFFIX}"
    elif parts.path.lower().startswith("/subscriptions"):
        netloc = ARM_HOST
    elif _SUBSCRIPTION.search(parts.path) or host in _LOOPBACK:
        netloc = API_HOST
    else:
        return url
    return urlunsplit(parts._replace(netloc=netloc))


def _rename(text: str, adoption: Adoption) -> str:
    """Put the local workspace's names where others stand; names of a catalogue stay."""
    store = adoption.service.store

    def local(found: re.Match[str]) -> str:
        if store.owns(found["subscription"]):
            return found[0]
        renamed = f"{found['lead']}subscriptions/{adoption.subscription}"
        if found["group"]:
            renamed += f"/resourceGroups/{adoption.group}"
        if found["workspace"]:
            renamed += f"{found['provider']}{adoption.workspace}"
        return renamed

    return _PLACE.sub(local, text)


def _renamed_body(body: bytes | BinaryIO, headers: dict[str, str]) -> bytes:
    content = body if isinstance(body, bytes) else body.read()
    if DOOR.adoption is not None:
        content = _rename(content.decode(), DOOR.adoption).encode()
    headers["content-length"] = str(len(content))
    return content


def _body(body: Any, headers: dict[str, str]) -> bytes | BinaryIO:
    """The body of a prepared request: bytes, or a stream whose length is in the headers."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    if hasattr(body, "read") and "content-length" in headers:
        stream: BinaryIO = body
        return stream
    return _spooled(body, headers)


def _spooled(body: Any, headers: dict[str, str]) -> BinaryIO:
    spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - the service reads it to its end
    pieces = iter(lambda: body.read(1 << 20), b"") if hasattr(body, "read") else body
    for piece in pieces:
        spool.write(piece.encode() if isinstance(piece, str) else piece)
    headers["content-length"] = str(spool.tell())
    headers.pop("transfer-encoding", None)
    spool.seek(0)
    return cast("BinaryIO", spool)


def _wire(request: Request, response: Response) -> Any:
    """A urllib3 response, which is what every reader above `requests` expects in `raw`."""
    from urllib3.response import HTTPResponse

    headers = dict(response.headers)
    bodiless = request.method == "HEAD" or response.status in {204, 304}
    if not bodiless and not any(name.lower() == "content-length" for name in headers):
        headers["Content-Length"] = str(response.content_length)
    body: BinaryIO = io.BytesIO(b"" if bodiless else response.body)
    if response.stream is not None:
        if bodiless:
            response.stream.close()
        else:
            body = Bounded(response.stream, response.length)
    return HTTPResponse(
        body=body,
        headers=headers,
        status=response.status,
        version=11,
        reason=reasons.get(response.status, ""),
        preload_content=False,
        decode_content=False,
        request_method=request.method,
        request_url=request.url,
    )


class Bounded(io.RawIOBase, BinaryIO):
    """The next `length` bytes of a stream, which is closed behind them."""

    def __init__(self, source: BinaryIO, length: int) -> None:
        super().__init__()
        self._source = source
        self._left = length

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if self._left <= 0:
            return b""
        piece = self._source.read(self._left if size is None or size < 0 else min(size, self._left))
        self._left = self._left - len(piece) if piece else 0
        return piece

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
