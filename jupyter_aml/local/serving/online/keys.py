"""The keys and tokens of online endpoints: made, sealed, given out."""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Mapping
from typing import Any

from jupyter_aml.errors import ConflictError, ResourceError, StoreError
from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.secrets import seal
from jupyter_aml.local.serving.online import states
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.workspace import Workspace

SLOTS = {"primary": "primaryKey", "secondary": "secondaryKey"}
LENGTH = 44
SHORTEST = 8
LETTERS = string.ascii_letters + string.digits
TOKEN_SECONDS = 3600.0
REFRESH_SHARE = 0.75
"""After this share of its life a token should be asked for anew."""


def fresh() -> str:
    """A new key."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def create(workspace: Workspace, transaction: Transaction, endpoint: str, given: Mapping[str, Any] | None) -> None:
    """Seal the keys of a new endpoint: those that its creator gave, else fresh ones.

    Raises:
        ResourceError: A given key is too short (400).
    """
    made = {slot: str((given or {}).get(slot) or fresh()) for slot in SLOTS.values()}
    for slot, key in made.items():
        if len(key) < SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
            raise ResourceError(
                f"properties.keys.{slot} is no key: at least {SHORTEST} printable ASCII characters were expected.",
                code="ValidationError",
                target=f"properties.keys.{slot}",
                remedy="Leave `keys` out and they are made.",
            )
    seal.put(workspace, transaction, states.ENDPOINTS, endpoint, made)


def read(workspace: Workspace, endpoint: str) -> dict[str, str]:
    """`primaryKey` and `secondaryKey` of an endpoint.

    Raises:
        ConflictError: They were sealed on another machine (409).
    """
    found = _unsealed(workspace, endpoint)
    if not found:
        raise ConflictError(
            f"The keys of the online endpoint {endpoint!r} were made in another store and cannot be read here.",
            remedy=f"Make new ones: `%aml online-endpoint regenerate-keys --name {endpoint}`.",
        )
    return found


def _unsealed(workspace: Workspace, endpoint: str) -> dict[str, str]:
    """The keys by slot; none when this store cannot read them."""
    try:
        found = seal.get(workspace, states.ENDPOINTS, endpoint) or {}
    except StoreError:
        return {}
    return {slot: str(found[slot]) for slot in SLOTS.values() if slot in found}


def renew(workspace: Workspace, transaction: Transaction, endpoint: str, slot: str) -> None:
    """Make the key of one slot anew, of both when this store cannot read them; the old one stops working.

    Args:
        workspace: Whose.
        transaction: In which it is sealed.
        endpoint: Its name.
        slot: `Primary` or `Secondary`, in any case.

    Raises:
        ResourceError: There is no such slot (400).
    """
    name = SLOTS.get(slot.lower())
    if name is None:
        raise ResourceError(
            f"keyType is {slot!r}; expected Primary or Secondary.", code="ValidationError", target="keyType"
        )
    made = {one: fresh() for one in SLOTS.values()}
    kept = {one: key for one, key in _unsealed(workspace, endpoint).items() if one != name}
    seal.put(workspace, transaction, states.ENDPOINTS, endpoint, made | kept)


def digests(workspace: Workspace, endpoint: str) -> list[str]:
    """SHA-256 of primary and secondary key, in hex: what a router compares with; none when they cannot be read."""
    return [hashlib.sha256(key.encode()).hexdigest() for key in _unsealed(workspace, endpoint).values()]


def audience(workspace: Workspace, endpoint: str) -> str:
    """For whom an endpoint's tokens are: its ARM id in lower case."""
    return f"{workspace.entry.arm_id}/{states.ENDPOINTS}/{endpoint}".lower()


def token(workspace: Workspace, endpoint: str, identity: Identity, now: float) -> dict[str, Any]:
    """A token for calling the endpoint, as Azure tells of one: times in whole seconds since the epoch."""
    made = tokens.issue(workspace.store, identity, audience=audience(workspace, endpoint), lifetime=TOKEN_SECONDS)
    return {
        "accessToken": made,
        "tokenType": "Bearer",
        "expiryTimeUtc": int(now + TOKEN_SECONDS),
        "refreshAfterTimeUtc": int(now + TOKEN_SECONDS * REFRESH_SHARE),
    }
