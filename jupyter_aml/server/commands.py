"""Verbs that need the SDK, such as a job from YAML, as a child process: the server itself stays free of it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_aml.client.profiles import Profile
from jupyter_aml.local.store.workspace import Entry

SECONDS = 600.0
"""How long a command may take."""
MOST = 4 << 20
"""Bytes of output that are kept."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Exit code of `aml`: 0 done, 1 refused or failed, 2 not understood, 3 not found; -1 when time was up.
    """

    code: int
    output: str
    error: str


def anywhere(words: Sequence[str]) -> list[str]:
    """What Python runs for words of `aml` that name their own place."""
    return ["jupyter_aml.cli", *words]


def here(words: Sequence[str], entry: Entry) -> list[str]:
    """What Python runs for words of `aml` in a workspace of this machine."""
    place = ["--subscription", entry.subscription, "--resource-group", entry.group, "--workspace-name", entry.name]
    return [*anywhere(words), *place]


def away(words: Sequence[str], profile: Profile) -> list[str]:
    """What Python runs for words of `aml` in the workspace of a profile of Azure, with nobody there to sign in."""
    return ["jupyter_aml.cli.unattended", profile.name, *words]


async def run(
    home: Path,
    line: Sequence[str],
    *,
    body: str | None = None,
    folder: Path,
    interpreter: str = sys.executable,
) -> Ended:
    """Run one verb of `aml`; when the awaiting task is cancelled, the process is ended.

    Args:
        home: The store's folder.
        line: A module and its words: see `here`, `away` and `anywhere`.
        body: What it reads from its standard input; None for nothing.
        folder: Where it runs; relative paths of its words begin there.
        interpreter: A job that it submits has this one unless it names an environment.
    """
    if not await _has_package(interpreter):
        said = f"{interpreter} cannot import jupyter_aml."
        return Ended(1, "", f"{said} Install it there (pip install jupyter_aml), or choose another kernel.")
    process = await asyncio.create_subprocess_exec(
        interpreter,
        "-m",
        *line,
        stdin=asyncio.subprocess.DEVNULL if body is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "JUPYTER_AML_HOME": str(home)},
    )
    given = None if body is None else body.encode()
    try:
        output, error = await asyncio.wait_for(process.communicate(given), SECONDS)
    except TimeoutError:
        return Ended(-1, "", f"The command took longer than {SECONDS:g} s and was ended.")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ended(process.returncode or 0, _text(output), _text(error))


async def _has_package(interpreter: str) -> bool:
    """Whether an interpreter has the package; this one has it."""
    if interpreter == sys.executable:
        return True
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('jupyter_aml') is None)"
    try:
        process = await asyncio.create_subprocess_exec(interpreter, "-c", look)
    except OSError:
        return False
    return await process.wait() == 0


def _text(found: bytes) -> str:
    return found[:MOST].decode("utf-8", "replace")
