"""`doctor`: what of this machine jupyter_aml depends on, and what to do about what is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_aml.agent import linux
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, Verb
from jupyter_aml.commands.outcome import Outcome

GOOD, WARNING, FAULT = "ok", "warning", "fault"
LEAST_FREE = 1 << 30
GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    check: str
    state: str
    found: str
    remedy: str = ""


def _doctor(context: Context, args: Args) -> Outcome:
    del context, args
    rows = [vars(finding) for check in CHECKS for finding in check()]
    faults = sum(row["state"] != GOOD for row in rows)
    message = "All is well." if not faults else f"{faults} of {len(rows)} checks want attention."
    return Outcome(rows, columns=("check", "state", "found", "remedy"), title="doctor", message=message)


def _packages() -> Iterator[Finding]:
    from jupyter_aml.client.status import PACKAGES, versions

    have = versions()
    yield Finding("python", GOOD, have["python"])
    for name in PACKAGES:
        if name in have:
            yield Finding(name, GOOD, have[name])
        elif name.startswith("azure"):
            yield Finding(name, FAULT, "not installed", f"pip install {name}")
        else:
            yield Finding(name, WARNING, "not installed", "pip install 'jupyter_aml[all]' if you need it")


def _store() -> Iterator[Finding]:
    from jupyter_aml.client.status import status

    found = status()
    home = Path(found["store"]["home"])
    place = next((folder for folder in (home, *home.parents) if folder.exists()), home)
    if os.access(place, os.W_OK):
        yield Finding("store", GOOD, str(home))
    else:
        yield Finding("store", FAULT, f"{home} cannot be written", "Set JUPYTER_AML_HOME to a folder of yours.")
    yield _free(found["store"]["free"] or _space(place))
    yield _host(found["host"])
    offline = "the cloud is refused" if found["offline"] else "the cloud is allowed"
    yield Finding("JUPYTER_AML_OFFLINE", GOOD, offline)


def _space(place: Path) -> int:
    import shutil

    try:
        return shutil.disk_usage(place).free
    except OSError:
        return 0


def _free(free: int) -> Finding:
    said = f"{free / GIGABYTE:.1f} GB free"
    if free >= LEAST_FREE:
        return Finding("disk", GOOD, said)
    return Finding("disk", WARNING, said, "Type %aml local du to see what takes the space.")


def _host(host: dict[str, Any] | None) -> Finding:
    if host is None:
        return Finding("host", GOOD, "not running; the first job starts it")
    if "error" in host:
        return Finding("host", FAULT, str(host["error"]), "Type %aml local stop, then try again.")
    return Finding("host", GOOD, f"running as process {host.get('pid', '?')}")


def _surroundings() -> Iterator[Finding]:
    if linux.LINUX:
        yield Finding("fork", GOOD, "jobs start warm")
    else:
        yield Finding("fork", WARNING, "only on Linux", "Jobs start in fresh interpreters: slower, but the same.")
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        yield Finding("bytecode", WARNING, "PYTHONDONTWRITEBYTECODE is set", "Unset it: imports are twice as fast.")
    proxy = next((name for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY") if os.environ.get(name)), "")
    spared = os.environ.get("NO_PROXY", "") + os.environ.get("no_proxy", "")
    if proxy and "127.0.0.1" not in spared and "*" not in spared:
        yield Finding("proxy", WARNING, f"{proxy} takes 127.0.0.1 too", "Set NO_PROXY=127.0.0.1,localhost.")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (_packages, _store, _surroundings)

VERBS = (
    Verb(
        "doctor",
        "Look whether this machine has what jupyter_aml needs.",
        _doctor,
        examples=("%aml doctor",),
        connects=False,
    ),
)
