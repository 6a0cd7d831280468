"""A JupyterLab of its own in Chromium, for the tests of this folder.

Playwright's event loop would stay in this thread for the rest of a session, so browser and server live as long as
this folder's tests.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from jupyter_aml.local.store.catalogue import Store
from tests.browser import lab as labs
from tests.browser.book import PATIENCE, Book
from tests.browser.lab import Lab
from tests.browser.panel import CLOSE, Service, fold

WIDTH, HEIGHT = 1280, 1000
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    """A JupyterLab, ended with its kernels and its host."""
    with labs.running() as found:
        yield found


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium."""
    with labs.chromium() as found:
        yield found


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """An empty page."""
    context = _context(chromium)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="package")
def desk(chromium: Browser, lab: Lab) -> Iterator[Page]:
    """JupyterLab in a page that all tests share: loading it takes longer than most of them."""
    context = _context(chromium)
    page = context.new_page()
    page.goto(f"{lab.url}lab?reset&token={lab.token}")
    page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget")
    yield page
    context.close()


def _context(chromium: Browser) -> BrowserContext:
    context = chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    context.set_default_timeout(PATIENCE * 1000)
    return context


@pytest.fixture
def opened(lab: Lab, desk: Page, request: pytest.FixtureRequest) -> Iterator[Callable[..., Book]]:
    """Opens a notebook of some cells; it is closed and its kernel ended with the test."""

    def opened(*sources: str) -> Book:
        name = f"{request.node.name.partition('[')[0][:60]}-{secrets.token_hex(2)}.ipynb"
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), lab.root / name)
        return Book.open(desk, lab.root / name)

    yield opened
    _tidy(lab, desk)


@pytest.fixture
def opened_file(lab: Lab, desk: Page) -> Iterator[Callable[[str], Book]]:
    """Opens a copy of one of the product's notebooks, without the outputs that it keeps."""

    def opened_file(name: str) -> Book:
        content = nbformat.read(NOTEBOOKS / name, as_version=4)
        for cell in content.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(content, lab.root / name)
        return Book.open(desk, lab.root / name)

    yield opened_file
    _tidy(lab, desk)


def _tidy(lab: Lab, desk: Page) -> None:
    """Close the notebook of a test and end its kernel."""
    Book(desk, lab.root).close()
    desk.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    with contextlib.suppress(OSError):
        end_kernels(lab)


def end_kernels(lab: Lab) -> None:
    """End all kernels."""
    for kernel in _ask(lab, "GET", "api/sessions"):
        _ask(lab, "DELETE", f"api/sessions/{kernel['id']}")


def _ask(lab: Lab, method: str, path: str) -> Any:
    headers = {"Authorization": f"token {lab.token}"}
    request = urllib.request.Request(f"{lab.url}{path}", headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.loads(answer.read() or b"null")


@pytest.fixture(scope="package")
def service(lab: Lab) -> Service:
    store = Store.open(lab.home)
    store.rings = False
    if not store.entries():
        store.create()
    store.database.close()
    made = Service(lab)
    made.workspace = made.ask("workspaces")["value"][0]["id"]
    return made


@pytest.fixture
def panel(desk: Page, service: Service) -> Iterator[Locator]:
    """The panel, open at the jobs."""
    desk.evaluate("() => window.jupyterapp.commands.execute('aml:show-panel')")
    found = desk.locator("#jupyter-aml")
    expect(found).to_be_visible()
    fold(found, "Jobs")
    yield found
    desk.evaluate(CLOSE)
    found.get_by_role("searchbox").fill("")
