"""What `local` does: the upkeep of this machine's store, workspaces and host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError

LOCAL = "LOCAL"
USED = ("workspace", "kind", "name", "files", "size")
FOUND = ("workspace", "kind", "name", "size")
WHOLE = "(store)"
KEPT_DAYS = 30.0


def du(context: Context, args: Args) -> Outcome:
    """What the store takes on the disk, by workspace and kind."""
    from jupyter_aml.client import upkeep
    from jupyter_aml.views.formats import size

    del context
    lines = upkeep.du(*_named(args))
    rows = [
        {
            "workspace": line.workspace or WHOLE,
            "kind": line.kind,
            "name": line.name,
            "files": line.files,
            "size": line.size,
            "path": str(line.path),
        }
        for line in lines
    ]
    total = size(sum(line.size for line in lines))
    note = f"{total} in {upkeep.home()}; {size(upkeep.free())} are free on its disk."
    return Outcome(rows, columns=USED, place=LOCAL, title="disk", message=note)


def prune(context: Context, args: Args) -> Outcome:
    """Remove what nothing needs, after a look at what that is."""
    from jupyter_aml.client import upkeep

    days = KEPT_DAYS if args.days is None else args.days
    if days < 0:
        msg = f"--days {days:g} is no age; 0 or more is expected."
        raise UsageError(msg, remedy="Type for example %aml local prune --days 30 --dry-run.")
    found = upkeep.prune(days=days, dry_run=True)
    if args.dry_run or not found:
        would = f"{_sum(found)} would go; without --dry-run it goes." if found else "There is nothing to prune."
        return _pruned(found, would)
    context.confirm(f"Remove {_sum(found)} that nothing needs?", yes=args.yes)
    gone = upkeep.prune(days=days, dry_run=False)
    return _pruned(gone, f"{_sum(gone)} gone.")


def _sum(found: list[Any]) -> str:
    from jupyter_aml.views.formats import size

    things = "1 thing" if len(found) == 1 else f"{len(found)} things"
    return f"{things}, {size(sum(item.size for item in found))}"


def _pruned(found: list[Any], message: str) -> Outcome:
    rows = [
        {
            "workspace": item.workspace or WHOLE,
            "kind": item.kind,
            "name": item.name,
            "size": item.size,
            "path": str(item.path),
        }
        for item in found
    ]
    return Outcome(rows, columns=FOUND, place=LOCAL, title="prune", message=message)


def purge(context: Context, args: Args) -> Outcome:
    """Remove a workspace, or everything, for good.

    Raises:
        UsageError: Neither was named, or both were.
    """
    from jupyter_aml.client import upkeep
    from jupyter_aml.views.formats import size

    name, group = _named(args)
    if bool(name) == args.all:
        msg = "local purge needs the name of a workspace, or --all for the whole store; not both."
        raise UsageError(msg, remedy="Type %aml local du to see what there is.")
    chosen = upkeep.entry(name, group) if name else None
    told = upkeep.purge(chosen, dry_run=True)
    what = f"{told.files} files, {size(told.size)}, of {', '.join(told.workspaces) or 'an empty store'}"
    value = {"workspaces": list(told.workspaces), "files": told.files, "size": told.size}
    if args.dry_run:
        return Outcome(value, place=LOCAL, title="purge", message=f"{what} would go.")
    everything = "" if chosen else f" and the whole store in {upkeep.home()}"
    context.confirm(f"Purge {what}{everything}, for good?", yes=args.yes)
    upkeep.purge(chosen)
    return Outcome(value, place=LOCAL, title="purge", message=f"Gone: {what}{everything}.")


def backup(context: Context, args: Args) -> Outcome:
    """Write one archive file of all workspaces, or of some; jobs may go on meanwhile."""
    from jupyter_aml.client import upkeep
    from jupyter_aml.views.formats import size

    chosen = upkeep.entries(*_named(args))
    target = context.path(args.path or ".")
    made = upkeep.backup(target, chosen)
    for path in made.skipped:
        context.warn(f"{path} could not be read and is not in the archive.")
    names = [f"{one.group}/{one.name}" for one in chosen]
    value = {"path": str(made.path), "workspaces": names, "files": made.files, "size": made.size}
    said = f"{', '.join(names) or 'An empty store'} in {made.path}: {made.files} files, {size(made.size)}."
    keys = "Keys are not in it: secrets of datastores must be given again on another machine."
    return Outcome(value, place=LOCAL, title="backup", message=f"{said} {keys}")


def restore(context: Context, args: Args) -> Outcome:
    """Bring workspaces back from an archive; nothing that exists is overwritten."""
    from jupyter_aml.client import upkeep

    name, group = _named(args)
    back = upkeep.restore(Path(context.path(args.path)), name=name, group=group, to=args.name or "")
    for link in back.skipped:
        context.warn(f"{link} leads out of the archive and was left out.")
    names = [f"{entry.group}/{entry.name}" for entry in back.entries]
    value = {"workspaces": names, "files": back.files, "cancelled": list(back.stopped)}
    said = f"{', '.join(names) or 'An empty store'} is back, {back.files} files."
    if back.stopped:
        said += f" Jobs that had not ended when it was archived are cancelled: {', '.join(back.stopped)}."
    if back.entries:
        said += f" %aml connect local:{back.entries[0].name} goes there."
    return Outcome(value, place=LOCAL, title="restore", message=said)


def stop(context: Context, args: Args) -> Outcome:
    """End the host process; running jobs go on, and the next command that needs a host starts one."""
    from jupyter_aml.client import upkeep

    del context, args
    said = "The host has ended. Jobs and endpoints that run go on; whoever needs a host starts another."
    return Outcome(None, place=LOCAL, message=said if upkeep.stop() else "No host runs.")


def _named(args: Args) -> tuple[str, str]:
    """Name and resource group of the workspace that is meant; empty for all."""
    return str(args.get("workspace") or args.workspace_name or ""), str(args.resource_group or "")
