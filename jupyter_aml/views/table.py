"""Tables: rows of a list as HTML and as aligned plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jupyter_aml.views import formats, markup

Row = Mapping[str, object]
WIDEST = 60
SIZES = ("size",)
TIMES = ("created", "created_at", "modified", "modified_at", "last_modified_at", "started", "ended")


def columns_of(rows: Sequence[Row]) -> list[str]:
    """The names that occur in the rows, in the order of their first occurrence."""
    return list(dict.fromkeys(name for row in rows for name in row))


def html(
    rows: Sequence[Row],
    columns: Sequence[str] | None = None,
    *,
    title: str = "",
    place: str = "",
    note: str = "",
    empty: str = "Nothing here yet.",
) -> str:
    """The rows as a framed HTML table.

    Args:
        rows: One mapping per row; a missing key is an empty cell.
        columns: Which keys, in which order; all of them when None.
        title: What the rows are, such as `data`.
        place: LOCAL or AZURE.
        note: One quiet line below, such as how to see more.
        empty: What to say instead of a table without rows.
    """
    count = f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}" if rows else ""
    top = markup.head(title, place, soft=count) if title or place else ""
    body = grid(rows, columns) if rows else f'<div class="jp-Aml-soft">{markup.esc(empty)}</div>'
    below = f'<div class="jp-Aml-soft">{markup.esc(note)}</div>' if note else ""
    return markup.card(top, body, below)


def grid(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """The table without a frame; a wide one scrolls."""
    names = list(columns) if columns is not None else columns_of(rows)
    numeric = {name for name in names if _is_numeric(rows, name)}
    header = "".join(f'<th scope="col"{_css(name in numeric)}>{markup.esc(name)}</th>' for name in names)
    lines = "".join(
        "<tr>"
        + "".join(f"<td{_css(name in numeric)}>{_html_cell(name, row.get(name))}</td>" for name in names)
        + "</tr>"
        for row in rows
    )
    return markup.scrolling(
        f'<table class="jp-Aml-rows"><thead><tr>{header}</tr></thead><tbody>{lines}</tbody></table>'
    )


def plain(
    rows: Sequence[Row],
    columns: Sequence[str] | None = None,
    *,
    title: str = "",
    place: str = "",
    note: str = "",
    empty: str = "Nothing here yet.",
) -> str:
    """The same as aligned text, numbers to the right, long cells cut with `…`."""
    names = list(columns) if columns is not None else columns_of(rows)
    top = f"{title} · {place}" if title and place else title or place
    if not rows:
        return "\n".join(line for line in (top, empty, note) if line)
    texts = [[formats.clip(_flat(name, row.get(name)), WIDEST) for name in names] for row in rows]
    widths = [
        max(formats.width(name), *(formats.width(line[index]) for line in texts)) for index, name in enumerate(names)
    ]
    right = [_is_numeric(rows, name) for name in names]
    lines = [_align(names, widths, right), _align(["─" * size for size in widths], widths, right)]
    lines += [_align(line, widths, right) for line in texts]
    return "\n".join(line for line in (top, *lines, note) if line)


def _align(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = []
    for text, size, to_right in zip(texts, widths, right, strict=True):
        gap = " " * (size - formats.width(text))
        parts.append(gap + text if to_right else text + gap)
    return "  ".join(parts).rstrip()


def _flat(name: str, value: object) -> str:
    return " ".join(_text(name, value).split())


def _text(name: str, value: object) -> str:
    if name.lower() in TIMES:
        return formats.when(value) or formats.cell(value)
    if name.lower() in SIZES and isinstance(value, int) and not isinstance(value, bool):
        return formats.size(value)
    return formats.cell(value)


def _is_numeric(rows: Sequence[Row], name: str) -> bool:
    values = [row.get(name) for row in rows if row.get(name) is not None and name.lower() not in TIMES]
    return bool(values) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _css(numeric: bool) -> str:
    return ' class="num"' if numeric else ""


def _html_cell(name: str, value: object) -> str:
    text = _text(name, value)
    if name.lower() in {"status", "state"} and text:
        return status(text)
    return markup.esc(text)


def status(text: str) -> str:
    """A status as its mark and its word, in the status's colour."""
    css = f"jp-Aml-status jp-Aml-{formats.tone(text)}"
    return f'<span class="{css}">{formats.icon(text)} {markup.esc(text)}</span>'
