"""Endpoints and AutoML of a workspace in Azure, whose REST this file answers in the page's own browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.azure import WORKSPACE, Azure
from tests.browser.book import DARK, LIGHT, Book
from tests.browser.panel import HARM, Service, faultless, fold, page_of, row

pytestmark = pytest.mark.browser


@pytest.fixture
def azure(panel: Locator, desk: Page, service: Service) -> Iterator[Azure]:
    """A workspace in Azure, chosen in the panel."""
    made = Azure()
    pattern = "**/jupyter-aml/**"
    desk.route(pattern, made.answer)
    refresh = panel.get_by_role("button", name="Fetch everything anew")
    refresh.click()
    panel.get_by_label("Workspace", exact=True).select_option(WORKSPACE)
    expect(panel.locator(".jp-AmlLab-badge")).to_have_text("AZURE")
    yield made
    panel.get_by_label("Workspace", exact=True).select_option(service.workspace)
    fold(panel, "Jobs")
    desk.unroute(pattern, made.answer)
    refresh.click()
    expect(panel.get_by_label("Workspace", exact=True).locator(f"option[value='{WORKSPACE}']")).to_have_count(0)


@pytest.fixture
def endpoint(azure: Azure, panel: Locator, desk: Page) -> Locator:
    """The page of an online endpoint."""
    fold(panel, "Online endpoints")
    row(panel, "iris").click()
    return page_of(desk, "iris")


def test_azure_has_sections_that_this_machine_does_not_have(azure: Azure, panel: Locator, service: Service) -> None:
    for title in ("Online endpoints", "Batch endpoints", "Schedules", "Connections"):
        expect(panel.get_by_role("button", name=title, exact=True)).to_be_visible()
    fold(panel, "Online endpoints")
    expect(row(panel, "iris")).to_be_visible()

    panel.get_by_label("Workspace", exact=True).select_option(service.workspace)
    expect(panel.get_by_role("button", name="Online endpoints", exact=True)).to_be_visible()
    for title in ("Schedules", "Connections"):
        expect(panel.get_by_role("button", name=title, exact=True)).to_have_count(0)


def test_an_endpoint_shows_its_deployments_and_why_one_failed(endpoint: Locator, desk: Page) -> None:
    expect(endpoint.locator(".jp-AmlLab-head")).to_contain_text("Succeeded")
    expect(endpoint.locator(".jp-AmlLab-badge")).to_have_text("AZURE")
    first = endpoint.get_by_role("row").filter(has_text="Standard_DS3_v2").first
    expect(first.get_by_role("cell")).to_have_text(
        ["blue", "✓Succeeded", "iris:3", "sklearn:7", "Standard_DS3_v2", "2", "90", "0"]
    )
    expect(endpoint.get_by_label("Why red failed")).to_contain_text(f"No module {HARM}")
    assert desk.evaluate("() => window.harmed") is None
    faultless(desk)


def test_traffic_is_saved_when_it_is_whole_and_followed_until_it_is_so(
    azure: Azure, endpoint: Locator, desk: Page
) -> None:
    save = endpoint.get_by_role("button", name="Save traffic")
    expect(save).to_be_disabled()

    endpoint.get_by_label("Traffic of blue", exact=True).fill("40")
    expect(endpoint.get_by_text("50 % are missing to 100 %.")).to_be_visible()
    expect(save).to_be_disabled()
    slider = endpoint.get_by_label("Traffic of green, slider", exact=True)
    slider.focus()
    for _ in range(50):
        slider.press("ArrowRight")
    expect(endpoint.get_by_label("Traffic of green", exact=True)).to_have_value("60")
    faultless(desk)
    save.click()

    expect(endpoint.locator(".jp-AmlLab-head")).to_contain_text("Updating")
    expect(endpoint.locator(".jp-AmlLab-head")).to_contain_text("Succeeded")
    method, path, body = azure.changed[-1]
    assert (method, path) == ("PUT", "onlineEndpoints/iris")
    assert body["properties"]["traffic"] == {"blue": 40, "green": 60}
    assert body["identity"] == {"type": "SystemAssigned"}
    assert "scoringUri" not in body["properties"]


def test_traffic_that_somebody_else_has_changed_is_not_overwritten_unseen(
    azure: Azure, endpoint: Locator, desk: Page
) -> None:
    endpoint.get_by_label("Traffic of blue", exact=True).fill("0")
    endpoint.get_by_label("Traffic of green", exact=True).fill("100")
    azure.traffic = {"blue": 50, "green": 50}
    endpoint.get_by_role("button", name="Save traffic").click()

    expect(desk.get_by_text("Somebody else has changed the traffic")).to_be_visible()
    expect(endpoint.get_by_role("cell", name="50", exact=True)).to_have_count(2)
    assert azure.changed == []
    endpoint.get_by_role("button", name="Save traffic").click()
    expect(endpoint.get_by_role("cell", name="100", exact=True)).to_have_count(1)
    assert azure.traffic == {"green": 100}


def test_a_test_call_begins_with_what_the_endpoint_takes(azure: Azure, endpoint: Locator, desk: Page) -> None:
    endpoint.get_by_role("tab", name="Test").click()
    body = endpoint.get_by_label("Body, JSON")
    expect(body).to_have_value('{\n  "input_data": [\n    [5.1]\n  ]\n}')
    endpoint.get_by_label("Deployment", exact=True).select_option("green")
    for _ in range(3):
        endpoint.get_by_role("button", name="Send", exact=True).click()
        expect(endpoint.get_by_role("button", name="Send", exact=True)).to_be_enabled()

    expect(endpoint.get_by_label("Body of the answer")).to_have_text('{\n  "label": "setosa"\n}')
    expect(endpoint.get_by_text("11.5 ms", exact=True)).to_be_visible()
    expect(endpoint.get_by_text("over 3 calls")).to_be_visible()
    assert {(one["segment"], one["name"], one["deployment"]) for one in azure.invoked} == {
        ("onlineEndpoints", "iris", "green")
    }
    faultless(desk)

    body.fill('{"input_data": "x"}')
    endpoint.get_by_role("button", name="Send", exact=True).click()
    expect(endpoint.get_by_label("Body of the answer")).to_contain_text("ValueError: a number was expected")
    expect(endpoint.get_by_text("424", exact=True)).to_be_visible()
    body.fill("{")
    expect(endpoint.get_by_role("button", name="Send", exact=True)).to_be_disabled()


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_an_endpoint_shows_how_its_deployments_did(azure: Azure, endpoint: Locator, desk: Page, theme: str) -> None:
    desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    try:
        endpoint.get_by_role("tab", name="Metrics").click()
        green = endpoint.get_by_role("row").filter(has_text="green")
        expect(green.get_by_role("cell")).to_have_text(["green", "98", "50", "9.04", "21", "96.5"])
        expect(endpoint.locator(".jp-AmlLab-chart")).to_have_count(2)
        endpoint.get_by_label("Pictures of").select_option("green")
        expect(endpoint.get_by_role("img", name=re.compile("^Latency, ms"))).to_have_accessible_name(
            re.compile("p99: 95.5 at")
        )
        faultless(desk)
        assert azure.measured == 2
    finally:
        desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", LIGHT)


def test_the_log_of_a_container_is_chosen_and_read(endpoint: Locator, desk: Page) -> None:
    endpoint.get_by_role("tab", name="Logs").click()
    log = endpoint.get_by_role("log")
    expect(log).to_contain_text("InferenceServer of blue is ready")
    endpoint.get_by_label("Container", exact=True).select_option("StorageInitializer")
    endpoint.get_by_label("Deployment", exact=True).select_option("green")

    expect(log).to_contain_text("StorageInitializer of green is ready")
    assert desk.evaluate("() => window.harmed") is None
    faultless(desk)


def test_the_line_that_asks_an_endpoint_is_put_into_the_notebook(
    endpoint: Locator, panel: Locator, desk: Page, opened: Callable[..., Book]
) -> None:
    expect(endpoint.get_by_role("button", name="Insert code")).to_be_visible()
    book = opened("1")
    row(panel, "iris").click()
    endpoint.get_by_role("button", name="Insert code").click()

    expect(book.cell(1)).to_be_visible()
    source = "() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.source"
    assert desk.evaluate(source) == "%aml online-endpoint invoke --name iris --request-file request.json"


def test_an_endpoint_in_a_cell_is_alive_and_asked_there(azure: Azure, desk: Page, opened: Callable[..., Book]) -> None:
    told = {"version": 1, "workspace": WORKSPACE, "place": "AZURE", "name": "iris", "segment": "onlineEndpoints"}
    shown = {"text/plain": "iris", "text/html": "<p>as it was</p>", "application/vnd.jupyter-aml.endpoint+json": told}
    book = opened(f"from IPython.display import publish_display_data\npublish_display_data({shown!r})")
    book.run(0)
    card = book.cell(0).locator(".jp-AmlLab-card")

    expect(card.get_by_role("row").filter(has_text="Standard_DS3_v2").first).to_contain_text("90")
    expect(card.get_by_role("img", name=re.compile("^Latency, ms"))).to_be_visible()
    expect(card.get_by_label("Body, JSON")).to_have_value(re.compile("5.1"))
    card.get_by_role("button", name="Send", exact=True).click()
    expect(card.get_by_label("Body of the answer")).to_contain_text("setosa")
    card.get_by_text("Log", exact=True).click()
    expect(card.get_by_role("log")).to_contain_text("InferenceServer of blue is ready")
    assert desk.evaluate("() => window.harmed") is None
    for theme in (DARK, LIGHT):
        book.theme(theme)
        faultless(desk, ".jp-Notebook .jp-AmlLab-card")
    card.get_by_role("button", name="Open", exact=True).click()
    expect(page_of(desk, "iris")).to_be_visible()


def test_an_endpoint_is_deleted_after_a_question(azure: Azure, endpoint: Locator, desk: Page) -> None:
    endpoint.get_by_role("button", name="Delete", exact=True).click()
    dialog = desk.get_by_role("dialog")
    expect(dialog).to_contain_text('Delete the endpoint "iris" with 3 deployments?')
    dialog.get_by_role("button", name="Cancel").click()
    assert azure.changed == []

    endpoint.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete").click()
    expect(endpoint.locator(".jp-AmlLab-head")).to_contain_text("Deleted")
    expect(endpoint.get_by_role("button", name="Delete", exact=True)).to_have_count(0)
    assert azure.changed == [("DELETE", "onlineEndpoints/iris", None)]


def test_a_batch_endpoint_has_a_default_deployment_and_jobs(azure: Azure, panel: Locator, desk: Page) -> None:
    fold(panel, "Batch endpoints")
    row(panel, "nightly").click()
    page = page_of(desk, "nightly")

    expect(page.get_by_role("row").filter(has_text="first").first).to_contain_text("★ default")
    page.get_by_label("Default deployment").select_option("second")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    assert azure.changed[-1][2]["properties"]["defaults"] == {"deploymentName": "second"}
    faultless(desk)
    page.get_by_role("tab", name="Jobs").click()
    expect(page.get_by_role("button", name="batchjob-1")).to_be_visible()
    expect(page.get_by_role("tab", name="Test")).to_have_count(0)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_an_automl_job_has_a_leaderboard(azure: Azure, panel: Locator, desk: Page, theme: str) -> None:
    desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    try:
        fold(panel, "Jobs")
        row(panel, "flowers").first.click()
        page = page_of(desk, "flowers")
        expect(page.get_by_text("species", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="iris:2")).to_be_visible()
        faultless(desk)

        page.get_by_role("tab", name="Models").click()
        rows = page.get_by_role("row")
        expect(rows.nth(1).get_by_role("cell")).to_have_text(
            ["1", "MaxAbsScaler, LightGBM", "0.981", "42 s", "✓Completed", "★ best"]
        )
        expect(rows.nth(2)).to_contain_text("LogisticRegression")
        expect(page.get_by_text("2 of at most 3 models completed")).to_be_visible()
        expect(page.locator(".jp-AmlLab-chart polyline")).to_have_count(1)
        faultless(desk)
    finally:
        desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", LIGHT)
