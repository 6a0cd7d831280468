"""The notebook of sweeps and pipelines reuses a step and mends one that failed."""

from __future__ import annotations

from pathlib import Path

import nbformat

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "02_jobs.ipynb"


def test_the_tour_reuses_a_step_and_mends_one_that_failed() -> None:
    cells = {cell.id: cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    shown = {name: cells[name].outputs[-1]["data"]["text/plain"] for name in ("again", "mended")}

    assert all("3 steps: 1 reused, 2 completed" in text for text in shown.values())
    assert "The step 'fitted'" in cells["broken"].outputs[-1]["text"]
