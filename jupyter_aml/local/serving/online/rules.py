"""Azure's rules for online endpoints and deployments that need to know of other things than the body itself."""

from __future__ import annotations

import difflib
import socket
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from jupyter_aml.errors import ConflictError, NotFoundError, NotOfflineError, ResourceError, StoreError
from jupyter_aml.local.arm import ids
from jupyter_aml.local.jobs import locate, lookup, uris
from jupyter_aml.local.jobs.checks import invalid
from jupyter_aml.local.jobs.types.base import Draft
from jupyter_aml.local.serving.online import autoscale, states
from jupyter_aml.local.serving.online.settings import KUBERNETES, MANAGED
from jupyter_aml.local.store import records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

scale_of = autoscale.scale_of
MOST_DEPLOYMENTS = 20
"""Of one endpoint. Source: Azure's limits for online endpoints."""
NOT_YET = frozenset({states.CREATING, states.FAILED, states.DELETING})
"""States in which a deployment is given no traffic that it did not have."""


def taken(workspace: Workspace, name: str) -> set[int]:
    """Ports that endpoints of this store have; refuses a name that another workspace of it has given.

    Raises:
        ConflictError: It has (409).
    """
    ports = set()
    for entry in workspace.store.entries():
        try:
            other = workspace if entry.id == workspace.entry.id else workspace.store.workspace(entry)
            with other.database.read() as reader:
                found = states.endpoints(reader)
        except StoreError:  # a folder that is gone has no endpoints
            continue
        if other is not workspace and any(record.name.lower() == name.lower() for record in found):
            raise ConflictError(
                f"An online endpoint named {name!r} exists already in the workspace {entry.name!r}; names are unique"
                " in a region, which here is the store.",
                remedy=f"Choose another name, such as {name[:27]}-2.",
            )
        ports |= {int(states.local(record).get("port") or 0) for record in found}
    return ports


def free_port(reserved: set[int]) -> int:
    """A port of loopback that nobody listens on and no endpoint has."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in reserved:
            return port


def same_compute(body: Mapping[str, Any], old: Record) -> None:
    """Refuse to move an endpoint to another compute, or from the managed to the Kubernetes shape."""
    before, after = (str(one["properties"].get("compute") or "") for one in (old.body, body))
    if _last(before) != _last(after):
        shown = [f"the compute {_last(one)!r}" if one else "managed compute" for one in (before, after)]
        raise ConflictError(
            f"The online endpoint {old.name!r} is on {shown[0]} and cannot be moved to {shown[1]}.",
            remedy="Delete it first, or choose another name.",
        )


def _last(text: str) -> str:
    return text.rstrip("/").rpartition("/")[2].removeprefix("azureml:").lower()


def kubernetes(reader: Transaction, text: str) -> None:
    """Refuse a compute that does not exist or is no Kubernetes cluster."""
    named = ids.parse(text)
    name = (named.name if named else text).removeprefix("azureml:")
    record = records.get(reader, "computes", name)
    if record is None:
        known = [one.name for one in records.named(reader, "computes", records.ALL, None, 50)]
        error = NotFoundError(
            f"properties.compute names the compute {name!r}, which this workspace does not have.",
            remedy=f"There are: {', '.join(known)}. Attach one: `%aml compute attach --name {name} --type kubernetes "
            "--resource-id ID`, where any ID will do on this machine; or leave compute out for a managed endpoint.",
        )
        error.target = "properties.compute"
        raise error
    kind = record.body["properties"]["computeType"]
    if kind != KUBERNETES:
        raise invalid(
            "compute",
            f"names {record.name!r}, which is a compute of type {kind}; Kubernetes was expected",
            "Attach a Kubernetes compute, or leave compute out for a managed endpoint.",
        )


def traffic(reader: Transaction, name: str, body: dict[str, Any], old: Record | None) -> None:
    """Refuse traffic that deployments cannot take; writes their names as they are spelled.

    Raises:
        ResourceError: A deployment is unknown or not ready, or takes live and mirrored traffic at once (400).
    """
    properties = body["properties"]
    known = {record.version.lower(): record for record in states.deployments(reader, name)}
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    for field in ("traffic", "mirrorTraffic"):
        had = {key.lower() for key, share in (before.get(field) or {}).items() if share}
        spelled: dict[str, int] = {}
        for key, share in properties[field].items():
            record = known.get(key.lower())
            if record is None and not share:
                continue
            if record is None:
                raise _no_deployment(name, key, field, [one.version for one in known.values()])
            if share and key.lower() not in had and states.state(record) in NOT_YET:
                raise invalid(
                    field,
                    f"gives {share} % to the deployment {record.version!r}, which is {states.state(record)}",
                    "Wait until it has Succeeded; `%aml online-deployment list --endpoint-name "
                    f"{name}` shows the states.",
                )
            spelled[record.version] = share
        properties[field] = spelled
    _not_both(properties)


def _not_both(properties: Mapping[str, Any]) -> None:
    mirrored = [key for key, share in properties["mirrorTraffic"].items() if share]
    if mirrored and properties.get("compute"):
        raise invalid("mirrorTraffic", "is set, which only managed endpoints have", "Leave it out.")
    for key in mirrored:
        if properties["traffic"].get(key):
            raise invalid(
                "mirrorTraffic",
                f"names {key!r}, which takes {properties['traffic'][key]} % of the live traffic",
                "A deployment takes live traffic or mirrored traffic: set one of them to 0.",
            )


def _no_deployment(endpoint: str, name: str, field: str, known: list[str]) -> ResourceError:
    close = difflib.get_close_matches(name, known, 1, 0.5)
    hint = f"Did you mean {close[0]!r}?" if close else f"It has: {', '.join(known) or 'none yet'}."
    return invalid(field, f"names the deployment {name!r}, which the endpoint {endpoint!r} does not have", hint)


def may_go(endpoint: Record, name: str) -> None:
    """Refuse to delete a deployment that takes traffic.

    Raises:
        ResourceError: It does (400).
    """
    properties = endpoint.body["properties"]
    for field, flag, word in (("traffic", "--traffic", "live"), ("mirrorTraffic", "--mirror-traffic", "mirrored")):
        share = next((share for key, share in properties[field].items() if key.lower() == name.lower()), 0)
        if share:
            raise ResourceError(
                f"The deployment {name!r} takes {share} % of the {word} traffic of the endpoint {endpoint.name!r}"
                " and cannot be deleted.",
                code="BadRequest",
                target=f"properties.{field}",
                remedy=f"Take its traffic away first: `%aml online-endpoint update --name {endpoint.name}"
                f" {flag} '{name}=0{' OTHER=100' if field == 'traffic' else ''}'`, or delete the endpoint.",
            )


def deployment(workspace: Workspace, reader: Transaction, endpoint: Record, name: str, body: dict[str, Any]) -> None:
    """Refuse a deployment that does not fit its endpoint, or that names what does not exist.

    Args:
        workspace: Whose.
        reader: The transaction that will hold it.
        endpoint: Its endpoint.
        name: Its own name.
        body: As `shapes.deployment` gave it.

    Raises:
        ResourceError: It is refused.
    """
    properties = body["properties"]
    if states.state(endpoint) == states.DELETING:
        raise ConflictError(f"The online endpoint {endpoint.name!r} is being deleted.", remedy="Choose another name.")
    kind, wanted = properties["endpointComputeType"], KUBERNETES if _on_kubernetes(endpoint) else MANAGED
    if kind != wanted:
        raise invalid(
            "endpointComputeType",
            f"is {kind}, but the endpoint {endpoint.name!r} is {wanted}",
            f"Use {wanted}OnlineDeployment, or another endpoint.",
        )
    held = states.deployments(reader, endpoint.name)
    if len(held) >= MOST_DEPLOYMENTS and all(record.version.lower() != name.lower() for record in held):
        raise ConflictError(
            f"The online endpoint {endpoint.name!r} has {len(held)} deployments, and {MOST_DEPLOYMENTS} is the most.",
            remedy="Delete one that takes no traffic.",
        )
    _program(workspace, reader, name, properties)


def _on_kubernetes(endpoint: Record) -> bool:
    return bool(endpoint.body["properties"].get("compute"))


def _program(workspace: Workspace, reader: Transaction, name: str, properties: Mapping[str, Any]) -> None:
    """What answers: a scoring script with its environment, or an MLflow model that needs neither."""
    model, code, environment = (properties.get(key) for key in ("model", "codeConfiguration", "environmentId"))
    found = lookup.environment_properties(reader, str(environment)) if environment else None
    if model:
        lookup.data(workspace, reader, str(model), "custom_model", "properties.model")
    if code:
        script(workspace, reader, name, code)
        if not environment:
            raise invalid(
                "environmentId",
                "is missing; a scoring script runs in an environment",
                "Name one, such as azureml:NAME@latest. An MLflow model without a scoring script needs none.",
            )
        return
    if not model:
        raise invalid("model", "is missing, and so is codeConfiguration", "Name a model, a scoring script, or both.")
    if (found or {}).get("inferenceConfig"):
        raise NotOfflineError(
            f"The environment {environment} answers requests by itself in a container, which the local workspace"
            " does not start.",
            remedy="Give a scoring script, or deploy to Azure.",
            target="properties.environmentId",
        )
    _without_code(reader, str(model))


def _without_code(reader: Transaction, model: str) -> None:
    found = uris.parse(model, segment="models")
    if not isinstance(found, uris.Asset):
        return  # whether a path holds an MLflow model is seen when it is put in place
    kind = str((lookup.asset(reader, found, "properties.model").body.get("properties") or {}).get("modelType") or "")
    if "triton" in kind.lower():
        raise NotOfflineError(
            f"The model {found} is a {kind}; the local workspace has no Triton server.",
            remedy="Give a scoring script and an environment, or deploy to Azure.",
            target="properties.model",
        )
    if "mlflow" not in kind.lower():
        raise invalid(
            "codeConfiguration",
            f"is missing; the model {found} is a {kind or 'custom_model'}, and only MLflow models need no script",
            "Give a scoring script with `init()` and `run()`, and an environment.",
        )


def script(workspace: Workspace, reader: Transaction, name: str, code: object) -> None:
    """Refuse code that does not exist, or that has no such scoring script.

    Raises:
        ResourceError: 400, or 404.
    """
    field = "codeConfiguration"
    named = code if isinstance(code, dict) else {}
    if not named.get("codeId") or not named.get("scoringScript"):
        raise invalid(field, f"is {code!r}", 'Give both "codeId" and "scoringScript".')
    target = f"properties.{field}.codeId"
    lookup.code(Draft(workspace, reader, name, {}), str(named["codeId"]))
    script = PurePosixPath(str(named["scoringScript"]).replace("\\", "/"))
    place = locate.find(workspace, reader, str(named["codeId"]), "code", target)
    root = place.path(workspace) if isinstance(place, locate.Place) else None
    if root is None:
        return
    inside = script.parts and ".." not in script.parts and not script.is_absolute()
    if inside and ((root / script).is_file() or (root.is_file() and root.name == script.name)):
        return
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py")) if root.is_dir() else [root.name]
    close = difflib.get_close_matches(str(script), files, 1, 0.5)
    shown = f"Did you mean {close[0]!r}?" if close else f"It has: {', '.join(files[:8]) or 'no .py file'}."
    raise invalid(f"{field}.scoringScript", f"is {str(script)!r}, which the code snapshot does not have", shown)
