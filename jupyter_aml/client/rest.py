"""Azure ML's REST as it is, for what the SDK has no operation for, or is too slow at.

Free of `azure.*`. In a local workspace the request goes straight into the service, without any socket; in Azure
over `requests` with the connection's credential.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from jupyter_aml.client.connection import Connection
from jupyter_aml.errors import ConnectError, ResourceError
from jupyter_aml.local.arm import wire
from jupyter_aml.local.arm.http import Request

if TYPE_CHECKING:
    from jupyter_aml.client.credentials import LocalCredential

API_VERSION = "2024-10-01-preview"
SUBSCRIPTIONS_VERSION = "2022-12-01"
GROUPS_VERSION = "2021-04-01"
LOCAL_API = "https://local.api.azureml.ms"
SECONDS = 60.0
SAFE = "/:@$,;=+!*()~"
"""Characters of a path that are sent as they are."""

_BAD = 400


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers (names in lower case) and the body, or what JSON in it says."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    payload: Any = field(default=None, repr=False)

    @property
    def json(self) -> Any:
        """The body as JSON; None when it is empty."""
        if self.payload is not None:
            return self.payload
        return wire.loads(self.content) if self.content else None


class Rest:
    """Raw requests to a connection's workspace.

    A path is relative to the workspace (`jobs/x`), absolute in Resource Manager (`/subscriptions/...`), or, with
    `history/v1.0`, `mlflow/v2.0`, `data/v1.0` or `modelregistry/v1.0` given as `api`, relative to that service.

    Args:
        connection: Where to ask, and as whom.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._api = LOCAL_API if connection.local else ""
        self._session: Any = None

    def get(self, path: str, **more: Any) -> Any:
        """The JSON of a GET."""
        return self.request("GET", path, **more).json

    def put(self, path: str, body: Any, **more: Any) -> Any:
        """The JSON that answers a PUT."""
        return self.request("PUT", path, body=body, **more).json

    def patch(self, path: str, body: Any, **more: Any) -> Any:
        """The JSON that answers a PATCH."""
        return self.request("PATCH", path, body=body, **more).json

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON that answers a POST."""
        return self.request("POST", path, body=body, **more).json

    def delete(self, path: str, **more: Any) -> None:
        """Send a DELETE."""
        self.request("DELETE", path, **more)

    def pages(self, path: str, **more: Any) -> Iterator[list[Any]]:
        """The items of a list, page by page, as far as they are asked for."""
        found = self.get(path, **more)
        while found:
            yield found.get("value", [])
            link = found.get("nextLink")
            found = self.get(link) if link else None

    def items(self, path: str, **more: Any) -> Iterator[Any]:
        """The items of a list, over all pages."""
        for page in self.pages(path, **more):
            yield from page

    def subscriptions(self) -> list[dict[str, Any]]:
        """The subscriptions that the person can see."""
        return list(self.items("/subscriptions", query={"api-version": SUBSCRIPTIONS_VERSION}))

    def resource_groups(self, subscription: str = "") -> list[dict[str, Any]]:
        """The resource groups of a subscription, by default the connection's."""
        named = subscription or self.connection.subscription
        path = f"/subscriptions/{named}/resourcegroups"
        return list(self.items(path, query={"api-version": GROUPS_VERSION}))

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        api: str = "",
    ) -> Answer:
        """Send one request.

        Args:
            method: Such as `GET`.
            path: See the class; or an absolute URL, such as a `nextLink`.
            body: JSON, or bytes as they are.
            query: Parameters; `api-version` is added for Resource Manager.
            headers: More headers.
            api: See the class.

        Raises:
            ResourceError: The answer is 400 or above; it carries ARM's code and sentence. Or the path climbs.
        """
        url = self.url(path, query, api)
        _check(url)
        sent = {"Accept": "application/json", **(headers or {})}
        content = b""
        if isinstance(body, bytes):
            content = body
        elif body is not None:
            content = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        ask = self._here if self.connection.service is not None else self._away
        answer = ask(method, url, sent, content)
        if answer.status >= _BAD:
            raise refusal(answer, method, url)
        return answer

    def signed(self, url: str, headers: Mapping[str, str]) -> Answer:
        """The answer, whatever its status, to a GET of a URL that bears its own signature, such as a log's.

        Raises:
            ConnectError: It cannot be reached.
        """
        return self._here("GET", url, headers, b"") if self.connection.local else self._sent("GET", url, headers, b"")

    def url(self, path: str, query: Mapping[str, Any] | None = None, api: str = "") -> str:
        """The whole URL of a path."""
        if path.startswith("https://"):
            return path
        workspace = self.connection.workspace_path
        added = {key: value for key, value in (query or {}).items() if value is not None}
        if api:
            base = f"{self.services()}/{api.strip('/')}{workspace}"
        elif path.startswith("/"):
            base, path = self.connection.cloud.arm + path, ""
            added.setdefault("api-version", API_VERSION)
        else:
            base = self.connection.cloud.arm + workspace
            added.setdefault("api-version", API_VERSION)
        whole = f"{base}/{quote(path, safe=SAFE)}" if path else base
        return f"{whole}?{urlencode(added)}" if added else whole

    def services(self) -> str:
        """Where the workspace's own services are. Source: azure-ml-rest, discovery document."""
        return self._api or self._discover()

    def _discover(self) -> str:
        workspace = self.get(self.connection.workspace_path)
        document = self.request("GET", str(workspace["properties"]["discoveryUrl"])).json
        self._api = str(document["api"]).rstrip("/")
        return self._api

    def _here(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        connection = self.connection
        if connection.service is None:
            msg = f"{connection} is not local."
            raise ConnectError(msg)
        credential: LocalCredential = connection.credential
        request = Request.build(method, url, identity=credential.identity, headers=headers, body=content, here=True)
        response = connection.service.handle(request)
        lowered = {name.lower(): value for name, value in response.headers.items()}
        if response.payload is not None:
            return Answer(response.status, lowered, b"", response.payload)
        return Answer(response.status, lowered, b"".join(response.chunks()))

    def _away(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        token = self.connection.credential.get_token(f"{self.connection.cloud.arm}/.default").token
        return self._sent(method, url, {**headers, "Authorization": f"Bearer {token}"}, content)

    def _sent(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        import requests

        if self._session is None:
            self._session = requests.Session()
        try:
            reply = self._session.request(method, url, data=content or None, headers=dict(headers), timeout=SECONDS)
        except requests.RequestException as error:
            msg = f"{urlsplit(url).hostname} could not be reached: {error}."
            raise ConnectError(msg, remedy="Look at the network and proxy, or work in `local`.") from error
        lowered = {name.lower(): value for name, value in reply.headers.items()}
        return Answer(reply.status_code, lowered, reply.content)

    def close(self) -> None:
        """Let go of open connections to Azure."""
        if self._session is not None:
            self._session.close()
            self._session = None


def _check(url: str) -> None:
    """Refuse a path that climbs, as with a name such as `../x`: what carries it would send it to another place.

    Raises:
        ResourceError: It does.
    """
    path = unquote(urlsplit(url).path)
    if {".", ".."} & set(path.split("/")):
        raise ResourceError(f"'{path}' is no path: a name in it is '.' or '..'.", code="UserError")


def refusal(answer: Answer, method: str, url: str) -> ResourceError:
    """The error that an answer of 400 or above stands for."""
    try:
        found = answer.json
    except ValueError:
        found = None
    error = found.get("error") if isinstance(found, dict) else None
    error = error if isinstance(error, dict) else {}
    message = str(error.get("message") or f"{method} {urlsplit(url).path} was answered {answer.status}.")
    code = str(error.get("code") or "UserError")
    return ResourceError(message, status=answer.status, code=code, target=str(error.get("target") or ""))
