"""Where a person's tokens are kept between processes: the system's keyring, else a file, or nowhere.

`JUPYTER_AML_TOKEN_CACHE` chooses: `auto` (the keyring where one answers, else a file that the user alone can read,
as `az login` keeps it), `keyring` (never a file), `memory` (nowhere: every process asks again).
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_aml.errors import ConnectError

NAME = "jupyter_aml"
VARIABLE = "JUPYTER_AML_TOKEN_CACHE"
CHOICES = ("auto", "keyring", "memory")


@dataclass(frozen=True)
class Place:
    """Where tokens are kept.

    Attributes:
        kind: `keyring`, `file` or `memory`.
        sentence: For the person who has just signed in; empty where nothing needs saying.
    """

    kind: str
    sentence: str = ""

    def options(self) -> Any:
        """What azure-identity takes as `cache_persistence_options`; None for none."""
        from azure.identity import TokenCachePersistenceOptions

        if self.kind == "memory":
            return None
        if self.kind == "file":
            folder().mkdir(mode=0o700, parents=True, exist_ok=True)
            folder().chmod(0o700)
        return TokenCachePersistenceOptions(name=NAME, allow_unencrypted_storage=self.kind == "file")


def folder() -> Path:
    """The folder of azure-identity's caches."""
    return Path("~/.IdentityService").expanduser()


def place() -> Place:
    """Where tokens are kept on this machine, as the environment wishes.

    Raises:
        ConnectError: The wish is not known.
    """
    wish = os.environ.get(VARIABLE, "").strip().lower() or "auto"
    if wish not in CHOICES:
        raise ConnectError(
            f"{VARIABLE}={wish} is not known; it may be {', '.join(CHOICES)}.",
            remedy=f"Unset {VARIABLE}, or set one of them.",
        )
    if wish == "memory":
        return Place("memory", f"The sign-in is kept for this process alone, as {VARIABLE}=memory wishes.")
    if has_keyring():
        return Place("keyring")
    if wish == "keyring":
        return Place("memory", "The sign-in is kept for this process alone: no keyring answers on this machine.")
    return Place(
        "file",
        f"No keyring answers on this machine: the sign-in is kept in {folder()}, unencrypted, readable by you alone. "
        f"Set {VARIABLE}=memory to keep it nowhere.",
    )


@functools.cache
def has_keyring() -> bool:
    """Whether the system keeps secrets: always on Windows and macOS, on Linux where libsecret answers."""
    if not sys.platform.startswith("linux"):
        return True
    from msal_extensions import LibsecretPersistence  # type: ignore[import-untyped]

    try:
        with tempfile.TemporaryDirectory() as scratch:
            LibsecretPersistence(str(Path(scratch) / "probe"))
    except Exception:  # noqa: BLE001 - no binding, no bus, no service: whatever it is, there is no keyring
        return False
    return True
