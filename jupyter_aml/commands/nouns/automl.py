"""Models that are looked for: `automl`."""

from __future__ import annotations

from jupyter_aml.automl.families import TASKS
from jupyter_aml.commands.actions import automl, cell_flags
from jupyter_aml.commands.grammar import Flag, Positional, Verb
from jupyter_aml.commands.scripts.forms import FORMS

VERBS = (
    Verb(
        "automl", "Look for the best model of a table, of texts or of images.", automl.automl,
        flags=(
            Flag("task", "What is to be learned; found out from the data when omitted.", "t",
                 choices=tuple(TASKS.values())),
            Flag("data", "{df}, a file, an MLTable folder, or an asset.", kind="object", completes="data",
                 aliases=("training-data",)),
            Flag("target", "The column to be predicted.", aliases=("target-column-name",)),
            Flag("metric", "What the best model is best at, such as AUC_weighted.", aliases=("primary-metric",)),
            Flag("minutes", "How long it may take.", kind="float", default=automl.MINUTES),
            Flag("trials", "How many models it may try.", kind="int", aliases=("max-trials",)),
            Flag("concurrent", "How many at a time.", kind="int", aliases=("max-concurrent-trials",)),
            Flag("exit-score", "Enough of the metric.", kind="float"),
            Flag("validation", "Rows that judge the models.", kind="object", aliases=("validation-data",),
                 completes="data"),
            Flag("test", "Rows that judge the best model alone.", kind="object", aliases=("test-data",),
                 completes="data"),
            Flag("folds", "Of the cross-validation.", kind="int", aliases=("n-cross-validations",)),
            Flag("weight", "The column of weights.", aliases=("weight-column-name",)),
            Flag("drop", "Columns to leave out.", several=True),
            Flag("allow", "Algorithms to try, such as LightGBM.", several=True),
            Flag("block", "Algorithms not to try.", several=True),
            Flag("model", "Of texts and images: the model to train.", aliases=("model-name",)),
            Flag("time", "The column of time; the task is then forecasting.", aliases=("time-column-name",)),
            Flag("series", "Columns that tell one series from another.", several=True),
            Flag("horizon", "How many steps to forecast.", kind="int", aliases=("forecast-horizon",)),
            Flag("frequency", "Of the steps, such as MS or D; found out when omitted."),
            *cell_flags.ABOUT, *cell_flags.RUNS,
            Flag("as", "Write the job down and do not submit it.", choices=FORMS[1:]),
        ),
        positionals=(
            Positional("data", "{df}, a file, an MLTable folder, or an asset.", kind="object", completes="data"),
            Positional("target", "The column to be predicted."),
        ),
        examples=(
            "%aml automl --data {df} --target target --metric AUC_weighted --minutes 5 --var best",
            "%aml automl {df} target --minutes 0.5 --allow LogisticRegression LightGBM --name quick",
            "%aml automl {sales} sold --time month --series shop --horizon 6 --minutes 2",
        ),
    ),
)  # fmt: skip
