"""Whether a Python has what an environment asks for already: then it serves as it is, and nothing is built.

What is asked for is looked at with its extras, versions and markers; that a package's own needs are there is the
business of whoever installed it. What cannot be told from a name and a version, such as a URL, counts as missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from jupyter_aml.local.runtime.conda import Wanted
from jupyter_aml.local.runtime.interpreters import Interpreter

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_OPTION = re.compile(r"\s--?[a-z]")
_ASIDE = re.compile(r"(--(index-url|extra-index-url|find-links|trusted-host|pre|prefer-binary|no-index)|-[if])\b")
"""Lines that say where packages come from, not which."""
_EXACT_PYTHON = re.compile(r"\d+(\.\d+)*")


@dataclass(frozen=True)
class Package:
    """An installed package: its version, and what it needs, markers for its extras included."""

    version: str
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class Packages:
    """What a Python has.

    Attributes:
        python: Its version, major first.
        find: An installed package by its name.
        markers: Its answers to environment markers, such as `python_version`.
    """

    python: Sequence[int]
    find: Callable[[str], Package | None]
    markers: Mapping[str, str]


def missing(wanted: Wanted, has: Packages) -> str:
    """The first thing that is asked for and not there, in words; empty when everything is."""
    if not python_fits(wanted.python, has.python):
        return f"Python {wanted.python}"
    return next((line for line in wanted.requirements if not _met(line, has)), "")


def python_fits(asked: str, version: Sequence[int]) -> bool:
    """Whether a Python is one of those asked for; the third number of an exact version does not count."""
    if not asked:
        return True
    short = f"{version[0]}.{version[1]}"
    if _EXACT_PYTHON.fullmatch(asked):
        parts = asked.split(".")[:2]
        return parts == short.split(".")[: len(parts)]
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(asked).contains(".".join(map(str, version)), prereleases=True)
    except InvalidSpecifier:
        return True


def _met(line: str, has: Packages) -> bool:
    """Whether one line of a requirements file is met."""
    from packaging.requirements import InvalidRequirement, Requirement

    if _ASIDE.match(line):
        return True
    try:
        asked = Requirement(_OPTION.split(line.partition(" #")[0])[0])
    except InvalidRequirement:
        return False
    if asked.marker is not None and not asked.marker.evaluate(dict(has.markers)):
        return True
    return _there(asked, has)


def _there(asked: Requirement, has: Packages, seen: tuple[str, ...] = ()) -> bool:
    """Whether a package is there in the version asked for, with its extras but those that are being looked into."""
    from packaging.version import InvalidVersion

    package = None if asked.url else has.find(asked.name)
    try:
        if package is None or not asked.specifier.contains(package.version, prereleases=True):
            return False
    except InvalidVersion:
        return False
    return all(_extra_met(package, asked.name, extra, has, seen) for extra in asked.extras)


def _extra_met(package: Package, name: str, extra: str, has: Packages, seen: tuple[str, ...]) -> bool:
    from packaging.requirements import Requirement

    word = f"{name}[{extra}]"
    if word in seen:
        return True
    for need in map(Requirement, package.requires):
        if need.marker is None or "extra" not in str(need.marker):
            continue
        if need.marker.evaluate({**has.markers, "extra": extra}) and not _there(need, has, (*seen, word)):
            return False
    return True


def lacks(wanted: Wanted, python: Interpreter) -> str:
    """What an installed Python lacks of what is asked for, in words; remembered until its packages change."""
    return _lacks(wanted, python, tuple(_changed(folder) for folder in python.site_packages))


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116 -- asked at each start of a job
    except OSError:
        return 0


@lru_cache(maxsize=256)
def _lacks(wanted: Wanted, python: Interpreter, changed: tuple[int, ...]) -> str:  # noqa: ARG001 -- a part of the key
    from importlib import metadata

    from packaging.markers import default_environment

    folders = list(python.site_packages)

    def find(name: str) -> Package | None:
        found = next(iter(metadata.distributions(name=name, path=folders)), None)
        return Package(str(found.version), tuple(found.requires or ())) if found is not None else None

    versions = {"python_version": python.short_version, "python_full_version": ".".join(map(str, python.version))}
    told = {name: str(value) for name, value in default_environment().items()}
    return missing(wanted, Packages(python.version, find, {**told, **versions}))
