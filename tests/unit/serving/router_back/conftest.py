"""An endpoint process of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .endpoints import Endpoint, endpoint


@pytest.fixture
def iris(home: Path) -> Iterator[Endpoint]:
    with endpoint(home) as made:
        yield made
