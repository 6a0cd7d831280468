"""What a conductor may do: submit children, end them, look at them, and write down how it goes."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jupyter_aml.local.arm import times
from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.jobs import away, records, submit
from jupyter_aml.local.jobs.conducted import reuse
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import records as tracking


class Stage:
    """One conducted job, seen from its conductor's thread.

    Args:
        workspace: The job's.
        record: The job.
        log: The job's log, relative to its folder.
        rouse: Makes the host look for new and cancelled jobs.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        workspace: Workspace,
        record: Record,
        log: str,
        rouse: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.workspace = workspace
        self.record = record
        self.clock = clock
        self._log = workspace.runs_folder(record.name) / log
        self._rouse = rouse

    @property
    def name(self) -> str:
        return self.record.name

    def children(self) -> list[Record]:
        """Every child, oldest first."""
        with self.workspace.database.read() as reader:
            return records.children(reader, self.name)

    def look(self, names: Iterable[str]) -> list[Record]:
        """Those of the children that are still there."""
        with self.workspace.database.read() as reader:
            found = [records.get(reader, name) for name in names]
        return [record for record in found if record is not None]

    def submit(
        self,
        name: str,
        body: Mapping[str, Any],
        state: Mapping[str, Any],
        then: Callable[[Transaction, Record], Record] | None = None,
    ) -> Record:
        """Submit a child; one that is there already stays as it is.

        Args:
            name: Its name.
            body: ARM's `properties`.
            state: Facts for the executor.
            then: What else happens to it in the same transaction.

        Raises:
            ResourceError: The child is refused.
        """
        made, _ = submit.submit(
            self.workspace,
            name,
            {**body, "parentJobName": self.name, "experimentName": self.record.experiment},
            identity=Identity(self.record.created_by, str(self.record.state.get("owner") or ""), self.name),
            interpreter=json.dumps(self.record.state.get("interpreter") or {}),
            now=self.clock(),
            state={"root": self.record.state.get("root") or self.name, **state},
            then=then,
        )
        self._rouse()
        return made

    def workers(self, compute: str) -> int:
        """How many workers the cluster has that a compute is; 0 for other computes."""
        return away.workers(self.workspace, compute)

    def remember(self, child: Record) -> None:
        """Note the work that a child did, so that a later step may take it over."""
        found = str(child.state.get("fingerprint") or "")
        if found and not child.state.get("reused"):
            with self.workspace.database.write() as transaction:
                reuse.remember(transaction, found, child, self.clock())

    def cancel(self, names: Iterable[str]) -> None:
        """Ask that children end."""
        with self.workspace.database.write() as transaction:
            for name in names:
                held = records.get(transaction, name)
                if held is not None and not held.final:
                    records.ask_cancel(transaction, name, self.clock())
        self._rouse()

    def stop(self, name: str, properties: Mapping[str, str]) -> None:
        """End a child and note why among its properties."""
        with self.workspace.database.write() as transaction:
            held = records.get(transaction, name)
            if held is not None and not held.final:
                submit.merge(transaction, held, {"properties": dict(properties)}, self.clock())
                records.ask_cancel(transaction, name, self.clock())
        self._rouse()

    def curves(self, names: Iterable[str], metric: str) -> dict[str, list[float]]:
        """What jobs have logged of a metric, by job, oldest first; without values that are no numbers."""
        found: dict[str, list[float]] = {}
        with self.workspace.database.read() as reader:
            for name in names:
                points = tracking.history(reader, name, metric) if tracking.exists(reader, name) else []
                found[name] = [value for _, _, value in points if value == value]  # noqa: PLR0124 - not NaN
        return found

    def metrics(self, name: str) -> list[str]:
        """Names of the metrics that a job has logged."""
        with self.workspace.database.read() as reader:
            return sorted(tracking.metrics(reader, name)) if tracking.exists(reader, name) else []

    def annotate(self, properties: Mapping[str, str], metrics: Mapping[str, tuple[float, int]] | None = None) -> None:
        """Write properties of the job and metrics (value, step) of its run."""
        with self.workspace.database.write() as transaction:
            self._annotate(transaction, records.find(transaction, self.name), properties, metrics or {})

    def annotate_child(self, name: str, properties: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        """Write properties of a child, and metrics of its run that it has not logged."""
        with self.workspace.database.write() as transaction:
            held = records.get(transaction, name)
            if held is None:
                return
            there = tracking.metrics(transaction, name) if tracking.exists(transaction, name) else {}
            fresh = {key: (value, 0) for key, value in metrics.items() if key not in there}
            self._annotate(transaction, held, properties, fresh)

    def _annotate(
        self,
        transaction: Transaction,
        held: Record,
        properties: Mapping[str, str],
        metrics: Mapping[str, tuple[float, int]],
    ) -> None:
        now = self.clock()
        submit.merge(transaction, held, {"properties": dict(properties)}, now)
        if tracking.exists(transaction, held.name):
            for key, (value, step) in metrics.items():
                tracking.log_metric(transaction, held.name, key, value, timestamp=int(now * 1000), step=step)

    def say(self, sentence: str) -> None:
        """Write a line into the job's log."""
        with contextlib.suppress(OSError):
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"{times.iso(self.clock())} {sentence}\n")
