"""Connecting in the panel: one click, a form, a code to type in; Azure is answered in its place."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.panel import CLOSE, Service, faultless, fold, row

pytestmark = pytest.mark.browser

GUID = "5c4b3a29-0000-4000-8000-00000000cccc"
AZURE = f"/subscriptions/{GUID}/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/clinic"
DEVICE = "https://login.microsoftonline.com/device"
REFUSED = {"error": {"code": "AuthenticationFailed", "message": "Nobody has signed in to Azure here."}}


class Cloud:
    """What the server answers for a workspace in Azure, and how far the person is with signing in."""

    def __init__(self, desk: Page) -> None:
        self.state: dict[str, str] = {"state": "none"}
        self.signed_in = False
        self.jobs = ["first"]
        self.asked: list[str] = []
        desk.route("**/jupyter-aml/sign-in*", self._sign_in)
        desk.route(f"**/jupyter-aml/arm/subscriptions/{GUID}/**", self._arm)

    def begin(self) -> None:
        self.state = {"state": "waiting", "way": "device-code", "url": DEVICE, "code": "F4K3-C0D3", "expires": ""}

    def agree(self) -> None:
        self.signed_in = True
        self.state = {"state": "done", "way": "device-code", "message": "The sign-in is kept.", "workspace": AZURE}

    def _sign_in(self, route: Route) -> None:
        self.asked.append(route.request.method)
        if route.request.method == "POST":
            self.begin()
        if route.request.method == "DELETE":
            self.state = {"state": "none"}
        empty = dict.fromkeys(("way", "url", "code", "message", "expires", "workspace"), "")
        route.fulfill(json={**empty, **self.state})

    def _arm(self, route: Route) -> None:
        if not self.signed_in:
            route.fulfill(status=401, json=REFUSED)
            return
        route.fulfill(json={"value": [self._job(name) for name in self.jobs] if "/jobs?" in route.request.url else []})

    @staticmethod
    def _job(name: str) -> dict[str, Any]:
        properties = {"jobType": "Command", "status": "Running", "displayName": name}
        return {"id": f"{AZURE}/jobs/{name}", "name": name, "properties": properties}


@pytest.fixture
def place(desk: Page, service: Service) -> Iterator[Locator]:
    """The panel; afterwards it shows the workspace of the other tests."""
    desk.evaluate("() => window.jupyterapp.commands.execute('aml:show-panel')")
    found = desk.locator("#jupyter-aml")
    expect(found).to_be_visible()
    yield found
    desk.unroute_all()
    desk.evaluate(CLOSE)
    desk.evaluate("() => window.jupyterapp.commands.execute('aml:refresh')")
    found.get_by_label("Workspace", exact=True).select_option(service.workspace)
    fold(found, "Jobs")


@pytest.fixture
def cloud(desk: Page, place: Locator, service: Service) -> Iterator[Cloud]:
    yield Cloud(desk)
    if any(one["profile"] == "prod" for one in service.ask("workspaces")["value"]):
        service.ask("connect?profile=prod", "DELETE")


def form(desk: Page) -> Locator:
    return desk.locator(".jp-AmlLab-page:visible")


def fill(page: Locator) -> None:
    page.get_by_label("A workspace in Azure").check()
    page.get_by_label("Subscription").fill(GUID)
    page.get_by_label("Resource group").fill("rg")
    page.get_by_label("Workspace *").fill("clinic")
    page.get_by_label("Keep it as").fill("prod")


def test_one_click_makes_the_first_workspace(place: Locator, desk: Page) -> None:
    desk.route("**/jupyter-aml/workspaces*", lambda route: route.fulfill(json={"value": []}))
    place.get_by_role("button", name="Fetch everything anew").click()
    expect(place.get_by_text("There is no workspace yet")).to_be_visible()
    faultless(desk)
    desk.unroute_all()

    place.get_by_role("button", name="Make one on this machine").click()

    expect(place.locator(".jp-AmlLab-badge")).to_have_text("LOCAL")
    expect(place.get_by_label("Workspace", exact=True)).to_contain_text("local")


def test_a_workspace_on_this_machine_is_made_and_shown(place: Locator, desk: Page) -> None:
    name = f"made{secrets.token_hex(3)}"
    place.get_by_role("button", name="Connect to a workspace…").click()
    page = form(desk)
    page.get_by_label("Name or folder").fill("a b")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_text("A name has 2 to 33 letters")).to_be_visible()
    expect(page.get_by_label("Name or folder")).to_be_focused()

    page.get_by_label("Name or folder").fill(name)
    expect(page.locator("pre")).to_have_text(f"%aml connect local:{name}")
    faultless(desk)
    page.get_by_role("button", name="Connect", exact=True).click()

    expect(page.get_by_text("Connected")).to_be_visible()
    expect(place.get_by_label("Workspace", exact=True).locator("option:checked")).to_contain_text(name)


def test_a_person_signs_in_to_azure_and_works_there(place: Locator, desk: Page, cloud: Cloud, service: Service) -> None:
    desk.evaluate("() => window.jupyterapp.commands.execute('aml:connect')")
    page = form(desk)
    page.get_by_label("A workspace in Azure").check()
    page.get_by_role("button", name="Save and sign in").click()
    expect(page.get_by_text("Give the GUID or the name of the subscription")).to_be_visible()
    expect(page.get_by_label("Subscription")).to_be_focused()
    page.locator("summary").click()
    faultless(desk)
    fill(page)
    expect(page.locator("pre")).to_have_text(f"%aml connect azure:{GUID}/rg/clinic --save prod")
    page.get_by_role("button", name="Save and sign in").click()

    expect(page.get_by_text("F4K3-C0D3")).to_be_visible()
    expect(page.get_by_role("link", name=DEVICE)).to_have_attribute("rel", "noopener noreferrer")
    faultless(desk)
    assert service.ask("workspaces")["value"][-1]["profile"] == "prod"
    cloud.agree()
    expect(page.get_by_text("Signed in")).to_be_visible()
    expect(place.locator(".jp-AmlLab-badge")).to_have_text("AZURE")
    fold(place, "Jobs")
    expect(row(place, "first")).to_be_visible()
    faultless(desk)

    place.get_by_role("button", name="New: job").click()
    expect(form(desk).get_by_text("It is done in Azure, in the workspace clinic")).to_be_visible()


def test_where_nobody_has_signed_in_the_panel_offers_it(
    place: Locator, desk: Page, cloud: Cloud, service: Service
) -> None:
    asked = {"target": f"azure:{GUID}/rg/clinic", "profile": "prod"}
    service.ask("connect", "POST", asked)
    place.get_by_role("button", name="Fetch everything anew").click()
    place.get_by_label("Workspace", exact=True).select_option(AZURE)
    fold(place, "Jobs")
    expect(place.get_by_text("Nobody has signed in")).to_be_visible()
    faultless(desk)

    place.get_by_role("button", name="Sign in", exact=True).click()
    page = form(desk)
    expect(page.get_by_text("F4K3-C0D3")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Nobody is signing in")).to_be_visible()
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("F4K3-C0D3")).to_be_visible()
    cloud.agree()

    expect(row(place, "first")).to_be_visible()
    assert cloud.asked.count("POST") == 2
    assert "DELETE" in cloud.asked


def test_a_profile_is_forgotten_after_a_question(place: Locator, desk: Page, cloud: Cloud, service: Service) -> None:
    cloud.agree()
    service.ask("connect", "POST", {"target": f"azure:{GUID}/rg/clinic", "profile": "prod"})
    place.get_by_role("button", name="Fetch everything anew").click()
    place.get_by_label("Workspace", exact=True).select_option(AZURE)

    place.get_by_role("button", name="Forget the profile prod…").click()
    question = desk.get_by_role("dialog")
    expect(question).to_contain_text("The workspace in Azure stays as it is")
    question.get_by_role("button", name="Cancel").click()
    assert "prod" in [one["profile"] for one in service.ask("workspaces")["value"]]
    place.get_by_role("button", name="Forget the profile prod…").click()
    desk.get_by_role("dialog").get_by_role("button", name="Forget").click()

    expect(place.locator(".jp-AmlLab-badge")).to_have_text("LOCAL")
    assert "prod" not in [one["profile"] for one in service.ask("workspaces")["value"]]
    assert "prod" not in json.dumps(place.get_by_label("Workspace", exact=True).all_inner_texts())
