"""Components: reusable steps; the whole YAML travels as `componentSpec`."""

from __future__ import annotations

from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.resources.assets import MUTABLE, AssetType
from jupyter_aml.local.resources.base import Call

WORDS = frozenset({"display_name", "description", "tags"})
"""Fields of a specification that may change after the version was made."""

AROUND = frozenset({"id", "creation_context", "name", "version", "_source", "$schema", "properties"})
"""Fields that a client adds to a specification that it got from here."""


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


def _fixed(properties: dict[str, Any]) -> dict[str, Any]:
    """What makes a version that version: of its specification all but words about it."""
    spec = {
        f"componentSpec.{key}": value
        for key, value in properties["componentSpec"].items()
        if key not in WORDS | AROUND and value not in (None, {}, [], "")
    }
    rest = {key: value for key, value in properties.items() if key not in {*MUTABLE, "componentSpec"} and value}
    return {**rest, **spec}


def _renewed(held: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    new = {key: value for key, value in sent["componentSpec"].items() if key in WORDS}
    return {"componentSpec": {**held["componentSpec"], **new}}


TYPE = AssetType("components", "component", accept=_accept, complete=_complete, fixed=_fixed, renewed=_renewed)
