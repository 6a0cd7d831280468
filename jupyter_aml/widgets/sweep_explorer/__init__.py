"""The trials of a sweep: the best so far, the ways through the search space, a table."""

from __future__ import annotations

from pathlib import Path

from jupyter_aml.widgets.of_jobs import JobWidget


class SweepExplorer(JobWidget):
    """The trials of a sweep; one that is clicked shows its card."""

    KIND = "sweep"
    TYPES = frozenset({"Sweep"})
    _esm = Path(__file__).parent / "widget.js"
