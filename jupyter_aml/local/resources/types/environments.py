"""Environments: an image or build context, and what to install in it."""

from __future__ import annotations

from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.resources.assets import AssetType
from jupyter_aml.local.resources.base import Call


def _accept(_call: Call, properties: dict[str, Any]) -> dict[str, Any]:
    if not any(properties.get(key) for key in ("image", "build", "condaFile")):
        raise ResourceError(
            "The environment has neither an image nor a build context nor a conda file.",
            code="ValidationError",
            target="properties",
            remedy="Give `image:`, `build:` or `conda_file:`.",
        )
    if properties.get("build"):
        properties = {**properties, "build": {"dockerfilePath": "Dockerfile", **properties["build"]}}
    return {"osType": "Linux", "environmentType": "UserCreated", **properties}


TYPE = AssetType("environments", "environment", accept=_accept)
