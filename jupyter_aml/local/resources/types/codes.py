"""Code snapshots: found again by their hash, uploaded through a pending container."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.resources.assets import AssetType
from jupyter_aml.local.resources.base import ARM, Call, Route
from jupyter_aml.local.store.records import Record

SEGMENT = "codes"


def _accept(_call: Call, properties: dict[str, Any]) -> dict[str, Any]:
    if not properties.get("codeUri"):
        raise ResourceError("The code version has no codeUri.", code="ValidationError", target="properties.codeUri")
    return properties


class CodeType(AssetType):
    """Code versions, with the look-up by hash that spares an upload."""

    def list_versions(self, call: Call) -> Response:
        digest = call.query("hash")
        if not digest:
            return super().list_versions(call)
        with call.workspace.database.read() as connection:
            rows = connection.execute(
                "SELECT * FROM resources WHERE segment=? AND version<>''"
                " AND json_extract(body, '$.properties.properties.hash_sha256')=? ORDER BY created DESC LIMIT 1",
                (SEGMENT, digest),
            ).fetchall()
        found = [
            Record(SEGMENT, row["name"], row["version"], json.loads(row["body"]), row["created"], row["modified"])
            for row in rows
        ]
        return Response.of({"value": [self.version_out(call, record) for record in found]})


def _pending_upload(call: Call) -> Response:
    """A fresh container to upload into; the client puts the snapshot at its root."""
    entry = call.workspace.entry
    container = _container(call.params["name"])
    call.workspace.blobs.create_container(container)
    uri = f"https://{entry.account}.blob.core.windows.net/{container}"
    credential = {"credentialType": "SAS", "sasUri": f"{uri}?sv=2024-11-04&sr=c&sp=rcwl&sig={uuid.uuid4().hex}"}
    return Response.of(
        {
            "blobReferenceForConsumption": {
                "blobUri": uri,
                "credential": credential,
                "storageAccountArmId": f"/subscriptions/{entry.subscription}/resourceGroups/{entry.group}"
                f"/providers/Microsoft.Storage/storageAccounts/{entry.account}",
            },
            "pendingUploadId": call.params["name"],
            "pendingUploadType": "TemporaryBlobReference",
        }
    )


def _container(name: str) -> str:
    """Container names: 3 to 63 lower-case letters, digits and hyphens."""
    kept = "".join(letter for letter in name.lower() if letter.isalnum() or letter == "-")
    return f"code-{kept}"[:63].rstrip("-")


def _routes() -> Iterable[Route]:
    yield Route(
        "POST",
        ARM,
        f"{{WS}}/{SEGMENT}/{{name}}/versions/{{version}}/startPendingUpload",
        _pending_upload,
        "workspaces/codes/versions/write",
    )


TYPE = CodeType(SEGMENT, "code snapshot", accept=_accept, extra=_routes)
