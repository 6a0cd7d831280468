"""The fence that the notebooks run behind: it must hold, or their offline run proves nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_aml.testing import fence


def fenced(code: str, report: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env=fence.environment(report),
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("code", "host"),
    [
        ("import socket; socket.create_connection(('203.0.113.7', 443), timeout=1)", "203.0.113.7"),
        ("import socket; socket.getaddrinfo('management.azure.com', 443)", "management.azure.com"),
        ("import urllib.request; urllib.request.urlopen('https://example.org', timeout=1)", "example.org"),
        ("import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('203.0.113.7', 53))", "203.0.113.7"),
    ],
)
def test_leaving_the_machine_is_refused_and_written_down(code: str, host: str, tmp_path: Path) -> None:
    ran = fenced(code, tmp_path / "report")

    assert ran.returncode != 0
    assert "fenced" in ran.stderr
    (line,) = fence.attempts(tmp_path / "report")
    assert line.startswith(f"{host} asked by process ")


def test_a_child_process_is_fenced_too(tmp_path: Path) -> None:
    child = "import socket; socket.getaddrinfo('x.test', 1)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    fenced(code, tmp_path / "report")

    assert [line.split()[0] for line in fence.attempts(tmp_path / "report")] == ["x.test"]


def test_loopback_is_let_through(tmp_path: Path) -> None:
    code = """
import socket
door = socket.create_server(("127.0.0.1", 0))
socket.create_connection(("localhost", door.getsockname()[1]), timeout=5)
"""
    ran = fenced(code, tmp_path / "report")

    assert ran.returncode == 0, ran.stderr
    assert fence.attempts(tmp_path / "report") == []
