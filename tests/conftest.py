"""What holds in every test: no network but loopback, a store of its own, no process left behind."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HOST_SECONDS = 10.0
LOOPBACK_NAMES = {"localhost", "ip6-localhost", ""}


class NetworkRefusedError(OSError):
    """A test tried to leave the machine."""


def is_loopback(host: Any) -> bool:
    """Whether a host name or address is this machine."""
    text = host.decode() if isinstance(host, bytes) else str(host or "")
    if text in LOOPBACK_NAMES or text == socket.gethostname():
        return True
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection and name look-up that leaves the machine."""
    plain = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}

    def guarded(name: str) -> Any:
        def call(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[-1]
            if self.family in {socket.AF_INET, socket.AF_INET6} and isinstance(address, tuple):
                refuse(address[0])
            return plain[name](self, *arguments)

        return call

    def refuse(host: Any) -> None:
        if not is_loopback(host):
            msg = f"a test must not reach {host!r}"
            raise NetworkRefusedError(msg)

    lookup = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **named: Any) -> Any:
        if host not in {"0.0.0.0", "::", None}:
            refuse(host)
        return lookup(host, *arguments, **named)

    for name in plain:
        monkeypatch.setattr(socket.socket, name, guarded(name))
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The test's own store (JUPYTER_AML_HOME), in a short path; its host process is ended after the test."""
    folder = Path(tempfile.mkdtemp(prefix="aml-"))
    monkeypatch.setenv("JUPYTER_AML_HOME", str(folder))
    for name in ("JUPYTER_AML_OFFLINE", "AZUREML_CURRENT_CLOUD", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    yield folder
    forget()
    end_host(folder)
    shutil.rmtree(folder, ignore_errors=True)


def forget() -> None:
    """Disconnect whatever the test connected, and wait for the threads that ring."""
    for thread in threading.enumerate():
        if thread.name == "jupyter_aml-ring":
            thread.join(HOST_SECONDS)
    connect = sys.modules.get("jupyter_aml.client.connect")
    if connect is not None:
        connect.disconnect()
    services = sys.modules.get("jupyter_aml.client.services")
    if services is not None:
        for service in services.opened():
            services.close(service.store.home)


def end_host(folder: Path) -> None:
    """End the host process of a store, if one was started, and its endpoints', and wait until they are gone."""
    if not (folder / "host").is_dir():
        return
    stop_host(folder)
    if any(folder.glob("workspaces/*/*/serving")):
        from jupyter_aml.testing import hosts

        hosts.end_endpoints(folder)


def stop_host(folder: Path) -> None:
    """Ask the host to end, and kill it when it does not."""
    from jupyter_aml.errors import StoreError
    from jupyter_aml.local.store import bell

    answer: dict[str, Any] | None = None
    until = time.monotonic() + HOST_SECONDS
    while answer is None and time.monotonic() < until:
        with contextlib.suppress(StoreError):
            answer = bell.ask(folder, {"op": "status"}, timeout=2.0)
        if answer is None:
            if not (folder / "host" / "host.log").exists():
                return
            time.sleep(0.05)
    pid = int((answer or {}).get("pid") or 0)
    if not pid:
        return
    with contextlib.suppress(StoreError):
        bell.ask(folder, {"op": "stop"}, timeout=5.0)
    until = time.monotonic() + HOST_SECONDS
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    if alive(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether a process runs; a child that has ended is reaped."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
