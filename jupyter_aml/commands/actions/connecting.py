"""Connecting, and saying what is connected."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError


def connect(context: Context, args: Args) -> Outcome:
    """Connect, and say where; the cloud only when it is named."""
    from jupyter_aml.client import connect as clients

    named = {
        "subscription_id": args.subscription, "resource_group_name": args.resource_group,
        "workspace_name": args.workspace_name, "identity": args.identity, "sign_in": args.sign_in,
        "tenant_id": args.tenant, "client_id": args.client_id, "cloud": args.cloud,
    }  # fmt: skip
    given = {key: value for key, value in named.items() if value}
    if args.var and context.namespace is None:
        context.bind(args.var, None)
    client = clients.connect(_target(context, args.target), adopt=args.adopt, quiet=True, **given)
    connection = clients.connection(client)
    if args.save:
        _save(connection, args)
    if args.var:
        context.bind(args.var, client)
    for note in connection.notes:
        context.warn(note)
    return _place(connection)


def _target(context: Context, target: str | None) -> str | None:
    """The target with a relative path seen from the context's folder."""
    if target and target.startswith("local:."):
        return f"local:{context.path(target.removeprefix('local:'))}"
    return target


def _save(connection: Any, args: Args) -> None:
    from jupyter_aml.client.profiles import Profile, Profiles
    from jupyter_aml.local.store.catalogue import default_home

    if connection.local:
        target = f"local:{connection.entry.folder}"
    else:
        target = f"azure:{connection.subscription}/{connection.group}/{connection.workspace}"
    profile = Profile(
        args.save, target, cloud=args.cloud or "", tenant=args.tenant or "", client=args.client_id or "",
        sign_in=args.sign_in or "", identity=args.identity or "",
    )  # fmt: skip
    profiles = Profiles(connection.store.home if connection.store is not None else default_home())
    profiles.save(profile)
    profiles.choose(profile.name)


def disconnect(context: Context, args: Args) -> Outcome:
    """Forget the connection."""
    from jupyter_aml.client import connect as clients

    del context, args
    before = clients.current()
    clients.disconnect()
    return Outcome(None, message=f"Disconnected from {before}." if before else "Nothing was connected.")


def whoami(context: Context, args: Args) -> Outcome:
    """Who the commands are sent as."""
    from jupyter_aml.client import status as clients

    del args
    found = clients.whoami(context.client)
    keys = ("user", "object_id", "tenant", "application", "sign_in", "minutes")
    identity = {key: found[key] for key in keys if found.get(key)}
    if "minutes" in identity:
        identity["token_minutes"] = identity.pop("minutes")
    details = {"connection": _connection(found), "identity": identity, "title": found.get("user")}
    return Outcome(found, kind="status", place=str(found.get("place") or ""), details=details)


def status(context: Context, args: Args) -> Outcome:
    """What is connected, patched, adopted and running; asks nobody outside this machine."""
    from jupyter_aml.client import status as clients

    del context, args
    found = clients.status()
    connection = found.get("connection") or {}
    store = found.get("store") or {}
    adopted = found.get("adopted") or {}
    places = [f"{one['group']}/{one['workspace']}" for one in adopted.get("places") or []]
    details = {
        "title": connection.get("workspace") or "not connected",
        "connection": _connection(connection),
        "host": _host(found.get("host")),
        "endpoints": _endpoints(),
        "disk": {
            "home": _short(store.get("home") or ""),
            "free_size": store.get("free"),
            "total_size": store.get("total"),
        },
        "patched": {one["what"]: one["reason"] for one in found.get("patched") or []},
        "adopted": {"as": adopted.get("as"), "places": places} if adopted else None,
        "versions": found.get("versions"),
        "notes": found.get("notes"),
        "offline": found.get("offline"),
        "sdk": found.get("sdk"),
    }
    return Outcome(found, kind="status", place=str(connection.get("place") or ""), details=details)


def _connection(found: dict[str, Any]) -> dict[str, Any]:
    keys = ("workspace", "resource_group", "subscription", "folder", "profile", "cloud", "adopted")
    return {key: _short(found[key]) if key == "folder" else found[key] for key in keys if found.get(key)}


def _short(path: str) -> str:
    """A path as people write it: below their own folder it begins with ~."""
    own = str(Path.home())
    return f"~{path[len(own) :]}" if path.startswith(own.rstrip(os.sep) + os.sep) else path


def _host(found: dict[str, Any] | None) -> dict[str, Any]:
    if not found:
        return {"state": "not running; the first job starts it"}
    return {key: value for key, value in found.items() if not isinstance(value, dict | list)}


def _endpoints() -> dict[str, str]:
    """The online endpoints of the connected local workspace, and where they answer."""
    from jupyter_aml.client import connect as clients
    from jupyter_aml.commands.actions import serving

    here = clients.current()
    return serving.addresses(here) if here is not None and here.store is not None else {}


def _place(connection: Any) -> Outcome:
    found = {
        "place": connection.place, "workspace": connection.workspace, "resource_group": connection.group,
        "subscription": connection.subscription, "profile": connection.profile,
        "folder": str(connection.entry.folder) if connection.entry is not None else "",
        "adopted": connection.adopted,
    }  # fmt: skip
    if not connection.workspace:
        msg = f"{connection} names no workspace."
        raise UsageError(msg, remedy="Type %aml connect azure:SUB/RG/WS.")
    details = {"title": connection.workspace, "connection": _connection(found)}
    return Outcome(found, kind="status", place=connection.place, details=details)
