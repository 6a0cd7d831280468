"""A JupyterLab of its own in Chromium: free loopback port, own settings, own store, no way off the machine."""

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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect, sync_playwright

from jupyter_aml.testing import fence, hosts
from tests.browser.book import LIGHT, PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome")
SHUTDOWN = 15.0
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/themes": {"theme": LIGHT},
}


@dataclass
class Lab:
    """A running JupyterLab.

    Attributes:
        folder: All that is its own.
        url: With a slash at its end.
        root: Its notebooks.
        home: The store of its kernels.
        report: The attempts of its processes to leave the machine.
    """

    folder: Path
    token: str
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def root(self) -> Path:
        return self.folder / "notebooks"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def layout(self, workspace: str) -> str:
        """What JupyterLab has written of a workspace's layout; it writes a second after a change."""
        files = (self.folder / "workspaces").glob(f"{workspace}-*")
        return "".join(file.read_text(encoding="utf-8") for file in files)

    @property
    def report(self) -> Path:
        return self.folder / "network.txt"

    def start(self) -> None:
        """Start it, at the address that it had before."""
        log = self.folder / "lab.log"
        port = urlsplit(self.url).port or 0
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                _command(self.root, self.token, port),
                env=_environment(self.folder, self.home, self.report),
                cwd=self.root,
                stdout=out,
                stderr=out,
            )
        self.url = _address(self.folder / "runtime", self.process, log, self.token)

    def stop(self) -> None:
        """End it; one that hangs while it ends its kernels is killed, and they end by themselves."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(SHUTDOWN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(PATIENCE)


@contextlib.contextmanager
def running() -> Iterator[Lab]:
    """A JupyterLab, ended with its kernels and its host."""
    folder = Path(tempfile.mkdtemp(prefix="aml-lab-"))
    lab = Lab(folder, secrets.token_hex(16))
    lab.root.mkdir()
    try:
        lab.start()
        yield lab
        assert fence.attempts(lab.report) == []
    finally:
        lab.stop()
        hosts.stop(lab.home)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
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


def _command(root: Path, token: str, port: int) -> list[str]:
    options = {
        "IdentityProvider.token": token,
        "ServerApp.root_dir": root,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
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
