"""`data profile` and `data diff`: what is told of the columns of a data asset, and of two versions of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_iris

from jupyter_aml import connect
from jupyter_aml.commands import output
from jupyter_aml.commands.actions import columns, tables
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.run import run
from jupyter_aml.commands.tokens import tokenize
from jupyter_aml.errors import NotFoundError, UsageError
from jupyter_aml.views import profile as drawing
from jupyter_aml.views import schema

ODD = (
    "id,when,ok,town,x,nothing\n"
    "1,2026-01-01,true,Kyïv,1.5,\n"
    "2,,false,,inf,\n"
    "3,2026-03-01 12:00:00,true,東京,,\n"
    "4,2026-03-05,,Kyïv,-2,\n"
)
HOSTILE = "<script>alert(1)</script>"
Aml = Callable[[str], Any]


def source(name: str, content: bytes) -> tables.Source:
    return tables.Source(name, lambda most: (content[:most], len(content)))


def table(name: str, content: str | bytes, rows: int = 1000) -> tables.Table:
    return tables.read([source(name, content.encode() if isinstance(content, str) else content)], rows)


def told(name: str, content: str | bytes) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in columns.profile(table(name, content).frame)}


def parquet(frame: pd.DataFrame, folder: Path) -> bytes:
    frame.to_parquet(folder / "x.parquet")
    return (folder / "x.parquet").read_bytes()


@pytest.fixture
def aml(tmp_path: Path) -> Aml:
    """Runs a line in a new workspace, in a folder of its own."""
    connect("local", quiet=True)
    return lambda line: run(tokenize(line), Context(namespace={}, cwd=tmp_path))


def test_a_column_of_numbers_has_its_spread_and_its_shape() -> None:
    frame = load_iris(as_frame=True).frame
    length = told("iris.csv", frame.to_csv(index=False))["sepal length (cm)"]

    assert (length["type"], length["count"], length["missing"], length["distinct"]) == ("number", 150, 0, 35)
    assert length["mean"] == pytest.approx(frame["sepal length (cm)"].mean())
    assert length["std"] == pytest.approx(frame["sepal length (cm)"].std())
    assert (length["min"], length["max"]) == (4.3, 7.9)
    assert sum(length["histogram"]["counts"]) == 150
    assert len(length["histogram"]["edges"]) == len(length["histogram"]["counts"]) + 1


def test_few_whole_numbers_have_a_bar_each() -> None:
    assert told("a.csv", "a\n0\n1\n1\n3\n")["a"]["histogram"]["counts"] == [1, 2, 0, 1]


def test_columns_with_gaps_keep_their_types() -> None:
    found = told("odd.csv", ODD)

    assert {name: one["type"] for name, one in found.items()} == {
        "id": "integer", "when": "date", "ok": "boolean", "town": "text", "x": "number", "nothing": "empty",
    }  # fmt: skip
    assert [found[name]["missing"] for name in found] == [0, 1, 1, 1, 1, 4]
    assert found["nothing"]["missing_percent"] == 100


def test_dates_have_a_first_and_a_last_day() -> None:
    when = told("odd.csv", ODD)["when"]

    assert (when["min"], when["max"]) == ("2026-01-01", "2026-03-05")
    assert sum(when["histogram"]["counts"]) == 3


def test_dates_may_lie_before_and_after_what_nanoseconds_reach() -> None:
    founded = told("a.csv", "a\n1256-01-01\n2026-01-01\n9999-12-31\n")["a"]

    assert (founded["type"], founded["min"], founded["max"]) == ("date", "1256-01-01", "9999-12-31")
    assert sum(founded["histogram"]["counts"]) == 3


def test_texts_that_only_begin_like_dates_are_texts() -> None:
    assert told("a.csv", "a\n2026-01-01\n2026-13-45\n")["a"]["type"] == "text"


def test_infinite_numbers_are_counted_and_never_reach_json() -> None:
    x = told("odd.csv", ODD)["x"]

    assert (x["infinite"], x["min"], x["max"]) == (1, -2, 1.5)
    assert json.dumps(told("odd.csv", ODD), allow_nan=False)


def test_text_has_its_most_frequent_values_whatever_the_script() -> None:
    assert told("odd.csv", ODD)["town"]["top"] == [{"value": "Kyïv", "count": 2}, {"value": "東京", "count": 1}]


@pytest.mark.parametrize(("content", "names"), [("", []), ("\n\n", []), ("a,b\n", ["a", "b"]), ("a\n1\n", ["a"])])
def test_small_files_are_tables_too(content: str, names: list[str]) -> None:
    assert list(told("x.csv", content)) == names


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "i": pd.array([1, 2, None], dtype="Int64"),
            "t": pd.to_datetime(["2026-01-01", "2026-01-02", None]),
            "c": pd.Categorical(["a", "b", "a"]),
            "l": [[1], [2, 3], None],
            "b": [True, False, None],
        }
    )
    found = told("x.parquet", parquet(frame, tmp_path))

    assert [one["type"] for one in found.values()] == ["integer", "date", "text", "nested", "boolean"]
    assert found["c"]["top"][0] == {"value": "a", "count": 2}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.jsonl", '{"a": 1}\n\n{"a": 2}\n'),
        ("x.json", '[{"a": 1}, {"a": 2}]'),
        ("x.tsv", "a\tb\n1\t2\n2\t3\n"),
        ("x.csv", "\ufeffa;b\n1;2\n2;3\n"),
    ],
)
def test_other_forms_of_tables_are_read(name: str, content: str) -> None:
    assert told(name, content)["a"]["max"] == 2


def test_a_file_that_is_no_table_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be read as a table") as caught:
        table("x.json", '{"a":')

    assert "preview" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ragged.csv", b"a,b\n1,2,3\n4,5,6\n", "Length of header or names does not match"),
        ("deep.json", b"[" * 100_000, "recursion"),
        ("broken.parquet", b"PAR1 and no more", "Parquet magic bytes not found"),
    ],
)
def test_what_is_broken_is_said_and_never_read_in_part(name: str, content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=f"{name} cannot be read as a table: .*{said}"):
        table(name, content)


def test_parquet_whose_pages_are_broken_is_said(tmp_path: Path) -> None:
    content = bytearray(parquet(pd.DataFrame({"a": range(100_000)}), tmp_path))
    content[200:4000] = bytes(3800)

    with pytest.raises(UsageError, match=r"x\.parquet cannot be read as a table: Corrupt"):
        table("x.parquet", bytes(content))


def test_a_delimiter_at_the_end_of_each_line_is_no_column() -> None:
    assert list(table("a.csv", "a,b\n1,2,\n4,5,\n").frame.columns) == ["a", "b"]


@pytest.mark.parametrize("mark", ["\u2028", "\x85"])
def test_only_a_new_line_ends_a_line_of_json(mark: str) -> None:
    content = json.dumps({"a": f"x{mark}y"}, ensure_ascii=False) + '\r\n{"a": "z"}\r\n'

    assert [one["a"] for one in table("a.jsonl", content).frame.to_dict("records")] == [f"x{mark}y", "z"]


def test_a_text_that_is_cut_within_a_quoted_value_is_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FIRST", 14)

    assert list(table("a.csv", 'a,b\n1,2\n3,"x\ny"\n').frame["b"]) == ["2", "x\ny"]


@pytest.mark.parametrize(("rows", "sample", "total"), [(2, True, None), (3, False, 3), (4, False, 3)])
def test_a_text_with_more_rows_than_are_read_is_a_sample(rows: int, total: int | None, *, sample: bool) -> None:
    found = table("x.csv", "a\n1\n2\n3\n", rows)

    assert (found.sample, found.total, len(found.frame)) == (sample, total, min(rows, 3))


def test_a_sample_of_parquet_knows_of_how_many_rows(tmp_path: Path) -> None:
    found = table("x.parquet", parquet(pd.DataFrame({"a": range(10)}), tmp_path), 4)

    assert (found.sample, found.total, len(found.frame)) == (True, 10, 4)


def test_the_last_line_of_a_text_that_is_cut_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FIRST", 9)
    monkeypatch.setattr(tables, "MOST", 9)

    assert list(table("x.csv", "a\n11\n22\n33\n").frame["a"]) == [11, 22]


def test_files_of_a_folder_are_one_table_up_to_the_rows() -> None:
    parts = [source(f"{at}.csv", b"a\n1\n2\n") for at in range(3)]

    assert (len(tables.read(parts, 100).frame), tables.read(parts, 100).sample) == (6, False)
    assert (len(tables.read(parts, 3).frame), tables.read(parts, 3).files, tables.read(parts, 3).sample) == (3, 2, True)


def test_of_a_folder_the_tables_of_the_first_kind_are_read() -> None:
    names = ["_SUCCESS", ".hidden.csv", "a/1.parquet", "a/2.parquet", "notes.txt", "x.csv"]

    assert tables.tabular(names) == ["a/1.parquet", "a/2.parquet"]


def test_nothing_of_a_table_becomes_markup() -> None:
    held = {"name": HOSTILE, "rows": 1, "columns": columns.profile(table("a.csv", f"{HOSTILE}\n{HOSTILE}\n").frame)}
    side = {"version": HOSTILE, "rows": 1, "columns": 1}
    change = [{"name": HOSTILE, "type": HOSTILE, "from": HOSTILE, "to": HOSTILE}]
    found = {"name": HOSTILE, "from": side, "to": side, "added": change, "removed": change, "changed": change}

    assert "<script" not in drawing.html({"entity": held})
    assert "<script" not in schema.html({"entity": found})
    assert "&lt;script" in drawing.html({"entity": held})


def test_an_asset_is_profiled_and_says_when_it_is_a_sample(aml: Aml, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text(ODD, encoding="utf-8")
    aml("data create odd odd.csv")
    whole, part = aml("data profile odd"), aml("data profile odd:1 --rows 2")

    assert json.loads(output.render(whole, "json"))["columns"][0]["name"] == "id"
    assert "odd:1" in repr(whole)
    assert "4 rows" in repr(whole)
    assert "sample" not in repr(whole)
    assert "a sample: the first 2 rows of more" in repr(part)
    assert "sample" in part._repr_html_()


def test_the_schemas_of_two_versions_are_compared(aml: Aml, tmp_path: Path) -> None:
    for content in ("a,b,c\n1,2,x\n", "a,c,d\nhigh,y,5\nlow,z,6\n"):
        (tmp_path / "t.csv").write_text(content, encoding="utf-8")
        aml("data create t t.csv")
    found = aml("data diff t")

    assert found["added"] == [{"name": "d", "type": "integer"}]
    assert found["removed"] == [{"name": "b", "type": "integer"}]
    assert found["changed"] == [{"name": "a", "from": "integer", "to": "text"}]
    assert (found["from"]["rows"], found["to"]["rows"], found["reordered"]) == (1, 2, False)
    assert "1 row → 2 rows" in repr(found)
    assert aml("data diff t --from 2 --to 1")["added"] == [{"name": "b", "type": "integer"}]
    assert "The same 3 columns" in repr(aml("data diff t --from 2"))


def test_what_cannot_be_compared_is_refused_with_what_to_type(aml: Aml, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n", encoding="utf-8")
    (tmp_path / "t.txt").write_text("hello", encoding="utf-8")
    aml("data create t t.csv")
    aml("data create words t.txt")

    with pytest.raises(UsageError, match="no version of t before 1") as alone:
        aml("data diff t")
    with pytest.raises(UsageError, match="t:1 names a version already"):
        aml("data diff t:1")
    with pytest.raises(UsageError, match=r"t\.txt is no table"):
        aml("data profile words")
    with pytest.raises(UsageError, match="at least one row"):
        aml("data profile t --rows 0")
    with pytest.raises(NotFoundError, match="no data 'gone'"):
        aml("data profile gone")
    assert "data list t" in alone.value.remedy
