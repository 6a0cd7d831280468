"""`%%aml command`: the body is a script that runs as a job."""

from __future__ import annotations

from jupyter_aml.commands.actions import cell_jobs, flags
from jupyter_aml.commands.grammar import Flag, Positional, Verb
from jupyter_aml.commands.scripts.forms import FORMS

EXAMPLE = """%%aml command train --input data=iris@latest --input lr=0.1 --result model=mlflow_model --var job
import pandas as pd

df = pd.read_csv(data)
print(len(df), lr, model)"""
OPTIONS = """%%aml command train
#| input: {data: iris@latest, lr: 0.1}
#| wait: true
print(data, lr)"""

CELL = Verb(
    "command",
    "Run the body as a job; inputs and results are its variables.",
    cell_jobs.command,
    flags=(
        Flag("input", "A variable of the script: a number, text, path, URI, {df} or asset.", "i", kind="pair",
             metavar="NAME=VALUE", completes="data"),
        Flag("result", "A folder or file that the script writes: mlflow_model, uri_folder, uri_file, ...", kind="pair",
             metavar="NAME=TYPE"),
        Flag("var", "Bind the job to this variable.", metavar="NAME"),
        Flag("wait", "Wait for the end; a failed job is an error.", kind="switch"),
        Flag("stream", "Show the log until the job ends.", "s", kind="switch"),
        Flag("compute", "Where it runs; serverless when omitted.", "c", completes="compute"),
        Flag("environment", "What it has installed; this Python, recorded and pinned, when omitted.",
             completes="environment"),
        Flag("experiment-name", "The experiment; the cell's name when omitted.", aliases=("experiment",),
             completes="experiment"),
        Flag("name", "The job's name; made up when omitted.", "n"),
        Flag("display-name", "What people call it; the cell's name when omitted."),
        flags.DESCRIPTION,
        flags.TAGS,
        Flag("env-var", "An environment variable.", kind="pair", aliases=("environment-variables",),
             metavar="NAME=VALUE"),
        Flag("timeout", "Seconds, or 10m, 2h.", metavar="TIME"),
        Flag("code", "A file or folder to have beside the script.", kind="path", repeatable=True, completes="file"),
        Flag("instance-count", "Nodes.", kind="int"),
        Flag("instance-type", "Their size."),
        Flag("as", "Write the job down and do not submit it.", choices=FORMS),
        flags.WEB,
    ),
    positionals=(Positional("script", "What the script is called.", metavar="NAME"),),
    examples=(EXAMPLE, OPTIONS),
    cell=True,
    body="python",
)  # fmt: skip
