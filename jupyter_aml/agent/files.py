"""fsspec's `azureml://` for a local workspace: datastores, assets and the outputs of jobs as files.

A path is the URI without `azureml://`. What it means is asked from the service, and its files are read and written
in the Blob protocol: inside a job through the loopback door, elsewhere as the client says. What is in Azure goes
to Microsoft's `azureml-fsspec`. Only fsspec loads this module.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import IO, Any, NamedTuple, NoReturn
from urllib.parse import quote, unquote, urlencode
from xml.etree import ElementTree as ET

from fsspec.spec import AbstractFileSystem
from fsspec.utils import stringify_path

from . import blobfile, relay

PROTOCOL = "azureml"
SCHEME = "azureml://"
SCOPE = "AZUREML_WORKSPACE_SCOPE"
INSTALL = "pip install azureml-fsspec"

_NO_REST = re.compile(r"(?:subscriptions/.+?/)?datastores/[^/]+|jobs/[^/]+/outputs/[^/]+", re.IGNORECASE)
_ASSET = re.compile(
    r"(azureml:[^/:@]+(?:[:@][^/:@]+)?"
    r"|(?:locations|subscriptions|registries)/.+?/(?:data|models)/[^/]+/(?:versions|labels)/[^/]+)(?:/(.*))?",
    re.IGNORECASE | re.DOTALL,
)
_REST = re.compile(r"/paths(/.*)?$", re.DOTALL)
_SUBSCRIPTION = re.compile(r"subscriptions/([^/]+)/", re.IGNORECASE)

_BAD = 400
_MISSING = 404
_ERRORS = {401: errno.EACCES, 403: errno.EACCES, 404: errno.ENOENT, 501: errno.EOPNOTSUPP}


class Answer(NamedTuple):
    """What came back: status, headers (names in lower case), and the body to be read once and closed."""

    status: int
    headers: Mapping[str, str]
    stream: IO[bytes]

    def content(self) -> bytes:
        """The whole body; closes it."""
        with self.stream as stream:
            return stream.read()


class Place(NamedTuple):
    """A blob, or the folder of blobs below `name`, of a storage account; `name` is empty for all of a container."""

    account: str
    container: str
    name: str
    writable: bool


@dataclass(frozen=True)
class Door:
    """A way to the service of one workspace.

    Attributes:
        workspace: Its ARM id.
    """

    workspace: str

    def send(
        self, method: str, host: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Send one request: `target` is the path with its query, percent-encoded."""
        raise NotImplementedError

    def whole(self, place: Place) -> IO[bytes] | None:  # noqa: ARG002 -- for those who can
        """A blob as an open file that can be sought; None where it cannot be had without copying, or not at all."""
        return None

    def place(self, uri: str) -> Place:
        """What a URI means in this workspace.

        Raises:
            OSError: Nothing, or nothing that is here; FileNotFoundError for what does not exist.
        """
        sent = {"Content-Type": "application/json"}
        body = json.dumps({"uri": uri}).encode()
        answer = self.send("POST", relay.API_HOST, f"/_aml{quote(self.workspace)}/place", sent, body)
        if answer.status >= _BAD:
            refuse(answer, uri)
        return Place(**json.loads(answer.content()))

    def blob(
        self,
        method: str,
        place: Place,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """One request about a blob, or, with an empty name, about its container."""
        path = quote("/".join(part for part in ("", place.container, place.name) if part or not place.container))
        path = f"/{path.lstrip('/')}"
        target = f"{path}?{urlencode(query)}" if query else path
        return self.send(method, f"{place.account}.blob.{relay.STORAGE_SUFFIX}", target, headers, body)


class JobDoor(Door):
    """The loopback door, from inside a job."""

    def send(
        self, method: str, host: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        given = relay.given()
        if given is None:
            raise OSError(errno.ENOTCONN, "This process is no job of a local workspace.")
        answer = given.send(method, target, host, headers or {}, body)
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer)


class Foreign(NamedTuple):
    """A path in Azure: Microsoft's file system, the path as that calls it, and the beginning that ours have for it.

    Attributes:
        root: What our paths begin with where theirs begin with `prefix`.
    """

    files: Any
    path: str
    root: str
    prefix: str = ""

    def ours(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """An entry of a listing with its name as we call it."""
        name = without(str(entry["name"]).strip("/"), self.prefix).strip("/")
        return {**entry, "name": f"{self.root}/{name}".rstrip("/")}


class Files(AbstractFileSystem):
    """Azure ML's URIs as a file system; subclasses say who answers for one.

    Folders are there as long as a file is below them. Assets and what jobs have put out never change: files are
    written below datastores alone, all at once when they are closed.
    """

    protocol = PROTOCOL
    root_marker = ""

    def _home(self, path: str) -> Door | Foreign:
        """Who answers for a path."""
        raise NotImplementedError

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        text = without(str(stringify_path(path)), SCHEME).rstrip("/")
        return f"{text}/paths" if _NO_REST.fullmatch(text) else text

    def unstrip_protocol(self, name: str) -> str:
        """The URI of a path."""
        return uri_of(self._strip_protocol(name))

    def ls(self, path: str, detail: bool = True, **_options: Any) -> list[Any]:
        """What is directly in a folder; a file names itself.

        Raises:
            FileNotFoundError: There is neither a file nor a folder of that name.
        """
        path = self._strip_protocol(path)
        home = self._home(path)
        if isinstance(home, Foreign):
            found = [home.ours(entry) for entry in home.files.ls(home.path, detail=True)]
        else:
            place = located(home, path)
            found = [_below(path, place.name, entry) for entry in _listed(home, place, delimiter="/")]
            if not found:
                alone = self.info(path)
                found = [alone] if alone["type"] == "file" else []
        return found if detail else [entry["name"] for entry in found]

    def info(self, path: str, **_options: Any) -> dict[str, Any]:
        """A file's or folder's `name`, `type` and `size`; of a file also `mtime` and `etag`.

        Raises:
            FileNotFoundError: There is neither a file nor a folder of that name.
        """
        path = self._strip_protocol(path)
        home = self._home(path)
        if isinstance(home, Foreign):
            return home.ours(home.files.info(home.path))
        place = located(home, path)
        if place.name:
            answer = home.blob("HEAD", place)
            answer.stream.close()
            if answer.status < _BAD:
                return _file(path, answer.headers)
            if answer.status != _MISSING:
                refuse(answer, uri_of(path))
        folder = next(_listed(home, place, most=1), None)
        if folder is None and place.name:
            raise missing(path)
        return {"name": path, "type": "directory", "size": 0}

    def find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, detail: bool = False, **options: Any
    ) -> Any:
        """All files below a folder, in one listing where no depth is asked for."""
        path = self._strip_protocol(path)
        home = self._home(path)
        if maxdepth is not None or withdirs or isinstance(home, Foreign):
            return super().find(path, maxdepth=maxdepth, withdirs=withdirs, detail=detail, **options)
        place = located(home, path)
        found = {entry["name"]: entry for entry in (_below(path, place.name, one) for one in _listed(home, place))}
        if not found and place.name and self.exists(path):
            found = {entry["name"]: entry for entry in self.ls(path)}
        return found if detail else sorted(found)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | str | None = None,
        autocommit: bool = True,
        cache_options: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        home = self._home(path)
        if isinstance(home, Foreign):
            return home.files.open(home.path, mode, block_size=block_size, **options)
        if mode not in {"rb", "wb", "xb"}:
            raise OSError(
                errno.EOPNOTSUPP, f"Blobs are read or written as a whole; mode {mode!r} does neither. Use 'wb'.", path
            )
        place = located(home, path)
        if mode != "rb":
            require_writable(place, path)
        elif opened := home.whole(place):
            return opened
        return blobfile.BlobFile(
            self, path, mode, block_size or "default", autocommit, door=home, place=place, cache_options=cache_options
        )

    def rm_file(self, path: str) -> None:
        """Delete a file of a datastore."""
        path = self._strip_protocol(path)
        home = self._home(path)
        if isinstance(home, Foreign):
            home.files.rm_file(home.path)
            return
        place = located(home, path)
        require_writable(place, path)
        answer = home.blob("DELETE", place)
        if answer.status >= _BAD:
            refuse(answer, uri_of(path))
        answer.stream.close()

    _rm = rm_file

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Delete files; a folder with all that is below it if `recursive`."""
        for one in self.expand_path(path, recursive=recursive, maxdepth=maxdepth):
            if not self.isdir(one):
                self.rm_file(one)
            elif not recursive:
                raise IsADirectoryError(errno.EISDIR, "It is a folder; recursive=True deletes all of it", one)

    def cp_file(self, path1: str, path2: str, **_options: Any) -> None:
        """Copy a file; folders come into being by their files."""
        if self.isdir(path1):
            return
        with self.open(path1, "rb") as source, self.open(path2, "wb") as target:
            while piece := source.read(blobfile.BLOCK):
                target.write(piece)

    def mkdir(self, path: str, create_parents: bool = True, **_options: Any) -> None:
        """Do nothing: a folder is there as soon as a file is below it."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Do nothing, as `mkdir`."""

    def rmdir(self, path: str) -> None:
        """Do nothing: a folder goes with its last file."""

    def modified(self, path: str) -> Any:
        """When a file was written, with its time zone."""
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self.info(path)["mtime"], UTC)

    def checksum(self, path: str) -> int:
        """A number that changes when the file does."""
        return int.from_bytes(str(self.info(path).get("etag", path)).encode()[-16:], "big")


class JobFiles(Files):
    """The file system inside a job: its workspace answers, and others of its store."""

    def _home(self, path: str) -> Door | Foreign:
        given, scope = relay.given(), os.environ.get(SCOPE, "")
        subscription = _SUBSCRIPTION.match(path)
        if given is None or (subscription and not given.knows_subscription(subscription[1])):
            return foreign(path)
        return JobDoor(scope_of(path) or scope)


def scope_of(path: str) -> str:
    """The ARM id of the workspace that a path names; empty when it names none."""
    found = re.match(
        r"subscriptions/([^/]+)/resourcegroups/([^/]+)(?:/providers/[^/]+)?/workspaces/([^/]+)", path, re.IGNORECASE
    )
    if found is None:
        return ""
    subscription, group, workspace = found.groups()
    provider = "Microsoft.MachineLearningServices"
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{provider}/workspaces/{workspace}"


def uri_of(path: str) -> str:
    """The URI of a stripped path."""
    return path if path.startswith("azureml:") else SCHEME + path


def located(door: Door, path: str) -> Place:
    """Where a path's file or folder is; an asset is looked up, and what stands behind its version is below it."""
    asset = _ASSET.fullmatch(path)
    place = door.place(uri_of(asset[1] if asset else path))
    inner = (asset[2] or "") if asset else ""
    return place._replace(name="/".join(part for part in (place.name.strip("/"), inner) if part))


def foreign(path: str, whole: str = "") -> Foreign:
    """A path in Azure by Microsoft's own file system.

    Args:
        path: As it was asked for.
        whole: The same with subscription, group and workspace.

    Raises:
        ImportError: Microsoft's is not installed.
    """
    uri = uri_of(whole or path)
    try:
        from azureml.fsspec import AzureMachineLearningFileSystem as Theirs
    except ImportError as error:
        msg = f"{uri} is in Azure, which Microsoft's package azureml-fsspec reads; it is not installed."
        raise ImportError(f"{msg} Type: {INSTALL}") from error
    asset = _ASSET.fullmatch(path)
    root = asset[1] if asset else _REST.sub("/paths", path, count=1)
    inner = Theirs._strip_protocol(uri)  # noqa: SLF001 -- part of fsspec's protocol
    rest = "" if asset else path[len(root) :].strip("/")
    prefix = inner.strip("/")
    if rest and prefix.endswith(rest):
        prefix = prefix[: -len(rest)]
    return Foreign(Theirs(uri), inner, root, prefix.strip("/"))


def without(text: str, prefix: str) -> str:
    """`str.removeprefix`, which Python 3.8 does not have."""
    return text[len(prefix) :] if text.startswith(prefix) else text  # noqa: FURB188 -- see above


def missing(path: str) -> FileNotFoundError:
    """The error about a file that is not there."""
    return FileNotFoundError(errno.ENOENT, "The workspace has no such file", uri_of(path))


def require_writable(place: Place, path: str) -> None:
    """Refuse to change what belongs to an asset or to a job.

    Raises:
        PermissionError: It does.
    """
    if not place.writable:
        why = "It belongs to an asset or to a job's outputs, which never change; write below a datastore"
        raise PermissionError(errno.EACCES, why, uri_of(path))
    if not place.name:
        raise IsADirectoryError(errno.EISDIR, "It is all of a datastore; name a file in it", uri_of(path))


def refuse(answer: Answer, what: str) -> NoReturn:
    """Raise the error that an answer of 400 or above stands for, with the service's own sentence."""
    content = answer.content()
    code, said = answer.headers.get("x-ms-error-code", ""), ""
    if content.lstrip().startswith(b"{"):
        error = json.loads(content).get("error") or {}
        code, said = str(error.get("code", "")), str(error.get("message", ""))
    elif content.strip():
        said = ET.fromstring(content).findtext("Message") or ""  # noqa: S314 -- our own service's answer
    number = errno.EEXIST if code == "BlobAlreadyExists" else _ERRORS.get(answer.status, errno.EIO)
    raise OSError(number, said.rstrip(".") or os.strerror(number), what)


def _listed(door: Door, place: Place, *, delimiter: str = "", most: int | None = None) -> Iterator[dict[str, Any]]:
    """Blobs, and common prefixes as folders, below a place, with their names in the container."""
    container = place._replace(name="")
    query = {"restype": "container", "comp": "list", "prefix": f"{place.name}/" if place.name else ""}
    query |= {"delimiter": delimiter} if delimiter else {}
    query |= {"maxresults": str(most)} if most else {}
    marker = ""
    while True:
        answer = door.blob("GET", container, {**query, "marker": marker} if marker else query)
        if answer.status >= _BAD:
            refuse(answer, f"{place.account}/{place.container}")
        page = ET.fromstring(answer.content())  # noqa: S314 -- our own service's answer
        for item in page.iterfind("Blobs/*"):
            yield _item(item)
        marker = page.findtext("NextMarker") or ""
        if not marker or most:
            return


def _item(item: ET.Element) -> dict[str, Any]:
    element = item.find("Name")
    name = (element.text or "") if element is not None else ""
    if element is not None and element.get("Encoded", "").lower() == "true":
        name = unquote(name)
    if item.tag == "BlobPrefix":
        return {"name": name.rstrip("/"), "type": "directory", "size": 0}
    return _file(name, {one.tag.lower(): one.text or "" for one in item.iterfind("Properties/*")})


def _file(name: str, facts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "type": "file",
        "size": int(facts.get("content-length") or 0),
        "mtime": parsedate_to_datetime(facts["last-modified"]).timestamp(),
        "etag": facts.get("etag", "").strip('"'),
    }


def _below(path: str, prefix: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A listed entry with its name as the path calls it."""
    return {**entry, "name": f"{path}/{entry['name'][len(prefix) + 1 if prefix else 0 :]}"}
