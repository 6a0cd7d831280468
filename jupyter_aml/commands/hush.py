"""Hush: what the SDK tells of itself on stderr is left out of a command unless --verbose.

It warns of every experimental class that it makes itself, and notes what it is about to download.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LOGGER = "azure.ai.ml._utils._experimental"
PACKAGE = "azure.ai.ml"
BASE_CLASS = "This class is intended as a base class"
"""How the SDK warns of itself when it reads a batch deployment whose YAML has no `type`."""


@dataclass(frozen=True, eq=False)
class Sieve:
    """A filter of its own for each command, so that one inside another does not take the outer one away."""

    lets_through: Callable[[logging.LogRecord], bool]

    def filter(self, record: logging.LogRecord) -> bool:
        return self.lets_through(record)


def _told(record: logging.LogRecord) -> bool:
    return "experimental" not in record.getMessage()


def _matters(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


@contextmanager
def hushed(*, verbose: bool) -> Iterator[None]:
    """Leave the SDK's notes about experimental classes and about its progress out while a command runs."""
    if verbose:
        yield
        return
    sieves: list[tuple[logging.Filterer, Sieve]] = [(logging.getLogger(LOGGER), Sieve(_told))]
    sieves += [(handler, Sieve(_matters)) for handler in logging.getLogger(PACKAGE).handlers]
    for place, sieve in sieves:
        place.addFilter(sieve)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", BASE_CLASS)
            yield
    finally:
        for place, sieve in sieves:
            place.removeFilter(sieve)
