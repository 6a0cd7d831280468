"""Pages in a browser: a ticket in an address becomes a cookie that is good below that address.

A browser cannot send a bearer token. A ticket lives for minutes, so it does no harm in a saved notebook or a
history; the cookie is hidden from scripts, is bound to the door's port, and is never taken from another site's page.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm.http import Identity, Response
from jupyter_aml.local.authz import tokens

if TYPE_CHECKING:
    from jupyter_aml.local.doors.http_wire import Head
    from jupyter_aml.local.store.catalogue import Store

ROOT = "/mlflow/"
"""Where pages are; nothing else is answered to a cookie."""
TICKET = "ticket"
TICKET_FOR = "pages/ticket"
TICKET_SECONDS = 600.0
COOKIE_FOR = "pages/visit"
COOKIE_SECONDS = 12 * 3600.0
COOKIE = "jupyter_aml"
UNAUTHORIZED = 401
AGAIN = "Type %aml mlflow ui, or aml mlflow ui in a terminal, for a new link."
OWN_SITES = frozenset({"", "same-origin", "none"})
LOOKS = "font: 15px/1.6 system-ui, sans-serif; max-width: 40em; margin: 15vh auto; padding: 0 1em"


def ticket(store: Store, identity: Identity) -> str:
    """What lets a browser in for the next minutes, as `?ticket=` of a page's address."""
    return tokens.issue(store, identity, audience=TICKET_FOR, lifetime=TICKET_SECONDS)


def enter(store: Store, head: Head, port: int) -> Response | None:
    """Turn a good ticket into a cookie and the same address without it; None where there is nothing to turn."""
    path, _, query = head.target.partition("?")
    if head.method != "GET" or not path.startswith(ROOT) or f"{TICKET}=" not in query:
        return None
    asked = parse_qsl(query, keep_blank_values=True)
    given = next((value for name, value in asked if name == TICKET), "")
    identity = tokens.verify(store, given, audience=TICKET_FOR)
    if identity is None and visitor(store, head, port) is None:
        return None
    rest = urlencode([(name, value) for name, value in asked if name != TICKET])
    headers = {"Location": f"{path}?{rest}" if rest else path, "Cache-Control": "no-store"}
    if identity is not None:
        visit = tokens.issue(store, identity, audience=COOKIE_FOR, lifetime=COOKIE_SECONDS)
        headers["Set-Cookie"] = (
            f"{COOKIE}_{port}={visit}; Path={path}; Max-Age={COOKIE_SECONDS:.0f}; HttpOnly; SameSite=Lax"
        )
    return Response(303, headers)


def visitor(store: Store, head: Head, port: int) -> Identity | None:
    """Who a page's cookie stands for; None without a good one, or when another site's page sends it."""
    if not head.target.startswith(ROOT):
        return None
    headers = head.headers
    if headers.get("sec-fetch-site", "") not in OWN_SITES and headers.get("sec-fetch-mode") != "navigate":
        return None
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == f"{COOKIE}_{port}" and (found := tokens.verify(store, value, audience=COOKIE_FOR)):
            return found
    return None


def wanted(head: Head) -> bool:
    """Whether a person looks at the answer."""
    return head.target.startswith(ROOT) and "text/html" in head.headers.get("accept", "")


def sorry(error: ResourceError) -> Response:
    """A refusal as a page."""
    why = AGAIN if error.status == UNAUTHORIZED else error.remedy
    text = "".join(f"<p>{html.escape(line)}</p>" for line in (error.message, why) if line)
    page = f'<!doctype html><meta charset="utf-8"><title>jupyter_aml</title><body style="{LOOKS}">{text}'
    return Response(error.status, {"Content-Type": "text/html; charset=utf-8"}, page.encode())
