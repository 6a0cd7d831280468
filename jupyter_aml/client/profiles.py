"""Profiles: places with a name, kept in `profiles.json` of the store. They hold no secrets."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jupyter_aml.client import targets
from jupyter_aml.errors import ConnectError

FILE = "profiles.json"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


@dataclass(frozen=True)
class Profile:
    """A place and how to sign in there.

    Attributes:
        target: As for `connect`: `local:NAME`, `azure:SUB/RG/WS`, ...
        cloud: Name of the cloud; empty for the public one.
        tenant: GUID or domain; empty for the account's own.
        client: GUID of the application or managed identity that signs in; empty for a person.
        sign_in: How, one of `credentials.WAYS`; empty to try them in turn.
        identity: Who to be in a local workspace; empty for the user of the operating system.
    """

    name: str
    target: str
    cloud: str = ""
    tenant: str = ""
    client: str = ""
    sign_in: str = ""
    identity: str = ""

    @property
    def place(self) -> str:
        return targets.LOCAL if self.target.partition(":")[0] == "local" else targets.AZURE


class Profiles:
    """The profiles of a store.

    Args:
        home: The store's folder.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / FILE

    def list(self) -> list[Profile]:
        """All of them, by name."""
        return sorted(self._load()[0].values(), key=lambda profile: profile.name.lower())

    def get(self, name: str) -> Profile:
        """The profile of that name.

        Raises:
            ConnectError: There is none; the nearest is offered.
        """
        held = self._load()[0]
        if name in held:
            return held[name]
        near = get_close_matches(name, [*held, *targets.WORDS], n=1)
        known = ", ".join(sorted(held)) or "none"
        raise ConnectError(
            f"There is no profile called {name!r}; saved are: {known}.",
            why=f"A place to connect to is {targets.FORMS}.",
            remedy=f"Did you mean connect({near[0]!r})?"
            if near
            else "Connect with azure:SUB/RG/WS and save it as a profile first.",
        )

    def save(self, profile: Profile) -> None:
        """Keep a profile, in place of one with the same name.

        Raises:
            ConnectError: Its name or target cannot be one.
        """
        if profile.name.lower() in targets.WORDS or not _NAME.match(profile.name):
            raise ConnectError(
                f"{profile.name!r} cannot be a profile's name.",
                why="It has up to 64 letters, digits, dots, dashes and underscores, begins with a letter or digit "
                "and is none of local, azure, config.",
                remedy="Choose another one, such as 'team-prod'.",
            )
        if targets.parse(profile.target).kind == "profile":
            raise ConnectError(
                f"The profile {profile.name!r} cannot stand for another profile ({profile.target!r}).",
                remedy="Give it local:NAME, local:PATH or azure:SUB/RG/WS as its target.",
            )
        with self._change() as (held, state):
            held[profile.name] = profile
            state.setdefault("chosen", "")

    def remove(self, name: str) -> None:
        """Forget a profile.

        Raises:
            ConnectError: There is none of that name.
        """
        self.get(name)
        with self._change() as (held, state):
            held.pop(name, None)
            if state.get("chosen") == name:
                state["chosen"] = ""

    def choose(self, name: str) -> None:
        """Let a bare `connect()` go to this profile from now on; an empty name means the local workspace.

        Raises:
            ConnectError: There is none of that name.
        """
        if name:
            self.get(name)
        elif not self._load()[1].get("chosen"):
            return
        with self._change() as (_, state):
            state["chosen"] = name

    def chosen(self) -> Profile | None:
        """The profile that was chosen by name; None when it was none, or has gone."""
        held, state = self._load()
        return held.get(str(state.get("chosen", "")))

    def _load(self) -> tuple[dict[str, Profile], dict[str, Any]]:
        try:
            state = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}, {}
        except (OSError, ValueError) as error:
            msg = f"{self.path} cannot be read as JSON: {error}."
            raise ConnectError(msg, remedy="Correct the file, or delete it and save the profiles anew.") from error
        known = {field.name for field in fields(Profile)}
        held = {
            item["name"]: Profile(**{key: str(value) for key, value in item.items() if key in known})
            for item in state.get("profiles", [])
            if isinstance(item, dict) and item.get("name") and item.get("target")
        }
        return held, state

    @contextmanager
    def _change(self) -> Iterator[tuple[dict[str, Profile], dict[str, Any]]]:
        """Read, change and replace the file as a whole; the last writer wins."""
        held, state = self._load()
        yield held, state
        state["profiles"] = [asdict(profile) for profile in held.values()]
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".profiles-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(state, file, indent=2, ensure_ascii=False)
        Path(temporary).replace(self.path)
