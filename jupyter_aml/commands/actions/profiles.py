"""What `data profile` and `data diff` do: columns of a data asset, and how they differ between two versions."""

from __future__ import annotations

from typing import Any

from jupyter_aml.client.rest import Rest
from jupyter_aml.commands.actions import columns, near, references, stores, tables
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.scripts import places
from jupyter_aml.errors import NotFoundError, UsageError

ROWS = 100_000


def profile(context: Context, args: Args) -> Outcome:
    """Each column of a data asset: type, missing, distinct, spread, most frequent values."""
    which = _asset(context, references.required(args, "data profile"), args.version, args.label)
    table = _table(context, which, _rows(args))
    found = {"name": which, **_read(table), "columns": columns.profile(table.frame)}
    return Outcome(found, kind="profile", place=context.place, title=f"data {which}")


def diff(context: Context, args: Args) -> Outcome:
    """Columns that were added, removed or changed their type from one version of a data asset to another."""
    whole = references.required(args, "data diff")
    name = references.parse(whole).name
    if name != whole.removeprefix("azureml:"):
        msg = f"data diff: {whole} names a version already."
        raise UsageError(msg, remedy=f"Type %aml data diff {name} --from VERSION --to VERSION.")
    after = _asset(context, name, args["to"], None)
    before = f"{name}:{args['from']}" if args["from"] else _before(context, after)
    old, new = (_table(context, which, _rows(args)) for which in (before, after))
    found = {"name": name, "from": _side(before, old), "to": _side(after, new), **_changes(old, new)}
    return Outcome(found, kind="schema", place=context.place, title=f"data {name}")


def _rows(args: Args) -> int:
    if args.rows < 1:
        msg = f"--rows {args.rows}: at least one row is read."
        raise UsageError(msg, remedy=f"Leave it out to read {ROWS}.")
    return int(args.rows)


def _asset(context: Context, name: str, version: str | None, label: str | None) -> str:
    """NAME:VERSION of a data asset, whose label is looked up."""
    which = references.parse(name, version, label)
    data = context.client.data
    found = near.looked_up(lambda: data.get(which.name, **which.chosen), "data", str(which), data.list)
    return f"{found.name}:{found.version}"


def _before(context: Context, after: str) -> str:
    """The version that was made before another one.

    Raises:
        UsageError: There is none.
    """
    name, _, version = after.rpartition(":")
    listed = Rest(context.connection).items(f"data/{name}/versions", query={"listViewType": "All"})
    made = {str(one["name"]): str((one.get("systemData") or {}).get("createdAt") or "") for one in listed}
    earlier = [(when, one) for one, when in made.items() if one != version and when <= made.get(version, "")]
    if not earlier:
        msg = f"There is no version of {name} before {version}."
        raise UsageError(msg, remedy=f"Type %aml data list {name} to see its versions.")
    return f"{name}:{max(earlier)[1]}"


def _table(context: Context, which: str, rows: int) -> tables.Table:
    """The first rows of a data asset.

    Raises:
        NotFoundError: The asset has no files.
        UsageError: None of its files is a table.
    """
    uri = f"azureml:{which}"
    files = stores.of_place(context, places.parse(uri, lambda _: False), uri)
    if files.is_file():
        return tables.read([_source(files, files.prefix.rpartition("/")[2], "")], rows)
    names = sorted(files.names())
    if not names:
        msg = f"{which} holds no files."
        raise NotFoundError(msg, remedy=f"Type %aml data show {which} to see where they should be.")
    held = tables.tabular(names)
    if not held:
        msg = f"None of the {len(names)} files of {which} is a table ({', '.join(tables.ENDINGS)})."
        raise UsageError(msg, remedy=f"Type %aml ls {uri} to see them.")
    return tables.read([_source(files, name, name) for name in held], rows)


def _source(files: stores.Files, name: str, path: str) -> tables.Source:
    """A file; one that is named by itself must have the ending of a table.

    Raises:
        UsageError: It has not.
    """
    if not tables.tabular([name]):
        msg = f"{name} is no table ({', '.join(tables.ENDINGS)})."
        raise UsageError(msg, remedy="Type %aml preview to see how it begins.")
    return tables.Source(name, lambda most: files.start(path, most))


def _read(table: tables.Table) -> dict[str, Any]:
    """How much was read, and of how much."""
    return {
        "rows": len(table.frame),
        "total": table.total,
        "sample": table.sample,
        "files": table.of,
        "files_read": table.files,
    }


def _side(which: str, table: tables.Table) -> dict[str, Any]:
    return {"version": which.rpartition(":")[2], **_read(table), "columns": len(table.frame.columns)}


def _changes(old: tables.Table, new: tables.Table) -> dict[str, Any]:
    before, after = columns.types(old.frame), columns.types(new.frame)
    both = [name for name in after if name in before]
    return {
        "added": [{"name": name, "type": after[name]} for name in after if name not in before],
        "removed": [{"name": name, "type": before[name]} for name in before if name not in after],
        "changed": [
            {"name": name, "from": before[name], "to": after[name]} for name in both if before[name] != after[name]
        ],
        "reordered": both != [name for name in before if name in after],
    }
