"""How the columns of a table differ between two versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.views import markup, profile, table

Snapshot = Mapping[str, Any]


def html(snapshot: Snapshot) -> str:
    """The difference as a card; the snapshot's entity has name, from, to, added, removed and changed."""
    found = snapshot["entity"]
    top = markup.head(_title(found), str(snapshot.get("place") or ""), soft=_sizes(found))
    rows = lines(found)
    body = table.grid(rows) if rows else f'<div class="jp-Aml-soft">{markup.esc(_same(found))}</div>'
    return markup.card(top, body)


def plain(snapshot: Snapshot) -> str:
    """The difference as aligned text."""
    found = snapshot["entity"]
    place = str(snapshot.get("place") or "")
    return table.plain(lines(found), title=_title(found), place=place, note=_sizes(found), empty=_same(found))


def lines(found: Mapping[str, Any]) -> list[dict[str, object]]:
    """One row for each column that is not as it was."""
    return [
        *({"column": one["name"], "change": "added", "from": "", "to": one["type"]} for one in found["added"]),
        *({"column": one["name"], "change": "removed", "from": one["type"], "to": ""} for one in found["removed"]),
        *(
            {"column": one["name"], "change": "type changed", "from": one["from"], "to": one["to"]}
            for one in found["changed"]
        ),
    ]


def _title(found: Mapping[str, Any]) -> str:
    return f"{found['name']}: version {found['from']['version']} to {found['to']['version']}"


def _same(found: Mapping[str, Any]) -> str:
    order = ", in another order" if found.get("reordered") else ""
    return f"The same {found['to']['columns']} columns with the same types{order}."


def _sizes(found: Mapping[str, Any]) -> str:
    return " → ".join(profile.read(found[side]) for side in ("from", "to"))
