"""Spark jobs through the unmodified SDK, YAML and REST: what runs, what is warm, what is refused."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, Output, dsl, load_component, load_job, spark
from azure.ai.ml.entities import UserIdentityConfiguration
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from .lab import Lab, wait_for

pytest.importorskip("pyspark", reason="the extra `spark` is not installed")

SIZE = {
    "driver_cores": 1, "driver_memory": "1g", "executor_cores": 1, "executor_memory": "512m", "executor_instances": 2,
}  # fmt: skip
SERVERLESS = {"instance_type": "standard_e4s_v3", "runtime_version": "3.4"}
WRANGLE = """
    import argparse
    import os

    import helper
    import mlflow
    from pyspark import SparkFiles
    from pyspark.sql import SparkSession

    parser = argparse.ArgumentParser()
    for name in ("--data", "--rows", "--table", "--note"):
        parser.add_argument(name)
    args = parser.parse_args()
    spark = SparkSession.builder.getOrCreate()
    rows = spark.read.csv(args.data, header=True, inferSchema=True)
    rows.filter("age > 30").write.parquet(args.rows)
    rows.coalesce(1).write.csv(args.table)
    mlflow.log_metric("rows", rows.count())
    far = spark.read.csv(f"azureml://datastores/workspaceblobstore/paths/{os.environ['SEEN']}/", header=True)
    inside = spark.sparkContext.parallelize([2], 1).map(lambda x: (x * helper.FACTOR, os.environ["AZUREML_RUN_ID"]))
    print("note", args.note, "far", far.count(), "inside", inside.collect()[0])
    print("conf", spark.conf.get("spark.sql.shuffle.partitions"), spark.sparkContext.appName)
    print("file", open(SparkFiles.get("words.txt")).read(), "here", os.path.exists("main.py"))
"""
PROBE = """
    import os
    import sys
    import time

    from pyspark.sql import SparkSession

    spark = SparkSession.builder.getOrCreate()
    machine = spark._jvm.java.lang.management.ManagementFactory.getRuntimeMXBean()
    begun = int(os.environ["AZUREML_RUN_TOKEN_EXPIRY"]) - 30 * 86400
    print("warm", machine.getStartTime() / 1000 < begun, "pid", machine.getPid(), spark.sparkContext.appName)
    print("lines", spark.read.text("main.py").count() > 0, sys.argv[1:], flush=True)
    if "sleep" in sys.argv:
        time.sleep(300)
    raise ValueError("no such colour")
"""

JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""Options with which a machine starts soon; what it computes here is little."""

one_door = pytest.mark.parametrize("lab", ["process"], indirect=True)
"""What takes long goes through one door alone."""


@pytest.fixture(scope="module", autouse=True)
def quick_java() -> Iterator[None]:
    """Have the host of these tests start its machines with those options."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_SUBMIT_OPTS", JAVA)
        yield


def code(script: str, **others: str) -> str:
    """A folder with a script `main.py` and other files."""
    folder = Path("code")
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text(textwrap.dedent(script), encoding="utf-8")
    for name, text in others.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return str(folder)


def job(**more: Any) -> Any:
    """A Spark job of the script `main.py`."""
    options = {"entry": {"file": "main.py"}, "resources": SERVERLESS, "experiment_name": "sparks", **SIZE, **more}
    return spark(**options)


def machine_of(lab: Lab, name: str) -> int:
    """The process of a job's Java virtual machine, which its script has printed."""
    wait_for(lambda: "lines" in lab.log(name), "a line of the log")
    return int(lab.log(name).split("pid ")[1].split()[0])


def spare(lab: Lab, part: str = "ready") -> bool:
    """Whether a warm machine waits for a job; with `log.txt`, whether one is on its way at least."""
    return any(not (path.parent / "code").is_symlink() for path in (lab.entry.folder / "work").glob(f".spark-*/{part}"))


@one_door
def test_a_job_reads_its_inputs_writes_its_outputs_and_reads_back_as_it_was_sent(lab: Lab) -> None:
    Path("people").mkdir()
    Path("people", "people.csv").write_text("name,age\nada,36\nbob,17\n", encoding="utf-8")
    from azure.ai.ml.entities import Data

    data = lab.client.data.create_or_update(Data(name="people", path="people", type="uri_folder"))
    seen = data.path.partition("/paths/")[2].strip("/")
    folder = code(WRANGLE.replace("os.environ['SEEN']", repr(seen)), helper_py="FACTOR = 21\n", words_txt="a b c")
    sent = job(
        code=folder,
        display_name="wrangle",
        py_files=["helper.py"],
        files=["words.txt"],
        conf={"spark.sql.shuffle.partitions": "7"},
        inputs={"data": Input(type="uri_folder", path="azureml:people:1", mode="direct"), "note": "two words"},
        outputs={
            "rows": Output(type="uri_folder", mode="direct"),
            "table": Output(
                type="uri_file", mode="direct", path="azureml://datastores/workspaceblobstore/paths/t/all.csv"
            ),
        },
        args="--data ${{inputs.data}} --rows ${{outputs.rows}} --table ${{outputs.table}} --note '${{inputs.note}}'",
        identity=UserIdentityConfiguration(),
    )

    made = lab.end(lab.client.jobs.create_or_update(sent).name)

    log = lab.log(made.name)
    assert made.status == "Completed", log
    assert "note two words far 2 inside (42, " in log
    assert made.name in log.split("inside")[1].split("\n")[0]
    assert "conf 7 wrangle" in log
    assert "file a b c here True" in log
    assert "resources.runtimeVersion is 3.4" in log
    assert made.type == "spark"
    assert (made.entry.entry, made.conf["spark.sql.shuffle.partitions"]) == ("main.py", "7")
    assert (made.executor_instances, made.driver_memory) == ("2", "1g")
    assert made.resources.instance_type == SERVERLESS["instance_type"]
    assert lab.client.jobs._runs_operations.get_run_details(made.name).run_id == made.name
    lab.client.jobs.download(made.name, output_name="rows", download_path="got")
    assert [path.suffix for path in Path("got").rglob("part-*")] == [".parquet"]
    assert not list(Path("got").rglob("*.crc"))
    lab.client.jobs.download(made.name, output_name="table", download_path="file")
    assert [path.read_text() for path in Path("file").rglob("part-*.csv")] == ["ada,36\nbob,17\n"]


@one_door
def test_a_later_job_finds_a_warm_machine_and_a_failure_is_the_scripts_own(lab: Lab) -> None:
    folder = code(PROBE)
    if not spare(lab, "log.txt"):
        lab.end(lab.client.jobs.create_or_update(job(code=folder)).name)
    wait_for(lambda: spare(lab), "a warm machine")
    path = Path("job.yml")
    path.write_text(
        textwrap.dedent(
            """
            $schema: https://azuremlschemas.azureedge.net/latest/sparkJob.schema.json
            type: spark
            code: ./code
            entry: {file: main.py}
            display_name: probe
            experiment_name: sparks
            compute: serverless
            conf: {spark.driver.cores: 1, spark.driver.memory: 1g, spark.executor.cores: 1,
                   spark.executor.memory: 1g, spark.executor.instances: 1}
            args: --n ${{inputs.n}}
            inputs: {n: 3}
            """
        ),
        encoding="utf-8",
    )

    name = lab.client.jobs.create_or_update(load_job(path)).name
    made = lab.end(name)

    log = lab.log(name)
    assert made.status == "Failed", log
    assert "warm True" in log
    assert "probe\n" in log
    assert "lines True ['--n', '3']" in log
    error = lab.error(name)
    assert error["message"] == "ValueError: no such colour"
    assert "main.py" in error["details"][0]["message"]
    assert "sparking" not in error["details"][0]["message"]
    assert "rehearsal" not in log
    assert not Path(f"/proc/{machine_of(lab, name)}").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"py_files": ["helpers.py"]}, "properties.pyFiles is 'helpers.py'"),
        ({"args": "--x ${{outputs.nothing}}"}, "names no output of the job"),
        ({"args": "--x 'open"}, "No closing quotation"),
        ({"driver_memory": "much"}, "spark.driver.memory is 'much'"),
    ],
)
def test_what_azure_refuses_is_refused_before_anything_is_kept(lab: Lab, more: dict[str, Any], said: str) -> None:
    path = code("print(1)")

    with pytest.raises(HttpResponseError) as refused:
        lab.client.jobs.create_or_update(job(code=path, **more))

    assert said in str(refused.value)


def test_a_compute_that_does_not_exist_is_named(lab: Lab) -> None:
    with pytest.raises((HttpResponseError, ResourceNotFoundError), match="nowhere"):
        lab.client.jobs.create_or_update(job(code=code("print(1)"), resources=None, compute="nowhere"))


COMPONENT = """
$schema: https://azuremlschemas.azureedge.net/latest/sparkComponent.schema.json
name: older
version: "1"
type: spark
code: ./code
entry: {file: main.py}
inputs: {people: {type: uri_folder, mode: direct}, least: {type: integer, default: 30}}
outputs: {rows: {type: uri_folder, mode: direct}}
args: --people ${{inputs.people}} --least ${{inputs.least}} --rows ${{outputs.rows}}
conf: {spark.driver.cores: 1, spark.driver.memory: 1g, spark.executor.cores: 1,
       spark.executor.memory: 1g, spark.executor.instances: 1}
"""
PIPELINE = """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: sparks
settings: {default_compute: serverless}
inputs: {people: {type: uri_folder, path: ./people, mode: direct}}
outputs: {rows: {type: uri_folder, mode: direct}}
jobs:
  filter:
    type: spark
    component: ./older.yml
    compute: serverless
    inputs: {people: "${{parent.inputs.people}}", least: 17}
    outputs: {rows: "${{parent.outputs.rows}}"}
  count:
    type: command
    command: cat ${{inputs.rows}}/part-* | wc -l
    environment: azureml:plain:1
    inputs: {rows: "${{parent.jobs.filter.outputs.rows}}"}
"""
FILTER = """
    import argparse

    from pyspark.sql import SparkSession

    parser = argparse.ArgumentParser()
    for name in ("--people", "--least", "--rows"):
        parser.add_argument(name)
    args = parser.parse_args()
    spark = SparkSession.builder.getOrCreate()
    spark.read.csv(args.people, header=True, inferSchema=True).filter(f"age > {args.least}").write.csv(args.rows)
    print("executors", spark.conf.get("spark.executor.instances"))
"""


@pytest.fixture
def people(folder: Path) -> None:
    """The component `older` in a file, its code, and a table of three people."""
    Path("people").mkdir()
    Path("people", "people.csv").write_text("name,age\nada,36\nbob,17\neve,20\n", encoding="utf-8")
    code(FILTER)
    Path("older.yml").write_text(COMPONENT, encoding="utf-8")
    Path("pipeline.yml").write_text(PIPELINE, encoding="utf-8")


@one_door
def test_a_spark_step_hands_its_rows_to_a_command_step(lab: Lab, people: None) -> None:
    name = lab.client.jobs.create_or_update(load_job("pipeline.yml")).name

    assert lab.end(name).status == "Completed", lab.log(f"{name}_filter") + lab.log(f"{name}_count")
    assert "executors 1" in lab.log(f"{name}_filter")
    assert lab.log(f"{name}_count").splitlines()[-1].strip() == "2"
    step = lab.client.jobs.get(f"{name}_filter")
    assert (step.type, step.entry.entry) == ("spark", "main.py")


@one_door
def test_a_registered_component_is_a_step_of_the_dsl_and_cancel_ends_its_machine(lab: Lab, people: None) -> None:
    code(PROBE)
    written = COMPONENT.replace("--people", "sleep --people").replace("name: older", "name: sleeper")
    Path("sleeper.yml").write_text(written, encoding="utf-8")
    assert lab.client.components.create_or_update(load_component("sleeper.yml")).type == "spark"

    @dsl.pipeline(experiment_name="sparks")
    def flow(people):
        step = lab.client.components.get("sleeper", version="1")(people=people)
        step.resources = SERVERLESS
        step.executor_instances = 2
        step.outputs.rows.mode = "direct"

    name = lab.client.jobs.create_or_update(flow(people=Input(type="uri_folder", path="people", mode="direct"))).name
    machine = machine_of(lab, f"{name}_step")
    assert lab.client.jobs.get(f"{name}_step").executor_instances == "2"
    assert "'--least', '30'" in lab.log(f"{name}_step")

    lab.client.jobs.begin_cancel(name).result()

    assert lab.end(name).status == "Canceled"
    assert not Path(f"/proc/{machine}").exists()
