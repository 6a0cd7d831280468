"""A JupyterLab of its own in Chromium: free loopback port, own settings, own store, no way off the machine.

Playwright's event loop would stay in this thread for the rest of a session, so browser and server live as long as
this folder's tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from jupyter_aml.testing import fence, hosts
from tests.browser.book import LIGHT, PATIENCE, Book

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1280, 1000
SHUTDOWN = 15.0
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/themes": {"theme": LIGHT},
}


@dataclass
class Lab:
    """A running JupyterLab.

    Attributes:
        url: With a slash at its end.
        root: Its notebooks.
        home: The store of its kernels.
        report: The attempts of its processes to leave the machine.
    """

    url: str
    token: str
    root: Path
    home: Path
    report: Path


@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    """A JupyterLab, ended with its kernels and its host."""
    folder = Path(tempfile.mkdtemp(prefix="aml-lab-"))
    root, home, report = folder / "notebooks", folder / "home", folder / "network.txt"
    root.mkdir()
    token = secrets.token_hex(16)
    log = folder / "lab.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            _command(root, token), env=_environment(folder, home, report), cwd=root, stdout=out, stderr=out
        )
    try:
        yield Lab(_address(folder / "runtime", process, log, token), token, root, home, report)
        assert fence.attempts(report) == []
    finally:
        _end(process)
        hosts.stop(home)
        shutil.rmtree(folder, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a JupyterLab; one that hangs while it ends its kernels is killed, and they end by themselves."""
    process.terminate()
    try:
        process.wait(SHUTDOWN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE)


def _command(root: Path, token: str) -> list[str]:
    options = {
        "IdentityProvider.token": token,
        "ServerApp.root_dir": root,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": 0,
        "LabApp.expose_app_in_browser": True,
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    return [*command, *(f"--{name}={value}" for name, value in options.items())]


def _environment(folder: Path, home: Path, report: Path) -> dict[str, str]:
    settings = folder / "settings"
    for name, values in SETTINGS.items():
        file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "JPY_", "MLFLOW"))}
    return fence.environment(report, plain) | {
        "HOME": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTER_AML_HOME": str(home),
        "JUPYTER_AML_OFFLINE": "1",
    }


def _address(runtime: Path, process: subprocess.Popen[bytes], log: Path, token: str) -> str:
    """The URL of the server, once it answers."""
    deadline = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        for record in runtime.glob("jpserver-*.json"):
            with contextlib.suppress(ValueError, urllib.error.URLError):
                address = str(json.loads(record.read_text(encoding="utf-8"))["url"])
                request = urllib.request.Request(f"{address}api", headers={"Authorization": f"token {token}"})
                with urllib.request.urlopen(request, timeout=PATIENCE):
                    return address
        time.sleep(0.1)
    msg = f"JupyterLab did not come up: {log.read_text(encoding='utf-8')[-4000:]}"
    raise TimeoutError(msg)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "No Chromium: make chromium"
    quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=quiet)
        yield browser
        browser.close()


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
