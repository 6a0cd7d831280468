"""`%%aml component NAME`: the body is the script of a step; without a name it is the YAML of `az ml`."""

from __future__ import annotations

from jupyter_aml.commands.actions import cell_components, flags
from jupyter_aml.commands.actions import cell_flags as shared
from jupyter_aml.commands.grammar import Flag, Positional, Verb

EXAMPLE = """%%aml component sample --input raw=uri_file --input part=0.5 --result rows=uri_folder
import pandas as pd

pd.read_csv(raw).sample(frac=part, random_state=0).to_csv(f"{rows}/rows.csv")"""
OPTIONS = """%%aml component count
#| input: {rows: uri_folder, most: integer}
#| description: Counts files.
import os

print(min(len(os.listdir(rows)), most))"""

CELL = Verb(
    "component",
    "Register the body as a step for pipelines; without a name the body is YAML.",
    cell_components.component,
    flags=(
        Flag("input", "An input: a type (uri_file, uri_folder, number, integer, boolean, string) or a value.", "i",
             kind="pair", metavar="NAME=TYPE", completes="data", offers=tuple(cell_components.DECLARED)),
        shared.RESULT, shared.ENVIRONMENT, flags.VERSION,
        Flag("var", "Bind the component to this variable.", metavar="NAME"),
        Flag("display-name", "What people call it."), flags.DESCRIPTION, flags.TAGS, shared.VARIABLE, shared.CODE,
        Flag("changing", "The same inputs may give other results: never reuse a finished step.", kind="switch"),
        Flag("as", "Write it down and do not register it.", choices=("script", "yaml")),
    ),
    positionals=(Positional("component", "The component's name, and its script's.", metavar="NAME"),),
    examples=(EXAMPLE, OPTIONS),
    cell=True,
    body="python",
)  # fmt: skip
