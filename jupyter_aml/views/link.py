"""A page to open: its address as a link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.views import markup

Snapshot = Mapping[str, Any]


def html(snapshot: Snapshot) -> str:
    """A card with the link and a quiet line below."""
    url = str(snapshot["entity"]["url"])
    title, place, note = (str(snapshot.get(key) or "") for key in ("title", "place", "message"))
    shown = url.partition("?")[0]
    link = f'<a href="{markup.esc(url)}" target="_blank" rel="noopener noreferrer">{markup.esc(shown)}</a>'
    below = f'<div class="jp-Aml-soft">{markup.esc(note)}</div>' if note else ""
    return markup.card(markup.head(title, place), f"<div>{link}</div>", below)


def plain(snapshot: Snapshot) -> str:
    """The title, the whole address on a line of its own, and what to know about it."""
    top = " · ".join(str(snapshot[key]) for key in ("title", "place") if snapshot.get(key))
    return "\n".join(line for line in (top, str(snapshot["entity"]["url"]), str(snapshot.get("message") or "")) if line)
