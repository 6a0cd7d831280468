"""What is shipped: the wheel is whole, and no file tells whose machine it was written on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = 450
MACHINE_PATH = re.compile(rb"(?<![\w.~:/$}*-])/(?:work|root|Users)/\w|(?<![\w.~:/$}*-])/home/(?!user\b|me\b|\{)\w")
TEXT = {".py", ".sql", ".md", ".toml", ".txt", ".ipynb", ".yml", ".yaml", ".json", ".ts", ".tsx", ".css", ".sh", ""}


@cache
def tracked() -> list[Path]:
    """The files of the repository, those not committed yet included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    paths = (ROOT / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name)
    return [path for path in paths if path.is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout into a folder elsewhere."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    package = {str(path.relative_to(ROOT)) for path in tracked() if path.is_relative_to(ROOT / "jupyter_aml")}

    assert package - names(wheel) == set()


@pytest.mark.parametrize(
    "pattern",
    [
        r"jupyter_aml/py\.typed",
        r"jupyter_aml/local/store/migrations/0001_workspace\w*\.sql",
        r"jupyter_aml/agent/supervisor\.py",
        r"jupyter_aml-[\d.]+\.dist-info/licenses/LICENSE",
        r"jupyter_aml-[\d.]+\.data/data/etc/jupyter/jupyter_server_config\.d/jupyter_aml\.json",
        r"jupyter_aml-[\d.]+\.data/data/share/jupyter/labextensions/jupyter-aml/package\.json",
        r"jupyter_aml-[\d.]+\.data/data/share/jupyter/labextensions/jupyter-aml/static/remoteEntry\.\w+\.js",
    ],
)
def test_the_wheel_holds(pattern: str, wheel: Path) -> None:
    assert [name for name in names(wheel) if re.fullmatch(pattern, name)]


def test_the_wheel_holds_nothing_that_is_not_ours(wheel: Path) -> None:
    foreign = [name for name in names(wheel) if not re.match(r"jupyter_aml(/|-[\d.]+\.(dist-info|data)/)", name)]

    assert foreign == []
    assert [name for name in names(wheel) if name.endswith(".pyc")] == []


def test_the_installed_wheel_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path / "site")!r})
import jupyter_aml
from jupyter_aml.commands.grammar import grammar
from jupyter_aml.local.app import Service
from jupyter_aml.local.store.catalogue import Store
store = Store.open()
Service(store)
store.create()
assert jupyter_aml.__file__.startswith({str(tmp_path / "site")!r}), jupyter_aml.__file__
print(sorted(grammar().nouns))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )

    assert ran.returncode == 0, ran.stderr
    assert "'environment'" in ran.stdout


def test_the_versions_agree() -> None:
    import jupyter_aml

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert jupyter_aml.__version__ == declared


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    guilty = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120].decode(errors='replace')}"
        for path in tracked()
        if path.suffix in TEXT and path != Path(__file__)
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]

    assert guilty == []


def test_files_stay_short_enough_to_read() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in tracked()
        if path.suffix in {".py", ".ts", ".tsx", ".sql"}
    }

    assert {name: length for name, length in lengths.items() if length > LINES} == {}


def test_every_package_folder_is_a_package() -> None:
    folders = {path.parent for path in tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / "jupyter_aml")}

    assert [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
