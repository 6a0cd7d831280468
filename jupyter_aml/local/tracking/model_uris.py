"""Where a model's files are: from what MLflow calls its source to what Azure ML calls its URI, and back.

An asset's `modelUri` is always a form that `azure.ai.ml` can parse; a client of MLflow gets a plain folder.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import faults, places, runs
from jupyter_aml.local.tracking.experiments import Reader

RUN_PREFIX = "ExperimentRun/dcid."
ARTIFACT_STORE, BLOB_STORE = "workspaceartifactstore", "workspaceblobstore"
MOST_HOPS = 8

_DATASTORE = re.compile(
    r"^azureml:/+(?:subscriptions/[^/]+/resourcegroups/[^/]+/workspaces/[^/]+/)?"
    r"datastores/(?P<store>[^/]+)/paths/(?P<path>.*)$",
    re.IGNORECASE,
)
_JOB = re.compile(
    r"^azureml:/+(?:subscriptions/[^/]+/resourcegroups/[^/]+/workspaces/[^/]+/)?"
    r"jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths/?(?P<path>.*))?$",
    re.IGNORECASE,
)
_RUN = re.compile(r"^runs:/+(?P<run>[^/]+)(?:/(?P<path>.*))?$")


def of_place(workspace: Workspace, place: str) -> str:
    """The long `azureml://` URI of a path below the runs folder."""
    entry = workspace.entry
    return (
        f"azureml://subscriptions/{entry.subscription}/resourcegroups/{entry.group}/workspaces/{entry.name}"
        f"/datastores/{ARTIFACT_STORE}/paths/{RUN_PREFIX}{place}"
    )


def of_source(workspace: Workspace, reader: Reader, source: str) -> str:
    """The URI to register for what a client of MLflow names as a model's source.

    Args:
        workspace: The open workspace.
        reader: A connection or transaction.
        source: `runs:/...`, a folder below the workspace's runs, `mlflow-artifacts:/...`, or any URI.

    Raises:
        ResourceError: A local folder outside the workspace, or a path that leaves its root.
    """
    if ".." in re.split(r"[/\\]|%2f|%5c", source.lower()):
        raise faults.invalid(f"Invalid model version source: '{source}'. It must not contain '..'.")
    if match := _RUN.match(source):
        held = runs.row(reader, match["run"])
        return _of_location(workspace, "/".join(part for part in (held["place"], match["path"]) if part), source)
    return _of_location(workspace, places.relative(workspace.folder, source), source)


def _of_location(workspace: Workspace, place: str, source: str) -> str:
    if not place:
        raise faults.invalid(f"Invalid model version source: '{source}'. It names no model.")
    place = re.sub(r"^mlflow-artifacts:/+", "", place)
    if not places.is_whole(place):
        places.below(workspace.folder / places.RUNS, place)
        return of_place(workspace, place)
    if not place.startswith("/"):
        return place
    raise faults.invalid(
        f"Invalid model version source: '{source}'. To use a local path as a model version source, it has to be"
        " within the artifacts of a run of this workspace. Log the model to a run first, or register the folder"
        " with `ml_client.models.create_or_update(Model(path=...))`."
    )


def local(workspace: Workspace, reader: Reader, uri: str, hops: int = MOST_HOPS) -> Path | None:
    """The folder or file that a model's URI stands for on this machine; None when it is elsewhere."""
    if match := _DATASTORE.match(uri):
        return _in_datastore(workspace, match["store"].lower(), match["path"].strip("/"))
    if match := _RUN.match(uri):
        held = reader.execute("SELECT place FROM runs WHERE run_id=?", (match["run"],)).fetchone()
        root = places.path(workspace.folder, held["place"]) if held else None
        return places.below(root, match["path"] or "") if root else None
    if (match := _JOB.match(uri)) and hops:
        path = (match["path"] or "").strip("/")
        if match["output"].lower() in {"artifacts", "default"}:
            return places.below(workspace.folder / places.RUNS, f"{match['job']}/{path}")
        parent = local(workspace, reader, _output(reader, match["job"], match["output"]), hops - 1)
        return places.below(parent, path) if parent else None
    if uri.startswith(("file://", "/")):
        return places.path(workspace.folder, uri)
    return None


def _in_datastore(workspace: Workspace, store: str, path: str) -> Path | None:
    if store == ARTIFACT_STORE and path.startswith(RUN_PREFIX):
        return places.below(workspace.folder / places.RUNS, path.removeprefix(RUN_PREFIX))
    containers = {ARTIFACT_STORE: workspace.artifact_container, BLOB_STORE: workspace.blob_container}
    if store not in containers:
        return None
    return workspace.blobs.path(containers[store], path)


def _output(reader: Reader, job: str, output: str) -> str:
    held = reader.execute("SELECT body, state FROM jobs WHERE name=?", (job,)).fetchone()
    uri = None
    for column in ("state", "body") if held else ():
        outputs: dict[str, Any] = json.loads(held[column]).get("outputs") or {}
        found = outputs.get(output)
        uri = uri or (found.get("uri") if isinstance(found, dict) else None)
    return str(uri or f"azureml://datastores/{BLOB_STORE}/paths/azureml/{job}/{output}/")


def flavors(folder: Path | None) -> dict[str, dict[str, Any]] | None:
    """The flavors that a model's MLmodel file names, as the asset keeps them; None when there is no such file."""
    if folder is None:
        return None
    try:
        text = (folder / "MLmodel").read_text(encoding="utf-8")
    except OSError:
        return None
    import yaml

    try:
        described = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    found = described.get("flavors") if isinstance(described, dict) else None
    if not isinstance(found, dict):
        return None
    return {
        str(name): {"data": {str(key): str(value) for key, value in data.items()} if isinstance(data, dict) else {}}
        for name, data in found.items()
    }
