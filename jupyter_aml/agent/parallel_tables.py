"""MLTable files as DataFrames, in the environment's own Python: what a parallel step cuts into mini-batches.

It needs pandas and PyYAML and knows no other package.
"""

from __future__ import annotations

import fnmatch
import os
import re
from pathlib import Path
from typing import Any

PATH = "Path"
"""The column that `include_path_column` adds: from the table's folder, with a slash before it."""
_PLACE = re.compile(r"\{([^{}]+)\}")


def has_rows(table: Path) -> bool:
    """Whether an MLTable file says how to read rows; else it is a list of files."""
    return any(key.startswith("read_") for key, _ in _steps(_content(table)))


def files(table: Path) -> list[Path]:
    """The files that an MLTable file lists."""
    return [path for entry in _content(table).get("paths") or [] for path in _files(table.parent, entry)]


def _content(table: Path) -> dict[str, Any]:
    import yaml

    return dict(yaml.safe_load(table.read_text(encoding="utf-8")) or {})


def _steps(content: dict[str, Any]) -> list[tuple[str, Any]]:
    written = content.get("transformations") or []
    return [next(iter(step.items())) if isinstance(step, dict) else (str(step), None) for step in written]


def read(table: Path) -> Any:
    """The rows of an MLTable file as one DataFrame.

    Args:
        table: The file `MLTable`.

    Raises:
        SystemExit: It asks for a transformation that is not known here.
    """
    import pandas as pd

    steps = _steps(_content(table))
    reading = [(key, value) for key, value in steps if key.startswith("read_")]
    kind, given = reading[0] if reading else ("read_delimited", None)
    parts = [_marked(_read(path, kind, given or {}), path, table.parent) for path in files(table)]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    for key, value in steps:
        if not key.startswith("read_"):
            frame = _changed(frame, key, value)
    kept = bool((given or {}).get("include_path_column"))
    return frame if kept or PATH not in frame.columns else frame.drop(columns=PATH)


def _files(folder: Path, entry: dict[str, str]) -> list[Path]:
    text = next(iter(entry.values()))
    if "pattern" in entry:
        wanted = text[2:] if text.startswith("./") else text  # noqa: FURB188 - Python 3.8
        found = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return [path for path in found if _fits(path.relative_to(folder).as_posix(), wanted)]
    place = folder / text
    return sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]


def _fits(name: str, pattern: str) -> bool:
    """Whether a file is meant; `**/` stands for any folders, none included."""
    return fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name, pattern.replace("**/", ""))


def _read(path: Path, kind: str, given: dict[str, Any]) -> Any:
    import pandas as pd

    if kind == "read_parquet":
        return pd.read_parquet(path)
    encoding = {"utf8": "utf-8", "ascii": "utf-8"}.get(str(given.get("encoding") or "utf8"), given.get("encoding"))
    if kind == "read_json_lines":
        return pd.read_json(path, lines=True, encoding=encoding)
    if kind != "read_delimited":
        raise SystemExit(f"The table asks for {kind}; known are read_delimited, read_parquet and read_json_lines.")
    header = None if given.get("header") == "no_header" else 0
    frame = pd.read_csv(path, sep=given.get("delimiter", ","), header=header, encoding=encoding)
    return frame.rename(columns=lambda name: f"Column{name + 1}") if header is None else frame


def _marked(frame: Any, path: Path, folder: Path) -> Any:
    return frame.assign(**{PATH: "/" + Path(os.path.relpath(path, folder)).as_posix()})


def _changed(frame: Any, key: str, value: Any) -> Any:
    """The table after one transformation."""
    if key == "extract_columns_from_partition_format":
        found = frame[PATH].str.extract(_pattern(str(value["partition_format"])))
        return frame.assign(**{str(name): found[name] for name in found.columns})
    if key in {"drop_columns", "keep_columns"}:
        names = value if isinstance(value, list) else [value]
        there = [name for name in names if name in frame.columns]
        return frame.drop(columns=there) if key == "drop_columns" else frame[there]
    if key == "convert_column_types":
        for one in value if isinstance(value, list) else [value]:
            frame = _converted(frame, one)
        return frame
    if key == "take":
        return frame.head(int(value))
    if key == "skip":
        return frame.iloc[int(value) :]
    known = "drop_columns, keep_columns, convert_column_types, take, skip and extract_columns_from_partition_format"
    raise SystemExit(f"The table asks for {key}, which is not known here; known are {known}.")


def _converted(frame: Any, step: dict[str, Any]) -> Any:
    """Columns as the type that is asked for; those of files, `stream_info`, stay addresses."""
    import pandas as pd

    names = step["columns"] if isinstance(step["columns"], list) else [step["columns"]]
    asked = step["column_type"]
    kind = next(iter(asked)) if isinstance(asked, dict) else str(asked)
    changed = {}
    for name in names:
        column = frame[name]
        if kind in {"int", "float"}:
            changed[name] = pd.to_numeric(column)
        elif kind == "datetime":
            changed[name] = _dates(column, (asked[kind] or {}).get("formats") if isinstance(asked, dict) else None)
        elif kind == "string":
            changed[name] = column.astype(str)
        elif kind == "boolean":
            changed[name] = column.map(lambda one: one if isinstance(one, bool) else str(one).lower() in {"true", "1"})
        elif kind != "stream_info":
            known = "int, float, string, boolean, datetime and stream_info"
            raise SystemExit(f"The table asks for the column type {kind}; known are {known}.")
    return frame.assign(**changed)


def _dates(column: Any, formats: Any) -> Any:
    """Moments, by the first format that a value has; what has none of them is missing."""
    import pandas as pd

    if not formats:
        return pd.to_datetime(column)
    given = formats if isinstance(formats, list) else [formats]
    found = pd.to_datetime(column, format=given[0], errors="coerce")
    for one in given[1:]:
        found = found.fillna(pd.to_datetime(column, format=one, errors="coerce"))
    return found


def _pattern(text: str) -> Any:
    """The regular expression of a partition format such as `/{Store}/{year:yyyy}/file.csv`, at the end of a path."""
    parts = _PLACE.split(text.lstrip("/"))
    names = [f"(?P<{part.partition(':')[0]}>[^/]+?)" for part in parts[1::2]]
    fixed = [re.escape(part) for part in parts[::2]]
    return re.compile("/" + "".join(a + b for a, b in zip(fixed, [*names, ""])) + "$")  # noqa: B905 - Python 3.8
