"""Opening a local workspace: by name, by folder, or the default one."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from pathlib import Path

from jupyter_aml.client import services, targets
from jupyter_aml.client.connection import Connection
from jupyter_aml.client.credentials import LocalCredential, local_identity
from jupyter_aml.client.targets import Target
from jupyter_aml.errors import ConnectError, StoreError
from jupyter_aml.local.app import Service
from jupyter_aml.local.store import bell, migrate
from jupyter_aml.local.store.catalogue import GROUP, NAME, Store
from jupyter_aml.local.store.workspace import Entry

DATABASE = "workspace.db"
LONGEST_NAME = 33
DRAIN_SECONDS = 15.0
LOOK_SECONDS = 0.05
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{1,32}$")


def open_workspace(target: Target, home: Path, identity: str = "") -> Connection:
    """A connection to a local workspace, which is made when it is not there.

    Raises:
        ConnectError: The name cannot be one, or the folder holds something else.
        StoreError: The folder cannot be used.
    """
    service = services.service(home)
    store = service.store
    notes: tuple[str, ...] = ()
    if target.path:
        entry = _by_path(store, Path(target.path).expanduser())
    else:
        known = _by_name(store, target)
        entry = known or _make(store, target)
        if known is None and target.name:
            notes = (f"The workspace {entry.group}/{entry.name} is new: it was made in {entry.folder}.",)
    service.workspace(entry)  # with the datastores that every workspace has
    ring(store)
    return connected(service, entry, identity, notes)


def connected(service: Service, entry: Entry, identity: str = "", notes: tuple[str, ...] = ()) -> Connection:
    """The connection to a workspace of an open service."""
    store = service.store
    who = local_identity(store, identity)
    return Connection(
        targets.LOCAL,
        entry.subscription,
        entry.group,
        entry.name,
        LocalCredential(store, who),
        identity=who.name,
        service=service,
        entry=entry,
        notes=notes,
    )


def recognised(target: Target, home: Path) -> Target:
    """The same target, as a local one when the subscription it names is a store's own."""
    known = [service.store for service in services.opened()]
    if (home / "store.db").exists():
        known.append(services.service(home).store)
    for store in known:
        entry = store.entry(target.subscription, target.group, target.workspace)
        if entry is not None and store.home == home:
            return Target("local", name=entry.name, group=entry.group)
        if target.subscription.lower() == store.subscription_id.lower():
            raise ConnectError(
                f"The local subscription has no workspace {target.group}/{target.workspace}.",
                remedy=f"Type connect('local:{target.workspace or NAME}').",
            )
    return target


def ring(store: Store) -> threading.Thread:
    """Wake the host, so that it is warm when the first job comes; starting it takes no time of the caller's."""

    def call() -> None:
        relieve(store.home)
        store.ring(start=True)

    thread = threading.Thread(target=call, name="jupyter_aml-ring", daemon=True)
    thread.start()
    return thread


def relieve(home: Path, seconds: float = DRAIN_SECONDS) -> bool:
    """Ask a host of an older package, which cannot read the store any more, to leave; whether one was asked.

    The runs that it started go on, and the next host finds them.
    """
    with contextlib.suppress(StoreError):  # one that does not answer is not ours to judge
        said = bell.ask(home, {"op": "status"})
        if said is None or not _older(said.get("formats") or {}):
            return False
        bell.ask(home, {"op": "drain"})
        until = time.monotonic() + seconds
        while time.monotonic() < until and bell.ring(home, start=False):
            time.sleep(LOOK_SECONDS)
        return True
    return False


def _older(formats: dict[str, int]) -> bool:
    return any(int(formats.get(series, 0)) < newest for series, newest in migrate.formats().items())


def _by_name(store: Store, target: Target) -> Entry | None:
    name = target.name or NAME
    if target.group:
        return store.entry(store.subscription_id, target.group, name)
    found = [entry for entry in store.entries() if entry.name.lower() == name.lower()]
    if len(found) > 1:
        groups = ", ".join(entry.group for entry in found)
        raise ConnectError(
            f"Several local workspaces are called {name!r}, in the resource groups {groups}.",
            remedy=f"Type connect(workspace_name={name!r}, resource_group_name={found[0].group!r}).",
        )
    return found[0] if found else None


def _make(store: Store, target: Target) -> Entry:
    name = target.name or NAME
    if not _NAME.match(name):
        raise ConnectError(
            f"{name!r} cannot be a workspace's name.",
            why="It has 2 to 33 letters, digits, dashes and underscores, and begins with a letter or digit.",
            remedy=f"Type connect('local:{suitable(name)}'), or connect('local:./{name}') for a folder.",
        )
    return store.create(name, target.group or GROUP)


def _by_path(store: Store, folder: Path) -> Entry:
    whole = folder.absolute()
    for entry in store.entries():
        if entry.folder == whole or (whole.exists() and entry.folder.resolve() == whole.resolve()):
            return entry
    if whole.exists() and not (whole / DATABASE).is_file():
        if not whole.is_dir():
            raise ConnectError(
                f"{folder} is a file; a workspace is a folder.", remedy="Name a folder that is new or empty."
            )
        if any(whole.iterdir()):
            raise ConnectError(
                f"{folder} holds files, but no workspace ({DATABASE} is missing).",
                remedy=f"Name a new folder inside it, such as connect('local:{folder}/workspace').",
            )
    taken = {entry.name.lower() for entry in store.entries()}
    name = suitable(whole.name)
    numbered, count = name, 1
    while numbered.lower() in taken:
        count += 1
        numbered = f"{name[: LONGEST_NAME - 4]}-{count}"
    return store.create(numbered, GROUP, whole)


def suitable(text: str) -> str:
    """The nearest thing to `text` that can be a workspace's name."""
    kept = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:LONGEST_NAME]
    return kept if _NAME.match(kept) else f"ws-{kept}".rstrip("-")[:LONGEST_NAME]
