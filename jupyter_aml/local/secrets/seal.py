"""Secrets of a workspace: encrypted in its database with a key that stays on this machine."""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from jupyter_aml.errors import StoreError
from jupyter_aml.local.store import keys
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.workspace import Workspace


@lru_cache(maxsize=16)
def _fernet(home: Path) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(keys.key(home, "secrets")))


def put(workspace: Workspace, transaction: Transaction, kind: str, name: str, secret: dict[str, Any]) -> None:
    """Seal `secret` under (kind, name), over an older one."""
    sealed = _fernet(workspace.store.home).encrypt(json.dumps(secret).encode())
    transaction.execute(
        "INSERT INTO secrets(kind, name, sealed) VALUES (?, ?, ?)"
        " ON CONFLICT(kind, name) DO UPDATE SET sealed=excluded.sealed",
        (kind, name, sealed),
    )


def get(workspace: Workspace, kind: str, name: str) -> dict[str, Any] | None:
    """The secret, or None.

    Raises:
        StoreError: It was sealed on another machine.
    """
    with workspace.database.read() as connection:
        row = connection.execute("SELECT sealed FROM secrets WHERE kind=? AND name=?", (kind, name)).fetchone()
    if row is None:
        return None
    try:
        found: dict[str, Any] = json.loads(_fernet(workspace.store.home).decrypt(row["sealed"]))
    except InvalidToken as error:
        raise StoreError(
            f"The secret of {kind}/{name} in {workspace.folder} was sealed with the key of another store.",
            remedy=f"Give it again, e.g. `%aml datastore create` with the name {name}.",
        ) from error
    return found


def delete(transaction: Transaction, kind: str, name: str) -> None:
    """Forget the secret."""
    transaction.execute("DELETE FROM secrets WHERE kind=? AND name=?", (kind, name))
