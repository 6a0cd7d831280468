"""Endpoints of this machine in the panel, on their pages and in notebooks: real processes answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from jupyter_aml.views.live import VENDOR
from tests.browser.book import CONNECT, DARK, LIGHT, Book
from tests.browser.lab import Lab
from tests.browser.panel import HARM, Service, faultless, fold, page_of, row

pytestmark = pytest.mark.browser

ENDPOINT = "tulips"
MIME = f"{VENDOR}endpoint+json"
SCORE = f"""import json

def init():
    print("ready to weigh", flush=True)

def run(data):
    asked = json.loads(data)
    print("weighs", asked, flush=True)
    if asked.get("boom"):
        raise ValueError({HARM!r})
    return {{"weight": sum(asked["petals"])}}
"""
BROKEN = """def init():
    raise FileNotFoundError("no petals here")

def run(data):
    return data
"""
BATCH_SCORE = """def init():
    pass

def run(files):
    return [f"{name} is scored" for name in files]
"""
PETALS = json.dumps({"petals": [1, 2, 3]})


@pytest.fixture(scope="module")
def served(lab: Lab, service: Service) -> Iterator[Service]:
    """An endpoint with two deployments; all requests go to blue."""
    folder = lab.root / "petals"
    folder.mkdir()
    (folder / "weights.txt").write_text("1", encoding="utf-8")
    (lab.root / "score.py").write_text(SCORE, encoding="utf-8")
    (lab.root / "broken.py").write_text(BROKEN, encoding="utf-8")
    for name in ("blue", "green"):
        service.run("deploy", "./petals", ENDPOINT, "--name", name, "--script", "score.py")
    yield service
    service.run("online-endpoint", "delete", "--name", ENDPOINT, "--yes")


@pytest.fixture
def page(served: Service, panel: Locator, desk: Page) -> Iterator[Locator]:
    """The page of the endpoint."""
    served.run("online-endpoint", "update", "--name", ENDPOINT, "--traffic", "blue=100 green=0")
    fold(panel, "Online endpoints")
    row(panel, ENDPOINT).click()
    yield page_of(desk, ENDPOINT)
    fold(panel, "Jobs")


def traffic(service: Service) -> dict[str, int]:
    held = service.ask(f"arm{service.workspace}/onlineEndpoints/{ENDPOINT}")["properties"]["traffic"]
    return {name: percent for name, percent in held.items() if percent}


def ask(service: Service, body: str = PETALS, deployment: str = "") -> int:
    asked = {"workspace": service.workspace, "segment": "onlineEndpoints", "name": ENDPOINT}
    return int(service.ask("invoke", "POST", {**asked, "body": body, "deployment": deployment})["status"])


def body(place: Locator, text: str) -> None:
    """Type the body of a test call, again where what the endpoint asks for was put there meanwhile."""
    field = place.get_by_label("Body, JSON")
    for _ in range(3):
        field.fill(text)
        if field.input_value() == text:
            return
    expect(field).to_have_value(text)


def test_a_page_shows_the_deployments_and_who_gets_the_requests(page: Locator, desk: Page) -> None:
    expect(page.locator(".jp-AmlLab-head")).to_contain_text("Succeeded")
    expect(page.locator(".jp-AmlLab-badge")).to_have_text("LOCAL")
    expect(page.get_by_text(re.compile(r"http://127\.0\.0\.1:\d+/score"))).to_be_visible()
    blue = page.get_by_role("row").filter(has_text="blue").first
    expect(blue.get_by_role("cell").nth(1)).to_have_text("✓Succeeded")
    expect(blue.get_by_role("cell").nth(5)).to_have_text("1")
    expect(blue.get_by_role("cell").nth(6)).to_have_text("100")
    for theme in (DARK, LIGHT):
        desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        faultless(desk)


def test_a_test_call_is_answered_by_the_deployment_that_is_chosen(page: Locator, desk: Page) -> None:
    page.get_by_role("tab", name="Test").click()
    body(page, PETALS)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_label("Body of the answer")).to_contain_text('"weight": 6')
    expect(page.locator(".jp-AmlLab-answer")).to_contain_text("blue")

    page.get_by_label("Deployment", exact=True).select_option("green")
    body(page, '{"boom": true}')
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".jp-AmlLab-answer [data-tone=bad]")).to_be_visible()
    expect(page.locator(".jp-AmlLab-answer")).to_contain_text("green")
    assert desk.evaluate("() => window.harmed") is None
    faultless(desk)


def test_the_form_shifts_the_traffic(served: Service, page: Locator) -> None:
    page.get_by_label("Traffic of blue", exact=True).fill("30")
    page.get_by_label("Traffic of green", exact=True).fill("70")
    page.get_by_role("button", name="Save traffic").click()

    expect(page.get_by_role("row").filter(has_text="green").first.get_by_role("cell").nth(6)).to_have_text("70")
    assert traffic(served) == {"blue": 30, "green": 70}


def test_the_form_mirrors_requests_to_a_deployment(served: Service, page: Locator) -> None:
    page.get_by_label("Mirror of green", exact=True).fill("20")
    page.get_by_role("button", name="Save traffic").click()

    expect(page.get_by_role("row").filter(has_text="green").first.get_by_role("cell").nth(7)).to_have_text("20")
    path = f"arm{served.workspace}/onlineEndpoints/{ENDPOINT}"
    assert served.ask(path)["properties"]["mirrorTraffic"] == {"green": 20}
    page.get_by_label("Mirror of green", exact=True).fill("0")
    page.get_by_role("button", name="Save traffic").click()
    expect(page.get_by_role("row").filter(has_text="green").first.get_by_role("cell").nth(7)).to_have_text("0")
    assert not served.ask(path)["properties"]["mirrorTraffic"]


def test_traffic_that_a_notebook_shifts_shows_without_a_click(served: Service, page: Locator) -> None:
    expect(page.get_by_role("row").filter(has_text="green").first.get_by_role("cell").nth(6)).to_have_text("0")
    served.run("online-endpoint", "update", "--name", ENDPOINT, "--traffic", "blue=60 green=40")

    expect(page.get_by_role("row").filter(has_text="green").first.get_by_role("cell").nth(6)).to_have_text("40")


def test_the_log_follows_what_is_asked(served: Service, page: Locator, desk: Page) -> None:
    page.get_by_role("tab", name="Logs").click()
    page.get_by_label("Deployment", exact=True).select_option("green")
    log = page.get_by_role("log")
    expect(log).to_contain_text("ready to weigh")
    assert ask(served, '{"petals": [41, 1]}', "green") == 200

    expect(log).to_contain_text("weighs {'petals': [41, 1]}")
    faultless(desk)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_figures_and_a_histogram_tell_how_it_does(served: Service, page: Locator, desk: Page, theme: str) -> None:
    desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    try:
        page.get_by_role("tab", name="Metrics").click()
        assert [ask(served) for _ in range(5)] == [200] * 5
        assert ask(served, '{"boom": true}', "green") >= 400
        green = page.get_by_role("row").filter(has_text="green")
        expect(green.get_by_role("cell").nth(2)).not_to_have_text("0")
        expect(page.get_by_role("img", name=re.compile("^Latency, ms"))).to_have_accessible_name(
            re.compile(r"p99: [\d.]+ at")
        )
        expect(page.get_by_role("img", name="Requests by latency, ms")).to_be_visible()
        assert page.locator("rect.jp-AmlLab-bars").count() >= 1
        faultless(desk)
    finally:
        desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", LIGHT)


def test_an_endpoint_that_nobody_asked_says_so(served: Service, panel: Locator, desk: Page) -> None:
    served.run("online-endpoint", "create", "--name", "quiet")
    try:
        fold(panel, "Online endpoints")
        row(panel, "quiet").click()
        page = page_of(desk, "quiet")
        expect(page.get_by_text("There are no deployments yet: nothing answers here.")).to_be_visible()
        page.get_by_role("tab", name="Metrics").click()
        expect(page.get_by_text("No requests yet in the last hour.")).to_be_visible()
        page.get_by_role("button", name="Delete", exact=True).click()
        desk.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.locator(".jp-AmlLab-head")).to_contain_text("Deleted")
    finally:
        fold(panel, "Jobs")


def test_a_deployment_that_cannot_start_says_why(served: Service, page: Locator, desk: Page) -> None:
    served.run("deploy", "./petals", ENDPOINT, "--name", "red", "--script", "broken.py", "--no-wait")

    expect(page.get_by_label("Why red failed")).to_contain_text("no petals here")
    expect(page.get_by_role("row").filter(has_text="red").first).to_contain_text("Failed")
    faultless(desk)
    served.run("online-deployment", "delete", "--name", "red", "--endpoint-name", ENDPOINT, "--yes")
    expect(page.get_by_label("Why red failed")).to_have_count(0)


def test_a_form_makes_an_endpoint(served: Service, panel: Locator, desk: Page) -> None:
    panel.get_by_role("button", name="New: online-endpoint", exact=True).click()
    form = page_of(desk, "New online-endpoint")
    form.get_by_label("name", exact=True).fill("made")
    form.get_by_role("button", name="Run").click()
    try:
        fold(panel, "Online endpoints")
        expect(row(panel, "made")).to_be_visible()
        faultless(desk)
        row(panel, "made").click()
        page_of(desk, "made").get_by_role("button", name="New deployment").click()
        form = page_of(desk, "New online-deployment")
        expect(form.get_by_label("endpoint-name")).to_have_value("made")
        expect(form.locator(".jp-AmlLab-code").last).to_have_text("%aml online-deployment create --endpoint-name made")
        faultless(desk)
    finally:
        served.run("online-endpoint", "delete", "--name", "made", "--yes")
        fold(panel, "Jobs")


def test_the_card_in_a_cell_is_alive_and_keeps_its_picture(
    served: Service, desk: Page, opened: Callable[..., Book]
) -> None:
    book = opened(CONNECT, f"%aml online-endpoint show --name {ENDPOINT}")
    book.run(0)
    book.run(1)
    card = book.output(1).locator(".jp-AmlLab-card")
    expect(card.get_by_role("row").filter(has_text="blue").first).to_be_visible()
    body(card, PETALS)
    card.get_by_role("button", name="Send", exact=True).click()
    expect(card.get_by_label("Body of the answer")).to_contain_text('"weight": 6')
    expect(card.get_by_role("img", name=re.compile("^Latency, ms"))).to_be_visible()
    served.run("online-endpoint", "update", "--name", ENDPOINT, "--traffic", "blue=25 green=75")
    expect(card.get_by_role("row").filter(has_text="green").first).to_contain_text("75")
    for theme in (DARK, LIGHT):
        book.theme(theme)
        faultless(desk, ".jp-Notebook .jp-AmlLab-card")

    kept = book.save().cells[1].outputs[0].data
    assert kept[MIME]["name"] == ENDPOINT
    assert "75" in kept["text/html"]
    assert "green" in kept["text/plain"]


def test_a_widget_shows_the_same_where_the_page_draws_no_outputs_of_ours(
    served: Service, desk: Page, opened: Callable[..., Book]
) -> None:
    alone = "import os\nos.environ['JUPYTER_AML_WIDGETS'] = 'always'\nfrom jupyter_aml.widgets import EndpointTester"
    book = opened(f"{CONNECT}\n{alone}", f"EndpointTester('{ENDPOINT}')")
    book.run(0)
    book.run(1)
    card = book.output(1).locator(".jp-AmlLab-card")

    body(card, PETALS)
    card.get_by_role("button", name="Send", exact=True).click()
    expect(card.get_by_label("Body of the answer")).to_contain_text('"weight": 6')
    expect(card.get_by_role("img", name=re.compile("^Requests by latency"))).to_be_visible()


@pytest.fixture(scope="module")
def nightly(lab: Lab, served: Service) -> Iterator[Service]:
    """A batch endpoint with a deployment that scores files."""
    folder = lab.root / "batch"
    folder.mkdir()
    (folder / "batch_score.py").write_text(BATCH_SCORE, encoding="utf-8")
    spec = {
        "name": "first",
        "endpoint_name": "nightly",
        "model": f"azureml:{ENDPOINT}@latest",
        "code_configuration": {"code": str(folder), "scoring_script": "batch_score.py"},
        "environment": "azureml:notebook-python@latest",
        "compute": "azureml:local",
        "resources": {"instance_count": 1},
    }
    served.run("batch-endpoint", "create", "--name", "nightly")
    served.run("batch-deployment", "create", "--file", "-", "--set-default", body=json.dumps(spec))
    yield served
    served.run("batch-endpoint", "delete", "--name", "nightly", "--yes")


def test_a_batch_endpoint_lists_its_jobs_as_they_come(nightly: Service, panel: Locator, desk: Page) -> None:
    fold(panel, "Batch endpoints")
    try:
        row(panel, "nightly").click()
        page = page_of(desk, "nightly")
        first = page.get_by_role("row").filter(has_text="first").first
        expect(first).to_contain_text("★ default")
        expect(first.get_by_role("button", name=re.compile(f"{ENDPOINT}:"))).to_be_visible()
        page.get_by_role("tab", name="Jobs").click()
        expect(page.get_by_text("Nobody has invoked it yet.")).to_be_visible()
        nightly.run("batch-endpoint", "invoke", "--name", "nightly", "--input", "./petals")

        job = page.get_by_role("row").nth(1)
        expect(job).to_contain_text("Completed")
        faultless(desk)
        job.get_by_role("button").click()
        expect(desk.locator(".jp-AmlLab-page:visible .jp-AmlLab-head")).to_contain_text("Completed")
    finally:
        fold(panel, "Jobs")


def test_the_card_of_a_batch_endpoint_shows_deployments_and_jobs(
    nightly: Service, desk: Page, opened: Callable[..., Book]
) -> None:
    book = opened(CONNECT, "%aml batch-endpoint show --name nightly")
    book.run(0)
    book.run(1)
    card = book.output(1).locator(".jp-AmlLab-card")

    expect(card.get_by_role("row").filter(has_text="first").first).to_contain_text("★ default")
    expect(card.get_by_role("heading", name="Jobs")).to_be_visible()
    expect(card.get_by_label("Body, JSON")).to_have_count(0)
    faultless(desk, ".jp-Notebook .jp-AmlLab-card")
