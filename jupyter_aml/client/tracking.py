"""MLflow of this process tracks to the connected local workspace, as on a compute instance in Azure.

It is told by environment variables, which MLflow reads at each call: nothing is imported here. What the user has set
wins, and comes back when the connection goes.
"""

from __future__ import annotations

import os
import threading

from jupyter_aml.client.connection import Connection
from jupyter_aml.client.credentials import local_identity
from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.jobs import variables

URI, TOKEN = "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN"
AUDIENCE = "https://ml.azure.com"
SECONDS = 30 * 86400.0
"""How long the token is good: a notebook may be open for weeks."""
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}

_lock = threading.Lock()
_before: dict[str, str | None] = {}
_ours: dict[str, str] = {}


def follow(made: Connection | None) -> None:
    """Let MLflow track to a local workspace; for one in Azure, or None, to what the user had before."""
    with _lock:
        _restore()
        if made is None or made.store is None or made.entry is None:
            return
        wanted = {**QUIET, **variables.no_proxy(os.environ)}
        if not os.environ.get(URI):
            wanted |= _address(made)
        for name, value in wanted.items():
            _before[name] = os.environ.get(name)
            os.environ[name] = _ours[name] = value


def _address(made: Connection) -> dict[str, str]:
    store, entry = made.store, made.entry
    if store is None or entry is None:
        return {}
    who = local_identity(store, made.identity)
    limited = Identity(who.name, who.object_id, workspace_id=entry.id)
    return {
        URI: variables.tracking_uri(f"http://{variables.LOOPBACK[0]}:{store.door_port()}", entry),
        TOKEN: tokens.issue(store, limited, audience=AUDIENCE, lifetime=SECONDS),
    }


def _restore() -> None:
    """Take back what was set, unless somebody has set it anew meanwhile."""
    for name, before in _before.items():
        if os.environ.get(name) != _ours[name]:
            continue
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
    _before.clear()
    _ours.clear()
