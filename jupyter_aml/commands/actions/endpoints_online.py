"""What `online-endpoint` does beside the verbs of all endpoints: create, update, keys."""

from __future__ import annotations

from typing import Any

from jupyter_aml.commands.actions import assets, endpoints, loading
from jupyter_aml.commands.actions.endpoints import ONLINE
from jupyter_aml.commands.actions.endpoints_flags import percents, refuse_local
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError

HIDDEN = "•" * 8
"""What a notebook shows of a secret."""
SECRETS = ("primary_key", "secondary_key", "access_token")


def create(context: Context, args: Args) -> Outcome:
    """Make an endpoint from YAML, or from a name alone."""
    refuse_local(args)
    if loading.has_source(args):
        named = {**endpoints.settings(args), "auth_mode": args.auth_mode}
        entity = loading.load(ONLINE.noun, context, args, named)
    else:
        entity = managed(args)
    done = f"{entity.name} is made; it answers when it has a deployment."
    if entity.name and endpoints.exists(context, ONLINE, entity.name):
        entity.traffic = entity.traffic or endpoints.fetch(context, ONLINE, entity.name).traffic
        done = f"{entity.name} existed and is updated; its deployments and their traffic stay."
    return endpoints.sent(context, args, ONLINE, entity, done)


def managed(args: Args) -> Any:
    """An endpoint that flags alone describe."""
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    name = endpoints.name_of(args.name, ONLINE, "create")
    tags = {key: str(value) for key, value in args.tags.items()}
    entity = ManagedOnlineEndpoint(
        name=name, auth_mode=args.auth_mode or "key", description=args.description, tags=tags
    )
    assets.change(entity, args)
    return entity


def update(context: Context, args: Args) -> Outcome:
    """Change traffic, mirror traffic, or what `--set` and YAML say."""
    refuse_local(args)
    entity = endpoints.changed(context, args, ONLINE)
    if args.traffic:
        entity.traffic = percents(_merged(args.traffic), "--traffic")
    if args.mirror_traffic:
        entity.mirror_traffic = percents(args.mirror_traffic, "--mirror-traffic")
    return endpoints.sent(context, args, ONLINE, entity, f"{entity.name} is updated.")


def credentials(context: Context, args: Args) -> Outcome:
    """The keys or token of an endpoint; a notebook gets the object and shows no secret."""
    name = endpoints.name_of(args.name, ONLINE, "get-credentials")
    endpoints.fetch(context, ONLINE, name)
    found = context.client.online_endpoints.get_keys(name)
    fields = {key: value for key, value in vars(found).items() if not key.startswith("_") and value is not None}
    if context.namespace is None:
        return Outcome(found, kind="record", value={_camel(key): value for key, value in fields.items()})
    shown = {key: HIDDEN if key in SECRETS else value for key, value in fields.items()}
    secret = next((key for key in SECRETS if key in fields), "primary_key")
    return Outcome(
        found, kind="record", value={"name": name, **shown}, place=context.place, title="credentials",
        message=f"No secret is shown; assign it: keys = %aml online-endpoint get-credentials {name}, keys.{secret}",
    )  # fmt: skip


def regenerate(context: Context, args: Args) -> Outcome:
    """Give an endpoint a new primary or secondary key; the other one goes on opening it."""
    name = endpoints.name_of(args.name, ONLINE, "regenerate-keys")
    endpoints.fetch(context, ONLINE, name)
    context.client.online_endpoints.begin_regenerate_keys(name, key_type=args.key_type).result()
    message = f"The {args.key_type} key of {name} is a new one; the old one opens it no more."
    return Outcome(None, place=context.place, message=message)


def _merged(traffic: Any) -> dict[str, object]:
    """Pairs of one flag, however they were written.

    Raises:
        UsageError: They do not sum to 100, nor to 0.
    """
    found = dict(traffic)
    total = sum(percents(found, "--traffic").values())
    if total not in (0, 100):
        msg = f"--traffic {' '.join(f'{key}={value}' for key, value in found.items())} sums to {total}, not 100."
        raise UsageError(msg, remedy='Set it again, e.g. --traffic "blue=90 green=10".')
    return found


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
