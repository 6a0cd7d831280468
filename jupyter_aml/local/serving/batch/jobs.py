"""Jobs of batch endpoints: made by invocations, listed by endpoint and deployment."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.jobs import bodies, locate, submit
from jupyter_aml.local.jobs import records as jobs
from jupyter_aml.local.jobs.lifecycle import Status
from jupyter_aml.local.jobs.records import Filter
from jupyter_aml.local.serving.batch import invocation, pipelines, rules, scoring, shapes
from jupyter_aml.local.serving.batch.invocation import Invocation
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Connection, Record
from jupyter_aml.local.store.workspace import Workspace

ENDPOINT, DEPLOYMENT = "azureml.endpointname", "azureml.deploymentname"
"""Properties of a job that say what was invoked."""
PLACE, SCORED = "jupyter_aml.batch_deployment", "jupyter_aml.batch_scored"
"""Properties by which jobs are found: of a deployment, and of the same data with it."""


def invoke(
    workspace: Workspace, endpoint: str, deployment: str, body: object, *, identity: Identity, now: float
) -> tuple[jobs.Record, Record]:
    """The job that scores, and the deployment that it invokes.

    Args:
        workspace: Whose.
        endpoint: Name of the endpoint.
        deployment: Name of the deployment; empty for the endpoint's default.
        body: As the client sent it.
        identity: Who invokes.
        now: Seconds since the epoch.

    Raises:
        ResourceError: The invocation is refused; no job was made.
    """
    asked = invocation.read(body)
    with workspace.database.write() as transaction:
        held = rules.endpoint(transaction, endpoint)
        chosen = rules.deployment(transaction, held, deployment or _default(transaction, held))
        scored = _mark(workspace, transaction, chosen, asked)
        special = _special(workspace, transaction, chosen, asked, scored=scored, now=now)
    properties = {
        **asked.properties,
        ENDPOINT: held.name,
        DEPLOYMENT: chosen.version,
        PLACE: _place(chosen),
        SCORED: scored,
    }
    whole = {
        "jobType": "Pipeline",
        "experimentName": asked.experiment or held.name,
        "properties": properties,
        **special,
    }
    record, _ = submit.submit(
        workspace,
        asked.name or f"batchjob-{uuid.uuid4()}",
        whole,
        identity=identity,
        interpreter=json.dumps((chosen.body.get("_local") or {}).get("interpreter") or {}),
        now=now,
    )
    return record, chosen


def _place(deployment: Record) -> str:
    return f"{deployment.name}/{deployment.version}".lower()


def _default(reader: Connection, endpoint: Record) -> str:
    found = rules.default_name(endpoint)
    if found:
        return found
    known = ", ".join(one.version for one in rules.deployments(reader, endpoint.name)) or "none yet"
    raise ResourceError(
        f"The batch endpoint {endpoint.name!r} has no default deployment, and the invocation names none;"
        f" its deployments are: {known}.",
        code="BadRequest",
        target="properties.defaults.deploymentName",
        remedy="Name one (header azureml-model-deployment, --deployment-name), or set the default:"
        f" `%aml batch-endpoint update --name {endpoint.name} --defaults deployment_name=NAME`.",
    )


def _mark(workspace: Workspace, reader: Connection, deployment: Record, asked: Invocation) -> str:
    """Hexadecimal digits that two invocations share which have a deployment score the same data.

    Raises:
        ResourceError: The data are not known here.
    """
    parts = [_place(deployment)]
    for name, value in sorted(asked.inputs.items()):
        if value.get("uri"):
            target = f"properties.inputData.{name}.uri"
            place = locate.find(workspace, reader, str(value["uri"]), value["jobInputType"], target)
            parts.append(f"{place.container}/{place.name}" if isinstance(place, locate.Place) else place.uri)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _special(
    workspace: Workspace, transaction: Transaction, deployment: Record, asked: Invocation, *, scored: str, now: float
) -> dict[str, Any]:
    """What the job is made of; of a model's deployment work that stopped is gone on with, and none is done for ever."""
    if shapes.component_of(deployment.body["properties"]):
        return pipelines.body(transaction, deployment, asked)
    same = Filter(view="All", status=Status.COMPLETED.value, property=f"{SCORED}={scored}")
    done, _ = jobs.page(transaction, same, limit=1, brief=True)
    work = f"{_place(deployment)} after {done[0].name}" if done else _place(deployment)
    return scoring.body(workspace, transaction, deployment, asked, work, now=now)


def listed(
    reader: Connection, endpoint: str, deployment: str, before: tuple[float, int] | None, limit: int
) -> tuple[list[jobs.Record], tuple[float, int] | None]:
    """A page of the jobs of an endpoint, or of one of its deployments, and where the next one begins."""
    wanted = f"{PLACE}={endpoint}/{deployment}".lower() if deployment else f"{ENDPOINT}={endpoint}"
    return jobs.page(reader, Filter(property=wanted), before=before, limit=limit, brief=True)


def shown(workspace: Workspace, record: jobs.Record) -> dict[str, Any]:
    """A job as batch endpoints show it. Source: BatchJobResource, api-version 2020-09-01-dataplanepreview."""
    whole = bodies.properties(workspace, record)
    named = whole["properties"]
    kept = ("description", "displayName", "experimentName", "tags", "properties", "status", "services")
    return {
        "id": f"{workspace.entry.arm_id}/{shapes.ENDPOINTS}/{named.get(ENDPOINT)}/deployments/{named.get(DEPLOYMENT)}"
        f"/jobs/{record.name}",
        "name": record.name,
        "type": "Microsoft.MachineLearningServices/workspaces/batchEndpoints/deployments/jobs",
        "properties": {
            **{key: whole.get(key) for key in kept},
            "inputData": whole["inputs"],
            "outputData": whole["outputs"],
            "name": record.name,
        },
    }
