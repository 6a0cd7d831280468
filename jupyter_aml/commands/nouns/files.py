"""Files anywhere: `ls`, `cat`, `cp`, `rm`, `preview` of datastores, assets, outputs and code of jobs, local paths."""

from __future__ import annotations

from jupyter_aml.commands.actions import file_verbs, flags
from jupyter_aml.commands.grammar import Flag, Positional, Verb
from jupyter_aml.views import preview as previews

RECURSIVE = Flag("recursive", "A folder with all that is in it.", "r", kind="switch")
WHERE = "DATASTORE/path, azureml://…, azureml://jobs/JOB/code/…, azureml:ASSET@latest or a local path."


def _where(*, required: bool) -> Positional:
    return Positional("path", WHERE, kind="object", required=required, completes="datastore")


VERBS = (
    Verb(
        "ls", "List a folder of a datastore, asset, job or its code; without one the datastores.", file_verbs.ls,
        flags=(Flag("max-results", "How many at most.", kind="int", default=500),),
        positionals=(_where(required=False),),
        examples=("%aml ls", "%aml ls workspaceblobstore/", "%aml ls azureml:iris@latest", "%aml ls ./",
                  "%aml ls azureml://jobs/{job.name}/code/"),
    ),
    Verb("cat", "Print a file.", file_verbs.cat, positionals=(_where(required=True),),
         examples=("%aml cat azureml:iris@latest", "%aml cat ./iris.csv")),
    Verb(
        "cp", "Copy files: up, down, or between datastores.", file_verbs.cp, flags=(RECURSIVE,),
        positionals=(Positional("source", WHERE, kind="object", required=True, completes="file"),
                     Positional("target", WHERE, required=True, completes="datastore")),
        examples=("%aml cp ./iris.csv workspaceblobstore/raw/", "%aml cp azureml:iris@latest ./copy.csv"),
    ),
    Verb("rm", "Delete files of a datastore.", file_verbs.rm, flags=(RECURSIVE, flags.YES),
         positionals=(_where(required=True),), examples=("%aml rm workspaceblobstore/raw/old.csv --yes",)),
    Verb("preview", "Show the beginning of a file as a table, JSON, cells of a notebook or text.", file_verbs.preview,
         flags=(Flag("rows", "How many rows of a table.", kind="int", default=previews.ROWS),
                Flag("lines", "How many lines of a text.", kind="int", default=previews.LINES)),
         positionals=(_where(required=True),),
         examples=("%aml preview azureml:iris@latest", "%aml preview ./iris.csv --rows 3")),
)  # fmt: skip
