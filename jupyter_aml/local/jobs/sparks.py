"""Spark jobs: the fields that say what Spark runs, how big it is, and its settings. Pure but for `check_files`."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_aml.errors import ResourceError

WORD = "Spark"
SIZES = ("standard_e4s_v3", "standard_e8s_v3", "standard_e16s_v3", "standard_e32s_v3", "standard_e64s_v3")
"""Sizes of nodes that Azure's serverless Spark has."""

DRIVER_CORES, DRIVER_MEMORY = "spark.driver.cores", "spark.driver.memory"
EXECUTOR_CORES, EXECUTOR_MEMORY = "spark.executor.cores", "spark.executor.memory"
INSTANCES = "spark.executor.instances"
DYNAMIC = "spark.dynamicAllocation.enabled"
LEAST, MOST = "spark.dynamicAllocation.minExecutors", "spark.dynamicAllocation.maxExecutors"
NEEDED = (DRIVER_CORES, DRIVER_MEMORY, EXECUTOR_CORES, EXECUTOR_MEMORY)

LISTS = {"pyFiles": "spark.submit.pyFiles", "jars": "spark.jars", "files": "spark.files", "archives": "spark.archives"}
"""Fields that name files, and Spark's setting for each."""

AT_START = ("spark.driver.extra", "spark.driver.default", "spark.jars", "spark.plugins")
"""How settings begin that only count when the Java virtual machine starts."""

UNITS = {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1024 * 1024}
_MEMORY = re.compile(r"(\d+)([kmgt])b?", re.IGNORECASE)
_VERSION = re.compile(r"\d+(\.\d+){0,2}")
_SCHEME = re.compile(r"[A-Za-z][\w+.-]*:")


@dataclass(frozen=True)
class Settings:
    """What a Spark job asks for.

    Attributes:
        entry: The script, from the folder of the code.
        conf: Spark's settings, as text.
        lists: The files of each field of `LISTS`.
        size: Of the nodes, in lower case; empty for those of a compute.
        runtime: Azure's version of Spark; empty where none is named.
    """

    entry: str
    conf: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]
    size: str = ""
    runtime: str = ""

    @property
    def executors(self) -> int:
        """How many executors there are at most."""
        if _true(self.conf.get(DYNAMIC)):
            return int(self.conf[MOST])
        return int(self.conf[INSTANCES])

    @property
    def cores(self) -> int:
        """Cores of all executors together; at least one."""
        return max(self.executors * int(self.conf[EXECUTOR_CORES]), 1)

    @property
    def memory(self) -> int:
        """MB of the driver and all executors together."""
        return megabytes(self.conf[DRIVER_MEMORY]) + self.executors * megabytes(self.conf[EXECUTOR_MEMORY])

    @property
    def plain(self) -> bool:
        """Whether a Java virtual machine that runs already can serve: nothing counts at its start alone."""
        return not self.lists["jars"] and not any(name.startswith(AT_START) for name in self.conf)


def read(body: Mapping[str, Any]) -> Settings:
    """What a job's body asks for.

    Raises:
        ResourceError: A field is missing or wrong (400).
    """
    conf = _conf(body.get("conf"))
    _check_size(conf)
    size, runtime = _resources(body)
    return Settings(_entry(body.get("entry")), conf, {name: _names(body, name) for name in LISTS}, size, runtime)


def width(body: Mapping[str, Any], cores: int) -> int:
    """How many of the cores a job takes: those of its executors, or all when it asks for more."""
    return min(read(body).cores, cores)


def megabytes(text: str) -> int:
    """An amount of memory such as `2g` in MB, rounded up to one."""
    found = _MEMORY.fullmatch(text.strip())
    return max(int(int(found[1]) * UNITS[found[2].lower()]), 1) if found else 1


def words(args: str) -> list[str]:
    """Arguments as a shell would take them apart.

    Raises:
        ResourceError: A quote is not closed (400).
    """
    try:
        return shlex.split(args)
    except ValueError as error:
        raise invalid("args", f"cannot be taken apart: {error}", "Close each quote.") from error


def check_files(settings: Settings, code: Path | None) -> None:
    """Refuse files that the code does not have.

    Args:
        settings: What names them.
        code: The folder of the code, or its one file; None without code.

    Raises:
        ResourceError: One is not there (400), with the nearest that is.
    """
    _require(code, "entry.file", settings.entry)
    for field, names in settings.lists.items():
        for name in names:
            if not _SCHEME.match(name):
                _require(code, field, name.partition("#")[0])


def _require(code: Path | None, field: str, name: str) -> None:
    if code is not None:
        path = code if code.is_file() and code.name == name else code / name
        if path.exists():
            return
    known = sorted(path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file()) if code else []
    known = known or ([code.name] if code is not None and code.is_file() else [])
    near = difflib.get_close_matches(name, known, 1, 0.5)
    remedy = f"Did you mean '{near[0]}'?" if near else f"The code has {', '.join(known[:5]) or 'no files'}."
    raise invalid(field, f"is '{name}', which the code does not have", remedy)


def _entry(entry: object) -> str:
    if not isinstance(entry, Mapping):
        raise invalid("entry", "is missing", "Name the script, in YAML: entry: {file: main.py}.")
    kind = str(entry.get("sparkJobEntryType") or "SparkJobPythonEntry").lower()
    if kind == "sparkjobscalaentry":
        raise invalid("entry", "is a class of Scala", "Name a Python script: entry: {file: main.py}.")
    if kind != "sparkjobpythonentry":
        known = "SparkJobPythonEntry"
        raise invalid("entry.sparkJobEntryType", f"is '{entry['sparkJobEntryType']}'; expected {known}", "")
    file = entry.get("file")
    if not isinstance(file, str) or not file:
        raise invalid("entry.file", "is missing", "Name the script, in YAML: entry: {file: main.py}.")
    if _outside(file):
        raise invalid("entry.file", f"is '{file}', outside of the code", "Give its path from the folder of the code.")
    return file


def _names(body: Mapping[str, Any], field: str) -> tuple[str, ...]:
    found = body.get(field) or ()
    if not isinstance(found, list | tuple) or not all(isinstance(name, str) and name for name in found):
        raise invalid(field, f"is {found!r}; a list of files was expected", f'Send {{"{field}": ["NAME"]}}.')
    if len(set(found)) != len(found):
        raise invalid(field, "names a file twice", "Name each once.")
    for name in found:
        if not _SCHEME.match(name) and _outside(name):
            raise invalid(field, f"is '{name}', outside of the code", "Give its path from the folder of the code.")
    return tuple(found)


def _outside(name: str) -> bool:
    return name.startswith("/") or ".." in PurePosixPath(name).parts


def _conf(written: object) -> dict[str, str]:
    if not isinstance(written, Mapping | None):
        raise invalid("conf", f"is {written!r}, no object", 'Send {"conf": {"spark.driver.cores": "1"}}.')
    found = {}
    for name, value in (written or {}).items():
        if value is None:
            continue
        if isinstance(value, Mapping | list):
            raise invalid(f"conf.{name}", f"is {value!r}; a text was expected", "Write it as one text.")
        found[str(name)] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _check_size(conf: Mapping[str, str]) -> None:
    """Refuse a job that does not say how big it is, as Azure does."""
    dynamic = _true(conf.get(DYNAMIC))
    needed = (*NEEDED, LEAST, MOST) if dynamic else (*NEEDED, INSTANCES)
    missing = [name for name in needed if not conf.get(name)]
    if missing:
        raise invalid(
            "conf",
            f"lacks {', '.join(missing)}",
            "In YAML: conf: {spark.driver.cores: 1, spark.driver.memory: 2g, spark.executor.cores: 2,"
            " spark.executor.memory: 2g, spark.executor.instances: 2}.",
        )
    for name in (DRIVER_CORES, EXECUTOR_CORES, INSTANCES, LEAST, MOST):
        if name in conf and not (conf[name].isdigit() and int(conf[name]) > 0):
            raise invalid(f"conf.{name}", f"is '{conf[name]}'; a whole number above 0 was expected", "Write 1 or more.")
    for name in (DRIVER_MEMORY, EXECUTOR_MEMORY):
        if _MEMORY.fullmatch(conf[name].strip()) is None:
            raise invalid(f"conf.{name}", f"is '{conf[name]}'; a number with k, m, g or t was expected", "Write 2g.")
    bounds = [conf[name] for name in (LEAST, MOST) if name in conf]
    if not dynamic and bounds:
        what = "has bounds of the number of executors, but dynamic allocation is off"
        raise invalid("conf", what, f"Set {DYNAMIC} to true, or leave them out.")
    if dynamic and int(conf[LEAST]) > int(conf[MOST]):
        raise invalid(f"conf.{LEAST}", f"is {conf[LEAST]}, more than {MOST}, {conf[MOST]}", "Turn them around.")
    if dynamic and conf.get(INSTANCES) and not int(conf[LEAST]) <= int(conf[INSTANCES]) <= int(conf[MOST]):
        what = f"is {conf[INSTANCES]}, not between {conf[LEAST]} and {conf[MOST]}"
        raise invalid(f"conf.{INSTANCES}", what, "Leave it out.")


def _resources(body: Mapping[str, Any]) -> tuple[str, str]:
    """Size of the nodes and version of Spark of a job that names no compute."""
    resources, compute = body.get("resources") or {}, body.get("computeId")
    if not isinstance(resources, Mapping):
        raise invalid("resources", f"is {resources!r}, no object", 'Send {"instanceType": ..., "runtimeVersion": ...}.')
    size, runtime = str(resources.get("instanceType") or "").lower(), str(resources.get("runtimeVersion") or "")
    if compute and (size or runtime):
        raise invalid("resources", "is there, and computeId, too", "Give one of the two.")
    if not compute and not size:
        raise invalid(
            "resources.instanceType",
            "is missing, and computeId, too",
            "In YAML: resources: {instance_type: standard_e4s_v3, runtime_version: '3.4'}.",
        )
    if size and size not in SIZES:
        raise invalid("resources.instanceType", f"is '{size}'; expected one of {', '.join(SIZES)}", "")
    if runtime and _VERSION.fullmatch(runtime) is None:
        raise invalid("resources.runtimeVersion", f"is '{runtime}'; a version was expected", "Write '3.4'.")
    return size, runtime


def _true(value: object) -> bool:
    return str(value).strip().lower() == "true"


def invalid(field: str, found: str, remedy: str) -> ResourceError:
    """The refusal of a field of the body."""
    target = f"properties.{field}"
    return ResourceError(f"{target} {found}.", code="ValidationError", target=target, remedy=remedy)


def listed(names: Iterable[str]) -> str:
    """Names as Spark's settings list them."""
    return ",".join(names)
