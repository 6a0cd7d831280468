"""Every page and the panel in little room, with names that nothing breaks: nothing is cut, axe finds no fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.book import DARK, LIGHT, Book
from tests.browser.conftest import HEIGHT, WIDTH
from tests.browser.panel import CLOSE, Service, faultless

pytestmark = pytest.mark.browser

NARROW = 700
LONG = "a_name_without_any_break_" * 5
JOB, OTHER, DATA = "narrow_one", "narrow_other", f"narrow_{LONG}"
TRAIN = (
    "import mlflow\n"
    f"mlflow.log_param('{LONG}', '{LONG}')\n"
    f"for step in range(3): mlflow.log_metrics({{'{LONG}': step / 8, 'auc': 0.5}}, step=step)\n"
    f"print('{LONG}' * 5)\n"
)
AWAY = {
    "id": "/subscriptions/1/resourceGroups/group-of-many/providers/Microsoft.MachineLearningServices/workspaces/clinic",
    "name": "clinic",
    "resourceGroup": "group-of-many",
    "profile": "prod",
    "place": "AZURE",
}
OVERFLOWING = """() => [...document.querySelectorAll('.jp-AmlLab-page, .jp-AmlLab-head, .jp-AmlLab-body')]
  .filter(one => one.offsetParent && one.scrollWidth - one.clientWidth > 1)
  .map(one => [one.className, one.scrollWidth, one.clientWidth])"""
CUT = """select => {
  const copy = select.cloneNode(true);
  copy.style.cssText = 'position: absolute; flex: none; width: max-content; max-width: none';
  select.parentElement.append(copy);
  const cut = copy.offsetWidth - select.offsetWidth;
  copy.remove();
  return cut;
}"""
VIEWS: dict[str, tuple[str, dict[str, Any], str]] = {
    **{
        f"job {tab}".lower(): ("aml:open", {"segment": "jobs", "name": JOB}, tab)
        for tab in ("Overview", "Metrics", "Log", "Files", "Lineage")
    },
    "data": ("aml:open", {"segment": "data", "name": DATA}, ""),
    "datastore": ("aml:open", {"segment": "datastores", "name": "workspaceblobstore"}, ""),
    "compute": ("aml:open", {"segment": "computes", "name": "local"}, ""),
    "comparison": ("aml:compare", {"names": [JOB, OTHER]}, ""),
    "form": ("aml:new", {"noun": "data"}, ""),
    "connect": ("aml:connect", {}, ""),
}


@pytest.fixture(scope="module")
def filled(service: Service) -> None:
    """What the pages show."""
    file = service.lab.root / "narrow.csv"
    file.write_text(f"{LONG},b\n{LONG},1\n", encoding="utf-8")
    service.run("data", "create", DATA, str(file), "--description", LONG)
    for name in (JOB, OTHER):
        service.job(TRAIN, name=name, display_name=LONG, description=LONG, experiment_name=LONG)
        assert service.ended(name) == "Completed"


@pytest.fixture
def narrow(panel: Locator, desk: Page, filled: None) -> Iterator[Page]:
    """JupyterLab in a narrow window, without its sidebar."""
    desk.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    desk.set_viewport_size({"width": NARROW, "height": HEIGHT})
    yield desk
    desk.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    desk.evaluate("() => window.jupyterapp.commands.execute('aml:show-panel')")


def shown(desk: Page, service: Service, view: str) -> Locator:
    """The page of a view, with all that it fetches."""
    command, given, tab = VIEWS[view]
    desk.evaluate(
        "([command, given]) => window.jupyterapp.commands.execute(command, given)",
        [command, {"workspace": service.workspace, **given}],
    )
    page = desk.locator(".jp-AmlLab-page:visible")
    expect(page.get_by_role("heading", level=2)).to_be_visible()
    if tab:
        page.get_by_role("tab", name=tab, exact=True).click()
    expect(page.get_by_text(re.compile("loading…|waiting for|looking through", re.IGNORECASE))).to_have_count(0)
    return page


@pytest.mark.parametrize("view", VIEWS)
def test_no_page_is_wider_than_its_place(narrow: Page, service: Service, view: str) -> None:
    shown(narrow, service, view)

    assert narrow.evaluate(OVERFLOWING) == []


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_axe_finds_no_fault_in_any_page(panel: Locator, desk: Page, service: Service, filled: None, theme: str) -> None:
    book = Book(desk, service.lab.root)
    book.theme(theme)
    try:
        expect(desk.locator("#jupyterlab-splash")).to_have_count(0)
        for view in VIEWS:
            shown(desk, service, view)
            faultless(desk)
            desk.evaluate(CLOSE)
    finally:
        book.theme(LIGHT)


def test_the_chosen_workspace_is_not_cut_in_a_narrow_panel(panel: Locator, desk: Page, service: Service) -> None:
    known = service.ask("workspaces")
    desk.route("**/jupyter-aml/workspaces*", lambda route: route.fulfill(json={"value": [*known["value"], AWAY]}))
    refresh = panel.get_by_role("button", name="Fetch everything anew")
    refresh.click()
    chooser = panel.get_by_label("Workspace", exact=True)
    try:
        chooser.select_option(AWAY["id"])
        _drag(desk, panel, 240)
        expect(panel.locator(".jp-AmlLab-badge")).to_have_text("AZURE")
        assert panel.evaluate("one => one.clientWidth") <= 250
        assert chooser.evaluate(CUT) <= 0
        assert panel.evaluate("one => one.scrollWidth - one.clientWidth") == 0
    finally:
        _drag(desk, panel, 320)
        chooser.select_option(service.workspace)
        desk.unroute_all()
        refresh.click()
    expect(chooser.locator(f"option[value='{AWAY['id']}']")).to_have_count(0)


def test_a_form_in_a_cell_is_as_high_as_it_needs_to_be(opened: Callable[..., Book]) -> None:
    book = opened("%load_ext jupyter_aml\nfrom jupyter_aml.widgets import ConnectForm\nConnectForm()")
    output = book.run(0)
    expect(output.get_by_label("Name or folder")).to_be_visible()

    cut = output.locator(".jp-AmlLab-body").evaluate("one => one.scrollHeight - one.clientHeight")
    assert cut <= 1
    expect(output.get_by_role("button", name="Connect", exact=True)).to_be_in_viewport()


def _drag(desk: Page, panel: Locator, width: int) -> None:
    """Make the panel as wide as that, by its edge."""
    box = panel.bounding_box()
    assert box is not None
    edge, middle = box["x"] + box["width"] + 2, box["y"] + box["height"] / 2
    desk.mouse.move(edge, middle)
    desk.mouse.down()
    desk.mouse.move(box["x"] + width, middle, steps=4)
    desk.mouse.up()
