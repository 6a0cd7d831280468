"""What `ls`, `cat`, `cp`, `rm` and `preview` do, wherever the files are."""

from __future__ import annotations

import importlib
import io
import itertools
from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import stores
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome, unwrap
from jupyter_aml.commands.scripts import places
from jupyter_aml.errors import NotFoundError, UsageError
from jupyter_aml.views import preview as previews

FIRST_BYTES = 256 * 1024
LARGEST_TABLE = 256 * 1024 * 1024
LARGEST_CAT = 32 * 1024 * 1024


def ls(context: Context, args: Args) -> Outcome:
    """A folder's entries; the datastores when none is named."""
    text = _text(args.path)
    place = _place(context, text)
    if place.sort == "root":
        found = list(context.client.datastores.list())
        columns = ("name", "type", "account_name", "container=container_name")
        return Outcome(found, kind="table", columns=columns, place=context.place, title="datastores")
    local = place.sort == "local"
    entries = _local_entries(context, place.path) if local else stores.of_place(context, place, text).entries()
    found = list(itertools.islice(entries, args.max_results + 1))
    more = len(found) > args.max_results
    rows = [
        {"name": one.name, "folder": one.folder, "size": one.size, "modified": one.modified}
        for one in found[: args.max_results]
    ]
    if not rows and not local:
        _refuse_missing(text, found)
    note = f"The first {args.max_results}; --max-results shows more." if more else ""
    badge = "" if local else context.place
    details = {"entries": rows, "note": note}
    return Outcome(rows, kind="listing", place=badge, title=text or ".", details=details)


def _refuse_missing(text: str, found: list[Any]) -> None:
    """A folder of a datastore exists only by its files.

    Raises:
        NotFoundError: A folder below the datastore's root is empty.
    """
    if not found and "/" in text.rstrip("/").removeprefix("azureml://"):
        msg = f"{text} holds nothing."
        raise NotFoundError(msg, remedy=f"Type %aml ls {text.rstrip('/').rpartition('/')[0]}/")


def cat(context: Context, args: Args) -> Outcome:
    """A file as text."""
    content, size = _start(context, _text(args.path), LARGEST_CAT)
    if size > LARGEST_CAT:
        context.warn(f"The first {LARGEST_CAT // 1024**2} MB of {size // 1024**2} MB.")
    return Outcome(content.decode("utf-8", errors="replace"), kind="text")


def preview(context: Context, args: Args) -> Outcome:
    """The beginning of a file, drawn by its kind."""
    text = _text(args.path)
    name, files, local = _one_file(context, text)
    if name.lower().endswith((".parquet", ".pq")):
        found = _parquet(files, args.rows, local=local)
    else:
        most = LARGEST_CAT if name.lower().endswith(".ipynb") else FIRST_BYTES
        content, size = _first(files, most, local=local)
        found = previews.read(name, content, total=size, rows=args.rows, lines=args.lines)
    badge = "" if local else context.place
    return Outcome(found.value, kind="preview", place=badge, details={"name": name, "preview": found})


def cp(context: Context, args: Args) -> Outcome:
    """Copy one file, or a folder with --recursive."""
    source, target = _text(args.source), str(args.target)
    place = _place(context, target)
    if place.sort == "code":
        msg = f"{target}: a job's code never changes."
        raise UsageError(msg, remedy="Copy to DATASTORE/path or a local path.")
    reading = _tree(context, source)
    if len(reading) > 1 and not args.recursive:
        msg = f"{source} is a folder of {len(reading)} files."
        raise UsageError(msg, remedy="Add --recursive to copy all of it.")
    into = (
        target.endswith(("/", "\\")) or args.recursive or (place.sort == "local" and context.path(place.path).is_dir())
    )
    if place.sort == "local":
        for name, read in reading.items():
            path = context.path(place.path) / name if into else context.path(place.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(read())
    else:
        files = stores.of_place(context, place, target)
        for name, read in reading.items():
            files.write(name if into else "", read())
    count = len(reading)
    said = f"{count} {'file is' if count == 1 else 'files are'} copied to {target}."
    return Outcome(None, message=said, place=context.place if place.sort != "local" else "")


def rm(context: Context, args: Args) -> Outcome:
    """Delete files of a datastore; local ones are the operating system's business."""
    text = _text(args.path)
    place = _place(context, text)
    if place.sort != "datastore":
        kept = {"asset": "An asset's files never change", "code": "A job's code never changes"}
        msg = f"{kept.get(place.sort, f'{text} is not in a datastore')}."
        remedy = "Archive it: %aml data archive NAME" if place.sort == "asset" else "Write DATASTORE/path."
        raise UsageError(msg, remedy=remedy)
    files = stores.of_place(context, place, text)
    names = list(files.names())
    if not names:
        msg = f"{text} does not exist."
        raise NotFoundError(msg, remedy=f"Type %aml ls {place.name}/")
    single = files.is_file()
    if not single and not args.recursive:
        msg = f"{text} is a folder of {len(names)} files."
        raise UsageError(msg, remedy="Add --recursive to delete all of it.")
    context.confirm(f"Delete {len(names)} {'file' if len(names) == 1 else 'files'} at {text}?", yes=args.yes)
    for name in names:
        files.delete("" if single else name)
    return Outcome(None, message=f"{len(names)} deleted.", place=context.place)


def _text(value: Any) -> str:
    """What was typed, or the URI of an entity."""
    value = unwrap(value)
    if value is None:
        return ""
    if isinstance(value, str | Path):
        return str(value)
    if hasattr(value, "outputs") and hasattr(value, "name"):
        return f"azureml://jobs/{value.name}/outputs/artifacts/"
    if getattr(value, "version", None):
        return f"azureml:{value.name}:{value.version}"
    msg = f"A {type(value).__name__} names no files."
    raise UsageError(msg, remedy="Give a path, a URI, an asset or a job.")


def _place(context: Context, text: str) -> places.Place:
    return places.parse(text, lambda path: context.path(path).exists())


def _local_entries(context: Context, text: str) -> Any:
    path = context.path(text)
    if not path.exists():
        msg = f"{text} does not exist (looked in {context.cwd})."
        raise NotFoundError(msg, remedy="Give a path that exists, or DATASTORE/path.")
    listed = sorted(path.iterdir()) if path.is_dir() else [path]
    for one in listed:
        facts = one.stat() if one.exists() else None
        if facts is not None:
            size = None if one.is_dir() else facts.st_size
            yield stores.Entry(one.name, one.is_dir(), size, facts.st_mtime)


def _one_file(context: Context, text: str) -> tuple[str, Any, bool]:
    """A file's name, where to read it, and whether that is a local path; the first file of a folder."""
    place = _place(context, text)
    if place.sort == "local":
        path = context.path(place.path)
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file())
            if not inside:
                msg = f"The folder {text} is empty."
                raise NotFoundError(msg)
            path = inside[0]
        if not path.exists():
            msg = f"{text} does not exist (looked in {context.cwd})."
            raise NotFoundError(msg, remedy="Give a path that exists, or DATASTORE/path.")
        return path.name, path, True
    files = stores.of_place(context, place, text)
    if files.is_file():
        return files.prefix.rpartition("/")[2], (files, ""), False
    name = next(iter(files.names()), None)
    if name is None:
        msg = f"{text} does not exist."
        raise NotFoundError(msg, remedy=f"Type %aml ls {files.top}")
    return name, (files, name), False


def _first(files: Any, most: int, *, local: bool) -> tuple[bytes, int]:
    if local:
        with files.open("rb") as opened:
            return opened.read(most), files.stat().st_size
    reader, name = files
    content, size = reader.start(name, most)
    return content, size


def _start(context: Context, text: str, most: int) -> tuple[bytes, int]:
    _, files, local = _one_file(context, text)
    return _first(files, most, local=local)


def _parquet(files: Any, rows: int, *, local: bool) -> previews.Preview:
    """The first rows of a parquet file."""
    try:
        arrow = importlib.import_module("pyarrow.parquet")
    except ImportError:
        return previews.Preview("binary", note="Parquet is read with pyarrow: pip install pyarrow.")
    content, size = _first(files, LARGEST_TABLE, local=local)
    if size > LARGEST_TABLE:
        return previews.Preview("binary", note=f"{size // 1024**2} MB of parquet; no preview.")
    table = arrow.ParquetFile(io.BytesIO(content))
    batch = next(table.iter_batches(batch_size=rows), None)
    found = batch.to_pylist() if batch is not None else []
    note = f"first {len(found)} of {table.metadata.num_rows} rows, {table.metadata.num_columns} columns"
    return previews.Preview("table", rows=found, note=note)


def _tree(context: Context, text: str) -> dict[str, Any]:
    """The files at a place: what reads each, by its name below the place."""
    place = _place(context, text)
    if place.sort == "local":
        path = context.path(place.path)
        if not path.exists():
            msg = f"{text} does not exist (looked in {context.cwd})."
            raise NotFoundError(msg, remedy="Give a path that exists, or DATASTORE/path.")
        found = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        base = path if path.is_dir() else path.parent
        return {one.relative_to(base).as_posix(): one.read_bytes for one in found}
    files = stores.of_place(context, place, text)
    single = files.is_file()
    names = list(files.names())
    if not names:
        msg = f"{text} does not exist."
        raise NotFoundError(msg, remedy=f"Type %aml ls {files.top}")
    return {name: (lambda one="" if single else name: files.read(one)) for name in names}
