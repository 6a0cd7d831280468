"""Files of rows in chunks: the same as pandas reads, whoever reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_aml.agent import parallel_frames as frames

PIECE = 700


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "ROWS", PIECE)


@pytest.fixture(params=["polars", "pyarrow", "pandas"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The best of the readers that the environment has."""

    def absent(*_: Any) -> Iterator[Any]:
        raise ImportError

    order = {"polars": [], "pyarrow": ["_by_polars"], "pandas": ["_by_polars", "_by_arrow"]}
    for name in order[request.param]:
        monkeypatch.setattr(frames, name, absent)
    return str(request.param)


def numbers(count: int = 5000) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    return pd.DataFrame({"a": draw.normal(size=count), "b": draw.integers(-9, 9, count), "c": draw.random(count) * 1e9})


def whole(path: Path, types: dict[str, str] | None = None) -> pd.DataFrame:
    found = list(frames.frames(str(path), types or {}))
    assert all(len(frame) <= 100 * PIECE for frame in found)
    return pd.concat(found, ignore_index=True)


def same(path: Path, types: dict[str, str] | None = None, **given: Any) -> None:
    """Refuse a reader that sees something else than pandas."""
    pd.testing.assert_frame_equal(whole(path, types), pd.read_csv(path, **given))


def test_numbers(tmp_path: Path, reader: str) -> None:
    del reader
    frame = numbers()
    frame.loc[3, "a"] = np.nan
    frame.to_csv(tmp_path / "x.csv", index=False)
    same(tmp_path / "x.csv")


CASES = {
    "texts": 'a,b\nx,1\ny z,2\n"p,q",3\n',
    "missing": "a,b\n1,x\nNA,n/a\n,\n3,z\n",
    "truth": "a,b\nTrue,1\nFalse,2\n",
    "truth with gaps": "a,b\nTrue,1\n,2\n",
    "spaces": "a,b\n 1,x\n 2,y\n",
    "dates": "a,b\n2026-01-02,1\n2026-01-03,2\n",
    "zeros": "a,b\n001,1\n002,2\n",
    "signs": "a,b\n+1,x\n-2,y\n",
    "powers": "a,b\n1e5,1\n2E-3,2\n",
    "infinite": "a,b\ninf,1\n-inf,2\n",
    "long lines": 'a,b\n"two\nlines",1\nx,2\n',
    "empty": "a,b\n",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_odd_files(tmp_path: Path, reader: str, case: str) -> None:
    del reader
    (tmp_path / "x.csv").write_text(CASES[case], encoding="utf-8")
    if case == "empty":
        assert sum(map(len, frames.frames(str(tmp_path / "x.csv"), {}))) == 0
        return
    same(tmp_path / "x.csv")


def test_what_changes_far_down_is_read_to_the_end(tmp_path: Path, reader: str) -> None:
    del reader
    lines = [f"{number},1" for number in range(5000)] + ["x,2"]
    (tmp_path / "x.csv").write_text("a,b\n" + "\n".join(lines) + "\n", encoding="utf-8")
    found = whole(tmp_path / "x.csv")

    assert [str(value) for value in found["a"]] == [line.partition(",")[0] for line in lines]


def test_the_signature_decides_over_types(tmp_path: Path, reader: str) -> None:
    del reader
    (tmp_path / "x.csv").write_text("a,b,c,d\n001,1,2,3\n002,4,5,6\n", encoding="utf-8")
    types = {"a": "string", "b": "double", "c": "float", "d": "integer", "e": "long"}
    found = whole(tmp_path / "x.csv", types)

    assert list(found["a"]) == ["001", "002"]
    assert [found[name].dtype.name for name in "bcd"] == ["float64", "float32", "int32"]


def test_a_large_file_is_streamed(tmp_path: Path, reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    del reader
    monkeypatch.setattr(frames, "WHOLE", 1)
    numbers().to_csv(tmp_path / "x.csv", index=False)
    same(tmp_path / "x.csv")


def test_parquet_and_json(tmp_path: Path) -> None:
    frame = numbers(1500)
    frame.to_parquet(tmp_path / "x.parquet")
    frame.to_json(tmp_path / "x.jsonl", orient="records", lines=True, double_precision=15)
    frame.to_json(tmp_path / "records.json", orient="records", double_precision=15)
    frame.to_json(tmp_path / "split.json", orient="split", double_precision=15)

    pd.testing.assert_frame_equal(whole(tmp_path / "x.parquet"), frame)
    assert [len(one) for one in frames.frames(str(tmp_path / "x.parquet"), {})] == [700, 700, 100]
    for name in ("x.jsonl", "records.json", "split.json"):
        pd.testing.assert_frame_equal(whole(tmp_path / name), frame)


@pytest.mark.parametrize("case", ["one type", "gaps", "integers", "an index", "texts"])
def test_parquet_is_what_pandas_reads(tmp_path: Path, case: str) -> None:
    frame = numbers(1500)[["a", "c"]]
    if case == "gaps":
        frame.loc[3, "a"] = np.nan
    elif case == "integers":
        frame = pd.DataFrame({"a": pd.array([1, None] * 750, "Int64"), "b": pd.array([1, 2] * 750, "Int64")})
    elif case == "an index":
        frame = frame.set_index("a")
    elif case == "texts":
        frame["a"] = frame["a"].astype(str)
    frame.to_parquet(tmp_path / "x.parquet")

    found = list(frames.frames(str(tmp_path / "x.parquet"), {}))
    joined = pd.concat(found, ignore_index=case != "an index")
    pd.testing.assert_frame_equal(joined, pd.read_parquet(tmp_path / "x.parquet"))


def test_a_source_that_fails_is_told_where_it_failed_and_one_that_is_left_is_closed() -> None:
    closed = []

    def failing() -> Iterator[int]:
        try:
            yield from range(1, 100)
        finally:
            closed.append(True)

    def late() -> Iterator[int]:
        yield 1
        raise ValueError("late")

    found = frames.ahead(late())
    assert next(found) == 1
    with pytest.raises(ValueError, match="late"):
        next(found)
    begun = frames.ahead(failing())
    assert next(begun) == 1
    begun.close()
    del begun
    assert closed == [True]
