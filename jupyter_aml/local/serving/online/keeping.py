"""One look at an endpoint: what its records want, what there is, and what is done about the difference.

Called from a worker thread, one look at a time per endpoint; whatever takes long, such as the building of an
environment, is begun here and looked at again when it is done.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.agent import records as files
from jupyter_aml.errors import AmlError, ResourceError
from jupyter_aml.local.serving.online import keys, launching, logs, places, preparing, states, talk
from jupyter_aml.local.store import blob_files
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

MODES = {"key": "key", "amltoken": "aml_token", "aadtoken": "aad_token"}
HEALTHY, UNHEALTHY = "Healthy", "Unhealthy"
TAIL_LINES = 20
APPLY_SECONDS = 10.0
YOUNG_SECONDS = 60.0
"""So long after an endpoint was made its process is started without a deployment."""
COLLECTED = "modelDataCollector"
REVISION_LETTERS = 16
MOST_DEATHS = 5
"""So many ends in a row, each soon after the start, and what was to be deployed has failed."""


@dataclass
class Preparation:
    """The making of a generation of a deployment, under way or done.

    Attributes:
        given_up: Whether nobody wants it any more.
    """

    generation: str
    work: Future[dict[str, Any]]
    given_up: bool = False


@dataclass
class Keeper:
    """What the host remembers of an endpoint between two looks.

    Attributes:
        workspace: Whose.
        name: Of the endpoint.
        outer: The host's environment variables.
        pool: Where generations are made.
        again: Asks for another look; from any thread.
        process: The endpoint's process, when this host has started it.
        deaths: How often in a row the process has ended soon after its start.
        shown: The state of each deployment that was told last.
    """

    workspace: Workspace
    name: str
    outer: Mapping[str, str]
    pool: Executor
    again: Callable[[], None]
    preparations: dict[str, Preparation] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    shown: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def place(self) -> places.EndpointPlace:
        return places.endpoint(self.workspace.folder, self.name)

    @property
    def making(self) -> bool:
        """Whether a generation is being made."""
        return any(not one.work.done() for one in self.preparations.values())

    def look(self) -> int:
        """Do what there is to do now; pid of the endpoint's process, 0 when there is to be none."""
        if not self.workspace.entry.there:
            return 0  # the workspace is gone, and its endpoints' processes end by themselves
        with self.workspace.database.read() as reader:
            endpoint = states.endpoint(reader, self.name)
            found = states.deployments(reader, self.name)
        if endpoint is None or _leaves(endpoint):
            self._end(endpoint, found)
            return 0
        living = [record for record in found if not _leaves(record)]
        wanted = {record.version: self._generation(record) for record in living}
        order = self._order(endpoint, living, wanted)
        wanted_now = bool(order["deployments"]) or self._young(endpoint)
        status = self._have(order) if wanted_now else self._have_none()
        self._settle(endpoint, living, order, status)
        self._remove([record for record in found if _leaves(record)], status)
        self._tell(endpoint.name, status)
        return int(status.get("pid") or (self.process.pid if self.process else 0)) if wanted_now else 0

    def _young(self, endpoint: Record) -> bool:
        """Whether the first deployment is likely to come soon, for which the process makes itself ready."""
        return self.workspace.store.clock() - endpoint.created < YOUNG_SECONDS

    # the end

    def _end(self, endpoint: Record | None, deployments: list[Record]) -> None:
        for preparation in self.preparations.values():
            preparation.given_up = True
        launching.clear(self.place)
        for record in deployments:
            states.remove(self.workspace, record.name, record.version)
        if endpoint is not None:
            states.remove(self.workspace, endpoint.name, "")

    def _have_none(self) -> dict[str, Any]:
        """See that no process runs for an endpoint without deployments that can be served."""
        if self.place.order.exists():
            launching.stop(self.place)
            self.place.order.unlink(missing_ok=True)
            self.place.status.unlink(missing_ok=True)
        return {}

    def _remove(self, leaving: list[Record], status: Mapping[str, Any]) -> None:
        """Take deployments away whose replicas have ended."""
        serving = {name.lower() for name in status.get("deployments") or {}}
        for record in leaving:
            preparation = self.preparations.pop(record.version, None)
            if preparation is not None:
                preparation.given_up = True
            if record.version.lower() in serving or status.get("leaving"):
                continue
            folder = self.place.deployment(record.version).folder
            if folder.exists():
                blob_files.remove_tree(str(folder))
            states.remove(self.workspace, record.name, record.version)

    # generations

    def _generation(self, record: Record) -> str:
        """The generation that a deployment is to be served by now; empty when there is none yet."""
        good = str(states.local(record).get("generation") or "")
        if states.state(record) == states.FAILED:
            return good if self._held(record, good) else ""
        wanted = preparing.generation_of(record)
        if self._held(record, wanted) is not None:
            return wanted
        under_way = self.preparations.get(record.version)
        if under_way is None or under_way.generation != wanted:
            self._begin(record, wanted)
        return good if self._held(record, good) else ""

    def _held(self, record: Record, generation: str) -> dict[str, Any] | None:
        return preparing.held(preparing.place_of(self.workspace, record).generation(generation)) if generation else None

    def _begin(self, record: Record, generation: str) -> None:
        """Have a generation made."""
        before = self.preparations.get(record.version)
        if before is not None:
            before.given_up = True
        made: Preparation

        def make() -> dict[str, Any]:
            if before is not None:
                before.work.exception()  # two must not work in one folder's log at a time
            return preparing.prepare(self.workspace, record, self.outer, lambda: made.given_up)

        made = Preparation(generation, Future())
        self.preparations[record.version] = made
        self.pool.submit(_fulfil, made.work, make, self.again)

    # the process

    def _order(self, endpoint: Record, living: list[Record], wanted: Mapping[str, str]) -> dict[str, Any]:
        """What the endpoint's process is to do."""
        workspace, properties = self.workspace, endpoint.body["properties"]
        deployments = {}
        for record in living:
            replica = self._held(record, wanted[record.version])
            if replica is not None:
                deployments[record.version] = preparing.entry(workspace, record, wanted[record.version], replica)
        mode = MODES[str(properties.get("authMode") or "key").lower()]
        order: dict[str, Any] = {
            "endpoint": endpoint.name,
            "arm_id": keys.audience(workspace, endpoint.name),
            "home": str(workspace.store.home),
            "workspace": workspace.entry.id,
            "workspace_folder": str(workspace.folder),
            "collected": str(workspace.blobs.path(workspace.blob_container, COLLECTED)),
            "host": "127.0.0.1",
            "port": int(states.local(endpoint).get("port") or 0),
            "auth": {"mode": mode, "keys": keys.digests(workspace, endpoint.name) if mode == "key" else []},
            "traffic": _of(properties.get("traffic"), deployments),
            "mirror": _of(properties.get("mirrorTraffic"), deployments),
            "deployments": deployments,
            "spare": preparing.spare(endpoint, self.outer),
        }
        text = json.dumps(order, sort_keys=True)
        return {"revision": hashlib.sha256(text.encode()).hexdigest()[:REVISION_LETTERS], **order}

    def _have(self, order: dict[str, Any]) -> dict[str, Any]:
        """See that the process runs and does what the order says; its status, empty while it starts."""
        self.place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = files.read(str(self.place.order)) or {}
        if held.get("revision") != order["revision"]:
            files.write(str(self.place.order), order)
        status = talk.ask_place(self.place, {"op": "status"})
        if status is None:
            if self.process is None or self.process.poll() is not None:
                self.process = launching.start(self.place)
            return {}
        if status.get("revision") != order["revision"]:
            status = talk.ask_place(self.place, {"op": "apply"}, APPLY_SECONDS) or status
        if status.get("port") != order["port"]:
            states.patch_local(self.workspace, self.name, "", port=status["port"])
        return status

    # what is said

    def _settle(
        self, endpoint: Record, living: list[Record], order: Mapping[str, Any], status: Mapping[str, Any]
    ) -> None:
        """End the changes that are done or have failed."""
        for record in living:
            serving = (status.get("deployments") or {}).get(record.version) or {}
            if self._unprepared(record):
                continue
            if states.state(record) in states.BUSY:
                self._settle_deployment(record, serving)
            elif states.state(record) == states.SUCCEEDED and serving.get("draining") == 0:
                self._clean(record, str(serving["generation"]))
        applied = not order["deployments"] or status.get("revision") == order["revision"]
        if states.state(endpoint) in states.BUSY and applied:
            states.settle(self.workspace, self.name, "", _operation(endpoint), states.SUCCEEDED)

    def _unprepared(self, record: Record) -> bool:
        """Whether what a deployment runs with could not be put in place, which ends its change."""
        preparation = self.preparations.get(record.version)
        if preparation is None or not preparation.work.done():
            return False
        fault = preparation.work.exception()
        if fault is None or preparation.generation != preparing.generation_of(record):
            return False
        del self.preparations[record.version]
        self._fail(record, _fault_of(fault))
        return True

    def _settle_deployment(self, record: Record, serving: Mapping[str, Any]) -> None:
        wanted = preparing.generation_of(record)
        if not serving and self.deaths >= MOST_DEATHS:
            self._fail(record, self._dead())
        if serving.get("generation") != wanted:
            return
        if serving.get("state") == HEALTHY:
            operation, name = _operation(record), record.version
            if states.settle(self.workspace, record.name, name, operation, states.SUCCEEDED, generation=wanted):
                self.preparations.pop(name, None)
        elif serving.get("state") == UNHEALTHY:
            error = serving.get("error") or {}
            message = str(error.get("message") or "Its replicas do not become ready.")
            if error.get("log"):
                message = f"{message}\nThe last lines of its log:\n{error['log']}"
            self._fail(record, {"code": str(error.get("code") or "ResourceNotReady"), "message": message})

    def _dead(self) -> dict[str, str]:
        """Why no process of the endpoint stays alive."""
        lines = "\n".join(logs.last_lines(self.place.log, TAIL_LINES))
        message = f"The endpoint's process has ended {self.deaths} times. The last lines of its log:\n{lines}"
        return {"code": "InternalServerError", "message": message}

    def _fail(self, record: Record, error: dict[str, str]) -> None:
        if states.settle(self.workspace, record.name, record.version, _operation(record), states.FAILED, error=error):
            self.again()  # what served before goes on

    def _clean(self, record: Record, generation: str) -> None:
        """Remove what older generations were made of, when nothing runs with it any more."""
        folder = preparing.place_of(self.workspace, record).folder
        for other in folder.iterdir():
            if other.is_dir() and other.name not in {generation, "logs"}:
                blob_files.remove_tree(str(other))

    def _tell(self, name: str, status: Mapping[str, Any]) -> None:
        """Note in the log of changes which deployments are in another state than before."""
        now = {one: (said["state"], said["ready"]) for one, said in (status.get("deployments") or {}).items()}
        changed = [one for one, said in now.items() if self.shown.get(one) != said]
        self.shown = now
        if changed:
            with self.workspace.database.write() as transaction:
                for one in changed:
                    transaction.note(states.DEPLOYMENTS, name, one)


def _fulfil(work: Future[dict[str, Any]], make: Callable[[], dict[str, Any]], then: Callable[[], None]) -> None:
    try:
        work.set_result(make())
    except Exception as error:  # noqa: BLE001 - whatever it is, the deployment must end with a reason
        work.set_exception(error)
    then()


def _leaves(record: Record) -> bool:
    return bool(states.local(record).get("deleting")) or states.state(record) == states.DELETING


def _operation(record: Record) -> str:
    return str(states.local(record).get("operation") or "")


def _of(shares: Mapping[str, Any] | None, deployments: Mapping[str, Any]) -> dict[str, int]:
    """The shares of deployments that are served."""
    return {name: int(share) for name, share in (shares or {}).items() if name in deployments and int(share)}


def _fault_of(error: BaseException) -> dict[str, str]:
    if isinstance(error, ResourceError):
        return {"code": error.code, "message": str(error)}
    if isinstance(error, AmlError):
        return {"code": "UserError", "message": str(error)}
    if not isinstance(error, OSError):
        traceback.print_exception(error, file=sys.stderr)
    return {"code": "SystemError", "message": f"The deployment could not be prepared: {type(error).__name__}: {error}."}
