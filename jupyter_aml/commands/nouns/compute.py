"""`compute`: where jobs run."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from jupyter_aml.commands.actions import assets, attaching, flags, loading, near, references
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag, Noun, Positional, Refusal, Run, Verb
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError

COLUMNS = ("name", "type", "size", "min=min_instances", "max=max_instances", "state=provisioning_state")
NAME = Positional("name", "The name.", completes="compute")
WHICH = flags.name("compute")
TYPES = ("amlcompute", "computeinstance")
BODY = "name: many\ntype: amlcompute\nsize: Standard_DS3_v2\nmax_instances: 4"


def _outcome(context: Context, entity: Any, message: str = "") -> Outcome:
    get, name = context.client.compute.get, entity.name
    return Outcome(
        entity, kind="entity", place=context.place, title="compute", message=message, again=lambda: get(name)
    )


def _create(context: Context, args: Args) -> Outcome:
    if loading.has_source(args):
        named = {
            "name": args.name, "type": args.type, "size": args.size, "min_instances": args.min_instances,
            "max_instances": args.max_instances, "description": args.description, "location": args.location,
        }  # fmt: skip
        entity = loading.load("compute", context, args, named)
    else:
        entity = _from_flags(args)
    poller = context.client.compute.begin_create_or_update(entity)
    if args.no_wait:
        return Outcome(None, place=context.place, message=f"{entity.name} is being made.")
    poller.result()
    return _outcome(context, context.client.compute.get(entity.name), f"{entity.name} is ready.")


def _from_flags(args: Args) -> Any:
    if not args.name:
        msg = "compute create needs a name or a YAML file."
        raise UsageError(msg, remedy="For example: %aml compute create many --max-instances 4")
    from azure.ai.ml import entities

    fields: dict[str, Any] = {"name": args.name, "description": args.description, "size": args.size}
    if args.type == "computeinstance":
        wrong = [flag for flag in ("min_instances", "max_instances") if args[flag] is not None]
        if wrong:
            msg = f"A compute instance has no --{wrong[0].replace('_', '-')}."
            raise UsageError(msg, remedy="Leave it out, or use --type amlcompute.")
        return entities.ComputeInstance(**fields)
    least, most = (
        args.min_instances or 0,
        args.max_instances if args.max_instances is not None else max(args.min_instances or 0, 1),
    )
    return entities.AmlCompute(
        min_instances=least, max_instances=most, idle_time_before_scale_down=args.idle_time_before_scale_down,
        tier=args.tier, location=args.location, **fields,
    )  # fmt: skip


def _list(context: Context, args: Args) -> Outcome:
    found = list(itertools.islice(context.client.compute.list(compute_type=args.type), args.max_results))
    return Outcome(found, kind="table", columns=COLUMNS, place=context.place, title="compute")


def _show(context: Context, args: Args) -> Outcome:
    return _outcome(context, _get(context, references.required(args, "compute show")))


def _get(context: Context, name: str) -> Any:
    asked = context.client.compute
    return near.looked_up(lambda: asked.get(name), "compute", name, asked.list)


def _delete(context: Context, args: Args) -> Outcome:
    name = _get(context, references.required(args, "compute delete")).name
    context.confirm(f"Delete the compute {name}?", yes=args.yes)
    poller = context.client.compute.begin_delete(name)
    if not args.no_wait:
        poller.result()
    return Outcome(None, place=context.place, message=f"{name} is deleted.")


def _attach(context: Context, args: Args) -> Outcome:
    entity = attaching.entity(context, args)
    poller = context.client.compute.begin_attach(entity)
    if args.no_wait:
        return Outcome(None, place=context.place, message=f"{entity.name} is being attached.")
    poller.result()
    return _outcome(context, context.client.compute.get(entity.name), f"{entity.name} is attached.")


def _detach(context: Context, args: Args) -> Outcome:
    name = _get(context, references.required(args, "compute detach")).name
    context.confirm(f"Detach the compute {name}?", yes=args.yes)
    poller = context.client.compute.begin_delete(name, action="Detach")
    if not args.no_wait:
        poller.result()
    return Outcome(None, place=context.place, message=f"{name} is detached.")


def _act(verb: str, done: str) -> Run:
    def run(context: Context, args: Args) -> Outcome:
        name = _get(context, references.required(args, f"compute {verb}")).name
        begin: Callable[..., Any] = getattr(context.client.compute, f"begin_{verb}")
        poller = begin(name)
        if args.no_wait:
            return Outcome(None, place=context.place, message=f"{name}: {verb} is asked for.")
        poller.result()
        return _outcome(context, context.client.compute.get(name), f"{name} is {done}.")

    return run


def _update(context: Context, args: Args) -> Outcome:
    name = references.required(args, "compute update")
    entity = _get(context, name)
    for key in ("min_instances", "max_instances", "idle_time_before_scale_down"):
        if args[key] is not None:
            if not hasattr(entity, key):
                msg = f"{name} is a {entity.type}; only clusters have --{key.replace('_', '-')}."
                raise UsageError(msg)
            setattr(entity, key, args[key])
    assets.change(entity, args)
    context.client.compute.begin_update(entity).result()
    return _outcome(context, context.client.compute.get(name), f"{name} is updated.")


def _list_sizes(context: Context, args: Args) -> Outcome:
    kind = {"amlcompute": "AmlCompute", "computeinstance": "ComputeInstance"}.get(args.type or "")
    found = list(context.client.compute.list_sizes(location=args.location, compute_type=kind))
    columns = ("name", "cores=v_cpus", "memory_gb", "gpus", "family")
    return Outcome(found, kind="table", columns=columns, place=context.place, title="sizes")


def _list_usage(context: Context, args: Args) -> Outcome:
    found = list(context.client.compute.list_usage(location=args.location))
    columns = ("name=name.localized_value", "used=current_value", "limit", "unit")
    return Outcome(found, kind="table", columns=columns, place=context.place, title="usage")


def _list_nodes(context: Context, args: Args) -> Outcome:
    name = references.required(args, "compute list-nodes")
    found = list(context.client.compute.list_nodes(name))
    return Outcome(found, kind="table", place=context.place, title=f"nodes of {name}")


LOCATION = Flag("location", "The region.", "l")
TYPE = Flag("type", "Clusters or instances.", "t", choices=TYPES)
MIN = Flag("min-instances", "Nodes that always run.", kind="int")
MAX = Flag("max-instances", "Nodes at most.", kind="int")
IDLE = Flag("idle-time-before-scale-down", "Seconds until an idle node goes.", kind="int")

NOUN = Noun(
    "compute",
    "Where jobs run: clusters, instances, this machine.",
    (
        Verb(
            "create", "Make a cluster or an instance.", _create,
            flags=(
                flags.FILE, flags.name("compute"), flags.DESCRIPTION, flags.SET, flags.NO_WAIT, LOCATION, TYPE, MIN,
                MAX, IDLE, Flag("size", "The size of a node.", "s"), Flag("tier", "Dedicated or low_priority."),
            ),
            positionals=(Positional("name", "The name."),), cell=True, body="yaml",
            examples=("%aml compute create many --max-instances 4", f"%%aml compute\n{BODY}"),
        ),
        Verb("list", "List them.", _list, flags=(flags.MOST, TYPE), examples=("%aml compute list",)),
        Verb("show", "Show one.", _show, flags=(WHICH,), positionals=(NAME,), examples=("%aml compute show local",)),
        Verb(
            "delete", "Delete one.", _delete, flags=(WHICH, flags.YES, flags.NO_WAIT), positionals=(NAME,),
            examples=("%aml compute delete cluster --yes",),
        ),
        Verb(
            "update", "Change how far a cluster scales.", _update,
            flags=(WHICH, MIN, MAX, IDLE, flags.DESCRIPTION, flags.TAGS, flags.SET), positionals=(NAME,),
            examples=("%aml compute update cluster --max-instances 2",),
        ),
        Verb(
            "attach", "Attach a cluster that runs elsewhere.", _attach, flags=(*attaching.FLAGS, MAX),
            positionals=(Positional("name", "The name."),),
            examples=(
                "%aml compute attach lab --type dask --address tcp://127.0.0.1:8786 --max-instances 2",
                "%aml compute attach sparks --type spark --address spark://127.0.0.1:7077",
            ),
        ),
        Verb(
            "detach", "Forget a cluster that was attached; it goes on running.", _detach,
            flags=(WHICH, flags.YES, flags.NO_WAIT), positionals=(NAME,),
            examples=("%aml compute detach elsewhere --yes",),
        ),
        Verb("start", "Start an instance.", _act("start", "running"), flags=(WHICH, flags.NO_WAIT), positionals=(NAME,),
             examples=("%aml compute start desk",)),
        Verb("stop", "Stop an instance.", _act("stop", "stopped"), flags=(WHICH, flags.NO_WAIT), positionals=(NAME,),
             examples=("%aml compute stop desk",)),
        Verb("restart", "Restart an instance.", _act("restart", "running"), flags=(WHICH, flags.NO_WAIT),
             positionals=(NAME,), examples=("%aml compute restart desk",)),
        Verb("list-sizes", "List the sizes of nodes.", _list_sizes, flags=(LOCATION, TYPE),
             examples=("%aml compute list-sizes",)),
        Verb("list-usage", "Show how much of the quota is used.", _list_usage, flags=(LOCATION,),
             examples=("%aml compute list-usage",)),
        Verb("list-nodes", "List the nodes of a cluster.", _list_nodes, flags=(WHICH,), positionals=(NAME,),
             examples=("%aml compute list-nodes local",)),
    ),
    refusals=(
        Refusal(
            "resize", "A node here is this machine.",
            "Type %aml compute update NAME --max-instances 4 for how many jobs run at once.",
        ),
        Refusal(
            "connect-ssh", "A compute here is this machine.",
            "Open a terminal; %aml job logs JOB --follow shows what runs.",
        ),
        Refusal(
            "enable-sso", "A compute here is this machine, and who is signed in to it may use it.",
            "Type %aml whoami to see who you are.",
        ),
    ),
)  # fmt: skip
