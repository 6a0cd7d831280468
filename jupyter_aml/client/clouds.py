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
        portal: URL of the portal.
        registries: URL that registries are looked up at.
        known: One of Microsoft's; any other one's authority cannot be looked up there.
    """

    name: str
    arm: str
    authority: str
    studio: str
    storage: str
    portal: str = "https://portal.azure.com"
    registries: str = "https://eastus.api.azureml.ms"
    known: bool = True

    @property
    def metadata(self) -> dict[str, str]:
        """What `MLClient(cloud_metadata=...)` takes: it wants every field, or it knows nothing of the cloud."""
        return {
            "azure_portal": self.portal,
            "resource_manager": self.arm,
            "active_directory": self.authority,
            "aml_resource_id": self.studio,
            "storage_endpoint": self.storage,
            "registry_discovery_endpoint": self.registries,
        }


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
            "https://portal.azure.cn",
            "https://chinaeast2.api.ml.azure.cn",
        ),
        Cloud(
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://login.microsoftonline.us",
            "https://ml.azure.us",
            "core.usgovcloudapi.net",
            "https://portal.azure.us",
            "https://usgovarizona.api.ml.azure.us",
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
    if not metadata.get("resource_manager"):
        raise ConnectError(
            f"The metadata of the cloud {name!r} do not say resource_manager.",
            remedy="Pass cloud_metadata={'resource_manager': ..., 'active_directory': ..., 'storage_endpoint': ...}.",
        )
    public = {key: value for key, value in CLOUDS[PUBLIC].metadata.items() if key != "resource_manager"}
    whole = {**public, **metadata}
    urls = [
        whole[key].rstrip("/") for key in ("resource_manager", "active_directory", "aml_resource_id", "azure_portal")
    ]
    arm, authority, studio, portal = urls
    registries = whole["registry_discovery_endpoint"].rstrip("/")
    return Cloud(name, arm, authority, studio, whole["storage_endpoint"], portal, registries, known=False)
