"""The beginning of a file: delimited text as a table, indented JSON, cells of a notebook, else its first lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from jupyter_aml.views import formats, markup, mlmodel, table

Snapshot = Mapping[str, Any]
ROWS = 10
LINES = 40
MOST_COLUMNS = 30
DELIMITED: Mapping[str, str] = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}


@dataclass(frozen=True)
class Preview:
    """What the first bytes of a file show.

    Attributes:
        kind: table, cells (of a notebook), model (MLflow's), json, text, binary or empty.
        rows: Of a table; of cells their type and source.
        facts: Of a model, as `mlmodel.read` gives them.
    """

    kind: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""
    note: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> Any:
        """What -o prints of it."""
        return self.facts or (self.rows if self.kind in {"table", "cells"} else self.text)


def read(name: str, data: bytes, *, total: int | None = None, rows: int = ROWS, lines: int = LINES) -> Preview:
    """Look at the first bytes of a file.

    Args:
        name: Its name; the ending tells how to read it.
        data: Its beginning; a last incomplete line is left out.
        total: Its whole size in bytes, when `data` may be less.
        rows: How many rows of a table to keep.
        lines: How many lines of a text to keep.
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
        return _json(content, lines, notebook=ending == ".ipynb")
    facts = mlmodel.read(content) if PurePosixPath(name).name == mlmodel.NAME and not partial else {}
    return Preview("model", facts=facts) if facts else _text(content, lines, more)


def html(snapshot: Snapshot) -> str:
    """The preview as a card; the snapshot has name, preview (a `Preview`) and place."""
    found: Preview = snapshot["preview"]
    top = markup.head(str(snapshot.get("name") or ""), str(snapshot.get("place") or ""), soft=found.note)
    if found.kind == "table":
        return markup.card(top, table.grid(found.rows))
    if found.kind == "cells":
        return markup.card(top, *(markup.section(cell["type"], markup.code(cell["source"])) for cell in found.rows))
    if found.kind == "model":
        return markup.card(top, mlmodel.html(found.facts))
    return markup.card(top, markup.code(found.text) if found.text else "")


def plain(snapshot: Snapshot) -> str:
    """The preview as text."""
    found: Preview = snapshot["preview"]
    first = [str(part) for part in (snapshot.get("name"), found.note, snapshot.get("place")) if part]
    return f"{' · '.join(first)}\n{_plain(found)}".rstrip()


def _plain(found: Preview) -> str:
    if found.kind == "table":
        return table.plain(found.rows)
    if found.kind == "model":
        return mlmodel.plain(found.facts)
    marks = {"code": "# %%"}
    cells = [f"{marks.get(cell['type'], '# %% [' + cell['type'] + ']')}\n{cell['source']}" for cell in found.rows]
    return "\n\n".join(cells) or found.text


def _text(content: str, most: int, more: str) -> Preview:
    lines = content.split("\n")
    note = f"the first {most} lines" if len(lines) > most else more
    return Preview("text", text="\n".join(lines[:most]), note=note)


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


def _json(content: str, most: int, *, notebook: bool) -> Preview:
    try:
        found = json.loads(content)
    except ValueError as error:
        return Preview("text", text="\n".join(content.split("\n")[:most]), note=f"not valid JSON: {error}")
    cells = _cells(found) if notebook else []
    if cells:
        return Preview("cells", rows=cells, note=f"{len(cells)} {'cell' if len(cells) == 1 else 'cells'}")
    lines = json.dumps(found, indent=2, ensure_ascii=False).split("\n")
    note = f"the first {most} of {len(lines)} lines" if len(lines) > most else ""
    return Preview("json", text="\n".join(lines[:most]), note=note)


def _cells(notebook: Any) -> list[dict[str, Any]]:
    """The sources of a notebook's cells. Source: nbformat 4, where a source is a text or a list of lines."""
    listed = notebook.get("cells") if isinstance(notebook, dict) else None
    return [
        {"type": str(cell.get("cell_type") or ""), "source": "".join(cell.get("source") or "")}
        for cell in (listed if isinstance(listed, list) else [])
        if isinstance(cell, dict)
    ]
