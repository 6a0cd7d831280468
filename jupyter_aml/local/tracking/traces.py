"""Traces as rows: MLflow's record of what an application did, request by request.

The spans themselves are a file, `traces.json`, that the client writes to the trace's artifact folder: the
service answers as a server before 3.4, to which clients send no spans.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_aml.local.store.database import Transaction, dumps
from jupyter_aml.local.tracking import faults, limits, places
from jupyter_aml.local.tracking.experiments import Reader

LOCATION_TAG = "mlflow.artifactLocation"
SPANS_FILE = "traces.json"
STATES = ("STATE_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS")
_DURATION = re.compile(r"^(?P<seconds>\d+(?:\.\d+)?)s$")
_FRACTION = re.compile(r"\.(\d+)")


def place(trace_id: str) -> str:
    """Where a trace's files go; no run can bear a name that begins with a dot."""
    return f".traces/{trace_id}/artifacts"


def moment(given: Any) -> int:
    """Milliseconds since the epoch of protobuf's timestamp in JSON."""
    text = _FRACTION.sub(lambda match: f".{match[1][:6]}", str(given).replace("Z", "+00:00"))
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise faults.invalid(f"Invalid value {given!r} for parameter 'request_time' supplied.") from error
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


def lasting(given: Any) -> int | None:
    """Milliseconds of protobuf's duration in JSON, such as `1.5s`."""
    match = _DURATION.match(str(given or ""))
    return round(float(match["seconds"]) * 1000) if match else None


def row(reader: Reader, trace_id: str) -> sqlite3.Row:
    """The trace's row.

    Raises:
        ResourceError: There is none (404).
    """
    found: sqlite3.Row | None = reader.execute("SELECT * FROM traces WHERE trace_id=?", (trace_id,)).fetchone()
    if found is None:
        raise faults.missing(f"Trace with ID '{trace_id}' not found.")
    return found


def put(
    tx: Transaction,
    folder: Path,
    *,
    trace_id: str,
    experiment: int,
    start: int,
    state: str,
    duration: int | None = None,
    client_request_id: str = "",
    previews: tuple[str, str] = ("", ""),
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
) -> None:
    """Write a trace, new or over the one of that id, whose tags and metadata stay unless given anew.

    Args:
        tx: The write it belongs to.
        folder: The workspace's folder.
        trace_id: Chosen by the client.
        experiment: Id of an experiment.
        start: Milliseconds since the epoch.
        state: One of STATES.
        duration: Milliseconds, or None while it runs.
        client_request_id: The application's own id.
        previews: Beginnings of request and response.
        metadata: What is fixed.
        tags: What may change.
    """
    limits.run_id(trace_id)
    if state not in STATES:
        raise faults.invalid(f"Invalid trace state {state!r}. Expected one of {', '.join(STATES)}.")
    held = tx.execute("SELECT metadata, tags FROM traces WHERE trace_id=?", (trace_id,)).fetchone()
    known = json.loads(held["metadata"]) if held else {}
    labels = json.loads(held["tags"]) if held else {LOCATION_TAG: places.uri(folder, place(trace_id))}
    labels |= {limits.key(key): limits.value(value, limits.TAG_LENGTH) for key, value in (tags or {}).items()}
    known |= {str(key): str(value) for key, value in (metadata or {}).items()}
    tx.execute(
        "INSERT INTO traces(trace_id, experiment, request_time, duration, state, client_request_id,"
        " request_preview, response_preview, metadata, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET request_time=excluded.request_time, duration=excluded.duration,"
        " state=excluded.state, client_request_id=excluded.client_request_id,"
        " request_preview=excluded.request_preview, response_preview=excluded.response_preview,"
        " metadata=excluded.metadata, tags=excluded.tags",
        (
            trace_id,
            experiment,
            start,
            duration,
            state,
            client_request_id,
            *previews,
            dumps(known),
            dumps(labels),
        ),
    )
    tx.note("traces", trace_id)


def set_tags(tx: Transaction, trace_id: str, tags: Mapping[str, str]) -> None:
    """Replace a trace's tags."""
    tx.execute("UPDATE traces SET tags=? WHERE trace_id=?", (dumps(dict(tags)), trace_id))
    tx.note("traces", trace_id)


def on_wire(held: sqlite3.Row) -> dict[str, Any]:
    """A trace's description as MLflow 3's JSON has it."""
    start = datetime.fromtimestamp(held["request_time"] / 1000, UTC).isoformat(timespec="milliseconds")
    found = {
        "trace_id": held["trace_id"],
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": str(held["experiment"])},
        },
        "request_time": start.replace("+00:00", "Z"),
        "state": held["state"],
        "trace_metadata": json.loads(held["metadata"]),
        "tags": json.loads(held["tags"]),
    }
    if held["duration"] is not None:
        found["execution_duration"] = f"{held['duration'] / 1000:.3f}s"
    for name in ("client_request_id", "request_preview", "response_preview"):
        if held[name]:
            found[name] = held[name]
    return found


def on_old_wire(held: sqlite3.Row) -> dict[str, Any]:
    """A trace's description as MLflow 2's JSON has it."""
    found: dict[str, Any] = {
        "request_id": held["trace_id"],
        "experiment_id": str(held["experiment"]),
        "timestamp_ms": held["request_time"],
        "status": "TRACE_STATUS_UNSPECIFIED" if held["state"] == STATES[0] else held["state"],
        "request_metadata": [{"key": key, "value": value} for key, value in json.loads(held["metadata"]).items()],
        "tags": [{"key": key, "value": value} for key, value in json.loads(held["tags"]).items()],
    }
    if held["duration"] is not None:
        found["execution_time_ms"] = held["duration"]
    return found
