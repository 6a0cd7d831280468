"""The beginning of a file: a table for delimited text, indented JSON, else its first lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from jupyter_aml.views import formats, markup, table

Snapshot = Mapping[str, Any]
ROWS = 10
LINES = 40
MOST_COLUMNS = 30
DELIMITED: Mapping[str, str] = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}


@dataclass(frozen=True)
class Preview:
    """What the first bytes of a file show: `kind` is table, json, text, binary or empty."""

    kind: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""
    note: str = ""


def read(name: str, data: bytes, *, total: int | None = None, rows: int = ROWS) -> Preview:
    """Look at the first bytes of a file.

    Args:
        name: Its name; the ending tells how to read it.
        data: Its beginning; a last incomplete line is left out.
        total: Its whole size in bytes, when `data` may be less.
        rows: How many rows of a table to keep.
    """
    partial = total is not None and total > len(data)
    if not data:
        return Preview("empty", note="The file has 0 bytes.")
    ending = PurePosixPath(name).suffix.lower()
    if b"\x00" in data[:4096]:
        return Preview("binary", note=f"{formats.size(total or len(data))} of binary data; no preview.")
    content = data.decode("utf-8", errors="replace").removeprefix("\ufeff")
    if partial and "\n" in content:
        content = content[: content.rfind("\n") + 1]
    more = f"the first {formats.size(len(data))} of {formats.size(total or 0)}" if partial else ""
    if ending in DELIMITED:
        return _delimited(content, DELIMITED[ending], rows, more)
    if ending in {".jsonl", ".ndjson"}:
        return _json_lines(content, rows, more)
    if ending in {".json", ".ipynb"} and not partial:
        return _json(content)
    lines = content.split("\n")
    note = f"the first {LINES} lines" if len(lines) > LINES else more
    return Preview("text", text="\n".join(lines[:LINES]), note=note)


def html(snapshot: Snapshot) -> str:
    """The preview as a card; the snapshot has name, preview (a `Preview`) and place."""
    found: Preview = snapshot["preview"]
    top = markup.head(str(snapshot.get("name") or ""), str(snapshot.get("place") or ""), soft=found.note)
    if found.kind == "table":
        return markup.card(top, table.grid(found.rows))
    return markup.card(top, markup.code(found.text) if found.text else "")


def plain(snapshot: Snapshot) -> str:
    """The preview as text."""
    found: Preview = snapshot["preview"]
    first = [str(part) for part in (snapshot.get("name"), found.note, snapshot.get("place")) if part]
    body = table.plain(found.rows) if found.kind == "table" else found.text
    return f"{' · '.join(first)}\n{body}".rstrip()


def _delimited(content: str, delimiter: str, rows: int, more: str) -> Preview:
    sample = content.split("\n", 1)[0]
    if delimiter == "," and sample.count(";") > sample.count(","):
        delimiter = ";"
    reader = csv.reader(io.StringIO(content), delimiter=delimiter)
    try:
        header = next(reader)
        body = [line for line, _ in zip(reader, range(rows), strict=False)]
    except (csv.Error, StopIteration):
        return Preview("text", text="\n".join(content.split("\n")[:LINES]), note=more)
    names = [name.strip() or f"column {index}" for index, name in enumerate(header[:MOST_COLUMNS], 1)]
    names = [name if names.index(name) == index else f"{name} ({index + 1})" for index, name in enumerate(names)]
    found = [{name: _value(cell) for name, cell in zip(names, line, strict=False)} for line in body]
    if not found:
        return Preview("table", rows=[dict.fromkeys(names, "")], note="a header without rows")
    cut = f"{MOST_COLUMNS} of {len(header)} columns" if len(header) > MOST_COLUMNS else f"{len(header)} columns"
    return Preview(
        "table", rows=found, note=", ".join(part for part in (f"first {len(found)} rows", cut, more) if part)
    )


def _value(cell: str) -> object:
    try:
        return int(cell)
    except ValueError:
        pass
    try:
        return float(cell)
    except ValueError:
        return cell


def _json_lines(content: str, rows: int, more: str) -> Preview:
    lines = [line for line in content.split("\n") if line.strip()][:rows]
    try:
        found = [json.loads(line) for line in lines]
    except ValueError:
        return Preview("text", text="\n".join(lines), note=more)
    records = [item if isinstance(item, dict) else {"value": item} for item in found]
    return Preview("table", rows=records, note=", ".join(part for part in (f"first {len(found)} rows", more) if part))


def _json(content: str) -> Preview:
    try:
        found = json.loads(content)
    except ValueError as error:
        return Preview("text", text="\n".join(content.split("\n")[:LINES]), note=f"not valid JSON: {error}")
    lines = json.dumps(found, indent=2, ensure_ascii=False).split("\n")
    note = f"the first {LINES} of {len(lines)} lines" if len(lines) > LINES else ""
    return Preview("json", text="\n".join(lines[:LINES]), note=note)
