"""What an invocation of a batch endpoint asks for, read from its body.

Azure's pages write the keys in PascalCase, its SDK in camelCase: both are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs.checks import invalid
from jupyter_aml.local.serving.online import settings

KINDS = {
    "urifile": "uri_file", "urifolder": "uri_folder", "mltable": "mltable", "literal": "literal",
    "custommodel": "custom_model", "mlflowmodel": "mlflow_model", "tritonmodel": "triton_model",
}  # fmt: skip
OVER = (
    "miniBatchSize",
    "errorThreshold",
    "outputFileName",
    "outputAction",
    "loggingLevel",
    "maxConcurrencyPerInstance",
)
"""Settings of the deployment that one invocation may have otherwise."""
Values = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Invocation:
    """An invocation.

    Attributes:
        name: Of the job; empty when one is to be chosen.
        experiment: Empty for the endpoint's name.
        inputs: As ARM's jobs have them; outputs likewise.
        over: What it has otherwise than the deployment, in the deployment's spelling.
        compute: Where it runs; empty for the deployment's compute.
        instances: On how many machines; 0 for the deployment's number.
        properties: More properties of the job.
    """

    name: str = ""
    experiment: str = ""
    inputs: Values = field(default_factory=dict)
    outputs: Values = field(default_factory=dict)
    over: Mapping[str, Any] = field(default_factory=dict)
    compute: str = ""
    instances: int = 0
    properties: Mapping[str, str] = field(default_factory=dict)


def read(body: object) -> Invocation:
    """The invocation that a body asks for.

    Raises:
        ResourceError: A field has a value that Azure refuses (400).
    """
    whole = _keys(body) if isinstance(body, dict) else {}
    found = whole.get("properties", whole)
    if not isinstance(found, dict):
        raise ResourceError(
            "The body has no object 'properties'.",
            code="InvalidRequestContent",
            target="properties",
            remedy='Send {"properties": {"inputData": {"NAME": {"jobInputType": "UriFolder", "uri": "..."}}}}.',
        )
    sent = {key: value for key, value in _keys(found).items() if value is not None}
    own = settings.part(sent, "properties") or {}
    compute = _keys(settings.part(sent, "compute") or {})
    resources = _keys(settings.part(sent, "resources") or {})
    instances = compute.get("instanceCount") or resources.get("instanceCount") or 0
    over = {key: sent[key] for key in OVER if key in sent}
    if "retrySettings" in sent:
        over["retrySettings"] = _keys(settings.part(sent, "retrySettings") or {})
    return Invocation(
        name=str(sent.get("name") or ""),
        experiment=str(own.pop("experimentName", "") or sent.get("experimentName") or ""),
        inputs=_values(sent, "inputData", "jobInputType") or _dataset(sent),
        outputs=_values(sent, "outputData", "jobOutputType") or _output_dataset(sent),
        over=over,
        compute=_target(compute),
        instances=settings.whole(instances, "compute.instanceCount", 1) if instances else 0,
        properties={str(key): str(value) for key, value in own.items() if value is not None},
    )


def _keys(found: Mapping[str, Any]) -> dict[str, Any]:
    """Keys in camelCase."""
    return {key[:1].lower() + key[1:]: value for key, value in found.items()}


def _target(compute: Mapping[str, Any]) -> str:
    """The compute that is named; the SDK says `local` when none is, beside a number of instances."""
    text = str(compute.get("target") or "")
    return "" if compute.get("isLocal") or text.lower() == "local" else text


def _values(sent: Mapping[str, Any], name: str, kind: str) -> Values:
    """Inputs or outputs as ARM's jobs have them."""
    found: Values = {}
    for key, written in (settings.part(sent, name) or {}).items():
        if not isinstance(written, dict):
            raise invalid(f"{name}.{key}", f"is {written!r}, which is no object", f'Send {{"{kind}": "UriFolder"}}.')
        value = {inner: item for inner, item in _keys(written).items() if item is not None}
        word = str(value.get(kind) or value.get("type") or "")
        if word.replace("_", "").lower() not in KINDS:
            known = ", ".join(KINDS.values())
            raise invalid(f"{name}.{key}.{kind}", f"is {word!r}; expected one of {known}", "Write UriFolder.")
        value[kind] = KINDS[word.replace("_", "").lower()]
        if value[kind] == "literal":
            found[key] = {kind: "literal", "value": _literal(value.get("value"))}
        else:
            uri = str(value.get("uri") or value.get("path") or "")
            found[key] = {kind: value[kind], **({"uri": _plain(uri)} if uri else {})}
            found[key] |= {"mode": value["mode"]} if value.get("mode") else {}
    return found


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _plain(uri: str) -> str:
    """A URI in the form that jobs take: `azureml:/name@latest` and `azureml:/datastores/...` have a slash too few."""
    rest = uri.removeprefix("azureml:/")
    if rest == uri or rest.startswith(("/", "subscriptions/")):
        return uri
    return f"azureml://{rest}" if rest.startswith("datastores/") else f"azureml:{rest}"


def _dataset(sent: Mapping[str, Any]) -> Values:
    """The input as it was written before inputs had names: an id or URI, or an object that has one."""
    found = sent.get("dataset")
    text = found if isinstance(found, str) else str((found or {}).get("datasetId") or "")
    return {"input": {"jobInputType": "uri_folder", "uri": _plain(text)}} if text else {}


def _output_dataset(sent: Mapping[str, Any]) -> Values:
    """The output as it was written before outputs had names: a datastore and a path in it."""
    found = _keys(settings.part(sent, "outputDataset") or {})
    store = str(found.get("datastoreId") or "").rpartition("/")[2].rpartition(":")[2]
    if not store:
        return {}
    uri = f"azureml://datastores/{store}/paths/{str(found.get('path') or '').strip('/')}/"
    return {"score": {"jobOutputType": "uri_folder", "uri": uri}}
