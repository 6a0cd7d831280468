"""Every notebook: what its cells show is what is stored in it, and nothing of it leaves the machine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import nbformat
import pytest

from jupyter_aml.testing import stored

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SILENT = {
    "00_tour": {"load"},
    "01_quickstart": {"load", "export", "strength"},
    "02_jobs": set(),
    "03_scale_out": {"cluster", "end"},
    "05_deploy": {"cellar"},
    "06_automl": set(),
}
"""By notebook, the cells that show nothing."""
NEEDS = {"03_scale_out": "distributed"}


def test_all_notebooks_are_checked() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == SILENT.keys()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SILENT)
def test_a_fresh_run_shows_what_is_stored_and_stays_on_this_machine(name: str, home: Path, tmp_path: Path) -> None:
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    checked = stored.check(NOTEBOOKS / f"{name}.ipynb", tmp_path / "run", home)

    assert checked.same, f"{checked.report}\nWhere the change is meant, store it: make notebooks"
    assert list(checked.escapes) == []


@pytest.mark.parametrize("name", SILENT)
def test_what_is_stored_is_whole_and_names_nobodys_machine(name: str) -> None:
    file = NOTEBOOKS / f"{name}.ipynb"
    found = {cell.id: cell for cell in nbformat.read(file, as_version=4).cells if cell.cell_type == "code"}

    assert [cell.execution_count for cell in found.values()] == list(range(1, len(found) + 1))
    assert {cell for cell, content in found.items() if not content.outputs} == SILENT[name]
    for place in ("/tmp", "/root", "/home", str(Path.home()), str(NOTEBOOKS.parent)):
        assert f"{place}/" not in file.read_text(encoding="utf-8")
