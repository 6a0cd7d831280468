"""Verbs that data, environments, models and components share: list, show, archive, restore, update."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyter_aml.commands.actions import flags, loading, near, references
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag, Positional, Run, Verb
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError


@dataclass(frozen=True)
class Kind:
    """What there are several of in a workspace: a kind of asset, of endpoint, of deployment.

    Args:
        noun: The word on the line and of its loader.
        attribute: Where `MLClient` keeps its operations.
        columns: Of a list of versions.
        example: The name of one in examples.
    """

    noun: str
    attribute: str
    columns: tuple[str, ...]
    example: str


CONTAINERS = ("name", "latest=latest_version", "created=creation_context.created_at")


def operations(context: Context, kind: Kind) -> Any:
    """The SDK's operations of the kind."""
    return getattr(context.client, kind.attribute)


def shared_verbs(kind: Kind) -> tuple[Verb, ...]:
    """The verbs that every kind of asset has."""
    name = Positional("name", "NAME, NAME:VERSION or NAME@LABEL.", completes=kind.noun)
    which = (flags.name(kind.noun), flags.VERSION, flags.LABEL)
    typed, example = f"%aml {kind.noun}", kind.example
    return (
        Verb(
            "list", f"List {kind.noun} assets, or the versions of one.", _list(kind),
            flags=(flags.name(kind.noun), flags.MOST, flags.ARCHIVED_ONLY, flags.INCLUDE_ARCHIVED),
            positionals=(name,), examples=(f"{typed} list", f"{typed} list {example}"),
        ),
        Verb(
            "show", "Show one version, by default the latest.", _show(kind), flags=which, positionals=(name,),
            examples=(f"{typed} show {example}", f"{typed} show {example}@latest -o json"),
        ),
        Verb(
            "archive", "Hide a version, or all of a name.", _switch(kind, "archive"), flags=which,
            positionals=(name,), examples=(f"{typed} archive {example}",),
        ),
        Verb(
            "restore", "Bring back what was archived.", _switch(kind, "restore"), flags=which, positionals=(name,),
            examples=(f"{typed} restore {example}",),
        ),
        Verb(
            "update", "Change tags and description of a version.", _update(kind),
            flags=(*which, flags.DESCRIPTION, flags.TAGS, flags.SET), positionals=(name,),
            examples=(f"{typed} update {example}@latest --set tags.checked=yes",),
        ),
    )  # fmt: skip


def create_flags(noun: str, *more: Flag) -> tuple[Flag, ...]:
    """The flags of `create`: the file, the names that override it, and more."""
    return (flags.FILE, flags.name(noun), flags.VERSION, flags.DESCRIPTION, flags.TAGS, flags.SET, *more)


def named(args: Args) -> dict[str, Any]:
    """The fields that flags give, for `loading.load`; a name may carry its version as NAME:VERSION."""
    found: dict[str, Any] = {"description": args.get("description"), "tags": args.get("tags") or None}
    if args.get("name"):
        reference = references.parse(str(args["name"]), args.get("version"))
        if reference.label:
            msg = f"{args['name']}: a label cannot be created, it points to a version."
            raise UsageError(msg, remedy=f"Write {reference.name} or {reference.name}:1.")
        return {**found, "name": reference.name, "version": reference.version or None}
    return {**found, "version": args.get("version")}


def made(context: Context, kind: Kind, entity: Any) -> Outcome:
    """Send an entity, and its outcome."""
    created = operations(context, kind).create_or_update(entity)
    return outcome(context, kind, created, f"{created.name}:{created.version} is registered.")


def outcome(context: Context, kind: Kind, entity: Any, message: str = "") -> Outcome:
    """One version as a card."""
    place, get = context.place, operations(context, kind).get
    name, version = entity.name, entity.version
    return Outcome(
        entity, kind="entity", place=place, title=kind.noun, message=message, again=lambda: get(name, version=version)
    )


def reference(args: Args, kind: Kind, verb: str) -> references.Reference:
    """Which asset a line means."""
    return references.parse(references.required(args, f"{kind.noun} {verb}"), args.get("version"), args.get("label"))


def fetch(context: Context, kind: Kind, which: references.Reference) -> Any:
    """One version from the workspace."""
    asked = operations(context, kind)
    return near.looked_up(lambda: asked.get(which.name, **which.chosen), kind.noun, str(which), asked.list)


def view(args: Args) -> Any:
    """The SDK's list view that the flags ask for."""
    from azure.ai.ml.constants import ListViewType

    if args.archived_only and args.include_archived:
        msg = "--archived-only and --include-archived exclude each other."
        raise UsageError(msg, remedy="Leave one out.")
    if args.archived_only:
        return ListViewType.ARCHIVED_ONLY
    return ListViewType.ALL if args.include_archived else ListViewType.ACTIVE_ONLY


def limited(items: Any, most: int | None, noun: str) -> tuple[list[Any], str]:
    """The first items, and a sentence when there are more."""
    found = list(itertools.islice(iter(items), most + 1 if most else None))
    if most and len(found) > most:
        return found[:most], f"The first {most}; %aml {noun} list --max-results {most * 4} shows more."
    return found, ""


def _list(kind: Kind) -> Run:
    def run(context: Context, args: Args) -> Outcome:
        name = str(args["name"]).removeprefix("azureml:") if args.get("name") else None
        asked = operations(context, kind)
        found, note = limited(asked.list(name=name, list_view_type=view(args)), args.max_results, kind.noun)
        if name and not found and not args.archived_only:
            found = [fetch(context, kind, references.Reference(name))]
        columns = kind.columns if name else CONTAINERS
        title = f"{kind.noun} {name}" if name else kind.noun
        return Outcome(found, kind="table", columns=columns, place=context.place, title=title, message=note)

    return run


def _show(kind: Kind) -> Run:
    def run(context: Context, args: Args) -> Outcome:
        return outcome(context, kind, fetch(context, kind, reference(args, kind, "show")))

    return run


def _switch(kind: Kind, verb: str) -> Run:
    def run(context: Context, args: Args) -> Outcome:
        which = reference(args, kind, verb)
        chosen = which.chosen if which.version or which.label else {}
        act: Callable[..., Any] = getattr(operations(context, kind), verb)
        act(which.name, **chosen)
        return Outcome(None, place=context.place, message=f"{which} is {verb}d.")

    return run


def _update(kind: Kind) -> Run:
    def run(context: Context, args: Args) -> Outcome:
        entity = fetch(context, kind, reference(args, kind, "update"))
        change(entity, args)
        updated = operations(context, kind).create_or_update(entity)
        return outcome(context, kind, updated, f"{updated.name}:{updated.version} is updated.")

    return run


def change(entity: Any, args: Args) -> None:
    """Put tags, description and `--set` paths into an entity.

    Raises:
        UsageError: A path that cannot be changed.
    """
    if args.get("description") is not None:
        entity.description = args["description"]
    if args.get("tags"):
        entity.tags = {**(entity.tags or {}), **{key: str(value) for key, value in args["tags"].items()}}
    for one in loading.overrides(args.get("set") or ()):
        for path, value in one.items():
            _set(entity, path, value)


def _set(entity: Any, path: str, value: Any) -> None:
    field, dot, key = path.partition(".")
    if not hasattr(entity, field) or field.startswith("_"):
        known = ", ".join(sorted(name for name in vars(entity) if not name.startswith("_")))
        msg = f"--set {path}: there is no field {field!r}."
        raise UsageError(msg, why=f"Its fields are {known}.")
    held = getattr(entity, field)
    if not dot:
        setattr(entity, field, value)
    elif isinstance(held, dict) or held is None:
        setattr(entity, field, {**(held or {}), key: value})
    else:
        _set(held, key, value)
