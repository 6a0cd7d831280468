"""Cards of jobs for pages and saved notebooks: read over REST, drawn as in a kernel, without the SDK."""

from __future__ import annotations

from typing import Any

from jupyter_aml.client.connection import Connection
from jupyter_aml.commands.actions import cards, jobs


def bundle(connection: Connection, name: str) -> dict[str, Any]:
    """The MIME bundle of a job's card.

    Raises:
        ResourceError: There is no such job, or its service refuses.
    """
    return cards.drawn(jobs.Reader(connection).snapshot(name))
