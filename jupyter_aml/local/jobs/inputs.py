"""Inputs of a run: what the script gets for each, and what must be mounted or copied for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.jobs import binding, bodies, locate
from jupyter_aml.local.jobs.records import Reader
from jupyter_aml.local.runtime.spec import Mount
from jupyter_aml.local.store.workspace import Workspace

DEFAULT_MODE = "readonlymount"
COPIED = frozenset({"download", "evaldownload"})


@dataclass
class Inputs:
    """The inputs of one run.

    Attributes:
        values: What the command shows: literals as they are, paths as paths.
        mounts: What the run sees at another path.
        copies: What has to be copied before the run starts: (place, target).
        places: Where each path among the values comes from, by name.
        notes: What the log has to say.
    """

    values: dict[str, binding.Value | None] = field(default_factory=dict)
    mounts: list[Mount] = field(default_factory=list)
    copies: list[tuple[locate.Place, Path]] = field(default_factory=list)
    places: dict[str, locate.Place] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def texts(self) -> dict[str, str]:
        """The values as plain text, by name."""
        return {name: value.value for name, value in self.values.items() if value is not None}


def plan(workspace: Workspace, reader: Reader, body: dict[str, Any], folder: Path, *, in_place: bool = False) -> Inputs:
    """Resolve every input of a job.

    Args:
        workspace: Where names are looked up.
        reader: A connection of it.
        body: The job's `properties`.
        folder: Where inputs appear to the run: a folder per input.
        in_place: In mode `direct`, then also the default, the run gets the path of the data in place of their address.

    Raises:
        ResourceError: An input does not exist or cannot be had here.
    """
    found = Inputs()
    for name, value in (body.get("inputs") or {}).items():
        found.values[name] = (
            None
            if bodies.left_out(value)
            else _one(found, workspace, reader, name=name, value=value, folder=folder, in_place=in_place)
        )
    return found


def _one(
    found: Inputs,
    workspace: Workspace,
    reader: Reader,
    *,
    name: str,
    value: dict[str, Any],
    folder: Path,
    in_place: bool,
) -> binding.Value:
    kind = str(value.get("jobInputType") or "").lower()
    if kind == "literal":
        return binding.Text(binding.literal(value.get("value")))
    target = f"properties.inputs.{name}.uri"
    mode = str(value.get("mode") or ("direct" if in_place else DEFAULT_MODE)).lower()
    place = locate.find(workspace, reader, str(value["uri"]), kind, target)
    if isinstance(place, locate.Elsewhere):
        if mode != "direct":
            found.notes.append(
                f"The input '{name}' is not fetched: the run gets the address {place.uri} to read itself."
            )
        return binding.Text(place.uri)
    if mode == "direct" and not in_place:
        return binding.Text(place.uri)
    source = place.path(workspace)
    if not source.exists():
        raise NotFoundError(
            f"The input '{name}' is {value['uri']}, but there is no file or folder at {place.uri}.",
            remedy="Upload the data, or correct the path.",
        )
    if mode == "direct":
        return binding.Path(str(source))
    seen = folder / name / source.name if source.is_file() else folder / name
    found.places[name] = place
    if mode in COPIED:
        found.copies.append((place, seen))
    elif mode == "readwritemount" and place.asset:
        found.notes.append(f"The input '{name}' is an asset, which cannot change: the run works on a copy of it.")
        found.copies.append((place, seen))
    else:
        found.mounts.append(Mount(str(source), str(seen), readonly=mode != "readwritemount"))
    return binding.Path(str(seen))


def copy(workspace: Workspace, found: Inputs) -> None:
    """Make the copies; they belong to the run, which may write to them."""
    for place, target in found.copies:
        workspace.blobs.export(place.container, place.name, target)
