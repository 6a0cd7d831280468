"""The packages that an environment means on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.views import markup, table

Snapshot = Mapping[str, Any]
NOT_BUILT = "It is not built here yet: the first job that names it builds it."


def html(snapshot: Snapshot) -> str:
    """The packages as a card; the snapshot's entity has name, built, python, path, notes and packages."""
    found = snapshot["entity"]
    top = markup.head(str(found["name"]), str(snapshot.get("place") or ""), soft=said(found))
    notes = "".join(f'<div class="jp-Aml-soft">{markup.esc(note)}</div>' for note in found["notes"])
    return markup.card(top, notes, table.grid(found["packages"]))


def plain(snapshot: Snapshot) -> str:
    """The packages as aligned text."""
    found = snapshot["entity"]
    note = " ".join([said(found), *found["notes"]])
    place, name = str(snapshot.get("place") or ""), str(found["name"])
    return table.plain(found["packages"], title=name, place=place, note=note, empty="It asks for no packages.")


def said(found: Mapping[str, Any]) -> str:
    """Which Python it is, or that there is none yet."""
    return f"Python {found['python']} · {found['path']}" if found["built"] else NOT_BUILT
