"""The upkeep of a store: `du`, `prune`, `backup`, `restore`, `purge`, `stop`, and the sweep of a host that starts."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from jupyter_aml.errors import ConflictError, StoreError
from jupyter_aml.local.store import bell, usage
from jupyter_aml.local.store.archive import Backup, backup
from jupyter_aml.local.store.blob_files import remove_tree
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.keys import KEYRING_MARK
from jupyter_aml.local.store.pruning import DAY, ENDED, Pruned, changed, prune
from jupyter_aml.local.store.restoring import STAGED, Restored, restore
from jupyter_aml.local.store.usage import Usage, du
from jupyter_aml.local.store.workspace import Entry

__all__ = [
    "Backup", "Pruned", "Purged", "Restored", "Usage", "backup", "du", "prune", "purge", "restore", "stop", "sweep",
]  # fmt: skip

OWN = ("workspace.db", "workspace.db-wal", "workspace.db-shm", "blobs", "runs", "work")
"""What a workspace's folder holds of ours."""
DOOMED = ".purged-"
NAMED = 5
STOP_SECONDS = 30.0
STOP_STEP = 0.05


@dataclass(frozen=True)
class Purged:
    """What a purge removed.

    Attributes:
        workspaces: `group/name` of each.
        files: How many files went.
        size: Bytes that they took.
    """

    workspaces: tuple[str, ...]
    files: int
    size: int


def sweep(store: Store) -> int:
    """Put right what a crash left: rows without blobs, drafts, half purges and half restores; how many."""
    gone = 0
    for entry in store.entries():
        if not (entry.folder / "workspace.db").exists():
            continue
        gone += store.workspace(entry).blobs.sweep(store.clock())
        for doomed in entry.folder.parent.glob(f"{DOOMED}{entry.id}*"):
            remove_tree(str(doomed))
            gone += 1
    old = [path for path in store.home.glob(f"workspaces/{STAGED}*") if changed(path) < store.clock() - DAY]
    for doomed in (*store.home.glob(f"workspaces/*/{DOOMED}*"), *old):
        remove_tree(str(doomed))
        gone += 1
    return gone


def purge(store: Store, entry: Entry | None = None, *, dry_run: bool = False) -> Purged:
    """Remove a workspace, or the whole store, so that nothing of it is left.

    Files of others in a workspace's folder stay.

    Args:
        store: The store; it cannot be used any more after a whole purge.
        entry: The workspace; everything when None.
        dry_run: Only tell.

    Raises:
        ConflictError: Jobs are running.
        StoreError: Something cannot be removed, or the host does not end.
    """
    entries = [entry] if entry else store.entries()
    for one in entries:
        _refuse_running(store, one)
    lines = [line for one in entries for line in usage.of_workspace(one)] if entry else du(store)
    told = Purged(
        tuple(f"{one.group}/{one.name}" for one in entries),
        sum(line.files for line in lines),
        sum(line.size for line in lines),
    )
    if dry_run:
        return told
    try:
        if entry is None:
            store.rings = False
            stop(store.home)
        for one in entries:
            _remove(store, one)
        if entry is None:
            _remove_store(store)
    except OSError as error:
        raise StoreError(
            f"{error.filename or store.home} cannot be removed: {error.strerror}.",
            remedy="Give yourself write access to it and repeat the command.",
        ) from error
    return told


def _refuse_running(store: Store, entry: Entry) -> None:
    if not (entry.folder / "workspace.db").exists():
        return
    with store.workspace(entry).database.read() as connection:
        rows = connection.execute(
            "SELECT name FROM jobs WHERE status NOT IN (?, ?, ?) ORDER BY created", ENDED
        ).fetchall()
    if rows:
        named = ", ".join(row["name"] for row in rows[:NAMED]) + (" ..." if len(rows) > NAMED else "")
        raise ConflictError(
            f"{len(rows)} job(s) of {entry.group}/{entry.name} have not ended: {named}.",
            remedy=f"Wait for them or cancel them (`aml job cancel --name {rows[0]['name']}`), then repeat.",
        )


def stop(home: Path) -> bool:
    """End the host of a store and wait until it is gone; whether one ran. Its jobs go on.

    Raises:
        StoreError: It did not end.
    """
    pid = 0
    with contextlib.suppress(StoreError):
        said = bell.ask(home, {"op": "stop"})
        if said is None:
            return False
        pid = said.get("pid", 0)
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(StoreError):
            if bell.ask(home, {"op": "status"}, timeout=1.0) is None and not _runs(pid):
                return True
        time.sleep(STOP_STEP)
    raise StoreError(
        f"The host of {home} did not end within {STOP_SECONDS:g} s.",
        remedy=f"Look at its log in the folder `host` of the store, or end the process {pid or 'of that name'}.",
    )


def _runs(pid: int) -> bool:
    """Whether a process has not ended; 0 is none."""
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # not ours to signal
        return True
    return True


def _remove(store: Store, entry: Entry) -> None:
    """Take a workspace out of the catalogue, then its files away; a crash in between leaves a doomed folder."""
    folder = entry.folder
    if (folder / "workspace.db").exists():
        opened = store.workspace(entry)
        with opened.database.write():
            _refuse_running(store, entry)
            store.forget(entry)
        opened.database.close()
    else:
        store.forget(entry)
    if not folder.is_dir():
        return
    doomed = folder.parent / f"{DOOMED}{entry.id}"
    doomed.mkdir(mode=0o700, exist_ok=True)
    for name in OWN:
        if os.path.lexists(folder / name):
            (folder / name).rename(doomed / name)
    remove_tree(str(doomed))
    for empty in (folder, *folder.parents):
        if empty == store.home or not empty.is_relative_to(store.home):
            break
        with contextlib.suppress(OSError):
            empty.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _remove_store(store: Store) -> None:
    _forget_keyring(store.home)
    store.database.close()
    bell.socket_path(store.home).unlink(missing_ok=True)
    remove_tree(str(store.home))


def _forget_keyring(home: Path) -> None:
    """Take our keys out of the system's keyring."""
    for path in (home / "keys").glob("*.key"):
        if path.read_text(encoding="ascii").strip() == KEYRING_MARK:
            with contextlib.suppress(Exception):  # a key that cannot be reached any more is as good as gone
                import keyring

                keyring.delete_password(f"jupyter_aml:{home}", path.stem)
