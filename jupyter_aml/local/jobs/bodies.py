"""How a job looks on the wire: ARM's job resource, and run history's documents of the same job."""

from __future__ import annotations

from typing import Any

from jupyter_aml.local.arm import times
from jupyter_aml.local.jobs import literals, registry, visits
from jupyter_aml.local.jobs.lifecycle import Status
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.store.workspace import Workspace

KINDS = {
    "uri_file": "UriFile",
    "uri_folder": "UriFolder",
    "mltable": "MLTable",
    "mlflow_model": "MLFlowModel",
    "custom_model": "CustomModel",
    "triton_model": "TritonModel",
}
"""Types of run history's assets, by the type of a job's input or output."""

DATA_KINDS = frozenset({"uri_file", "uri_folder", "mltable"})
"""Types of outputs, in the spelling that the SDK (1.35.2) compares with. Models show as folders, for it fails on
asking the model data plane."""

OWN_SERVICES = frozenset({"Studio", "Tracking"})
NOT_SERVED = "A local run starts no services of its own"
INSTEAD = {
    **dict.fromkeys(("JupyterLab", "VSCode", "SSH"), "%aml job attach {job} opens a kernel inside it"),
    "TensorBoard": "its files are on this machine: tensorboard --logdir {folder}",
}
"""What does the work of a service here, by its type."""


def left_out(value: dict[str, Any] | None) -> bool:
    """Whether an optional input was not given: the SDK then sends a literal without a value."""
    if value is None:
        return True
    return value.get("value") is None and str(value.get("jobInputType")).lower() == "literal"


def asked_services(body: dict[str, Any]) -> dict[str, Any]:
    """The services that the client asked a job to have, without those that every job has."""
    found = body.get("services")
    if not found:
        return {}
    services = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in services if isinstance(value, dict) and name not in OWN_SERVICES}


def _not_served(workspace: Workspace, record: Record, kind: object) -> str:
    """That a service was not started, and what to do instead."""
    instead = INSTEAD.get(str(kind), "start the program in its command")
    return f"{NOT_SERVED}; {instead.format(job=record.name, folder=workspace.runs_folder(record.name))}."


def service_instances(workspace: Workspace, record: Record) -> dict[str, Any]:
    """Run history's `instances` of the services that a job asked for: none is started here."""
    return {
        name: {
            "type": value.get("jobServiceType"),
            "status": "NotSupported",
            "error": {
                "error": {
                    "code": "NotImplemented",
                    "message": _not_served(workspace, record, value.get("jobServiceType")),
                }
            },
        }
        for name, value in asked_services(record.body).items()
    }


def properties(workspace: Workspace, record: Record) -> dict[str, Any]:
    """ARM's `properties`: what the client asked for, and where the job stands."""
    body = record.body
    return {
        "description": None,
        **body,
        "inputs": {name: value for name, value in (body.get("inputs") or {}).items() if not left_out(value)},
        "outputs": shown_outputs(_outputs(record), record.state.get("outputs") or {}),
        "tags": body.get("tags") or {},
        "properties": {**(body.get("properties") or {}), **_held(workspace, record)},
        "isArchived": record.archived,
        "services": {
            **{
                name: {**value, "errorMessage": _not_served(workspace, record, value.get("jobServiceType"))}
                for name, value in asked_services(body).items()
            },
            "Tracking": {
                "jobServiceType": "Tracking",
                "endpoint": f"azureml://local.api.azureml.ms/mlflow/v1.0{workspace.entry.arm_id}?",
            },
            "Studio": {
                "jobServiceType": "Studio",
                "endpoint": f"{workspace.runs_uri}/{record.name}/?run={record.name}",
            },
        },
        "status": record.status.value,
    }


def _held(workspace: Workspace, record: Record) -> dict[str, str]:
    """The property of a job that has failed and is held; of another none."""
    found = visits.held(workspace, record)
    return {visits.HELD: f"until {times.iso(float(found['until']))}: {found['error']}"} if found else {}


def _outputs(record: Record) -> dict[str, Any]:
    """The outputs of a body; AutoML's without `default`, which the SDK cannot write as YAML where it is told."""
    asked = record.body.get("outputs") or {}
    return {name: one for name, one in asked.items() if name != "default" or record.type != "AutoML"}


def shown_outputs(asked: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """ARM's outputs: a value is shown as the file that holds it, the only type that the SDK reads, and as `value`."""
    shown = dict(asked)
    for name, one in asked.items():
        if one and str(one.get("jobOutputType")).lower() in literals.KINDS:
            value = (kept.get(name) or {}).get("value")
            shown[name] = {**one, "jobOutputType": "uri_file"} | ({} if value is None else {"value": value})
    return shown


def run(workspace: Workspace, record: Record) -> dict[str, Any]:
    """Run history's `Run`."""
    body = record.body
    return {
        "runId": record.name,
        "runUuid": record.name,
        "parentRunId": record.parent or None,
        "rootRunId": record.state.get("root") or record.parent or record.name,
        "experimentId": record.experiment,
        "status": record.status.value,
        "displayName": record.display_name,
        "description": body.get("description"),
        "createdUtc": times.iso(record.created),
        "startTimeUtc": _time(record.started),
        "endTimeUtc": _time(record.ended),
        "lastModifiedUtc": times.iso(record.modified),
        "hidden": record.archived,
        "runType": registry.job_type(record.type).run_type,
        "createdBy": {"userName": record.created_by, "userObjectId": record.state.get("owner", "")},
        "userId": record.state.get("owner", ""),
        "properties": {str(key): str(value) for key, value in (body.get("properties") or {}).items()},
        "tags": body.get("tags") or {},
        "inputs": _inputs(body),
        "outputs": outputs(workspace, record),
        "target": record.compute,
        "dataContainerId": f"dcid.{record.name}",
        "error": fault(record),
        "warnings": [{"source": "local", "message": str(note)} for note in record.state.get("notes") or ()],
    }


def _time(epoch: float | None) -> str | None:
    return None if epoch is None else times.iso(epoch)


def _inputs(body: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"assetId": value["uri"], "type": KINDS.get(str(value.get("jobInputType")).lower(), "UriFolder")}
        for name, value in (body.get("inputs") or {}).items()
        if value and value.get("uri")
    }


def outputs(workspace: Workspace, record: Record) -> dict[str, Any]:
    """The outputs that were kept: asset ids and types by name."""
    return {
        name: {
            "assetId": asset_id(workspace, record.name, name, kept),
            "type": _data_kind(kept.get("type")),
        }
        for name, kept in (record.state.get("outputs") or {}).items()
    }


def _data_kind(kind: Any) -> str:
    if kind in literals.KINDS:
        return "uri_file"
    return str(kind) if kind in DATA_KINDS else "uri_folder"


def asset_id(workspace: Workspace, job: str, output: str, kept: dict[str, Any]) -> str:
    """Id of the asset that an output is: the registered one, else one that stands for the output alone."""
    base = f"azureml://locations/{workspace.entry.location}/workspaces/{workspace.entry.id}"
    segment = "models" if str(kept.get("type")).lower().endswith("_model") else "data"
    if kept.get("asset"):
        return f"{base}/{segment}/{kept['asset']}/versions/{kept['version']}"
    return f"{base}/{segment}/azureml_{job}_output_{output}/versions/1"


def fault(record: Record) -> dict[str, Any] | None:
    """Run history's error of a failed job; the script's own traceback stands in it."""
    error = record.state.get("error")
    if record.status != Status.FAILED or not error:
        return None
    details = [{"code": "Traceback", "message": error["traceback"]}] if error.get("traceback") else []
    inner = {
        "code": error["code"],
        "message": error["message"],
        "messageFormat": None,
        "details": details,
        "innerError": None,
    }
    return {"error": inner, "correlation": None, "environment": "local", "location": "local"}


def details(workspace: Workspace, record: Record, logs: dict[str, str]) -> dict[str, Any]:
    """Run history's `RunDetails`; `logs` are URLs by file name."""
    document = run(workspace, record)
    kept = ("runId", "status", "startTimeUtc", "endTimeUtc", "properties", "error", "warnings", "target")
    return {
        **{key: document[key] for key in kept},
        "currentRunId": record.name,
        "inputDatasets": [],
        "outputDatasets": [],
        "logFiles": logs,
        "submittedBy": record.created_by,
    }
