"""Components: reusable steps; the whole YAML travels as `componentSpec`."""

from __future__ import annotations

from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.resources.assets import AssetType
from jupyter_aml.local.resources.base import Call


def _accept(_call: Call, properties: dict[str, Any]) -> dict[str, Any]:
    spec = properties.get("componentSpec")
    if not isinstance(spec, dict) or not spec.get("type"):
        raise ResourceError(
            "The component has no specification with a type.",
            code="ValidationError",
            target="properties.componentSpec",
            remedy="Send the component's YAML as componentSpec, with `type: command` for example.",
        )
    if spec["type"] == "command" and not spec.get("command"):
        raise ResourceError(
            "The command component has no command.",
            code="ValidationError",
            target="properties.componentSpec.command",
            remedy="Give `command: python train.py ...`.",
        )
    return properties


def _complete(name: str, version: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The service names the specification: clients read name and version there."""
    spec = {**properties["componentSpec"], "name": name, "version": version}
    return {**properties, "componentSpec": spec}


TYPE = AssetType("components", "component", accept=_accept, complete=_complete)
