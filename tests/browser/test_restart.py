"""Jupyter Server ends and comes back while the panel is open: the panel finds what has happened meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from jupyter_aml.local.store.catalogue import Store
from tests.browser import lab as labs

pytestmark = pytest.mark.browser


def create(home: Path, name: str, file: Path) -> None:
    """Register a data asset from a terminal, without Jupyter."""
    words = ["data", "create", name, str(file)]
    environment = {**os.environ, "JUPYTER_AML_HOME": str(home)}
    subprocess.run([sys.executable, "-m", "jupyter_aml.cli", *words], check=True, env=environment, capture_output=True)


@pytest.mark.timeout(300)
def test_the_panel_shows_what_happened_while_its_server_was_away(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n", encoding="utf-8")
    with labs.running() as lab:
        store = Store.open(lab.home)
        store.create()
        store.database.close()
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{lab.url}lab?reset&token={lab.token}")
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget")
        page.evaluate("() => window.jupyterapp.commands.execute('aml:show-panel')")
        panel = page.locator("#jupyter-aml")
        panel.get_by_role("button", name="Data", exact=True).click()
        create(lab.home, "before", file)
        expect(panel.get_by_role("treeitem").filter(has_text="before")).to_be_visible()

        lab.stop()
        create(lab.home, "meanwhile", file)
        lab.start()

        expect(panel.get_by_role("treeitem").filter(has_text="meanwhile")).to_be_visible()
        create(lab.home, "after", file)
        expect(panel.get_by_role("treeitem").filter(has_text="after")).to_be_visible()
        context.close()
