"""The card of a job: status, metrics, curves, children, log; Cancel."""

from __future__ import annotations

from pathlib import Path

from jupyter_aml.widgets.of_jobs import JobWidget


class JobCard(JobWidget):
    """The card of a job."""

    KIND = "job"
    _esm = Path(__file__).parent / "widget.js"
