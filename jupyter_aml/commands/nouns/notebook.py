"""`notebook`: notebooks that run as jobs, with parameters."""

from __future__ import annotations

from jupyter_aml.commands.actions import cell_flags as shared
from jupyter_aml.commands.actions import flags, notebooks
from jupyter_aml.commands.grammar import Flag, Noun, Positional, Verb

FILE = Positional("notebook", "The notebook's file.", kind="path", metavar="FILE.ipynb", completes="file")
PARAM = Flag(
    "param", "A value for a variable of the cell that is tagged `parameters`.", "p", kind="pair", metavar="NAME=VALUE"
)
INPUT = Flag(
    "input", "As --param, for data too: a path, URI, {df} or asset; the notebook gets its path.", "i", kind="pair",
    metavar="NAME=VALUE", completes="data",
)  # fmt: skip

NOUN = Noun(
    "notebook",
    "Notebooks that run as jobs.",
    (
        Verb(
            "run", "Run a notebook as a job; it is kept with its outputs, cell by cell.", notebooks.run,
            flags=(
                PARAM, INPUT, *shared.RUNS, shared.ENVIRONMENT, *shared.ABOUT, shared.VARIABLE, shared.TIMEOUT,
                shared.CODE, shared.AS, flags.WEB,
            ),
            positionals=(FILE,),
            examples=("%aml notebook run fit.ipynb -p lr=0.1 --wait",
                      "%aml notebook run fit.ipynb -p lr={lr} --input data=iris@latest --var job"),
        ),
        Verb(
            "component", "Register a notebook as a step for pipelines and the trials of sweeps.", notebooks.component,
            flags=(
                PARAM, INPUT, flags.name("component", "Its name; that of the file when omitted."), flags.VERSION,
                flags.DESCRIPTION, shared.ENVIRONMENT, shared.CODE,
            ),
            positionals=(FILE,),
            examples=("%aml notebook component fit.ipynb -p lr=0.1",),
        ),
    ),
)  # fmt: skip
