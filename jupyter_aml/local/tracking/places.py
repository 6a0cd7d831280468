"""Where artifacts are: rows keep paths below the workspace's runs folder, clients get whole ones.

Relative rows let a workspace folder be moved or copied; a plain folder path lets MLflow's client read and
write the files itself, without a server in between.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from jupyter_aml.local.tracking import faults

RUNS = "runs"
PROXIED = "mlflow-artifacts:"
_SCHEME = re.compile(r"^[A-Za-z][\w+.-]+:/")


def is_whole(place: str) -> bool:
    """Whether a place is a URI or an absolute path rather than one below the runs folder."""
    return place.startswith("/") or _SCHEME.match(place) is not None


def uri(folder: Path, place: str) -> str:
    """The artifact root that clients see.

    Args:
        folder: The workspace's folder.
        place: As a row keeps it; empty for the runs folder itself.
    """
    if is_whole(place):
        return place
    return str(folder / RUNS / place) if place else str(folder / RUNS)


def relative(folder: Path, location: str) -> str:
    """The place to keep for a location: relative when it lies below this workspace's runs folder."""
    text = location.removeprefix("file://") if location.startswith("file:///") else location
    if _SCHEME.match(text):
        return text.rstrip("/")
    root = str(folder / RUNS)
    if text == root:
        return ""
    return text.removeprefix(root + "/").rstrip("/") if text.startswith(root + "/") else text.rstrip("/")


def path(folder: Path, place: str) -> Path | None:
    """The folder on this machine, or None when the artifacts are elsewhere."""
    found = uri(folder, place).removeprefix("file://")
    if found.startswith(PROXIED):
        return below(folder / RUNS, re.sub(r"^mlflow-artifacts:/+", "", found))
    return None if _SCHEME.match(found) else Path(found)


def below(root: Path, relative_path: str) -> Path:
    """A file or folder below a root.

    Raises:
        ResourceError: The path leaves the root, also through a symbolic link (400).
    """
    pure = PurePosixPath(relative_path)
    if pure.is_absolute() or ".." in pure.parts or "\0" in relative_path or "\\" in relative_path:
        raise faults.invalid(f"Invalid path: {relative_path!r}. It must stay below the artifact root.")
    found = root / pure
    if not found.resolve().is_relative_to(root.resolve()):
        raise faults.invalid(f"Invalid path: {relative_path!r}. It leads out of the artifact root.")
    return found
