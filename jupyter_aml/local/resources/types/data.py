"""Data assets: a file, a folder or a table in a datastore or on the web."""

from __future__ import annotations

from typing import Any

from jupyter_aml.local.resources import checks, origins
from jupyter_aml.local.resources.assets import AssetType
from jupyter_aml.local.resources.base import Call

KINDS = ("uri_file", "uri_folder", "mltable")


def _accept(call: Call, properties: dict[str, Any]) -> dict[str, Any]:
    kind = checks.one_of(properties.get("dataType"), KINDS, "properties.dataType")
    with call.workspace.database.read() as connection:
        uri = checks.uri(connection, properties.get("dataUri"), "properties.dataUri")
    uri, _ = origins.settled(call, uri, kind, "properties.dataUri")
    return {**properties, "dataUri": uri, "dataType": kind}


TYPE = AssetType("data", "data asset", accept=_accept, located="dataUri", inherited="dataType")
