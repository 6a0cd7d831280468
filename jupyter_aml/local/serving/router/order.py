"""The order of an endpoint process: what the host wants of it, read from `order.json` and typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.local.serving.router.entry import Auth
from jupyter_aml.local.serving.router.pool import Limits


@dataclass(frozen=True)
class Probe:
    """When a replica counts as alive or ready; times in seconds. The defaults are Azure's."""

    initial_delay: float = 10.0
    period: float = 10.0
    timeout: float = 2.0
    failures: int = 30
    successes: int = 1

    @property
    def start_patience(self) -> float:
        """Seconds that a replica may take to load and to run `init()`."""
        return self.initial_delay + self.period * self.failures

    @property
    def stuck_patience(self) -> float:
        """Seconds that a replica may go on with a request that is over its timeout."""
        return self.timeout * self.failures


@dataclass(frozen=True)
class Scale:
    """How many replicas follow the load.

    Attributes:
        least: At least as many instances.
        most: At most as many.
        target: Percent of their time that the replicas are to be busy, 1-100.
        interval: Seconds between two decisions.
    """

    least: int
    most: int
    target: int = 70
    interval: float = 1.0


@dataclass(frozen=True)
class Collection:
    """One collection of a data collector; `sampling` is the share of the requests that is kept, 0-1."""

    enabled: bool = True
    sampling: float = 1.0


@dataclass(frozen=True)
class Collecting:
    """What is collected of the requests of a deployment.

    Attributes:
        collections: By name; `request` and `response` are the payloads, others the script's own.
        headers: Request headers that are kept with the payload.
        rolling: A new file each `hour`, `minute` or `day`.
    """

    collections: Mapping[str, Collection]
    headers: tuple[str, ...] = ()
    rolling: str = "hour"


@dataclass(frozen=True)
class Deployment:
    """What is wanted of one deployment.

    Attributes:
        generation: Hash of all whose change needs new replicas.
        replica: The order that a replica is started with.
        instances: How many, where it does not scale.
        workers: Replicas per instance.
        memory: Bytes that a replica may hold; None without a limit.
        insights: Whether its requests are traced.
    """

    name: str
    generation: str
    replica: Mapping[str, Any]
    instances: int = 1
    workers: int = 1
    scale: Scale | None = None
    limits: Limits = field(default_factory=Limits)
    liveness: Probe = field(default_factory=Probe)
    readiness: Probe = field(default_factory=Probe)
    memory: int | None = None
    insights: bool = False
    collect: Collecting | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of its replicas."""
        found: Mapping[str, str] = self.replica.get("env") or {}
        return found


@dataclass(frozen=True)
class Order:
    """What is wanted of the endpoint.

    Attributes:
        revision: Tells one order from the next.
        arm_id: Of the endpoint, in lower case.
        home: Folder of the store.
        workspace: GUID of the workspace.
        workspace_folder: Its folder; without it the process has nothing to live for.
        collected: Folder of the blobs `modelDataCollector/...`.
        traffic: Percent per deployment.
        mirror: Percent of the requests that a deployment gets a copy of.
        spare: `python` and `env` of the interpreter that is made ready while there is no deployment; None for none.
    """

    revision: str
    endpoint: str
    arm_id: str
    home: str
    workspace: str
    workspace_folder: str
    collected: str
    host: str
    port: int
    auth: Auth
    traffic: Mapping[str, int]
    mirror: Mapping[str, int]
    deployments: Mapping[str, Deployment]
    spare: Mapping[str, Any] | None = None


def read(found: Mapping[str, Any]) -> Order:
    """The order in a file's words.

    Raises:
        KeyError: A field is missing.
    """
    auth = found["auth"]
    return Order(
        revision=str(found["revision"]),
        endpoint=found["endpoint"],
        arm_id=found["arm_id"],
        home=found["home"],
        workspace=found["workspace"],
        workspace_folder=found["workspace_folder"],
        collected=found["collected"],
        host=found["host"],
        port=int(found["port"]),
        auth=Auth(auth["mode"], tuple(auth["keys"]), found["arm_id"]),
        traffic=found["traffic"],
        mirror=found["mirror"],
        deployments={name: _deployment(name, one) for name, one in found["deployments"].items()},
        spare=found.get("spare"),
    )


def _deployment(name: str, found: Mapping[str, Any]) -> Deployment:
    scale, collect, request = found.get("scale"), found.get("collect"), found.get("request") or {}
    return Deployment(
        name=name,
        generation=found["generation"],
        replica=found["replica"],
        instances=int(found["instances"]),
        workers=int(found.get("workers") or 1),
        scale=Scale(scale["min"], scale["max"], scale["target"], scale["interval"]) if scale else None,
        limits=Limits(**{name: value for name, value in request.items() if value is not None}),
        liveness=Probe(**(found.get("liveness") or {})),
        readiness=Probe(**(found.get("readiness") or {})),
        memory=found.get("memory"),
        insights=bool(found.get("insights")),
        collect=_collecting(collect) if collect else None,
    )


def _collecting(found: Mapping[str, Any]) -> Collecting:
    collections = {name: Collection(one["enabled"], one["sampling"]) for name, one in found["collections"].items()}
    return Collecting(collections, tuple(found.get("headers") or ()), found.get("rolling") or "hour")
