"""What a run has logged so far, to be forgotten when the run begins again."""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.tracking import runs


def tags(transaction: Transaction, run_id: str) -> dict[str, str]:
    """The run's tags."""
    number = runs.row(transaction, run_id)["id"]
    rows = transaction.execute("SELECT key, value FROM run_tags WHERE run=?", (number,))
    return {row["key"]: row["value"] for row in rows}


def forget(transaction: Transaction, run_id: str, kept: Mapping[str, str]) -> None:
    """Drop metrics, parameters, datasets and models of a run, and all tags but those kept."""
    number = runs.row(transaction, run_id)["id"]
    for table in ("series", "params", "run_datasets", "run_models", "run_tags"):
        transaction.execute(f"DELETE FROM {table} WHERE run=?", (number,))  # noqa: S608 - names from the line above
    rows = [(number, key, value) for key, value in kept.items()]
    transaction.executemany("INSERT INTO run_tags(run, key, value) VALUES (?, ?, ?)", rows)
    runs.changed(transaction, run_id)
