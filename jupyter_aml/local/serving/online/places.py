"""Where an online endpoint keeps its things on disk, and where its process listens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jupyter_aml.local.store import bell

ROOT = "serving"
"""Folder of the endpoints, in that of the workspace."""


@dataclass(frozen=True)
class EndpointPlace:
    """The folder of an endpoint, private to its owner.

    Attributes:
        folder: `serving/<name>` of the workspace; the name in lower case.
    """

    folder: Path

    @property
    def order(self) -> Path:
        """What the host wants of the endpoint's process."""
        return self.folder / "order.json"

    @property
    def status(self) -> Path:
        """What that process says of itself."""
        return self.folder / "status.json"

    @property
    def log(self) -> Path:
        """The log of that process."""
        return self.folder / "router.log"

    @property
    def socket(self) -> Path:
        """Where that process takes questions."""
        return bell.address(self.folder, "control.sock")

    def deployment(self, name: str) -> DeploymentPlace:
        """The folder of a deployment."""
        return DeploymentPlace(self.folder / name.lower())


@dataclass(frozen=True)
class DeploymentPlace:
    """The folder of a deployment: one folder per generation, and the logs of all."""

    folder: Path

    @property
    def logs(self) -> Path:
        """One log per replica."""
        return self.folder / "logs"

    @property
    def preparing(self) -> Path:
        """What was said while model, code and environment were put in place: Azure's StorageInitializer log."""
        return self.folder / "preparing.log"

    def replica_log(self, number: int) -> Path:
        """The log of a replica."""
        return self.logs / f"{number}.log"

    def generation(self, name: str) -> Generation:
        """The folder of one generation."""
        return Generation(self.folder / name)


@dataclass(frozen=True)
class Generation:
    """What the replicas of one generation run with; it is there as a whole, or has no `ready.json`."""

    folder: Path

    @property
    def code(self) -> Path:
        """The code snapshot: the replicas' working folder."""
        return self.folder / "code"

    @property
    def model(self) -> Path:
        """Models, by name and version."""
        return self.folder / "model"

    @property
    def env(self) -> Path:
        """The overlay of the environment."""
        return self.folder / "env"

    @property
    def ready(self) -> Path:
        """The order that replicas are started with; written last."""
        return self.folder / "ready.json"


def endpoint(workspace_folder: Path, name: str) -> EndpointPlace:
    """The place of an endpoint of a workspace."""
    return EndpointPlace(workspace_folder / ROOT / name.lower())


def endpoints(workspace_folder: Path) -> list[EndpointPlace]:
    """The places of all endpoints that have left something on disk."""
    root = workspace_folder / ROOT
    return [EndpointPlace(folder) for folder in sorted(root.iterdir()) if folder.is_dir()] if root.is_dir() else []
