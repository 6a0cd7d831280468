"""The local services of this process: one per store, opened once and known to the door."""

from __future__ import annotations

import threading
from pathlib import Path

from jupyter_aml.local.app import Service
from jupyter_aml.local.store.catalogue import Store, default_home

_lock = threading.Lock()
_open: dict[Path, Service] = {}


def service(home: Path | None = None) -> Service:
    """The service of the store in `home`, or in the default folder, which is made when absent.

    Raises:
        StoreError: The folder cannot be used.
    """
    place = (home or default_home()).absolute()
    with _lock:
        held = _open.get(place)
        if held is None:
            held = _open[place] = Service(Store.open(place))
        return held


def opened() -> list[Service]:
    """All services of this process."""
    return list(_open.values())


def close(home: Path) -> None:
    """Answer no more for a store, as before it was opened; clients that were made for it are of no use then."""
    from jupyter_aml.local.doors import requests as door

    with _lock:
        held = _open.pop(home.absolute(), None)
    if held is not None:
        door.unregister(held)
