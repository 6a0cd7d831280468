"""Files of rows: read by their kind, here and in the training code of a best model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

KINDS = (".csv", ".tsv", ".parquet", ".pqt", ".json", ".jsonl", ".ndjson")


def read_file(path: Path) -> pd.DataFrame:
    """The rows of a file; its kind is known by its name."""
    kind = path.suffix.lower()
    if kind in {".parquet", ".pqt"}:
        return pd.read_parquet(path)
    if kind in {".jsonl", ".ndjson"}:
        return pd.read_json(path, lines=True)
    if kind == ".json":
        return pd.read_json(path)
    if kind in {".csv", ".tsv"}:
        return pd.read_csv(path, sep="\t" if kind == ".tsv" else ",")
    raise ValueError(f"{path.name} is of a type that is not read; expected one of {', '.join(KINDS)}.")
