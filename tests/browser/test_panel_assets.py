"""Data, datastores and forms in the panel: previewed, browsed, dragged into cells, created."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.book import CONNECT, Book
from tests.browser.panel import Service, faultless, fold, page_of, row

pytestmark = pytest.mark.browser


def test_a_datastore_is_browsed_and_a_file_is_read_by_the_code_that_is_offered(
    panel: Locator, desk: Page, service: Service, opened: Callable[..., Book]
) -> None:
    file = service.lab.root / "wide.csv"
    file.write_text("town,people\nKyiv,2952301\n", encoding="utf-8")
    service.run("cp", str(file), "workspaceblobstore/raw/2026/wide.csv")
    book = opened(CONNECT)
    book.run(0)
    fold(panel, "Datastores")
    row(panel, "workspaceblobstore").click()
    page = page_of(desk, "workspaceblobstore")

    page.get_by_role("button", name="raw/").click()
    page.get_by_role("button", name="2026/").click()
    page.get_by_role("button", name="wide.csv").click()
    expect(page.get_by_role("cell", name="Kyiv")).to_be_visible()
    expect(page.get_by_role("cell", name="25 B")).to_be_visible()
    faultless(desk)
    page.get_by_role("button", name="Insert code that reads it").click()
    source = "() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.source"
    expect(book.cell(1)).to_be_visible()
    book.write(1, f"{desk.evaluate(source)}\nint(df.people.sum())")
    expect(book.run(1)).to_contain_text("2952301")
    row(panel, "workspaceblobstore").click()
    page_of(desk, "workspaceblobstore").get_by_role("button", name="raw", exact=True).click()
    expect(page_of(desk, "workspaceblobstore").get_by_role("button", name="2026/")).to_be_visible()


def test_a_data_asset_is_previewed_and_its_code_runs(
    panel: Locator, desk: Page, service: Service, opened: Callable[..., Book]
) -> None:
    file = service.lab.root / "flowers.csv"
    for content in ("a,b\n1,2\n", "a,b,c\n1,2,3\n"):
        file.write_text(content, encoding="utf-8")
        service.run("data", "create", "flowers", str(file))
    fold(panel, "Data")
    row(panel, "flowers").click()
    page = page_of(desk, "flowers")

    expect(page.get_by_text("uri_file").first).to_be_visible()
    page.get_by_role("button", name="Show the first rows").click()
    expect(page.get_by_role("columnheader", name="c", exact=True)).to_be_visible()
    page.get_by_label("Version", exact=True).select_option("1")
    page.get_by_role("button", name="Show the first rows").click()
    expect(page.get_by_role("columnheader", name="b", exact=True)).to_be_visible()
    expect(page.get_by_role("columnheader", name="c", exact=True)).to_have_count(0)

    book = opened(CONNECT)
    book.run(0)
    row(panel, "flowers").click()
    page_of(desk, "flowers").get_by_role("button", name="Insert code").click()
    expect(book.cell(1)).to_be_visible()
    assert desk.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.source") == (
        "flowers = %aml data show flowers:1"
    )
    book.write(1, "flowers = %aml data show flowers:1\nflowers.version, flowers.name")
    expect(book.run(1)).to_contain_text("('1', 'flowers')")


def test_an_asset_is_dragged_into_a_cell(
    panel: Locator, desk: Page, service: Service, opened: Callable[..., Book]
) -> None:
    (service.lab.root / "dragged.csv").write_text("a\n1\n", encoding="utf-8")
    service.run("data", "create", "dragged", str(service.lab.root / "dragged.csv"))
    fold(panel, "Data")
    book = opened(CONNECT, "")
    book.run(0)

    row(panel, "dragged").drag_to(book.cell(1).locator(".cm-content"))

    expect(book.cell(1).locator(".cm-content")).to_have_text("dragged = %aml data show dragged")
    expect(book.run(1)).not_to_contain_text("Error")


def test_a_form_shows_its_line_refuses_and_creates(panel: Locator, desk: Page, service: Service) -> None:
    (service.lab.root / "made.csv").write_text("a\n1\n", encoding="utf-8")
    fold(panel, "Data")
    panel.get_by_role("button", name="New: data", exact=True).click()
    form = desk.locator(".jp-AmlLab-page:visible")
    name = f"made{secrets.token_hex(3)}"

    form.get_by_label("name", exact=False).first.fill(name)
    form.get_by_label("path", exact=False).first.fill("nowhere.csv")
    expect(form.locator("pre.jp-AmlLab-code").first).to_have_text(f"%aml data create --name {name} --path nowhere.csv")
    form.get_by_role("button", name="Run", exact=True).click()
    expect(form.get_by_role("alert")).to_contain_text("nowhere.csv")
    faultless(desk)
    form.get_by_label("path", exact=False).first.fill("made.csv")
    form.get_by_role("button", name="Run", exact=True).click()

    expect(form.get_by_role("status")).to_contain_text("Done.")
    expect(row(panel, name)).to_be_visible()
