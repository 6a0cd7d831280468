"""Whether a widget is to stand beside the live form: where the front end may have no renderer of ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_aml.errors import AmlError

if TYPE_CHECKING:
    from jupyter_aml.commands.context import Beside
    from jupyter_aml.widgets.base import AmlWidget

VIEW = "application/vnd.jupyter.widget-view+json"
WISH = "JUPYTER_AML_WIDGETS"
"""`always` shows widgets alone, `never` leaves them out; else they stand in where our extension is not known to be."""
SERVER = "JUPYTER_AML_SERVER"
"""In the environment of kernels whose Jupyter Server has our extension."""


_STANDING: dict[tuple[str, str], AmlWidget] = {}
"""Those that stand in now, by workspace and name of the job, or segment and name of the endpoint: however many cells
show one, it has one widget."""


def wanted() -> bool:
    """Whether the front end may have no renderer of ours, so that a widget is to stand beside the live form."""
    wish = os.environ.get(WISH, "auto")
    if wish in {"always", "never"}:
        return wish == "always"
    if "__vsc_ipynb_file__" in vars(sys.modules.get("__main__", sys)):  # VS Code, whoever's server the kernel is on
        return True
    if os.environ.get(SERVER):
        return False
    return bool({"VSCODE_PID", "JPY_SESSION_NAME"} & os.environ.keys() or "google.colab" in sys.modules)


def alone() -> bool:
    """Whether only the widget is wanted."""
    return os.environ.get(WISH) == "always"


def beside(connection: Any, name: str) -> Beside:
    """What stands in for the live form of a job; nothing where it is not wanted, or cannot be."""
    from jupyter_aml.commands.context import Beside

    if not wanted():
        return Beside()
    try:
        from jupyter_aml.widgets.job_card import JobCard
    except (ImportError, FileNotFoundError):  # ipywidgets and anywidget are optional, and a checkout may not be built
        return Beside()
    return _standing((connection.workspace_path, name), lambda: JobCard(name, connection))


def tester(connection: Any, name: str, segment: str) -> Beside:
    """What stands in for the live form of an endpoint; nothing where it is not wanted, or cannot be."""
    from jupyter_aml.commands.context import Beside

    if not wanted():
        return Beside()
    try:
        from jupyter_aml.widgets.endpoint_tester import EndpointTester
    except (ImportError, FileNotFoundError):  # as for jobs
        return Beside()
    key = connection.workspace_path, f"{segment}/{name}"
    return _standing(key, lambda: EndpointTester(name, connection, segment=segment))


def _standing(key: tuple[str, str], make: Callable[[], AmlWidget]) -> Beside:
    """The widget that stands in already, else a new one."""
    from jupyter_aml.commands.context import Beside

    found = _STANDING.get(key)
    try:
        if found is None or found.comm is None:
            found = _STANDING[key] = make()
        return Beside(found.view(), partial(_close, key, found))
    except AmlError:
        return Beside()  # such as a service that is away for a moment: the card says it


def _close(key: tuple[str, str], widget: AmlWidget) -> None:
    if _STANDING.get(key) is widget:
        del _STANDING[key]
    widget.close()
