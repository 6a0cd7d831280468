"""Environments: which Python a job's environment means on this machine, and what of it cannot be had."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_aml.local.runtime import builds, conda
from jupyter_aml.local.runtime.conda import Wanted
from jupyter_aml.local.runtime.interpreters import Interpreter, describe

CURATED = re.compile(
    r"^azureml://registries/[^/]+/environments/(?P<name>[^/]+)/|^(?:azureml:)?(?P<old>AzureML-[^:@/]+)", re.IGNORECASE
)
SUBMITTERS = ("jupyter_aml.interpreter", "submitter")
"""The tag of an environment that records the submitter's Python: here the original serves, Azure builds the record."""


@dataclass(frozen=True)
class Environment:
    """What a run starts in.

    Attributes:
        interpreter: The Python.
        notes: Sentences for the run's log on what differs from Azure.
    """

    interpreter: Interpreter
    notes: tuple[str, ...] = ()


def resolve(
    properties: Mapping[str, Any] | None, *, name: str, recorded: str, home: Path, say: builds.Say
) -> Environment:
    """The Python that an environment means, built first when it has packages of its own.

    Args:
        properties: `properties` of the environment version; None when the job names none, or a registry's.
        name: How the job names it, for the log; may be empty.
        recorded: The submitter's Python: the default environment.
        home: The store, where built environments are kept.
        say: Takes sentences on the progress of a build.

    Raises:
        ResourceError: It cannot be built (`ImageBuildFailure`), or its conda file cannot be read.
        AmlError: The recorded Python cannot be run.
    """
    own = describe(recorded)
    if properties is None:
        return Environment(own, _curated_note(name, own))
    if SUBMITTERS in (properties.get("tags") or {}).items():
        return Environment(own)
    wanted = wanted_by(properties)
    image = str(properties.get("image") or "")
    context = properties.get("build") or {}
    if wanted is None:
        return Environment(own, _image_notes(image, context, own))
    base, notes = _base(wanted, own)
    python = builds.build(wanted, base, home, say)
    if image:
        notes = (*notes, f"The image {image} is not used here; the Python packages of the environment are.")
    return Environment(describe(str(python)), (*wanted.notes, *notes))


def wanted_by(properties: Mapping[str, Any]) -> Wanted | None:
    """The packages an environment version lists; None when it lists none."""
    if properties.get("condaFile"):
        return conda.parse(str(properties["condaFile"]))
    listed = properties.get("requirements")
    if isinstance(listed, str):
        listed = listed.splitlines()
    return conda.from_requirements([str(line) for line in listed]) if listed else None


def _curated_note(name: str, own: Interpreter) -> tuple[str, ...]:
    found = CURATED.match(name)
    if found is None:
        return ()
    curated = found["name"] or found["old"]
    return (
        (
            f"The curated environment {curated} is a Docker image; "
            f"the run uses {own.executable} (Python {own.short_version}) instead."
        ),
    )


def _image_notes(image: str, context: Mapping[str, Any], own: Interpreter) -> tuple[str, ...]:
    if context:
        what = f"The Docker context {context.get('contextUri', '')} is not built here"
    elif image:
        what = f"The image {image} is not pulled here"
    else:
        return ()
    return (
        (
            f"{what}; the run uses {own.executable} (Python {own.short_version}). "
            "Add a conda file to the environment to get packages of its own."
        ),
    )


def _base(wanted: Wanted, own: Interpreter) -> tuple[Interpreter, tuple[str, ...]]:
    """The Python to build on: of the version asked for when this machine has one."""
    short = ".".join(wanted.python.split(".")[:2])
    if not short or short == own.short_version or "." not in short:
        return own, ()
    other = shutil.which(f"python{short}")
    if other is not None:
        found = describe(other)
        if found.short_version == short:
            return found, ()
    return own, (f"Python {wanted.python} is not installed here; the environment is built on {own.short_version}.",)
