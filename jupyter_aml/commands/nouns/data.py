"""`data`: named, versioned files, folders and tables."""

from __future__ import annotations

from typing import Any

from jupyter_aml.commands.actions import assets, flags, loading, profiles
from jupyter_aml.commands.actions.assets import Kind
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag, Noun, Positional, Refusal, Verb
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError

KIND = Kind("data", "data", ("name", "version", "type", "path", "description"), "iris")
TYPES = ("uri_file", "uri_folder", "mltable")
BODY = "name: iris\ntype: uri_file\npath: ./iris.csv"
READ = Flag("rows", "How many rows are read at most.", kind="int", default=profiles.ROWS)


def _create(context: Context, args: Args) -> Outcome:
    if args.value is not None and (args.path is not None or loading.has_source(args)):
        msg = "data create: the data are given twice."
        raise UsageError(msg, remedy="Give a value, or --path, or --file.")
    value = args.value if args.value is not None else args.path
    named = assets.named(args)
    if loading.has_source(args):
        path = value if isinstance(value, str) else None
        return assets.made(
            context, KIND, loading.load("data", context, args, {**named, "type": args.type, "path": path})
        )
    if not named.get("name") or value is None:
        msg = "data create needs a name and a value."
        raise UsageError(msg, remedy="For example: %aml data create iris iris.csv, or %aml data create iris {df}")
    return _from_value(context, args, named, value)


def _from_value(context: Context, args: Args, named: dict[str, Any], value: Any) -> Outcome:
    from azure.ai.ml.entities import Data

    from jupyter_aml.commands.actions import sources

    with sources.located("data create", value, context, name=str(named["name"]), form=args.format) as found:
        kind = args.type or found.type
        fields = {key: item for key, item in named.items() if item is not None}
        if args.set:
            entity = Data(path=found.path, type=kind, **fields)
            assets.change(entity, args)
        else:
            entity = Data(path=found.path, type=kind, **fields)
        return assets.made(context, KIND, entity)


NOUN = Noun(
    "data",
    "Named, versioned files, folders and tables.",
    (
        Verb(
            "create", "Register a file, folder, URI or DataFrame as a data asset.", _create,
            flags=assets.create_flags(
                "data",
                Flag("path", "A path or URI.", "p", kind="object", completes="file"),
                Flag("type", "By default what the value is.", "t", choices=TYPES),
                Flag("format", "How a DataFrame is written.", choices=("parquet", "csv")),
            ),
            positionals=(
                Positional("name", "NAME or NAME:VERSION."),
                Positional("value", "A path, a URI, or {df}.", kind="object", completes="file"),
            ),
            cell=True, body="yaml",
            examples=(
                "%aml data create iris iris.csv", "%aml data create iris:12 {df} --description measured",
                "%aml data create --file data.yml --version 7", f"%%aml data\n{BODY}",
            ),
        ),
        Verb(
            "profile", "Describe each column: type, missing, distinct, spread, frequent values.", profiles.profile,
            flags=(flags.name("data"), flags.VERSION, flags.LABEL, READ),
            positionals=(Positional("name", "NAME, NAME:VERSION or NAME@LABEL.", completes="data"),),
            examples=("%aml data profile iris", "%aml data profile iris:1 --rows 1000 -o json"),
        ),
        Verb(
            "diff", "Compare the columns of two versions: added, removed, of another type.", profiles.diff,
            flags=(
                flags.name("data"),
                Flag("from", "The earlier version; by default the one before.", metavar="VERSION"),
                Flag("to", "The later version; by default the latest.", metavar="VERSION"),
                READ,
            ),
            positionals=(Positional("name", "NAME.", completes="data"),),
            examples=("%aml data diff iris --from 1",),
        ),
        *assets.shared_verbs(KIND),
    ),
    refusals=(
        Refusal(
            "import", "Imports from databases are not served yet.",
            "Read the table in Python and type %aml data create NAME {df}.",
        ),
        Refusal(
            "list-materialization-status", "It lists imports, which are not served yet.",
            "Type %aml data list NAME to see the versions.",
        ),
        Refusal(
            "mount", "Jobs mount data themselves; here it is read where it is.",
            "Type %aml cp azureml:NAME@latest ./ or %aml ls azureml:NAME@latest.",
        ),
        Refusal(
            "share", "There is no registry to share with yet.",
            "Type %aml cp azureml:NAME@latest ./NAME, connect elsewhere, and %aml data create NAME ./NAME.",
        ),
        Refusal(
            "delete", "Versions stay, because jobs name them.",
            "Type %aml data archive NAME to hide it from lists.",
        ),
    ),
)  # fmt: skip
