"""The outer door: the service where workers of an attached cluster reach it; there only while one is attached.

Who comes in bears the token of a run that was sent away; a person's token, a job's of this machine, a cookie or a
ticket are not taken, and no page of any site may ask. Where the cluster's connections are encrypted, this one is, too,
and both sides show a certificate of the cluster's authority. A worker's processes ask through a port of their own
loopback, so the Host that they name is that one.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_aml.agent import records
from jupyter_aml.errors import AmlError, ResourceError
from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.doors.http import NAMES, Answering, Server
from jupyter_aml.local.doors.http_wire import Head
from jupyter_aml.local.jobs import away
from jupyter_aml.local.runtime import engines
from jupyter_aml.local.runtime.engines import Attached
from jupyter_aml.local.store import records as resources
from jupyter_aml.local.store.workspace import Workspace

HANDSHAKE_SECONDS = 10.0
PORTS = "doors.json"
"""Where a host notes the ports of its outer doors, for the next one to take the same."""


class OuterServer(Server):
    """A listening outer door.

    Args:
        service: Who answers.
        address: Where to listen.
        port: A port to bind; 0 for any free one.
        context: How connections are encrypted; None for plain ones.
    """

    browsable = False

    def __init__(self, service: Answering, address: str, port: int, context: ssl.SSLContext | None) -> None:
        self.address = address
        self.family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
        self.scheme = "https" if context else "http"
        self._context = context
        super().__init__(service, port, self._verify)

    @property
    def url(self) -> str:
        at = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{at}:{self.port}"

    def wrapped(self, connection: socket.socket) -> socket.socket:
        if self._context is None:
            return connection
        connection.settimeout(HANDSHAKE_SECONDS)
        return self._context.wrap_socket(connection, server_side=True)

    def refuse_strangers(self, head: Head) -> None:
        if "origin" in head.headers:
            raise ResourceError("No page may ask here.", status=403, code="OriginNotAllowed")
        host = head.headers.get("host", "").lower()
        name = urlsplit(f"//{host}").hostname or ""
        if name not in {*NAMES, self.address.lower()}:
            raise ResourceError(f"The host '{host}' is not answered here.", status=421, code="MisdirectedRequest")

    def base_for(self, head: Head) -> str:
        return f"http://{head.headers.get('host', '')}"

    def _verify(self, token: str) -> Identity | None:
        found = tokens.verify(self.service.store, token)
        return found if found is not None and found.away and found.job else None


class OuterDoors:
    """The outer doors of a store's attached computes, opened when one is needed.

    Args:
        service: Who answers.
        loopback: Address of the loopback door.
        folder: The host's folder, where the ports are noted.
    """

    def __init__(self, service: Answering, loopback: Callable[[], str], folder: Path) -> None:
        self._service = service
        self._loopback = loopback
        self._ports = folder / PORTS
        self._open: dict[tuple[str, str, str, bool], OuterServer] = {}
        self._lock = threading.Lock()

    def url(self, workspace: Workspace, attached: Attached) -> str:
        """The address at which the workers of a compute reach the service; it listens there from now on.

        Raises:
            AmlError: The port cannot be used.
            OSError: The address is not this machine's any more.
        """
        if not attached.door:
            return self._loopback()
        name = (workspace.entry.id, attached.name.lower(), attached.door, attached.secure)
        with self._lock:
            found = self._open.get(name)
            if found is None:
                found = self._open[name] = self._listen(workspace, attached)
            return found.url

    def again(self, workspaces: Iterable[Workspace]) -> None:
        """Open those that an earlier host had open, whose workers may be waiting; close those that nobody needs."""
        noted = records.read(str(self._ports)) or {}
        wanted = set()
        for workspace in workspaces:
            with workspace.database.read() as reader:
                found = resources.named(reader, "computes", resources.ALL, None, 1000)
            for record in found:
                attached = engines.read(record.name, record.body)
                if attached is not None and attached.door:
                    wanted.add((workspace.entry.id, attached.name.lower(), attached.door, attached.secure))
                    if self._note(workspace, attached) in noted:
                        with contextlib.suppress(AmlError, OSError):
                            self.url(workspace, attached)
        with self._lock:
            for name in set(self._open) - wanted:
                self._open.pop(name).close()

    def close(self) -> None:
        """Close all."""
        with self._lock:
            for server in self._open.values():
                server.close()
            self._open.clear()

    @property
    def connections(self) -> int:
        """How many workers' connections there are."""
        with self._lock:
            return sum(server.connections for server in self._open.values())

    @staticmethod
    def _note(workspace: Workspace, attached: Attached) -> str:
        return f"{workspace.entry.id}/{attached.name.lower()}/{attached.door}"

    def _listen(self, workspace: Workspace, attached: Attached) -> OuterServer:
        address, port = engines.door(attached.door)
        context = encrypted(away.keys(workspace, attached)) if attached.secure else None
        noted, name = records.read(str(self._ports)) or {}, self._note(workspace, attached)
        held = int(noted.get(name) or 0)
        try:
            server = OuterServer(self._service, address, port or held, context)
        except AmlError:
            if port or not held:
                raise
            server = OuterServer(self._service, address, 0, context)
        records.write(str(self._ports), {**noted, name: server.port})
        return server


def encrypted(keys: Mapping[str, str]) -> ssl.SSLContext:
    """How the door speaks: it shows our certificate, and lets in who shows one of the same authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=keys["ca"])
    with tempfile.TemporaryDirectory() as folder:  # readable by nobody else
        chain = Path(folder, "chain.pem")
        chain.write_text(f"{keys['cert']}\n{keys['key']}", encoding="utf-8")
        context.load_cert_chain(chain)
    return context
