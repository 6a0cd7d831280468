"""Flags that `deploy` and the `score` cell share."""

from __future__ import annotations

from jupyter_aml.commands.actions import cell_flags, endpoints_flags, flags
from jupyter_aml.commands.grammar import Flag

DEPLOYMENT = Flag(
    "deployment-name", "What it is called; blue or green when omitted.", "n", aliases=("deployment", "name"),
    completes="deployment",
)  # fmt: skip
MODEL_NAME = Flag("model-name", "What a model is called that is registered now; the endpoint's name when omitted.")
RESULT = Flag("result", "Which output of the job is the model.")

SHARED = (
    Flag("traffic", "Percent of the requests that it gets; the first deployment gets all.", kind="int"),
    Flag("instance-count", "How many replicas.", kind="int", aliases=("instances",)),
    Flag("instance-type", "Their size, in Azure."),
    cell_flags.ENVIRONMENT,
    Flag("env-var", "An environment variable.", kind="pair", aliases=("env", "environment-variables"),
         metavar="NAME=VALUE"),
    Flag("timeout", "How long a request may take: 5, 90s, 2m.", metavar="TIME"),
    cell_flags.CODE,
    endpoints_flags.AUTH_MODE,
    Flag("app-insights", "Keep a line for each request.", kind="switch"),
    Flag("collect", "Keep what comes in and goes out, for monitoring.", kind="switch"),
    flags.NO_WAIT,
    endpoints_flags.VAR,
)  # fmt: skip
"""How a deployment is made."""
