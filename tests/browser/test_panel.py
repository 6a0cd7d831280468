"""The panel in JupyterLab: what a workspace holds, alive by push, steered while kernels are busy."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from jupyter_aml.local.store.catalogue import Store
from tests.browser.book import CONNECT, DARK, LIGHT, Book
from tests.browser.lab import Lab
from tests.browser.panel import ENVIRONMENT, HARM, Service, faultless, page_of, row

pytestmark = pytest.mark.browser


def test_the_sections_are_those_of_the_registry(panel: Locator, service: Service) -> None:
    titles = [text.strip("▾▸ ") for text in panel.locator(".jp-AmlLab-fold").all_inner_texts()]

    assert titles[:4] == ["Jobs", "Data", "Datastores", "Models"]
    assert len(titles) == len([one for one in service.ask("sections")["value"] if "LOCAL" in one["places"]])
    assert panel.locator(".jp-AmlLab-badge").inner_text() == "LOCAL"


def test_a_job_appears_by_push_and_its_page_is_alive(panel: Locator, desk: Page, service: Service) -> None:
    gate = service.lab.root / f"gate-{secrets.token_hex(4)}"
    name = service.job(
        "import mlflow, pathlib, time\n"
        "for step in range(3): mlflow.log_metric('auc', 0.5 + step / 10, step=step)\n"
        "mlflow.log_param('lr', 0.1)\n"
        "print('begun')\n"
        f"while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.02)\n"
        "print('done')\n",
        display_name="watch me",
    )
    expect(row(panel, "watch me")).to_be_visible()
    row(panel, "watch me").first.click()
    page = page_of(desk, "watch me")

    expect(page.locator(".jp-AmlLab-head .jp-AmlLab-status")).to_contain_text("Running")
    page.get_by_role("tab", name="Log").click()
    expect(page.get_by_role("log")).to_contain_text("begun")
    page.get_by_role("tab", name="Metrics").click()
    expect(page.locator(".jp-AmlLab-chart polyline")).to_have_count(1)
    gate.touch()
    expect(page.locator(".jp-AmlLab-head .jp-AmlLab-status")).to_contain_text("Completed")
    page.get_by_role("tab", name="Log").click()
    expect(page.get_by_role("log")).to_contain_text("done")
    page.get_by_role("tab", name="Overview").click()
    expect(page.get_by_text("0.7", exact=True)).to_be_visible()
    expect(row(panel, "watch me").locator(".jp-AmlLab-status")).to_contain_text("Completed")
    assert service.ended(name) == "Completed"


def test_a_job_is_cancelled_while_the_kernel_is_busy(
    panel: Locator, desk: Page, service: Service, opened: Callable[..., Book]
) -> None:
    name = service.job("import time\nprint('begun')\ntime.sleep(120)", display_name="cancel me")
    book = opened(CONNECT, "import time; time.sleep(120)")
    book.run(0)
    book.start(1)
    row(panel, "cancel me").first.click()
    page = page_of(desk, "cancel me")
    expect(page.locator(".jp-AmlLab-head .jp-AmlLab-status")).to_contain_text("Running")

    page.get_by_role("button", name="Cancel", exact=True).click()

    expect(page.locator(".jp-AmlLab-head .jp-AmlLab-status")).to_contain_text("Canceled")
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)
    assert service.ended(name) == "Canceled"
    assert book.busy(1)


def test_the_pictures_that_a_job_has_written_are_shown(panel: Locator, desk: Page, service: Service) -> None:
    name = service.job(
        "import matplotlib, mlflow\nmatplotlib.use('Agg')\nfrom matplotlib import pyplot\n"
        "figure = pyplot.figure(figsize=(2, 1))\nmlflow.log_figure(figure, 'plots/roc.png')\n",
        display_name="painter",
    )
    assert service.ended(name) == "Completed"
    row(panel, "painter").first.click()
    page = page_of(desk, "painter")
    page.get_by_role("tab", name="Files").click()
    page.get_by_role("button", name="plots/").click()
    page.get_by_role("button", name="roc.png").click()

    picture = page.get_by_role("img", name="roc.png")
    expect(picture).to_have_js_property("naturalWidth", 200)
    faultless(desk)


def test_a_failed_job_pins_its_error_and_can_run_again(panel: Locator, desk: Page, service: Service) -> None:
    name = service.job("print('x\\n' * 2000)\nraise ValueError('too big')", display_name="fails")
    assert service.ended(name) == "Failed"
    row(panel, "fails").first.click()
    page = page_of(desk, "fails")

    expect(page.get_by_label("Error", exact=True)).to_contain_text("ValueError: too big")
    page.get_by_role("tab", name="Log").click()
    expect(page.get_by_label("First error")).to_contain_text("too big")
    page.get_by_role("tab", name="YAML").click()
    expect(page.get_by_role("region", name="YAML")).to_contain_text("command: python -u main.py")
    page.get_by_role("button", name="Run again").click()
    expect(desk.locator(".lm-TabBar-tabLabel", has_text="fails")).to_have_count(2)


def test_the_children_of_a_sweep_stand_below_it(panel: Locator, desk: Page, service: Service) -> None:
    folder = service.lab.root / f"sweep-{secrets.token_hex(4)}"
    folder.mkdir()
    (folder / "main.py").write_text("import mlflow, sys\nmlflow.log_metric('loss', float(sys.argv[1]))\n")
    name = f"sweep_{secrets.token_hex(4)}"
    asked = {
        "type": "sweep",
        "name": name,
        "display_name": "many",
        "trial": {"code": str(folder), "command": "python main.py ${{search_space.lr}}", "environment": ENVIRONMENT},
        "search_space": {"lr": {"type": "choice", "values": [0.1, 0.2]}},
        "sampling_algorithm": "grid",
        "objective": {"goal": "minimize", "primary_metric": "loss"},
        "limits": {"max_total_trials": 2},
    }
    service.run("job", "create", "--file", "-", body=json.dumps(asked))
    assert service.ended(name) == "Completed"
    row(panel, "many").first.locator(".jp-AmlLab-twisty").click()

    expect(row(panel, "many_0")).to_be_visible()
    row(panel, "many").first.click()
    page = page_of(desk, "many")
    page.get_by_role("tab", name="Trials").click()
    expect(page.get_by_role("row")).to_have_count(3)
    expect(page.get_by_text("★ best")).to_have_count(1)
    expect(page.get_by_text("2 of 2 trials completed; loss is to be minimized.")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("best so far"))).to_be_visible()
    expect(page.get_by_role("img", name="2 trials over lr, loss")).to_be_visible()
    faultless(desk)
    page.get_by_role("button", name="many_0").click()
    expect(page_of(desk, "many_0")).to_be_visible()


def test_a_pipeline_is_a_graph_with_live_states(panel: Locator, desk: Page, service: Service) -> None:
    gate = service.lab.root / f"gate-{secrets.token_hex(4)}"
    folder = service.lab.root / f"pipe-{secrets.token_hex(4)}"
    folder.mkdir()
    (folder / "main.py").write_text(
        "import pathlib, sys, time\n"
        "pathlib.Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)\n"
        f"while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.02)\n"
    )
    command = {"type": "command", "code": str(folder), "environment": ENVIRONMENT}
    output = {"out": {"type": "uri_folder"}}
    name = f"pipe_{secrets.token_hex(4)}"
    asked = {
        "type": "pipeline",
        "name": name,
        "display_name": "prep and train",
        "settings": {"default_compute": "serverless"},
        "jobs": {
            "prep": {**command, "command": "python main.py ${{outputs.out}}", "outputs": output},
            "train": {
                **command,
                "command": "python main.py ${{outputs.out}} ${{inputs.data}}",
                "inputs": {"data": "${{parent.jobs.prep.outputs.out}}"},
                "outputs": output,
            },
        },
    }
    service.run("job", "create", "--file", "-", body=json.dumps(asked))
    row(panel, "prep and train").first.click()
    page = page_of(desk, "prep and train")
    page.get_by_role("tab", name="Steps").click()
    nodes = page.locator(".jp-AmlLab-node")

    expect(nodes).to_have_count(2)
    expect(nodes.first).to_contain_text("Running")
    expect(nodes.last).to_contain_text("NotStarted")
    expect(nodes.last).to_be_disabled()
    expect(page.locator(".jp-AmlLab-graph path")).to_have_count(1)
    faultless(desk)
    gate.touch()
    expect(nodes.last).to_contain_text("Completed")
    nodes.last.click()
    expect(page_of(desk, "train")).to_be_visible()
    assert service.ended(name) == "Completed"


def test_a_long_list_is_read_as_far_as_it_is_scrolled(panel: Locator, desk: Page, service: Service, lab: Lab) -> None:
    store = Store.open(lab.home)
    store.rings = False
    workspace = store.workspace(store.entries()[0])
    with workspace.database.write() as transaction:
        transaction.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000) "
            "INSERT INTO jobs(name, type, status, experiment, display_name, parent, compute, created, modified,"
            " archived, created_by, body, state) SELECT printf('old%05d', i), 'Command', 'Completed', 'e', '', '', '',"
            ' i, i, 0, \'me\', \'{"jobType":"Command","command":"x"}\', \'{}\' FROM n'
        )
        transaction.note("jobs", "old05000")
    workspace.database.close()
    store.database.close()
    tree = panel.get_by_role("tree")
    expect(panel.locator(".jp-AmlLab-filter")).to_contain_text("+")
    for _ in range(60):
        tree.evaluate("box => { box.scrollTop = box.scrollHeight; }")
        desk.wait_for_timeout(50)
        if row(panel, "old00001").count():
            break

    expect(row(panel, "old00001")).to_be_visible()
    assert panel.get_by_role("treeitem").count() < 100
    tree.focus()
    desk.keyboard.press("Home")
    expect(row(panel, "old00001")).to_have_count(0)
    panel.get_by_role("searchbox").fill("old00042")
    expect(panel.get_by_role("treeitem")).to_have_count(1)


def test_nothing_that_a_workspace_holds_does_harm(panel: Locator, desk: Page, service: Service) -> None:
    name = service.job(
        f"import mlflow\nmlflow.log_param('p', {HARM!r})\nprint({HARM!r})\nraise ValueError({HARM!r})",
        display_name=f"evil {HARM}",
    )
    assert service.ended(name) == "Failed"
    row(panel, "evil").first.click()
    page = page_of(desk, "evil")
    for tab in ("Overview", "Metrics", "Log", "Files", "Code", "YAML"):
        page.get_by_role("tab", name=tab).click()
        desk.wait_for_timeout(100)

    expect(page.get_by_role("region", name="YAML")).to_contain_text("command")
    assert desk.evaluate("() => window.harmed") is None
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_axe_finds_no_fault_in_our_parts(panel: Locator, desk: Page, service: Service, theme: str) -> None:
    name = service.job("print('x')", display_name=f"axe {theme}")
    assert service.ended(name) == "Completed"
    desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    light = "true" if theme == LIGHT else "false"
    desk.wait_for_selector(f"body[data-jp-theme-light='{light}']", state="attached")
    try:
        row(panel, f"axe {theme}").first.click()
        page = page_of(desk, f"axe {theme}")
        for tab in ("Overview", "Metrics", "Log", "Files", "Code", "YAML"):
            page.get_by_role("tab", name=tab).click()
            faultless(desk)
    finally:
        desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", LIGHT)


def test_pages_are_there_again_after_a_reload(panel: Locator, tab: Page, lab: Lab, service: Service) -> None:
    name = service.job("print('x')", display_name="remembered")
    assert service.ended(name) == "Completed"
    tab.goto(f"{lab.url}lab/workspaces/again?reset&token={lab.token}")
    tab.wait_for_function("() => window.jupyterapp?.shell?.currentWidget")
    tab.evaluate(
        "place => window.jupyterapp.commands.execute('aml:open', place)",
        {"workspace": service.workspace, "segment": "jobs", "name": name},
    )
    expect(page_of(tab, "remembered")).to_be_visible()
    tab.wait_for_timeout(1500)  # JupyterLab saves its layout a second after a change

    tab.goto(f"{lab.url}lab/workspaces/again?token={lab.token}")

    expect(page_of(tab, "remembered")).to_be_visible()
    expect(page_of(tab, "remembered")).to_contain_text(re.compile("Completed"))
