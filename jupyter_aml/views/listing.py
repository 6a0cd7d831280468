"""A folder of a datastore or asset: names, sizes and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_aml.views import formats, markup, table

Entry = Mapping[str, Any]
Snapshot = Mapping[str, Any]
COLUMNS = ("name", "size", "modified")
EMPTY = "The folder is empty."


def rows(entries: Sequence[Entry]) -> list[dict[str, str]]:
    """Folders first, then files, each by name; a folder's name ends in `/`."""
    ordered = sorted(entries, key=lambda entry: (not entry.get("folder"), str(entry.get("name"))))
    return [
        {
            "name": f"{entry.get('name')}/" if entry.get("folder") else str(entry.get("name")),
            "size": "" if entry.get("size") is None else formats.size(float(entry["size"])),
            "modified": formats.when(entry.get("modified")),
        }
        for entry in ordered
    ]


def html(snapshot: Snapshot) -> str:
    """The folder as a table in a card; the snapshot has entries, title, place and note."""
    entries = snapshot.get("entries") or []
    top = markup.head(str(snapshot.get("title") or ""), str(snapshot.get("place") or ""), soft=_count(entries))
    body = table.grid(rows(entries), COLUMNS) if entries else f'<div class="jp-Aml-soft">{EMPTY}</div>'
    note = str(snapshot.get("note") or "")
    return markup.card(top, body, f'<div class="jp-Aml-soft">{markup.esc(note)}</div>' if note else "")


def plain(snapshot: Snapshot) -> str:
    """The folder as text."""
    title, place, note = (str(snapshot.get(key) or "") for key in ("title", "place", "note"))
    entries = snapshot.get("entries") or []
    return table.plain(rows(entries), COLUMNS, title=title, place=place, note=note, empty=EMPTY)


def _count(entries: Sequence[Entry]) -> str:
    folders = sum(bool(entry.get("folder")) for entry in entries)
    files = len(entries) - folders
    parts = []
    if folders:
        parts.append(f"{folders} {'folder' if folders == 1 else 'folders'}")
    if files:
        total = formats.size(float(sum(entry.get("size") or 0 for entry in entries)))
        parts.append(f"{files} {'file' if files == 1 else 'files'}, {total}")
    return ", ".join(parts)
