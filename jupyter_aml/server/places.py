"""The workspaces that a page can name: those of this user's store, and those in Azure that profiles name."""

from __future__ import annotations

import os
import threading
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_aml.client import local
from jupyter_aml.client.connection import Connection
from jupyter_aml.client.signing import SignIns
from jupyter_aml.commands.actions import endpoints_card
from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.app import Service
from jupyter_aml.local.arm import ids
from jupyter_aml.local.jobs import records
from jupyter_aml.local.store.catalogue import CATALOGUE, Store
from jupyter_aml.local.store.workspace import Entry
from jupyter_aml.server import cards
from jupyter_aml.server.cloud import Cloud

_LOCK = threading.RLock()
"""The event loop and its executor ask at once, and get the same."""
_HELD: list[tuple[os.stat_result, Service]] = []
"""The open service, and which file its catalogue was."""


def service() -> Service:
    """The service over this user's store; opened anew when the store was purged or moved, and made when absent."""
    with _LOCK:
        if _HELD and _same(*_HELD[0]):
            return _HELD[0][1]
        made = Service(Store.open())
        _HELD[:] = [((made.store.home / CATALOGUE).stat(), made)]
        return made


def _same(held: os.stat_result, known: Service) -> bool:
    """Whether the file is still the one that was opened."""
    try:
        return os.path.samestat(held, (known.store.home / CATALOGUE).stat())
    except OSError:
        return False


def away() -> Cloud:
    """Azure, as the profiles of this user's store name it."""
    with _LOCK:
        return _away(service().store.home)


def signing() -> SignIns:
    """The sign-ins to those profiles."""
    with _LOCK:
        return _signing(service().store.home)


@cache
def _away(home: Path) -> Cloud:
    return Cloud(home)


@cache
def _signing(home: Path) -> SignIns:
    return SignIns(home, _away(home).hold)


def here(arm_id: str) -> bool:
    """Whether a workspace is this machine's to answer for."""
    named = ids.parse(arm_id)
    return named is None or service().store.owns(named.subscription)


def entry_of(arm_id: str) -> Entry:
    """The workspace of an ARM id.

    Raises:
        NotFoundError: This store has none of that id.
    """
    named = ids.parse(arm_id)
    found = service().store.entry(named.subscription, named.group, named.workspace) if named else None
    if found is None:
        known = ", ".join(entry.arm_id for entry in service().store.entries()) or "none"
        raise NotFoundError(f"There is no local workspace '{arm_id}'; there are: {known}.")
    return found


def connection(arm_id: str) -> Connection:
    """The connection to a workspace, here or in Azure."""
    if not here(arm_id):
        return away().connection(arm_id)
    return local.connected(service(), entry_of(arm_id))


def final_card(arm_id: str, job: str) -> dict[str, Any] | None:
    """The card of a local job that has ended; None of any other."""
    entry = _local(arm_id)
    if entry is None:
        return None
    with service().workspace(entry).database.read() as reader:
        record = records.get(reader, job)
    if record is None or not record.final:
        return None
    return cards.bundle(local.connected(service(), entry), job)


def endpoint_picture(arm_id: str, segment: str, name: str) -> dict[str, Any] | None:
    """The card of a local endpoint as it is now; None of any other. Raises as `endpoints_card.bundle` does."""
    entry = _local(arm_id)
    return endpoints_card.bundle(local.connected(service(), entry), name, segment) if entry else None


def _local(arm_id: str) -> Entry | None:
    """The workspace of an ARM id, if this store has it."""
    named = ids.parse(arm_id)
    return service().store.entry(named.subscription, named.group, named.workspace) if named else None
