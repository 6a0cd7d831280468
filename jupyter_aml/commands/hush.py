"""Hush: the SDK warns of every experimental class it makes itself; a command leaves that out unless --verbose."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

LOGGER = "azure.ai.ml._utils._experimental"


def _told(record: logging.LogRecord) -> bool:
    return "experimental" not in record.getMessage()


@contextmanager
def hushed(*, verbose: bool) -> Iterator[None]:
    """Leave the SDK's notes about experimental classes out while a command runs."""
    logger = logging.getLogger(LOGGER)
    if not verbose:
        logger.addFilter(_told)
    try:
        yield
    finally:
        logger.removeFilter(_told)
