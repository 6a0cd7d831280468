"""The tour of ten minutes: what its cells show is what is stored in it, and nothing leaves the machine."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from jupyter_aml.testing import stored
from jupyter_aml.views.live import MIME

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "00_tour.ipynb"


@pytest.mark.timeout(600)
def test_a_fresh_run_shows_what_is_stored_and_stays_on_this_machine(home: Path, tmp_path: Path) -> None:
    checked = stored.check(NOTEBOOK, tmp_path / "run", home)

    assert checked.same, f"{checked.report}\nWhere the change is meant, store it: make notebooks"
    assert list(checked.escapes) == []


def test_what_is_stored_is_whole_and_names_nobodys_machine() -> None:
    found = {cell.id: cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"}

    assert [cell.execution_count for cell in found.values()] == list(range(1, len(found) + 1))
    assert {name for name, cell in found.items() if not cell.outputs} == {"load"}
    for place in ("/tmp", "/root", "/home", str(Path.home()), str(NOTEBOOK.parents[1])):
        assert f"{place}/" not in NOTEBOOK.read_text(encoding="utf-8")


def test_its_cards_are_frozen() -> None:
    cells = {cell.id: cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells}

    for name in ("train", "search"):
        [card] = [output.data for output in cells[name].outputs if MIME in output.get("data", {})]
        assert card[MIME]["final"]["status"] == "Completed"
        assert "<script" not in card["text/html"]
        assert "data:image/svg+xml;base64," in card["text/html"]
