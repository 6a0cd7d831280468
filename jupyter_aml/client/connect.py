"""`connect`: a real `MLClient` for the local workspace or for one in Azure.

Nobody reaches Azure by accident: a bare `connect()` is the local workspace, unless a profile of Azure was chosen
by name before; `JUPYTER_AML_OFFLINE=1` refuses the cloud.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_aml.client import adopt as adoption
from jupyter_aml.client import (
    clouds,
    config_file,
    local,
    notices,
    protocol,
    seams,
    services,
    targets,
    tracking,
    warm,
)
from jupyter_aml.client.connection import Connection
from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.client.sign_in import AzureSignIn, Prompt, nobody
from jupyter_aml.client.targets import Target
from jupyter_aml.errors import ConnectError
from jupyter_aml.local.doors import requests as door
from jupyter_aml.local.store.catalogue import default_home

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

OFFLINE = "JUPYTER_AML_OFFLINE"

_lock = threading.Lock()
_current: Connection | None = None
_client: Any = None


@dataclass(frozen=True)
class Wishes:
    """What was asked of `connect` beside the target."""

    home: Path
    identity: str = ""
    profile: str = ""
    sign_in: str = ""
    tenant: str = ""
    client: str = ""
    cloud: str = ""
    credential: Any = None
    prompt: Any = None
    notes: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def connect(
    target: str | None = None,
    *,
    subscription_id: str = "",
    resource_group_name: str = "",
    workspace_name: str = "",
    adopt: bool = False,
    identity: str = "",
    credential: Any = None,
    sign_in: str = "",
    tenant_id: str = "",
    client_id: str = "",
    cloud: str = "",
    prompt: Any = None,
    home: str | Path | None = None,
    quiet: bool = False,
    **options: Any,
) -> MLClient:
    """A client of Microsoft's SDK for a workspace here or in Azure; `connection(client)` tells which.

    Args:
        target: `local` (made when absent), `local:NAME`, `local:PATH`, `config` (a `config.json`, searched as the
            SDK does), `azure:SUB/RG/WS`, or a profile's name. Without one: the profile that was chosen by name
            before, else the local workspace.
        subscription_id: With the two names after it, as for `MLClient`, in place of a target.
        resource_group_name: See there.
        workspace_name: See there.
        adopt: From now on an unedited `MLClient(...)` of this process gets this local workspace.
        identity: Who to be in a local workspace; by default the user of the operating system.
        credential: One of your own for Azure.
        sign_in: How to sign in to Azure: auto, cli, browser, device-code, managed-identity, service-principal.
        tenant_id: Of Azure.
        client_id: Of the application or managed identity that signs in.
        cloud: AzureCloud, AzureChinaCloud, AzureUSGovernment, or your own with `cloud_metadata=`.
        prompt: Shows a device code: called with address, code and expiry.
        home: The store; by default `JUPYTER_AML_HOME` or the user's data folder.
        quiet: Show no sentences, such as the offer of a `config.json`; they are `connection(client).notes`.
        options: Go to `MLClient` as they are, such as `show_progress`.

    Raises:
        ConnectError: The place is unknown, or the rules forbid it.
        StoreError: The local store cannot be used.
    """
    place = Path(home or default_home()).expanduser().absolute()
    wishes = Wishes(place, identity, "", sign_in, tenant_id, client_id, cloud, credential, prompt, (), options)
    named = Target("azure", "", "", subscription_id, resource_group_name, workspace_name)
    if target is None and not subscription_id:
        if workspace_name:
            named = Target("local", name=workspace_name, group=resource_group_name)
        else:
            named, wishes = _bare(wishes)
    elif target is not None:
        named = _completed(targets.parse(target), named)
    named, wishes = _resolved(named, wishes)
    made = _local(named, wishes) if named.kind == "local" else _azure(named, wishes, adopt)
    client = _client_of(made, wishes)
    if adopt:
        made = adoption.adopt(made)
    _remember(client, made)
    if not quiet:
        for note in made.notes:
            notices.say(note)
    return client


def disconnect() -> None:
    """Have no current connection, and pass on again what a notebook addresses to workspaces of its own.

    MLflow tracks again where it did before.
    """
    global _current, _client  # noqa: PLW0603 - what this process is connected to
    adoption.release()
    tracking.follow(None)
    with _lock:
        _current = _client = None


def current() -> Connection | None:
    """The latest connection of this process; None before the first and after `disconnect`."""
    return _current


def current_client() -> MLClient | None:
    """The client of the latest connection."""
    return _client


def connection(client: MLClient) -> Connection:
    """Where a client works; also for one that a notebook made itself."""
    held = getattr(client, "jupyter_aml", None)
    if isinstance(held, Connection):
        return held
    subscription, group = str(client.subscription_id), str(client.resource_group_name)
    workspace = str(client.workspace_name or "")
    credential = seams.credential_of(client)
    for service in services.opened():
        entry = service.store.entry(subscription, group, workspace)
        if entry is not None:
            return Connection(targets.LOCAL, subscription, group, workspace, credential, service=service, entry=entry)
    adopted = adoption.current()
    if adopted is not None:
        return replace(adopted, adopted=True)
    name = seams.cloud_of(client)
    cloud = clouds.cloud(name, seams.cloud_details().get(name))
    return Connection(targets.AZURE, subscription, group, workspace, credential, cloud)


def client_for(made: Connection) -> MLClient:
    """A client of a connection; unlike that of `connect`, it does not become the current one."""
    client = _client_of(made, Wishes(default_home()))
    client.jupyter_aml = made
    found: MLClient = client
    return found


def opened(
    profile: Profile,
    home: Path,
    *,
    way: str = "",
    present: Callable[[], bool] = nobody,
    prompt: Prompt | None = None,
    say: Callable[[str], None] | None = None,
) -> Connection:
    """The connection of a profile of Azure without a client, for a server.

    Args:
        profile: Where, and how to sign in.
        home: The store's folder.
        way: How to sign in now, in place of the profile's own.
        present: Whether a person is there to sign in; a server has none unless one has just asked to.
        prompt: Shows that person the device code.
        say: Says that person a sentence.

    Raises:
        ConnectError: The profile names no workspace of Azure, or the rules forbid the cloud.
    """
    _refuse_when_offline(f"The profile {profile.name!r}")
    target = targets.parse(profile.target)
    if not target.subscription:
        msg = f"The profile {profile.name!r} names no subscription."
        raise ConnectError(msg, remedy="Save it with azure:SUBSCRIPTION/RESOURCE_GROUP/WORKSPACE as its target.")
    cloud = clouds.cloud(profile.cloud)
    person: dict[str, Any] = {"prompt": prompt, "say": say, "present": present}
    signing = AzureSignIn(
        cloud, home, tenant=profile.tenant, client=profile.client, subscription=target.subscription, **person
    )
    names = (target.subscription, target.group, target.workspace)
    return Connection(targets.AZURE, *names, signing.credential(way or profile.sign_in), cloud, profile.name)


def offline() -> bool:
    """Whether the environment forbids the cloud."""
    return os.environ.get(OFFLINE, "").strip().lower() in {"1", "true", "yes", "on"}


def _bare(wishes: Wishes) -> tuple[Target, Wishes]:
    chosen = Profiles(wishes.home).chosen()
    if chosen is not None:
        return Target("profile", name=chosen.name), wishes
    found = config_file.stray(Path.cwd())
    if found is not None:
        offer = (
            f"{found.path} names the workspace {found.group}/{found.workspace}; "
            "connect('config') goes there. This is the local workspace."
        )
        wishes = replace(wishes, notes=(offer,))
    return Target("local"), wishes


def _completed(target: Target, named: Target) -> Target:
    """Keyword arguments add what the target does not say."""
    if target.kind != "azure":
        return target
    return replace(
        target,
        subscription=target.subscription or named.subscription,
        group=target.group or named.group,
        workspace=target.workspace or named.workspace,
    )


def _resolved(target: Target, wishes: Wishes) -> tuple[Target, Wishes]:
    """Look up profiles and files, until the target is `local` or `azure` with all that is known."""
    if target.kind == "profile":
        return _profile(Profiles(wishes.home).get(target.name), wishes)
    if target.kind == "config":
        start = Path(target.path).expanduser() if target.path else Path.cwd()
        found = config_file.find(start)
        if found is None:
            raise ConnectError(
                f"No config.json was found in {start} or above it.",
                remedy="Download it from the workspace's page in Azure, or connect('azure:SUB/RG/WS').",
            )
        config = config_file.read(found)
        target = Target("azure", "", "", config.subscription, config.group, config.workspace)
    if target.kind == "azure" and target.subscription:
        return local.recognised(target, wishes.home), wishes
    if target.kind == "azure":
        return _some_azure(wishes)
    if target.name or target.path:
        return target, wishes
    Profiles(wishes.home).choose("")
    return target, wishes


def _profile(profile: Profile, wishes: Wishes) -> tuple[Target, Wishes]:
    if profile.place == targets.AZURE:
        _refuse_when_offline(f"The profile {profile.name!r}")
    Profiles(wishes.home).choose(profile.name)
    wishes = replace(
        wishes,
        profile=profile.name,
        sign_in=wishes.sign_in or profile.sign_in,
        tenant=wishes.tenant or profile.tenant,
        client=wishes.client or profile.client,
        cloud=wishes.cloud or profile.cloud,
        identity=wishes.identity or profile.identity,
    )
    target = targets.parse(profile.target)
    return (target, wishes) if target.kind == "local" else _resolved(target, wishes)


def _some_azure(wishes: Wishes) -> tuple[Target, Wishes]:
    """`azure` alone: the only profile of Azure, else what a `config.json` names."""
    saved = [profile for profile in Profiles(wishes.home).list() if profile.place == targets.AZURE]
    if len(saved) == 1 and saved[0].target != "azure":
        return _profile(saved[0], wishes)
    found = config_file.stray(Path.cwd())
    if not saved and found is not None:
        return Target("azure", "", "", found.subscription, found.group, found.workspace), wishes
    names = ", ".join(profile.name for profile in saved)
    raise ConnectError(
        f"Which workspace in Azure is not clear: profiles of Azure are {names}."
        if saved
        else "Which workspace in Azure is not known: there is no profile of Azure and no config.json here.",
        remedy="Type connect('azure:SUBSCRIPTION/RESOURCE_GROUP/WORKSPACE')"
        + (" or the profile's name." if saved else "."),
    )


def _local(target: Target, wishes: Wishes) -> Connection:
    made = local.open_workspace(target, wishes.home, wishes.identity)
    return replace(made, profile=wishes.profile, notes=(*made.notes, *wishes.notes))


def _refuse_when_offline(what: str) -> None:
    if offline():
        raise ConnectError(
            f"{what} is in Azure, and {OFFLINE}=1 keeps this process offline.",
            remedy=f"Type connect('local'), or unset {OFFLINE}.",
        )


def _azure(target: Target, wishes: Wishes, adopt: bool) -> Connection:
    whole = "/".join(part for part in (target.subscription, target.group, target.workspace) if part)
    _refuse_when_offline(f"azure:{whole}")
    if adopt:
        raise ConnectError(
            "Only a local workspace can be adopted.",
            why="Adopting lets an unedited MLClient(...) get the local workspace.",
            remedy="Type connect('local', adopt=True).",
        )
    if adoption.current() is not None:
        raise ConnectError(
            "A local workspace is adopted: every client of this process gets it, none reaches Azure.",
            remedy="Type disconnect() first.",
        )
    cloud = clouds.cloud(wishes.cloud, wishes.options.get("cloud_metadata"))
    credential = wishes.credential
    if credential is None:
        warm.sdk()
        signing = AzureSignIn(
            cloud,
            wishes.home,
            tenant=wishes.tenant,
            client=wishes.client,
            subscription=target.subscription,
            prompt=wishes.prompt,
        )
        credential = signing.credential(wishes.sign_in)
    return Connection(
        targets.AZURE,
        target.subscription,
        target.group,
        target.workspace,
        credential,
        cloud,
        wishes.profile,
        notes=wishes.notes,
    )


def _client_of(made: Connection, wishes: Wishes) -> Any:
    sdk = warm.sdk()
    options = {"enable_telemetry": False, **wishes.options}
    seams.quiet_uploads()
    seams.separate_invocations()
    if made.local:
        door.register(_service_of(made))
        seams.quicken_streams(door.answered_here)
        seams.silence_telemetry(_silent)
        seams.skip_table_schema(_silent)
        options |= {"enable_telemetry": False, "cloud": seams.current_cloud()}
        options.setdefault("show_progress", False)  # a file is copied before a bar could be drawn
        options.setdefault("use_env_settings", False)  # no proxy stands between us and the door, nor is one looked for
        options.pop("cloud_metadata", None)
    else:
        options["cloud"] = made.cloud.name
        if not made.cloud.known:
            options["cloud_metadata"] = made.cloud.metadata
    return sdk.MLClient(made.credential, made.subscription, made.group, made.workspace or None, **options)


def _silent(subscription: str) -> bool:
    """Whether a client of that subscription must not report to Microsoft: it works here, or the process is offline."""
    if adoption.current() is not None or offline():
        return True
    return any(service.store.owns(subscription) for service in services.opened())


def _service_of(made: Connection) -> Any:
    if made.service is None:
        msg = f"{made} has no service."
        raise ConnectError(msg)
    return made.service


def _remember(client: Any, made: Connection) -> None:
    global _current, _client
    client.jupyter_aml = made
    protocol.register()
    tracking.follow(made)
    with _lock:
        _current, _client = made, client
