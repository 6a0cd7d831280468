"""The target of one command: another workspace than the connected one, as -w, -g and --subscription say."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Target:
    """Which workspace; "" means the connected one's."""

    workspace: str = ""
    group: str = ""
    subscription: str = ""

    def __bool__(self) -> bool:
        return bool(self.workspace or self.group or self.subscription)


def client_of(target: Target, connection: Any) -> Any:
    """A client of the target, in the same place (LOCAL or AZURE) as the connection, which stays current."""
    client = importlib.import_module("jupyter_aml.client")
    return client.sibling(connection, workspace=target.workspace, group=target.group, subscription=target.subscription)
