"""Test calls of online endpoints, for pages: a browser reaches no scoring URI, and must not have its keys.

Address and key come from Resource Manager, never from the page, and the key goes nowhere but to the address: redirects
are not followed, and an answer that repeats it is told without it.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_aml.client.rest import Rest
from jupyter_aml.errors import ConnectError, ResourceError

if TYPE_CHECKING:
    import requests

SEGMENT = "onlineEndpoints"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
"""Of endpoints and deployments."""
DEPLOYMENT = "azureml-model-deployment"
"""Header that names the deployment: of a request the wanted one, of an answer the one that served."""
AAD_SCOPE = "https://ml.azure.com/.default"
REACH, SECONDS = 10.0, 180.0
"""To connect, and in all. Source: OnlineRequestSettings.requestTimeout is at most 3 minutes."""
MOST_SENT, MOST_BACK = 4 << 20, 4 << 20
"""Bytes of a request and of an answer."""
PIECE = 1 << 16
KEPT = ("content-type", "date", "retry-after", DEPLOYMENT)
KEPT_BEGIN = ("x-ms-", "x-request-", "ms-azureml-")
"""Headers of an answer that a page is told, by name and by how they begin."""
HIDDEN = "(key)"


@dataclass(frozen=True)
class Scored:
    """What an endpoint answered.

    Attributes:
        status: HTTP status, whatever it is.
        headers: Those that tell something, names in lower case.
        body: As text; not more than `MOST_BACK` bytes of it.
        milliseconds: From the request to the end of the answer.
    """

    status: int
    headers: dict[str, str]
    body: str
    milliseconds: float


def invoke(rest: Rest, name: str, body: str, deployment: str = "", *, most: int | None = None) -> Scored:
    """Ask an online endpoint with its own key or token.

    Args:
        rest: The workspace of the endpoint.
        name: Of the endpoint.
        body: JSON, as it is sent.
        deployment: Which one; empty for whom the traffic chooses.
        most: Bytes of the request, and of the answer that are read; by default what a page may have.

    Raises:
        ResourceError: There is no such endpoint, its key is refused, or its address is none that may be asked.
        ConnectError: The scoring URI cannot be reached, or takes too long.
    """
    content = body.encode()
    if len(content) > (limit := most or MOST_SENT):
        msg = f"The body has {len(content)} bytes; at most {limit} are sent from here."
        raise ResourceError(msg, code="PayloadTooLarge", status=413, target="body")
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if deployment:
        headers[DEPLOYMENT] = _named(deployment, "deployment")
    url, key = _opened(rest, name, "scoringUri")
    return _sent("POST", url, key, headers, content, most=most)


def swagger(rest: Rest, name: str) -> Scored:
    """The document in which an online endpoint describes its requests; raises as `invoke` does."""
    url, key = _opened(rest, name, "swaggerUri")
    return _sent("GET", url, key, {"Accept": "application/json"})


def _opened(rest: Rest, name: str, which: str) -> tuple[str, str]:
    """An address of an endpoint, and what opens it."""
    endpoint = rest.get(f"{SEGMENT}/{_named(name, 'name')}")["properties"]
    url = address(str(endpoint.get(which) or ""), name, local=rest.connection.local)
    return url, secret(rest, name, str(endpoint.get("authMode") or ""))


def address(url: str, name: str, *, local: bool) -> str:
    """The URL again, where it may be asked: https, or http on this machine for an endpoint of this machine.

    Raises:
        ResourceError: There is none yet, or it is another one.
    """
    if not url:
        msg = f"The endpoint '{name}' has no address yet."
        raise ResourceError(msg, status=409, code="EndpointNotReady", remedy="Wait until it has been provisioned.")
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and local and _loopback(parts.hostname or ""):
        return url
    raise ResourceError(
        f"The address of the endpoint '{name}' is {url}; https was expected.",
        code="UserError",
        why="A key that is sent over http can be read on its way.",
        remedy=f"In a terminal that you trust, type aml online-endpoint invoke --name {name} --request-file FILE",
    )


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def secret(rest: Rest, name: str, mode: str) -> str:
    """What opens an endpoint, by its way of authentication. Source: OnlineEndpointOperations.invoke of the SDK.

    Raises:
        ResourceError: The person may not read it.
    """
    if mode.lower() == "key":
        return str(rest.post(f"{SEGMENT}/{name}/listKeys")["primaryKey"])
    if mode.lower() == "aadtoken":
        return str(rest.connection.credential.get_token(AAD_SCOPE).token)
    return str(rest.post(f"{SEGMENT}/{name}/token")["accessToken"])


def _sent(
    method: str, url: str, key: str, headers: dict[str, str], content: bytes = b"", *, most: int | None = None
) -> Scored:
    import requests

    def bear(request: Any) -> Any:  # as `auth`, for a header would give way to a `.netrc`
        request.headers["Authorization"] = f"Bearer {key}"
        return request

    parts = urlsplit(url)
    begun = time.perf_counter()
    try:
        with (
            _session(direct=parts.scheme == "http") as session,
            session.request(
                method,
                url,
                data=content or None,
                headers=headers,
                auth=bear,
                timeout=(REACH, SECONDS),
                allow_redirects=False,
                stream=True,
            ) as reply,
        ):
            found = _read(reply, begun + SECONDS, most or MOST_BACK)
            took = (time.perf_counter() - begun) * 1000
            told = {header.lower(): str(value) for header, value in reply.headers.items()}
    except requests.RequestException as error:
        msg = f"{parts.hostname} could not be reached: {_without(str(error), key)}."
        raise ConnectError(msg, remedy="Look at the network and proxy, and at the logs of the deployment.") from None
    clean = {header: _without(value, key) for header, value in told.items() if _told(header)}
    return Scored(reply.status_code, clean, _without(found.decode("utf-8", "replace"), key), round(took, 1))


def _session(*, direct: bool) -> requests.Session:
    """A session; a direct one asks no proxy, which could read on its way a key that does not leave this machine."""
    import requests

    found = requests.Session()
    found.trust_env = not direct
    return found


def _read(reply: Any, until: float, most: int) -> bytes:
    """The beginning of an answer.

    Raises:
        ConnectError: It takes too long.
    """
    found = bytearray()
    for piece in reply.iter_content(PIECE):
        found += piece
        if len(found) >= most:
            break
        if time.perf_counter() > until:
            msg = f"The endpoint took longer than {SECONDS:g} s to answer."
            raise ConnectError(msg, remedy="Look at the logs of the deployment.")
    return bytes(found[:most])


def _told(header: str) -> bool:
    return header in KEPT or header.startswith(KEPT_BEGIN)


def _without(text: str, key: str) -> str:
    """A text that does not repeat the key."""
    return text.replace(key, HIDDEN) if key else text


def _named(value: str, target: str) -> str:
    """A name again, where it is one.

    Raises:
        ResourceError: It is none.
    """
    if NAME.fullmatch(value):
        return value
    msg = f"{target} is '{value}'; a name of letters, digits and dashes was expected."
    raise ResourceError(msg, code="UserError", target=target)
