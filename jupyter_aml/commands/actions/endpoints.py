"""What online and batch endpoints have in common: found by name, listed, shown, deleted, waited for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from jupyter_aml.client.rest import Rest
from jupyter_aml.commands.actions import assets, endpoints_card, flags, loading, near
from jupyter_aml.commands.actions.endpoints_waiting import EndpointCard, Progress, begun, until_done
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag, Positional, Run, Verb
from jupyter_aml.commands.outcome import Outcome, unwrap
from jupyter_aml.errors import UsageError


@dataclass(frozen=True)
class Kind(assets.Kind):
    """A kind of endpoint.

    Args:
        segment: In Resource Manager.
    """

    segment: str


ONLINE = Kind(
    "online-endpoint", "online_endpoints",
    ("name", "auth=auth_mode", "state=provisioning_state", "traffic", "mirror=mirror_traffic", "uri=scoring_uri"),
    "iris", endpoints_card.ONLINE,
)  # fmt: skip
BATCH = Kind(
    "batch-endpoint", "batch_endpoints",
    ("name", "default=defaults.deployment_name", "state=provisioning_state", "uri=scoring_uri"), "nightly",
    endpoints_card.BATCH,
)  # fmt: skip


def name_of(value: Any, kind: Kind, verb: str) -> str:
    """The name of the endpoint that a word or `{endpoint}` means.

    Raises:
        UsageError: None was named.
    """
    found = unwrap(value)
    name = found if isinstance(found, str) else getattr(found, "name", None)
    if isinstance(name, str) and name:
        return name
    msg = f"{kind.noun} {verb} needs the name of an endpoint."
    raise UsageError(msg, remedy=f"Type %aml {kind.noun} list to see them.")


def fetch(context: Context, kind: Kind, name: str) -> Any:
    """One endpoint from the workspace.

    Raises:
        NotFoundError: There is none; the nearest name is offered.
    """
    asked = assets.operations(context, kind)
    return near.looked_up(lambda: asked.get(name), kind.noun, name, asked.list)


def exists(context: Context, kind: Kind, name: str) -> bool:
    """Whether there is such an endpoint."""
    try:
        assets.operations(context, kind).get(name)
    except Exception as error:
        if near.is_missing(error):
            return False
        raise
    return True


def progress(context: Context, args: Args, kind: Kind, name: str) -> Progress:
    """What draws an endpoint while something is done to it."""
    rest = Rest(context.connection)
    return Progress(context, args, lambda: endpoints_card.snapshot(rest, name, kind.segment))


def outcome(
    context: Context, kind: Kind, entity: Any, message: str = "", lines: Sequence[str] = (), *, value: Any = None
) -> EndpointCard:
    """An endpoint as a card; `lines` are what to type next, `value` what --query and pipes get in its place."""
    get, name = assets.operations(context, kind).get, str(entity.name)
    rest = Rest(context.connection)

    def details() -> dict[str, Any]:
        return {**endpoints_card.snapshot(rest, name, kind.segment), "next": list(lines)}

    card = EndpointCard(
        entity, kind="endpoint", place=context.place, title=kind.noun, message=message, again=lambda: get(name),
        details=details, value=value,
    )  # fmt: skip
    card.beside = lambda: context.tester(context.connection, name, kind.segment)
    return card


def sent(context: Context, args: Args, kind: Kind, entity: Any, done: str) -> Outcome:
    """An endpoint sent to the service, and waited for unless --no-wait was given.

    Args:
        context: Who sends it.
        args: `no_wait` and `var`.
        kind: Of the endpoint.
        entity: The SDK's endpoint.
        done: The sentence when it is done.
    """
    begin = partial(assets.operations(context, kind).begin_create_or_update, entity)
    if args.get("no_wait"):
        begun(begin)
        message = f"{entity.name} is being changed; %aml {kind.noun} show {entity.name} tells how far it is."
        return Outcome(None, place=context.place, message=message)
    shown = progress(context, args, kind, entity.name)
    until_done(context, shown, begin, goes_on=_goes_on(kind, entity.name))
    found = shown.handed(outcome(context, kind, fetch(context, kind, entity.name), done))
    if args.get("var"):
        context.bind(args.var, found)
    return found


def shared_verbs(kind: Kind) -> tuple[Verb, ...]:
    """The verbs that both kinds have."""
    which, name = name_flag(kind), position(kind)
    typed = f"%aml {kind.noun}"
    return (
        Verb("list", "List the endpoints.", _list(kind), flags=(flags.MOST,), examples=(f"{typed} list",)),
        Verb(
            "show", "Show an endpoint: its address, its deployments, who gets its requests.", _show(kind),
            flags=(which,), positionals=(name,),
            examples=(f"{typed} show {kind.example}", f"{typed} show {kind.example} -o json"),
        ),
        Verb(
            "delete", "Delete an endpoint with its deployments.", _delete(kind),
            flags=(which, flags.YES, flags.NO_WAIT), positionals=(name,),
            examples=(f"{typed} delete {kind.example} --yes",),
        ),
    )  # fmt: skip


def name_flag(kind: Kind) -> Flag:
    """`--name/-n` of an endpoint."""
    return Flag("name", "The endpoint, or {endpoint}.", "n", kind="object", completes=kind.noun)


def position(kind: Kind) -> Positional:
    """An endpoint without a flag."""
    return Positional("name", "The endpoint, or {endpoint}.", kind="object", completes=kind.noun)


def settings(args: Args) -> dict[str, Any]:
    """The fields that flags give, for `loading.load`."""
    name = args.get("name")
    return {
        "name": name_of(name, ONLINE, "create") if name is not None else None,
        "description": args.get("description"),
        "tags": args.get("tags") or None,
    }


def changed(context: Context, args: Args, kind: Kind) -> Any:
    """An endpoint that there is, as YAML or `--set` and its like want it.

    Raises:
        NotFoundError: There is none.
    """
    if loading.has_source(args):
        entity = loading.load(kind.noun, context, args, settings(args))
        fetch(context, kind, entity.name)
        return entity
    entity = fetch(context, kind, name_of(args.name, kind, "update"))
    assets.change(entity, args)
    return entity


def _goes_on(kind: Kind, name: str) -> str:
    return f"It goes on: %aml {kind.noun} show {name} tells how far it is."


def _list(kind: Kind) -> Run:
    def run(context: Context, args: Args) -> Outcome:
        every: Iterable[Any] = assets.operations(context, kind).list()
        found, note = assets.limited(every, args.max_results, kind.noun)
        return Outcome(found, kind="table", columns=kind.columns, place=context.place, title=kind.noun, message=note)

    return run


def _show(kind: Kind) -> Run:
    def run(context: Context, args: Args) -> Outcome:
        return outcome(context, kind, fetch(context, kind, name_of(args.name, kind, "show")))

    return run


def _delete(kind: Kind) -> Run:
    def run(context: Context, args: Args) -> Outcome:
        name = str(fetch(context, kind, name_of(args.name, kind, "delete")).name)
        context.confirm(f"Delete the endpoint {name} with its deployments?", yes=args.yes)
        begin = partial(assets.operations(context, kind).begin_delete, name)
        if args.no_wait:
            begun(begin)
            return Outcome(None, place=context.place, message=f"{name} is being deleted.")
        shown = progress(context, args, kind, name)
        until_done(context, shown, begin, goes_on=_goes_on(kind, name))
        return shown.handed(EndpointCard(None, place=context.place, message=f"{name} is deleted."))

    return run
