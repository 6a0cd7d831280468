"""Who may ask an endpoint: its keys, or tokens of its store."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KEY = "key"
AML_TOKEN = "aml_token"  # noqa: S105 - the name of a mode
AAD_AUDIENCE = "https://ml.azure.com"
ALWAYS = float("inf")

Verify = Callable[[str, str], float | None]
"""Of a token and an audience: seconds since the epoch until which the token is good; None when it is not."""


@dataclass(frozen=True, slots=True)
class Auth:
    """How clients of an endpoint prove who they are.

    Attributes:
        mode: `key`, `aml_token` or `aad_token`.
        keys: SHA-256 of the primary and the secondary key, in hexadecimal.
        audience: ARM id of the endpoint, lower case.
    """

    mode: str = KEY
    keys: tuple[str, ...] = ()
    audience: str = ""


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a request may come in.

    Attributes:
        until: Seconds since the epoch for which this holds; 0 when it may not.
        code: Azure's word for the refusal; empty when it may.
        message: What was found and what was expected.
    """

    until: float
    code: str = ""
    message: str = ""

    @property
    def granted(self) -> bool:
        """Whether it may."""
        return not self.code


def admit(authorization: str | None, auth: Auth, verify: Verify) -> Admission:
    """Judge an `Authorization` header.

    Args:
        authorization: Its value; None when there is none.
        auth: The endpoint's way.
        verify: Checks a token.

    Source: how managed online endpoints refuse, `key_auth_*` and `token_auth_*`.
    """
    family = "key" if auth.mode == KEY else "token"
    told = "the endpoint's key" if auth.mode == KEY else "a token"
    scheme, _, credential = (authorization or "").partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential:
        found = (
            "has no Authorization header" if authorization is None else "has an Authorization header of another form"
        )
        message = f"The request {found}; expected `Authorization: Bearer` and {told}. {_remedy(auth)}"
        return Admission(0.0, f"{family}_auth_bad_header_forbidden", message)
    if auth.mode == KEY:
        return _admit_key(credential, auth)
    return _admit_token(credential, auth, verify)


def _admit_key(key: str, auth: Auth) -> Admission:
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    matches = [hmac.compare_digest(digest, known) for known in auth.keys]
    if any(matches):
        return Admission(ALWAYS)
    message = f"The key is neither the endpoint's primary nor its secondary key. {_remedy(auth)}"
    return Admission(0.0, "key_auth_access_denied", message)


def _admit_token(token: str, auth: Auth, verify: Verify) -> Admission:
    until = verify(token, auth.audience if auth.mode == AML_TOKEN else AAD_AUDIENCE)
    if until is not None:
        return Admission(until)
    expired = expiry(token)
    if expired is not None and expired < time.time():
        ago = int(time.time() - expired)
        return Admission(0.0, "token_expired", f"The token expired {ago} s ago. {_remedy(auth)}")
    message = f"The token was not issued for this endpoint, or was changed. {_remedy(auth)}"
    return Admission(0.0, "token_auth_access_denied", message)


def _remedy(auth: Auth) -> str:
    name = auth.audience.rpartition("/")[2] or "NAME"
    return f"Get one with: aml online-endpoint get-credentials --name {name}"


def expiry(token: str) -> float | None:
    """When a token says it expires, seconds since the epoch; None when it does not say. Nothing is verified."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - head, claims, signature
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None


def verifier(home: Path) -> Verify:
    """Checks tokens of the store in this folder."""
    from jupyter_aml.local.authz import tokens
    from jupyter_aml.local.store.catalogue import Store

    store: Store | None = None

    def verify(token: str, audience: str) -> float | None:
        nonlocal store
        store = store or Store(home)
        if tokens.verify(store, token, audience=audience) is None:
            return None
        return expiry(token)

    return verify
