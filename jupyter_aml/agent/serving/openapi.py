"""The OpenAPI documents of a deployment, versions 2, 3 and 3.1, as `/swagger.json` gives them.

Paths, names of schemas and operations are those of Azure's inference server, so that clients made from its documents
fit ours. A swagger.json (swagger2.json, swagger3.json, swagger3.1.json) in the folder of the code wins.
"""

from __future__ import annotations

import json
import os
import sys

from . import inputs
from .exchange import JSON, Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

VERSIONS = ("2", "3", "3.1")
"""In the order of Azure's server."""
ANYTHING = {"type": "object", "example": {}}
"""The schema of what nobody has described."""
ERROR = {"type": "object", "properties": {"message": {"type": "string"}}}
OPERATIONS = {
    "/": ("get", "ServiceHealthCheck", "Says 'Healthy' while the service runs."),
    "/score": ("post", "RunMLService", "Runs the model and gives its result."),
    "/swagger.json": ("get", "GetSwaggerSpec", "Gives this document."),
}


def of_script(run: Callable[..., Any], root: str) -> dict[str, Any]:
    """The documents for a scoring script, by version; one that its decorators rule out is missing."""
    util = sys.modules.get("inference_schema.schema_util")
    given, returned, possible = ANYTHING, ANYTHING, set(VERSIONS)
    if util is not None:
        names = {name.removesuffix(".0") for name in util.get_supported_versions(run)}
        possible &= names
        if inputs.schema_decorated(run):
            given, returned = util.get_input_schema(run), util.get_output_schema(run)
    found = {version: _file(root, version) for version in VERSIONS}
    made = {version: document(version, given, returned) for version in VERSIONS if version in possible}
    return {version: found[version] or made[version] for version in VERSIONS if found[version] or version in made}


def of_schemas(given: dict[str, Any], returned: dict[str, Any]) -> dict[str, Any]:
    """The documents for what goes in and comes out, by version."""
    return {version: document(version, given, returned) for version in VERSIONS}


def _file(root: str, version: str) -> dict[str, Any] | None:
    """The user's own document of a version."""
    names = ["swagger.json", "swagger2.json"] if version == "2" else [f"swagger{version}.json"]
    for name in names:
        path = os.path.join(root, name)
        if not os.path.isfile(path):
            continue
        try:
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
        except ValueError as error:
            raise Failed("UserScriptError", f"{name} in the code folder is no JSON: {error}.") from error
        if isinstance(found, dict) and found:
            return found
    return None


def document(version: str, given: Any, returned: Any) -> dict[str, Any]:
    """One document.

    Args:
        version: One of VERSIONS.
        given: Schema of the body of a request.
        returned: Schema of the body of an answer.
    """
    name = os.environ.get("SERVICE_NAME", "ML service")
    info = {
        "title": name,
        "description": f"API specification for the Azure Machine Learning service {name}",
        "version": os.environ.get("SERVICE_VERSION", "1.0"),
    }
    schemas = {"ServiceInput": given, "ServiceOutput": returned, "ErrorResponse": ERROR}
    bearer = {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "description": "For example: Bearer abc123",
    }
    if version == "2":
        return {
            "swagger": "2.0",
            "info": info,
            "schemes": ["https"],
            "consumes": [JSON],
            "produces": [JSON],
            "securityDefinitions": {"Bearer": bearer},
            "paths": _paths(_operation2),
            "definitions": schemas,
        }
    return {
        "openapi": "3.0.3" if version == "3" else "3.1.0",
        "info": info,
        "security": [{"Bearer": []}],
        "paths": _paths(_operation3),
        "components": {"schemas": schemas, "securitySchemes": {"Bearer": bearer}},
    }


def _paths(operation: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    prefix = os.environ.get("SERVICE_PATH_PREFIX", "").strip("/")
    start = f"/{prefix}" if prefix else ""
    return {
        start + path: {method: {"operationId": name, "description": said, **operation(path)}}
        for path, (method, name, said) in OPERATIONS.items()
    }


def _operation2(path: str) -> dict[str, Any]:
    """What an operation takes and gives, in OpenAPI 2."""
    good: dict[str, Any] = {"description": "The result.", "schema": {"type": "string"}}
    found: dict[str, Any] = {}
    if path == "/":
        good["examples"] = {JSON: "Healthy"}
    elif path == "/score":
        good["schema"] = {"$ref": "#/definitions/ServiceOutput"}
        found["security"] = [{"Bearer": []}]
        found["parameters"] = [
            {"name": "serviceInputPayload", "in": "body", "schema": {"$ref": "#/definitions/ServiceInput"}}
        ]
    else:
        found["parameters"] = [{"name": "version", "in": "query", "required": False, "type": "integer", "enum": [2, 3]}]
    bad = {"description": "Why it failed.", "schema": {"$ref": "#/definitions/ErrorResponse"}}
    return {**found, "responses": {"200": good, "default": bad}}


def _operation3(path: str) -> dict[str, Any]:
    """What an operation takes and gives, in OpenAPI 3."""
    found: dict[str, Any] = {}
    good: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    if path == "/":
        good = {"text/plain": {"schema": {"type": "string", "example": "Healthy"}}}
    elif path == "/score":
        good = {JSON: {"schema": {"$ref": "#/components/schemas/ServiceOutput"}}}
        found["security"] = [{"Bearer": []}]
        found["requestBody"] = {"content": {JSON: {"schema": {"$ref": "#/components/schemas/ServiceInput"}}}}
    else:
        found["parameters"] = [
            {"name": "version", "in": "query", "required": False, "schema": {"type": "integer", "enum": [2, 3]}}
        ]
    bad = {JSON: {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}
    return {
        **found,
        "responses": {
            "200": {"description": "The result.", "content": good},
            "default": {"description": "Why it failed.", "content": bad},
        },
    }
