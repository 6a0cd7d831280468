"""The OpenAPI document of the server extension, made from what its handlers say of themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jupyter_aml import __version__

VERSION = "3.1.0"
REFUSALS = {
    "400": "The request is wrong.",
    "403": "Nobody is signed in to Jupyter, or has no right to this; or the XSRF token is missing.",
    "404": "There is no such workspace, job or file.",
}


def parameter(name: str, text: str, *, required: bool = False, kind: str = "string") -> dict[str, Any]:
    """A parameter of the query."""
    return {"name": name, "in": "query", "required": required, "description": text, "schema": {"type": kind}}


def operation(summary: str, *parameters: dict[str, Any], body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One method of a path; `body` is the JSON schema of what is sent."""
    found: dict[str, Any] = {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {}}},
            **{status: {"description": text} for status, text in REFUSALS.items()},
        },
    }
    if body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found


def document(base: str, handlers: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The document of paths and their handlers, whose `operations` are by method.

    Args:
        base: Where the server is, with a slash at its end.
        handlers: Paths below it, as OpenAPI writes them, and the handler classes.
    """
    paths = {}
    for path, handler in handlers:
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        inside = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
        paths[path] = {
            method: {**said, "parameters": [*inside, *said["parameters"]]}
            for method, said in handler.operations.items()
        }
    return {
        "openapi": VERSION,
        "info": {"title": "jupyter_aml server extension", "version": __version__},
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "components": {
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        },
        "paths": paths,
    }
