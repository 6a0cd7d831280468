"""What `batch-deployment` does beside the verbs of all deployments: create, update, list its jobs."""

from __future__ import annotations

from typing import Any

from jupyter_aml.commands.actions import assets, deployments, endpoints_batch, loading
from jupyter_aml.commands.actions.deployments import BATCH
from jupyter_aml.commands.actions.deployments_online import options
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError


def create(context: Context, args: Args) -> Outcome:
    """Make a deployment from YAML; with --set-default it is the one that is invoked when none is named."""
    if args.set_default and args.no_wait:
        msg = "--set-default waits for the deployment, and --no-wait does not."
        raise UsageError(msg, remedy="Leave one out.")
    entity = deployments.loaded(context, args, BATCH)
    found = deployments.sent(context, args, BATCH, entity, **options(args))
    if args.set_default:
        return endpoints_batch.set_default(context, args, entity.endpoint_name, entity.name)
    return found


def update(context: Context, args: Args) -> Outcome:
    """Change a deployment by YAML or by `--set`."""
    if loading.has_source(args):
        entity = deployments.loaded(context, args, BATCH)
        deployments.fetch(context, BATCH, deployments.Named(entity.name, entity.endpoint_name))
    else:
        entity = deployments.fetch(context, BATCH, deployments.named(args, BATCH, "update"))
        deployments.change(entity, args, _parts())
    return deployments.sent(context, args, BATCH, entity, **options(args))


def list_jobs(context: Context, args: Args) -> Outcome:
    """The jobs that a deployment's invocations made, newest first."""
    which = deployments.named(args, BATCH, "list-jobs")
    deployments.fetch(context, BATCH, which)
    every = context.client.batch_deployments.list_jobs(which.endpoint, name=which.name)
    found, note = assets.limited(every, args.max_results, f"{BATCH.noun} list-jobs {which}")
    return endpoints_batch.jobs_table(context, found, f"jobs of {which}", note)


def _parts() -> dict[str, Any]:
    from azure.ai.ml.entities import BatchRetrySettings, ResourceConfiguration

    return {"retry_settings": BatchRetrySettings, "resources": ResourceConfiguration}
