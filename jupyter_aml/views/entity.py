"""The details of one thing (data, datastore, environment, model, component, compute, workspace) as a card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jupyter_aml.views import formats, markup, table

FIRST = (
    "type",
    "version",
    "label",
    "status",
    "provisioning_state",
    "path",
    "description",
    "image",
    "size",
    "location",
)
LAST = ("tags", "properties", "created", "id")
HIDDEN = ("place", "kind", "name")
LONG = 200


def ordered(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The facts worth showing: what a person asks first, then the rest, then tags, dates and ids."""
    known = {key: value for key, value in facts.items() if key not in HIDDEN and value not in (None, "", {}, [])}
    middle = [key for key in known if key not in FIRST and key not in LAST]
    keys = [*(key for key in FIRST if key in known), *middle, *(key for key in LAST if key in known)]
    return [(key, known[key]) for key in keys]


def html(facts: Mapping[str, Any]) -> str:
    """One card: kind and name on top, one line per fact; nested values as small blocks."""
    top = markup.head(str(facts.get("name") or ""), str(facts.get("place") or ""), soft=str(facts.get("kind") or ""))
    return markup.card(top, markup.pairs([(_title(key), _shown(key, value)) for key, value in ordered(facts)]))


def plain(facts: Mapping[str, Any]) -> str:
    """The same for a terminal."""
    first = " · ".join(str(facts[key]) for key in ("kind", "name", "place") if facts.get(key))
    lines = [(_title(key), _plain(value)) for key, value in ordered(facts)]
    widest = max((formats.width(key) for key, _ in lines), default=0)
    indent = "\n" + " " * (widest + 4)
    body = [f"  {key}{' ' * (widest - formats.width(key))}  {value.replace(chr(10), indent)}" for key, value in lines]
    return "\n".join([first, *body])


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
