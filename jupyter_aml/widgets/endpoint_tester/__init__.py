"""Test calls of an online endpoint: the body, which deployment serves, the answer, the latencies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_aml.client.scoring import SEGMENT
from jupyter_aml.widgets import asks
from jupyter_aml.widgets.asks import Ask
from jupyter_aml.widgets.base import AmlWidget, drawn

SHOWN = ("provisioningState", "scoringUri", "authMode", "traffic", "mirrorTraffic")


class EndpointTester(AmlWidget):
    """Asks an online endpoint; its key stays in the kernel, or in the server.

    Args:
        endpoint: Its name, or the SDK's object.
        client: An `MLClient`, or a connection; by default that of the notebook.

    Raises:
        ResourceError: There is no such endpoint.
    """

    KIND = "endpoint"
    _esm = Path(__file__).parent / "widget.js"

    def __init__(self, endpoint: Any, client: Any = None) -> None:
        self.name = endpoint if isinstance(endpoint, str) else str(endpoint.name)
        super().__init__(client, name=self.name, segment=SEGMENT)

    def check(self) -> None:
        """Whether there is such an endpoint."""
        self.wire.rest.get(self._path)

    @property
    def _path(self) -> str:
        return f"{SEGMENT}/{self.name}"

    def first(self) -> Iterator[Ask]:
        """The endpoint and its deployments."""
        yield asks.arm(self.workspace, self._path)
        yield asks.arm(self.workspace, f"{self._path}/deployments")

    def still(self) -> dict[str, str]:
        """What the endpoint is."""
        held = self.wire.rest.get(self._path)["properties"]
        shown = {key: held[key] for key in SHOWN if held.get(key)}
        place = self.wire.connection.place
        return drawn("record", {"entity": {"name": self.name, **shown}, "title": "online endpoint", "place": place})
