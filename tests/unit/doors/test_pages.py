"""Pages in a browser: a ticket becomes a cookie, and a cookie opens nothing but the page it was made for."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.arm.http import Identity, Request, Response
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.doors import http as door
from jupyter_aml.local.doors import pages
from jupyter_aml.local.store.catalogue import Store

ADA = Identity("ada@local", "1", workspace_id="w")
PAGE = "/mlflow/v2.0/here/"


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Told:
    """A service that tells who asked for what."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def handle(self, request: Request) -> Response:
        who = request.identity
        return Response.of({"user": who.name, "workspace": who.workspace_id, "path": request.path})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(home: Path, clock: Clock) -> Store:
    opened = Store.open(home, clock)
    opened.rings = False
    return opened


@pytest.fixture
def server(store: Store) -> Iterator[door.Server]:
    opened = door.serve(Told(store))
    yield opened
    opened.close()


def ask(server: door.Server, path: str, method: str = "GET", **headers: str) -> tuple[int, Any, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, None, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        content = response.read()
    is_json = "json" in response.headers.get("Content-Type", "")
    return response.status, json.loads(content) if is_json else content.decode(), response.headers


def let_in(server: door.Server, store: Store) -> str:
    """The cookie of a browser that came with a ticket."""
    _, _, headers = ask(server, f"{PAGE}?ticket={pages.ticket(store, ADA)}")
    return str(headers["Set-Cookie"]).partition(";")[0]


def test_a_ticket_becomes_a_cookie_and_leaves_the_address(server: door.Server, store: Store) -> None:
    status, _, headers = ask(server, f"{PAGE}?a=1&ticket={pages.ticket(store, ADA)}&b=%20")

    assert (status, headers["Location"], headers["Cache-Control"]) == (303, f"{PAGE}?a=1&b=+", "no-store")
    cookie = headers["Set-Cookie"]
    assert cookie.startswith(f"jupyter_aml_{server.port}=")
    assert all(part in cookie for part in (f"; Path={PAGE};", "; HttpOnly", "; SameSite=Lax", "; Max-Age=43200"))


def test_a_cookie_stands_for_the_one_who_made_the_ticket(server: door.Server, store: Store) -> None:
    cookie = let_in(server, store)

    status, told, _ = ask(server, f"{PAGE}ajax-api/2.0/mlflow/x", Cookie=f"other=1; {cookie}")

    assert (status, told) == (
        200,
        {"user": "ada@local", "workspace": "w", "path": f"{PAGE}ajax-api/2.0/mlflow/x"},
    )
    assert server.visited > 0


def test_a_ticket_and_a_cookie_end(server: door.Server, store: Store, clock: Clock) -> None:
    ticket, cookie = pages.ticket(store, ADA), let_in(server, store)

    clock.now += pages.TICKET_SECONDS + 1
    assert ask(server, f"{PAGE}?ticket={ticket}")[0] == 401
    assert ask(server, PAGE, Cookie=cookie)[0] == 200
    clock.now += pages.COOKIE_SECONDS
    assert ask(server, PAGE, Cookie=cookie)[0] == 401


def test_an_old_link_still_opens_for_a_browser_that_is_in(server: door.Server, store: Store, clock: Clock) -> None:
    ticket, cookie = pages.ticket(store, ADA), let_in(server, store)
    clock.now += pages.TICKET_SECONDS + 1

    status, _, headers = ask(server, f"{PAGE}?ticket={ticket}", Cookie=cookie)

    assert (status, headers["Location"], headers["Set-Cookie"]) == (303, PAGE, None)


def test_other_tokens_are_no_tickets(server: door.Server, store: Store) -> None:
    bearer = tokens.issue(store, ADA, audience="https://management.azure.com")
    cookie = let_in(server, store)

    assert ask(server, f"{PAGE}?ticket={bearer}")[0] == 401
    assert ask(server, f"{PAGE}?ticket={cookie.partition('=')[2]}")[0] == 401
    assert ask(server, PAGE, Cookie=f"jupyter_aml_{server.port}={bearer}")[0] == 401


def test_a_cookie_opens_pages_and_nothing_else(server: door.Server, store: Store) -> None:
    cookie = let_in(server, store)

    for path in ("/subscriptions", "/history/v1.0/x", "/mlflowish", f"http://127.0.0.1:{server.port}{PAGE}"):
        assert ask(server, path, Cookie=cookie)[0] == 401


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_cannot_use_the_cookie(server: door.Server, store: Store, site: str) -> None:
    cookie = let_in(server, store)

    assert ask(server, PAGE, Cookie=cookie, Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors")[0] == 401
    assert ask(server, PAGE, "POST", Cookie=cookie, Origin="http://127.0.0.1:1")[0] == 403
    assert ask(server, PAGE, Cookie=cookie, Host="evil.example")[0] == 421
    assert ask(server, PAGE, Cookie=cookie, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate")[0] == 200


def test_a_person_without_a_ticket_is_told_how_to_get_one(server: door.Server) -> None:
    status, page, headers = ask(server, PAGE, Accept="text/html,*/*")

    assert (status, headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert "%aml mlflow ui" in page
    assert ask(server, PAGE)[1]["error"]["code"] == "InvalidAuthenticationToken"
