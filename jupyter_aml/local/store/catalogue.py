"""The store: which subscriptions, resource groups and workspace folders this user has on this machine."""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from jupyter_aml.errors import ConflictError, StoreError
from jupyter_aml.local.store import bell, filesystem
from jupyter_aml.local.store.database import Database
from jupyter_aml.local.store.workspace import Entry, Workspace

GROUP = "local"
NAME = "local"
LOCATION = "local"
CATALOGUE = "store.db"
"""File of the catalogue, in the store's folder."""
ATTEND_SECONDS = 0.5
"""Between two looks whether the host of unfinished jobs still runs."""
START_SECONDS = 3.0
"""How long a host that was started may take before another one is tried."""


def default_home() -> Path:
    """`JUPYTER_AML_HOME`, else the user's data folder."""
    named = os.environ.get("JUPYTER_AML_HOME")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return platformdirs.user_data_path("jupyter_aml", appauthor=False)


class Store:
    """The catalogue of one user on one machine.

    Args:
        home: The store's folder.
        clock: Seconds since the epoch.
    """

    def __init__(self, home: Path, clock: Callable[[], float] = time.time) -> None:
        self.home = home
        self.clock = clock
        filesystem.make_folder(home)
        self.database = Database(home / CATALOGUE, "catalogue", clock)
        self.uuid = uuid.UUID(self._meta("uuid", str(uuid.uuid4())))
        self.subscription_id = str(uuid.uuid5(self.uuid, "subscription"))
        self.tenant_id = str(uuid.uuid5(self.uuid, "tenant"))
        self.rings = True
        self._attend_again = 0.0
        self._open: dict[str, Workspace] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, home: Path | None = None, clock: Callable[[], float] = time.time) -> Store:
        """The store in `home`, or in the default folder; made when absent.

        Raises:
            StoreError: The folder cannot be used.
        """
        return cls(home or default_home(), clock)

    def ring(self, *, start: bool) -> None:
        """Wake the host; `rings = False` silences this store (the host itself needs no bell)."""
        if self.rings:
            bell.ring(self.home, start=start)

    def attend(self) -> None:
        """See that a host runs, because somebody looks at a job that has not ended; asked often, it looks seldom."""
        now = time.monotonic()
        if self.rings and now >= self._attend_again:
            answered = bell.ring(self.home, start=True)
            self._attend_again = now + (ATTEND_SECONDS if answered else START_SECONDS)

    def door_port(self) -> int:
        """Port of the loopback door: chosen once, and bound again by every host while it is free."""
        return int(self._meta("door_port", "") or self.set_door_port(_free_port()))

    def set_door_port(self, port: int) -> int:
        """Record the port that the door listens on now."""
        with self.database.write() as transaction:
            transaction.execute(
                "INSERT INTO meta(key, value) VALUES ('door_port', ?)"
                " ON CONFLICT(key) DO UPDATE SET value=excluded.value",
                (str(port),),
            )
        return port

    def _meta(self, key: str, fresh: str) -> str:
        with self.database.read() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        if row is None:
            with self.database.write() as transaction:
                transaction.execute("INSERT OR IGNORE INTO meta(key, value) VALUES (?, ?)", (key, fresh))
                row = transaction.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return str(row["value"])

    def groups(self) -> list[sqlite3.Row]:
        """Resource groups of the local subscription: name, location, tags (JSON text), created."""
        with self.database.read() as connection:
            return connection.execute("SELECT * FROM resource_groups ORDER BY name").fetchall()

    def entries(self) -> list[Entry]:
        """All workspaces, by name."""
        with self.database.read() as connection:
            rows = connection.execute("SELECT * FROM workspaces ORDER BY name").fetchall()
        return [self._entry(row) for row in rows]

    def entry(self, subscription: str, group: str, name: str) -> Entry | None:
        """The workspace of that name, whatever the case."""
        return self._find("subscription=? AND grp=? AND name=?", (subscription, group, name))

    def owns(self, subscription: str) -> bool:
        """Whether a subscription is this store's own, or that of a workspace which it knows."""
        named = subscription.lower()
        own = named == self.subscription_id.lower()
        return own or any(entry.subscription.lower() == named for entry in self.entries())

    def entry_by_account(self, account: str) -> Entry | None:
        """The workspace whose storage account bears exactly that name."""
        return self._find("account=?", (account,))

    def entry_by_id(self, guid: str) -> Entry | None:
        """The workspace with that GUID."""
        return self._find("id=?", (guid.lower(),))

    def _find(self, where: str, values: tuple[str, ...]) -> Entry | None:
        with self.database.read() as connection:
            row = connection.execute(f"SELECT * FROM workspaces WHERE {where}", values).fetchone()  # noqa: S608
        return self._entry(row) if row else None

    def _entry(self, row: sqlite3.Row) -> Entry:
        folder = Path(row["folder"])
        return Entry(
            row["subscription"],
            row["grp"],
            row["name"],
            folder if folder.is_absolute() else self.home / folder,
            row["id"],
            row["account"],
            row["location"],
            row["created"],
        )

    def create(
        self, name: str = NAME, group: str = GROUP, folder: Path | None = None, location: str = LOCATION
    ) -> Entry:
        """Make a workspace, and its resource group when absent.

        A folder that already holds a workspace is taken as it is: it keeps its id.

        Raises:
            ConflictError: The name is taken by a workspace in another folder.
            StoreError: The folder cannot be used.
        """
        place = folder.absolute() if folder else Path("workspaces") / group.lower() / name.lower()
        whole = self.home / place
        filesystem.make_folder(whole)
        guid = self._identify(whole)
        now = self.clock()
        with self.database.write() as transaction:
            held = self.entry(self.subscription_id, group, name)
            if held is not None and held.folder != whole:
                raise ConflictError(
                    f"The workspace {group}/{name} exists already, in {held.folder}.",
                    remedy="Choose another name, or connect to that one.",
                )
            transaction.execute(
                "INSERT OR IGNORE INTO resource_groups(subscription, name, location, created) VALUES (?, ?, ?, ?)",
                (self.subscription_id, group, location, now),
            )
            transaction.execute(
                "INSERT OR IGNORE INTO workspaces(subscription, grp, name, folder, id, account, location,"
                " created, modified) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (self.subscription_id, group, name, str(place), guid, account(guid), location, now, now),
            )
            transaction.note("workspaces", f"{group}/{name}")
        made = self.entry(self.subscription_id, group, name)
        if made is None:
            raise StoreError(
                f"{whole} holds a copy of a workspace that this store has already under another name.",
                remedy="Connect to that one (`aml workspace list` names it), or open the copy in another store.",
            )
        return made

    def _identify(self, folder: Path) -> str:
        """The GUID that the workspace in `folder` bears, given now if it is new."""
        database = Database(folder / "workspace.db", "workspace", self.clock)
        with database.write() as transaction:
            transaction.execute("INSERT OR IGNORE INTO meta(key, value) VALUES ('id', ?)", (str(uuid.uuid4()),))
            row = transaction.execute("SELECT value FROM meta WHERE key='id'").fetchone()
        database.close()
        return str(row["value"])

    def forget(self, entry: Entry) -> None:
        """Take a workspace out of the catalogue; its folder stays."""
        with self.database.write() as transaction:
            transaction.execute("DELETE FROM workspaces WHERE id=?", (entry.id,))
            transaction.note("workspaces", f"{entry.group}/{entry.name}", "", "delete")
        with self._lock:
            self._open.pop(entry.id, None)

    def workspace(self, entry: Entry) -> Workspace:
        """The open workspace of an entry; one object per process."""
        with self._lock:
            held = self._open.get(entry.id)
            if held is None or held.folder != entry.folder:
                held = self._open[entry.id] = Workspace(self, entry)
            return held


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def account(guid: str) -> str:
    """Name of a workspace's storage account: 3 to 24 lower-case letters and digits."""
    return "aml" + guid.replace("-", "")[:21]
