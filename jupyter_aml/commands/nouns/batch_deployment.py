"""`batch-deployment`: models and pipelines behind an address that scores much data."""

from __future__ import annotations

from jupyter_aml.commands.actions import deployments, deployments_batch, endpoints_flags, flags
from jupyter_aml.commands.actions.deployments import BATCH
from jupyter_aml.commands.grammar import Flag, Noun, Verb

ENDPOINT, NAME = endpoints_flags.endpoint(BATCH.endpoints.noun), deployments.position()
WHICH = (deployments.name_flag(), ENDPOINT)
BODY = "name: forest\nendpoint_name: nightly\ntype: model\nmodel: azureml:iris_mlflow@latest\ncompute: azureml:cluster"

NOUN = Noun(
    "batch-deployment",
    "Models and pipelines behind a batch endpoint.",
    (
        Verb(
            "create", "Deploy what YAML describes.", deployments_batch.create,
            flags=(
                *endpoints_flags.CREATE, *WHICH,
                Flag("set-default", "Let it score when no deployment is named.", kind="switch"),
                endpoints_flags.SKIP_SCRIPT,
            ),
            cell=True, body="yaml",
            examples=("%aml batch-deployment create --file batch.yml --set-default", f"%%aml batch-deployment\n{BODY}"),
        ),
        Verb(
            "update", "Change a deployment.", deployments_batch.update,
            flags=(*endpoints_flags.CREATE, *WHICH, endpoints_flags.SKIP_SCRIPT), positionals=(NAME,),
            examples=("%aml batch-deployment update --name trees --endpoint nightly --set mini_batch_size=2",),
        ),
        Verb(
            "list-jobs", "List the jobs that it made.", deployments_batch.list_jobs, flags=(*WHICH, flags.MOST),
            positionals=(NAME,), examples=("%aml batch-deployment list-jobs --name trees --endpoint nightly",),
        ),
        *deployments.shared_verbs(BATCH),
    ),
)  # fmt: skip
