"""One Jupyter Server for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_aml.local.store.catalogue import Store

from .lab import Lab, running


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("server")
    store = Store.open(root / "home")
    store.rings = False
    store.create()
    with running(root) as made:
        yield made
