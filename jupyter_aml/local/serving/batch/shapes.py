"""The bodies of batch endpoints and deployments: what of a request is kept, with what Azure adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from jupyter_aml.local.jobs.checks import invalid
from jupyter_aml.local.serving.online import settings
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

ENDPOINTS, DEPLOYMENTS = "batchEndpoints", "batchDeployments"
SCORING_HOST = "local.api.azureml.ms"
AUTH_MODES = ("AADToken",)
APPEND_ROW, SUMMARY_ONLY = "AppendRow", "SummaryOnly"
ACTIONS = (APPEND_ROW, SUMMARY_ONLY)
LEVELS = ("Info", "Warning", "Debug")
ENVELOPE = ("location", "tags", "identity", "kind", "sku")
PIPELINE = "PipelineComponent"
KINDS = ("Model", PIPELINE)
DEFAULTS: Mapping[str, Any] = {
    "miniBatchSize": 10,
    "maxConcurrencyPerInstance": 1,
    "errorThreshold": -1,
    "outputAction": APPEND_ROW,
    "outputFileName": "predictions.csv",
    "loggingLevel": LEVELS[0],
}
"""Source: BatchDeploymentProperties, api-version 2024-01-01-preview."""
RETRIES = {"maxRetries": 3, "timeout": "PT30S"}
SHOWN_ONLY = frozenset({"provisioningState", "scoringUri", "swaggerUri", "endpointComputeType"})
"""Properties that the service adds and clients send back."""


def endpoint(body: Mapping[str, Any], old: Record | None, location: str) -> dict[str, Any]:
    """An endpoint's body as it is kept.

    Args:
        body: As sent, with an object `properties`.
        old: The endpoint, when there is one.
        location: Of the workspace.

    Raises:
        ResourceError: A field has a value that Azure refuses (400).
    """
    sent = _sent(body)
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    kept = {
        "authMode": settings.word(sent.get("authMode") or AUTH_MODES[0], AUTH_MODES, "authMode"),
        "properties": {**(before.get("properties") or {}), **_texts(sent, "properties")},
        "defaults": {"deploymentName": _default(sent.get("defaults", before.get("defaults")))},
        "provisioningState": "Succeeded",
    }
    kept |= {"description": sent["description"]} if sent.get("description") else {}
    return {**_envelope(body, location), "properties": kept}


def shown_endpoint(workspace: Workspace, record: Record) -> dict[str, Any]:
    """An endpoint's body as clients see it: with the address where it is invoked."""
    uri = f"https://{SCORING_HOST}/invoke{workspace.entry.arm_id}/{ENDPOINTS}/{record.name}"
    return {**record.body, "properties": {**record.body["properties"], "scoringUri": uri}}


def shown_deployment(record: Record) -> dict[str, Any]:
    """A deployment's body as clients see it."""
    return {key: value for key, value in record.body.items() if key != "_local"}


def deployment(body: Mapping[str, Any], old: Record | None, location: str) -> dict[str, Any]:
    """A deployment's body as it is kept: checked, with Azure's defaults.

    Raises:
        ResourceError: A field has a value that Azure refuses (400).
    """
    sent = _sent(body)
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    kept = {**sent, **scoring(sent)}
    kept["properties"] = {**(before.get("properties") or {}), **_texts(sent, "properties")}
    kept["environmentVariables"] = _texts(sent, "environmentVariables")
    kept["resources"] = {"instanceCount": 1, **(settings.part(sent, "resources") or {})}
    settings.whole(kept["resources"]["instanceCount"], "resources.instanceCount", 1)
    if sent.get("model") is not None:
        kept["model"] = {"referenceType": "Id", "assetId": _asset(sent["model"], "model")}
    if sent.get("deploymentConfiguration") is not None:
        kept["deploymentConfiguration"] = _pipeline(sent)
    return {**_envelope(body, location), "properties": {**kept, "provisioningState": "Succeeded"}}


def scoring(sent: Mapping[str, Any]) -> dict[str, Any]:
    """How mini-batches are made, tried and gathered; what is not sent is as Azure's defaults.

    Raises:
        ResourceError: A field has a value that Azure refuses (400).
    """
    found = {**DEFAULTS, **{key: sent[key] for key in DEFAULTS if sent.get(key) is not None}}
    settings.whole(found["miniBatchSize"], "miniBatchSize", 1)
    settings.whole(found["maxConcurrencyPerInstance"], "maxConcurrencyPerInstance", 1)
    settings.whole(found["errorThreshold"], "errorThreshold", -1)
    found["outputAction"] = settings.word(found["outputAction"], ACTIONS, "outputAction")
    found["loggingLevel"] = settings.word(found["loggingLevel"], LEVELS, "loggingLevel")
    name = found["outputFileName"]
    if not isinstance(name, str) or PurePosixPath(name).name != name or name in {"", ".", ".."}:
        raise invalid("outputFileName", f"is {name!r}, which is no name of a file", "Write predictions.csv.")
    retries = {**RETRIES, **(settings.part(sent, "retrySettings") or {})}
    settings.whole(retries["maxRetries"], "retrySettings.maxRetries", 0)
    settings.seconds(retries["timeout"], "retrySettings.timeout", 1.0)
    return {**found, "retrySettings": retries}


def _sent(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body["properties"].items() if value is not None and key not in SHOWN_ONLY}


def _envelope(body: Mapping[str, Any], location: str) -> dict[str, Any]:
    kept = {key: body[key] for key in ENVELOPE if body.get(key) is not None}
    return {"location": location, **kept, "tags": _texts(kept, "tags")}


def _texts(body: Mapping[str, Any], field: str) -> dict[str, str]:
    found = body.get(field) or {}
    if not isinstance(found, dict):
        raise invalid(field, f"is {found!r}, which is no object", 'Send {"name": "text"}.')
    return {str(key): str(value) for key, value in found.items() if value is not None}


def _default(found: object) -> str | None:
    """The name of the default deployment; None for none."""
    if found is None:
        return None
    if not isinstance(found, dict):
        raise invalid("defaults", f"is {found!r}, which is no object", 'Send {"deploymentName": "NAME"}.')
    name = found.get("deploymentName")
    return str(name) if name else None


def _asset(found: object, field: str) -> str:
    """The id in a reference to an asset."""
    text = found.get("assetId") if isinstance(found, dict) else found
    if not isinstance(text, str) or not text:
        raise invalid(field, f"is {found!r}", 'Send {"referenceType": "Id", "assetId": "ID OF THE ASSET"}.')
    return text


def _pipeline(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What a deployment of a pipeline component runs."""
    found = settings.part(sent, "deploymentConfiguration") or {}
    kind = settings.word(
        found.get("deploymentConfigurationType") or PIPELINE,
        KINDS,
        "deploymentConfiguration.deploymentConfigurationType",
    )
    if kind != PIPELINE:
        return {"deploymentConfigurationType": kind}
    target = "deploymentConfiguration.componentId"
    kept = {key: found[key] for key in ("description", "tags") if found.get(key)}
    return {
        **kept,
        "deploymentConfigurationType": PIPELINE,
        "componentId": {"referenceType": "Id", "assetId": _asset(found.get("componentId"), target)},
        "settings": {str(key): value for key, value in (found.get("settings") or {}).items() if value is not None},
    }


def component_of(properties: Mapping[str, Any]) -> str:
    """The id of the pipeline component that a deployment runs; empty for a deployment of a model."""
    found = properties.get("deploymentConfiguration") or {}
    return str((found.get("componentId") or {}).get("assetId") or "")
