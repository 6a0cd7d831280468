"""Computes: clusters, instances and attached machines; each is a number of slots, on this machine unless attached."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from jupyter_aml.agent import processes
from jupyter_aml.errors import ConflictError, ResourceError
from jupyter_aml.local.arm import times
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.resources import attached, checks, names
from jupyter_aml.local.resources.base import ARM, Call, Route
from jupyter_aml.local.resources.named import NamedType
from jupyter_aml.local.runtime import engines
from jupyter_aml.local.store import records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

SEGMENT = "computes"
KINDS = ("AmlCompute", "ComputeInstance", "Kubernetes", "VirtualMachine", "SynapseSpark")
LOCAL = "local"
SIZE = "LOCAL"
LOCATIONS = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"


def _memory() -> float:
    """GiB of this machine; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    except (AttributeError, ValueError, OSError):
        return 0.0


def _bootstrap(workspace: Workspace) -> None:
    """The compute `local`: this machine, one slot a core."""
    with workspace.database.write() as transaction:
        if records.get(transaction, SEGMENT, LOCAL) is not None:
            return
        inner = {
            "vmSize": SIZE,
            "vmPriority": "Dedicated",
            "osType": "Linux",
            "scaleSettings": {
                "minNodeCount": 0,
                "maxNodeCount": processes.cores(),
                "nodeIdleTimeBeforeScaleDown": "PT2M",
            },
        }
        now = workspace.store.clock()
        body = {
            "location": workspace.entry.location,
            "properties": {
                "computeType": "AmlCompute",
                "description": "This machine.",
                "properties": inner,
                "isAttachedCompute": False,
            },
        }
        records.put(transaction, Record(SEGMENT, LOCAL, "", body, now, now))


def _accept(call: Call, body: dict[str, Any], old: Record | None, transaction: Transaction) -> dict[str, Any]:
    properties = dict(body["properties"])
    kind = checks.one_of(properties.get("computeType"), KINDS, "properties.computeType")
    if old is not None and old.body["properties"]["computeType"] != kind:
        raise ConflictError(
            f"The compute {old.name!r} is a {old.body['properties']['computeType']}, not a {kind}.",
            remedy="Delete it first, or choose another name.",
        )
    inner = dict(properties.get("properties") or {})
    if kind == "AmlCompute":
        _check_scale(inner)
    if kind == "ComputeInstance":
        inner.setdefault("state", (old.body["properties"]["properties"].get("state") if old else "") or "Running")
    if kind == engines.COMPUTE_TYPE and inner.get("engine"):
        inner = attached.accept(call, old.name if old else call.params["name"], inner, old, transaction)
    kept = {key: value for key, value in body.items() if key in {"location", "tags", "identity", "sku"}}
    elsewhere = kind in {"Kubernetes", "VirtualMachine", "SynapseSpark"}
    return {
        **kept,
        "properties": {**properties, "computeType": kind, "properties": inner, "isAttachedCompute": elsewhere},
    }


def _check_scale(inner: dict[str, Any]) -> None:
    scale = {"minNodeCount": 0, "maxNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "PT2M"}
    scale.update({key: value for key, value in (inner.get("scaleSettings") or {}).items() if value is not None})
    least, most = scale["minNodeCount"], scale["maxNodeCount"]
    if not isinstance(least, int) or not isinstance(most, int) or not 0 <= least <= most or most < 1:
        raise ResourceError(
            f"The cluster would scale from {least} to {most} nodes; 0 <= min_instances <= max_instances was expected,"
            " with at least one node at most.",
            code="ValidationError",
            target="properties.properties.scaleSettings",
        )
    inner["scaleSettings"] = scale
    inner.setdefault("vmPriority", "Dedicated")


def _show(call: Call, record: Record) -> Record:
    """A compute with its state as of now."""
    properties = dict(record.body["properties"])
    inner = dict(properties.get("properties") or {})
    if properties["computeType"] == "AmlCompute":
        running = _running(call, record.name)
        inner |= {
            "allocationState": "Steady",
            "allocationStateTransitionTime": times.iso(record.modified),
            "errors": None,
            "currentNodeCount": running,
            "targetNodeCount": running,
            "nodeStateCounts": {
                "preparingNodeCount": 0,
                "runningNodeCount": running,
                "idleNodeCount": 0,
                "unusableNodeCount": 0,
                "leavingNodeCount": 0,
                "preemptedNodeCount": 0,
            },
        }
    if properties["computeType"] == "ComputeInstance":
        inner = {"applications": [], "connectivityEndpoints": {}, "errors": [], **inner}
    properties |= {
        "properties": inner,
        "provisioningState": "Succeeded",
        "createdOn": times.iso(record.created),
        "modifiedOn": times.iso(record.modified),
        "computeLocation": properties.get("computeLocation") or record.body.get("location"),
    }
    return Record(
        record.segment,
        record.name,
        "",
        {"location": call.workspace.entry.location, **record.body, "properties": properties},
        record.created,
        record.modified,
        created_by=record.created_by,
        modified_by=record.modified_by,
    )


def _running(call: Call, name: str) -> int:
    with call.workspace.database.read() as connection:
        row = connection.execute(
            "SELECT count(*) FROM jobs WHERE status IN ('Running', 'Finalizing') AND compute=?", (name,)
        ).fetchone()
    return int(row[0])


def _open(transaction: Transaction, name: str) -> bool:
    """Whether any job that has not ended names a compute."""
    final = ("Completed", "Failed", "Canceled")
    row = transaction.execute(
        "SELECT count(*) FROM jobs WHERE status NOT IN (?, ?, ?) AND compute=?", (*final, name.lower())
    ).fetchone()
    return int(row[0]) > 0


def _may_delete(call: Call, record: Record, transaction: Transaction) -> None:
    if record.name == LOCAL:
        raise ConflictError("The compute 'local' is this machine and cannot be deleted.")
    if _running(call, record.name):
        raise ConflictError(
            f"The compute {record.name!r} runs jobs.", remedy="Cancel them first: `%aml job list`, `%aml job cancel`."
        )
    if engines.read(record.name, record.body) is not None and _open(transaction, record.name):
        raise ConflictError(
            f"Jobs wait for the compute {record.name!r}.",
            remedy="Cancel them first: `%aml job list`, `%aml job cancel`.",
        )
    attached.forget(transaction, record.name)


def _act(state: str) -> Any:
    def handler(call: Call) -> Response:
        with call.workspace.database.write() as transaction:
            record = TYPE.find(call, transaction, call.params["name"])
            properties = record.body["properties"]
            if properties["computeType"] != "ComputeInstance":
                raise ResourceError(
                    f"{record.name!r} is a {properties['computeType']}; only compute instances start and stop.",
                    code="OperationNotAllowed",
                )
            inner = {**properties["properties"], "state": state}
            body = {**record.body, "properties": {**properties, "properties": inner}}
            records.put(
                transaction,
                Record(SEGMENT, record.name, "", body, record.created, call.now, created_by=record.created_by),
            )
        base = f"https://{call.request.host}/subscriptions/{call.workspace.entry.subscription}"
        link = f"{base}/providers/Microsoft.MachineLearningServices/locations/{call.workspace.entry.location}"
        return Response(
            202,
            {
                "Azure-AsyncOperation": f"{link}/computeOperationsStatus/done",
                "Location": f"{link}/computeOperationsResult/done",
                "Retry-After": "0",
            },
        )

    return handler


def _nodes(call: Call) -> Response:
    with call.workspace.database.read() as connection:
        TYPE.find(call, connection, call.params["name"])
        rows = connection.execute(
            "SELECT name FROM jobs WHERE status IN ('Running', 'Finalizing') AND compute=? ORDER BY started",
            (call.params["name"],),
        ).fetchall()
    nodes = [
        {
            "nodeId": f"local-{place}",
            "privateIpAddress": "127.0.0.1",
            "publicIpAddress": None,
            "port": 0,
            "nodeState": "running",
            "runId": row["name"],
        }
        for place, row in enumerate(rows)
    ]
    return Response.of({"nodes": nodes})


def _sizes(_call: Call) -> Response:
    size = {
        "name": SIZE,
        "family": "local",
        "vCPUs": processes.cores(),
        "gpus": 0,
        "osVhdSizeMB": 0,
        "maxResourceVolumeMB": 0,
        "memoryGB": round(_memory(), 1),
        "lowPriorityCapable": True,
        "premiumIO": False,
        "estimatedVMPrices": None,
        "supportedComputeTypes": ["AmlCompute", "ComputeInstance"],
    }
    return Response.of({"value": [size]})


def _usages(call: Call) -> Response:
    subscription = call.params["subscription"]
    used = 0
    for entry in call.store.entries():
        with call.store.workspace(entry).database.read() as connection:
            used += int(
                connection.execute("SELECT count(*) FROM jobs WHERE status IN ('Running', 'Finalizing')").fetchone()[0]
            )
    usage = {
        "id": f"/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/usages/cores",
        "type": "Microsoft.MachineLearningServices/vmFamily/usages",
        "unit": "Count",
        "currentValue": used,
        "limit": processes.cores(),
        "name": {"value": "local", "localizedValue": "Cores of this machine"},
    }
    return Response.of({"value": [usage]})


def _routes() -> Iterable[Route]:
    one = f"{{WS}}/{SEGMENT}/{{name}}"
    for verb, state in (("start", "Running"), ("stop", "Stopped"), ("restart", "Running")):
        yield Route("POST", ARM, f"{one}/{verb}", _act(state), f"workspaces/computes/{verb}/action")
    yield Route("POST", ARM, f"{one}/listNodes", _nodes, "workspaces/computes/listnodes/action")
    yield Route("GET", ARM, f"{LOCATIONS}/vmSizes", _sizes, "locations/vmSizes/read")
    yield Route("GET", ARM, f"{LOCATIONS}/usages", _usages, "locations/usages/read")
    yield Route("GET", ARM, f"{LOCATIONS}/computeOperationsStatus/{{operation}}", _done, "locations/read")
    yield Route("GET", ARM, f"{LOCATIONS}/computeOperationsResult/{{operation}}", _done, "locations/read")


def _done(_call: Call) -> Response:
    return Response.of({"status": "Succeeded"})


TYPE = NamedType(
    SEGMENT,
    "compute",
    rule=names.COMPUTE,
    accept=_accept,
    show=_show,
    may_delete=_may_delete,
    extra=_routes,
    bootstrap=_bootstrap,
)
