"""What Spark needs of this machine: a package `pyspark`, Java, and memory."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_aml.errors import ResourceError

JAVA = 17
"""The oldest Java that Spark 4 takes; earlier ones take it, too."""
PACKAGES = ("pyspark", "py4j")
LEAST_MB = 1024
GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
INSTALL_JAVA = (
    "On Debian or Ubuntu: apt-get install openjdk-17-jre-headless; with conda: conda install -c conda-forge openjdk=17;"
    " elsewhere install a Java from 17 and set JAVA_HOME. Then `%aml local stop`."
)
_VERSION = re.compile(r'^JAVA_VERSION="(?:1\.)?(\d+)', re.MULTILINE)


@dataclass(frozen=True)
class SparkHome:
    """An installed Spark.

    Attributes:
        folder: That of the package `pyspark`.
        version: Such as `4.3.0`; empty when it cannot be told.
        packages: The folder that it is in.
    """

    folder: Path
    version: str
    packages: Path


def find(folders: Iterable[str], others: Iterable[str]) -> SparkHome:
    """The Spark of an environment, else of another Python.

    Args:
        folders: Where the environment has its packages.
        others: Where the other Python has them.

    Raises:
        ResourceError: Neither has one.
    """
    for folder in (*folders, *others):
        home = Path(folder, "pyspark")
        if (home / "bin" / "spark-submit").is_file() and Path(folder, "py4j").is_dir():
            return SparkHome(home, _version(Path(folder)), Path(folder))
    raise ResourceError(
        "Spark is not installed here: neither the job's environment nor this Python has the package pyspark.",
        code="UserError",
        remedy="pip install 'jupyter_aml[spark]', or add pyspark to the environment's packages.",
    )


def _version(packages: Path) -> str:
    found = next(packages.glob("pyspark-*.dist-info"), None)
    return found.name.split("-")[1].removesuffix(".dist") if found else ""


def require_java(env: Mapping[str, str]) -> None:
    """Refuse a machine without a Java that Spark can use.

    Args:
        env: The environment that Spark is started in.

    Raises:
        ResourceError: There is none, or it is too old.
    """
    home = env.get("JAVA_HOME")
    java = Path(home, "bin", "java") if home else Path(shutil.which("java", path=env.get("PATH", os.defpath)) or "")
    if not java.is_file():
        where = f"JAVA_HOME is {home}, where there is none" if home else "there is no program `java` on the PATH"
        raise ResourceError(f"Spark needs Java, and {where}.", code="UserError", remedy=INSTALL_JAVA)
    release = java.resolve().parent.parent / "release"
    found = _VERSION.search(release.read_text(encoding="utf-8", errors="replace")) if release.is_file() else None
    if found and int(found[1]) < JAVA:
        raise ResourceError(
            f"Spark needs Java {JAVA} or newer; {java} is Java {found[1]}.", code="UserError", remedy=INSTALL_JAVA
        )


def heap() -> int:
    """MB that one Spark job may take of this machine: half of its memory."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # where no limit is set
        whole = min(whole, int(GROUP_LIMIT.read_text(encoding="ascii")))
    return max(whole // 2 >> 20, LEAST_MB)
