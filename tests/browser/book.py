"""A notebook that is open in JupyterLab, driven as a person drives it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Error, Locator, Page

PATIENCE = 60.0
CONTRAST = 4.5
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
CONNECT = "%load_ext jupyter_aml\n%aml connect local;"
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
RESTART = "async () => await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
OPEN = """async ([path, kernel]) => {
  const quiet = {shouldStart: false, canStart: false, autoStartDefault: false};
  const open = {path, factory: 'Notebook', ...(kernel ? {} : {kernelPreference: quiet})};
  const widget = await window.jupyterapp.commands.execute('docmanager:open', open);
  await widget.context.ready;
}"""
CLOSE = """() => [...window.jupyterapp.shell.widgets('main')]
  .filter(widget => widget.context)
  .forEach(widget => widget.dispose())"""
KERNEL = "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.id ?? ''"
WRITE = """([index, text]) =>
  window.jupyterapp.shell.currentWidget.content.widgets[index].model.sharedModel.setSource(text)"""
SOURCE = "index => window.jupyterapp.shell.currentWidget.content.widgets[index].model.sharedModel.getSource()"
EDIT = """index => {
  const book = window.jupyterapp.shell.currentWidget.content;
  book.activeCellIndex = index;
  book.mode = 'edit';
  book.widgets[index].editor.focus();
}"""
TRUSTED = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
  .filter(cell => cell.type === 'code')
  .every(cell => cell.trusted)"""
SAVED = "() => window.jupyterapp.shell.currentWidget.context.model.dirty === false"
WIDE = """() => [...document.querySelectorAll('.jp-Notebook .jp-Aml, .jp-Notebook .jp-OutputArea-output pre')]
  .map(one => [one.scrollWidth - one.clientWidth, one.innerText.slice(0, 40)])
  .filter(([excess]) => excess > 1)"""
"""Outputs of ours that are wider than their place."""

FAINT = """least => {
  const read = text => {
    const found = text.match(/[\\d.]+(e-?\\d+)?/g).map(Number), scale = text.startsWith('color') ? 255 : 1;
    return [...found.slice(0, 3).map(part => part * scale), found[3] ?? 1];
  };
  const over = (top, ground) => ground.map((part, at) => top[3] * top[at] + (1 - top[3]) * part);
  const ground = element => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      layers.push(read(getComputedStyle(one).backgroundColor));
      if (layers.at(-1)[3] === 1) break;
    }
    return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const luminance = colour => {
    const [r, g, b] = colour.map(part => part / 255).map(part =>
      part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = [];
  for (const root of document.querySelectorAll('.jp-Notebook .jp-Aml, .jp-Notebook .jp-OutputArea-output pre')) {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement, text = texts.currentNode.data.trim();
      if (!text || element.closest('style, a')) continue;
      const behind = ground(element), colour = over(read(getComputedStyle(element).color), behind);
      const [low, high] = [luminance(behind), luminance(colour)].sort((one, other) => one - other);
      const ratio = (high + 0.05) / (low + 0.05);
      if (ratio < least) faint.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
    }
  }
  return faint;
}"""
CARD = ".jp-Aml-card, .jp-AmlLab-card"
OFFERED = ".jp-Completer:not(.lm-mod-hidden) .jp-Completer-item"


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
    def open(cls, page: Page, file: Path, *, kernel: bool = True) -> Book:
        """Open a notebook of the root folder.

        Args:
            page: Shows JupyterLab.
            file: The notebook.
            kernel: Whether to start a kernel for it and to wait for that.
        """
        page.evaluate(OPEN, [file.name, kernel])
        if kernel:
            page.wait_for_function(READY)
        return cls(page, file)

    def close(self) -> None:
        """Close it without saving; its kernel goes on."""
        self.page.evaluate(CLOSE)

    def cell(self, index: int) -> Locator:
        """A cell's element."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """The element of a cell's outputs."""
        return self.cell(index).locator(".jp-OutputArea").first

    def card(self, index: int) -> Locator:
        """The first of our cards below a cell, alive or frozen."""
        return self.output(index).locator(CARD).first

    def start(self, index: int) -> None:
        """Run a cell and do not wait."""
        self.page.evaluate(f"index => void ({RUN})(index)", index)

    def run(self, index: int) -> Locator:
        """Run a cell to its end; its outputs."""
        self.page.evaluate(RUN, index)
        return self.output(index)

    def write(self, index: int, source: str) -> None:
        """Replace what stands in a cell."""
        self.page.evaluate(WRITE, [index, source])

    def busy(self, index: int) -> bool:
        """Whether a cell still runs or waits to run."""
        return "*" in self.cell(index).locator(".jp-InputPrompt").inner_text()

    def restart(self) -> None:
        """Restart the kernel; its variables are gone."""
        self.page.evaluate(RESTART)
        self.page.wait_for_function(READY)

    def kernel(self) -> str:
        """The id of its kernel, empty while it has none."""
        return str(self.page.evaluate(KERNEL))

    def trusted(self) -> bool:
        """Whether JupyterLab shows the outputs as their kernel made them."""
        return bool(self.page.evaluate(TRUSTED))

    def command(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Execute one of JupyterLab's commands."""
        self.page.evaluate(
            "([name, given]) => window.jupyterapp.commands.execute(name, given)", [name, arguments or {}]
        )

    def complete(self, index: int, text: str) -> list[str]:
        """What JupyterLab's completer offers when TAB is pressed after a text."""
        self.write(index, "")
        self.page.evaluate(EDIT, index)
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Tab")
        offered = self.page.locator(OFFERED)
        with contextlib.suppress(Error):
            offered.first.wait_for(timeout=5000)
        return offered.locator(".jp-Completer-match").all_inner_texts()

    def accept(self, index: int) -> str:
        """Take what the completer offers first; the cell's text."""
        self.page.keyboard.press("Enter")
        self.page.locator(OFFERED).first.wait_for(state="hidden")
        return str(self.page.evaluate(SOURCE, index))

    def looks_right(self) -> None:
        """Assert that no output is wider than its place or fainter than WCAG's AA allows, in light and in dark."""
        for name in (LIGHT, DARK):
            self.theme(name)
            assert (name, self.page.evaluate(WIDE)) == (name, [])
            assert (name, self.page.evaluate(FAINT, CONTRAST)) == (name, [])
        self.theme(LIGHT)

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
