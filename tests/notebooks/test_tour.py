"""The tour of ten minutes keeps its cards frozen: whole without scripts, whoever shows them."""

from __future__ import annotations

from pathlib import Path

import nbformat

from jupyter_aml.views.live import MIME

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "00_tour.ipynb"


def test_its_cards_are_frozen() -> None:
    cells = {cell.id: cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells}

    for name in ("train", "search"):
        [card] = [output.data for output in cells[name].outputs if MIME in output.get("data", {})]
        assert card[MIME]["final"]["status"] == "Completed"
        assert "<script" not in card["text/html"]
        assert "data:image/svg+xml;base64," in card["text/html"]
