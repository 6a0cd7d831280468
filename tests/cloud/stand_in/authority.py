"""The authority: discovery, tokens, device codes and the page of a browser, as Microsoft Entra answers them.

Source: the OAuth 2.0 pages of the Microsoft identity platform; the AADSTS sentences are its own codes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt

KEY = b"the key of a stand-in, long enough"
TENANT = "7a3f0c1e-0000-4000-8000-00000000aaaa"
HOME_TENANT = "9b2d4e6f-0000-4000-8000-00000000bbbb"
"""The tenant that a person signs in to who names none."""
APPLICATION = "5c4b3a29-0000-4000-8000-00000000cccc"
SECRET = "right-secret"
TENANTS = {TENANT: TENANT, "contoso.example": TENANT, HOME_TENANT: HOME_TENANT}
SHARED = {"organizations", "common", "consumers"}
LIFETIME = 3600

Reply = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Granted:
    """One token that was given out."""

    grant: str
    tenant: str
    client: str
    audience: str


@dataclass
class Authority:
    """Who may sign in, and what has been given out.

    Attributes:
        person: Name of the account that signs in when a person is asked.
        approves: Whether the person agrees.
        hesitates: Whether the person has not typed the device code in yet.
        granted: Every token given out, oldest first.
        asked: Every request, oldest first: `POST login.microsoftonline.com/organizations/oauth2/v2.0/token`.
    """

    person: str = "ada@contoso.example"
    approves: bool = True
    hesitates: bool = False
    lifetime: int = LIFETIME
    granted: list[Granted] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def grants(self, kind: str) -> list[Granted]:
        """The tokens given out for one kind of grant."""
        return [one for one in self.granted if one.grant == kind]

    def answer(self, method: str, host: str, path: str, query: Mapping[str, str], form: Mapping[str, str]) -> Reply:
        """Answer one request."""
        with self.lock:
            self.asked.append(f"{method} {host}{path}")
            tenant, _, rest = path.strip("/").partition("/")
            if rest == "discovery/instance":
                return _json(200, {"tenant_discovery_endpoint": f"https://{host}/common/v2.0", "metadata": _clouds()})
            if tenant not in {*TENANTS, *SHARED}:
                return _refusal("invalid_tenant", f"AADSTS90002: Tenant '{tenant}' not found. Check to make sure.")
            answers = {
                "v2.0/.well-known/openid-configuration": self._discovery,
                "oauth2/v2.0/devicecode": self._device_code,
                "oauth2/v2.0/token": self._token,
                "oauth2/v2.0/authorize": self._authorize,
            }
            found = answers.get(rest)
            if found is None:
                return _json(404, {"error": "not_found", "error_description": f"AADSTS404: no {path}"})
            return found(host, tenant, {**query, **form})

    def _discovery(self, host: str, tenant: str, asked: Mapping[str, str]) -> Reply:
        del asked
        base = f"https://{host}/{tenant}"
        return _json(
            200,
            {
                "issuer": f"https://{host}/{_own(tenant)}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            },
        )

    def _device_code(self, host: str, tenant: str, asked: Mapping[str, str]) -> Reply:
        code = uuid.uuid4().hex
        self.codes[code] = {"client": asked["client_id"], "scope": asked["scope"], "tenant": tenant}
        return _json(
            200,
            {
                "device_code": code,
                "user_code": "F4K3-C0D3",
                "verification_uri": f"https://{host}/device",
                "expires_in": 900,
                "interval": 0,
                "message": f"To sign in, open https://{host}/device and enter the code F4K3-C0D3.",
            },
        )

    def _authorize(self, host: str, tenant: str, asked: Mapping[str, str]) -> Reply:
        """The page of a browser in which the person agrees at once: a form that posts the code back."""
        del host
        code = uuid.uuid4().hex
        self.codes[code] = {
            "client": asked["client_id"],
            "scope": asked["scope"],
            "tenant": tenant,
            "challenge": asked.get("code_challenge", ""),
            "nonce": asked.get("nonce", ""),
        }
        form = urlencode({"code": code, "state": asked["state"]})
        return 200, {"Content-Type": "application/x-www-form-urlencoded"}, form.encode()

    def _token(self, host: str, tenant: str, asked: Mapping[str, str]) -> Reply:
        grant = asked["grant_type"].rpartition(":")[2]
        answers = {
            "client_credentials": self._application,
            "device_code": self._after_device_code,
            "authorization_code": self._after_browser,
            "refresh_token": self._refreshed,
        }
        found = answers.get(grant)
        if found is None:
            return _refusal("unsupported_grant_type", f"AADSTS70003: {grant}")
        return found(host, tenant, asked)

    def _application(self, host: str, tenant: str, asked: Mapping[str, str]) -> Reply:
        client = asked["client_id"]
        if client != APPLICATION:
            said = f"AADSTS700016: Application with identifier '{client}' was not found in the directory '{tenant}'."
            return _refusal("unauthorized_client", f"{said} Trace ID: 1 Timestamp: 2")
        if asked.get("client_assertion"):
            if jwt.get_unverified_header(asked["client_assertion"]).get("alg") not in {"PS256", "RS256"}:
                return _refusal("invalid_client", "AADSTS700027: The assertion's signature is not valid.")
        elif asked.get("client_secret") != SECRET:
            said = f"AADSTS7000215: Invalid client secret provided for app '{client}'."
            return _refusal("invalid_client", f"{said} Trace ID: 1 Correlation ID: 2 Timestamp: 3", 401)
        found = {"appid": client, "oid": str(uuid.uuid5(uuid.NAMESPACE_URL, client)), "idtyp": "app"}
        return self._grant("client_credentials", host, tenant, found, client=client, scope=asked["scope"])

    def _after_device_code(self, host: str, tenant: str, asked: Mapping[str, str]) -> Reply:
        held = self.codes.get(asked.get("device_code", "") or asked.get("code", ""))
        if held is None:
            return _refusal("invalid_grant", "AADSTS70000: The device code is not known.")
        if self.hesitates:
            return _refusal("authorization_pending", "AADSTS70016: The person has not typed the code in yet.")
        if not self.approves:
            return _refusal("authorization_declined", "AADSTS70009: The person declined the request.")
        return self._person("device_code", host, tenant, held["client"], asked.get("scope") or held["scope"])

    def _after_browser(self, host: str, tenant: str, asked: Mapping[str, str]) -> Reply:
        held = self.codes.pop(asked["code"], None)
        verifier = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        if held is None or base64.urlsafe_b64encode(verifier).decode().rstrip("=") != held["challenge"]:
            return _refusal("invalid_grant", "AADSTS54005: The code was already redeemed, or is not yours.")
        return self._person("authorization_code", host, tenant, held["client"], held["scope"], nonce=held["nonce"])

    def _refreshed(self, host: str, tenant: str, asked: Mapping[str, str]) -> Reply:
        if asked["refresh_token"] != f"refresh-{self.person}":
            return _refusal("invalid_grant", "AADSTS700082: The refresh token has expired.")
        return self._person("refresh_token", host, tenant, asked["client_id"], asked["scope"])

    def _person(self, grant: str, host: str, tenant: str, client: str, scope: str, **more: str) -> Reply:
        found = {
            **more,
            "oid": str(uuid.uuid5(uuid.NAMESPACE_URL, self.person)),
            "upn": self.person,
            "preferred_username": self.person,
            "name": self.person.partition("@")[0].title(),
            "sub": self.person,
        }
        return self._grant(grant, host, tenant, found, client=client, scope=scope)

    def _grant(self, grant: str, host: str, tenant: str, who: dict[str, Any], *, client: str, scope: str) -> Reply:
        whole = [one for one in scope.split() if "://" in one]
        audience = whole[0].removesuffix("/.default") if whole else client
        self.granted.append(Granted(grant, _own(tenant), client, audience.rstrip("/")))
        body = {
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "access_token": self.token(audience, _own(tenant), who),
        }
        if "upn" in who:
            here = {"uid": who["oid"], "utid": HOME_TENANT}
            body["refresh_token"] = f"refresh-{self.person}"
            body["client_info"] = base64.urlsafe_b64encode(json.dumps(here).encode()).decode().rstrip("=")
            body["id_token"] = self.token(client, _own(tenant), who, issuer=f"https://{host}/{_own(tenant)}/v2.0")
            body["scope"] = scope
        return _json(200, body)

    def token(self, audience: str, tenant: str, who: Mapping[str, Any], *, issuer: str = "") -> str:
        """A signed token."""
        now = int(time.time())
        said = {"aud": audience, "tid": tenant, "iat": now, "nbf": now, "exp": now + self.lifetime}
        issued = issuer or f"https://sts.windows.net/{tenant}/"
        return jwt.encode({**said, "iss": issued, **who}, KEY, algorithm="HS256")


def _own(tenant: str) -> str:
    return TENANTS.get(tenant, HOME_TENANT)


def _clouds() -> list[dict[str, Any]]:
    hosts = (
        ("login.microsoftonline.com", "login.microsoft.com"),
        ("login.partner.microsoftonline.cn", "login.chinacloudapi.cn"),
        ("login.microsoftonline.us",),
    )
    return [{"preferred_network": one[0], "preferred_cache": one[0], "aliases": list(one)} for one in hosts]


def _json(status: int, body: Mapping[str, Any]) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def _refusal(error: str, description: str, status: int = 400) -> Reply:
    codes = [int(description.partition(":")[0].removeprefix("AADSTS"))]
    return _json(status, {"error": error, "error_description": description, "error_codes": codes})
