"""Tokens of the local service, and what any token says of its holder."""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any

from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.authz import tokens

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo

    from jupyter_aml.local.store.catalogue import Store

RENEW_SECONDS = 300.0


def audience(scope: str) -> str:
    """What a token for that scope says it is for: the scope without `/.default`."""
    return scope.removesuffix("/.default").rstrip("/") or scope


class LocalCredential:
    """Tokens of the local service, for azure-core and for anyone who reads them as Azure's.

    Args:
        store: Whose key signs.
        identity: Who asks.
    """

    def __init__(self, store: Store, identity: Identity) -> None:
        self.store = store
        self.identity = identity
        self._held: dict[str, tuple[str, int]] = {}

    def __repr__(self) -> str:
        return f"<LocalCredential {self.identity.name}>"

    def token(self, scope: str) -> tuple[str, int]:
        """A token for that scope, and when it expires (seconds since the epoch)."""
        name = audience(scope)
        held = self._held.get(name)
        if held is None or held[1] - RENEW_SECONDS < self.store.clock():
            expires = int(self.store.clock() + tokens.LIFETIME)
            held = (tokens.issue(self.store, self.identity, audience=name), expires)
            self._held[name] = held
        return held

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        """Source: azure.core.credentials.TokenCredential."""
        from azure.core.credentials import AccessToken

        return AccessToken(*self.token(_only(scopes)))

    def get_token_info(self, *scopes: str, **_options: Any) -> AccessTokenInfo:
        """Source: azure.core.credentials.SupportsTokenInfo."""
        from azure.core.credentials import AccessTokenInfo

        return AccessTokenInfo(*self.token(_only(scopes)))

    def close(self) -> None:
        """Nothing is open."""


def local_identity(store: Store, name: str = "") -> Identity:
    """A principal of the local tenant; the user of the operating system when no name is given."""
    if not name:
        return tokens.local_identity(store)
    whole = name if "@" in name else f"{name}@local"
    return Identity(whole, str(uuid.uuid5(store.uuid, whole)))


def claims(token: str) -> dict[str, Any]:
    """What a token says of its holder; empty when it cannot be read. The signature is its audience's business."""
    try:
        middle = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _only(scopes: tuple[str, ...]) -> str:
    if not scopes:
        msg = '"get_token" requires at least one scope'
        raise ValueError(msg)
    return scopes[0]
