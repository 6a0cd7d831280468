"""`%%aml pipeline`: the body is a pipeline in the SDK's DSL."""

from __future__ import annotations

from jupyter_aml.commands.actions import cell_flags as shared
from jupyter_aml.commands.actions import cell_pipelines, flags
from jupyter_aml.commands.grammar import Flag, Positional, Verb

EXAMPLE = """%%aml pipeline clinic --input raw=iris@latest --var flow
prepared = prep(raw=raw)
fitted = fit(rows=prepared.outputs.rows, rate=0.5)
return {"model": fitted.outputs.model}"""
WRITTEN = """%%aml pipeline clinic --input raw=iris@latest --as yaml
prepared = prep(raw=raw)"""
OWN = """%%aml pipeline --input raw=iris@latest --wait
@dsl.pipeline(description="With the SDK's decorator.")
def clinic(raw):
    prep(raw=raw)"""

CELL = Verb(
    "pipeline",
    "Run steps, built with the SDK's DSL; components and steps of earlier cells are known by name.",
    cell_pipelines.pipeline,
    flags=(
        Flag("input", "An input of the pipeline, a variable of the body.", "i", kind="pair", metavar="NAME=VALUE",
             completes="data"),
        *shared.RUNS, *shared.ABOUT, *shared.STEPS, flags.WEB,
    ),
    positionals=(Positional("pipeline", "What the pipeline is called.", metavar="NAME"),),
    examples=(EXAMPLE, OWN, WRITTEN),
    cell=True,
    body="dsl",
)  # fmt: skip
