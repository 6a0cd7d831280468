"""What `batch-endpoint` does beside the verbs of all endpoints: create, update, invoke, list its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.commands.actions import assets, bindings, endpoints, job_verbs, loading, near
from jupyter_aml.commands.actions.endpoints import BATCH
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError

JOBS = ("name", "display_name", "status", "experiment=experiment_name", "created=creation_context.created_at")


def create(context: Context, args: Args) -> Outcome:
    """Make an endpoint from YAML, or from a name alone."""
    if loading.has_source(args):
        entity = loading.load(BATCH.noun, context, args, endpoints.settings(args))
    else:
        from azure.ai.ml.entities import BatchEndpoint

        name = endpoints.name_of(args.name, BATCH, "create")
        tags = {key: str(value) for key, value in args.tags.items()}
        entity = BatchEndpoint(name=name, description=args.description, tags=tags)
        assets.change(entity, args)
    return endpoints.sent(context, args, BATCH, entity, f"{entity.name} is made; it needs a deployment to be invoked.")


def update(context: Context, args: Args) -> Outcome:
    """Change the default deployment, or what `--set` and YAML say."""
    entity = endpoints.changed(context, args, BATCH)
    if args.defaults:
        entity.defaults = {"deployment_name": _default(args.defaults)}
    return endpoints.sent(context, args, BATCH, entity, f"{entity.name} is updated.")


def set_default(context: Context, args: Args, endpoint: str, deployment: str) -> Outcome:
    """Let a deployment be the one that an endpoint invokes when none is named."""
    entity = endpoints.fetch(context, BATCH, endpoint)
    entity.defaults = {"deployment_name": deployment}
    return endpoints.sent(context, args, BATCH, entity, f"{endpoint} invokes {deployment} when none is named.")


def default_of(entity: Any) -> str:
    """The name of an endpoint's default deployment; "" for none."""
    defaults = getattr(entity, "defaults", None)
    found = defaults.get("deployment_name") or defaults.get("deploymentName") if isinstance(defaults, Mapping) else (
        getattr(defaults, "deployment_name", None)
    )  # fmt: skip
    return str(found or "")


def invoke(context: Context, args: Args) -> Outcome:
    """Score data in a job; the outcome is that job's card."""
    name = endpoints.name_of(args.name, BATCH, "invoke")
    entity = endpoints.fetch(context, BATCH, name)
    deployment = args.deployment_name or default_of(entity)
    if not deployment:
        msg = f"{name} has no default deployment, and --deployment-name names none."
        raise UsageError(msg, remedy=f"Type %aml batch-deployment list --endpoint-name {name} to see what there is.")
    job_verbs.check_var(context, args.var)
    inputs = _inputs(context, args)
    asked = {
        "inputs": inputs, "outputs": _outputs(args), "job_name": args.job_name,
        "experiment_name": args.experiment_name, "params_override": _overrides(args),
    }  # fmt: skip
    given = {key: value for key, value in asked.items() if value}
    made = context.client.batch_endpoints.invoke(name, deployment_name=deployment, **given)
    return job_verbs.submitted(context, args, context.client.jobs.get(made.name))


def list_jobs(context: Context, args: Args) -> Outcome:
    """The jobs that an endpoint's invocations made, newest first."""
    name = endpoints.name_of(args.name, BATCH, "list-jobs")
    endpoints.fetch(context, BATCH, name)
    every = context.client.batch_endpoints.list_jobs(name)
    found, note = assets.limited(every, args.max_results, f"{BATCH.noun} list-jobs {name}")
    return jobs_table(context, found, f"jobs of {name}", note)


def jobs_table(context: Context, found: list[Any], title: str, note: str) -> Outcome:
    """A list of jobs of batch endpoints; each as the workspace knows it, where it does."""
    known = [_job(context, one) for one in found]
    return Outcome(known, kind="table", columns=JOBS, place=context.place, title=title, message=note)


def _job(context: Context, made: Any) -> Any:
    try:
        return context.client.jobs.get(made.name)
    except Exception as error:
        if near.is_missing(error):
            return made
        raise


def _default(given: Any) -> str:
    """The deployment of `--defaults deployment_name=NAME`, or of `--defaults NAME`."""
    pairs = dict(given)
    if set(pairs) != {"deployment_name"}:
        msg = f"--defaults {' '.join(f'{key}={value}' for key, value in pairs.items())}: deployment_name was expected."
        raise UsageError(msg, remedy="Type --defaults deployment_name=NAME.")
    return str(pairs["deployment_name"])


def _inputs(context: Context, args: Args) -> dict[str, Any]:
    """The inputs as the SDK wants them; data without a name is the model's only input."""
    from azure.ai.ml import Input

    given = dict(args.inputs)
    if args.input is not None:
        given = {"input": args.input, **given}
    if not given:
        return {}
    found = {}
    for key, value in given.items():
        meant = bindings.plain_input(context, key, value)
        if isinstance(meant, dict):
            kind = args.input_type or meant["type"] if key == "input" else meant["type"]
            found[key] = Input(type=kind, path=_plain_path(context, meant["path"]))
        else:
            found[key] = Input(type=_literal(meant), default=meant)
    return found


def _plain_path(context: Context, path: str) -> str:
    """A path as `invoke` of the SDK takes it: assets by reference, files from the root."""
    if path.startswith(("azureml:", "azureml://", "http://", "https://")):
        return path
    return str(context.path(path).resolve())


def _literal(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number"}
    return kinds.get(type(value), "string")


def _outputs(args: Args) -> dict[str, Any]:
    from azure.ai.ml import Output

    found = {key: Output(type="uri_folder", path=str(path)) for key, path in args.outputs.items()}
    if args.output_path:
        found["score"] = Output(type="uri_folder", path=args.output_path)
    return found


def _overrides(args: Args) -> list[dict[str, Any]]:
    """What an invocation has otherwise than its deployment. Source: BatchJobSchema of the SDK."""
    found: list[dict[str, Any]] = []
    if args.mini_batch_size is not None:
        found.append({"mini_batch_size": args.mini_batch_size})
    if args.instance_count is not None:
        found.append({"compute": {"instance_count": args.instance_count}})
    return found + loading.overrides(args.set)
