"""MLTable files as a parallel step reads them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from jupyter_aml.agent import parallel_tables, start


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """Sales of four stores and brands, each in a file of its own."""
    for store, brand, rows in (("1", "a", 2), ("1", "b", 1), ("2", "a", 3)):
        place = tmp_path / store / brand
        place.mkdir(parents=True)
        pd.DataFrame({"week": range(rows), "sold": range(rows)}).to_csv(place / "part.csv", index=False)
    (tmp_path / "notes.txt").write_text("no table", encoding="utf-8")
    return tmp_path


def table(folder: Path, text: str) -> pd.DataFrame:
    path = folder / "MLTable"
    path.write_text(text, encoding="utf-8")
    return parallel_tables.read(path)


def test_columns_come_out_of_the_folders_names(sales: Path) -> None:
    frame = table(
        sales,
        """
paths: [{pattern: ./**/*.csv}]
transformations:
- read_delimited: {delimiter: ",", encoding: ascii, include_path_column: true}
- extract_columns_from_partition_format: {partition_format: "{Store}/{Brand}/{file_name}.{extension}"}
- drop_columns: [Path, file_name, extension]
""",
    )

    assert list(frame.columns) == ["week", "sold", "Store", "Brand"]
    assert frame.groupby(["Store", "Brand"]).size().to_dict() == {("1", "a"): 2, ("1", "b"): 1, ("2", "a"): 3}


def test_the_path_is_a_column_only_when_asked_for(sales: Path) -> None:
    plain = table(sales, "paths: [{folder: ./1}]\ntransformations: [read_delimited]\n")
    told = table(
        sales, "paths: [{file: ./1/b/part.csv}]\ntransformations: [{read_delimited: {include_path_column: 1}}]"
    )

    assert list(plain.columns) == ["week", "sold"]
    assert len(plain) == 3
    assert list(told["Path"]) == ["/1/b/part.csv"]


def test_rows_and_columns_are_chosen_in_the_order_of_the_steps(sales: Path) -> None:
    frame = table(
        sales,
        "paths: [{file: ./2/a/part.csv}]\n"
        "transformations: [read_delimited: {delimiter: ','}, skip: 1, take: 1, keep_columns: sold]\n",
    )

    assert frame.to_dict("records") == [{"sold": 1}]


def test_without_a_header_columns_are_numbered_from_one(sales: Path) -> None:
    frame = table(sales, "paths: [{file: ./1/b/part.csv}]\ntransformations: [{read_delimited: {header: no_header}}]\n")

    assert list(frame.columns) == ["Column1", "Column2"]
    assert len(frame) == 2


@pytest.mark.parametrize(
    ("step", "named"), [("read_delta_lake", "read_delta_lake"), ("filter: col('x') > 1", "filter")]
)
def test_what_is_not_known_is_refused_by_name(sales: Path, step: str, named: str) -> None:
    with pytest.raises(SystemExit, match=named):
        table(sales, f"paths: [{{file: ./1/b/part.csv}}]\ntransformations:\n- {step}\n")


def test_a_table_without_a_way_to_read_it_is_a_list_of_files(sales: Path) -> None:
    path = sales / "MLTable"
    path.write_text("paths:\n- file: ./notes.txt\n- pattern: ./1/**/*.csv\n", encoding="utf-8")

    assert not parallel_tables.has_rows(path)
    assert [file.relative_to(sales).as_posix() for file in parallel_tables.files(path)] == [
        "notes.txt", "1/a/part.csv", "1/b/part.csv",
    ]  # fmt: skip


def test_the_program_travels_with_its_parts() -> None:
    assert [Path(path).name for path in start.program("parallel")] == [
        "parallel.py",
        "parallel_frames.py",
        "parallel_mlflow.py",
        "parallel_rows.py",
        "parallel_scoring.py",
        "parallel_shares.py",
        "parallel_tables.py",
    ]
    assert [Path(path).name for path in start.program("copying")] == ["copying.py"]
