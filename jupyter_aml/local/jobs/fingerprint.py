"""The fingerprint of a job's work: two jobs that bear the same one would do the same with the same.

It covers what the work depends on: the command, the content of the code, the environment, the inputs' values and data,
variables, processes and the shape of the outputs. It does not cover what the job is called or where it waits: names,
tags, compute, time limits. Fields that are not known here count, so that a doubt means "another job".
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jupyter_aml.errors import AmlError, NotFoundError
from jupyter_aml.local.jobs import binding, bodies, inputs, locate, lookup, uris
from jupyter_aml.local.jobs.records import Reader
from jupyter_aml.local.store.workspace import Workspace

LABELS = frozenset(
    {
        "displayName", "description", "tags", "properties", "experimentName", "isArchived", "parentJobName", "status",
        "services", "notificationSetting", "identity", "queueSettings", "computeId", "sourceJobId",
    }
)  # fmt: skip
"""Fields that say what a job is called and where it waits, not what it does."""

PLACEMENT = frozenset({"instanceType", "shmSize", "dockerArgs", "properties", "locations", "maxInstanceCount"})
"""The like among the fields of `resources`."""

TIMES = frozenset({"timeout", "jobLimitsType"})
"""The like among the fields of `limits`."""

ENVIRONMENT = ("image", "condaFile", "build", "osType", "inferenceConfig")
WORDS = frozenset({"jobtype", "distributiontype", "samplingalgorithmtype", "policytype"})
"""Fields whose values are words without case."""


def fingerprint(workspace: Workspace, reader: Reader, body: Mapping[str, Any]) -> str:
    """The fingerprint of a job's work: 64 hexadecimal digits; empty when it cannot be told.

    An empty one is equal to no other: something that the job names does not exist (yet), or cannot be read here.
    Nothing is raised.

    Args:
        workspace: Where names are looked up.
        reader: A connection of it.
        body: The job's `properties`, as the client sent them or as they are stored; inputs are resolved URIs.
    """
    try:
        facts = _facts(workspace, reader, body)
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), default=str)
    except (AmlError, OSError):
        return ""
    except Exception:  # noqa: BLE001 - a body of an odd shape is refused elsewhere: here it only means no reuse
        traceback.print_exc(file=sys.stderr)
        return ""
    return hashlib.sha256(text.encode()).hexdigest()


def _facts(workspace: Workspace, reader: Reader, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the work depends on, as plain data."""
    found = {key: _plain(value, key) for key, value in body.items() if key not in LABELS}
    if body.get("command") or body.get("trial"):
        found.pop("componentId", None)  # the component was written out: its own name and version do not matter
    if body.get("codeId"):
        found["codeId"] = _code(workspace, reader, str(body["codeId"]))
    if body.get("environmentId"):
        found["environmentId"] = _environment(reader, str(body["environmentId"]))
    if isinstance(body.get("trial"), Mapping):
        found["trial"] = _facts(workspace, reader, body["trial"])
    found["inputs"] = {
        name: _input(workspace, reader, name, value)
        for name, value in (body.get("inputs") or {}).items()
        if not bodies.left_out(value)
    }
    found["outputs"] = {
        name: _output(value or {}) for name, value in (body.get("outputs") or {}).items() if not _own(name, value)
    }
    variables = body.get("environmentVariables") or {}
    found["environmentVariables"] = {name: "" if value is None else str(value) for name, value in variables.items()}
    found["resources"] = _resources(body.get("resources") or {})
    if isinstance(body.get("limits"), Mapping):
        found["limits"] = _plain({key: value for key, value in body["limits"].items() if key not in TIMES})
    return {key: value for key, value in found.items() if not _empty(value)}


def _plain(value: Any, key: str = "") -> Any:
    """A field without what says nothing, and with words in one spelling."""
    if isinstance(value, Mapping):
        inner = {name: _plain(item, name) for name, item in value.items()}
        return {name: item for name, item in inner.items() if not _empty(item)}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.lower() if isinstance(value, str) and key.lower() in WORDS else value


def _empty(value: Any) -> bool:
    return value is None or value in ({}, [])


def _resources(resources: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in resources.items() if key not in PLACEMENT and value is not None}
    return {**kept, "instanceCount": int(kept.get("instanceCount") or 1)}


def _code(workspace: Workspace, reader: Reader, text: str) -> str:
    """The snapshot's content: the digest that it was uploaded with, else that of its files."""
    found = uris.parse(text, segment="codes")
    if not isinstance(found, uris.Asset):
        return text
    properties = lookup.asset(reader, found, "properties.codeId").body.get("properties") or {}
    digest = (properties.get("properties") or {}).get("hash_sha256")
    if digest:
        return str(digest)
    place = locate.find(workspace, reader, text, "code", "properties.codeId")
    if isinstance(place, locate.Elsewhere):
        return place.uri
    whole = hashlib.sha256()
    for name, path in _files(place.path(workspace)):
        whole.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode(errors="surrogateescape"))
    return whole.hexdigest()


def _environment(reader: Reader, text: str) -> list[Any]:
    """Name, version and content of the environment; one of a registry is its id."""
    found = uris.parse(text, segment="environments")
    if not isinstance(found, uris.Asset):
        return [text]
    record = lookup.asset(reader, found, "properties.environmentId")
    properties = record.body.get("properties") or {}
    return [record.name.lower(), record.version, {key: properties.get(key) for key in ENVIRONMENT}]


def _input(workspace: Workspace, reader: Reader, name: str, value: Mapping[str, Any]) -> list[Any]:
    """A literal as the command shows it; else where the data are and how they stand."""
    kind = str(value.get("jobInputType") or "").lower()
    if kind == "literal":
        return ["literal", binding.literal(value.get("value"))]
    mode = str(value.get("mode") or inputs.DEFAULT_MODE).lower()
    place = locate.find(workspace, reader, str(value["uri"]), kind, f"properties.inputs.{name}.uri")
    if isinstance(place, locate.Elsewhere):
        return [kind, mode, place.uri]
    return [kind, mode, place.container, place.name.rstrip("/"), _state_of(place.path(workspace))]


def _state_of(path: Path) -> str:
    """Names, sizes and times of last change of a file, or of all files of a folder."""
    whole = hashlib.sha256()
    for name, file in _files(path):
        facts = file.stat()
        whole.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return whole.hexdigest()


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder with its relative name, in order; or the one file.

    Raises:
        NotFoundError: There is nothing.
    """
    if path.is_file():
        yield "", path
        return
    if not path.is_dir():
        raise NotFoundError(f"There is no file or folder {path.name}.")
    for parent, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(parent, name)
            yield file.relative_to(path).as_posix(), file


def _output(value: Mapping[str, Any]) -> list[str]:
    """Type, mode and the place that the user chose."""
    kind, mode = str(value.get("jobOutputType") or "uri_folder"), str(value.get("mode") or "readwritemount")
    return [kind.lower(), mode.lower(), str(value.get("uri") or "")]


def _own(name: str, value: Mapping[str, Any] | None) -> bool:
    """Whether an output is the run's own artifact folder, which every job has."""
    uri = str((value or {}).get("uri") or "")
    return name in locate.ARTIFACTS and (not uri or "/ExperimentRun/dcid." in uri)
