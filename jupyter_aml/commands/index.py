"""The index: names of the connected workspace, for completion; read at once, refreshed in a thread.

Whoever reads never waits: `names` answers with what was last seen, and at most once a second wakes a thread that looks
whether the workspace has moved on (locally the newest number in `changes`, in Azure half a minute) and fetches anew.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_aml.client.connection import Connection
    from jupyter_aml.client.rest import Rest

SEGMENTS: Mapping[str, str] = {
    "data": "data",
    "model": "models",
    "environment": "environments",
    "component": "components",
    "compute": "computes",
    "datastore": "datastores",
    "online-endpoint": "onlineEndpoints",
    "batch-endpoint": "batchEndpoints",
    "schedule": "schedules",
    "job": "jobs",
}
VERSIONED = frozenset({"data", "model", "environment", "component"})
MOST = 200
MOST_VERSIONED = 20
MOST_METRICS = 20
PAUSE = 1.0
PAUSE_AZURE = 30.0
CONNECT = "jupyter_aml.client.connect"


class Index:
    """Names by kind; `version` of an asset's kind are under its name.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Any = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._looked = float("-inf")
        self._seen: tuple[Any, ...] = ()
        self._names: Mapping[str, tuple[str, ...]] = {}
        self._wanted: set[tuple[str, str]] = set()
        self._versions: Mapping[tuple[str, str], tuple[str, ...]] = {}

    def names(self, kind: str) -> tuple[str, ...]:
        """The names of a kind as last seen; asks nobody."""
        self.wake()
        return self._names.get(kind, ())

    def versions(self, kind: str, name: str) -> tuple[str, ...]:
        """The versions of an asset as last seen, the newest first; one never asked for before is fetched now."""
        found = self._versions.get((kind, name))
        if found is None and name in self._names.get(kind, ()):
            self._wanted.add((kind, name))
            self._seen = ()
        self.wake()
        return found or ()

    def put(
        self,
        names: Mapping[str, tuple[str, ...]],
        versions: Mapping[tuple[str, str], tuple[str, ...]] | None = None,
    ) -> None:
        """Replace what is known."""
        self._names, self._versions = names, versions or {}

    def wake(self) -> None:
        """Look for news in a thread, unless that was done within the last second."""
        if CONNECT not in sys.modules or self._clock() - self._looked < PAUSE:
            return
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._looked = self._clock()
            self._thread = threading.Thread(target=self.refresh, name="jupyter_aml-index", daemon=True)
            self._thread.start()

    def wait(self, timeout: float = 10.0) -> None:
        """Wait for a refresh that is under way."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def refresh(self) -> None:
        """Fetch the names anew if the workspace has moved on; faults leave what is known."""
        with contextlib.suppress(Exception):  # completion is a courtesy: it neither fails nor warns
            connection = sys.modules[CONNECT].current()
            if connection is None:
                self.put({})
                return
            seen = (connection.workspace_path, self._moved(connection))
            if seen != self._seen:
                self._fetch(connection)
                self._seen = seen

    def _moved(self, connection: Connection) -> float:
        """A number that grows when the workspace changes."""
        if connection.service is None or connection.entry is None:
            return float(self._clock() // PAUSE_AZURE)
        database = connection.service.workspace(connection.entry).database
        with database.read() as reading:
            row = reading.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()
        return float(row[0])

    def _fetch(self, connection: Connection) -> None:
        from jupyter_aml.client.rest import Rest

        rest = Rest(connection)
        names: dict[str, tuple[str, ...]] = {}
        versions: dict[tuple[str, str], tuple[str, ...]] = {}
        for kind, segment in SEGMENTS.items():
            found = tuple(_listed(rest, segment))
            names[kind] = found
            if kind in VERSIONED:
                newest = {(kind, name) for name in found[:MOST_VERSIONED]} | self._wanted
                versions |= {
                    (kind, name): tuple(_listed(rest, f"{segment}/{name}/versions"))
                    for name in found
                    if (kind, name) in newest
                }
        names["endpoint"] = names["online-endpoint"] + names["batch-endpoint"]
        names["deployment"] = tuple(_deployments(rest, names))
        names["metric"] = tuple(_metrics(rest, names["job"]))
        if connection.store is not None:
            names["workspace"] = tuple(entry.name for entry in connection.store.entries())
        self.put(names, versions)


def _listed(rest: Rest, path: str) -> Iterator[str]:
    """The newest names of a list; nothing where the service has no such list."""
    with contextlib.suppress(Exception):  # one list that cannot be had must not spoil the others
        for item in islice(rest.items(path), MOST):
            yield str(item["name"])


def _deployments(rest: Rest, names: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """The deployments of the newest endpoints, by name alone and as ENDPOINT/NAME."""
    found: dict[str, None] = {}
    for kind in ("online-endpoint", "batch-endpoint"):
        for endpoint in names[kind][:MOST_VERSIONED]:
            for name in _listed(rest, f"{SEGMENTS[kind]}/{endpoint}/deployments"):
                found |= {name: None, f"{endpoint}/{name}": None}
    yield from found


def _metrics(rest: Rest, jobs: tuple[str, ...]) -> list[str]:
    """The names of the metrics of the newest jobs."""
    found: dict[str, None] = {}
    for job in jobs[:MOST_METRICS]:
        with contextlib.suppress(Exception):  # a job without a run has no metrics
            answer = rest.get("api/2.0/mlflow/runs/get", api="mlflow/v2.0", query={"run_id": job})
            found.update(dict.fromkeys(metric["key"] for metric in answer["run"]["data"].get("metrics", ())))
    return list(found)


INDEX = Index()
"""The index of this process: it follows the current connection."""
