"""Spark from a notebook: a cell on an attached master, its forms, and what is wrong with a cell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyspark", reason="the extra `spark` is not installed")

from .conftest import Lab, Notebook
from .spark_master import Master

CELL = """%%aml spark wrangle --input people=./people.csv --input least=30 --result rows=uri_folder {more}
#| conf: {{spark.sql.shuffle.partitions: 3}}
#| executor-instances: 1
#| executor-cores: 1
#| executor-memory: 512m
#| py-files: [ages.py]
import ages

found = spark.read.csv(people, header=True, inferSchema=True)
kept = found.rdd.filter(lambda row: ages.older(row.age, least)).map(lambda row: row.name).collect()
spark.createDataFrame([(name,) for name in kept], ["name"]).write.csv(rows)
print("master", spark.sparkContext.master, kept, spark.conf.get("spark.sql.shuffle.partitions"))"""


@pytest.fixture(scope="module")
def master() -> Iterator[Master]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_SUBMIT_OPTS", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1")
        patch.setenv("JUPYTER_AML_SPARK_IDLE", "0")
        made = Master()
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def book(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """A notebook with a table of people and a module beside it."""
    Path("people.csv").write_text("name,age\nada,36\nbob,17\n", encoding="utf-8")
    Path("ages.py").write_text("def older(age, least):\n    return age > least\n", encoding="utf-8")
    return notebook


def test_a_cell_runs_with_an_attached_master_and_is_written_down_whole(
    lab: Lab, book: Notebook, master: Master
) -> None:
    book.cell(f"%aml compute attach sparks --type spark --address {master.address}")

    job = book.value(CELL.format(more="--compute sparks --wait")).entity

    log = lab.log(job.name)
    assert f"master {master.address} ['ada'] 3" in log
    lab.client.jobs.download(job.name, output_name="rows", download_path="got")
    assert "".join(path.read_text() for path in Path("got").rglob("part-*.csv")) == "ada\n"
    assert not list(Path("got").rglob("*.crc"))
    written = book.cell(f"%aml job show {job.name} --as yaml")
    assert "py_files:\n- ages.py" in written
    assert "entry:\n  file: wrangle.py" in written
    assert "import ages" in book.cell(f"%aml job show {job.name} --as script")
    assert "runs no jobs of type Command" in book.refused("%%aml command --compute sparks\nprint(1)")


def test_a_cell_is_a_step_of_later_pipelines(lab: Lab, book: Notebook, master: Master) -> None:
    book.cell(f"%aml compute attach sparks --type spark --address {master.address}")
    book.cell(CELL.format(more="--compute sparks --wait"))
    book.cell("""%%aml component count --input rows=uri_folder
import pathlib
print("names", sum(len(path.read_text().split()) for path in pathlib.Path(rows).rglob("part-*.csv")))""")

    one = book.value("%aml pipeline wrangle >> count --input least=10 --wait").entity

    assert "names 2" in lab.log(f"{one.name}_count")
    step = lab.client.jobs.get(f"{one.name}_wrangle")
    assert (step.type, step.compute, step.executor_memory) == ("spark", "sparks", "512m")

    cell = book.value(CELL.format(more="")).entity
    lab.client.jobs.begin_cancel(cell.name).result()
    written = book.cell("""%%aml pipeline ages --input table=./people.csv --as yaml
young = wrangle(people=table, least=16)
count(rows=young.outputs.rows)""")

    assert "instance_type: standard_e4s_v3" in written
    assert "sparks" not in written


def test_a_master_that_does_not_answer_is_named(lab: Lab, book: Notebook) -> None:
    book.cell("%aml compute attach nobody --type spark --address spark://127.0.0.1:9")

    said = book.refused(CELL.format(more="--compute nobody --wait"))

    assert "The Spark master spark://127.0.0.1:9 of the compute 'nobody' cannot be reached" in said


def test_a_cell_is_written_down_as_a_job_that_loads(book: Notebook) -> None:
    from azure.ai.ml import load_job

    Path("job.yml").write_text(str(book.value(CELL.format(more="--as yaml")).entity), encoding="utf-8")
    Path("code").mkdir()
    Path("code", "wrangle.py").touch()

    made = load_job("job.yml")

    assert (made.type, made.entry.entry, made.py_files) == ("spark", "wrangle.py", ["ages.py"])
    assert (made.resources.instance_type, made.executor_instances, made.executor_memory) == (
        "standard_e4s_v3",
        1,
        "512m",
    )
    assert "--instance-type is for serverless" in book.refused(CELL.format(more="--compute local --instance-type x"))
    assert "spark is both the session and an input" in book.refused("%%aml spark --input spark=3\nprint(spark)")
