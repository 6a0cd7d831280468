"""The details of one thing (data, datastore, environment, model, component, compute, workspace) as a card.

A snapshot has entity (the dict of `az ml`), title (its noun), place and message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jupyter_aml.views import formats, markup, table

FIRST = ("type", "version", "status", "provisioning_state", "state", "path", "description", "image", "size", "location")
LAST = ("tags", "properties", "created", "id")
HIDDEN = ("name", "creation_context", "$schema", "resource_id")
LONG = 200


def facts(snapshot: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What is worth showing: what a person asks first, then the rest, then tags, dates and ids."""
    entity = snapshot.get("entity") or {}
    known = {key: value for key, value in entity.items() if key not in HIDDEN and value not in (None, "", {}, [])}
    origin = entity.get("creation_context") or {}
    created = [formats.when(origin.get("created_at")), f"by {origin['created_by']}" if origin.get("created_by") else ""]
    if any(created):
        known["created"] = " ".join(part for part in created if part)
    middle = [key for key in known if key not in FIRST and key not in LAST]
    keys = [*(key for key in FIRST if key in known), *middle, *(key for key in LAST if key in known)]
    return [(key, known[key]) for key in keys]


def html(snapshot: Mapping[str, Any]) -> str:
    """One card: name and noun on top, one line per fact; nested values as small blocks."""
    place, noun, message = (str(snapshot.get(key) or "") for key in ("place", "title", "message"))
    top = markup.head(_name(snapshot), place, soft=noun)
    said = f'<div class="jp-Aml-soft">{markup.esc(message)}</div>' if message else ""
    return markup.card(top, said, markup.pairs([(_title(key), _shown(key, value)) for key, value in facts(snapshot)]))


def plain(snapshot: Mapping[str, Any]) -> str:
    """The same for a terminal."""
    parts = (snapshot.get("title"), _name(snapshot), snapshot.get("place"))
    first = " · ".join(str(part) for part in parts if part)
    lines = [(_title(key), _plain(value)) for key, value in facts(snapshot)]
    widest = max((formats.width(key) for key, _ in lines), default=0)
    indent = "\n" + " " * (widest + 4)
    body = [f"  {key}{' ' * (widest - formats.width(key))}  {value.replace(chr(10), indent)}" for key, value in lines]
    message = str(snapshot.get("message") or "")
    return "\n".join(line for line in (first, message, *body) if line)


def _name(snapshot: Mapping[str, Any]) -> str:
    entity = snapshot.get("entity") or {}
    name, version = str(entity.get("name") or ""), entity.get("version")
    return f"{name}:{version}" if version else name


def _title(key: str) -> str:
    return key.replace("_", " ")


def _nested(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(isinstance(item, Mapping | list) for item in value.values()) or len(formats.cell(value)) > LONG
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _plain(value: object) -> str:
    if _nested(value):
        return json.dumps(value, indent=2, default=str, ensure_ascii=False)
    return formats.cell(value)


def _shown(key: str, value: object) -> str:
    if key in {"status", "state"}:
        return table.status(formats.cell(value))
    shown = _plain(value)
    if "\n" in shown:
        return markup.code(shown)
    if key in {"path", "id", "image"}:
        return f"<code>{markup.esc(shown)}</code>"
    return markup.esc(shown)
