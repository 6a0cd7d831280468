"""`%%aml sweep`: the body is a script that is tried with many values of its searched parameters."""

from __future__ import annotations

from jupyter_aml.commands.actions import cell_flags as shared
from jupyter_aml.commands.actions import cell_sweeps, flags
from jupyter_aml.commands.grammar import Flag, Positional, Verb
from jupyter_aml.commands.scripts import search

EXAMPLE = """%%aml sweep tune --input data=iris@latest --metric accuracy --trials 4 --var best
#| depth: choice(1, 2, 3)
#| rate: loguniform(-5, 0)
import mlflow

mlflow.log_metric("accuracy", 1 / (depth + rate))"""
OPTIONS = """%%aml sweep tune --search c=choice(1,10) --sampling grid
#| metric: loss
#| goal: minimize
#| early-termination: bandit(0.2, interval=1, delay=5)
import mlflow

for step in range(3):
    mlflow.log_metric("loss", c / (step + 1), step=step)"""
WRITTEN = """%%aml sweep tune --metric loss --isolation process --as yaml
#| rate: uniform(0, 1)
import mlflow

mlflow.log_metric("loss", rate)"""
SPELLED = tuple(example.replace(" ", "") for example in search.EXAMPLES.values())
"""Distributions as a line takes them, without spaces."""

CELL = Verb(
    "sweep",
    "Try the body with many values; what is searched stands as #| NAME: uniform(0, 1).",
    cell_sweeps.sweep,
    flags=(
        Flag("search", "A searched parameter: choice(a,b), uniform(0,1), loguniform(-5,0), randint(9), ...",
             kind="pair", metavar="NAME=DISTRIBUTION", offers=SPELLED),
        Flag("metric", "The metric that ranks the trials; the script logs it.", aliases=("primary-metric",),
             completes="metric"),
        Flag("goal", "Whether more or less of it is better; as its name says when omitted.",
             choices=("maximize", "minimize")),
        Flag("trials", "How many trials; 20, or all points of a grid, when omitted.", kind="int",
             aliases=("max-trials", "max-total-trials")),
        Flag("concurrent", "How many at a time; 4 when omitted.", kind="int",
             aliases=("max-concurrent", "max-concurrent-trials")),
        Flag("sampling", "How points are chosen.", choices=cell_sweeps.ALGORITHMS, default="random",
             aliases=("sampling-algorithm",)),
        Flag("seed", "The seed of random sampling.", kind="int"),
        Flag("rule", "How random points are spread.", choices=cell_sweeps.RULES),
        Flag("early-termination", "Ends trials that lag: bandit(0.1), median, truncation(20); interval= and delay=.",
             metavar="POLICY", offers=("bandit(0.1)", "median", "truncation(20)")),
        Flag("isolation", "process: each trial has a process of its own; else they share warm ones, one after another.",
             choices=cell_sweeps.ISOLATIONS),
        Flag("trial-timeout", "Of one trial: seconds, or 10m, 2h.", metavar="TIME"),
        shared.INPUT, shared.RESULT, *shared.RUNS, shared.ENVIRONMENT, *shared.ABOUT, shared.VARIABLE, shared.TIMEOUT,
        shared.CODE, *shared.MACHINE, shared.AS, flags.WEB,
    ),
    positionals=(Positional("script", "What the script is called.", metavar="NAME"),),
    examples=(EXAMPLE, OPTIONS, WRITTEN),
    cell=True,
    body="python",
    extras="space",
)  # fmt: skip
