"""`%%aml score`: the body is a scoring script that answers requests."""

from __future__ import annotations

from jupyter_aml.commands.actions import deploying_flags, endpoints_flags, scoring_cells
from jupyter_aml.commands.actions.endpoints import ONLINE
from jupyter_aml.commands.grammar import Flag, Positional, Verb

EXAMPLE = """%%aml score double --input factor=2
import json


def init():
    global ready
    ready = True


def run(raw_data):
    return [factor * value for value in json.loads(raw_data)["data"]]"""
OPTIONS = """%%aml score weights
#| model: iris_model
#| deployment: plain
import os
from pathlib import Path


def init():
    global weight
    path = next(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("weights.txt"))
    weight = float(path.read_text())


def run(raw_data):
    return {"weight": weight}"""

CELL = Verb(
    "score",
    "Deploy the body: init() loads the model, run() answers each request.",
    scoring_cells.score,
    flags=(
        Flag("model", "A registered model, a folder or {job}; the body finds it in AZUREML_MODEL_DIR.", kind="object",
             completes="model"),
        endpoints_flags.endpoint(ONLINE.noun), deploying_flags.DEPLOYMENT,
        Flag("input", "A variable of the script: a number, text, file or {df}.", "i", kind="pair",
             metavar="NAME=VALUE"),
        deploying_flags.MODEL_NAME, deploying_flags.RESULT, *deploying_flags.SHARED,
        Flag("as", "Write the script down and do not deploy it.", choices=("script",)),
    ),
    positionals=(Positional("script", "What the endpoint is called.", metavar="NAME", completes=ONLINE.noun),),
    examples=(EXAMPLE, OPTIONS),
    cell=True,
    body="python",
)  # fmt: skip
