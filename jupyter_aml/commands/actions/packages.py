"""What `environment packages` does: the Python of an environment on this machine, and what is installed in it."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from typing import Any

from jupyter_aml.client.rest import Rest
from jupyter_aml.commands.actions import assets
from jupyter_aml.commands.actions.assets import Kind
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Run
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import UsageError
from jupyter_aml.local.runtime import environments
from jupyter_aml.local.runtime.interpreters import Interpreter

_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def verb(kind: Kind) -> Run:
    """The action, for the noun of environments."""

    def packages(context: Context, args: Args) -> Outcome:
        """The packages that a job has which names the environment."""
        store = context.connection.store
        if store is None:
            msg = "What is installed for an environment is known of workspaces on this machine only."
            raise UsageError(msg, remedy="Type %aml environment show NAME -o yaml to see what it asks for.")
        entity = assets.fetch(context, kind, assets.reference(args, kind, "packages"))
        which = f"{entity.name}:{entity.version}"
        version = Rest(context.connection).get(f"environments/{entity.name}/versions/{entity.version}")
        properties = version["properties"]
        chosen = environments.choose(properties, name=version["id"], recorded=sys.executable, home=store.home)
        wanted = environments.wanted_by(properties)
        asked = asked_for(wanted.requirements if wanted else ())
        found = {"name": which, **_told(chosen, asked)}
        return Outcome(found, kind="packages", place=context.place, title=f"environment {which}")

    return packages


def asked_for(requirements: tuple[str, ...]) -> dict[str, str]:
    """The lines of a requirements file by the plain names of their packages; options have no name."""
    named = ((_NAME.match(line), line) for line in requirements)
    return {plain(match[1]): line.strip() for match, line in named if match}


def plain(name: str) -> str:
    """A package's name as it is compared. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _told(chosen: environments.Environment | environments.Unbuilt, asked: dict[str, str]) -> dict[str, Any]:
    if isinstance(chosen, environments.Unbuilt):
        base = chosen.base
        rows = [{"name": name, "version": "", "asked": line} for name, line in sorted(asked.items())]
        return {"built": False, "python": base.short_version, "path": "", "notes": list(chosen.notes), "packages": rows}
    python = chosen.interpreter
    return {
        "built": True,
        "python": ".".join(map(str, python.version)),
        "path": python.executable,
        "notes": list(chosen.notes),
        "packages": _installed(python, asked),
    }


def _installed(python: Interpreter, asked: dict[str, str]) -> list[dict[str, str]]:
    """The packages of a Python; what was asked for first."""
    found: dict[str, dict[str, str]] = {}
    for one in metadata.distributions(path=list(python.site_packages)):
        name = str(one.name or "")
        if name:  # the first of a name is the one that is imported
            key = plain(name)
            found.setdefault(key, {"name": name, "version": str(one.version), "asked": asked.get(key, "")})
    return sorted(found.values(), key=lambda row: (not row["asked"], plain(row["name"])))
