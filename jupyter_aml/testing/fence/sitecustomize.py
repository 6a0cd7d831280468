"""Refuses every connection and name look-up that leaves the machine; Python imports it at its start."""

from __future__ import annotations

import os
import sys
from typing import Any

REPORT = os.environ.get("JUPYTER_AML_FENCE", "")
LOOPBACK_NAMES = {"", "localhost", "ip6-localhost", "0.0.0.0", "::"}  # noqa: S104 - names to let through, nothing is bound


def loopback(host: Any) -> bool:
    """Whether a host's name or address is this machine."""
    import ipaddress
    import socket

    text = (host.decode() if isinstance(host, bytes) else str(host or "")).partition("%")[0]
    if text in LOOPBACK_NAMES or text == socket.gethostname():
        return True
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def install(report: str) -> None:
    """Put the fence into the module `socket`."""
    import errno
    import socket

    def refuse(host: Any, error: OSError) -> None:
        if loopback(host):
            return
        line = f"{host} asked by process {os.getpid()}: {' '.join(getattr(sys, 'orig_argv', [])[:4])}\n"
        with open(report, "a", encoding="utf-8") as file:  # noqa: PTH123 - no pathlib at the start of every process
            file.write(line)
        raise error

    def guarded(plain: Any) -> Any:
        def call(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[-1]
            if self.family in {socket.AF_INET, socket.AF_INET6} and isinstance(address, tuple):
                refuse(address[0], OSError(errno.ENETUNREACH, "this process is fenced", str(address[0])))
            return plain(self, *arguments)

        return call

    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **named: Any) -> Any:
        refuse(host, socket.gaierror(socket.EAI_FAIL, f"this process is fenced: {host!r}"))
        return look_up(host, *arguments, **named)

    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
    socket.getaddrinfo = getaddrinfo


if REPORT:
    install(REPORT)
