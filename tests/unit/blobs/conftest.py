"""A workspace's blobs in a temporary folder, without the rest of the workspace."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from jupyter_aml.local.store.blobs import BlobStore
from jupyter_aml.local.store.database import Database


@dataclass(frozen=True)
class Place:
    id: str = "11111111-2222-3333-4444-555555555555"
    account: str = "amlaccount"


@dataclass(frozen=True)
class Owner:
    folder: Path
    database: Database
    entry: Place = Place()


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    folder = tmp_path / "workspace"
    return Owner(folder, Database(folder / "workspace.db", "workspace", time.time))


@pytest.fixture
def blobs(owner: Owner) -> BlobStore:
    store = BlobStore(owner)
    store.create_container("box")
    return store
