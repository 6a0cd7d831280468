"""What AutoML has tried: the best so far, the candidates ranked by the primary metric."""

from __future__ import annotations

from pathlib import Path

from jupyter_aml.widgets.of_jobs import JobWidget


class AutoMLLeaderboard(JobWidget):
    """The candidates of an AutoML job; one that is clicked shows its card."""

    KIND = "automl"
    TYPES = frozenset({"AutoML"})
    _esm = Path(__file__).parent / "widget.js"
