"""Files of rows as DataFrames, chunk by chunk, as `pandas.read_csv` and its kin would give them.

CSV is read by polars where the environment has it, else by pyarrow; parquet is streamed by pyarrow. A CSV file in
which they might see something else than pandas does is left to pandas.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

ROWS = 1 << 18
"""Rows of a chunk."""
WHOLE = 4 << 30
"""A CSV file of up to so many bytes is read at once, which is quicker than streaming it."""
LOOKED_AT = 2000
"""So many rows tell what is in the columns."""
TABLES = frozenset({".csv", ".parquet", ".pqt", ".json", ".jsonl", ".ndjson"})
NULLS = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
]  # fmt: skip
"""What pandas takes for a missing value."""
_TYPES = {
    "double": "float64", "float": "float32", "long": "int64", "integer": "int32", "string": "str", "boolean": "bool",
}  # fmt: skip
"""Types of MLflow's signatures, as pandas calls them."""
_ODD = re.compile(r"\s*(?:[+-]?(?:\d|\.\d|inf|nan)|true$|false$)", re.IGNORECASE)
"""How a text begins that pandas may take for a number or a truth value."""


def frames(path: str, types: Mapping[str, str]) -> Iterator[Any]:
    """The rows of a file as pandas DataFrames, read ahead in a thread.

    Args:
        path: A file whose extension is one of TABLES.
        types: Types of columns as a signature names them; those that it does not name are as they look.
    """
    kind = os.path.splitext(path)[1].lower()
    if kind == ".csv":
        return ahead(_csv(path, types))
    if kind in {".parquet", ".pqt"}:
        return ahead(_parquet(path))
    return _json(path, lines=kind != ".json")


def whole(found: Iterable[Any]) -> Iterator[Any]:
    """All chunks as one."""
    import pandas as pd

    chunks = list(found)
    if chunks:
        yield pd.concat(chunks, ignore_index=True) if len(chunks) > 1 else chunks[0]


def ahead(source: Iterable[Any], depth: int = 2) -> Iterator[Any]:
    """The items of a source, which works on the next ones in a thread meanwhile."""
    items = iter(source)
    with ThreadPoolExecutor(1) as reader:
        waiting = deque(reader.submit(next, items, None) for _ in range(depth))
        while (item := waiting.popleft().result()) is not None:
            waiting.append(reader.submit(next, items, None))
            yield item


def _parquet(path: str) -> Iterator[Any]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        plain = _is_matrix(file.schema_arrow)
        for batch in file.iter_batches(ROWS):
            yield _of_matrix(batch) if plain else batch.to_pandas(split_blocks=True)


def _is_matrix(schema: Any) -> bool:
    """Whether all columns are of one type of numbers, and none of them is an index of pandas."""
    from pyarrow import types

    kinds = {one.type for one in schema}
    index = [one for one in (schema.pandas_metadata or {}).get("index_columns") or [] if isinstance(one, str)]
    return len(kinds) == 1 and not index and all(types.is_integer(kind) or types.is_floating(kind) for kind in kinds)


def _of_matrix(batch: Any) -> Any:
    """Columns of one type as a DataFrame of one block, which models take as it is."""
    try:
        import polars as pl
    except ImportError:
        return batch.to_pandas()
    if any(column.null_count for column in batch.columns):
        return batch.to_pandas(split_blocks=True)
    return _of_polars(pl.from_arrow(batch))


def _json(path: str, *, lines: bool) -> Iterator[Any]:
    """Records one a line, or one JSON document: a list of records, columns, or `columns` and `data`."""
    import json

    import pandas as pd

    if lines:
        yield from pd.read_json(path, lines=True, chunksize=ROWS)
        return
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    if isinstance(found, dict) and {"columns", "data"} <= set(found):
        yield pd.DataFrame(found["data"], columns=found["columns"])
    else:
        yield pd.DataFrame(found)


def _csv(path: str, types: Mapping[str, str]) -> Iterator[Any]:
    """By the quickest reader that there is; what it stumbles over, and what follows, by pandas."""
    done = 0
    for reader in (_by_polars, _by_arrow):
        try:
            for frame in reader(path, types):
                yield frame
                done += len(frame)
        except (ImportError, UnfitError):
            continue
        else:
            return
    yield from _by_pandas(path, types, done)


class UnfitError(Exception):
    """The reader may see something else in the file than pandas does."""


def _by_polars(path: str, types: Mapping[str, str]) -> Iterator[Any]:
    import polars as pl

    kinds = {
        "double": pl.Float64, "float": pl.Float32, "long": pl.Int64, "integer": pl.Int32, "string": pl.String,
    }  # fmt: skip
    told = {name: kinds[kind] for name, kind in types.items() if kind in kinds}
    given = {"schema_overrides": told, "infer_schema_length": LOOKED_AT}
    small = os.path.getsize(path) <= WHOLE
    try:
        first = _numbers(pl, path, given, None if small else LOOKED_AT)
        if first is None:
            given["null_values"] = NULLS  # which takes longer
            first = pl.read_csv(path, n_rows=None if small else LOOKED_AT, **given)
            _check(first.head(LOOKED_AT), told, pl.String)
        if small:
            pieces: Any = (first.slice(start, ROWS) for start in range(0, len(first), ROWS))
        else:
            pieces = pl.scan_csv(path, **given).collect_batches(chunk_size=ROWS, maintain_order=True)
        for piece in pieces:
            yield _of_polars(piece)
    except pl.exceptions.PolarsError as error:
        raise UnfitError from error


def _numbers(pl: Any, path: str, given: Mapping[str, Any], most: int | None) -> Any:
    """The rows of a file of numbers alone, as polars has them; None when there is anything else in it."""
    try:
        found = pl.read_csv(path, n_rows=most, **given)
    except pl.exceptions.PolarsError:
        return None
    return found if all(column.dtype.is_numeric() for column in found.get_columns()) else None


def _check(sample: Any, told: Mapping[str, Any], text: Any) -> None:
    """Refuse columns of polars in which pandas may see something else."""
    for column in sample.get_columns():
        if column.dtype.is_numeric() or (column.dtype == text and column.name in told):
            continue
        if column.dtype != text or _odd(column.to_list()):
            raise UnfitError(column.name)


def _odd(values: Iterable[Any]) -> bool:
    """Whether pandas may take some of the texts of a column for something else."""
    return any(value is None or _ODD.match(value) for value in values)


def _of_polars(piece: Any) -> Any:
    """A chunk as pandas' DataFrame, with the same memory where it can be had."""
    import pandas as pd

    kinds = {column.dtype for column in piece.get_columns()}
    if any(not kind.is_numeric() for kind in kinds):
        return piece.to_pandas()
    if len(kinds) == 1 and not any(piece.null_count().row(0)):
        return pd.DataFrame(piece.to_numpy(), columns=piece.columns, copy=False)
    columns = {column.name: column.to_numpy() for column in piece.get_columns()}
    return pd.DataFrame(columns, copy=False)


def _by_arrow(path: str, types: Mapping[str, str]) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv

    kinds = {
        "double": pa.float64(), "float": pa.float32(), "long": pa.int64(), "integer": pa.int32(), "string": pa.string(),
    }  # fmt: skip
    told = {name: kinds[kind] for name, kind in types.items() if kind in kinds}
    try:
        with csv.open_csv(
            path,
            read_options=csv.ReadOptions(block_size=16 << 20),
            convert_options=csv.ConvertOptions(column_types=told, null_values=NULLS),
        ) as reader:
            if not all(pa.types.is_integer(one.type) or pa.types.is_floating(one.type) for one in reader.schema):
                raise UnfitError(path)
            for batch in reader:
                yield batch.to_pandas(split_blocks=True)
    except pa.ArrowInvalid as error:
        raise UnfitError from error


def _by_pandas(path: str, types: Mapping[str, str], skipped: int) -> Iterator[Any]:
    import pandas as pd

    there = pd.read_csv(path, nrows=0).columns
    told = {name: _TYPES[kind] for name, kind in types.items() if kind in _TYPES and name in there}
    dates = [name for name, kind in types.items() if kind == "datetime" and name in there]
    with pd.read_csv(
        path, dtype=told, parse_dates=dates, chunksize=ROWS, skiprows=range(1, skipped + 1) if skipped else None
    ) as reader:
        yield from reader
