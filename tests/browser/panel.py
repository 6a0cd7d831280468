"""The panel and its pages, driven as a person drives them, over a workspace that the tests fill."""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.book import PATIENCE
from tests.browser.lab import Lab

ENVIRONMENT = "azureml:AzureML-sklearn-1.5@latest"
HARM = "<img src=x onerror='window.harmed=1'>"
AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
FAULTS = """async selector => (await axe.run(selector, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}))
  .violations.map(one => [one.id, one.nodes[0].html.slice(0, 200), one.nodes[0].failureSummary])"""
CLOSE = """() => [...window.jupyterapp.shell.widgets('main')]
  .filter(widget => widget.id.startsWith('aml-'))
  .forEach(widget => widget.dispose())"""


class Service:
    """The workspace as the panel's server answers for it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.workspace = ""

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        headers = {"Authorization": f"token {self.lab.token}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.lab.url}jupyter-aml/{path}", sent, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read() or b"null")

    def run(self, *words: str, body: str | None = None) -> str:
        """What a verb of `aml` prints."""
        asked = {"workspace": self.workspace, "words": list(words), "body": body}
        ended = self.ask("commands", "POST", asked)
        assert ended["code"] == 0, ended
        return str(ended["output"])

    def job(self, script: str, **more: str) -> str:
        """The name of a new job that runs a script of Python."""
        folder = self.lab.root / f"code-{secrets.token_hex(4)}"
        folder.mkdir()
        (folder / "main.py").write_text(script, encoding="utf-8")
        name = f"panel_{secrets.token_hex(4)}"
        asked = {"name": name, "code": str(folder), "command": "python -u main.py", "environment": ENVIRONMENT, **more}
        self.run("job", "create", "--file", "-", body=json.dumps(asked))
        return name

    def status(self, name: str) -> str:
        return str(self.ask(f"arm{self.workspace}/jobs/{name}")["properties"]["status"])

    def ended(self, name: str) -> str:
        until = time.monotonic() + PATIENCE
        while (status := self.status(name)) not in {"Completed", "Failed", "Canceled"}:
            assert time.monotonic() < until, status
            time.sleep(0.05)
        return status


def fold(panel: Locator, title: str) -> None:
    """Open a section."""
    button = panel.get_by_role("button", name=title, exact=True)
    if button.get_attribute("aria-expanded") != "true":
        button.click()
    expect(button).to_have_attribute("aria-expanded", "true")


def row(panel: Locator, text: str) -> Locator:
    return panel.get_by_role("treeitem").filter(has_text=text)


def page_of(desk: Page, title: str) -> Locator:
    return desk.locator(".jp-AmlLab-page:visible").filter(has=desk.get_by_role("heading", name=title))


def faultless(desk: Page, selector: str = "") -> None:
    """Assert that axe finds no fault in the page in front and in the panel, or in what a selector names."""
    if not desk.evaluate("() => !!window.axe"):
        desk.add_script_tag(path=AXE)
    front = desk.evaluate("() => '#' + CSS.escape(window.jupyterapp.shell.currentWidget.id)")
    for part in [selector] if selector else [front, "#jupyter-aml"]:
        assert desk.evaluate(FAULTS, part) == []
