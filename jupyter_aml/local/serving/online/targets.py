"""Ids of online endpoints and deployments, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/(?P<workspace>[^/]+)"
    r"/onlineEndpoints/(?P<endpoint>[^/]+)(?:/deployments/(?P<deployment>[^/]+))?/?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Target:
    """An endpoint, or with a name in `deployment` one of its deployments."""

    subscription: str
    group: str
    workspace: str
    endpoint: str
    deployment: str

    def means(self, endpoint: str, deployment: str) -> bool:
        """Whether it is the id of that deployment."""
        return (self.endpoint.lower(), self.deployment.lower()) == (endpoint.lower(), deployment.lower())


def parse(text: str) -> Target | None:
    """The parts of an id; None when it is the id of something else."""
    match = _ID.fullmatch(text)
    return Target(**{key: value or "" for key, value in match.groupdict().items()}) if match else None
