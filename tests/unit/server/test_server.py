"""The server extension in a real Jupyter Server."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_aml.local.store.catalogue import Store

TOKEN = secrets.token_hex(8)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("server")
    home = root / "home"
    store = Store.open(home)
    store.rings = False
    store.create()
    environment = {**os.environ, "JUPYTER_AML_HOME": str(home), "HOME": str(root), "JUPYTER_RUNTIME_DIR": str(root)}
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--port=0"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}", "--ip=127.0.0.1"]
    command += ["--ServerApp.jpserver_extensions={'jupyter_aml.server': True}"]
    process = subprocess.Popen(command, env=environment, cwd=root, stderr=subprocess.DEVNULL)
    try:
        yield _address(root, process)
    finally:
        process.terminate()
        process.wait(10)


def _address(root: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        for record in root.glob("jpserver-*.json"):
            address = json.loads(record.read_text()).get("url")
            if address:
                try:
                    ask(f"{address}api")
                except urllib.error.URLError:
                    break
                return str(address)
        time.sleep(0.1)
    msg = "Jupyter Server did not come up."
    raise TimeoutError(msg)


def ask(url: str, token: str = TOKEN) -> tuple[int, object]:
    request = urllib.request.Request(url, headers={"Authorization": f"token {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_workspaces_are_listed(base: str) -> None:
    status, found = ask(f"{base}jupyter-aml/workspaces")

    assert status == 200
    assert [one["name"] for one in found["value"]] == ["local"]


def test_arm_is_answered_without_a_kernel(base: str) -> None:
    _, found = ask(f"{base}jupyter-aml/workspaces")

    status, stores = ask(f"{base}jupyter-aml/arm{found['value'][0]['id']}/datastores?isDefault=true")

    assert status == 200, stores
    assert [one["name"] for one in stores["value"]] == ["workspaceblobstore"]


def test_a_stranger_is_refused(base: str) -> None:
    assert ask(f"{base}jupyter-aml/workspaces", token="wrong")[0] == 403
    assert ask(f"{base}jupyter-aml/arm/subscriptions", token="wrong")[0] == 403


def test_a_refusal_keeps_its_status_and_code(base: str) -> None:
    status, answer = ask(f"{base}jupyter-aml/arm/subscriptions/nobody")

    assert (status, answer["error"]["code"]) == (404, "SubscriptionNotFound")
