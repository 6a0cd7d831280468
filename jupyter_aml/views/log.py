"""A job's log as text, its first error pinned on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.views import logs, markup

LONGEST = 200_000


def html(snapshot: Mapping[str, Any]) -> str:
    """The log in a card; the snapshot has title, place, log, error and message."""
    top = markup.head(str(snapshot.get("title") or ""), str(snapshot.get("place") or ""), soft="log")
    error = str(snapshot.get("error") or "")
    text = logs.clean(str(snapshot.get("log") or ""))
    cut = f"… the last {LONGEST // 1000} kB\n" if len(text) > LONGEST else ""
    pinned = markup.section("error", markup.code(error, "jp-Aml-error")) if error else ""
    return markup.card(top, pinned, markup.code(cut + text[-LONGEST:], "jp-Aml-whole") if text.strip() else "")


def plain(snapshot: Mapping[str, Any]) -> str:
    """The log as it is, the first error before it."""
    error, text = str(snapshot.get("error") or ""), str(snapshot.get("log") or "").rstrip("\n")
    return f"{error}\n\n{text}" if error else text
