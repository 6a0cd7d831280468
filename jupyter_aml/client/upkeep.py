"""The upkeep of this machine's store: what it takes, what can go, archives, its host; asks no service.

The store is that of the local connection, else the default one; an Azure connection has none of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_aml.client import services
from jupyter_aml.client.connect import current, disconnect
from jupyter_aml.errors import ConnectError, NotFoundError
from jupyter_aml.local.store.catalogue import default_home

if TYPE_CHECKING:
    from jupyter_aml.local.store.catalogue import Store
    from jupyter_aml.local.store.housekeeping import Backup, Pruned, Purged, Restored, Usage
    from jupyter_aml.local.store.workspace import Entry

DAY = 86400.0


def home() -> Path:
    """The folder of the store that is meant."""
    here = current()
    return here.store.home if here is not None and here.store is not None else default_home().absolute()


def store() -> Store:
    """The store that is meant.

    Raises:
        ConnectError: There is none yet.
    """
    place = home()
    if not (place / "store.db").is_file():
        raise ConnectError(
            f"There is no local store in {place} yet.",
            remedy="Type %aml connect to make one, or set JUPYTER_AML_HOME to where yours is.",
        )
    return services.service(place).store


def entries(name: str = "", group: str = "") -> list[Entry]:
    """The workspaces of a name, of a resource group, or all.

    Raises:
        NotFoundError: There is none of that name.
    """
    every = store().entries()
    found = [
        entry
        for entry in every
        if (not name or entry.name.lower() == name.lower()) and (not group or entry.group.lower() == group.lower())
    ]
    if not found and (name or group):
        known = ", ".join(f"{entry.group}/{entry.name}" for entry in every) or "none"
        raise NotFoundError(
            f"There is no local workspace {'/'.join(part for part in (group, name) if part)}.",
            why=f"The store in {home()} has {known}.",
        )
    return found


def entry(name: str, group: str = "") -> Entry:
    """The one workspace of a name.

    Raises:
        NotFoundError: There is none.
        ConnectError: Several resource groups have one.
    """
    found = entries(name, group)
    if len(found) > 1:
        groups = ", ".join(one.group for one in found)
        raise ConnectError(
            f"Several workspaces are called {name}, in the resource groups {groups}.",
            remedy=f"Add -g, for example -g {found[0].group}.",
        )
    return found[0]


def free() -> int:
    """Bytes that are free on the disk of the store."""
    return shutil.disk_usage(home()).free


def du(name: str = "", group: str = "") -> list[Usage]:
    """What the store takes, or some of its workspaces."""
    from jupyter_aml.local.store import housekeeping, usage

    chosen = entries(name, group)
    if name or group:
        return [line for one in chosen for line in usage.of_workspace(one)]
    return housekeeping.du(store())


def prune(*, days: float, dry_run: bool) -> list[Pruned]:
    """Remove what the store can do without; logs and environments that are older than some days."""
    from jupyter_aml.local.store import housekeeping

    return housekeeping.prune(store(), dry_run=dry_run, age=days * DAY)


def purge(chosen: Entry | None, *, dry_run: bool = False) -> Purged:
    """Remove a workspace, or the whole store when None; a connection to it ends.

    Raises:
        ConflictError: Jobs have not ended.
    """
    from jupyter_aml.local.store import housekeeping

    place = home()
    done = housekeeping.purge(store(), chosen, dry_run=dry_run)
    here = current()
    if dry_run:
        return done
    if here is not None and here.store is not None and here.store.home == place:
        gone = chosen is None or (here.entry is not None and here.entry.id == chosen.id)
        if gone:
            disconnect()
    if chosen is None:
        services.close(place)
    return done


def backup(target: Path, chosen: Sequence[Entry]) -> Backup:
    """Write an archive of some workspaces while they are in use."""
    from jupyter_aml.local.store import housekeeping

    return housekeeping.backup(store(), target, chosen)


def restore(archive: Path, *, name: str = "", group: str = "", to: str = "") -> Restored:
    """Bring workspaces back from an archive; the store is made when there is none."""
    from jupyter_aml.local.store import housekeeping

    place = home()
    return housekeeping.restore(archive, place, lambda: services.service(place).store, name=name, group=group, to=to)


def stop() -> bool:
    """End the host of the store; whether one ran. Its jobs go on, and whoever needs a host starts another."""
    from jupyter_aml.local.store import housekeeping

    return housekeeping.stop(home())
