"""Flags that the cells with a script share."""

from __future__ import annotations

from jupyter_aml.commands.actions import flags
from jupyter_aml.commands.grammar import Flag
from jupyter_aml.commands.scripts.forms import FORMS

INPUT = Flag(
    "input", "A variable of the script: a number, text, path, URI, {df} or asset.", "i", kind="pair",
    metavar="NAME=VALUE", completes="data",
)  # fmt: skip
RESULT = Flag(
    "result", "A folder or file that the script writes: mlflow_model, uri_folder, uri_file, ...", kind="pair",
    metavar="NAME=TYPE",
)  # fmt: skip
VAR = Flag("var", "Bind the job to this variable.", metavar="NAME")
WAIT = Flag("wait", "Wait for the end; a failed job is an error.", kind="switch")
STREAM = Flag("stream", "Show the log until the job ends.", "s", kind="switch")
COMPUTE = Flag("compute", "Where it runs; serverless when omitted.", "c", completes="compute")
ENVIRONMENT = Flag(
    "environment", "What it has installed; this Python, recorded and pinned, when omitted.", completes="environment"
)
EXPERIMENT = Flag(
    "experiment-name", "The experiment; the cell's name when omitted.", aliases=("experiment",), completes="experiment"
)
NAME = Flag("name", "The job's name; made up when omitted.", "n")
DISPLAY_NAME = Flag("display-name", "What people call it; the cell's name when omitted.")
VARIABLE = Flag(
    "env-var", "An environment variable.", kind="pair", aliases=("environment-variables",), metavar="NAME=VALUE"
)
TIMEOUT = Flag("timeout", "Seconds, or 10m, 2h.", metavar="TIME")
CODE = Flag("code", "A file or folder to have beside the script.", kind="path", repeatable=True, completes="file")
COUNT = Flag("instance-count", "Nodes.", kind="int")
SIZE = Flag("instance-type", "Their size.")
AS = Flag("as", "Write the job down and do not submit it.", choices=FORMS)

ABOUT = (EXPERIMENT, NAME, DISPLAY_NAME, flags.DESCRIPTION, flags.TAGS)
"""What a job is called and belongs to."""

RUNS = (VAR, WAIT, STREAM, COMPUTE)
"""Where a job runs, and whether it is waited for."""

MACHINE = (COUNT, SIZE)

STEPS = (
    Flag("register", "Register an output of the pipeline under this name.", kind="pair", metavar="OUTPUT=NAME"),
    Flag("force-rerun", "Run every step, also those that an earlier pipeline has done.", kind="switch"),
    Flag("continue-on-failure", "Go on with steps that need nothing of one that failed.", kind="switch"),
    Flag("as", "Write the pipeline down and do not submit it.", choices=FORMS[1:]),
)
"""How the steps of a pipeline are run."""
