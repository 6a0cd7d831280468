"""Azure's rules for batch endpoints and deployments that need to know of other things than the body itself."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from jupyter_aml.errors import ConflictError, NotFoundError, ResourceError
from jupyter_aml.local.jobs import lookup, uris
from jupyter_aml.local.jobs.checks import invalid
from jupyter_aml.local.jobs.pipelines import components
from jupyter_aml.local.jobs.types.base import Draft
from jupyter_aml.local.serving.batch import shapes
from jupyter_aml.local.serving.online import rules as online
from jupyter_aml.local.store import records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Connection, Record
from jupyter_aml.local.store.workspace import Workspace

MLFLOW = "mlflow_model"
MOST = 10_000


def endpoint(reader: Connection, name: str) -> Record:
    """The batch endpoint of that name.

    Raises:
        NotFoundError: There is none; the nearest name is offered.
    """
    record = records.get(reader, shapes.ENDPOINTS, name)
    if record is None:
        known = [one.name for one in records.named(reader, shapes.ENDPOINTS, records.ALL, None, MOST)]
        raise _missing(f"The batch endpoint {name!r} was not found in this workspace.", name, known)
    return record


def deployments(reader: Connection, name: str) -> list[Record]:
    """The deployments of an endpoint, oldest first."""
    return [record for record, _ in records.versions(reader, shapes.DEPLOYMENTS, name)][::-1]


def deployment(reader: Connection, of: Record, name: str) -> Record:
    """A deployment of an endpoint.

    Raises:
        NotFoundError: There is none; the nearest name is offered.
    """
    record = records.get(reader, shapes.DEPLOYMENTS, of.name, name)
    if record is None:
        known = [one.version for one in deployments(reader, of.name)]
        raise _missing(f"The deployment {name!r} was not found in the batch endpoint {of.name!r}.", name, known)
    return record


def _missing(sentence: str, name: str, known: list[str]) -> NotFoundError:
    close = difflib.get_close_matches(name, known, 1, 0.5)
    hint = (
        f"Did you mean {close[0]!r}?" if close else f"There is {', '.join(known)}." if known else "There is none yet."
    )
    return NotFoundError(sentence, remedy=hint)


def default_name(of: Record) -> str:
    """The name of an endpoint's default deployment; empty for none."""
    return str((of.body["properties"].get("defaults") or {}).get("deploymentName") or "")


def default(reader: Connection, name: str, body: dict[str, Any]) -> None:
    """Refuse a default that is no deployment of the endpoint.

    Raises:
        ResourceError: 400.
    """
    wanted = body["properties"]["defaults"]["deploymentName"]
    if wanted and records.get(reader, shapes.DEPLOYMENTS, name, wanted) is None:
        known = ", ".join(one.version for one in deployments(reader, name)) or "none yet"
        raise invalid(
            "defaults.deploymentName",
            f"is {wanted!r}, but the deployments of the batch endpoint {name!r} are: {known}",
            "Make the deployment first, or name one of these.",
        )


def may_go(of: Record, name: str) -> None:
    """Refuse to delete the deployment that an endpoint invokes when none is named.

    Raises:
        ConflictError: It is that one (409).
    """
    if default_name(of).lower() == name.lower():
        raise ConflictError(
            f"The deployment {name!r} is the default of the batch endpoint {of.name!r} and cannot be deleted.",
            remedy="Set another default first"
            f" (`%aml batch-endpoint update --name {of.name} --defaults deployment_name=OTHER`),"
            " or delete the endpoint.",
        )


def made_of(workspace: Workspace, reader: Transaction, name: str, properties: Mapping[str, Any]) -> None:
    """Refuse a deployment that names what does not exist, or that has nothing that scores.

    Args:
        workspace: Whose.
        reader: The transaction that will hold it.
        name: Of the deployment.
        properties: As `shapes.deployment` gave them.

    Raises:
        ResourceError: It is refused.
    """
    component = shapes.component_of(properties)
    if component:
        _pipeline(reader, component, properties)
        return
    draft = Draft(workspace, reader, name, {"jobType": "Command"})
    if not properties.get("compute"):
        raise invalid("compute", "is missing", "Name a compute of the workspace, or serverless.")
    try:
        lookup.compute(draft, str(properties["compute"]))
    except ResourceError as error:
        error.target = "properties.compute"
        raise
    environment, code = properties.get("environmentId"), properties.get("codeConfiguration")
    if environment:
        lookup.environment_properties(reader, str(environment))
    model = str((properties.get("model") or {}).get("assetId") or "")
    if model:
        lookup.data(workspace, reader, model, "custom_model", "properties.model")
    if code:
        online.script(workspace, reader, name, code)
        if not environment:
            raise invalid(
                "environmentId",
                "is missing; a scoring script runs in an environment",
                "Name one, such as azureml:NAME@latest. An MLflow model without a scoring script needs none.",
            )
    elif not model:
        raise invalid("model", "is missing, and so is codeConfiguration", "Name a model, and a scoring script.")
    elif kind_of(reader, model) != MLFLOW:
        raise invalid(
            "codeConfiguration",
            f"is missing; the model {model.rpartition('/models/')[2] or model} is a {kind_of(reader, model)}, and only"
            " MLflow models need no scoring script",
            "Give a scoring script with `init()` and `run(mini_batch)`, and an environment.",
        )


def kind_of(reader: Connection, model: str) -> str:
    """The type of a model; `custom_model` for what is no registered one."""
    found = uris.parse(model, segment="models")
    if not isinstance(found, uris.Asset):
        return "custom_model"
    properties = lookup.asset(reader, found, "properties.model").body.get("properties") or {}
    return str(properties.get("modelType") or "custom_model").lower()


def _pipeline(reader: Connection, component: str, properties: Mapping[str, Any]) -> None:
    target = "properties.deploymentConfiguration.componentId"
    found = components.load(reader, component, target)
    if found.kind != "pipeline":
        raise invalid(
            target.removeprefix("properties."),
            f"is the {found.kind} component {found.label}; a pipeline component was expected",
            "Put it into a pipeline component, or deploy a model.",
        )
    if properties.get("model") or properties.get("codeConfiguration"):
        raise invalid("model", "is given beside a pipeline component", "Leave out model and codeConfiguration.")
