"""A signed-in client of Azure: one token at a time for all its threads, and a refusal in one sentence.

The SDK asks from many pipelines and threads; a person is prompted, and `az` started, once.
"""

from __future__ import annotations

import functools
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from jupyter_aml.errors import ConnectError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo

RENEW_SECONDS = 300
ANOTHER_WAY = "Type connect(..., sign_in='device-code'), or another of cli, browser, managed-identity."

_SILENT = logging.NullHandler()
_TENANT = re.compile(r"authority configuration for https://[^/]+/([^/. ]+(?:\.[^/. ]+)*)")
_CODE = re.compile(r"AADSTS(\d+): (.*?)(?=\s*(?:Trace ID|Correlation ID|Timestamp|\n|$))", re.DOTALL)
REMEDIES = {
    "7000215": "Put the secret's value, not its id, into AZURE_CLIENT_SECRET.",
    "7000222": "The secret has expired: make a new one in Entra, and put its value into AZURE_CLIENT_SECRET.",
    "700016": "Look at AZURE_CLIENT_ID and at the tenant: the application must be registered there.",
    "700027": "Look at AZURE_CLIENT_CERTIFICATE_PATH: the certificate must be uploaded to the application in Entra.",
    "90002": "Look at the tenant: tenant_id=, --tenant or AZURE_TENANT_ID takes its GUID or domain.",
    "900023": "Look at the tenant: tenant_id=, --tenant or AZURE_TENANT_ID takes its GUID or domain.",
    "700082": "The sign-in has expired: run `az login`, or sign in another way.",
    "50173": "The password has changed since: run `az login`, or sign in another way.",
    "50076": "A second factor is asked for: connect with sign_in='browser' or 'device-code'.",
    "50079": "A second factor is asked for: connect with sign_in='browser' or 'device-code'.",
    "53003": "A rule of the tenant forbids it: connect with sign_in='browser', or ask its administrator.",
    "65001": "An administrator of the tenant has to consent to the application first.",
    "70009": "Connect again, and accept this time.",
    "70016": "Connect again, and type the code in before it expires.",
    "70020": "Connect again, and type the code in before it expires.",
}
"""What to do about Entra's codes. Source: Microsoft Entra authentication and authorization error codes."""


class Signed:
    """A credential over one of azure-identity's.

    Args:
        make: Makes the inner one, when the first token is asked for.
        way: How it signs in, one of `sign_in.WAYS`.
    """

    def __init__(self, make: Callable[[], Any], way: str) -> None:
        self._way = way
        self._make = make
        self._inner: Any = None
        self._held: dict[tuple[Any, ...], AccessTokenInfo] = {}
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"<Signed in by {self.way}>"

    @property
    def way(self) -> str:
        """How it signs in; for a chain, which way gave the latest token."""
        return getattr(self._inner, "way", "") or self._way

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Source: azure.core.credentials.TokenCredential."""
        from azure.core.credentials import AccessToken

        info = self.get_token_info(*scopes, options=options)
        return AccessToken(info.token, info.expires_on)

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        """Source: azure.core.credentials.SupportsTokenInfo."""
        asked = {name: value for name, value in (options or {}).items() if value}
        key = (scopes, *sorted(asked.items()))
        held = self._fresh(key)
        if held is not None and "claims" not in asked:
            return held
        with self._lock:
            held = self._fresh(key)
            if held is None or "claims" in asked:
                held = self._held[key] = self._ask(scopes, asked)
        return held

    def _fresh(self, key: tuple[Any, ...]) -> AccessTokenInfo | None:
        held = self._held.get(key)
        if held is None:
            return None
        due = min(held.expires_on - RENEW_SECONDS, getattr(held, "refresh_on", None) or held.expires_on)
        return held if time.time() < due else None

    def _ask(self, scopes: tuple[str, ...], options: dict[str, Any]) -> AccessTokenInfo:
        from azure.core.exceptions import AzureError

        logging.getLogger("azure.identity").addHandler(_SILENT)  # what it warns of is said in our sentence
        try:
            if self._inner is None:
                self._inner = self._make()
            found: AccessTokenInfo = self._inner.get_token_info(*scopes, options=options)
        except ConnectError:
            raise
        except AzureError as error:
            raise refusal(error, self.way) from error
        return found

    def close(self) -> None:
        """Let go of open connections."""
        if self._inner is not None:
            self._inner.close()


class Chain:
    """Ways that are tried in turn until one gives a token, which is then kept to.

    Args:
        links: The name of each way, and its credential.
    """

    def __init__(self, links: Sequence[tuple[str, Any]]) -> None:
        self.links = tuple(links)
        self.way = ""

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        """Source: azure.core.credentials.SupportsTokenInfo.

        Raises:
            ConnectError: A way was refused, or none was open.
        """
        from azure.core.exceptions import AzureError
        from azure.identity import CredentialUnavailableError

        closed: Exception = ValueError("no way is known")
        way = "auto"
        for way, credential in self.links:
            if self.way not in {"", way}:
                continue
            try:
                found: AccessTokenInfo = credential.get_token_info(*scopes, options=options)
            except CredentialUnavailableError as error:
                closed = error
            except AzureError as error:
                raise refusal(error, way) from error
            else:
                self.way = way
                return found
        raise refusal(closed, way) from closed

    def close(self) -> None:
        """Let go of open connections."""
        for _, credential in self.links:
            credential.close()


@functools.cache
def sign_in_error() -> type[ConnectError]:
    """A ConnectError that the SDK's own code sees as the ClientAuthenticationError that it stands for."""
    from azure.core.exceptions import ClientAuthenticationError

    return type("SignInError", (ConnectError, ClientAuthenticationError), {"__module__": __name__})


def refusal(error: Exception, way: str) -> ConnectError:
    """The sentence for a fault of signing in, and what to do about it."""
    what, remedy = _explained(error, way)
    return sign_in_error()(what, remedy=remedy)


def _explained(error: Exception, way: str) -> tuple[str, str]:
    from azure.core.exceptions import ClientAuthenticationError

    said = str(getattr(error, "message", "") or error)
    found, unknown = _CODE.search(said), _TENANT.search(said)
    first = next((line.strip().rstrip(".") for line in said.splitlines() if line.strip()), "no reason was given")
    if found is not None:
        what = f"Azure refused the sign-in: {' '.join(found[2].split()).rstrip('.')} (AADSTS{found[1]})."
        remedy = REMEDIES.get(found[1], ANOTHER_WAY)
    elif unknown is not None:
        what, remedy = f"There is no tenant {unknown[1]!r} in this cloud.", REMEDIES["90002"]
    elif not isinstance(error, ClientAuthenticationError):
        what = f"The sign-in service could not be reached: {first}."
        remedy = "Look at the network and proxy, or work in `local`."
    elif "az login" in said:
        what, remedy = "Nobody has signed in with `az` on this machine.", "Run `az login` in a terminal."
    elif "Azure CLI not found" in said:
        what, remedy = "`az` is not installed on this machine.", ANOTHER_WAY
    elif way == "managed-identity":
        what, remedy = f"There is no managed identity here: {first}.", ANOTHER_WAY
    else:
        what, remedy = f"Nobody could sign in by {way}: {first}.", ANOTHER_WAY
    return what, remedy
