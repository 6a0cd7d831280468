"""A plug-in of pytest for nbval: of a card the drawings are compared, not the names and times of its live form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jupyter_aml.views.live import MIME, VENDOR

LIVE = (MIME, f"{VENDOR}comparison+json")


def pytest_collection_modifyitems(items: Sequence[Any]) -> None:
    """Called by pytest when the cells of a notebook are collected."""
    for notebook in {item.parent for item in items}:
        notebook.skip_compare = (*notebook.skip_compare, *LIVE)
