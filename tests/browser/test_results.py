"""What commands show in JupyterLab: inside its cell and easy to read, in the light and in the dark theme."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.book import CONNECT, Book

pytestmark = pytest.mark.browser

DATA = """import csv, pathlib
with open("wide.csv", "w", newline="") as file:
    csv.writer(file).writerows([[f"column number {n}" for n in range(31)], *([[n / 7] * 31 for n in range(12)])])
%aml data create a-name-that-somebody-thought-about-for-a-long-time wide.csv --description "<b>wide</b> & more"
"""
TRAIN = """%%aml command train_well --env-var SCALE=2 --wait --var {name}
import mlflow

mlflow.log_param("rate", {rate})
for step in range(5):
    mlflow.log_metric("auc", {rate} + step / 50, step=step)
print("fitting " + "a-very-long-word" * 20)
"""
FAILING = """%%aml command train_badly --wait
print("about to fail")
raise KeyError("unbroken" * 40)
"""
SHOWN = (
    "%aml data list",
    "%aml data show a-name-that-somebody-thought-about-for-a-long-time@latest",
    "%aml preview wide.csv",
    "%aml job compare {one} {two}",
    "%aml job list",
    "%aml job logs {two}",
    "%aml job show {one} --as yaml",
    "%aml status",
    "%aml datastore list",
    "%aml workspace show",
    "%aml job create -h",
    "%aml -h",
    "%aml job list -o json",
)
REFUSED = ("%aml data shwo", "%aml data show a-name-nobody-has", "%aml job show " + "none" * 40)


def test_every_result_keeps_inside_its_cell_and_is_easy_to_read_in_both_themes(opened: Callable[..., Book]) -> None:
    trained = [TRAIN.format(name=name, rate=rate) for name, rate in (("one", 0.5), ("two", 0.7))]
    cells = [CONNECT, DATA, *trained, FAILING, *SHOWN, *REFUSED]
    book = opened(*cells)
    for index in range(len(cells)):
        book.run(index)

    for index in range(2, len(cells)):
        failing = cells[index] in (FAILING, *REFUSED)
        errors = book.output(index).locator("[data-mime-type='application/vnd.jupyter.stderr'], .jp-RenderedText")
        assert (cells[index], errors.count() > 0) == (cells[index], failing or cells[index].endswith("json"))
    expect(book.card(1)).to_contain_text("<b>wide</b> & more")
    card = book.card(cells.index("%aml preview wide.csv"))
    assert card.locator("th.num").first.evaluate("one => getComputedStyle(one).textAlign") == "right"
    assert book.card(1).locator("td").first.evaluate("one => getComputedStyle(one).textAlign") == "left"
    assert card.locator(".jp-Aml-scroll").evaluate("one => one.scrollWidth > one.clientWidth")

    book.looks_right()
    book.page.set_viewport_size({"width": 760, "height": 1000})
    book.looks_right()


def test_the_quickstart_runs_from_top_to_bottom(opened_file: Callable[[str], Book]) -> None:
    book = opened_file("01_quickstart.ipynb")

    book.command("notebook:run-all-cells")

    ran = [cell for cell in book.save().cells if cell.cell_type == "code"]
    assert [
        one for cell in ran for one in cell.outputs if one.output_type == "error" or one.get("name") == "stderr"
    ] == []
    assert all(cell.execution_count for cell in ran)
    expect(book.page.locator(".jp-Notebook .jp-Aml-card .jp-Aml-good", has_text="Completed").first).to_be_visible()
    assert book.page.evaluate("() => document.querySelectorAll('.jp-Notebook .jp-Aml-card .jp-Aml-busy').length") == 0
    book.looks_right()
