"""From the order of a replica to what answers: a scoring script or an MLflow model."""

from __future__ import annotations

import os
import sys

from .exchange import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .exchange import Scorer

QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""One thread per replica of an MLflow model unless the deployment's variables say otherwise: the replicas share the
cores, and a thread that numpy or Arrow has started would forbid to fork."""


def load(order: dict[str, Any]) -> Scorer:
    """What the order of a replica names, loaded; a script's `init()` has not run. Raises Failed."""
    os.environ.update(order.get("env") or {})
    folder = order["cwd"] or os.getcwd()
    os.chdir(folder)
    sys.path[:] = [path for path in sys.path if path]
    _live_lines()
    if order["kind"] == "mlflow":
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        from . import mlflow_model

        return mlflow_model.load(order["mlflow"])
    if order["kind"] == "script":
        from . import script

        return script.load(order["script"], order["root"])
    raise Failed("BadArgument", f"The order names the kind {order['kind']!r}; expected 'script' or 'mlflow'.")


def _live_lines() -> None:
    """Let each printed line reach the log at once."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)
