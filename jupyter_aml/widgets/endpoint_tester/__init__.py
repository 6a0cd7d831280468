"""An endpoint: its deployments and traffic, how it does, test calls and logs; of a batch endpoint the jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_aml.client.scoring import SEGMENT
from jupyter_aml.commands.actions import endpoints_card
from jupyter_aml.widgets import asks
from jupyter_aml.widgets.asks import Ask
from jupyter_aml.widgets.base import AmlWidget, drawn


class EndpointTester(AmlWidget):
    """Shows an endpoint, and asks one that is online; its key stays in the kernel, or in the server.

    Args:
        endpoint: Its name, or the SDK's object.
        client: An `MLClient`, or a connection; by default that of the notebook.
        segment: `onlineEndpoints` or `batchEndpoints`.

    Raises:
        ResourceError: There is no such endpoint.
    """

    KIND = "endpoint"
    _esm = Path(__file__).parent / "widget.js"

    def __init__(self, endpoint: Any, client: Any = None, *, segment: str = SEGMENT) -> None:
        self.name = endpoint if isinstance(endpoint, str) else str(endpoint.name)
        self.segment = segment
        super().__init__(client, name=self.name, segment=segment)

    def check(self) -> None:
        """Whether there is such an endpoint."""
        self.wire.rest.get(self._path)

    @property
    def _path(self) -> str:
        return f"{self.segment}/{self.name}"

    def first(self) -> Iterator[Ask]:
        """The endpoint and its deployments."""
        yield asks.arm(self.workspace, self._path)
        yield asks.arm(self.workspace, f"{self._path}/deployments")

    def still(self) -> dict[str, str]:
        """What the endpoint is, and how its deployments do."""
        return drawn("endpoint", endpoints_card.snapshot(self.wire.rest, self.name, self.segment))
