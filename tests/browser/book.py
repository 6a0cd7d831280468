"""A notebook that is open in JupyterLab, driven as a person drives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page

PATIENCE = 60.0
RUN = """async index => {
  const app = window.jupyterapp, book = app.shell.currentWidget.content;
  book.activeCellIndex = index;
  book.deselectAll();
  await app.commands.execute('notebook:run-cell');
}"""
READY = """() => {
  const widget = window.jupyterapp?.shell?.currentWidget;
  return widget?.context?.isReady && widget.sessionContext?.session?.kernel?.status === 'idle';
}"""
SAVED = "() => window.jupyterapp.shell.currentWidget.context.model.dirty === false"
WIDE = """width => [...document.querySelectorAll('.jp-Notebook .jp-Aml')]
  .map(card => card.scrollWidth - card.clientWidth)
  .filter(excess => excess > 1)"""


class Book:
    """One open notebook.

    Args:
        page: Shows JupyterLab with the notebook in front.
        file: The notebook on disk.
    """

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.file = file

    @classmethod
    def open(cls, page: Page, url: str, file: Path) -> Book:
        """Open a notebook and wait for its kernel."""
        page.goto(url)
        page.wait_for_function(READY)
        return cls(page, file)

    def cell(self, index: int) -> Locator:
        """A cell's element."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """The element of a cell's outputs."""
        return self.cell(index).locator(".jp-OutputArea").first

    def card(self, index: int) -> Locator:
        """The first of our cards below a cell."""
        return self.output(index).locator(".jp-Aml-card").first

    def start(self, index: int) -> None:
        """Run a cell and do not wait."""
        self.page.evaluate(f"index => void ({RUN})(index)", index)

    def run(self, index: int) -> Locator:
        """Run a cell to its end; its outputs."""
        self.page.evaluate(RUN, index)
        return self.output(index)

    def command(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Execute one of JupyterLab's commands."""
        self.page.evaluate(
            "([name, given]) => window.jupyterapp.commands.execute(name, given)", [name, arguments or {}]
        )

    def save(self) -> Any:
        """Save the notebook; what the file holds."""
        self.command("docmanager:save")
        self.page.wait_for_function(SAVED)
        return nbformat.read(self.file, as_version=4)

    def theme(self, name: str) -> None:
        """Change JupyterLab's theme."""
        self.command("apputils:change-theme", {"theme": name})
        light = "true" if name.endswith("Light") else "false"
        self.page.wait_for_selector(f"body[data-jp-theme-light='{light}']", state="attached")
