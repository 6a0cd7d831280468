"""Where the content of a new asset or input is: a path, a URI, or a DataFrame written into a temporary file."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_aml.commands.context import Context
from jupyter_aml.commands.outcome import unwrap
from jupyter_aml.commands.scripts import inputs
from jupyter_aml.errors import UsageError


@dataclass(frozen=True)
class Source:
    """A path or URI and the type of asset that it is."""

    path: str
    type: str


@contextlib.contextmanager
def located(what: str, value: Any, context: Context, *, name: str, form: str | None = None) -> Iterator[Source]:
    """The source that a value means, good until the block ends.

    Args:
        what: Who asks, for messages.
        value: A path, a URI, a DataFrame, or an outcome of one.
        context: For the current folder.
        name: The file's name for a DataFrame.
        form: parquet or csv; by default parquet where it can be written.

    Raises:
        UsageError: No such path, an empty folder, or a value that is no data.
    """
    value = unwrap(value)
    if is_frame(value):
        folder = Path(tempfile.mkdtemp(prefix="jupyter_aml-"))
        try:
            yield Source(str(write_frame(value, folder, name, form)), "uri_file")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    if isinstance(value, str) and inputs.is_uri(value):
        yield Source(value, inputs.kind_of(value))
        return
    if not isinstance(value, str | Path):
        msg = f"{what}: a {type(value).__name__} is no data."
        raise UsageError(msg, remedy="Give a path, a URI or a DataFrame.")
    path = existing(what, str(value), context)
    kind = "uri_file" if path.is_file() else "mltable" if (path / "MLTable").is_file() else "uri_folder"
    yield Source(str(path), kind)


def existing(what: str, text: str, context: Context) -> Path:
    """The path that a text names.

    Raises:
        UsageError: Nothing is there, or an empty folder.
    """
    path = context.path(text.removeprefix("file://"))
    if not path.exists():
        msg = f"{what}: {text} does not exist (looked in {context.cwd})."
        raise UsageError(msg, remedy="Give the path of a file or folder, a URI, or a DataFrame as {df}.")
    if path.is_dir() and not any(path.iterdir()):
        msg = f"{what}: the folder {text} is empty."
        raise UsageError(msg, remedy="Put the data into it first.")
    if path.is_file() and path.stat().st_size == 0:
        context.warn(f"{text} has 0 bytes; it is registered as it is.")
    return path


def is_frame(value: Any) -> bool:
    """Whether a value is a table of pandas or polars."""
    return hasattr(value, "columns") and (hasattr(value, "to_parquet") or hasattr(value, "write_parquet"))


def write_frame(frame: Any, folder: Path, name: str, form: str | None = None) -> Path:
    """Write a DataFrame, with its index only where the index has a name, and return the file."""
    safe = "".join(char if char.isalnum() or char in "-_." else "_" for char in name) or "data"
    if form != "csv":
        path = folder / f"{safe}.parquet"
        try:
            if hasattr(frame, "write_parquet"):
                frame.write_parquet(path)
            else:
                frame.to_parquet(path, index=_has_index(frame))
        except ImportError:
            if form == "parquet":
                msg = "No parquet library is installed."
                raise UsageError(msg, remedy="Type pip install pyarrow, or use --format csv.") from None
        else:
            return path
    path = folder / f"{safe}.csv"
    if hasattr(frame, "write_csv"):
        frame.write_csv(path)
    else:
        frame.to_csv(path, index=_has_index(frame))
    return path


def _has_index(frame: Any) -> bool:
    return any(name is not None for name in getattr(getattr(frame, "index", None), "names", ()))
