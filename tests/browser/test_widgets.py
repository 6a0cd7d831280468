"""Widgets: drawn from the kernel's own answers where no server of ours is, and alive while the kernel is busy."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.book import CONNECT, Book
from tests.browser.conftest import Lab
from tests.browser.test_cards import TRAIN, WORK, Gates, says

pytestmark = pytest.mark.browser

Opened = Callable[..., Book]
ALONE = "import os\nos.environ['JUPYTER_AML_WIDGETS'] = 'always'"
CARD = "from jupyter_aml.widgets import *\nJobCard(job)"
FILES = """import pathlib
from jupyter_aml.widgets import DatastoreBrowser
pathlib.Path('iris.csv').write_text('length,kind\\n5.1,setosa\\n4.9,virginica\\n')
%aml cp iris.csv workspaceblobstore/widgets/iris.csv
DatastoreBrowser('workspaceblobstore/')"""
SWEEP = """%%aml sweep search --wait --var sweep
#| lr: choice(0.1, 0.2, 0.3)
#| metric: loss
#| goal: minimize
#| trials: 3
import mlflow

mlflow.log_param("lr", lr)
mlflow.log_metric("loss", lr)
"""
STEPS = """%%aml pipeline nightly --wait --var nightly
from azure.ai.ml import command

first = command(name="first", command="echo 1", environment="azureml:AzureML-sklearn-1.5@latest")()
second = command(name="second", command="echo 2", environment="azureml:AzureML-sklearn-1.5@latest")()
"""
GRAPH = "PipelineGraph(nightly)"
SERVER = "**/jupyter-aml/**"


@pytest.fixture
def gates(lab: Lab) -> Gates:
    return Gates(lab.root / f"gates-{secrets.token_hex(4)}")


@pytest.fixture
def stranger(desk: Page) -> Iterator[Page]:
    """JupyterLab in which nobody but kernels answers."""
    desk.route(SERVER, lambda route: route.abort())
    yield desk
    desk.unroute(SERVER)


def test_a_card_without_our_server_is_alive_while_the_kernel_works(
    stranger: Page, opened: Opened, gates: Gates
) -> None:
    book = opened(f"{gates.cell}\n{ALONE}", f"{TRAIN}", CARD, WORK)
    book.run(0)
    book.run(1)
    book.run(2)
    card = book.output(2).locator(".jp-AmlLab-card").first
    says(card, "Running", "step 0 done", "0.5")

    book.start(3)
    expect(book.cell(3).locator(".jp-InputPrompt")).to_have_text("[*]:")
    gates.open(0)
    says(card, "step 1 done", "0.6")
    expect(card.locator(".jp-AmlLab-chart")).to_have_count(1)
    gates.open(1)
    gates.open(2)
    says(card, "Completed", "step 2 done", "0.7")
    assert book.busy(3)
    gates.open("work")


def test_a_file_is_found_and_looked_at_through_the_kernel(stranger: Page, opened: Opened) -> None:
    book = opened(f"{CONNECT}\n{ALONE}", FILES)
    book.run(0)
    output = book.run(1)
    output.get_by_role("button", name="widgets/").click()
    output.get_by_role("button", name="iris.csv").click()
    expect(output.get_by_role("cell", name="setosa")).to_be_visible()
    output.get_by_role("button", name="Insert code that reads it").click()
    says(output, "pd.read_csv", "datastores/workspaceblobstore/paths/widgets/iris.csv")


def test_a_sweep_is_explored_and_its_trials_compared(stranger: Page, opened: Opened) -> None:
    explore = "from jupyter_aml.widgets import *\nSweepExplorer(sweep)"
    compare = "best, second = [one.name for one in ml.jobs.list(parent_job_name=sweep.name)][:2]"
    connect = f"%load_ext jupyter_aml\n%aml connect local --var ml\n{ALONE}"
    book = opened(connect, SWEEP, explore, f"{compare}\nRunComparison([best, second])", STEPS, GRAPH)
    for index in range(2):
        book.run(index)
    output = book.run(2)
    says(output, "3 of 3 trials completed", "★ best", "Search space")
    output.get_by_role("button", name=re.compile("^search_0|^search 0|_0$")).first.click()
    expect(output.locator(".jp-AmlLab-card .jp-AmlLab-card")).to_be_visible()

    compared = book.run(3)
    says(compared, "Comparison of 2 runs", "loss", "lr")

    book.run(4)
    graph = book.run(5)
    expect(graph.locator(".jp-AmlLab-node")).to_have_count(2)
    graph.locator(".jp-AmlLab-node").first.click()
    says(graph.locator(".jp-AmlLab-card .jp-AmlLab-card"), "Completed")


def test_a_form_connects_the_notebook(stranger: Page, opened: Opened) -> None:
    form = "%load_ext jupyter_aml\nfrom jupyter_aml.widgets import ConnectForm\nform = ConnectForm()\nform"
    book = opened(form, "%aml status", "form.client.workspace_name")
    output = book.run(0)
    name = output.get_by_label("Name or folder")
    name.fill("?")
    output.get_by_role("button", name="Connect").click()
    says(output, "A name has 2 to 33 letters")
    name.fill("clinic")
    says(output, "%aml connect local:clinic")
    output.get_by_role("button", name="Connect").click()
    says(output, "✓ Connected: the notebook works in this workspace now.")
    says(book.run(1), "clinic")
    says(book.run(2), "'clinic'")


def test_what_our_extension_draws_needs_no_widget(desk: Page, opened: Opened) -> None:
    """With our own renderer the same object is drawn from REST, and lives without its kernel."""
    book = opened(CONNECT, FILES)
    book.run(0)
    output = book.run(1)
    expect(output.get_by_role("button", name="widgets/")).to_be_visible()
    assert not desk.locator(".jp-Notebook .jupyter-widgets").count()
    book.command("kernelmenu:shutdown")
    output.get_by_role("button", name="widgets/").click()
    expect(output.get_by_role("button", name="iris.csv")).to_be_visible()
    kept = book.save().cells[1].outputs[-1].data
    assert "application/vnd.jupyter-aml.files+json" in kept
    assert "application/vnd.jupyter.widget-view+json" not in kept
