"""Where the data that a URI names are on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jupyter_aml.errors import NotFoundError, NotOfflineError, ResourceError
from jupyter_aml.local.jobs import lookup, records, uris
from jupyter_aml.local.jobs.types.base import Reader
from jupyter_aml.local.store.workspace import Workspace

DEEPEST = 8
ARTIFACTS = frozenset({"default", "artifacts"})


@dataclass(frozen=True)
class Place:
    """A blob or a folder of blobs of the workspace.

    Attributes:
        asset: It belongs to an asset or to a job's output, which nobody may write to.
        uri: Long `azureml://` URI, what mode `direct` hands to a job.
    """

    container: str
    name: str
    asset: bool
    uri: str

    def path(self, workspace: Workspace) -> Path:
        """Its file or folder."""
        return workspace.blobs.path(self.container, self.name)


@dataclass(frozen=True)
class Elsewhere:
    """A URL that the job itself reads."""

    uri: str


def find(
    workspace: Workspace, reader: Reader, uri: str, kind: str, target: str, *, asset: bool = False, depth: int = 0
) -> Place | Elsewhere:
    """Follow a URI through assets, jobs and datastores to where the data are.

    Args:
        workspace: Where names are looked up.
        reader: A connection of it.
        uri: The input's URI.
        kind: The input's type, such as `uri_file`; short names of models are models.
        target: The field, for messages.
        asset: An asset was met on the way.
        depth: How many assets were followed.

    Raises:
        ResourceError: Something on the way does not exist or cannot be reached.
    """
    if depth > DEEPEST:
        raise ResourceError(f"{target} leads through more than {DEEPEST} assets.", target=target)
    found = uris.parse(uri, segment="models" if kind.lower().endswith("_model") else "data")
    match found:
        case uris.Asset():
            record = lookup.asset(reader, found, target)
            properties = record.body.get("properties") or {}
            inner = str(properties.get("modelUri") or properties.get("dataUri") or properties.get("codeUri") or "")
            return find(workspace, reader, inner, kind, target, asset=True, depth=depth + 1)
        case uris.DatastorePath():
            container = container_of(workspace, reader, found.datastore, target)
            return Place(container, found.path, asset, long_uri(workspace, found))
        case uris.JobOutput():
            return _job_output(workspace, reader, found, kind=kind, target=target, depth=depth)
        case uris.RunArtifact():
            lookup.run(workspace, reader, found.run, target)
            return _artifact(workspace, found.run, found.path)
        case uris.Blob() if found.account == workspace.entry.account:
            return Place(found.container, found.path, asset, uri)
        case uris.Blob() | uris.Web():
            return Elsewhere(uri)
        case _:
            lookup.data(workspace, reader, uri, kind, target)
            raise NotFoundError(f"{target} is '{uri}', which cannot be followed.")


def container_of(workspace: Workspace, reader: Reader, datastore: str, target: str) -> str:
    """The container behind a datastore.

    Raises:
        NotOfflineError: It is in a storage account of Azure (501).
    """
    record = lookup.datastore(reader, datastore, target)
    properties = record.body.get("properties") or {}
    container = properties.get("containerName") or properties.get("filesystem") or properties.get("fileShareName")
    account = str(properties.get("accountName") or "")
    if account.lower() != workspace.entry.account or not container:
        raise NotOfflineError(
            f"{target} is in the datastore '{datastore}' (account '{account}'), which is in Azure.",
            remedy="Copy the data to a local datastore first: azureml://datastores/workspaceblobstore/paths/...",
        )
    return str(container)


def long_uri(workspace: Workspace, found: uris.DatastorePath) -> str:
    """A datastore path with subscription, group and workspace."""
    entry = workspace.entry
    return (
        f"azureml://subscriptions/{entry.subscription}/resourcegroups/{entry.group}/workspaces/{entry.name}"
        f"/datastores/{found.datastore}/paths/{found.path}"
    )


def _artifact(workspace: Workspace, run: str, path: str) -> Place:
    name = f"ExperimentRun/dcid.{run}/{path}".rstrip("/")
    uri = long_uri(workspace, uris.DatastorePath("workspaceartifactstore", name))
    return Place(workspace.artifact_container, name, asset=True, uri=uri)


def _job_output(
    workspace: Workspace, reader: Reader, found: uris.JobOutput, *, kind: str, target: str, depth: int
) -> Place | Elsewhere:
    record = lookup.job_output(reader, found, target)
    kept = (record.state.get("outputs") or {}).get(found.output)
    if kept:
        uri = "/".join(part for part in (str(kept["uri"]).rstrip("/"), found.path) if part)
        return find(workspace, reader, uri, kind, target, asset=True, depth=depth + 1)
    if found.output in ARTIFACTS:
        return _artifact(workspace, record.name, found.path)
    raise _not_kept(record, found, target)


def _not_kept(record: records.Record, found: uris.JobOutput, target: str) -> ResourceError:
    return ResourceError(
        f"{target} names the output '{found.output}' of the job '{record.name}', which is {record.status}"
        " and has kept no such output.",
        remedy=f"Wait until it has completed: `%aml job stream {record.name}`."
        if not record.final
        else "Only outputs of completed jobs can be used.",
        target=target,
    )
