"""The clouds of Azure: where each one's Resource Manager, sign-in and storage are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jupyter_aml.errors import ConnectError

PUBLIC = "AzureCloud"


@dataclass(frozen=True)
class Cloud:
    """One cloud.

    Attributes:
        arm: URL of Resource Manager, without a slash at the end; also the audience of its tokens.
        authority: URL of the sign-in service.
        studio: Audience of Azure ML's own tokens.
        storage: Host suffix of storage accounts.
        known: One of Microsoft's; any other one's authority cannot be looked up there.
    """

    name: str
    arm: str
    authority: str
    studio: str
    storage: str
    known: bool = True


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            PUBLIC,
            "https://management.azure.com",
            "https://login.microsoftonline.com",
            "https://ml.azure.com",
            "core.windows.net",
        ),
        Cloud(
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://login.chinacloudapi.cn",
            "https://ml.azure.cn",
            "core.chinacloudapi.cn",
        ),
        Cloud(
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://login.microsoftonline.us",
            "https://ml.azure.us",
            "core.usgovcloudapi.net",
        ),
    )
}
"""Source: azure.ai.ml._azure_environments, 1.35.2."""


def cloud(name: str, metadata: Mapping[str, str] | None = None) -> Cloud:
    """The cloud of that name.

    Args:
        name: `AzureCloud`, `AzureChinaCloud`, `AzureUSGovernment`, or the name of one of your own.
        metadata: For one of your own what `MLClient(cloud_metadata=...)` takes: `resource_manager`,
            `active_directory`, `aml_resource_id`, `storage_endpoint`.

    Raises:
        ConnectError: No cloud is called that, and no metadata are given.
    """
    found = CLOUDS.get(name or PUBLIC)
    if found is not None:
        return found
    if not metadata:
        raise ConnectError(
            f"There is no cloud called {name!r}; known are {', '.join(CLOUDS)}.",
            remedy="Name one of them, or pass cloud_metadata={'resource_manager': ..., 'active_directory': ...}.",
        )
    return Cloud(
        name,
        metadata["resource_manager"].rstrip("/"),
        metadata.get("active_directory", CLOUDS[PUBLIC].authority).rstrip("/"),
        metadata.get("aml_resource_id", CLOUDS[PUBLIC].studio).rstrip("/"),
        metadata.get("storage_endpoint", CLOUDS[PUBLIC].storage),
        known=False,
    )
