"""Widgets: anywidget modules over the drawings of the JupyterLab panel, for every notebook front end.

`JobCard(job)`, `SweepExplorer(job)`, `PipelineGraph(job)`, `AutoMLLeaderboard(job)`, `RunComparison(jobs)`,
`DatastoreBrowser(path)` and `EndpointTester(endpoint)` show what lies in the workspace that the notebook is connected
to, or in that of `client=`; `ConnectForm()` connects the notebook. They are alive while the kernel is busy, and leave
static HTML behind.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_aml.widgets.automl_leaderboard import AutoMLLeaderboard
    from jupyter_aml.widgets.connect_form import ConnectForm
    from jupyter_aml.widgets.datastore_browser import DatastoreBrowser
    from jupyter_aml.widgets.endpoint_tester import EndpointTester
    from jupyter_aml.widgets.job_card import JobCard
    from jupyter_aml.widgets.pipeline_graph import PipelineGraph
    from jupyter_aml.widgets.run_comparison import RunComparison
    from jupyter_aml.widgets.sweep_explorer import SweepExplorer

__all__ = [
    "AutoMLLeaderboard",
    "ConnectForm",
    "DatastoreBrowser",
    "EndpointTester",
    "JobCard",
    "PipelineGraph",
    "RunComparison",
    "SweepExplorer",
]

_HOMES = {
    "AutoMLLeaderboard": "automl_leaderboard",
    "ConnectForm": "connect_form",
    "DatastoreBrowser": "datastore_browser",
    "EndpointTester": "endpoint_tester",
    "JobCard": "job_card",
    "PipelineGraph": "pipeline_graph",
    "RunComparison": "run_comparison",
    "SweepExplorer": "sweep_explorer",
}


def __getattr__(name: str) -> Any:
    """The widgets, loaded when they are first asked for: each brings its bundle."""
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
