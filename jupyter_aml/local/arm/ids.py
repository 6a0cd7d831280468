"""ARM resource ids and asset references, taken apart and put together; matched case-insensitively."""

from __future__ import annotations

import re
from dataclasses import dataclass

PROVIDER = "Microsoft.MachineLearningServices"

_ID = re.compile(
    r"^(?:azureml:)?/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/(?P<workspace>[^/]+)"
    r"(?:/(?P<segment>[^/]+)/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?)?/?$",
    re.IGNORECASE,
)
_SHORT = re.compile(r"^(?:azureml:)?(?P<name>[^/:@]+)(?:(?P<mark>[:@])(?P<version>[^/:@]+))?$")


@dataclass(frozen=True)
class ResourceId:
    """A workspace, or a resource in one; `segment`, `name`, `version`, `label` are empty where absent."""

    subscription: str
    group: str
    workspace: str
    segment: str = ""
    name: str = ""
    version: str = ""
    label: str = ""

    def __str__(self) -> str:
        text = workspace_id(self.subscription, self.group, self.workspace)
        if self.segment:
            text += f"/{self.segment}/{self.name}"
        if self.version:
            text += f"/versions/{self.version}"
        return text


def workspace_id(subscription: str, group: str, workspace: str) -> str:
    """The ARM id of a workspace."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{PROVIDER}/workspaces/{workspace}"


def parse(text: str) -> ResourceId | None:
    """The parts of a full ARM id (with or without `azureml:` before it); None when it is none."""
    match = _ID.match(text)
    if match is None:
        return None
    parts = {key: value or "" for key, value in match.groupdict().items()}
    return ResourceId(**parts)


def reference(text: str) -> tuple[str, str, str] | None:
    """Name, version and label of `azureml:name:version`, `name@label` or `name`; None for anything else."""
    match = _SHORT.match(text)
    if match is None:
        return None
    value = match["version"] or ""
    return (match["name"], "", value) if match["mark"] == "@" else (match["name"], value, "")
