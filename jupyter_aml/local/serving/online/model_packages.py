"""The Python that serves an MLflow model without an environment: the submitter's, unless it lacks a package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jupyter_aml.local.runtime import conda, environments, installed
from jupyter_aml.local.runtime.conda import Wanted
from jupyter_aml.local.runtime.environments import Environment, Unbuilt
from jupyter_aml.local.runtime.interpreters import describe

FILES = ("requirements.txt", "conda.yaml")
"""Where MLflow writes what a model needs."""


def choose(model: Path, recorded: str, home: Path) -> Environment | Unbuilt:
    """The Python for a model.

    The submitter's own serves when it has every package that the model names, in whatever version; what differs is
    said. Else an environment is built of the model's own list, as Azure does.

    Args:
        model: Folder with the file MLmodel.
        recorded: The submitter's Python.
        home: The store, where built environments are kept.

    Raises:
        AmlError: The submitter's Python cannot be run.
    """
    own = describe(recorded)
    wanted = _wanted(model)
    if wanted is None:
        return Environment(own)
    lacking = installed.lacks(replace(wanted, python=""), own)
    if not lacking:
        return Environment(own)
    names = tuple(_name(line) for line in wanted.requirements)
    if not installed.lacks(Wanted("", names), own):
        told = f"{own.executable} serves the model; it was logged with other versions: {lacking}, among others."
        return Environment(own, (told,))
    text = "\n".join(wanted.requirements)
    return environments.choose({"requirements": text}, name="", recorded=recorded, home=home)


def _wanted(model: Path) -> Wanted | None:
    requirements, file = (model / name for name in FILES)
    if requirements.is_file():
        return conda.from_requirements(requirements.read_text(encoding="utf-8").splitlines())
    return conda.parse(file.read_text(encoding="utf-8")) if file.is_file() else None


def _name(line: str) -> str:
    """A requirement without version and extras."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(line.partition(" #")[0]).name
    except InvalidRequirement:
        return line
