"""The dask provisioner: runs are tasks of an attached Dask cluster; the way past one machine.

A task only starts the run's own process on its worker and waits for it. What the run prints and makes goes home over
HTTP; Dask tells who works, runs a lost worker's tasks again elsewhere, and carries the word that ends a run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_aml.agent import records
from jupyter_aml.errors import ResourceError
from jupyter_aml.local.runtime.engines import Attached
from jupyter_aml.local.runtime.remote import archive
from jupyter_aml.local.runtime.remote.handle import EXIT, ORDER, STATE, RemoteHandle
from jupyter_aml.local.runtime.remote.order import Away, Order

CONNECT_SECONDS = 10.0
TELL_SECONDS = 3.0
"""How long a worker may take to hear that a run is to end."""
ASK_SECONDS = 5.0
"""How long the number of a cluster's slots is believed."""
LEFTOVERS = (EXIT, STATE, "cancel", "rank.json")


class DaskCluster:
    """One attached Dask cluster, as the host sees it; connected when something is asked of it.

    Args:
        attached: The compute.
        keys: `ca`, `cert` and `key` in PEM; empty for plain connections.
    """

    def __init__(self, attached: Attached, keys: Mapping[str, str]) -> None:
        self.attached = attached
        self._keys = keys
        self._client: Any = None
        self._lock = threading.Lock()
        self._futures: dict[str, Any] = {}
        self._counted = (0.0, 0)

    def client(self) -> Any:
        """The client of the cluster, connected.

        Raises:
            ResourceError: It cannot be reached, or `distributed` is not installed.
        """
        with self._lock:
            if self._client is not None and self._client.status == "running":
                return self._client
            self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        try:
            import distributed
        except ImportError as error:
            raise ResourceError(
                "The package `distributed` is not installed here, which speaks to Dask clusters.",
                code="UserError",
                remedy="pip install 'jupyter_aml[dask]', then `%aml local stop`.",
            ) from error
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is wrong is said in sentences
        security = None
        if self.attached.secure:
            security = distributed.Security(
                tls_ca_file=self._keys["ca"],
                tls_client_cert=self._keys["cert"],
                tls_client_key=self._keys["key"],
                require_encryption=True,
            )
        try:
            where = urlsplit(self.attached.address)
            socket.create_connection((str(where.hostname), where.port or 0), CONNECT_SECONDS).close()
            return distributed.Client(
                self.attached.address,
                timeout=CONNECT_SECONDS,
                set_as_default=False,
                security=security,
                name="jupyter_aml",
            )
        except (OSError, TimeoutError, ValueError, RuntimeError) as error:
            raise ResourceError(
                f"The Dask scheduler {self.attached.address} of the compute '{self.attached.name}' cannot be reached:"
                f" {error}.",
                code="ComputeUnreachable",
                target="properties.computeId",
                remedy="Start it there, or attach the compute again with the right address.",
            ) from error

    def count(self) -> int:
        """How many runs the cluster's workers take at once; 0 without workers.

        Raises:
            ResourceError: It cannot be reached.
        """
        asked, slots = self._counted
        if not slots or time.monotonic() - asked > ASK_SECONDS:
            workers = self.client().scheduler_info(n_workers=-1)["workers"].values()
            slots = sum(int(worker["nthreads"]) for worker in workers)
            self._counted = (time.monotonic(), slots)
        return slots

    def workers(self) -> int:
        """How many workers the cluster has.

        Raises:
            ResourceError: It cannot be reached.
        """
        return len(self.client().scheduler_info(n_workers=-1)["workers"])

    @property
    def slots(self) -> int | None:
        """How many there were when it was asked last; None before that."""
        asked, slots = self._counted
        return slots if asked else None

    def submit(self, key: str, away: Away, ended: Callable[[str], None]) -> None:
        """Send a run, or find the one of that key again; see `handle.Cluster`."""
        client = self.client()
        from distributed import fire_and_forget

        text = f"{archive.launcher()}\n\nrun(KEY, ORDER, ARCHIVE)\n"
        given = {"KEY": key, "ORDER": away.order.to_json(), "ARCHIVE": archive.pack(), "__name__": "launcher"}
        future = client.submit(exec, text, given, key=key, pure=False)
        fire_and_forget(future)  # it goes on when this process dies
        self._futures[key] = future
        future.add_done_callback(lambda done: self._done(key, done, ended))

    def _done(self, key: str, future: Any, ended: Callable[[str], None]) -> None:
        self._futures.pop(key, None)
        if future.status == "error":
            error = future.exception()
            name = type(error).__name__
            if name == "KilledWorker":
                ended("The workers that ran it were lost, one after the other; Dask gave the run up.")
            else:
                ended(f"The worker could not make the run: {name}: {error}")
        else:
            ended("")

    def cancel(self, key: str, worker: str) -> None:
        """End a run on its worker at once; the word goes past the tasks that keep the worker busy."""
        text = f"{archive.launcher()}\n\ncancel(KEY)\n"
        client = self.client()
        given = {"KEY": key, "__name__": "launcher"}
        teller = threading.Thread(
            target=lambda: client.run(exec, text, given, workers=[worker], on_error="ignore"), daemon=True
        )
        teller.start()  # a worker that does not answer would keep us
        teller.join(TELL_SECONDS)

    def forget(self, key: str) -> None:
        """Take a run out of the cluster."""
        future = self._futures.pop(key, None)
        if future is not None:
            self.client().cancel([future], force=True)

    def close(self) -> None:
        """Leave the cluster; its tasks go on."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close(timeout=TELL_SECONDS)


class DaskProvisioner:
    """Sends runs to attached Dask clusters.

    Obligations, as of every provisioner: a run that `start` has returned a handle for goes on when the host dies, is
    found again by `find`, and leaves `exit.json` behind when nothing of it is left. May be called from several threads.
    """

    name = "dask"

    def __init__(self) -> None:
        self._clusters: dict[str, DaskCluster] = {}
        self._lock = threading.Lock()

    def cluster(self, attached: Attached, keys: Mapping[str, str]) -> DaskCluster:
        """The cluster of a compute: one connection for all of its runs."""
        facts = json.dumps([attached.address, sorted(keys.items())])
        name = hashlib.sha256(facts.encode()).hexdigest()
        with self._lock:
            found = self._clusters.get(name)
            if found is None:
                found = self._clusters[name] = DaskCluster(attached, keys)
            return found

    def slots(self, attached: Attached) -> int | None:
        """How many runs a compute's cluster takes at once, as far as is known; asks nobody."""
        with self._lock:
            found = [one for one in self._clusters.values() if one.attached.address == attached.address]
        return max((one.slots for one in found if one.slots is not None), default=None)

    def start(self, work: Path, away: Away, key: str) -> RemoteHandle:
        """Send a run; called by the runner when a slot is free.

        Args:
            work: The run's work folder here.
            away: What is sent.
            key: Names the run in the cluster.

        Raises:
            AmlError: The cluster cannot be reached.
            OSError: The disk refuses.
        """
        for leftover in LEFTOVERS:
            (work / leftover).unlink(missing_ok=True)
        records.write(str(work / ORDER), away.order.to_json())
        records.write(str(work / "sent.json"), {"key": key, "round": 0})
        handle = RemoteHandle(work, away, self.cluster(away.cluster, away.keys))
        handle.send()
        return handle

    def find(self, work: Path, attached: Attached, keys: Mapping[str, str]) -> RemoteHandle | None:
        """The handle of a run that an earlier host sent; None when it never did."""
        order, sent = records.read(str(work / ORDER)), records.read(str(work / "sent.json"))
        if order is None or sent is None:
            return None
        away = Away(Order.from_json(order), attached, keys)
        handle = RemoteHandle(work, away, self.cluster(attached, keys))
        if handle.supervised():
            handle.find()
        return handle

    def close(self) -> None:
        """Leave all clusters; called by the host when it ends. Runs go on."""
        with self._lock:
            found = list(self._clusters.values())
        for cluster in found:
            cluster.close()


PROVISIONER = DaskProvisioner()
