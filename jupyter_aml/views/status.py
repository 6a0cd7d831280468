"""What is connected and what runs: the card of `%aml status` and `%aml whoami`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.views import formats, markup, table

Snapshot = Mapping[str, Any]


def html(snapshot: Snapshot) -> str:
    """A card with one section per part: connection, identity, host, disk, patches."""
    place = str(snapshot.get("place") or "")
    title = str(snapshot.get("title") or snapshot.get("workspace") or "not connected")
    parts = [
        markup.section(name, markup.pairs([(key, markup.esc(value)) for key, value in facts]))
        for name, facts in _sections(snapshot)
    ]
    jobs = snapshot.get("jobs") or []
    listed = markup.section("jobs", table.grid(jobs)) if jobs else ""
    return markup.card(markup.head(title, place), f'<div class="jp-Aml-flow">{"".join(parts)}</div>', listed)


def plain(snapshot: Snapshot) -> str:
    """The same for a terminal."""
    title = str(snapshot.get("title") or snapshot.get("workspace") or "not connected")
    lines = [" · ".join(part for part in (title, str(snapshot.get("place") or "")) if part)]
    for name, facts in _sections(snapshot):
        widest = max(len(key) for key, _ in facts)
        lines += ["", name, *(f"  {key:<{widest}}  {value}" for key, value in facts)]
    if snapshot.get("jobs"):
        lines += ["", table.plain(snapshot["jobs"])]
    return "\n".join(lines)


def _sections(snapshot: Snapshot) -> list[tuple[str, list[tuple[str, str]]]]:
    found = []
    for name in ("connection", "identity", "host", "endpoints", "disk", "adopted", "patched"):
        part = snapshot.get(name)
        if not part:
            continue
        items = part.items() if isinstance(part, Mapping) else enumerate(part, 1)
        facts = [(_title(str(key)), _value(str(key), value)) for key, value in items]
        shown = [(key, value) for key, value in facts if value]
        if shown:
            found.append((name, shown))
    return found


def _title(key: str) -> str:
    """A key in words; the path of an attribute stays as it is."""
    return key if "." in key else key.replace("_", " ")


def _value(key: str, value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and key.endswith(("bytes", "memory", "size")):
        return formats.size(value)
    if isinstance(value, int | float) and key in {"started", "created", "expires"}:
        return formats.when(value)
    return formats.cell(value)
