"""`workspace`: where everything else is kept."""

from __future__ import annotations

import itertools
from typing import Any

from jupyter_aml.commands.actions import assets, flags, loading
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag, Noun, Positional, Refusal, Verb
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError

COLUMNS = ("name", "resource_group", "location", "description")
NAME = Positional("name", "The name; by default the connected one.", completes="workspace")
WHICH = flags.name("workspace")


def _outcome(context: Context, entity: Any, message: str = "") -> Outcome:
    get, name = context.client.workspaces.get, entity.name
    return Outcome(
        entity, kind="entity", place=context.place, title="workspace", message=message, again=lambda: get(name)
    )


def _create(context: Context, args: Args) -> Outcome:
    named = {
        "name": args.name,
        "display_name": args.display_name,
        "description": args.description,
        "location": args.location,
    }
    if loading.has_source(args):
        entity = loading.load("workspace", context, args, named)
    elif args.name:
        from azure.ai.ml.entities import Workspace

        fields = {key: value for key, value in named.items() if value is not None}
        entity = Workspace(**fields, tags=args.tags or None)
    else:
        msg = "workspace create needs a name or a YAML file."
        raise UsageError(msg, remedy="For example: %aml workspace create clinic")
    if not entity.location:
        entity.location = context.client.workspaces.get(context.client.workspace_name).location
    poller = context.client.workspaces.begin_create(entity)
    if args.no_wait:
        return Outcome(None, place=context.place, message=f"{entity.name} is being made.")
    poller.result()
    made = context.client.workspaces.get(entity.name)
    return _outcome(context, made, f"{made.name} is ready; %aml connect goes there.")


def _list(context: Context, args: Args) -> Outcome:
    scope = "resource_group" if "resource_group" in args.given else "subscription"
    found = list(itertools.islice(context.client.workspaces.list(scope=scope), args.max_results))
    return Outcome(found, kind="table", columns=COLUMNS, place=context.place, title="workspace")


def _show(context: Context, args: Args) -> Outcome:
    return _outcome(context, context.client.workspaces.get(args.name or context.client.workspace_name))


def _update(context: Context, args: Args) -> Outcome:
    entity = context.client.workspaces.get(args.name or context.client.workspace_name)
    if args.display_name is not None:
        entity.display_name = args.display_name
    assets.change(entity, args)
    context.client.workspaces.begin_update(entity).result()
    return _outcome(context, context.client.workspaces.get(entity.name), f"{entity.name} is updated.")


def _delete(context: Context, args: Args) -> Outcome:
    if not args.name:
        msg = "workspace delete needs a name."
        raise UsageError(msg, remedy="Type %aml workspace list to see them.")
    context.confirm(f"Delete the workspace {args.name} with all its jobs, data and models?", yes=args.yes)
    poller = context.client.workspaces.begin_delete(
        args.name, delete_dependent_resources=args.all_resources, permanently_delete=args.permanently_delete
    )
    if not args.no_wait:
        poller.result()
    return Outcome(None, place=context.place, message=f"{args.name} is deleted.")


DISPLAY = Flag("display-name", "What people call it.")

NOUN = Noun(
    "workspace",
    "Where everything else is kept.",
    (
        Verb(
            "create", "Make a workspace.", _create,
            flags=(flags.FILE, flags.name("workspace"), DISPLAY, flags.DESCRIPTION, flags.TAGS, flags.SET,
                   flags.NO_WAIT, Flag("location", "The region.", "l")),
            positionals=(Positional("name", "The name."),), cell=True, body="yaml",
            examples=("%aml workspace create clinic", "%%aml workspace\nname: ward\ndescription: patients"),
        ),
        Verb("list", "List them.", _list, flags=(flags.MOST,), examples=("%aml workspace list",)),
        Verb("show", "Show one.", _show, flags=(WHICH,), positionals=(NAME,), examples=("%aml workspace show",)),
        Verb(
            "update", "Change description, display name and tags.", _update,
            flags=(WHICH, DISPLAY, flags.DESCRIPTION, flags.TAGS, flags.SET), positionals=(NAME,),
            examples=("%aml workspace update --description 'first steps'",),
        ),
        Verb(
            "delete", "Delete one with all that is in it.", _delete,
            flags=(WHICH, flags.YES, flags.NO_WAIT,
                   Flag("all-resources", "Its storage and key vault too.", kind="switch"),
                   Flag("permanently-delete", "Without a way back.", "p", kind="switch")),
            positionals=(NAME,), examples=("%aml workspace delete spare --yes",),
        ),
    ),
    aliases=("ws",),
    refusals=(
        Refusal(
            "list-keys", "Keys would stay in the notebook and its history, and nothing here needs them.",
            "Type %aml datastore list; files are read and written by datastore, as in %aml ls.",
        ),
        Refusal(
            "sync-keys", "The keys of a local workspace never go out of step with its storage.",
            "Type %aml datastore list to see its storage.",
        ),
        Refusal(
            "diagnose", "It looks at a workspace's network in Azure.",
            "Type %aml doctor for this machine, %aml status for the connection.",
        ),
        Refusal(
            "provision-network", "A local workspace has no network of its own.",
            "Type az ml workspace provision-network for one in Azure.",
        ),
        Refusal(
            "outbound-rule", "A local workspace has no network of its own.",
            "Type az ml workspace outbound-rule for one in Azure.",
        ),
    ),
)  # fmt: skip
