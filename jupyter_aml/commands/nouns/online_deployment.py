"""`online-deployment`: models behind an address that answers at once."""

from __future__ import annotations

from jupyter_aml.commands.actions import deployments, deployments_online, endpoints_flags
from jupyter_aml.commands.actions.deployments import ONLINE
from jupyter_aml.commands.grammar import Flag, Noun, Verb

ENDPOINT, NAME = endpoints_flags.endpoint(ONLINE.endpoints.noun), deployments.position()
WHICH = (deployments.name_flag(), ENDPOINT)
BODY = (
    "name: green\nendpoint_name: iris\nmodel: azureml:iris_mlflow@latest\n"
    "instance_type: Standard_DS3_v2\ninstance_count: 1"
)

NOUN = Noun(
    "online-deployment",
    "Models behind an online endpoint: replicas, logs.",
    (
        Verb(
            "create", "Deploy what YAML describes; %aml deploy needs none.", deployments_online.create,
            flags=(
                *endpoints_flags.CREATE, *WHICH,
                Flag("all-traffic", "Let it answer all requests when it is ready.", kind="switch"),
                endpoints_flags.SKIP_SCRIPT, endpoints_flags.LOCAL, endpoints_flags.VAR,
            ),
            cell=True, body="yaml",
            examples=("%aml online-deployment create --file deployment.yml --all-traffic",
                      f"%%aml online-deployment\n{BODY}"),
        ),
        Verb(
            "update", "Change a deployment; no request is lost meanwhile.", deployments_online.update,
            flags=(
                *endpoints_flags.CREATE, *WHICH, Flag("instance-count", "How many replicas.", kind="int"),
                endpoints_flags.SKIP_SCRIPT, endpoints_flags.LOCAL,
            ),
            positionals=(NAME,),
            examples=("%aml online-deployment update iris/blue --instance-count 2",
                      "%aml online-deployment update iris/blue --set request_settings.request_timeout_ms=9000"),
        ),
        Verb(
            "get-logs", "Show the newest lines of the log.", deployments_online.logs,
            flags=(
                *WHICH, Flag("lines", "How many.", "l", kind="int", default=deployments_online.LINES),
                Flag("container", "Of the server, or of what prepares it.", "c",
                     choices=("inference-server", "storage-initializer")),
                endpoints_flags.LOCAL,
            ),
            positionals=(NAME,),
            examples=("%aml online-deployment get-logs --name blue --endpoint-name iris",
                      "%aml online-deployment get-logs iris/blue --lines 20"),
        ),
        Verb(
            "requests", "List the newest requests, where the deployment keeps them (--app-insights).",
            deployments_online.requests, flags=(*WHICH, Flag("tail", "How many.", kind="int", default=50)),
            positionals=(NAME,), examples=("%aml online-deployment requests iris/blue --tail 5",),
        ),
        *deployments.shared_verbs(ONLINE),
    ),
)  # fmt: skip
