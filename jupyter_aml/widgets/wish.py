"""Whether a widget is to stand beside the live form: where the front end may have no renderer of ours."""

from __future__ import annotations

import os
import sys
from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"
WISH = "JUPYTER_AML_WIDGETS"
"""`always` shows widgets alone, `never` leaves them out; else they stand in where our extension is not known to be."""
SERVER = "JUPYTER_AML_SERVER"
"""In the environment of kernels whose Jupyter Server has our extension."""


def wanted() -> bool:
    """Whether the front end may have no renderer of ours, so that a widget is to stand beside the live form."""
    wish = os.environ.get(WISH, "auto")
    if wish in {"always", "never"}:
        return wish == "always"
    if os.environ.get(SERVER):
        return False
    return bool(
        {"VSCODE_PID", "JPY_SESSION_NAME"} & os.environ.keys()
        or "google.colab" in sys.modules
        or "__vsc_ipynb_file__" in vars(sys.modules.get("__main__", sys))
    )


def alone() -> bool:
    """Whether only the widget is wanted."""
    return os.environ.get(WISH) == "always"


def beside(connection: Any, name: str) -> dict[str, Any]:
    """The widget of a job as a part of its MIME bundle; empty where none is wanted."""
    if not wanted():
        return {}
    try:
        from jupyter_aml.widgets.job_card import JobCard
    except ImportError:  # ipywidgets and anywidget are optional
        return {}
    return JobCard(name, connection).view()
