"""The environment of a cell that names none: this Python, recorded with the packages that the script imports.

It is an ordinary environment version, so Azure can build it from its conda file; its tag tells the local runtime to
use the submitter's interpreter as it is. Equal pins are one version, named by their hash.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.metadata
import json
import platform
import sys
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_aml.commands.context import Context
from jupyter_aml.errors import NotFoundError

NAME = "notebook-python"
TAG = "jupyter_aml.interpreter"
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
EXTRA = {"mlflow": "azureml-mlflow"}
MOST_FILES = 200


def recorded(
    context: Context, sources: Iterable[str], *, without: Collection[str] = (), more: Collection[str] = ()
) -> str:
    """The recorded environment of scripts, registered when it is new: `azureml:notebook-python:HASH`.

    Args:
        context: Its workspace.
        sources: The scripts' texts.
        without: Modules that are there without being asked for.
        more: Distributions that it needs in Azure beside what the scripts import.
    """
    from jupyter_aml.client.rest import Rest

    conda = conda_file([*requirements(imports(sources) - set(without)), *more])
    version = hashlib.sha256(json.dumps(conda, sort_keys=True).encode()).hexdigest()[:12]
    try:
        Rest(context.connection).get(f"environments/{NAME}/versions/{version}")
    except NotFoundError:
        _register(context, version, conda)
    except Exception as error:
        if getattr(error, "status", None) != 404:  # noqa: PLR2004 - Not Found
            raise
        _register(context, version, conda)
    return f"azureml:{NAME}:{version}"


def _register(context: Context, version: str, conda: dict[str, Any]) -> None:
    from azure.ai.ml.entities import Environment

    context.client.environments.create_or_update(
        Environment(
            name=NAME,
            version=version,
            image=IMAGE,
            conda_file=conda,
            description=f"Python {platform.python_version()} of a notebook, with what its script imports.",
            tags={TAG: "submitter"},
        )
    )


def imports(sources: Iterable[str]) -> set[str]:
    """The top-level modules that scripts import, the standard library aside."""
    found: set[str] = set()
    for source in sources:
        try:
            tree = ast.parse(source)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)


def requirements(modules: Iterable[str]) -> list[str]:
    """The installed distributions of modules, pinned: `pandas==2.2.3`; unknown modules are left out."""
    found: dict[str, str] = {}
    for module in modules:
        for name in _distributions(module):
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                found[name.lower()] = f"{name}=={importlib.metadata.version(name)}"
        if module in EXTRA:
            found[EXTRA[module]] = EXTRA[module]
    return sorted(found.values(), key=str.lower)


def conda_file(pins: list[str]) -> dict[str, Any]:
    """A conda file with this Python and the pins."""
    inner: list[Any] = [f"python={platform.python_version()}", "pip"]
    return {
        "name": NAME,
        "channels": ["conda-forge"],
        "dependencies": [*inner, {"pip": pins}] if pins else inner,
    }


def python_files(folder: Path) -> list[str]:
    """The sources of the Python files in a folder."""
    files = sorted(folder.rglob("*.py"))[:MOST_FILES]
    return [path.read_text(encoding="utf-8", errors="replace") for path in files]


def _distributions(module: str) -> list[str]:
    return sorted(set(_by_module().get(module, ())))


@cache
def _by_module() -> dict[str, list[str]]:
    return {module: list(names) for module, names in importlib.metadata.packages_distributions().items()}
