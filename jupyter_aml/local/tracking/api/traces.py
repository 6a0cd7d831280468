"""Traces over MLflow's REST, of version 2 and 3."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.tracking import experiments, faults, limits, matching, places, traces
from jupyter_aml.local.tracking.api import artifacts
from jupyter_aml.local.tracking.api.call import Call, Endpoint
from jupyter_aml.local.tracking.grammar import ATTRIBUTE, METADATA, TAG, Grammar, Order

GRAMMAR = Grammar(
    text=frozenset({"trace_id", "name", "status", "client_request_id", "run_id"}),
    numeric=frozenset({"timestamp_ms", "execution_time_ms"}),
    kinds=frozenset({TAG, METADATA}),
    aliases={
        "request_id": "trace_id",
        "state": "status",
        "timestamp": "timestamp_ms",
        "request_time": "timestamp_ms",
        "execution_time": "execution_time_ms",
        "execution_duration": "execution_time_ms",
    },
)
NAME_TAG, RUN_KEY = "mlflow.traceName", "mlflow.sourceRun"
PAGE, MOST = 100, 50_000


def _location(info: Mapping[str, Any]) -> str:
    location = info.get("trace_location") or {}
    return str((location.get("mlflow_experiment") or {}).get("experiment_id") or experiments.DEFAULT)


def start(call: Call) -> dict[str, Any]:
    """POST 3.0/traces: a finished trace, whatever the name says."""
    info = (call.body.get("trace") or {}).get("trace_info")
    if not isinstance(info, dict) or not info.get("trace_id"):
        raise faults.invalid("Missing value for required parameter 'trace.trace_info.trace_id'.")
    with call.database.write() as tx:
        traces.put(
            tx,
            call.folder,
            trace_id=str(info["trace_id"]),
            experiment=experiments.active(tx, _location(info))["id"],
            start=traces.moment(info["request_time"]) if info.get("request_time") else call.ms,
            state=str(info.get("state") or traces.STATES[0]),
            duration=traces.lasting(info.get("execution_duration")),
            client_request_id=str(info.get("client_request_id") or ""),
            previews=(str(info.get("request_preview") or ""), str(info.get("response_preview") or "")),
            metadata=info.get("trace_metadata"),
            tags=info.get("tags"),
        )
        return {"trace": {"trace_info": traces.on_wire(traces.row(tx, str(info["trace_id"])))}}


def start_old(call: Call) -> dict[str, Any]:
    """POST 2.0/traces: the beginning of a trace."""
    trace_id = f"tr-{uuid.uuid4().hex}"
    begun = call.whole("timestamp_ms", 0)
    with call.database.write() as tx:
        traces.put(
            tx,
            call.folder,
            trace_id=trace_id,
            experiment=experiments.active(tx, call.text("experiment_id") or experiments.DEFAULT)["id"],
            start=call.ms if begun is None else begun,
            state="IN_PROGRESS",
            metadata=call.pairs("request_metadata"),
            tags=call.pairs("tags"),
        )
        return {"trace_info": traces.on_old_wire(traces.row(tx, trace_id))}


def end_old(call: Call) -> dict[str, Any]:
    """PATCH 2.0/traces/{trace_id}: its end."""
    trace_id = call.parts["trace_id"]
    with call.database.write() as tx:
        held = traces.row(tx, trace_id)
        ended = call.whole("timestamp_ms", 0) or call.ms
        status = call.text("status", "OK")
        traces.put(
            tx,
            call.folder,
            trace_id=trace_id,
            experiment=held["experiment"],
            start=held["request_time"],
            state=traces.STATES[0] if status == "TRACE_STATUS_UNSPECIFIED" else status,
            duration=max(ended - held["request_time"], 0),
            metadata=call.pairs("request_metadata"),
            tags=call.pairs("tags"),
        )
        return {"trace_info": traces.on_old_wire(traces.row(tx, trace_id))}


def get(call: Call) -> dict[str, Any]:
    """GET 3.0/traces/{trace_id}."""
    with call.database.read() as reader:
        return {"trace": {"trace_info": traces.on_wire(traces.row(reader, call.parts["trace_id"]))}}


def get_old(call: Call) -> dict[str, Any]:
    """GET 2.0/traces/{trace_id}/info."""
    with call.database.read() as reader:
        return {"trace_info": traces.on_old_wire(traces.row(reader, call.parts["trace_id"]))}


def _look(item: Any, kind: str, key: str) -> Any:
    if kind in {TAG, METADATA}:
        return json.loads(item["tags" if kind == TAG else "metadata"]).get(key)
    if key == "name":
        return json.loads(item["tags"]).get(NAME_TAG)
    if key == "run_id":
        return json.loads(item["metadata"]).get(RUN_KEY)
    return item[{"status": "state", "timestamp_ms": "request_time", "execution_time_ms": "duration"}.get(key, key)]


def _search(call: Call, numbers: list[int], shown: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    size = limits.page_size(call.body.get("max_results"), PAGE, MOST)
    clauses = GRAMMAR.filter(call.text("filter"))
    order = GRAMMAR.order(call.listed("order_by"))
    if not any(term.key == "timestamp_ms" for term in order):
        order.append(Order(ATTRIBUTE, "timestamp_ms", descending=True))
    order.append(Order(ATTRIBUTE, "trace_id"))
    with call.database.read() as reader:
        rows = reader.execute(
            f"SELECT * FROM traces WHERE experiment IN ({','.join('?' * len(numbers))})",  # noqa: S608 - only question marks
            numbers,
        ).fetchall()
    found, token = matching.page(
        matching.matching(rows, clauses, _look), order, _look, token=call.text("page_token"), size=size
    )
    return {"traces": [shown(held) for held in found], **({"next_page_token": token} if token else {})}


def search(call: Call) -> dict[str, Any]:
    """POST 3.0/traces/search."""
    numbers = [experiments.number(_location({"trace_location": one})) for one in call.objects("locations")]
    return _search(call, numbers, traces.on_wire)


def search_old(call: Call) -> dict[str, Any]:
    """GET 2.0/traces."""
    return _search(call, [experiments.number(one) for one in call.listed("experiment_ids")], traces.on_old_wire)


def set_tag(call: Call) -> dict[str, Any]:
    """PATCH traces/{trace_id}/tags."""
    key, value = limits.key(call.text("key")), limits.value(call.text("value"), limits.TAG_LENGTH)
    with call.database.write() as tx:
        held = traces.row(tx, call.parts["trace_id"])
        traces.set_tags(tx, held["trace_id"], {**json.loads(held["tags"]), key: value})
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """DELETE traces/{trace_id}/tags."""
    key = call.required("key")
    with call.database.write() as tx:
        held = traces.row(tx, call.parts["trace_id"])
        kept = json.loads(held["tags"])
        if kept.pop(key, None) is None:
            raise faults.missing(f"No trace tag with key '{key}' for trace with ID '{held['trace_id']}'")
        traces.set_tags(tx, held["trace_id"], kept)
    return {}


def delete(call: Call) -> dict[str, Any]:
    """POST traces/delete-traces: by ids, or those up to a time; their files too."""
    ids, newest = call.listed("request_ids"), call.whole("max_timestamp_millis")
    if bool(ids) == (newest is not None):
        raise faults.invalid("Either `max_timestamp_millis` or `request_ids` must be specified, but not both.")
    with call.database.write() as tx:
        experiment = experiments.row(tx, call.required("experiment_id"))["id"]
        if ids:
            condition, values = f"trace_id IN ({','.join('?' * len(ids))})", list[Any](ids)
        else:
            condition, values = "request_time<=?", [newest]
        most = call.whole("max_traces", 1)
        rows = tx.execute(
            f"SELECT trace_id FROM traces WHERE experiment=? AND {condition} ORDER BY request_time LIMIT ?",  # noqa: S608 - fixed
            (experiment, *values, -1 if most is None else most),
        ).fetchall()
        for held in rows:
            tx.execute("DELETE FROM traces WHERE trace_id=?", (held["trace_id"],))
            tx.note("traces", held["trace_id"], "", "delete")
    for held in rows:
        root = places.path(call.folder, traces.place(held["trace_id"]))
        if root is not None:
            shutil.rmtree(root.parent, ignore_errors=True)
    return {"traces_deleted": len(rows)}


def batch_infos(call: Call) -> dict[str, Any]:
    """POST 3.0/traces/batchGetInfos."""
    ids = call.listed("trace_ids")
    with call.database.read() as reader:
        rows = reader.execute(
            f"SELECT * FROM traces WHERE trace_id IN ({','.join('?' * len(ids))})",  # noqa: S608 - only question marks
            ids,
        ).fetchall()
    return {"trace_infos": [traces.on_wire(held) for held in rows]}


def get_artifact(call: Call) -> Response:
    """GET get-trace-artifact?request_id=: the spans, as MLflow's UI shows them."""
    trace_id = call.text("request_id") or call.required("trace_id")
    with call.database.read() as reader:
        traces.row(reader, trace_id)
    root = call.folder / places.RUNS / traces.place(trace_id)
    return artifacts.send(places.below(root, call.text("path") or traces.SPANS_FILE), traces.SPANS_FILE)


OLD = (
    Endpoint("POST", "mlflow/traces", start_old),
    Endpoint("GET", "mlflow/traces", search_old),
    Endpoint("PATCH", "mlflow/traces/{trace_id}", end_old),
    Endpoint("GET", "mlflow/traces/{trace_id}/info", get_old),
    Endpoint("PATCH", "mlflow/traces/{trace_id}/tags", set_tag),
    Endpoint("DELETE", "mlflow/traces/{trace_id}/tags", delete_tag),
    Endpoint("POST", "mlflow/traces/delete-traces", delete),
)
ROUTES = (
    Endpoint("POST", "mlflow/traces", start),
    Endpoint("POST", "mlflow/traces/search", search),
    Endpoint("POST", "mlflow/traces/delete-traces", delete),
    Endpoint("POST", "mlflow/traces/batchGetInfos", batch_infos),
    Endpoint("GET", "mlflow/traces/{trace_id}", get),
    Endpoint("PATCH", "mlflow/traces/{trace_id}/tags", set_tag),
    Endpoint("DELETE", "mlflow/traces/{trace_id}/tags", delete_tag),
    Endpoint("GET", "mlflow/get-trace-artifact", get_artifact),
)
