"""Artifacts over MLflow's REST: listing, and reading and writing through the service.

A client on this machine writes to the artifact folder itself; these endpoints serve clients elsewhere and
MLflow's UI. The root of `mlflow-artifacts` is the workspace's runs folder.
"""

from __future__ import annotations

import mimetypes
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.tracking import faults, places, runs
from jupyter_aml.local.tracking.api.call import Call, Endpoint

CHUNK = 1 << 20
TEXT_SUFFIXES = frozenset({".yaml", ".yml", ".log", ".py", ".md", ".txt", ".cfg", ".conf", ".ini", ".toml"})
TEXT_NAMES = frozenset({"MLmodel", "MLproject", "conda.yaml", "requirements.txt"})


def entries(root: Path, path: str) -> list[dict[str, Any]]:
    """What stands directly below `path`: path from the root, is_dir, file_size; nothing for a file.

    Raises:
        ResourceError: The path leaves the root.
    """
    folder = places.below(root, path)
    if not folder.is_dir():
        return []
    found: list[dict[str, Any]] = []
    with os.scandir(folder) as listed:
        for entry in sorted(listed, key=lambda one: one.name):
            item: dict[str, Any] = {
                "path": f"{path.strip('/')}/{entry.name}".lstrip("/"),
                "is_dir": entry.is_dir(),
            }
            if not item["is_dir"]:
                try:
                    item["file_size"] = entry.stat().st_size
                except OSError:  # gone, or a link to nowhere
                    continue
            found.append(item)
    return found


def listing(uri: str, root: Path | None, path: str) -> dict[str, Any]:
    """The answer to a listing; artifacts elsewhere are the client's to list."""
    if root is None:
        raise faults.invalid(f"The artifacts are in {uri}, which this service cannot list. Read them from there.")
    return {"root_uri": uri, "files": entries(root, path)}


def send(file: Path, name: str, *, attachment: bool = False) -> Response:
    """A file as a stream.

    Raises:
        ResourceError: It does not exist, or is a folder (404).
    """
    try:
        if file.is_dir():
            raise IsADirectoryError
        stream = file.open("rb")
    except OSError as error:
        raise faults.missing(f"The artifact '{name}' does not exist.") from error
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    if file.name in TEXT_NAMES or file.suffix in TEXT_SUFFIXES:
        kind = "text/plain; charset=utf-8"
    if not attachment and kind in {"text/html", "image/svg+xml", "text/xml", "application/xhtml+xml"}:
        kind = "text/plain; charset=utf-8"
    headers = {"Content-Type": kind, "X-Content-Type-Options": "nosniff"}
    if attachment:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.name)}"
    return Response(200, headers, stream=stream, length=os.fstat(stream.fileno()).st_size)


def _root(call: Call) -> Path:
    return call.folder / places.RUNS


def _path(call: Call) -> str:
    found = call.parts.get("path", "").strip("/")
    if not found:
        raise faults.invalid("The artifact path is empty.")
    return found


def list_root(call: Call) -> dict[str, Any]:
    """GET mlflow-artifacts/artifacts?path=: paths are relative to the folder asked for."""
    path = (call.query.get("path") or [""])[0].strip("/")
    found = entries(_root(call), path)
    return {"files": [{**one, "path": one["path"].rsplit("/", 1)[-1]} for one in found]}


def download(call: Call) -> Response:
    """GET mlflow-artifacts/artifacts/{path}."""
    path = _path(call)
    return send(places.below(_root(call), path), path, attachment=True)


def upload(call: Call) -> dict[str, Any]:
    """PUT mlflow-artifacts/artifacts/{path}: written beside, then moved into place."""
    target = places.below(_root(call), _path(call))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".upload-")
    except OSError as error:
        raise faults.invalid(f"The artifact '{_path(call)}' cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(call.request.stream, file, CHUNK)
        Path(name).replace(target)
    except OSError as error:
        raise faults.invalid(f"The artifact '{_path(call)}' cannot be written: {error.strerror}.") from error
    finally:
        Path(name).unlink(missing_ok=True)
    return {}


def delete(call: Call) -> dict[str, Any]:
    """DELETE mlflow-artifacts/artifacts/{path}."""
    target = places.below(_root(call), _path(call))
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target, ignore_errors=True)
    else:
        target.unlink(missing_ok=True)
    return {}


def get_artifact(call: Call) -> Response:
    """GET get-artifact?run_uuid=&path=: what MLflow's UI shows of a run."""
    path = call.required("path")
    with call.database.read() as reader:
        held = runs.row(reader, call.run_id)
    root = places.path(call.folder, held["place"])
    if root is None:
        raise faults.invalid(f"The artifacts of run {call.run_id} are not on this machine.")
    return send(places.below(root, path), path, attachment=False)


ROUTES = (
    Endpoint("GET", "mlflow-artifacts/artifacts", list_root),
    Endpoint("GET", "mlflow-artifacts/artifacts/{path:path}", download),
    Endpoint("PUT", "mlflow-artifacts/artifacts/{path:path}", upload),
    Endpoint("DELETE", "mlflow-artifacts/artifacts/{path:path}", delete),
)
