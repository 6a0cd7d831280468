"""Finds the job types, and says what to use for those that the local workspace does not run."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from jupyter_aml.errors import NotOfflineError, ResourceError
from jupyter_aml.local.jobs import types
from jupyter_aml.local.jobs.types.base import JobType

ELSEWHERE = {
    "finetuning": "Connect to Azure: `%aml connect azure:SUB/RG/WS`.",
    "labeling": "Connect to Azure: `%aml connect azure:SUB/RG/WS`.",
}


@cache
def all_types() -> dict[str, JobType]:
    """Every `TYPE` of the modules in `jobs/types`, by its word in lower case."""
    found = {}
    for module in pkgutil.iter_modules(types.__path__):
        loaded = importlib.import_module(f"{types.__name__}.{module.name}")
        if hasattr(loaded, "TYPE"):
            found[loaded.TYPE.word.lower()] = loaded.TYPE
    return found


def job_type(word: object) -> JobType:
    """The type of that word.

    Raises:
        NotOfflineError: Azure has it, the local workspace has not (501).
        ResourceError: Nobody has it (400).
    """
    known = all_types()
    key = str(word or "").lower()
    if key in known:
        return known[key]
    if key in ELSEWHERE:
        raise NotOfflineError(f"The local workspace does not run jobs of type {word}.", remedy=ELSEWHERE[key])
    raise ResourceError(
        f"jobType is {word!r}; expected one of {', '.join(one.word for one in known.values())}.",
        code="ValidationError",
        target="properties.jobType",
    )
