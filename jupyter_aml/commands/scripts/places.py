"""What a path or URI on a line means: a local path, a datastore, an asset, an output or the code of a job (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jupyter_aml.errors import UsageError

Sort = Literal["local", "datastore", "asset", "job", "code", "url", "root"]
_SHORT = re.compile(r"^azureml://datastores/(?P<store>[^/]+)(?:/paths)?(?:/(?P<path>.*))?$", re.IGNORECASE)
_LONG = re.compile(
    r"^azureml://subscriptions/.+/(?:workspaces|providers/[^/]+/workspaces)/[^/]+/datastores/(?P<store>[^/]+)"
    r"(?:/paths)?(?:/(?P<path>.*))?$",
    re.IGNORECASE,
)
_JOB = re.compile(
    r"^(?:azureml://jobs/|runs:/)(?P<job>[^/]+)(?:/outputs/(?P<output>[^/]+)(?:/paths)?)?(?:/(?P<path>.*))?$"
)
_CODE = re.compile(r"^azureml://jobs/(?P<job>[^/]+)/code(?:/(?P<path>.*))?$")
"""A file of that name among a job's artifacts has `outputs/artifacts/paths/` before it."""
_ASSET = re.compile(r"^azureml:(?!//)(?P<name>[^:@/]+)(?:[:@](?P<version>[^/]+))?(?:/(?P<path>.*))?$")
_SHORT_ASSET = re.compile(r"^[A-Za-z0-9][\w.-]{0,254}(?::|@)[\w.-]+(?:/.*)?$")
_STORE = re.compile(r"^[a-z0-9_]{1,255}$")


@dataclass(frozen=True)
class Place:
    """A place: `name` is the datastore, asset (with its version) or job, `output` a job's output."""

    sort: Sort
    path: str = ""
    name: str = ""
    output: str = ""


def parse(text: str, exists: Callable[[str], bool]) -> Place:
    """What a text means.

    Args:
        text: As typed: `workspaceblobstore/raw/`, `azureml://…`, `azureml:iris@latest`, `iris@latest`, `./folder`,
            `https://…`.
        exists: Whether a local path exists; such a path wins over a datastore or an asset of that name.

    Raises:
        UsageError: It means nothing.
    """
    text = text.strip()
    if not text:
        return Place("root")
    found = _uri(text)
    if found is not None:
        return found
    if "://" in text:
        msg = f"{text}: this kind of address is not read here."
        raise UsageError(msg, remedy="Write DATASTORE/path, azureml://…, azureml:ASSET@latest or a local path.")
    store, _, path = text.partition("/")
    looks_local = text.startswith((".", "/", "~", "\\")) or re.match(r"^[A-Za-z]:[\\/]", text) or exists(text)
    if not looks_local and _SHORT_ASSET.match(text):
        return _uri(f"azureml:{text}") or Place("local", text)
    if looks_local or not _STORE.match(store):
        return Place("local", text)
    return Place("datastore", path, store)


def _uri(text: str) -> Place | None:
    """The place that a URI means; None where it is none of those known."""
    for pattern in (_SHORT, _LONG):
        found = pattern.match(text)
        if found:
            return Place("datastore", found["path"] or "", found["store"])
    found = _CODE.match(text)
    if found:
        return Place("code", found["path"] or "", found["job"])
    found = _JOB.match(text)
    if found:
        return Place("job", found["path"] or "", found["job"], found["output"] or "default")
    found = _ASSET.match(text)
    if found:
        mark = text[len("azureml:") + len(found["name"])] if found["version"] else ""
        return Place("asset", found["path"] or "", f"{found['name']}{mark}{found['version'] or ''}")
    if re.match(r"^https?://", text):
        return Place("url", text)
    return Place("local", text.removeprefix("file://")) if text.startswith("file://") else None
