"""Runs compared side by side, data profiled and their schemas compared, lineage followed, all from the panel."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import waiting
from tests.browser.book import CONNECT, DARK, LIGHT, PATIENCE, Book
from tests.browser.lab import Lab
from tests.browser.panel import ENVIRONMENT, Service, faultless, fold, page_of, row

pytestmark = pytest.mark.browser

wait_for = waiting.patient(PATIENCE)
TRAIN = (
    "import mlflow\n"
    "mlflow.log_params({{'lr': {rate}, 'depth': {depth}, 'solver': 'sgd'}})\n"
    "for step in range(6): mlflow.log_metrics("
    "{{'auc': 0.5 + {rate} + step * {depth} / 50, 'loss': 1 / (step + {depth})}}, step=step)\n"
)
HOLD = "import pathlib, time\nwhile not pathlib.Path({gate!r}).exists(): time.sleep(0.02)\n"


def trained(service: Service, title: str, rate: float, depth: int, *, then: str = "") -> str:
    """The name of a new job that logs parameters and two curves."""
    return service.job(TRAIN.format(rate=rate, depth=depth) + then, display_name=title)


@pytest.fixture
def three(service: Service) -> list[str]:
    """The titles of three jobs that have ended, the newest last."""
    mark = secrets.token_hex(3)
    titles = [f"{mark} small", f"{mark} middle", f"{mark} large"]
    names = [trained(service, title, 0.01 * 10**at, 2 + at) for at, title in enumerate(titles)]
    for name in names:
        assert service.ended(name) == "Completed"
    return titles


def compared(panel: Locator, desk: Page, titles: list[str]) -> Locator:
    """The page that compares jobs, chosen with a key held."""
    panel.get_by_role("searchbox").fill(titles[0].split()[0])
    for title in titles:
        row(panel, title).click(modifiers=["Control"])
    panel.get_by_role("button", name="Compare", exact=True).click()
    page = page_of(desk, f"Comparison of {len(titles)} runs")
    expect(panel.locator("[role=treeitem][aria-selected=true]")).to_have_count(0)
    expect(page.get_by_role("button", name=titles[-1], exact=True)).to_be_visible()
    return page


def line(page: Locator, key: str) -> Locator:
    return page.locator("tr").filter(has=page.page.get_by_role("rowheader", name=key))


def test_jobs_are_chosen_by_keys_and_by_clicks(panel: Locator, desk: Page, three: list[str]) -> None:
    panel.get_by_role("searchbox").fill(three[0].split()[0])
    expect(panel.get_by_role("treeitem")).to_have_count(3)
    chosen = panel.locator("[role=treeitem][aria-selected=true]")
    row(panel, three[2]).click(modifiers=["Control"])
    expect(chosen).to_have_count(1)
    expect(panel.get_by_role("button", name="Compare", exact=True)).to_have_count(0)
    row(panel, three[0]).click(modifiers=["Shift"])

    expect(chosen).to_have_count(3)
    expect(panel.get_by_text("3 selected")).to_be_visible()
    faultless(desk)
    panel.get_by_role("tree").focus()
    desk.keyboard.press("Escape")
    expect(chosen).to_have_count(0)
    for key in ("Home", "Space", "End", "Space"):
        desk.keyboard.press(key)
    expect(chosen).to_have_count(2)
    panel.get_by_role("button", name="Clear").click()
    expect(chosen).to_have_count(0)
    assert desk.locator(".jp-AmlLab-page:visible").count() == 0


def test_three_runs_are_compared(panel: Locator, desk: Page, three: list[str]) -> None:
    page = compared(panel, desk, three)

    expect(line(page, "solver").get_by_text("differs")).to_have_count(0)
    expect(line(page, "depth").get_by_text("differs")).to_be_visible()
    expect(line(page, "auc")).to_contain_text("…")
    expect(page.locator("figure polyline.jp-AmlLab-run")).to_have_count(9)
    expect(page.get_by_role("img", name="3 runs over depth, lr, auc")).to_be_visible()
    faultless(desk)
    page.get_by_label("Metric").select_option("loss")
    expect(page.get_by_role("img", name="3 runs over depth, lr, loss")).to_be_visible()
    page.get_by_label("Only differences").check()
    expect(page.get_by_role("rowheader", name="solver")).to_have_count(0)
    expect(page.get_by_role("rowheader", name="depth")).to_be_visible()
    page.get_by_role("img", name="auc.").hover(position={"x": 200, "y": 80})
    expect(page.get_by_text("step 2").or_(page.get_by_text("step 3"))).to_be_visible()
    page.get_by_role("button", name=f"Leave {three[0]} out").click()
    two = page_of(desk, "Comparison of 2 runs")
    expect(two.locator("figure polyline.jp-AmlLab-run")).to_have_count(4)
    expect(two.locator("figure polyline").first).to_have_attribute("data-mark", "1")
    two.get_by_role("button", name=three[2], exact=True).click()
    expect(page_of(desk, three[2])).to_be_visible()


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_axe_finds_no_fault_in_a_comparison(panel: Locator, desk: Page, three: list[str], theme: str) -> None:
    desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    light = "true" if theme == LIGHT else "false"
    desk.wait_for_selector(f"body[data-jp-theme-light='{light}']", state="attached")
    try:
        page = compared(panel, desk, three)
        expect(page.locator("figure polyline.jp-AmlLab-run")).to_have_count(9)
        faultless(desk)
    finally:
        desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", LIGHT)


def test_a_comparison_is_alive(panel: Locator, desk: Page, service: Service, three: list[str]) -> None:
    gate = service.lab.root / f"gate-{secrets.token_hex(4)}"
    more = f"{HOLD.format(gate=str(gate))}mlflow.log_metric('after', 7.5)\n"
    name = trained(service, f"{three[0].split()[0]} running", 0.2, 9, then=more)
    page = compared(panel, desk, [three[0], f"{three[0].split()[0]} running"])
    expect(line(page, "status")).to_contain_text("Running")
    expect(page.get_by_text("1 still running")).to_be_visible()

    gate.touch()

    expect(line(page, "after")).to_contain_text("7.5")
    expect(line(page, "status")).not_to_contain_text("Running")
    assert service.ended(name) == "Completed"


def test_the_code_of_a_comparison_runs(
    panel: Locator, desk: Page, opened: Callable[..., Book], three: list[str]
) -> None:
    book = opened(CONNECT)
    book.run(0)
    compared(panel, desk, three[:2]).get_by_role("button", name="Insert code").click()
    expect(book.cell(1)).to_be_visible()
    source = desk.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.source")

    assert source.startswith("%aml job compare panel_")
    assert len(source.split()) == 5
    expect(book.run(1)).to_contain_text("2 runs")


def test_trials_of_a_sweep_are_compared(panel: Locator, desk: Page, service: Service) -> None:
    folder = service.lab.root / f"sweep-{secrets.token_hex(4)}"
    folder.mkdir()
    (folder / "main.py").write_text("import mlflow, sys\nmlflow.log_metric('loss', float(sys.argv[1]))\n")
    name = f"sweep_{secrets.token_hex(4)}"
    asked = {
        "type": "sweep",
        "name": name,
        "display_name": name,
        "trial": {"code": str(folder), "command": "python main.py ${{search_space.lr}}", "environment": ENVIRONMENT},
        "search_space": {"lr": {"type": "choice", "values": [0.1, 0.2]}},
        "sampling_algorithm": "grid",
        "objective": {"goal": "minimize", "primary_metric": "loss"},
        "limits": {"max_total_trials": 2},
    }
    service.run("job", "create", "--file", "-", body=json.dumps(asked))
    assert service.ended(name) == "Completed"
    row(panel, name).first.click()
    page = page_of(desk, name)
    page.get_by_role("tab", name="Trials").click()
    for trial in (f"{name}_0", f"{name}_1"):
        page.get_by_label(f"Compare {trial}").check()
    faultless(desk)
    page.get_by_role("button", name="Compare", exact=True).click()

    found = page_of(desk, "Comparison of 2 runs")
    expect(line(found, "loss")).to_contain_text("0.1 … 0.2")


def test_more_than_twelve_are_refused_in_words(panel: Locator, desk: Page, service: Service) -> None:
    names = [f"j{at}" for at in range(13)]
    said = desk.evaluate(
        "given => window.jupyterapp.commands.execute('aml:compare', given).then(() => '', error => error.message)",
        {"workspace": service.workspace, "names": names},
    )

    assert said == "Between 2 and 12 jobs can be compared; these are 13."


def test_a_comparison_is_there_again_after_a_reload(tab: Page, lab: Lab, service: Service, three: list[str]) -> None:
    listed = service.ask(f"arm{service.workspace}/jobs")["value"]
    titles = {one["properties"].get("displayName"): one["name"] for one in listed}
    names = {title: titles[title] for title in three}
    tab.goto(f"{lab.url}lab/workspaces/compared?reset&token={lab.token}")
    tab.wait_for_function("() => window.jupyterapp?.shell?.currentWidget")
    tab.evaluate(
        "given => window.jupyterapp.commands.execute('aml:compare', given)",
        {"workspace": service.workspace, "names": list(names.values())},
    )
    page_of(tab, "Comparison of 3 runs").get_by_role("button", name=f"Leave {three[0]} out").click()
    expect(page_of(tab, "Comparison of 2 runs")).to_be_visible()
    wait_for(
        lambda: [title for title, name in names.items() if name in lab.layout("compared")] == list(names)[1:],
        "a saved layout of two",
    )

    tab.goto(f"{lab.url}lab/workspaces/compared?token={lab.token}")

    expect(page_of(tab, "Comparison of 2 runs")).to_contain_text(three[2])
    expect(page_of(tab, "Comparison of 2 runs")).not_to_contain_text(three[0])


def test_a_data_asset_is_profiled_and_its_versions_compared(panel: Locator, desk: Page, service: Service) -> None:
    name = f"towns{secrets.token_hex(3)}"
    file = service.lab.root / f"{name}.csv"
    for content in (
        "town,people\nKyïv,2952301\n東京,13960000\n",
        "town,people,founded\nKyïv,many,\nLviv,few,1256-01-01\n",
    ):
        file.write_text(content, encoding="utf-8")
        service.run("data", "create", name, str(file))
    fold(panel, "Data")
    row(panel, name).click()
    page = page_of(desk, name)

    page.get_by_role("button", name="Profile the columns").click()
    expect(page.get_by_role("row", name="founded date")).to_contain_text("1 (50 %)")
    expect(page.get_by_text("2 rows")).to_be_visible()
    page.get_by_role("button", name="Compare schema with version 1").click()
    expect(page.get_by_role("row", name="founded + added")).to_be_visible()
    expect(page.get_by_role("row", name="people ≠ type changed integer text")).to_be_visible()
    faultless(desk)
    page.get_by_label("Version", exact=True).select_option("1")
    page.get_by_role("button", name="Profile the columns").click()
    expect(page.get_by_role("img", name="people from 2952301 to 13960000")).to_be_visible()


def test_lineage_leads_from_data_to_a_job_to_a_model(panel: Locator, desk: Page, service: Service) -> None:
    mark = secrets.token_hex(3)
    file = service.lab.root / f"raw{mark}.csv"
    file.write_text("a\n1\n", encoding="utf-8")
    service.run("data", "create", f"raw{mark}", str(file))
    folder = service.lab.root / f"fit-{mark}"
    folder.mkdir()
    (folder / "main.py").write_text(
        "import pathlib, sys\npathlib.Path(sys.argv[2]).mkdir(exist_ok=True, parents=True)\n"
        "pathlib.Path(sys.argv[2], 'w.txt').write_text('1')\n"
    )
    asked = {
        "name": f"fit_{mark}",
        "display_name": f"fit {mark}",
        "code": str(folder),
        "command": "python main.py ${{inputs.rows}} ${{outputs.model}}",
        "environment": ENVIRONMENT,
        "inputs": {"rows": {"type": "uri_file", "path": f"azureml:raw{mark}:1"}},
        "outputs": {"model": {"type": "custom_model", "name": f"clf{mark}"}},
    }
    service.run("job", "create", "--file", "-", body=json.dumps(asked))
    assert service.ended(f"fit_{mark}") == "Completed"
    row(panel, f"fit {mark}").first.click()
    page = page_of(desk, f"fit {mark}")
    page.get_by_role("tab", name="Lineage").click()

    nodes = page.locator(".jp-AmlLab-node")
    expect(nodes).to_have_count(3)
    expect(page.get_by_text(f"job fit {mark} leads to model clf{mark}:1, as model")).to_be_attached()
    faultless(desk)
    nodes.filter(has_text=f"clf{mark}:1").click()
    model = page_of(desk, f"clf{mark}")
    model.get_by_role("button", name="Show what it came from and who uses it").click()
    expect(model.locator(".jp-AmlLab-node")).to_have_count(2)
    model.locator(".jp-AmlLab-node").filter(has_text=f"fit {mark}").click()
    expect(page_of(desk, f"fit {mark}")).to_be_visible()
    page_of(desk, f"fit {mark}").locator(".jp-AmlLab-node").filter(has_text=f"raw{mark}:1").click()
    data = page_of(desk, f"raw{mark}")
    data.get_by_role("button", name="Show what it came from and who uses it").click()
    expect(data.locator(".jp-AmlLab-node").filter(has_text=f"fit {mark}")).to_be_visible()
    faultless(desk)
