"""Bearer tokens of the local service: who asks, for which workspace and job, and until when.

They are JSON Web Tokens as Azure's are, so the SDK can read tenant and audience, signed with a key of the store.
"""

from __future__ import annotations

import getpass
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.store import keys
from jupyter_aml.local.store.catalogue import Store

ISSUER = "jupyter_aml"
ALGORITHM = "HS256"
LIFETIME = 12 * 3600.0
"""Seconds that a person's token lives; the client asks for a new one in time."""


@lru_cache(maxsize=16)
def _key(home: Path) -> bytes:
    return keys.key(home, "tokens")


def local_identity(store: Store) -> Identity:
    """The user of the operating system, as the local tenant knows them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "user"
    name = f"{user}@local"
    return Identity(name, str(uuid.uuid5(store.uuid, name)))


def issue(store: Store, identity: Identity, *, audience: str, lifetime: float = LIFETIME) -> str:
    """A signed token.

    Args:
        store: Whose key signs.
        identity: Who will ask with it; its job and workspace limit what the token is good for.
        audience: The scope asked for without `/.default`, such as `https://management.azure.com`.
        lifetime: Seconds.
    """
    import jwt

    now = store.clock()
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": audience,
        "tid": store.tenant_id,
        "oid": identity.object_id,
        "upn": identity.name,
        "name": identity.name,
        "store": str(store.uuid),
        "iat": int(now),
        "exp": int(now + lifetime),
    }
    if identity.job:
        claims["job"] = identity.job
    if identity.workspace_id:
        claims["ws"] = identity.workspace_id
    if identity.away:
        claims["away"] = True
    return jwt.encode(claims, _key(store.home), algorithm=ALGORITHM)


@lru_cache(maxsize=256)
def _claims(home: Path, token: str) -> dict[str, Any] | None:
    """The claims of a token with a good signature; whether it has expired is asked at each use."""
    import jwt

    try:
        return jwt.decode(
            token,
            _key(home),
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            options={
                "verify_aud": False,
                "verify_exp": False,
                "verify_iat": False,
                "require": ["exp", "oid", "upn"],
            },
        )
    except jwt.InvalidTokenError:
        return None


def verify(store: Store, token: str, *, audience: str = "") -> Identity | None:
    """Who the token stands for; None when it is not ours, was changed, has expired or is for another audience.

    Args:
        store: Whose key signed it.
        token: As it was sent.
        audience: The only one that will do; any when empty.
    """
    claims = _claims(store.home, token)
    if claims is None or claims.get("store") != str(store.uuid) or claims["exp"] < store.clock():
        return None
    if audience and claims.get("aud") != audience:
        return None
    away = claims.get("away") is True
    return Identity(claims["upn"], claims["oid"], claims.get("job", ""), claims.get("ws", ""), away)
