"""The worker's end of the way home: a port of its loopback whose connections lead to the service.

Processes of a run then reach the service as they do at home, over plain HTTP on the loopback; on its way between
machines it is encrypted, and both sides show certificates, where the cluster's own connections are.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.runtime import polling

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 60.0
"""How long a connection waits for a service that does not listen: its host comes back at the same port."""
CONNECT_SECONDS = 10.0
AGAIN_SECONDS = 0.2
PIECE = 1 << 16


def secured(keys: Mapping[str, str], folder: Path) -> ssl.SSLContext:
    """How a worker speaks to the service: it trusts the cluster's authority alone, and shows its own certificate.

    Args:
        keys: `ca`, `cert` and `key`: paths, or texts in PEM.
        folder: A private one, for texts.
    """

    def path(part: str) -> str:
        if "\n" not in keys[part]:
            return keys[part]
        file = folder / f"{part}.pem"
        file.touch(mode=0o600)
        file.write_text(keys[part], encoding="utf-8")
        return str(file)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # a cluster's authority is its own, and its machines go by addresses
    context.load_verify_locations(path("ca"))
    context.load_cert_chain(path("cert"), path("key"))
    return context


def way(home: str, keys: Mapping[str, str] | None, folder: Path) -> Direct | Tunnel:
    """The way home from here.

    Args:
        home: Address of the service.
        keys: The worker's, as of `secured`; None when its connections are plain.
        folder: A private one.

    Raises:
        ResourceError: The service wants certificates, and the worker has none.
    """
    parts = urlsplit(home)
    if parts.scheme == "https":
        if not keys:
            raise ResourceError(
                "The worker has no certificates, but the way home is encrypted.",
                code="SystemError",
                remedy="Start the worker with --tls-ca-file, --tls-cert and --tls-key.",
            )
        return Tunnel(home, secured(keys, folder))
    return Direct(home) if parts.hostname == LOOPBACK else Tunnel(home, None)


class Direct:
    """The way home of a worker on the same machine: the service listens on the loopback itself.

    Args:
        home: `http://127.0.0.1:PORT`.
    """

    def __init__(self, home: str) -> None:
        self.url = home
        self.port = urlsplit(home).port or 0

    def close(self) -> None:
        """Nothing is open."""


class Tunnel:
    """A listening port of the loopback.

    Args:
        home: Where it leads: `http://HOST:PORT` or `https://HOST:PORT`.
        context: How to encrypt what goes there; None for plain.
    """

    def __init__(self, home: str, context: ssl.SSLContext | None) -> None:
        parts = urlsplit(home)
        self._home = (parts.hostname or "", parts.port or 0)
        self._context = context
        self._socket = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, name="jupyter_aml-tunnel", daemon=True).start()

    @property
    def url(self) -> str:
        """Where processes of the run find the service."""
        return f"http://{LOOPBACK}:{self.port}"

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def connect(self, patience: float = PATIENCE_SECONDS) -> socket.socket:
        """A connection to the service.

        Args:
            patience: Seconds to wait for one that does not listen.

        Raises:
            OSError: Nobody listens there, or they do not trust us.
        """
        until = time.monotonic() + patience
        while True:
            try:
                plain = socket.create_connection(self._home, CONNECT_SECONDS)
                break
            except ConnectionError:
                if time.monotonic() >= until:
                    raise
                time.sleep(AGAIN_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            plain.settimeout(None)
            return plain
        try:
            wrapped = self._context.wrap_socket(plain, server_hostname=self._home[0])
        except BaseException:
            plain.close()
            raise
        wrapped.settimeout(None)
        return wrapped

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        """Carry bytes both ways until either side ends; in one thread, for a TLS connection cannot be shared by two."""
        far: socket.socket | None = None
        try:
            far = self.connect()
            for end in (near, far):
                end.settimeout(0.0)
            while _carry(near, far):
                pass
        except OSError:
            pass  # whoever is at the other end sees it
        finally:
            near.close()
            if far is not None:
                far.close()


def _carry(near: socket.socket, far: socket.socket) -> bool:
    """Pass on what has come; whether both sides are still there."""
    held = isinstance(far, ssl.SSLSocket) and far.pending() > 0
    ready = polling.readable([near, far], 0 if held else None)
    for source, target in ((far, near), (near, far)):
        if source not in ready and not (held and source is far):
            continue
        try:
            piece = source.recv(PIECE)
        except (ssl.SSLWantReadError, BlockingIOError):
            continue
        if not piece:
            return False
        _send(target, piece)
    return True


def _send(target: socket.socket, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        try:
            view = view[target.send(view) :]
        except (ssl.SSLWantWriteError, BlockingIOError):
            polling.writable([target])
        except ssl.SSLWantReadError:
            polling.readable([target])
