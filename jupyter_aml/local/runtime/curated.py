"""Azure's curated environments: their names taken apart, and the packages that can stand for them here.

They are Docker images that pin old packages. A run that names one uses the submitter's Python and says so, or,
when JUPYTER_AML_CURATED says `venv`, a virtual environment of the packages that `curated.yml` lists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jupyter_aml.local.runtime.conda import Wanted

VARIABLE = "JUPYTER_AML_CURATED"
VENV = "venv"
AZURES = "azureml"
"""The registry of Azure's own environments."""
_REGISTRY = re.compile(
    r"^(?:azureml:)?azureml://registries/(?P<registry>[^/]+)/environments/(?P<name>[^/]+)", re.IGNORECASE
)
_OLD = re.compile(r"(?:^|^azureml:|/environments/)AzureML-(?P<name>[^:@/]+)", re.IGNORECASE)
_PYTHON = re.compile(r"-py(\d)(\d+)(?:-|$)")


@dataclass(frozen=True)
class Curated:
    """An environment of a registry; `name` is without `AzureML-`, which Azure's own began with before."""

    registry: str
    name: str


def read(text: str) -> Curated | None:
    """What a job's environment names when it is none of a workspace; else None."""
    if found := _REGISTRY.match(text):
        name = re.sub("^AzureML-", "", found["name"], flags=re.IGNORECASE)
        return Curated(found["registry"], name)
    found = _OLD.search(text)
    return Curated(AZURES, found["name"]) if found else None


def packages(curated: Curated) -> Wanted | None:
    """The packages that stand for an environment here; None when the table has none for it."""
    name = curated.name.lower()
    table = _table() if curated.registry.lower() == AZURES else {}
    key = max((key for key in table if name == key or name.startswith(f"{key}-")), key=len, default="")
    if not key:
        return None
    python = _PYTHON.search(name)
    version = f"{python[1]}.{python[2]}" if python else str(table[key]["python"])
    return Wanted(version, tuple(table[key]["requirements"]))


@cache
def _table() -> Mapping[str, Any]:
    import yaml

    text = resources.files(__package__).joinpath("curated.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found
