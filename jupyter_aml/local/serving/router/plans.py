"""What becomes of a request, as far as its head tells: the route, whether it may come in, its ids, who serves it.

Routes, statuses and sentences of refusals are those of `azureml-inference-server-http` where it has them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from jupyter_aml.local.serving.router import cors, entry
from jupyter_aml.local.serving.router.asked import SCORE, Head

SCORING, HEALTH, SWAGGER, METRICS, ALLOW, PREFLIGHT, REFUSAL = range(7)
"""Kinds of plans."""
DEPLOYMENT = "azureml-model-deployment"
"""Request header that names the deployment, and answer header that tells it."""
LONGEST_ID = 100
LARGEST_BODY = 64 << 20
_ROUTES = {"/": HEALTH, SCORE: SCORING, "/swagger.json": SWAGGER, "/metrics": METRICS}
_SCORED = frozenset({"GET", "POST", "HEAD", "OPTIONS"})
_READ = frozenset({"GET", "HEAD"})
_VERSIONS = {"2": "2", "2.0": "2", "3": "3", "3.0": "3", "3.1": "3.1"}
_NOT_FOUND = (
    "The requested URL was not found on the server. "
    "If you entered the URL manually please check your spelling and try again."
)
_NOT_ALLOWED = "The method is not allowed for the requested URL."


@dataclass(frozen=True, slots=True)
class Rules:
    """How an endpoint treats requests.

    Attributes:
        endpoint: Its name.
        auth: How clients prove who they are.
        traffic: Percent of the requests per deployment.
        mirror: Percent of the requests copied, per deployment.
        origins: `AML_CORS_ORIGINS` per deployment that has it.
        swagger: OpenAPI documents per deployment, by version: `2`, `3`, `3.1`.
        largest: Bytes of the largest body taken.
    """

    endpoint: str
    auth: entry.Auth = field(default_factory=entry.Auth)
    traffic: Mapping[str, int] = field(default_factory=dict)
    mirror: Mapping[str, int] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    swagger: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    largest: int = LARGEST_BODY


@dataclass(slots=True, eq=False)
class Plan:
    """What becomes of requests with one head.

    Attributes:
        kind: One of the kinds above.
        epoch: Of the rules that it was made by.
        until: Seconds since the epoch for which it holds.
        status: Of a refusal.
        body: Of a refusal, without the request's id.
        headers: Of a refusal.
        deployment: The one that the request names; empty for traffic to decide.
        ids: `x-request-id`, `x-ms-request-id` and `x-ms-client-request-id` that the client sent; empty when not.
        trace: The header line that echoes `TraceId`.
        origin: Of the page that asks; None when it does not say.
        cors: Header lines per deployment, filled as they are needed.
    """

    kind: int
    epoch: int
    until: float = entry.ALWAYS
    status: int = 0
    code: str = ""
    message: str = ""
    deployment: str = ""
    ids: tuple[str, str, str] = ("", "", "")
    trace: bytes = b""
    origin: str | None = None
    cors: dict[str, bytes] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether the request is refused whatever its body."""
        return self.kind == REFUSAL

    def refuse(self, status: int, message: str, code: str = "") -> Plan:
        """Make it a refusal; without a code its content is the official server's `{"message"}`."""
        self.kind, self.status, self.code, self.message = REFUSAL, status, code, message
        return self


def build(head: Head, rules: Rules, epoch: int, verify: entry.Verify) -> Plan:
    """What becomes of requests with this head."""
    path = unquote("/" + head.path.lstrip("/")) if head.path.startswith("/") else head.path
    kind = _ROUTES.get(path, REFUSAL)
    plan = Plan(kind, epoch, deployment=head.value(DEPLOYMENT) or "", origin=head.value("origin"))
    named = tuple(head.value(name) or "" for name in ("x-request-id", "x-ms-request-id", "x-ms-client-request-id"))
    plan.ids = named[0], named[1], named[2]
    trace = head.value("traceid")
    plan.trace = f"TraceId: {trace}\r\n".encode("latin-1") if trace else b""
    if head.method == "OPTIONS" and kind == SCORING and head.value("access-control-request-method"):
        plan.kind = PREFLIGHT
        return plan
    if kind != HEALTH:
        admission = entry.admit(head.value("authorization"), rules.auth, verify)
        if not admission.granted:
            plan.until = time.time()
            return plan.refuse(401, admission.message, admission.code)
        plan.until = admission.until
    return _route(plan, head)


def _route(plan: Plan, head: Head) -> Plan:
    """Refuse what the official server refuses."""
    if plan.kind == REFUSAL:
        return plan.refuse(404, _NOT_FOUND)
    if plan.kind == SCORING:
        if head.method not in _SCORED:
            return plan.refuse(405, _NOT_ALLOWED)
    elif head.method == "OPTIONS":
        plan.kind = ALLOW
    elif head.method not in _READ:
        return plan.refuse(405, _NOT_ALLOWED)
    if len(plan.ids[0]) > LONGEST_ID:
        return plan.refuse(431, f"x-request-id must not exceed {LONGEST_ID} characters")
    if max(map(len, plan.ids)) > LONGEST_ID:
        message = f"x-ms-request-id and x-ms-client-request-id must not exceed {LONGEST_ID} characters"
        return plan.refuse(431, message)
    return plan


def id_lines(ids: tuple[str, str, str], made: str) -> tuple[str, bytes]:
    """The id that a request goes by, and the header lines that tell the client its ids.

    Args:
        ids: What the client sent.
        made: A new id.
    """
    asked, told, client = ids
    asked = asked or made
    client = client or told
    told = told or client or asked
    lines = f"x-request-id: {asked}\r\nx-ms-request-id: {told}\r\n"
    if client:
        lines += f"x-ms-client-request-id: {client}\r\n"
    return told, lines.encode("latin-1")


def cors_lines(plan: Plan, rules: Rules, deployment: str) -> bytes:
    """The header lines that let another origin's page read an answer of this deployment."""
    lines = plan.cors.get(deployment)
    if lines is None:
        origins = cors.listed(rules.origins.get(deployment, ""))
        lines = plan.cors[deployment] = cors.allowed(origins, plan.origin)
    return lines


def preflight_lines(plan: Plan, head: Head, rules: Rules, deployment: str) -> bytes:
    """The header lines of the answer to a preflight request."""
    origins = cors.listed(rules.origins.get(deployment, ""))
    method, headers = head.value("access-control-request-method") or "", head.value("access-control-request-headers")
    return cors.preflight(origins, plan.origin, method, headers)


def document(documents: Mapping[str, Any], query: str) -> tuple[int, bytes]:
    """Status and content of `/swagger.json`.

    Args:
        documents: What the deployment has, by version.
        query: Of the request; `version` chooses, 2 when it is not said.
    """
    asked = parse_qs(query, keep_blank_values=True).get("version", ["2"])[0]
    version = _VERSIONS.get(asked)
    if version is None:
        message = f"Swagger version [{asked}] is not valid. Supported versions: [2, 3, 3.1]."
    elif documents.get(version) is None:
        has = ", ".join(name for name in ("2", "3", "3.1") if documents.get(name) is not None)
        message = (
            f"Swagger version [{asked}] is not supported for the scoring script. Supported swagger versions: [{has}]."
        )
    else:
        return 200, json.dumps(documents[version]).encode()
    return 404, json.dumps({"message": message}).encode()
