"""`pipeline` on a line: steps of earlier cells, each taking what those before it hand on."""

from __future__ import annotations

from jupyter_aml.commands.actions import cell_flags as shared
from jupyter_aml.commands.actions import cell_pipelines, flags
from jupyter_aml.commands.grammar import Flag, Positional, Verb

VERBS = (
    Verb(
        "pipeline",
        "Run steps of earlier cells, or components, one after the other.",
        cell_pipelines.chain,
        flags=(
            Flag("input", "A value for an input that no step hands on: NAME or STEP_NAME.", "i", kind="pair",
                 metavar="NAME=VALUE", completes="data"),
            *shared.RUNS, *shared.ABOUT, *shared.STEPS, flags.WEB,
        ),
        positionals=(
            Positional("steps", "Names with >> between them.", metavar="STEP >> STEP", several=True,
                       completes="step"),
        ),
        examples=("%aml pipeline prep >> fit", "%aml pipeline prep >> fit --input rate=0.2 --as yaml"),
    ),
)  # fmt: skip
