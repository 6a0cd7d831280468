"""Modules that are not installed are looked for once, until something on the path changes."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from jupyter_aml.agent import absent

NAME = "jupyter_aml_no_such_module"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What Python's own finder is asked for, with an empty folder on the path."""
    found: list[str] = []
    own = PathFinder.find_spec

    def find_spec(name: str, path: object = None, target: object = None) -> object:
        found.append(name)
        return own(name, path, target)  # type: ignore[arg-type]

    monkeypatch.setattr(PathFinder, "find_spec", staticmethod(find_spec))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path), str(tmp_path / "none")])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    absent.install()
    absent.install()
    absent.Paths.invalidate_caches()
    return found


def look() -> bool:
    """Whether the module can be imported now."""
    try:
        importlib.import_module(NAME)
    except ModuleNotFoundError:
        return False
    del sys.modules[NAME]
    return True


def test_a_module_that_is_not_there_is_looked_for_once(asked: list[str]) -> None:
    assert not any(look() for _ in range(3))

    assert asked.count(NAME) == 1
    assert sys.meta_path.count(absent.Paths) == 1


def test_a_module_that_comes_is_found(asked: list[str], tmp_path: Path) -> None:
    assert not look()
    (tmp_path / f"{NAME}.py").write_text("", encoding="utf-8")

    assert look()


def test_a_longer_path_is_looked_through(asked: list[str], tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    assert not look()
    (more / f"{NAME}.py").write_text("", encoding="utf-8")
    sys.path.append(str(more))

    assert look()
