"""An MLflow model as its file `MLmodel` describes it: flavors, signature, what it was made with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_aml.views import markup, table

SIGNATURE = ("inputs", "outputs", "params")
FACTS = ("mlflow_version", "utc_time_created", "run_id", "model_id", "artifact_path")
NAME = "MLmodel"


def read(text: str) -> dict[str, Any]:
    """What the file says: `flavors` (name, version), `inputs`, `outputs`, `params` (name, type, optional) and facts.

    Args:
        text: The whole file.

    Returns:
        Nothing when it describes no model.
    """
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("flavors"), dict):
        return {}
    flavors = [{"name": str(name), "version": _version(str(name), held)} for name, held in found["flavors"].items()]
    told = found.get("signature")
    signature = {part: _columns((told if isinstance(told, dict) else {}).get(part)) for part in SIGNATURE}
    facts = {name: str(found[name]) for name in FACTS if found.get(name)}
    return {"flavors": flavors, **signature, **facts}


def html(found: Mapping[str, Any]) -> str:
    """The description as markup inside a card."""
    facts = markup.pairs((_spaced(name), markup.esc(found[name])) for name in FACTS if found.get(name))
    parts = [("flavors", found["flavors"]), *((part, found[part]) for part in SIGNATURE)]
    return facts + "".join(markup.section(title, table.grid(_cells(rows))) for title, rows in parts if rows)


def plain(found: Mapping[str, Any]) -> str:
    """The description as text."""
    lines = [f"{_spaced(name)}: {found[name]}" for name in FACTS if found.get(name)]
    lines.append(f"flavors: {', '.join(' '.join(filter(None, flavor.values())) for flavor in found['flavors'])}")
    lines.extend(f"{part}: {', '.join(map(_column, found[part]))}" for part in SIGNATURE if found[part])
    return "\n".join(lines)


def _version(flavor: str, held: Any) -> str:
    """The version of a flavor's library; of `python_function` Python's."""
    keys = (f"{flavor}_version", "python_version" if flavor == "python_function" else "", "version")
    given = held if isinstance(held, dict) else {}
    return next((str(given[key]) for key in keys if given.get(key)), "")


def _columns(text: Any) -> list[dict[str, Any]]:
    """The columns of a part of the signature, which stands in the file as JSON. Source: mlflow.models.signature."""
    try:
        held = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return []
    listed = held if isinstance(held, list) else []
    return [
        {
            "name": str(one.get("name") or ""),
            "type": _type(one),
            "optional": one.get("required") is False or "default" in one,
        }
        for one in listed
        if isinstance(one, dict)
    ]


def _type(column: Mapping[str, Any]) -> str:
    tensor = column.get("tensor-spec")
    if isinstance(tensor, dict):
        return f"{tensor.get('dtype')} {tensor.get('shape')}"
    items = column.get("items")
    if isinstance(items, dict):
        return f"array of {_type(items)}"
    return str(column.get("type") or "")


def _column(one: Mapping[str, Any]) -> str:
    said = f"{one['name']}: {one['type']}" if one["name"] else str(one["type"])
    return f"{said} (optional)" if one["optional"] else said


def _cells(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, object]]:
    return [
        {name: ("yes" if value else "") if isinstance(value, bool) else value for name, value in row.items()}
        for row in rows
    ]


def _spaced(name: str) -> str:
    return name.replace("_", " ")
