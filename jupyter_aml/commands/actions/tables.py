"""Tables in files, read with pandas: delimited text, Parquet and JSON, of any place that `preview` reads."""

from __future__ import annotations

import importlib
import io
import itertools
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from jupyter_aml.errors import UsageError
from jupyter_aml.views import formats

DELIMITED = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
PARQUET = (".parquet", ".pq")
LINES = (".jsonl", ".ndjson")
ENDINGS = (*DELIMITED, *PARQUET, *LINES, ".json")
FIRST = 16 << 20
"""Bytes of a text that are read first; all that may be read only when they hold too few rows."""
MOST = 256 << 20
"""Bytes of a file that are read at most."""

Start = Callable[[int], tuple[bytes, int]]
"""Gives the first bytes of a file, and its whole size."""


@dataclass(frozen=True)
class Source:
    """A file that may hold a table."""

    name: str
    start: Start


@dataclass(frozen=True)
class Table:
    """Rows that were read.

    Args:
        frame: A DataFrame with pandas' nullable types.
        total: Rows of the whole table; None where nobody knows without reading it to its end.
        files: How many files were read.
        of: How many there are.
    """

    frame: Any
    total: int | None
    files: int
    of: int

    @property
    def sample(self) -> bool:
        """Whether there are more rows than were read."""
        return self.total is None or self.total > len(self.frame)


def tabular(names: Sequence[str]) -> list[str]:
    """The files that hold tables, all of the kind of the first one; hidden ones and marks of writers are left out."""
    found = [name for name in names if _ending(name) in ENDINGS and PurePosixPath(name).name[0] not in "._"]
    return [name for name in found if _ending(name) == _ending(found[0])]


def read(sources: Sequence[Source], rows: int) -> Table:
    """The first rows of files that make up one table.

    Raises:
        UsageError: pandas is not installed, or a file holds no table.
    """
    pandas = _pandas()
    frames: list[Any] = []
    total: int | None = 0
    for source in sources:
        left = rows - sum(map(len, frames))
        if left <= 0:
            total = None
            break
        frame, count = _one(pandas, source, left)
        frames.append(frame)
        total = None if total is None or count is None else total + count
    shown = [frame for frame in frames if len(frame)] or frames[:1]
    whole = pandas.concat(shown, ignore_index=True) if len(shown) > 1 else shown[0]
    return Table(whole, total, len(frames), len(sources))


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError:
        msg = "Tables are read with pandas, which is not installed."
        raise UsageError(msg, remedy="Type pip install 'jupyter_aml[ml]'.") from None
    return pd


def _one(pandas: Any, source: Source, rows: int) -> tuple[Any, int | None]:
    """The first rows of a file, and how many it has in all where that is known."""
    ending = _ending(source.name)
    try:
        if ending in PARQUET:
            return _parquet(pandas, source, rows)
        if ending == ".json":
            return _json(pandas, source, rows)
        return _text(pandas, source, rows)
    except (ValueError, OSError, RecursionError, pandas.errors.ParserError, pandas.errors.ParserWarning) as error:
        reason = " ".join(str(error).split())
        msg = f"{source.name} cannot be read as a table: {formats.clip(reason, 200)}"
        raise UsageError(msg, remedy="Type %aml preview to see how it begins.") from None


def _text(pandas: Any, source: Source, rows: int) -> tuple[Any, int | None]:
    """Lines: of delimited text or of JSON."""
    for most in (FIRST, MOST):
        content, size = source.start(most)
        partial = size > len(content)
        text = content.decode("utf-8", errors="replace").removeprefix("\ufeff")
        if partial:
            text = text[: text.rfind("\n") + 1]
        try:
            frame = _lines(pandas, source.name, text, rows + 1)
        except pandas.errors.ParserError:
            if partial and most < MOST:
                continue  # it may end within a quoted value
            raise
        if not partial or len(frame) > rows:
            break
    known = not partial and len(frame) <= rows
    return frame.iloc[:rows], len(frame) if known else None


def _lines(pandas: Any, name: str, text: str, rows: int) -> Any:
    if not text.strip():
        return pandas.DataFrame()
    ending = _ending(name)
    if ending in LINES:
        lines = (line for line in text.split("\n") if line.strip())  # a JSON text may hold other line ends
        return _records(pandas, [json.loads(line) for line in itertools.islice(lines, rows)])
    mark = DELIMITED[ending]
    first = text.split("\n", 1)[0]
    if mark == "," and first.count(";") > first.count(","):
        mark = ";"
    kinds = {"dtype_backend": "numpy_nullable", "skipinitialspace": True, "index_col": False}
    with warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)  # values without a column would be left out
        return pandas.read_csv(io.StringIO(text), sep=mark, nrows=rows, **kinds)


def _json(pandas: Any, source: Source, rows: int) -> tuple[Any, int | None]:
    """A list of records, or one of them."""
    content = _whole(source)
    if not content.strip():
        return pandas.DataFrame(), 0
    found = json.loads(content.decode("utf-8", errors="replace").removeprefix("\ufeff"))
    items = found if isinstance(found, list) else [found]
    return _records(pandas, items[:rows]), len(items)


def _records(pandas: Any, items: list[Any]) -> Any:
    """A table of JSON values; what is no object is a column of its own."""
    return pandas.DataFrame([one if isinstance(one, dict) else {"value": one} for one in items]).convert_dtypes()


def _parquet(pandas: Any, source: Source, rows: int) -> tuple[Any, int | None]:
    try:
        arrow, parquet = (importlib.import_module(name) for name in ("pyarrow", "pyarrow.parquet"))
    except ImportError:
        msg = f"{source.name} is Parquet, which is read with pyarrow; it is not installed."
        raise UsageError(msg, remedy="Type pip install pyarrow.") from None
    content = _whole(source)
    if not content:
        return pandas.DataFrame(), 0
    opened = parquet.ParquetFile(io.BytesIO(content))
    batches, held = [], 0
    for batch in opened.iter_batches(batch_size=min(rows, 65_536)):
        batches.append(batch)
        held += batch.num_rows
        if held >= rows:
            break
    found = arrow.Table.from_batches(batches, schema=opened.schema_arrow).slice(0, rows)
    return found.to_pandas().convert_dtypes(), opened.metadata.num_rows


def _whole(source: Source) -> bytes:
    """All of a file.

    Raises:
        UsageError: It is too large for this process.
    """
    content, size = source.start(MOST)
    if size > MOST:
        msg = f"{source.name} has {formats.size(size)}; of its kind at most {formats.size(MOST)} are read."
        raise UsageError(msg, remedy="Read it in a job, or split it.")
    return content


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
