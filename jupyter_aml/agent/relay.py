"""The way of a job's own SDK, azure-storage and azure-identity to the local workspace: over the loopback door.

The SDK insists on https and on Azure's hosts; the relay sits under `requests`, where that has been checked, and
sends what is meant for the local workspace to the door, saying in a header which host was asked. Everything else
passes on. Standard library only: it runs in whatever Python a job has.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import unquote, urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType
    from typing import Any

DOOR = "JUPYTER_AML_DOOR"
TOKENS = ("JUPYTER_AML_TOKEN", "MLFLOW_TRACKING_TOKEN")
PATIENCE = "JUPYTER_AML_DOOR_PATIENCE"
PATIENCE_SECONDS = 60.0
"""How long a request waits for a door that does not listen: the host comes back at the same port."""

HOST_HEADER = "x-jupyter-aml-host"
INTERPRETER_HEADER = "x-jupyter-aml-interpreter"
ARM_HOST = "management.azure.com"
API_HOST = "local.api.azureml.ms"
SCHEMA_HOST = "azuremlschemasprod.azureedge.net"
"""Where the SDK fetches a schema of tables that it can do without: the door says that there is none."""
STORAGE_SUFFIX = "core.windows.net"
ISSUER = "jupyter_aml"
ASK_AGAIN_SECONDS = 2.0
SECONDS = 30.0
CREDENTIAL_MODULES = ("azure.identity", "azure.ai.ml.identity")
CREDENTIAL_METHODS = ("get_token", "get_token_info")

_SUBSCRIPTION = re.compile(r"/subscriptions/([^/?]+)", re.IGNORECASE)
_STORAGE = re.compile(r"^([a-z0-9]{3,24})\.(?:blob|dfs|file)\.")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Relay:
    """Where the door is, what it answers for, and the token that opens it.

    Args:
        door: Such as `http://127.0.0.1:41234`.
        token: Of the job.
    """

    def __init__(self, door: str, token: str) -> None:
        self.door = door.rstrip("/")
        self.token = token
        self._names: dict[str, list[str]] = {}
        self._asked = 0.0
        self._held: dict[str, tuple[str, int]] = {}
        self._lock = threading.Lock()

    def claims(self, url: str, headers: Mapping[str, Any]) -> bool:
        """Whether a request is meant for the local workspace."""
        parts = urlsplit(url)
        host, path = (parts.hostname or "").lower(), unquote(parts.path)
        if host in _LOOPBACK:
            return False
        if host in {API_HOST, SCHEMA_HOST}:
            return True
        storage = _STORAGE.match(host)
        if storage is not None:
            return self._knows("accounts", storage.group(1)) or ours(headers)
        found = _SUBSCRIPTION.search(path)
        return (found is not None and self._knows("subscriptions", found.group(1))) or ours(headers)

    def access(self, scope: str) -> tuple[str, int]:
        """A token for a scope, and when it expires (seconds since the epoch)."""
        held = self._held.get(scope)
        if held is None or held[1] - 300 < time.time():
            answer = self.ask("POST", "/_aml/token", {"scope": scope})
            held = self._held[scope] = (str(answer["token"]), int(answer["expires_on"]))
        return held

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One question to the door, in JSON.

        Raises:
            urllib.error.URLError: The door refuses, or nobody listens there.
        """
        content = None if body is None else json.dumps(body).encode()
        with self.send(method, path, API_HOST, {"Content-Type": "application/json"}, content) as answer:
            if answer.status >= 400:  # noqa: PLR2004 -- the first status of refusals
                raise urllib.error.HTTPError(self.door + path, answer.status, answer.reason, answer.headers, answer)
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def send(self, method: str, target: str, host: str, headers: Mapping[str, str], body: bytes | None = None) -> Any:
        """The door's answer as the standard library gives it, whatever its status; to be read and closed.

        Args:
            method: Such as `GET`.
            target: Path and query.
            host: Which of Azure's hosts is meant.
            headers: More than those that every request bears.
            body: What is sent.

        Raises:
            urllib.error.URLError: Nobody listens at the door.
        """
        own = {"Authorization": "Bearer " + self.token, HOST_HEADER: host}
        request = urllib.request.Request(  # noqa: S310 -- the door's own address
            self.door + target, data=body, method=method, headers={**headers, **own}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        begun = time.monotonic()
        while True:
            try:
                return opener.open(request, timeout=SECONDS)
            except urllib.error.HTTPError as answer:
                return answer
            except urllib.error.URLError:
                if spent(begun):
                    raise
                time.sleep(0.2)

    def knows_subscription(self, name: str) -> bool:
        """Whether a subscription is one of the store's."""
        return self._knows("subscriptions", name)

    def _knows(self, kind: str, name: str) -> bool:
        """Whether the store has a subscription or account of exactly that name; asks again for unknown ones."""
        lowered = name.lower()
        if lowered in self._names.get(kind, ()):
            return True
        with self._lock:
            if time.monotonic() - self._asked > ASK_AGAIN_SECONDS or not self._names:
                self._names = self.ask("GET", "/_aml/names")
                self._asked = time.monotonic()
        return lowered in self._names.get(kind, ())


_relay: Relay | None = None


def activate(door: str, token: str) -> None:
    """Relay through this door from now on."""
    global _relay  # noqa: PLW0603 -- one door per process
    _relay = Relay(door, token)


def deactivate() -> None:
    """Pass everything on."""
    global _relay  # noqa: PLW0603 -- see there
    _relay = None


def install() -> None:
    """Put the relay under `requests`, which has been imported, and before azure-identity once it is.

    Does nothing where the environment names no door.
    """
    found = given()
    if found is None:
        return
    activate(found.door, found.token)
    patch_requests()
    watch_credentials()


def given() -> Relay | None:
    """The relay to the door that the environment names; None where it names none."""
    door = os.environ.get(DOOR, "")
    token = next((os.environ[name] for name in TOKENS if os.environ.get(name)), "")
    if not door or not token:
        return None
    if _relay is not None and (_relay.door, _relay.token) == (door.rstrip("/"), token):
        return _relay
    return Relay(door, token)


def patch_requests() -> None:
    """Take `requests.adapters.HTTPAdapter.send`, once."""
    # Not `requests.adapters.HTTPAdapter`: while `requests` is being imported it has no attribute `adapters` yet.
    from requests.adapters import HTTPAdapter

    kind: Any = HTTPAdapter
    inner = kind.send
    if hasattr(inner, "jupyter_aml_relay"):
        return

    def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        relay = _relay
        if relay is None:
            return inner(self, request, *args, **kwargs)
        url = str(request.url or "")
        if url.startswith(relay.door + "/"):
            return _patiently(inner, self, request, args, kwargs)
        if not relay.claims(url, request.headers):
            return inner(self, request, *args, **kwargs)
        kwargs.update(proxies={}, cert=None)
        response = _patiently(inner, self, _relayed(relay, request), args, kwargs)
        response.request = request
        response.url = url
        return response

    send.jupyter_aml_relay = True  # type: ignore[attr-defined]
    kind.send = send


def _relayed(relay: Relay, request: Any) -> Any:
    parts = urlsplit(str(request.url))
    sent = request.copy()
    sent.url = relay.door + parts.path + ("?" + parts.query if parts.query else "")
    sent.headers.pop("Host", None)
    sent.headers[HOST_HEADER] = _host(parts.hostname or "", parts.path)
    sent.headers[INTERPRETER_HEADER] = json.dumps({"executable": sys.executable, "prefix": sys.prefix})
    if not ours(sent.headers):
        sent.headers["Authorization"] = "Bearer " + relay.token
    return sent


def _host(host: str, path: str) -> str:
    """The host as the service knows it, whatever cloud the job's SDK takes for the current one."""
    storage = _STORAGE.match(host.lower())
    if storage is not None:
        return host.lower()[: storage.end()] + STORAGE_SUFFIX
    if path.lower().startswith("/subscriptions"):
        return ARM_HOST
    return API_HOST if _SUBSCRIPTION.search(path) else host.lower()


def _patiently(inner: Callable[..., Any], adapter: Any, request: Any, args: Any, kwargs: Any) -> Any:
    """Send, and try again while nobody listens at the door; a body that cannot be read twice is sent once."""
    from requests.exceptions import ConnectionError as Refused

    begun = time.monotonic()
    again = request.body is None or isinstance(request.body, (bytes, str))
    while True:
        try:
            return inner(adapter, request, *args, **kwargs)
        except Refused as error:
            if not again or "refused" not in str(error).lower() or spent(begun):
                raise
            time.sleep(0.2)


def spent(begun: float) -> bool:
    """Whether the patience of a request that began then is at its end."""
    try:
        patience = float(os.environ.get(PATIENCE, PATIENCE_SECONDS))
    except ValueError:
        patience = PATIENCE_SECONDS
    return time.monotonic() - begun > patience


def ours(headers: Mapping[str, Any]) -> bool:
    """Whether a request carries a token of the local workspace."""
    value = headers.get("Authorization") or ""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    parts = text.partition(" ")[2].split(".")
    if not text.lower().startswith("bearer ") or len(parts) != 3:  # noqa: PLR2004 -- a JWT has three parts
        return False
    try:
        said = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("iss") == ISSUER


def watch_credentials() -> None:
    """Answer for the credentials of azure-identity and of the SDK, as soon as they are imported."""
    for name in CREDENTIAL_MODULES:
        if name in sys.modules:
            patch_credentials(sys.modules[name])
    if not any(isinstance(finder, CredentialWatch) for finder in sys.meta_path):
        sys.meta_path.insert(0, CredentialWatch())


class CredentialWatch:
    """A finder that lets the relay in as soon as a module with credentials has been imported."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        """Find the module as everybody else would, and follow its loading."""
        if name not in CREDENTIAL_MODULES:
            return None
        for finder in sys.meta_path:
            if isinstance(finder, CredentialWatch) or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                _follow(spec.loader)
                return spec
        return None


def _follow(loader: Any) -> None:
    execute: Callable[[ModuleType], None] = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        patch_credentials(module)

    loader.exec_module = exec_module


def patch_credentials(module: ModuleType) -> None:
    """Answer `get_token` and `get_token_info` of a module's classes, while there is a door."""
    for kind in list(vars(module).values()):
        if isinstance(kind, type):
            for method in CREDENTIAL_METHODS:
                original = vars(kind).get(method)
                if callable(original) and not hasattr(original, "jupyter_aml_relay"):
                    setattr(kind, method, _answering(method, original))


def _answering(method: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def answer(self: Any, *scopes: str, **options: Any) -> Any:
        relay = _relay
        if relay is None or not scopes:
            return original(self, *scopes, **options)
        from azure.core import credentials

        kind = credentials.AccessToken if method == "get_token" else credentials.AccessTokenInfo
        return kind(*relay.access(scopes[0]))

    answer.jupyter_aml_relay = True  # type: ignore[attr-defined]
    return answer
