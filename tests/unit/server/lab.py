"""A real Jupyter Server with the extension, as another process."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_aml.testing import hosts

SECONDS = 60.0


@dataclass
class Lab:
    """Where the server is, and how it is asked.

    Attributes:
        root: Its folder, with the store in `home`.
        url: Its address, with a slash at the end.
    """

    root: Path
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        return self.root / "home"

    def start(self) -> None:
        environment = {
            **os.environ,
            "JUPYTER_AML_HOME": str(self.home),
            "HOME": str(self.root),
            "JUPYTER_RUNTIME_DIR": str(self.root),
        }
        command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--port=0", "--ip=127.0.0.1"]
        command += [f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.root}"]
        command += ["--ServerApp.jpserver_extensions={'jupyter_aml.server': True}"]
        with (self.root / "server.log").open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, cwd=self.root, stderr=log)
        self.url = self._address(self.process)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)

    def _address(self, process: subprocess.Popen[bytes]) -> str:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            for record in self.root.glob("jpserver-*.json"):
                self.url = str(json.loads(record.read_text()).get("url") or "")
                try:
                    if self.url and self.ask("api")[0] == 200:
                        return self.url
                except urllib.error.URLError:
                    break
            time.sleep(0.1)
        msg = f"Jupyter Server did not come up: {(self.root / 'server.log').read_text()}"
        raise TimeoutError(msg)

    def ask(self, path: str, token: str | None = None) -> tuple[int, Any]:
        """Status and JSON of a GET."""
        return self.send("GET", path, token=token)

    def send(self, method: str, path: str, sent: Any = None, token: str | None = None) -> tuple[int, Any]:
        """Status and JSON of a request; the path is below the server's address."""
        headers = {
            "Authorization": f"token {self.token if token is None else token}",
            "Content-Type": "application/json",
        }
        body = None if sent is None else json.dumps(sent).encode()
        request = urllib.request.Request(
            f"{self.url}{path}", body, {**headers, "Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return answer.status, _parsed(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _parsed(error.read())

    def raw(self, method: str, path: str, headers: dict[str, str]) -> int:
        """Status of a request that bears these headers and no others."""
        host = self.url.split("/")[2]
        connection = http.client.HTTPConnection(host, timeout=SECONDS)
        try:
            connection.request(method, "/" + self.url.split("/", 3)[3] + path, body="{}", headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()


@contextmanager
def running(root: Path) -> Iterator[Lab]:
    """A server in a folder, ended after the block with the host of its store."""
    made = Lab(root)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        hosts.stop(made.home)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
