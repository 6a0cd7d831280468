"""Spark jobs: what a body must say, what is refused, and what Spark is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.agent import sparking
from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs import sparks
from jupyter_aml.local.runtime import spark_home

CONF = {
    "spark.driver.cores": "1", "spark.driver.memory": "2g", "spark.executor.cores": "2",
    "spark.executor.memory": "512m", "spark.executor.instances": "3",
}  # fmt: skip
DYNAMIC = {
    **CONF, "spark.executor.instances": None, "spark.dynamicAllocation.enabled": True,
    "spark.dynamicAllocation.minExecutors": 1, "spark.dynamicAllocation.maxExecutors": "4",
}  # fmt: skip
BODY = {
    "jobType": "Spark",
    "entry": {"sparkJobEntryType": "SparkJobPythonEntry", "file": "main.py"},
    "conf": CONF,
    "resources": {"instanceType": "Standard_E4S_V3", "runtimeVersion": "3.4"},
}


def body(**changes: Any) -> dict[str, Any]:
    return {**BODY, **changes}


def test_a_body_is_read() -> None:
    found = sparks.read(body(pyFiles=["a.py"], jars=None))

    assert (found.entry, found.size, found.runtime) == ("main.py", "standard_e4s_v3", "3.4")
    assert (found.executors, found.cores, found.memory) == (3, 6, 2048 + 3 * 512)
    assert found.lists["pyFiles"] == ("a.py",)
    assert sparks.width(BODY, 4) == 4
    assert sparks.width(BODY, 64) == 6


def test_dynamic_allocation_counts_what_it_may_grow_to() -> None:
    assert sparks.read(body(conf=DYNAMIC)).executors == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"entry": None}, "properties.entry is missing"),
        ({"entry": {"sparkJobEntryType": "SparkJobScalaEntry", "className": "A"}}, "is a class of Scala"),
        ({"entry": {"sparkJobEntryType": "Shell", "file": "x"}}, "sparkJobEntryType is 'Shell'"),
        ({"entry": {"file": "../x.py"}}, "outside of the code"),
        ({"conf": {}}, "lacks spark.driver.cores"),
        ({"conf": {**CONF, "spark.executor.instances": None}}, "lacks spark.executor.instances"),
        ({"conf": {**CONF, "spark.driver.cores": "0"}}, "spark.driver.cores is '0'"),
        ({"conf": {**CONF, "spark.driver.memory": "2"}}, "spark.driver.memory is '2'"),
        ({"conf": {**CONF, "spark.dynamicAllocation.minExecutors": 1}}, "dynamic allocation is off"),
        ({"conf": {**DYNAMIC, "spark.dynamicAllocation.minExecutors": 5}}, "minExecutors is 5, more than"),
        ({"conf": {**DYNAMIC, "spark.executor.instances": 9}}, "instances is 9, not between 1 and 4"),
        ({"conf": {**CONF, "spark.x": {}}}, "conf.spark.x is {}"),
        ({"conf": "x"}, "properties.conf is 'x'"),
        ({"files": "x"}, "properties.files is 'x'"),
        ({"files": ["x", "x"]}, "names a file twice"),
        ({"archives": ["/etc/x.zip"]}, "outside of the code"),
        ({"computeId": "cluster"}, "properties.resources is there, and computeId"),
        ({"resources": None}, "instanceType is missing, and computeId"),
        ({"resources": {"instanceType": "Standard_D2", "runtimeVersion": "3.4"}}, "instanceType is 'standard_d2'"),
        ({"resources": {"instanceType": "Standard_E4S_V3", "runtimeVersion": "new"}}, "runtimeVersion is 'new'"),
    ],
)
def test_a_body_that_azure_refuses_is_refused_by_its_field(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ResourceError) as refused:
        sparks.read(body(**changes))

    assert said in str(refused.value)
    assert (refused.value.status, refused.value.code) == (400, "ValidationError")
    assert refused.value.target.startswith("properties.")


def test_a_file_that_the_code_lacks_is_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "main.py").touch()
    (tmp_path / "lib" / "helpers.zip").touch()
    sparks.check_files(sparks.read(body(archives=["lib/helpers.zip#lib", "https://example.org/x.zip"])), tmp_path)

    with pytest.raises(ResourceError) as refused:
        sparks.check_files(sparks.read(body(pyFiles=["lib/helper.zip"])), tmp_path)

    assert refused.value.remedy == "Did you mean 'lib/helpers.zip'?"
    assert refused.value.target == "properties.pyFiles"
    with pytest.raises(ResourceError, match="which the code does not have"):
        sparks.check_files(sparks.read(BODY), None)


def test_settings_that_count_at_the_start_of_java_need_a_machine_of_their_own() -> None:
    assert sparks.read(BODY).plain
    assert not sparks.read(body(jars=["x.jar"])).plain
    assert not sparks.read(body(conf={**CONF, "spark.driver.extraJavaOptions": "-Dx=1"})).plain


def test_settings_are_written_in_the_spelling_of_java(tmp_path: Path) -> None:
    path = tmp_path / "spark.conf"

    sparking.write_properties(str(path), {"b": "a\\b\nc", "a": "ä€😀 = x"})

    assert path.read_text(encoding="latin-1") == "a=\\u00e4\\u20ac\\ud83d\\ude00 = x\nb=a\\\\b\\nc\n"
    assert path.stat().st_mode & 0o077 == 0


def test_a_machine_without_java_is_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ResourceError) as refused:
        spark_home.require_java({"PATH": str(tmp_path)})

    assert "there is no program `java` on the PATH" in str(refused.value)
    assert "apt-get install openjdk-17-jre-headless" in refused.value.remedy
    with pytest.raises(ResourceError, match=f"JAVA_HOME is {tmp_path}"):
        spark_home.require_java({"JAVA_HOME": str(tmp_path)})


def test_an_old_java_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    release = tmp_path / "release"
    release.write_text('JAVA_VERSION="1.8.0_402"\n', encoding="utf-8")

    with pytest.raises(ResourceError, match="is Java 8"):
        spark_home.require_java({"JAVA_HOME": str(tmp_path)})

    release.write_text('JAVA_VERSION="21.0.2"\n', encoding="utf-8")
    spark_home.require_java({"JAVA_HOME": str(tmp_path)})


def test_spark_is_found_in_the_environment_then_in_the_submitters_python(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    for name in ("py4j", "pyspark/bin", "pyspark-4.1.0.dist-info"):
        (other / name).mkdir(parents=True)
    (other / "pyspark" / "bin" / "spark-submit").touch()

    found = spark_home.find([str(own)], [str(other)])

    assert (found.folder, found.version, found.packages) == (other / "pyspark", "4.1.0", other)
    with pytest.raises(ResourceError, match="has the package pyspark") as refused:
        spark_home.find([str(own)], [])
    assert "jupyter_aml[spark]" in refused.value.remedy
