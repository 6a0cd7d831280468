"""What the `uri` of an input or output may be, taken apart: assets, datastore paths, job outputs, URLs, paths.

Pure: nothing is looked up. Matched case-insensitively where Azure does so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from jupyter_aml.local.arm import ids


@dataclass(frozen=True)
class Asset:
    """A data asset, model or other versioned resource of this workspace; `version` or `label` may be empty."""

    segment: str
    name: str
    version: str = ""
    label: str = ""

    def __str__(self) -> str:
        mark = f":{self.version}" if self.version else f"@{self.label}" if self.label else ""
        return f"azureml:{self.name}{mark}"


@dataclass(frozen=True)
class Foreign:
    """An asset of a registry or of another workspace."""

    uri: str
    where: str


@dataclass(frozen=True)
class DatastorePath:
    """A path below a datastore."""

    datastore: str
    path: str

    def __str__(self) -> str:
        return f"azureml://datastores/{self.datastore}/paths/{self.path}"


@dataclass(frozen=True)
class JobOutput:
    """An output of a job, or a path below it."""

    job: str
    output: str
    path: str = ""


@dataclass(frozen=True)
class RunArtifact:
    """An MLflow artifact, `runs:/<run>/<path>`."""

    run: str
    path: str


@dataclass(frozen=True)
class Blob:
    """A blob, or the folder of blobs below `path`, of a storage account."""

    account: str
    container: str
    path: str


@dataclass(frozen=True)
class Web:
    """Any other URL: fetched by the job itself."""

    url: str


@dataclass(frozen=True)
class LocalPath:
    """A path on this machine."""

    path: str


Uri = Asset | Foreign | DatastorePath | JobOutput | RunArtifact | Blob | Web | LocalPath

_FLAGS = re.IGNORECASE | re.DOTALL
_SHORT_DATASTORE = re.compile(r"azureml://datastores/([^/]+)(?:/paths(?:/|$)|/|$)(.*)", _FLAGS)
_LONG_DATASTORE = re.compile(
    r"azureml://subscriptions/([^/]+)/resource[gG]roups/([^/]+)(?:/providers/[^/]+)?/workspaces/([^/]+)"
    r"/datastores/([^/]+)/paths(?:/(.*))?",
    _FLAGS,
)
_JOB_OUTPUT = re.compile(r"azureml://jobs/([^/]+)/outputs/([^/]+)(?:/paths(?:/(.*))?|/)?", _FLAGS)
_LOCATED = re.compile(
    r"azureml://locations/[^/]+/workspaces/([^/]+)/([^/]+)/([^/]+)/(versions|labels)/([^/]+)/?", _FLAGS
)
_LONG_ASSET = re.compile(
    r"azureml://subscriptions/[^/]+/resourcegroups/[^/]+(?:/providers/[^/]+)?/workspaces/[^/]+"
    r"/(data|models)/([^/]+)/(versions|labels)/([^/]+)/?",
    _FLAGS,
)
_REGISTRY = re.compile(r"(?:azureml:)?azureml://registries/([^/]+)/.*", _FLAGS)
_RUN = re.compile(r"runs:/+([^/]+)/?(.*)", _FLAGS)
_BLOB_HOST = re.compile(r"([a-z0-9]+)\.(?:blob|dfs)\.", re.IGNORECASE)


def parse(text: str, *, segment: str = "data") -> Uri | None:  # noqa: PLR0911 - one return a form
    """What a URI names; None when it has no form that Azure ML knows.

    Args:
        text: The URI as the client sent it.
        segment: Where a short name such as `azureml:iris:1` is to be looked up: `data` or `models`.
    """
    scheme = text.partition(":")[0].lower()
    if scheme in {"http", "https", "wasb", "wasbs", "abfs", "abfss"}:
        return _web(text)
    if scheme == "runs":
        match = _RUN.fullmatch(text)
        return RunArtifact(match[1], match[2].strip("/")) if match else None
    if scheme == "file":
        return LocalPath(unquote(urlsplit(text).path))
    if text.startswith(("azureml://", "azureml:azureml://")):
        return _azureml(text.removeprefix("azureml:") if text.startswith("azureml:azureml") else text)
    found = ids.parse(text)
    if found is not None:
        return Asset(found.segment.lower(), found.name, found.version) if found.segment else None
    if text.startswith("/"):
        return LocalPath(text)
    return _short(text, segment)


def _azureml(text: str) -> Uri | None:
    if match := _JOB_OUTPUT.fullmatch(text):
        return JobOutput(match[1], match[2], (match[3] or "").strip("/"))
    if match := _LONG_DATASTORE.fullmatch(text):
        return DatastorePath(match[4], (match[5] or "").lstrip("/"))
    if match := _SHORT_DATASTORE.fullmatch(text):
        return DatastorePath(match[1], match[2].lstrip("/"))
    if match := _LOCATED.fullmatch(text) or _LONG_ASSET.fullmatch(text):
        *_, segment, name, kind, value = match.groups()
        version, label = (value, "") if kind.lower() == "versions" else ("", value)
        return Asset(segment.lower(), name, version, label)
    if match := _REGISTRY.fullmatch(text):
        return Foreign(text, f"the registry {match[1]}")
    return None


def _short(text: str, segment: str) -> Uri | None:
    if not text.lower().startswith("azureml:"):
        return None
    found = ids.reference(text)
    return Asset(segment, *found) if found else None


def _web(text: str) -> Uri:
    parts = urlsplit(text)
    host = parts.hostname or ""
    match = _BLOB_HOST.match(host)
    if match is None:
        return Web(text)
    if parts.scheme.lower() in {"http", "https"}:
        container, _, path = unquote(parts.path).lstrip("/").partition("/")
    else:
        container, path = parts.username or "", unquote(parts.path).lstrip("/")
    return Blob(match[1].lower(), container, path)
