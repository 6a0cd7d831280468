"""The workspaces that a page can name: those of this user's store, and those in Azure that profiles name."""

from __future__ import annotations

from functools import cache
from typing import Any

from jupyter_aml.client import local
from jupyter_aml.client.connection import Connection
from jupyter_aml.client.signing import SignIns
from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.app import Service
from jupyter_aml.local.arm import ids
from jupyter_aml.local.jobs import records
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.workspace import Entry
from jupyter_aml.server import cards
from jupyter_aml.server.cloud import Cloud


@cache
def service() -> Service:
    """The service over this user's store."""
    return Service(Store.open())


@cache
def away() -> Cloud:
    """Azure, as the profiles of this user's store name it."""
    return Cloud(service().store.home)


@cache
def signing() -> SignIns:
    """The sign-ins to those profiles."""
    return SignIns(service().store.home, away().hold)


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
    named = ids.parse(arm_id)
    entry = service().store.entry(named.subscription, named.group, named.workspace) if named else None
    if entry is None:
        return None
    with service().workspace(entry).database.read() as reader:
        record = records.get(reader, job)
    if record is None or not record.final:
        return None
    return cards.bundle(local.connected(service(), entry), job)
