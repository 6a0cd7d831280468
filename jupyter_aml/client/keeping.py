"""Keeping a workspace in Azure as a profile, from what a form was filled in with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_aml.client import clouds, config_file, targets
from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.client.sign_in import WAYS
from jupyter_aml.client.targets import Target
from jupyter_aml.errors import ConflictError, ConnectError, NotFoundError, ResourceError
from jupyter_aml.local.arm import ids

TEXTS = {
    "target": "local:NAME, local:PATH, config, config:PATH or azure:SUBSCRIPTION/GROUP/WORKSPACE.",
    "profile": "Name to keep it by; needed for one in Azure.",
    "signIn": f"How to sign in to Azure: {', '.join(WAYS)}.",
    "tenant": "GUID or domain; by default the subscription's.",
    "client": "GUID of the application or managed identity that signs in.",
    "instead": "Target that the profile has and that is given up for this one.",
    "cloud": f"One of {', '.join(clouds.CLOUDS)}.",
}


def kept(target: Target, asked: dict[str, str], home: Path, folder: Path) -> dict[str, Any]:
    """Keep a workspace in Azure as a profile: id of the workspace, place, profile and target.

    Args:
        target: What was named, `azure` or `config`.
        asked: The other fields of the request, see `TEXTS`.
        home: The store's folder.
        folder: Where a `config.json` is looked for.

    Raises:
        ResourceError: Something of it cannot be.
        ConflictError: The profile's name is another workspace's.
    """
    if target.kind == "config":
        target = _configured(target, folder)
    if not (target.subscription and target.group and target.workspace):
        msg = "The workspace in Azure is not named; azure:SUBSCRIPTION/RESOURCE_GROUP/WORKSPACE was expected."
        raise ResourceError(msg, target="target")
    way = asked["signIn"]
    if way and way not in WAYS:
        raise ResourceError(f"{way!r} is no way to sign in; known are {', '.join(WAYS)}.", target="signIn")
    whole = f"azure:{target.subscription}/{target.group}/{target.workspace}"
    profile = Profile(
        asked["profile"], whole, cloud=asked["cloud"], tenant=asked["tenant"], client=asked["client"], sign_in=way
    )
    profiles = Profiles(home)
    held = next((one for one in profiles.list() if one.name == profile.name), None)
    if held is not None and held.target.lower() not in {whole.lower(), asked["instead"].lower()}:
        raise ConflictError(
            f"The profile {profile.name!r} is that of {held.target}.", remedy="Choose another name, or remove it first."
        )
    try:
        clouds.cloud(profile.cloud)
        profiles.save(profile)
    except ConnectError as error:
        raise _refused(error, "profile") from error
    named = ids.workspace_id(target.subscription, target.group, target.workspace)
    return {"id": named, "place": targets.AZURE, "profile": profile.name, "target": whole}


def _configured(target: Target, folder: Path) -> Target:
    start = folder / Path(target.path).expanduser() if target.path else folder
    found = config_file.find(start)
    if found is None:
        raise NotFoundError(
            f"No config.json was found in {start} or above it.",
            remedy="Download it from the workspace's page in Azure, or name the workspace.",
        )
    try:
        config = config_file.read(found)
    except ConnectError as error:
        raise _refused(error, "target") from error
    return Target("azure", subscription=config.subscription, group=config.group, workspace=config.workspace)


def target_of(text: str) -> Target:
    """The place that was named, in any way but as a profile.

    Raises:
        ResourceError: It names none.
    """
    try:
        found = targets.parse(text)
    except ConnectError as error:
        raise _refused(error, "target") from error
    if found.kind == "profile":
        msg = f"{text!r} names no place to connect to; expected {TEXTS['target']}"
        raise ResourceError(msg, target="target")
    return found


def _refused(error: ConnectError, target: str) -> ResourceError:
    return ResourceError(error.message, why=error.why, remedy=error.remedy, target=target)


def texts(body: Any, names: tuple[str, ...] = tuple(TEXTS)) -> dict[str, str]:
    """The fields of a request, each of them text; empty for those that were left out.

    Raises:
        ResourceError: One is no text.
    """
    given = body if isinstance(body, dict) else {}
    found = {name: given.get(name) or "" for name in names}
    for name, value in found.items():
        if not isinstance(value, str):
            raise ResourceError(f"{name} is no text.", target=name)
    return {name: value.strip() for name, value in found.items()}
