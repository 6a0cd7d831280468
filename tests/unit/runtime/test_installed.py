"""Whether a Python has what is asked for: names, versions, extras, markers, and the Python itself."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from jupyter_aml.local.runtime import installed
from jupyter_aml.local.runtime.conda import Wanted, parse
from jupyter_aml.local.runtime.installed import Package, Packages, missing, python_fits
from jupyter_aml.local.runtime.interpreters import Interpreter, describe

HAS = {
    "numpy": Package("1.26.4"),
    "scikit-learn": Package("1.5.2"),
    "old": Package("not a version"),
    "early": Package("2.0rc1"),
    "torch": Package("2.1.0+cpu"),
    "mlflow": Package("2.18.0", ("numpy<2", "boto3>1 ; extra == 'aws'", "scikit-learn ; extra == 'extras'")),
    "ring": Package("1", ("ring[b] ; extra == 'a'", "ring[a] ; extra == 'b'")),
}


def find(name: str) -> Package | None:
    return HAS.get(name.lower().replace("_", "-"))


def lacking(*lines: str, python: str = "") -> str:
    has = Packages((3, 11, 7), find, {"python_version": "3.11", "sys_platform": "linux"})
    return missing(Wanted(python, lines), has)


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "NumPy",
        "scikit_learn",
        "numpy==1.26.*",
        "numpy>=1.20,<2",
        "numpy~=1.26.0",
        "numpy==1.26.4 --hash=sha256:00",
        "numpy  # for arrays",
        "early>=2.0rc1",
        "torch==2.1.0",
        "mlflow[extras]",
        "ring[a]",
        "absent ; python_version < '3.9'",
        "absent; sys_platform == 'win32'",
        "--extra-index-url https://example.org/simple",
        "--pre",
        "-f wheels",
    ],
)
def test_what_is_there_is_not_missing(line: str) -> None:
    assert lacking("numpy", line) == ""


@pytest.mark.parametrize(
    "line",
    [
        "absent",
        "numpy==1.26.3",
        "numpy>=2",
        "numpy!=1.26.4",
        "old>=1",
        "mlflow[aws]",
        "mlflow[aws,extras]",
        "absent ; python_version >= '3.9'",
        "numpy @ https://example.org/numpy.whl",
        "git+https://example.org/numpy.git",
        "https://example.org/numpy.whl",
        "-e .",
        "this is no requirement",
    ],
)
def test_what_is_not_there_or_cannot_be_told_is_named(line: str) -> None:
    assert lacking("numpy", line, "scikit-learn") == line


def test_a_conda_file_is_met_by_the_versions_that_conda_would_take() -> None:
    wanted = parse("dependencies: [python=3.11, numpy=1.26, 'scikit-learn>=1.5', pip, {pip: [mlflow==2.18.0]}]")

    assert lacking(*wanted.requirements, python=wanted.python) == ""


def test_another_python_is_missing_whatever_the_packages() -> None:
    assert lacking("numpy", python="3.8") == "Python 3.8"


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ("", True),
        ("3", True),
        ("3.11", True),
        ("3.11.4", True),
        (">=3.8", True),
        (">=3.8,<3.12", True),
        ("3.1", False),
        ("3.10", False),
        ("2", False),
        ("<3.11", False),
    ],
)
def test_a_python_is_known_by_its_version_or_a_range(asked: str, fits: bool) -> None:
    assert python_fits(asked, (3, 11, 7)) is fits


@pytest.mark.parametrize(
    ("written", "read"),
    [("python", ""), ("python=3.10", "3.10"), ("python==3.10.4", "3.10.4"), ("python=3.9.*", "3.9"),
     ("python>=3.8", ">=3.8"), ("python>=3.8,<3.12", ">=3.8,<3.12")],
)  # fmt: skip
def test_the_python_of_a_conda_file_may_be_a_range(written: str, read: str) -> None:
    assert parse(f"dependencies: ['{written}']").python == read


def packages(folder: Path, **versions: str) -> Interpreter:
    """A Python with these packages and no others."""
    for name, version in versions.items():
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return Interpreter("/p/bin/python", "/p/bin/python", (3, 9, 1), "/p", (str(folder),))


def test_packages_are_looked_for_where_that_python_has_them(tmp_path: Path) -> None:
    other = packages(tmp_path, tiny="1.0")

    assert installed.lacks(Wanted("3.9", ("tiny>=1", "tiny<1 ; python_version >= '3.10'")), other) == ""
    assert installed.lacks(Wanted("", ("pytest",)), other) == "pytest"
    assert installed.lacks(Wanted("", ("pytest",)), describe(sys.executable)) == ""


def test_the_answer_is_kept_until_the_packages_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, wanted = packages(tmp_path, tiny="1.0"), Wanted("", ("tiny", "later"))
    assert installed.lacks(wanted, other) == "later"
    asked: list[object] = []
    monkeypatch.setattr(installed, "missing", lambda *given: asked.append(given) or "")

    assert installed.lacks(wanted, other) == "later"
    assert asked == []
    packages(tmp_path, later="1.0")
    os.utime(tmp_path, (time.time() + 5, time.time() + 5))

    assert installed.lacks(wanted, other) == ""
    assert len(asked) == 1
