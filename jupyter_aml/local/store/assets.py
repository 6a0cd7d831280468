"""Versions of assets as rows: the service, jobs and MLflow's registry make them in the same way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jupyter_aml.local.store import records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Connection, Record


def next_version(versions: Iterable[str]) -> str:
    """The number after the highest whole-number version; `1` when there is none."""
    return str(max((int(one) for one in versions if one.isdecimal()), default=0) + 1)


def following(connection: Connection, segment: str, name: str) -> str:
    """The version that the next one of this asset bears."""
    return next_version(record.version for record, _ in records.versions(connection, segment, name))


def make_version(
    transaction: Transaction,
    segment: str,
    name: str,
    version: str,
    properties: dict[str, Any],
    *,
    now: float,
    who: str = "",
) -> Record:
    """Store a new version, and its container when absent; an empty `version` takes the next number.

    The caller has checked that the version does not exist yet.
    """
    held = records.get(transaction, segment, name)
    if held is None:
        records.put(transaction, Record(segment, name, "", {"properties": {}}, now, now, created_by=who))
    record = Record(
        segment,
        held.name if held else name,
        version or following(transaction, segment, name),
        {"properties": {**properties, "provisioningState": "Succeeded"}},
        now,
        now,
        archived=bool(properties.get("isArchived")),
        created_by=who,
        modified_by=who,
    )
    records.put(transaction, record)
    return record
