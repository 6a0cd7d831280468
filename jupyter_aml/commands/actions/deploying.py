"""`deploy`: the model of a job, a registered model or a folder becomes a deployment that answers."""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import (
    cell_jobs,
    cell_scripts,
    deployments,
    deployments_online,
    endpoints,
    pins,
    shares,
)
from jupyter_aml.commands.actions.deploying_models import Found, found_model
from jupyter_aml.commands.actions.deployments import Named, log_line
from jupyter_aml.commands.actions.endpoints import ONLINE
from jupyter_aml.commands.actions.endpoints_waiting import Progress, begun, until_done
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError

NAMES = ("blue", "green")
"""What deployments are called when nobody says."""
INSTANCE_TYPE = "Standard_DS3_v2"
SERVER = "azureml-inference-server-http"
"""What an environment needs in Azure to serve a script; here nothing is needed."""
LONGEST, SHORTEST = 32, 3
"""Characters of an endpoint's name."""
SCORE = "score.py"
CELL = "jupyter_aml.cell"
"""Tag of a deployment that a cell made, with the cell's name."""
FAILED = "Failed"


@dataclass(frozen=True)
class Plan:
    """What is deployed.

    Attributes:
        base: What the endpoint is called when nobody says.
        model: As `azureml:NAME:VERSION`; "" for none.
        code: The folder of the script; None for a model that needs none.
        script: Its path in that folder.
        cell: The name of the cell that it is the body of; run again, the cell replaces what it made.
    """

    base: str
    model: str = ""
    code: Path | None = None
    script: str = ""
    cell: str = ""


@dataclass(frozen=True)
class Held:
    """A deployment that an endpoint has: its percent of the requests, whether it failed, the cell that made it."""

    name: str
    percent: int = 0
    failed: bool = False
    cell: str = ""


def deploy(context: Context, args: Args) -> Outcome:
    """Deploy what a line names."""
    found = found_model(context, args)
    with _planned(context, args, found) as plan:
        return put(context, args, plan)


def put(context: Context, args: Args, plan: Plan) -> Outcome:
    """Deploy a plan to an endpoint, which is made where it is missing; the endpoint's card.

    Raises:
        ResourceError: The deployment failed; the sentence is its own.
        UsageError: The endpoint has no free name, or the traffic cannot be shared so.
    """
    which = _named(context, args, plan)
    known = _known(context, which.endpoint)
    which = Named(which.name or free(known or (), which.endpoint, plan.cell), which.endpoint)
    live = shares.given({one.name: one.percent for one in known or ()}, which.name, args.traffic)
    shown = endpoints.progress(context, args, ONLINE, which.endpoint)
    goes_on = f"It goes on: %aml online-endpoint show {which.endpoint} tells how far it is."
    if known is None:
        made = partial(context.client.online_endpoints.begin_create_or_update, _endpoint(args, which.endpoint))
        until_done(context, shown, made, goes_on=goes_on)
    entity = _entity(context, args, plan, which)
    deployments.pin(context, entity)
    begin = partial(context.client.online_deployments.begin_create_or_update, entity, skip_script_validation=True)
    if args.no_wait:
        begun(begin)
        return _begun(context, which)
    remedy = log_line(deployments.ONLINE, which)
    until_done(context, shown, begin, goes_on=goes_on, deployment=which.name, remedy=remedy)
    return _ended(context, args, which, live, shown)


def endpoint_name(text: str, workspace: str = "") -> str:
    """A name for an endpoint after what it serves, such as `iris-model` for `iris_model`.

    Args:
        text: Of the model.
        workspace: In Azure its id, because there a name must be the only one of its region; "" here.
    """
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    name = name if name[:1].isalpha() else f"model-{name}".rstrip("-")
    suffix = f"-{hashlib.sha256(workspace.encode()).hexdigest()[:5]}" if workspace else ""
    name = name[: LONGEST - len(suffix)].strip("-") + suffix
    return name if len(name) >= SHORTEST else f"{name}-endpoint"


def _named(context: Context, args: Args, plan: Plan) -> Named:
    """The deployment and its endpoint, as said or made up; a deployment that is not named yet has no name."""
    given = args.endpoint_name
    workspace = "" if context.place == "LOCAL" else str(context.connection.workspace_path)
    return Named(str(args.deployment_name or ""), str(given or endpoint_name(plan.base, workspace)))


def _known(context: Context, endpoint: str) -> list[Held] | None:
    """The deployments of an endpoint; None where there is no such endpoint."""
    if not endpoints.exists(context, ONLINE, endpoint):
        return None
    traffic = context.client.online_endpoints.get(endpoint).traffic or {}
    return [
        Held(
            one.name, int(traffic.get(one.name) or 0), one.provisioning_state == FAILED, (one.tags or {}).get(CELL, "")
        )
        for one in context.client.online_deployments.list(endpoint)
    ]


def free(known: Sequence[Held], endpoint: str, cell: str) -> str:
    """The name of a deployment that nobody named: that which the same cell made, one that failed, or a free one.

    Raises:
        UsageError: All are taken.
    """
    again = [one.name for one in known if cell and one.cell == cell]
    failed = [one.name for one in known if one.failed and not one.percent]
    taken = {one.name for one in known}
    found = [*again, *failed, *(name for name in NAMES if name not in taken)]
    if found:
        return found[0]
    idle = min(known, key=lambda one: one.percent).name
    held = ", ".join(f"{one.name} ({one.percent} %)" for one in known)
    msg = f"The endpoint {endpoint} has {held} already."
    raise UsageError(msg, remedy=f"Add --name {idle} to replace it, or --name NAME for one more.")


def _endpoint(args: Args, name: str) -> Any:
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    return ManagedOnlineEndpoint(name=name, auth_mode=args.get("auth_mode") or "key")


def _entity(context: Context, args: Args, plan: Plan, which: Named) -> Any:
    """The SDK's deployment of a plan."""
    from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment, OnlineRequestSettings

    code = CodeConfiguration(code=str(plan.code), scoring_script=plan.script) if plan.code is not None else None
    environment = cell_jobs.environment(args.environment)
    if environment is None and plan.code is not None:
        environment = pins.recorded(context, pins.python_files(plan.code), more=(SERVER,))
    settings = None
    if args.timeout:
        settings = OnlineRequestSettings(request_timeout_ms=1000 * cell_jobs.seconds(args.timeout))
    return ManagedOnlineDeployment(
        name=which.name,
        endpoint_name=which.endpoint,
        tags={CELL: plan.cell} if plan.cell else {},
        model=plan.model or None,
        code_configuration=code,
        environment=environment,
        environment_variables={key: str(value) for key, value in args.env_var.items()},
        instance_type=args.instance_type or INSTANCE_TYPE,
        instance_count=args.instance_count or 1,
        request_settings=settings,
        app_insights_enabled=bool(args.app_insights),
        data_collector=_collector(scripted=plan.code is not None) if args.collect else None,
    )


def _collector(*, scripted: bool) -> Any:
    """Keeps what comes in and goes out; a script may collect more itself. Source: azureml-ai-monitoring."""
    from azure.ai.ml.entities import DataCollector, DeploymentCollection

    names = ("request", "response", *(("model_inputs", "model_outputs") if scripted else ()))
    return DataCollector(collections={name: DeploymentCollection(enabled="true") for name in names})


@contextlib.contextmanager
def _planned(context: Context, args: Args, found: Found) -> Iterator[Plan]:
    """The plan of a model with its script, which lies in a folder of its own until the block ends."""
    if args.script:
        with tempfile.TemporaryDirectory(prefix="jupyter_aml-") as temporary:
            code = Path(temporary) / "code"
            code.mkdir()
            for path in (args.script, *args.code):
                cell_scripts.include(context, str(path), code)
            yield Plan(found.name, found.reference, code, Path(args.script).name)
        return
    if found.code is not None:
        yield Plan(found.name, "", found.code, SCORE)
        return
    yield Plan(found.name, found.reference)


def _begun(context: Context, which: Named) -> Outcome:
    message = (
        f"{which} is being made; %aml online-endpoint show {which.endpoint} tells how far it is. "
        f'Then type %aml online-endpoint update {which.endpoint} --traffic "{which.name}=100".'
    )
    return Outcome(None, place=context.place, message=message)


def _ended(context: Context, args: Args, which: Named, live: Mapping[str, int] | None, shown: Progress) -> Outcome:
    """The card of the endpoint, once the new deployment has its share of the requests."""
    if live is not None:
        deployments_online.share(context, Args({**args, "var": None, "output": "none"}), which.endpoint, live)
    entity = endpoints.fetch(context, ONLINE, which.endpoint)
    percent = int((entity.traffic or {}).get(which.name) or 0)
    message = f"{which} is ready and gets {percent} % of the requests."
    found = shown.handed(endpoints.outcome(context, ONLINE, entity, message, next_lines(which, percent)))
    if args.get("var"):
        context.bind(args.var, found)
    return found


def next_lines(which: Named, percent: int) -> Sequence[str]:
    """What to type after a deployment is ready."""
    asked = f"%aml invoke {which.endpoint} {{df.head()}}"
    log = f"%aml online-deployment get-logs --name {which.name} --endpoint-name {which.endpoint}"
    if percent:
        return asked, f"%aml online-endpoint snippet {which.endpoint} --as curl", log
    whole = f'%aml online-endpoint update {which.endpoint} --traffic "{which.name}=100"'
    return f"{asked} --deployment {which.name}", whole, log
