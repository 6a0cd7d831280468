"""Drawings by kind: how an outcome's snapshot becomes HTML or text.

Tables, records and texts are drawn here over `views.table` and `views.entity`; any other kind K is the module
`jupyter_aml.views.K` with the functions `html(snapshot)` and `plain(snapshot)`, and a kind without a module
is drawn as a record.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Literal

from jupyter_aml.commands.plain import pick

Form = Literal["html", "plain"]
Snapshot = Mapping[str, Any]
ARM_ID = re.compile(
    r"(?:azureml:)?/subscriptions/.+/(?:(?P<name>[^/]+)/versions/(?P<version>[^/]+)|computes/(?P<compute>[^/]+))$"
)
HIDDEN = frozenset({"creation_context", "id", "resource_id", "inputs_schema"})


def draw(kind: str, form: Form, snapshot: Snapshot) -> str:
    """One form of a snapshot; `kind` as in `Outcome`."""
    if kind == "table":
        return _table(form, snapshot)
    if kind == "text":
        return _text(form, snapshot)
    module = _module(kind) if kind != "record" else None
    return _record(form, snapshot) if module is None else str(getattr(module, form)(snapshot))


def live(kind: str, snapshot: Snapshot) -> dict[str, Any]:
    """The form of a snapshot that a page keeps alive by itself; empty for kinds that have none."""
    from jupyter_aml.views import live as form

    if kind == "compare":
        return form.comparison(snapshot.get("runs") or [])
    if kind == "endpoint":
        return form.endpoint(snapshot)
    return form.bundle(snapshot) if kind == "job" else {}


def _module(kind: str) -> ModuleType | None:
    name = f"jupyter_aml.views.{kind}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
    return None


def rows(snapshot: Snapshot) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of a snapshot's table and the heads of its columns.

    A column is a dotted path, or `head=path`; without columns every key that holds a scalar is one.
    """
    entity = snapshot.get("entity")
    records = entity if isinstance(entity, list) else [entity]
    columns = snapshot.get("columns") or _columns(records)
    heads = [column.partition("=")[0] if "=" in column else column.split(".")[-1] for column in columns]
    paths = [column.partition("=")[2] or column for column in columns]
    lines = [{head: _cell(record, path) for head, path in zip(heads, paths, strict=True)} for record in records]
    return lines, heads


def _cell(record: Any, path: str) -> Any:
    """A cell of a table; the id of an asset is told by its name and version, that of a compute by its name."""
    found = pick(record, path) if isinstance(record, Mapping) else record
    known = ARM_ID.match(found) if isinstance(found, str) else None
    if known is None:
        return found
    return known["compute"] or f"{known['name']}:{known['version']}"


def _columns(records: list[Any]) -> list[str]:
    if not all(isinstance(record, Mapping) for record in records):
        return ["value"]
    found: dict[str, None] = {}
    for record in records:
        found.update(
            dict.fromkeys(
                key
                for key, value in record.items()
                if key not in HIDDEN and not isinstance(value, (Mapping, list)) and value is not None
            )
        )
    return list(found)


def _table(form: Form, snapshot: Snapshot) -> str:
    from jupyter_aml.views import table

    lines, heads = rows(snapshot)
    title, place, note = (str(snapshot.get(key) or "") for key in ("title", "place", "message"))
    empty = str(snapshot.get("empty") or "Nothing here yet.")
    show = table.html if form == "html" else table.plain
    return show(lines, heads, title=title, place=place, note=note, empty=empty)


def _record(form: Form, snapshot: Snapshot) -> str:
    from jupyter_aml.views import entity as card

    entity = snapshot.get("entity")
    if not isinstance(entity, Mapping):
        return _text(form, snapshot)
    if snapshot.get("columns"):
        paths = {column.partition("=")[0]: column.partition("=")[2] or column for column in snapshot["columns"]}
        shown = {head: pick(entity, path) for head, path in paths.items()}
        snapshot = {**snapshot, "entity": {"name": entity.get("name"), **shown}}
    return card.html(snapshot) if form == "html" else card.plain(snapshot)


def _text(form: Form, snapshot: Snapshot) -> str:
    from jupyter_aml.views import markup

    entity = snapshot.get("entity")
    lines = [str(part) for part in (snapshot.get("message"), entity) if part not in (None, "")]
    place = str(snapshot.get("place") or "")
    title = str(snapshot.get("title") or "")
    if form == "html":
        body = "".join(
            markup.code(line, "jp-Aml-whole") if "\n" in line else f"<div>{markup.esc(line)}</div>" for line in lines
        )
        return markup.card(markup.head(title, place) if title or place else "", body)
    head = " · ".join(part for part in (title, place) if part)
    return "\n".join([head, *lines] if head else lines)
