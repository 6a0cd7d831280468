"""The steps of a pipeline as a graph with live states."""

from __future__ import annotations

from pathlib import Path

from jupyter_aml.widgets.of_jobs import JobWidget


class PipelineGraph(JobWidget):
    """The steps of a pipeline; one that is clicked shows its card."""

    KIND = "pipeline"
    TYPES = frozenset({"Pipeline"})
    _esm = Path(__file__).parent / "widget.js"
