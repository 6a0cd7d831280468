"""The schemas of an MLflow model's input and output, for its OpenAPI documents."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .mlmodel import Description

TYPES: dict[str, dict[str, str]] = {
    "double": {"type": "number", "format": "double"},
    "float": {"type": "number", "format": "float"},
    "long": {"type": "integer", "format": "int64"},
    "integer": {"type": "integer", "format": "int32"},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
    "binary": {"type": "string", "format": "byte"},
}
EXAMPLES: dict[str, Any] = {
    "double": 0.0,
    "float": 0.0,
    "long": 0,
    "integer": 0,
    "boolean": False,
    "string": "text",
    "datetime": "2024-01-31T00:00:00",
    "binary": "",
}


def of(description: Description) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schemas of what goes in and of what comes out."""
    given = _table(description) if description.columns else _tensors(description)
    properties = {"input_data": given["schema"]}
    example = {"input_data": given["example"]}
    if description.params:
        properties["params"] = {"type": "object", "properties": {name: {} for name in description.params}}
    body = {"type": "object", "required": ["input_data"], "properties": properties, "example": example}
    return body, {"type": "array", "items": _output(description.outputs)}


def _table(description: Description) -> dict[str, Any]:
    """The split form of a frame with the signature's columns."""
    names = [one.name if one.name is not None else at for at, one in enumerate(description.columns)]
    values = [EXAMPLES.get(one.type, {}) for one in description.columns]
    kinds = {str(name): TYPES.get(one.type, {}) for name, one in zip(names, description.columns, strict=True)}
    schema = {
        "type": "object",
        "required": ["columns", "data"],
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}, "example": names},
            "index": {"type": "array", "items": {"type": "integer"}},
            "data": {"type": "array", "items": {"type": "array", "items": {}}},
        },
        "x-columns": kinds,
    }
    return {"schema": schema, "example": {"columns": names, "index": [0], "data": [values]}}


def _tensors(description: Description) -> dict[str, Any]:
    """Nested lists, one per tensor of the signature; anything without a signature."""
    tensors = description.tensors
    if not tensors:
        return {"schema": {}, "example": [[0.0]]}
    shaped = {one.name: _nested(one.dtype, one.shape) for one in tensors}
    if len(tensors) == 1:
        schema, example = shaped[tensors[0].name]
        return {"schema": schema, "example": example}
    properties = {name: schema for name, (schema, _) in shaped.items()}
    return {
        "schema": {"type": "object", "required": list(properties), "properties": properties},
        "example": {name: example for name, (_, example) in shaped.items()},
    }


def _nested(dtype: str, shape: tuple[int, ...]) -> tuple[dict[str, Any], Any]:
    whole = dtype.startswith(("int", "uint"))
    schema: dict[str, Any] = {"type": "integer" if whole else "number"}
    example: Any = 0 if whole else 0.0
    if dtype.startswith(("str", "<U", "object")):
        schema, example = {"type": "string"}, "text"
    for length in reversed(shape):
        schema = {"type": "array", "items": schema}
        example = [example] * (length if length > 0 else 1)
    return schema, example


def _output(outputs: list[dict[str, Any]]) -> dict[str, Any]:
    """One prediction."""
    if len(outputs) == 1 and outputs[0].get("type") == "tensor":
        tensor = outputs[0]["tensor-spec"]
        return _nested(tensor["dtype"], tuple(tensor["shape"][1:]))[0]
    named = {str(one["name"]): TYPES.get(str(one.get("type")), {}) for one in outputs if one.get("name")}
    if named:
        return {"type": "object", "properties": named}
    return TYPES.get(str(outputs[0].get("type")), {}) if len(outputs) == 1 else {}
