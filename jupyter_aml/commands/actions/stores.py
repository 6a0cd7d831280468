"""Files in a blob container of a datastore: list, read, write, delete, through Azure's own blob client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jupyter_aml.commands import plain
from jupyter_aml.commands.actions import near
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.scripts import places
from jupyter_aml.errors import NotFoundError, UsageError

BLOBS = ("azure_blob", "azure_data_lake_gen2")
CODE = "azureml://jobs/{job}/code"
"""How the code of a job is called."""
OWN = ("workspaceblobstore", "workspaceartifactstore")


@dataclass(frozen=True)
class Entry:
    """A file, or a folder, of a listing; `name` is its last part."""

    name: str
    folder: bool = False
    size: int | None = None
    modified: Any = None


class Files:
    """The files below a prefix of a container.

    Args:
        client: azure.storage.blob's ContainerClient.
        prefix: What all names begin with; "" or ends in "/", or names one file.
        root: How a person calls the prefix, for messages.
    """

    def __init__(self, client: Any, prefix: str, root: str) -> None:
        self.client = client
        self.prefix = prefix
        self.root = root

    def entries(self, path: str = "") -> Iterator[Entry]:
        """What is directly in a folder; a file names itself."""
        full = self._full(path).rstrip("/")
        if full and self.is_file(path):
            found = self.client.get_blob_client(full).get_blob_properties()
            yield Entry(full.rpartition("/")[2], size=found.size, modified=found.last_modified)
            return
        start = f"{full}/" if full else ""
        for item in self.client.walk_blobs(name_starts_with=start, delimiter="/"):
            name = str(item.name)[len(start) :]
            if not name:
                continue
            if name.endswith("/"):
                yield Entry(name.rstrip("/"), folder=True)
            else:
                yield Entry(name, size=item.size, modified=item.last_modified)

    def names(self, path: str = "") -> Iterator[str]:
        """All files below a folder, relative to it; the file itself as its own name."""
        full = self._full(path).rstrip("/")
        if full and self.is_file(path):
            yield full.rpartition("/")[2]
            return
        start = f"{full}/" if full else ""
        for item in self.client.list_blobs(name_starts_with=start):
            if not _is_folder_mark(item):
                yield str(item.name)[len(start) :]

    def is_file(self, path: str = "") -> bool:
        """Whether exactly this file exists."""
        full = self._full(path)
        if not full or full.endswith("/"):
            return False
        blob = self.client.get_blob_client(full)
        return bool(blob.exists()) and not _is_folder_mark(blob.get_blob_properties())

    def read(self, path: str = "", *, most: int | None = None) -> bytes:
        """A file's content, or its first `most` bytes.

        Raises:
            NotFoundError: There is no such file.
        """
        return self.start(path, most)[0]

    def start(self, path: str = "", most: int | None = None) -> tuple[bytes, int]:
        """The first bytes of a file, and its whole size.

        Raises:
            NotFoundError: There is no such file.
        """
        blob = self.client.get_blob_client(self._full(path).rstrip("/"))
        if not blob.exists():
            msg = f"{self.name(path)} does not exist."
            raise NotFoundError(msg, remedy=f"Type %aml ls {self.name(path).rpartition('/')[0] or self.root}/")
        size = int(blob.get_blob_properties().size)
        if not size:
            return b"", 0
        length = min(most, size) if most else None
        return bytes(blob.download_blob(offset=0, length=length).readall()), size

    def write(self, path: str, content: Any) -> None:
        """Write a file from bytes or an open file; replaces one that is there."""
        self.client.upload_blob(self._full(path).rstrip("/"), content, overwrite=True)

    def delete(self, path: str = "") -> None:
        """Delete one file."""
        self.client.delete_blob(self._full(path).rstrip("/"))

    @property
    def top(self) -> str:
        """Where a person begins to look for files, as `aml ls` takes it."""
        depth = len(CODE.split("/")) if self.root.startswith("azureml://") else 1
        return "/".join([*self.root.split("/")[:depth], ""])

    def name(self, path: str = "") -> str:
        """How a person calls a path."""
        return "/".join(part for part in (self.root.rstrip("/"), path) if part)

    def _full(self, path: str) -> str:
        if not path:
            return self.prefix
        return f"{self.prefix.rstrip('/')}/{path}" if self.prefix else path


def files(context: Context, text: str) -> Files:
    """The files that a URI of a datastore, an asset, an output or the code of a job means.

    Raises:
        UsageError: It is a local path, or not blob storage.
        NotFoundError: No such datastore, asset or output.
    """
    place = places.parse(text, lambda path: context.path(path).exists())
    return of_place(context, place, text)


def of_place(context: Context, place: places.Place, text: str) -> Files:
    """The same for what was parsed already."""
    if place.sort == "asset":
        return _asset(context, place)
    if place.sort == "job":
        return _output(context, place, text)
    if place.sort == "code":
        from jupyter_aml.commands.actions import codes

        return codes.of_job(context, place.name, place.path)
    if place.sort != "datastore":
        msg = f"{text} is not in a datastore."
        raise UsageError(msg, remedy="Write DATASTORE/path or azureml://datastores/DATASTORE/paths/path.")
    stores = context.client.datastores
    store = near.looked_up(lambda: stores.get(place.name, include_secrets=True), "datastore", place.name, stores.list)
    kind = str(plain.plain(store).get("type"))
    if kind not in BLOBS:
        msg = f"The datastore {place.name} is of type {kind}; its files cannot be listed here."
        raise UsageError(msg, remedy="Use a datastore of type azure_blob or azure_data_lake_gen2.")
    container = getattr(store, "container_name", None) or store.filesystem
    endpoint = getattr(store, "endpoint", None) or "core.windows.net"
    url = f"https://{store.account_name}.blob.{endpoint}"
    client = _client(context, url, str(container), store.credentials)
    return Files(client, place.path, "/".join(part for part in (place.name, place.path.rstrip("/")) if part))


def container_files(context: Context, account_url: str, container: str, prefix: str, root: str = "") -> Files:
    """The files below a prefix of a container in an account of the workspace's own datastores.

    A key serves for all containers of its account, a SAS token for that of its datastore.
    """
    account = (urlsplit(account_url).hostname or "").partition(".")[0]
    keyed = None
    for name in OWN:
        store = context.client.datastores.get(name, include_secrets=True)
        if store.container_name == container:
            return Files(_client(context, account_url, container, store.credentials), prefix, root or container)
        if store.account_name == account and getattr(store.credentials, "account_key", None):
            keyed = store.credentials
    return Files(_client(context, account_url, container, keyed), prefix, root or container)


def _client(context: Context, account_url: str, container: str, credentials: Any) -> Any:
    from azure.storage.blob import ContainerClient

    secret = getattr(credentials, "account_key", None) or getattr(credentials, "sas_token", None)
    return ContainerClient(account_url, container, credential=secret or context.connection.credential)


def _asset(context: Context, place: places.Place) -> Files:
    from jupyter_aml.commands.actions import bindings

    found = bindings.find_asset(context, place.name)
    path = str(found.path)
    inner = f"{path.rstrip('/')}/{place.path}" if place.path else path
    return files(context, inner)


def _output(context: Context, place: places.Place, text: str) -> Files:
    job = context.client.jobs.get(place.name)
    outputs = job.outputs or {}
    wanted = "default" if place.output == "artifacts" else place.output
    output = outputs.get(wanted)
    path = str(getattr(output, "path", "") or "")
    if output is None and wanted != "default":
        msg = f"{text}: the job {place.name} has no output {wanted!r}."
        raise NotFoundError(msg, why=f"Its outputs are {', '.join(outputs) or 'none'}.")
    if wanted == "default":
        path = path or f"azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.{place.name}/"
    elif not path:
        path = _resolved(context, place.name, wanted)
    inner = f"{path.rstrip('/')}/{place.path}" if place.path else path
    return files(context, inner)


def _resolved(context: Context, job: str, output: str) -> str:
    """Where an output of a job was written, as run history tells.

    Raises:
        NotFoundError: It has not been written (yet).
    """
    from jupyter_aml.client.rest import Rest

    rest = Rest(context.connection)
    asset = ((rest.get(f"runs/{job}", api="history/v1.0").get("outputs") or {}).get(output) or {}).get("assetId")
    if asset:
        for api, path, key in (
            ("data/v1.0", "dataversion/batchGetResolvedUris", "uri"),
            ("modelregistry/v1.0", "models/batchGetResolvedUris", "path"),
        ):
            found = (rest.post(path, {"values": [asset]}, api=api).get("values") or {}).get(asset)
            if found:
                return str(found[key])
    msg = f"The output {output} of the job {job} is not there."
    raise NotFoundError(msg, why="Outputs are kept when a job completes.", remedy=f"Type %aml job show {job}.")


def _is_folder_mark(item: Any) -> bool:
    """Whether a blob only stands for a folder, as ADLS Gen2 writes them."""
    return str((getattr(item, "metadata", None) or {}).get("hdi_isfolder", "")).lower() == "true"
