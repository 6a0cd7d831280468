"""What `online-deployment` does beside the verbs of all deployments: create, update, logs, requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.client.rest import Rest
from jupyter_aml.commands.actions import deployments, endpoints, loading
from jupyter_aml.commands.actions.deployments import ONLINE
from jupyter_aml.commands.actions.endpoints_flags import refuse_local
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError

REQUESTS = (
    "timestamp", "name", "status=resultCode", "ms=duration", "in=requestSize", "out=responseSize", "mirrored", "id",
)  # fmt: skip
LINES = 5000
"""Of a log, as `az ml` shows it."""


def create(context: Context, args: Args) -> Outcome:
    """Make a deployment from YAML; with --all-traffic it then gets every request."""
    refuse_local(args)
    if args.all_traffic and args.no_wait:
        msg = "--all-traffic waits for the deployment, and --no-wait does not."
        raise UsageError(msg, remedy="Leave one out.")
    entity = deployments.loaded(context, args, ONLINE)
    found = deployments.sent(context, args, ONLINE, entity, **options(args))
    if args.all_traffic:
        share(context, args, entity.endpoint_name, {entity.name: 100})
    if args.var:
        context.bind(args.var, found)
    return found


def update(context: Context, args: Args) -> Outcome:
    """Change a deployment by YAML or by `--set`; the replicas change without losing a request."""
    refuse_local(args)
    if loading.has_source(args):
        entity = deployments.loaded(context, args, ONLINE)
        deployments.fetch(context, ONLINE, deployments.Named(entity.name, entity.endpoint_name))
    else:
        entity = deployments.fetch(context, ONLINE, deployments.named(args, ONLINE, "update"))
        open_collector(entity)
        deployments.change(entity, args, parts())
        if args.instance_count is not None:
            entity.instance_count = args.instance_count
    return deployments.sent(context, args, ONLINE, entity, **options(args))


def logs(context: Context, args: Args) -> Outcome:
    """The newest lines of a deployment's log."""
    refuse_local(args)
    which = deployments.named(args, ONLINE, "get-logs")
    deployments.fetch(context, ONLINE, which)
    text = context.client.online_deployments.get_logs(
        which.name, which.endpoint, args.lines, container_type=args.container
    )
    if not text.strip():
        other = "storage-initializer" if args.container != "storage-initializer" else "inference-server"
        line = f"%aml {ONLINE.noun} get-logs --name {which.name} --endpoint-name {which.endpoint} --container {other}"
        message = f"{which} has written nothing yet. The other log: {line}"
        return Outcome("", message=message, place=context.place)
    return Outcome(text, kind="log", title=str(which), place=context.place, details={"log": text})


def requests(context: Context, args: Args) -> Outcome:
    """The newest requests that a deployment kept in the workspace's application insights.

    Raises:
        UsageError: The workspace is in Azure, whose application insights have a page and a language of their own.
    """
    which = deployments.named(args, ONLINE, "requests")
    entity = deployments.fetch(context, ONLINE, which)
    if not context.connection.local:
        msg = f"The requests of {which} are in Azure's application insights."
        raise UsageError(msg, remedy="Ask them in the workspace's Application Insights: requests | take 100.")
    path = f"{ONLINE.endpoints.segment}/{which.endpoint}/deployments/{which.name}/requests"
    found = Rest(context.connection).get(path, query={"tail": args.tail})["value"]
    on = f"%aml online-deployment update {which} --set app_insights_enabled=true"
    note = "" if entity.app_insights_enabled else f"It keeps no requests: {on} changes that."
    return Outcome(
        found, kind="table", columns=REQUESTS, place=context.place, title=f"requests of {which}", message=note
    )


def options(args: Args) -> dict[str, Any]:
    """What the SDK's `begin_create_or_update` is told beside the deployment."""
    return {"skip_script_validation": True} if args.get("skip_script_validation") else {}


def share(context: Context, args: Args, endpoint: str, traffic: Mapping[str, int]) -> Outcome:
    """Give an endpoint's requests to its deployments."""
    entity = endpoints.fetch(context, endpoints.ONLINE, endpoint)
    entity.traffic = dict(traffic)
    entity.mirror_traffic = {
        name: percent for name, percent in (entity.mirror_traffic or {}).items() if not traffic.get(name)
    }
    shares = " ".join(f"{name}={percent}" for name, percent in traffic.items())
    return endpoints.sent(context, args, endpoints.ONLINE, entity, f"{endpoint}: {shares}.")


def open_collector(entity: Any) -> None:
    """Let a deployment that was fetched be sent again: its collections' data are ids, where the SDK wants objects.

    Source: OnlineDeploymentOperations._register_collection_data_assets of azure-ai-ml 1.35.
    """
    collector = getattr(entity, "data_collector", None)
    if collector is None:
        return
    from azure.ai.ml.entities import DataAsset

    for collection in collector.collections.values():
        if isinstance(collection.data, str):
            parts = collection.data.rstrip("/").split("/")
            known = "versions" in parts
            collection.data = DataAsset(name=parts[-3], version=parts[-1]) if known else None


def parts() -> dict[str, Any]:
    """What makes a settings object that a deployment does not have yet, by its field."""
    from azure.ai.ml.entities import OnlineRequestSettings, ProbeSettings, TargetUtilizationScaleSettings

    return {
        "request_settings": OnlineRequestSettings, "liveness_probe": ProbeSettings,
        "readiness_probe": ProbeSettings, "scale_settings": TargetUtilizationScaleSettings,
    }  # fmt: skip
