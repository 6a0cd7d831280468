"""A service over an empty store."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_aml.local.app import Service
from jupyter_aml.local.store.catalogue import Store

from . import online as worlds


@pytest.fixture
def online(tmp_path: Path) -> worlds.Online:
    """A workspace with models, code and an environment to deploy."""
    store = Store.open(tmp_path / "home")
    store.rings = False
    store.create()
    return worlds.furnish(Service(store))
