"""Deploying and asking in one line each: `deploy`, `invoke`."""

from __future__ import annotations

from jupyter_aml.commands.actions import deploying, deploying_flags, endpoints_flags, invoking
from jupyter_aml.commands.actions.endpoints import ONLINE
from jupyter_aml.commands.grammar import Flag, Positional, Verb

VERBS = (
    Verb(
        "deploy", "Let the model of a job, a registered model or a folder answer requests.", deploying.deploy,
        flags=(
            deploying_flags.DEPLOYMENT, endpoints_flags.endpoint(ONLINE.noun),
            Flag("script", "A file with init() and run(), for a model that is no MLflow model.", kind="path",
                 completes="file"),
            deploying_flags.MODEL_NAME, deploying_flags.RESULT, *deploying_flags.SHARED,
        ),
        positionals=(
            Positional("target", "{job}, a registered model, or a folder.", kind="object", completes="model"),
            Positional("endpoint-name", "The endpoint; made where it is missing.", completes=ONLINE.noun),
        ),
        examples=(
            "%aml deploy iris_mlflow", "%aml deploy {fitted} iris --traffic 10 --name green",
            "%aml deploy ./model weights --script score.py",
        ),
    ),
    Verb(
        "invoke", "Ask an online endpoint: a DataFrame, list, dict, JSON or file.", invoking.invoke,
        flags=(
            Flag("deployment-name", "Who answers; by default whom the traffic chooses.", "d", aliases=("deployment",),
                 completes="deployment"),
            endpoints_flags.REQUEST_FILE,
            Flag("key", "Under which key the value stands, such as data.", metavar="NAME"),
        ),
        positionals=(
            Positional("name", "The endpoint, or {endpoint}.", kind="object", completes=ONLINE.noun),
            Positional("value", "What is sent: {df.head()}, {rows}, JSON or a file.", kind="object", completes="file"),
        ),
        examples=("%aml invoke iris {df.head()}", "%aml invoke iris request.json -o json"),
    ),
)  # fmt: skip
