"""What online and batch deployments have in common: found by two names, listed, shown, deleted, sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import assets, endpoints, endpoints_flags, flags, loading, near, references
from jupyter_aml.commands.actions.endpoints import Kind as Endpoints
from jupyter_aml.commands.actions.endpoints_waiting import EndpointCard, begun, until_done
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Flag, Positional, Run, Verb
from jupyter_aml.commands.outcome import Outcome, unwrap
from jupyter_aml.errors import NotFoundError, UsageError

NUMBERS = (
    "instance_count", "request_timeout_ms", "max_concurrent_requests_per_instance", "max_queue_wait_ms",
    "initial_delay", "period", "timeout", "failure_threshold", "success_threshold", "min_instances", "max_instances",
    "polling_interval", "target_utilization_percentage", "mini_batch_size", "error_threshold", "max_retries",
    "max_concurrency_per_instance",
)  # fmt: skip
"""Fields of deployments and their settings that are whole numbers."""
SWITCHES = ("app_insights_enabled",)
"""Fields that are true or false."""
_LABEL = re.compile(r"^(?:azureml:)?(?P<name>[^/:@]+)@(?P<label>[\w-]+)$")


@dataclass(frozen=True)
class Kind(assets.Kind):
    """A kind of deployment.

    Args:
        endpoints: The kind of its endpoint.
    """

    endpoints: Endpoints


ONLINE = Kind(
    "online-deployment", "online_deployments",
    ("name", "state=provisioning_state", "model", "instances=instance_count", "type=instance_type"), "blue",
    endpoints.ONLINE,
)  # fmt: skip
BATCH = Kind(
    "batch-deployment", "batch_deployments",
    ("name", "state=provisioning_state", "model", "compute", "instances=resources.instance_count"), "trees",
    endpoints.BATCH,
)  # fmt: skip


@dataclass(frozen=True)
class Named:
    """A deployment and its endpoint."""

    name: str
    endpoint: str

    def __str__(self) -> str:
        """As `iris/blue`."""
        return f"{self.endpoint}/{self.name}"


def named(args: Args, kind: Kind, verb: str) -> Named:
    """The deployment that a line means: `--name` and `--endpoint-name`, or `ENDPOINT/NAME`.

    Raises:
        UsageError: One of the two is missing.
    """
    given = unwrap(args.get("name"))
    name = given if isinstance(given, str) else str(getattr(given, "name", None) or "")
    endpoint = args.get("endpoint_name") or getattr(given, "endpoint_name", None) or ""
    before, slash, after = name.partition("/")
    if slash and not endpoint:
        endpoint, name = before, after
    if name and endpoint:
        return Named(name, str(endpoint))
    missing = "the name of a deployment" if not name else "the name of its endpoint"
    msg = f"{kind.noun} {verb} needs {missing}."
    example = f"--name {name or kind.example} --endpoint-name {endpoint or kind.endpoints.example}"
    raise UsageError(msg, remedy=f"Type for example %aml {kind.noun} {verb} {example}.")


def fetch(context: Context, kind: Kind, which: Named) -> Any:
    """One deployment from the workspace.

    Raises:
        NotFoundError: There is none, or no such endpoint; the nearest name is offered.
    """
    asked = assets.operations(context, kind)
    try:
        return asked.get(which.name, which.endpoint)
    except Exception as error:
        if not near.is_missing(error):
            raise
    endpoints.fetch(context, kind.endpoints, which.endpoint)
    known = near.known(lambda: asked.list(which.endpoint))
    listed = ", ".join(known) or "none yet"
    msg = f"The endpoint {which.endpoint} has no deployment {which.name!r}; it has {listed}."
    remedy = f"Type %aml {kind.noun} list --endpoint-name {which.endpoint} to see them."
    raise NotFoundError(msg, remedy=remedy) from None


def outcome(context: Context, kind: Kind, entity: Any, message: str = "") -> Outcome:
    """A deployment as a card."""
    get, name, endpoint = assets.operations(context, kind).get, entity.name, entity.endpoint_name
    return Outcome(
        entity, kind="entity", place=context.place, title=f"{kind.noun} of {endpoint}", message=message,
        again=lambda: get(name, endpoint),
    )  # fmt: skip


def loaded(context: Context, args: Args, kind: Kind) -> Any:
    """The deployment that YAML describes, with the names that flags give.

    Raises:
        UsageError: It has no endpoint, or its script is not there.
    """
    names = {"name": args.get("name"), "endpoint_name": args.get("endpoint_name")}
    entity = loading.load(kind.noun, context, args, names)
    if not entity.endpoint_name:
        msg = f"The {kind.noun} {entity.name} names no endpoint."
        raise UsageError(msg, remedy=f"Add --endpoint-name {kind.endpoints.example}, or endpoint_name to the YAML.")
    _refuse_without_script(entity)
    return entity


def _refuse_without_script(entity: Any) -> None:
    """Do nothing if the scoring script is a file, or lies in the workspace already.

    Raises:
        UsageError: There is no such file.
    """
    configured: Any = getattr(entity, "code_configuration", None)
    code = str(getattr(configured, "code", None) or "")
    if not code or code.startswith(("azureml:", "/subscriptions/")) or "://" in code:
        return
    script = Path(str(entity.base_path or "."), code, str(configured.scoring_script or ""))
    if not script.is_file():
        msg = f"code_configuration: there is no scoring script {script}."
        raise UsageError(msg, remedy="Write the folder of the script as code, and its file in there as scoring_script.")


def sent(context: Context, args: Args, kind: Kind, entity: Any, **options: Any) -> EndpointCard | Outcome:
    """A deployment sent to the service, and waited for unless --no-wait was given; its endpoint's card.

    What --query and pipes get is the deployment, as from az.

    Raises:
        ResourceError: It failed; the sentence is the deployment's own.
    """
    which = Named(str(entity.name), str(entity.endpoint_name))
    endpoints.fetch(context, kind.endpoints, which.endpoint)
    pin(context, entity)
    begin = partial(assets.operations(context, kind).begin_create_or_update, entity, **options)
    aml = f"%aml {kind.endpoints.noun} show {which.endpoint}"
    if args.get("no_wait"):
        begun(begin)
        return Outcome(None, place=context.place, message=f"{which} is being made; {aml} tells how far it is.")
    shown = endpoints.progress(context, args, kind.endpoints, which.endpoint)
    until_done(
        context, shown, begin, goes_on=f"It goes on: {aml} tells how far it is.", deployment=which.name,
        remedy=log_line(kind, which),
    )  # fmt: skip
    found = endpoints.fetch(context, kind.endpoints, which.endpoint)
    made = fetch(context, kind, which)
    return shown.handed(endpoints.outcome(context, kind.endpoints, found, f"{which} is ready.", value=made))


def log_line(kind: Kind, which: Named) -> str:
    """What to type for the log of a deployment that failed; "" where it has none."""
    if kind is BATCH:
        return ""
    line = f"%aml {kind.noun} get-logs --name {which.name} --endpoint-name {which.endpoint}"
    return f"Type {line} for its log."


def pin(context: Context, entity: Any) -> None:
    """Put versions in the place of labels: the SDK takes `azureml:m@latest` for a name. Source: parts.md."""
    for field, asked in (("model", context.client.models), ("environment", context.client.environments)):
        held = getattr(entity, field, None)
        found = _LABEL.match(held) if isinstance(held, str) else None
        if found is not None:
            asset = near.looked_up(
                lambda asked=asked, found=found: asked.get(found["name"], label=found["label"]),  # type: ignore[misc]
                field, f"{found['name']}@{found['label']}", asked.list,
            )  # fmt: skip
            setattr(entity, field, f"azureml:{asset.name}:{asset.version}")


def asset_of(context: Context, text: str, noun: str) -> Any:
    """A model or environment by NAME, NAME:VERSION or NAME@LABEL; the latest where it names no version."""
    which = references.parse(text)
    asked = getattr(context.client, f"{noun}s")
    return near.looked_up(lambda: asked.get(which.name, **which.chosen), noun, str(which), asked.list)


def change(entity: Any, args: Args, parts: Mapping[str, Any]) -> None:
    """Put `--set` paths, tags and description into a deployment.

    Args:
        entity: The deployment.
        args: `set`, `tags`, `description`.
        parts: What makes a settings object that the deployment does not have yet, by its field.
    """
    for one in loading.overrides(args.get("set") or ()):
        for path in one:
            field, dot, _ = path.partition(".")
            if dot and field in parts and getattr(entity, field, None) is None:
                setattr(entity, field, parts[field]())
    assets.change(entity, args)
    for holder in (entity, *(getattr(entity, field, None) for field in parts)):
        _read(holder, NUMBERS, int, "a whole number was expected", "2")
        _read(holder, SWITCHES, _truth, "true or false was expected", "true")


def _read(holder: Any, fields: Iterable[str], reader: Callable[[str], Any], expected: str, example: str) -> None:
    """Put values in the place of the texts that `--set` wrote into fields."""
    for field in fields:
        value = getattr(holder, field, None)
        if not isinstance(value, str):
            continue
        try:
            setattr(holder, field, reader(value))
        except ValueError:
            msg = f"--set {field}={value}: {expected}."
            raise UsageError(msg, remedy=f"Type for example --set {field}={example}.") from None


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def shared_verbs(kind: Kind) -> tuple[Verb, ...]:
    """The verbs that both kinds have."""
    which, line = (name_flag(), endpoints_flags.endpoint(kind.endpoints.noun)), f"%aml {kind.noun}"
    example = f"{kind.endpoints.example}/{kind.example}"
    return (
        Verb(
            "list", "List the deployments of an endpoint.", _list(kind),
            flags=(endpoints_flags.endpoint(kind.endpoints.noun), flags.MOST),
            positionals=(Positional("endpoint-name", "The endpoint.", completes=kind.endpoints.noun),),
            examples=(f"{line} list --endpoint-name {kind.endpoints.example}",),
        ),
        Verb(
            "show", "Show a deployment.", _show(kind), flags=which, positionals=(position(),),
            examples=(f"{line} show --name {kind.example} --endpoint-name {kind.endpoints.example}",
                      f"{line} show {example} -o json"),
        ),
        Verb(
            "delete", "Delete a deployment.", _delete(kind), flags=(*which, flags.YES, flags.NO_WAIT),
            positionals=(position(),), examples=(f"{line} delete {kind.endpoints.example}/spare --yes",),
        ),
    )  # fmt: skip


def name_flag() -> Flag:
    """`--name/-n` of a deployment."""
    return Flag("name", "The deployment.", "n", completes="deployment")


def position() -> Positional:
    """A deployment without a flag."""
    return Positional("name", "The deployment, or ENDPOINT/DEPLOYMENT.", kind="object", completes="deployment")


def _list(kind: Kind) -> Run:
    def run(context: Context, args: Args) -> Outcome:
        endpoint = endpoints.name_of(args.endpoint_name, kind.endpoints, f"NAME: {kind.noun} list")
        endpoints.fetch(context, kind.endpoints, endpoint)
        every: Iterable[Any] = assets.operations(context, kind).list(endpoint)
        found, note = assets.limited(every, args.max_results, kind.noun)
        title = f"deployments of {endpoint}"
        return Outcome(found, kind="table", columns=kind.columns, place=context.place, title=title, message=note)

    return run


def _show(kind: Kind) -> Run:
    def run(context: Context, args: Args) -> Outcome:
        return outcome(context, kind, fetch(context, kind, named(args, kind, "show")))

    return run


def _delete(kind: Kind) -> Run:
    def run(context: Context, args: Args) -> Outcome:
        which = named(args, kind, "delete")
        fetch(context, kind, which)
        context.confirm(f"Delete the deployment {which}?", yes=args.yes)
        begin = partial(assets.operations(context, kind).begin_delete, which.name, which.endpoint)
        if args.no_wait:
            begun(begin)
            return Outcome(None, place=context.place, message=f"{which} is being deleted.")
        shown = endpoints.progress(context, args, kind.endpoints, which.endpoint)
        until_done(context, shown, begin, goes_on="It goes on.")
        return shown.handed(EndpointCard(None, place=context.place, message=f"{which} is deleted."))

    return run
