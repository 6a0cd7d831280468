"""`%%aml command`: the body is a script that runs as a job."""

from __future__ import annotations

from jupyter_aml.commands.actions import cell_flags as shared
from jupyter_aml.commands.actions import cell_jobs, flags
from jupyter_aml.commands.grammar import Positional, Verb

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
        shared.INPUT, shared.RESULT, *shared.RUNS, shared.ENVIRONMENT, *shared.ABOUT, shared.VARIABLE, shared.TIMEOUT,
        shared.CODE, *shared.MACHINE, shared.AS, flags.WEB,
    ),
    positionals=(Positional("script", "What the script is called.", metavar="NAME"),),
    examples=(EXAMPLE, OPTIONS),
    cell=True,
    body="python",
)  # fmt: skip
