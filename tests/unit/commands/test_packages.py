"""`environment packages`: which Python an environment means here, and what is installed in it."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml.entities import Environment

from jupyter_aml import connect
from jupyter_aml.client import targets
from jupyter_aml.client.connection import Connection
from jupyter_aml.commands.actions import packages
from jupyter_aml.commands.actions.assets import Kind
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.run import run
from jupyter_aml.commands.tokens import tokenize
from jupyter_aml.errors import UsageError
from jupyter_aml.local.runtime import builds, environments
from jupyter_aml.local.store import bell

HOSTILE = "<b>x</b>"
Aml = Callable[[str], Any]


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Registers the environment `mine`."""
    monkeypatch.setattr(bell, "spawn", lambda home: None)
    client = connect("local", quiet=True)

    def made(*dependencies: Any, **more: Any) -> None:
        conda = {"dependencies": list(dependencies)} if dependencies else None
        client.environments.create_or_update(Environment(name="mine", image="python:3", conda_file=conda, **more))

    return made


@pytest.fixture
def aml(tmp_path: Path) -> Aml:
    return lambda line: run(tokenize(line), Context(namespace={}, cwd=tmp_path))


def test_an_environment_that_this_python_has_is_this_python(register: Callable[..., None], aml: Aml) -> None:
    register({"pip": ["pytest>=1", "PyYAML"]})

    found = json.loads(repr(aml("environment packages mine -o json")))

    assert (found["name"], found["built"], found["python"]) == ("mine:1", True, platform.python_version())
    assert found["path"] == sys.executable
    first = {row["name"].lower(): row for row in found["packages"][:2]}
    assert first["pytest"] == {"name": "pytest", "version": pytest.__version__, "asked": "pytest>=1"}
    assert first["pyyaml"]["asked"] == "PyYAML"
    assert not any(row["asked"] for row in found["packages"][2:])
    assert len({packages.plain(row["name"]) for row in found["packages"]}) == len(found["packages"]) > 10


def test_an_environment_that_is_not_built_yet_says_so_and_lists_what_it_asks_for(
    register: Callable[..., None], aml: Aml
) -> None:
    register({"pip": ["no-such-package==9"]})

    found = aml("environment packages mine")

    assert (found.entity["built"], found.entity["path"]) == (False, "")
    assert found.entity["packages"] == [{"name": "no-such-package", "version": "", "asked": "no-such-package==9"}]
    assert "not built here yet" in repr(found)
    assert "not built here yet" in found._repr_html_()


def test_an_environment_that_was_built_has_its_own_python(
    register: Callable[..., None], aml: Aml, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register({"pip": ["no-such-package==9"]})
    props = {"condaFile": "dependencies: [{pip: ['no-such-package==9']}]"}
    unbuilt = environments.choose(props, name="mine", recorded=sys.executable, home=home)
    assert isinstance(unbuilt, environments.Unbuilt)
    folder = builds.place(unbuilt.wanted, unbuilt.base, home)
    (folder / "bin").mkdir(parents=True)
    builds.python_of(folder).symlink_to(sys.executable)
    (folder / builds.MARKER).write_text("{}", encoding="utf-8")

    assert aml("environment packages mine").entity["path"] == str(builds.python_of(folder))


def test_an_image_alone_is_told_to_be_left_out(register: Callable[..., None], aml: Aml) -> None:
    register(description=HOSTILE)

    found = aml("environment packages mine@latest")

    assert found.entity["built"]
    assert "The image python:3 is not pulled here" in " ".join(found.entity["notes"])
    assert "python:3" in found._repr_html_()


def test_what_is_installed_in_azure_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = Connection(targets.AZURE, "s", "g", "w", None)
    monkeypatch.setattr(Context, "connection", property(lambda self: away))
    kind = Kind("environment", "environments", (), "clinic")

    with pytest.raises(UsageError, match="this machine only"):
        packages.verb(kind)(Context(namespace={}, cwd=tmp_path), Args({"name": "mine"}))


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (("scikit_learn>=1", "Py.YAML"), ["scikit-learn", "py-yaml"]),
        (("--index-url x", "-r more.txt", "numpy[extra]==1 ; python_version>'3'"), ["numpy"]),
        ((), []),
    ],
)
def test_packages_are_compared_by_their_plain_names(lines: tuple[str, ...], names: list[str]) -> None:
    assert list(packages.asked_for(lines)) == names
