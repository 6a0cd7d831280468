"""Environments: which Python a job's environment means on this machine, and what of it cannot be had."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jupyter_aml.errors import AmlError
from jupyter_aml.local.runtime import builds, conda, curated, installed
from jupyter_aml.local.runtime.conda import Wanted
from jupyter_aml.local.runtime.interpreters import Interpreter, describe, elsewhere

SUBMITTERS = ("jupyter_aml.interpreter", "submitter")
"""The tag of an environment that records the submitter's Python: here the original serves, Azure builds the record."""

OLDEST, NEWEST = 8, 16
"""Minor versions of Python 3 that runs can have, and that are looked for where a range is asked for."""


@dataclass(frozen=True)
class Environment:
    """What a run starts in.

    Attributes:
        interpreter: The Python.
        notes: Sentences for the run's log on what differs from Azure.
    """

    interpreter: Interpreter
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unbuilt:
    """An environment that has to be built first.

    Attributes:
        wanted: Its packages.
        base: The Python to build it on.
        home: The store.
        notes: As of the environment.
    """

    wanted: Wanted
    base: Interpreter
    home: Path
    notes: tuple[str, ...] = ()

    def build(self, watch: builds.Watch) -> Environment:
        """Build it, which may take minutes.

        Raises:
            ResourceError: It cannot be built (`ImageBuildFailure`).
            GivenUpError: `watch` does not want it any more.
        """
        for note in self.notes:
            watch.say(note)
        return Environment(describe(str(builds.build(self.wanted, self.base, self.home, watch))), self.notes)


def choose(
    properties: Mapping[str, Any] | None,
    *,
    name: str,
    recorded: str,
    home: Path,
    curated_as: str = "",
    unneeded: Collection[str] = (),
) -> Environment | Unbuilt:
    """The Python that an environment means; quick, for nothing is built.

    The submitter's own serves when it has all the packages that are asked for.

    Args:
        properties: `properties` of the environment version; None when the job names none, or a registry's.
        name: How the job names it, for the log; may be empty.
        recorded: The submitter's Python: the default environment.
        home: The store, where built environments are kept.
        curated_as: `venv` gives curated environments their own packages, else they mean the submitter's Python.
        unneeded: Packages that are not installed though an environment of the workspace lists them, as in PyPI.

    Raises:
        ResourceError: The conda file cannot be read.
        AmlError: The recorded Python cannot be run.
    """
    own = describe(recorded)
    if properties is None:
        return _curated(name, own, home, curated_as)
    if SUBMITTERS in (properties.get("tags") or {}).items():
        return Environment(own)
    wanted = wanted_by(properties)
    image = str(properties.get("image") or "")
    context = properties.get("build") or {}
    if wanted is None:
        return Environment(own, _image_notes(image, context, own))
    told = f"The image {image} is not used here; the Python packages of the environment are."
    return _with_packages(conda.without(wanted, unneeded), own, home, (told,) if image else ())


def resolve(
    properties: Mapping[str, Any] | None,
    *,
    name: str,
    recorded: str,
    home: Path,
    watch: builds.Watch,
    curated_as: str = "",
) -> Environment:
    """The Python that an environment means, built first where that is needed; like `choose` and `Unbuilt.build`."""
    found = choose(properties, name=name, recorded=recorded, home=home, curated_as=curated_as)
    return found.build(watch) if isinstance(found, Unbuilt) else found


def _with_packages(wanted: Wanted, own: Interpreter, home: Path, said: tuple[str, ...]) -> Environment | Unbuilt:
    if not installed.lacks(wanted, own):
        told = f"{own.executable} (Python {own.short_version}) has all packages of the environment: the run uses it."
        return Environment(own, (*wanted.notes, told))
    base, notes = _base(wanted, own)
    notes = (*wanted.notes, *notes, *said)
    folder = builds.place(wanted, base, home)
    if builds.built(folder):
        return Environment(describe(str(builds.python_of(folder))), notes)
    return Unbuilt(wanted, base, home, notes)


def wanted_by(properties: Mapping[str, Any]) -> Wanted | None:
    """The packages an environment version lists; None when it lists none."""
    if properties.get("condaFile"):
        return _parsed(str(properties["condaFile"]))
    listed = properties.get("requirements")
    if isinstance(listed, str):
        listed = listed.splitlines()
    return conda.from_requirements([str(line) for line in listed]) if listed else None


_parsed = lru_cache(maxsize=256)(conda.parse)


def _curated(name: str, own: Interpreter, home: Path, curated_as: str) -> Environment | Unbuilt:
    """What an environment means that is none of the workspace."""
    found = curated.read(name)
    if found is None:
        return Environment(own)
    wanted = curated.packages(found) if curated_as == curated.VENV else None
    if wanted is not None:
        told = f"The image of the curated environment {found.name} is not used here; packages like its own are."
        return _with_packages(wanted, own, home, (told,))
    python = f"{own.executable} (Python {own.short_version})"
    if found.registry.lower() != curated.AZURES:
        told = f"The environment {found.name} is in the registry {found.registry}, out of reach; the run uses {python}."
    elif curated_as == curated.VENV:
        told = f"No packages are known for the curated environment {found.name}; the run uses {python}."
    else:
        told = f"The curated environment {found.name} is a Docker image; the run uses {python} instead."
        if curated.packages(found) is not None:
            told += f" A host started with {curated.VARIABLE}={curated.VENV} builds one of packages like its own."
    return Environment(own, (told,))


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
    """The Python to build on: one that is asked for when this machine has one."""
    if installed.python_fits(wanted.python, own.version):
        return own, ()
    found = _another(wanted.python)
    if found is not None:
        return found, ()
    return own, (f"Python {wanted.python} is not installed here; the environment is built on {own.short_version}.",)


def _another(asked: str) -> Interpreter | None:
    """The first Python of this machine that is asked for and that runs can have."""
    for path in itertools.chain.from_iterable(map(elsewhere, _names(asked))):
        with contextlib.suppress(AmlError):  # a shim of a version manager that does not run here
            found = describe(path)
            if found.version >= (3, OLDEST) and installed.python_fits(asked, found.version):
                return found
    return None


def _names(asked: str) -> list[str]:
    """How the programs are called that may be a Python asked for, the likeliest first."""
    short = ".".join(asked.split(".")[:2])
    exact = [f"python{short}"] if short.replace(".", "").isdigit() else []
    return exact or [f"python3.{minor}" for minor in range(NEWEST, OLDEST - 1, -1)]
