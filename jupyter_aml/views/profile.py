"""A profile of a table: one line a column, with the shape of its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.views import formats, markup, table

Snapshot = Mapping[str, Any]
_BARS = "▁▂▃▄▅▆▇█"


def html(snapshot: Snapshot) -> str:
    """The profile as a card; the snapshot's entity has name, rows, total, sample, files and columns."""
    found = snapshot["entity"]
    top = markup.head(str(found.get("name") or ""), str(snapshot.get("place") or ""), soft=read(found))
    body = table.grid(lines(found)) if found.get("columns") else '<div class="jp-Aml-soft">It has no columns.</div>'
    return markup.card(top, body)


def plain(snapshot: Snapshot) -> str:
    """The profile as aligned text."""
    found = snapshot["entity"]
    note, place, name = read(found), str(snapshot.get("place") or ""), str(found.get("name") or "")
    return table.plain(lines(found), title=name, place=place, note=note, empty="It has no columns.")


def read(found: Mapping[str, Any]) -> str:
    """How much was read: `150 rows`, or that it is a sample and of what."""
    rows, total = int(found.get("rows") or 0), found.get("total")
    said = f"{rows:,} {'row' if rows == 1 else 'rows'}"
    if found.get("sample"):
        said = f"a sample: the first {said} of {f'{total:,}' if total is not None else 'more'}"
    files = int(found.get("files") or 1)
    return f"{said}, {found.get('files_read')} of {files} files" if files > 1 else said


def lines(found: Mapping[str, Any]) -> list[dict[str, object]]:
    """The rows of the table."""
    return [
        {
            "column": one["name"],
            "type": one["type"],
            "count": one["count"],
            "missing": f"{one['missing']} ({one['missing_percent']:g} %)" if one["missing"] else "",
            "distinct": one["distinct"],
            "min": one.get("min"),
            "mean": one.get("mean"),
            "max": one.get("max"),
            "std": one.get("std"),
            "values": shape(one),
        }
        for one in found.get("columns") or []
    ]


def shape(column: Mapping[str, Any]) -> str:
    """Bars of the histogram, or the most frequent values."""
    counts = (column.get("histogram") or {}).get("counts") or []
    if counts:
        most = max(counts)
        return "".join(_BARS[round((len(_BARS) - 1) * one / most)] if one else " " for one in counts)
    top = [f"{formats.clip(formats.cell(one['value']), 20)} ({one['count']})" for one in column.get("top") or []]
    return ", ".join(top[:3])
