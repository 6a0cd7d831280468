"""A client area of its own: no host process is started, and profiles lie in the test's store."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_aml.local.store import bell


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Homes for which a host would have been started."""
    spawned: list[Path] = []
    monkeypatch.setattr(bell, "spawn", spawned.append)
    return spawned


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, empty."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place
