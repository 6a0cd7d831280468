"""What is connected, patched, adopted and running: plain data for `%aml status` and `%aml whoami`."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jupyter_aml
from jupyter_aml.client import adopt, seams, services, warm
from jupyter_aml.client.connect import connection, current, offline
from jupyter_aml.client.connection import Connection
from jupyter_aml.client.credentials import claims
from jupyter_aml.errors import ConnectError, StoreError
from jupyter_aml.local.doors import requests as door
from jupyter_aml.local.store import bell
from jupyter_aml.local.store.catalogue import default_home

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

PACKAGES = ("azure-ai-ml", "azure-core", "azure-identity", "mlflow", "requests", "ipykernel", "jupyterlab")
HOST_SECONDS = 2.0


def status() -> dict[str, Any]:
    """What is connected, patched, adopted and running.

    Returns:
        `connection` (or None), `notes`, `offline`, `store` {home, free, total in bytes}, `host` {pid, port, memory,
        ...} as it says itself or None when none runs, `patched` (list of {what, seen, reason}), `adopted` (the
        workspaces that the local one stands for), `sdk` (`ready`, `loading` or `not loaded`), `versions`.
    """
    here = current()
    home = here.store.home if here is not None and here.store is not None else default_home()
    adopted = adopt.current()
    return {
        "connection": described(here) if here is not None else None,
        "notes": list(here.notes) if here is not None else [],
        "offline": offline(),
        "store": {"home": str(home), **_disk(home)},
        "stores": [str(service.store.home) for service in services.opened()],
        "host": host(home),
        "patched": patched(),
        "adopted": None
        if adopted is None
        else {
            "as": f"{adopted.group}/{adopted.workspace}",
            "places": [
                {"subscription": place.subscription, "group": place.group, "workspace": place.workspace}
                for place in adopt.places()
            ],
        },
        "sdk": "ready" if warm.ready() else "loading" if warm.importing() else "not loaded",
        "versions": versions(),
    }


def whoami(client: MLClient | None = None) -> dict[str, Any]:
    """Who the client is, as its token says: name, object id, tenant, until when, and where.

    Args:
        client: By default the latest connection's.

    Raises:
        ConnectError: Nothing is connected.
    """
    here = connection(client) if client is not None else current()
    if here is None:
        raise ConnectError("Nothing is connected.", remedy="Type connect('local').")
    said = claims(here.credential.get_token(f"{here.cloud.arm}/.default").token)
    name = next(
        (said[key] for key in ("upn", "unique_name", "preferred_username", "appid", "oid") if said.get(key)),
        "",
    )
    return {
        **described(here),
        "user": name,
        "object_id": said.get("oid", ""),
        "tenant": said.get("tid", ""),
        "application": said.get("appid", ""),
        "sign_in": getattr(here.credential, "way", ""),
        "expires": said.get("exp", 0),
        "minutes": round((float(said.get("exp", 0)) - time.time()) / 60),
    }


def described(here: Connection) -> dict[str, Any]:
    """A connection as plain data."""
    return {
        "place": here.place,
        "subscription": here.subscription,
        "resource_group": here.group,
        "workspace": here.workspace,
        "profile": here.profile,
        "cloud": here.cloud.name,
        "folder": str(here.entry.folder) if here.entry is not None else "",
        "adopted": here.adopted,
    }


def host(home: Path) -> dict[str, Any] | None:
    """What the host process says of itself; None when none runs."""
    try:
        found = bell.ask(home, {"op": "status"}, timeout=HOST_SECONDS)
    except StoreError as error:
        return {"error": error.message}
    return found


def patched() -> list[dict[str, str]]:
    """Which parts of other packages are replaced in this process now."""
    found = []
    if door.installed():
        found.append(
            {
                "what": "requests.adapters.HTTPAdapter.send",
                "seen": _version("requests"),
                "reason": "The door: requests to local names are answered here, all others pass on.",
            }
        )
    found.extend(
        {"what": seam.where, "seen": seam.version, "reason": seam.reason}
        for seam in seams.SEAMS
        if seam.package != "azure-ai-ml" or warm.ready()
    )
    if adopt.current() is not None:
        found.append(
            {
                "what": "azure.identity credentials: get_token, get_token_info",
                "seen": _version("azure-identity"),
                "reason": "A workspace is adopted: nobody signs in anywhere.",
            }
        )
        found.append(
            {
                "what": "azure.ai.ml.MLClient.from_config",
                "seen": _version("azure-ai-ml"),
                "reason": "A workspace is adopted: no config.json is needed.",
            }
        )
    return found


def versions() -> dict[str, str]:
    """Versions of what matters; packages that are not installed are left out."""
    found = {"jupyter_aml": jupyter_aml.__version__, "python": sys.version.split()[0]}
    found.update({name: version for name in PACKAGES if (version := _version(name))})
    return found


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _disk(home: Path) -> dict[str, int]:
    try:
        usage = shutil.disk_usage(home)
    except OSError:
        return {"free": 0, "total": 0}
    return {"free": usage.free, "total": usage.total}
