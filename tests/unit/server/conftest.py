"""One Jupyter Server for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.testing import hosts

from .lab import Lab


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("server"))
    store = Store.open(made.home)
    store.rings = False
    store.create()
    try:
        made.start()
        yield made
    finally:
        made.stop()
        hosts.stop(made.home)
