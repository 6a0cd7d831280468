"""`config.json`, the file that the Azure portal and Studio give out to name a workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_aml.errors import ConnectError

FOLDERS = (".azureml", "aml_config", "")
FILES = ("config.json", "project.json")
LEVELS = 20


@dataclass(frozen=True)
class Config:
    """What a file names, and which file it is."""

    path: Path
    subscription: str
    group: str
    workspace: str


def exists(path: Path | str | None, name: str | None) -> bool:
    """Whether `MLClient.from_config(path=..., file_name=...)` would find a file."""
    return find(Path(path or "."), (name,) if name else FILES) is not None


def find(start: Path, names: tuple[str, ...] = FILES) -> Path | None:
    """The file that the SDK would find from `start`: first in `.azureml`, in each folder up to the root.

    Source: MLClient.from_config, azure-ai-ml 1.35.2.
    """
    if start.is_file():
        return start
    above = [start.absolute(), *start.absolute().parents][:LEVELS]
    for folder in FOLDERS:
        for file in names:
            for place in above:
                candidate = place / folder / file
                if candidate.is_file():
                    return candidate
    return None


def read(path: Path) -> Config:
    """The workspace that a file names.

    Raises:
        ConnectError: It cannot be read, is not JSON, or names no workspace.
    """
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read as JSON: {error}."
        raise ConnectError(msg, remedy="Download it again from the workspace's page in Azure.") from error
    fields = found if isinstance(found, dict) else {}
    scope = fields.get("Scope") or fields.get("scope")
    if isinstance(scope, str) and "/subscriptions/" in scope:
        parts = scope.strip("/").split("/")
        named = dict(zip((part.lower() for part in parts[::2]), parts[1::2], strict=False))
        fields = {
            "subscription_id": named.get("subscriptions"),
            "resource_group": named.get("resourcegroups"),
            "workspace_name": named.get("workspaces"),
        }
    needed = ("subscription_id", "resource_group", "workspace_name")
    missing = [name for name in needed if not isinstance(fields.get(name), str) or not fields[name]]
    if missing:
        raise ConnectError(
            f"{path} does not say {' and '.join(missing)}.",
            why=f"A workspace is named by {', '.join(needed)}.",
            remedy="Add what is missing, or connect('azure:SUB/RG/WS').",
        )
    return Config(path, fields["subscription_id"], fields["resource_group"], fields["workspace_name"])


def stray(start: Path) -> Config | None:
    """A file that lies about and names a workspace; None when there is none that can be read."""
    try:
        path = find(start)
        return read(path) if path else None
    except (ConnectError, OSError):
        return None
