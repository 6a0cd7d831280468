"""The card of a job in JupyterLab: alive while the job runs, frozen when it has ended, the same after reopening."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from jupyter_aml.views.live import MIME
from tests.browser.book import CARD, CONNECT, Book
from tests.browser.conftest import Lab, end_kernels

pytestmark = pytest.mark.browser

Opened = Callable[..., Book]
TRAIN = """%%aml command train --env-var GATES={gates} --var job
import os, pathlib, time
import mlflow

for step in range(3):
    mlflow.log_metric("auc", 0.5 + step / 10, step=step)
    print(f"step {step} done", flush=True)
    while not pathlib.Path(os.environ["GATES"], str(step)).exists():
        time.sleep(0.02)
"""
WORK = """import pathlib, time
while not pathlib.Path(gates, "work").exists():
    time.sleep(0.02)"""
BROKEN = """%%aml command broken --wait
import mlflow

mlflow.log_metric("auc", 0.5)
print("<b>about</b> to fail")
raise ValueError("<img src=x onerror='window.harmed=1'> is no number")
"""
IN_HTML = "text/html"
LIVE = ".jp-Notebook .jp-AmlLab-card"
FROZEN = ".jp-RenderedHTML .jp-Aml-card"


class Gates:
    """Doors that a job, or a cell, waits before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def open(self, name: int | str) -> None:
        """Let through whoever waits before one."""
        (self.folder / str(name)).touch()

    @property
    def cell(self) -> str:
        """The cell that connects and tells the kernel where they are."""
        return f"{CONNECT}\ngates = {str(self.folder)!r}"


@pytest.fixture
def gates(lab: Lab) -> Gates:
    return Gates(lab.root / f"gates-{secrets.token_hex(4)}")


def says(card: Locator, *texts: str) -> None:
    """Wait until a card shows all the texts."""
    for text in texts:
        expect(card).to_contain_text(text)


def name_on(card: Locator) -> str:
    """The name of a job that still runs, as its card says it."""
    return card.locator("code").first.inner_text()


def saved_cards(book: Book, index: int) -> list[dict[str, Any]]:
    """The bundles of a cell's outputs as the notebook's file holds them, once all cards of it are frozen."""
    expect(book.output(index).locator(FROZEN)).to_have_count(1)
    expect(book.page.locator(LIVE)).to_have_count(0)  # one that freezes later changes the notebook again
    return [dict(one["data"]) for one in book.save().cells[index].outputs if "data" in one]


def test_a_card_refreshes_while_the_kernel_rests_and_while_it_works_and_ends_frozen(
    opened: Opened, gates: Gates
) -> None:
    book = opened(gates.cell, TRAIN, WORK)
    book.run(0)
    book.run(1)
    card = book.card(1)
    says(card, "Running", "step 0 done", "0.5")

    gates.open(0)
    says(card, "Running", "step 1 done", "0.6")
    expect(card.locator(".jp-AmlLab-chart")).to_have_count(1)

    book.start(2)
    expect(book.cell(2).locator(".jp-InputPrompt")).to_have_text("[*]:")
    gates.open(1)
    says(card, "step 2 done", "0.7")
    gates.open(2)
    says(card, "Completed")
    assert book.busy(2)
    gates.open("work")
    expect(book.cell(2).locator(".jp-InputPrompt")).to_have_text("[3]:")

    expect(book.output(1).locator(FROZEN)).to_have_count(1)
    expect(book.output(1).locator(CARD)).to_have_count(1)
    expect(book.output(2).locator(".jp-OutputArea-child")).to_have_count(0)
    (kept,) = saved_cards(book, 1)
    assert "Completed" in kept[IN_HTML]
    assert "Running" not in kept[IN_HTML]
    assert kept[MIME]["final"]["metrics"] == {"auc": 0.7}
    assert re.search(r"duration +\d[\d.]* s\n", kept["text/plain"])
    assert kept["text/plain"].startswith("✓ Completed · train · ")
    assert kept["text/plain"].endswith("step 2 done")


def test_a_frozen_card_shows_without_a_kernel_and_in_a_notebook_that_nobody_trusts(
    opened: Opened, lab: Lab, gates: Gates, desk: Page
) -> None:
    for step in range(3):
        gates.open(step)
    book = opened(gates.cell, TRAIN.replace("--var job", "--wait"))
    book.run(0)
    book.run(1)
    content = book.save()
    content.cells[1].outputs[0]["metadata"] = {"from": "elsewhere"}
    stranger = book.file.with_name(f"stranger-{book.file.name}")
    nbformat.write(content, stranger)

    book.close()
    end_kernels(lab)

    for file, trusted in ((book.file, True), (stranger, False)):
        again = Book.open(desk, file, kernel=False)
        drawn = again.output(1).locator(".jp-RenderedHTML")
        says(drawn, "Completed", "step 2 done", "0.7")
        expect(drawn.locator("img")).to_have_js_property("naturalWidth", 300)
        assert drawn.locator("style").count() == int(trusted)
        assert again.trusted() is trusted
        assert again.kernel() == ""
        again.close()


def test_all_cells_that_show_a_job_refresh_and_waiting_adds_no_second_card(opened: Opened, gates: Gates) -> None:
    shown = "%aml job show {job}"
    book = opened(gates.cell, TRAIN, shown, shown, "%aml job show {job.name}", TRAIN.replace("--var job", "--wait"))
    for index in range(5):
        book.run(index)
    cards = [book.card(index) for index in (1, 2, 3, 4)]
    for card in cards:
        says(card, "Running")

    gates.open(0)
    for card in cards:
        says(card, "step 1 done", "0.6")
    gates.open(1)
    gates.open(2)
    for card in cards:
        says(card, "Completed", "step 2 done")

    outputs = book.run(5)

    assert not book.busy(5)
    expect(outputs.locator(CARD)).to_have_count(1)
    assert "Completed" in outputs.locator(".jp-Aml-card").inner_text()
    (kept,) = saved_cards(book, 5)
    assert "Completed" in kept[IN_HTML]


def test_a_failed_job_shows_its_own_traceback_first_and_stops_run_all(opened: Opened, desk: Page) -> None:
    book = opened(CONNECT, BROKEN, "print('never')")

    book.command("notebook:run-all-cells")

    card = book.card(1)
    says(card, "Failed")
    assert card.locator("h4").first.inner_text().lower() == "error"
    error = card.locator("pre").first.inner_text()
    assert error.startswith("Traceback (most recent call last):\n")
    assert error.endswith("ValueError: <img src=x onerror='window.harmed=1'> is no number")
    assert "line 6, in <module>" in error
    assert card.locator("pre").last.inner_text() == "<b>about</b> to fail"
    assert desk.evaluate("window.harmed") is None
    assert card.locator("img, b").count() == 0

    raised = book.output(1).locator("[data-mime-type='application/vnd.jupyter.error'], .jp-RenderedText").last
    lines = raised.inner_text().strip().split("\n")
    assert lines[0] == "Traceback (most recent call last):"
    assert re.fullmatch(r"The job \w+ failed\.", lines[-2])
    assert re.fullmatch(r"Type %aml job logs \w+ for the whole log\.", lines[-1])
    assert "never" not in book.output(2).inner_text()
    assert book.save().cells[2].execution_count is None


def test_interrupting_a_wait_says_how_to_come_back_and_the_card_goes_on(opened: Opened, gates: Gates) -> None:
    book = opened(gates.cell, TRAIN.replace("--var job", "--wait"))
    book.run(0)
    book.start(1)
    card = book.card(1)
    says(card, "Running", "step 0 done")

    book.command("notebook:interrupt-kernel")

    name = name_on(card)
    says(book.output(1), f"{name} goes on: %aml job stream {name} comes back to it", "Interrupted.")
    assert "Traceback" not in book.output(1).inner_text()
    for step in range(3):
        gates.open(step)
    says(card, "Completed", "step 2 done")


def test_a_job_outlives_a_restart_of_the_kernel_and_is_found_again(opened: Opened, gates: Gates) -> None:
    book = opened(gates.cell, TRAIN, "%load_ext jupyter_aml", "%aml job show NAME")
    book.run(0)
    book.run(1)
    says(book.card(1), "Running", "step 0 done")
    name = name_on(book.card(1))

    book.restart()
    gates.open(0)
    book.run(2)
    book.write(3, f"%aml job show {name}")
    book.run(3)

    says(book.card(3), "Running", "step 1 done")
    gates.open(1)
    gates.open(2)
    says(book.card(3), "Completed", "0.7")
    (kept,) = saved_cards(book, 3)
    assert "Completed" in kept[IN_HTML]


def test_a_card_lives_on_without_its_kernel_and_is_frozen_in_the_notebook(
    opened: Opened, lab: Lab, gates: Gates
) -> None:
    book = opened(gates.cell, TRAIN)
    book.run(0)
    book.run(1)
    card = book.card(1)
    says(card, "Running", "step 0 done")

    end_kernels(lab)
    gates.open(0)
    says(card, "Running", "step 1 done", "0.6")
    gates.open(1)
    gates.open(2)
    says(card, "Completed", "step 2 done", "0.7")

    expect(book.output(1).locator(FROZEN)).to_have_count(1)
    (kept,) = saved_cards(book, 1)
    assert kept[MIME]["final"]["status"] == "Completed"
    assert "Completed" in kept[IN_HTML]


def test_a_job_is_cancelled_from_its_card_while_the_kernel_works(opened: Opened, gates: Gates) -> None:
    book = opened(gates.cell, TRAIN, WORK)
    book.run(0)
    book.run(1)
    card = book.card(1)
    says(card, "Running", "step 0 done")
    book.start(2)

    card.get_by_role("button", name="Cancel").click()

    says(card, "Canceled")
    assert book.busy(2)
    gates.open("work")


def test_a_notebook_that_was_closed_before_the_end_is_alive_when_it_is_opened_again(
    opened: Opened, lab: Lab, desk: Page, gates: Gates
) -> None:
    book = opened(gates.cell, TRAIN)
    book.run(0)
    book.run(1)
    says(book.card(1), "Running", "step 0 done")
    book.save()
    book.close()
    end_kernels(lab)

    gates.open(0)
    again = Book.open(desk, book.file, kernel=False)
    says(again.card(1), "Running", "step 1 done")
    gates.open(1)
    gates.open(2)

    says(again.card(1), "Completed", "0.7")
    (kept,) = saved_cards(again, 1)
    assert "Completed" in kept[IN_HTML]
