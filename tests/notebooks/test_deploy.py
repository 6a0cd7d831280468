"""The notebook of endpoints moves the requests from one deployment to another, and every one is answered."""

from __future__ import annotations

from pathlib import Path

import nbformat

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05_deploy.ipynb"


def test_the_tour_shifts_traffic_and_scores_a_folder() -> None:
    cells = {cell.id: cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    counted = [cells[name].outputs[-1]["data"]["text/plain"] for name in ("load", "half", "all")]

    assert counted == [
        "{(200, 'blue'): 400}",
        "{(200, 'blue'): 200, (200, 'green'): 200}",
        "{(200, 'green'): 400}",
    ]
    assert "3.csv" in cells["predictions"].outputs[-1]["data"]["text/plain"]
