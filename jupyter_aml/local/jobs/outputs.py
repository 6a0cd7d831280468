"""Outputs of a run: where the script writes them, where they are moved, and as what they are registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_aml.errors import ConflictError, ResourceError
from jupyter_aml.local.jobs import binding, literals, locate, uris
from jupyter_aml.local.jobs.records import Reader, Record
from jupyter_aml.local.store import assets
from jupyter_aml.local.store import records as resources
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.workspace import Workspace

STORE = "workspaceblobstore"


@dataclass(frozen=True)
class Output:
    """One output of a job.

    Attributes:
        kind: Its type; one of `literals.KINDS` for a value, which the script writes into a file.
        staging: What the script gets: a folder that exists, or for a file a path in one.
        uri: Where it ends: a short datastore URI.
        direct: The script gets the URI and writes there itself.
        asset: Name under which it is registered, empty for none.
    """

    name: str
    kind: str
    staging: Path
    uri: str
    direct: bool = False
    asset: str = ""
    version: str = ""
    tags: Mapping[str, str] | None = None

    @property
    def literal(self) -> bool:
        """Whether it is a value."""
        return self.kind in literals.KINDS

    @property
    def file(self) -> bool:
        """Whether it is one file."""
        return self.literal or self.kind == "uri_file"

    @property
    def artifacts(self) -> bool:
        """Whether it is the run's own artifact folder, where nothing has to be moved."""
        return self.staging.parent.name == "runs" and self.name in locate.ARTIFACTS


def plan(workspace: Workspace, record: Record) -> list[Output]:
    """The outputs of a job, with nothing made yet. Pure but for the names of folders."""
    given = dict(record.body.get("outputs") or {})
    given.setdefault("default", None)
    names = {"name": record.name, "default_datastore": STORE}
    return [_output(workspace, record.name, name, value or {}, names) for name, value in given.items()]


def placed(record: Record, name: str) -> bool:
    """Whether the user says where an output is to be."""
    return bool(((record.body.get("outputs") or {}).get(name) or {}).get("uri"))


def _output(workspace: Workspace, job: str, name: str, value: dict[str, Any], names: dict[str, str]) -> Output:
    kind = str(value.get("jobOutputType") or "uri_folder").lower()
    uri = binding.expand(str(value.get("uri") or ""), {**names, "output_name": name})
    asset, version = str(value.get("assetName") or ""), str(value.get("assetVersion") or "")
    own = f"azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.{job}"
    if name in locate.ARTIFACTS and uri.rstrip("/") in {"", own}:
        return Output(name, kind, workspace.runs_folder(job), own, asset=asset, version=version)
    uri = uri or f"azureml://datastores/{STORE}/paths/azureml/{job}/{name}/"
    folder = workspace.work_folder(job) / "outputs" / name
    staging = folder / _file_name(uri, name) if kind == "uri_file" or kind in literals.KINDS else folder
    direct = str(value.get("mode") or "").lower() == "direct" and kind not in literals.KINDS
    return Output(name, kind, staging, uri, direct, asset, version, value.get("tags"))


def _file_name(uri: str, name: str) -> str:
    """Name of a file output: the last part of its URI when the user gave one, else the output's."""
    return name if uri.endswith("/") else PurePosixPath(uri).name or name


def make(outputs: list[Output]) -> None:
    """Make the folders that scripts write to."""
    for output in outputs:
        if not output.direct:
            folder = output.staging.parent if output.file else output.staging
            folder.mkdir(parents=True, exist_ok=True)


def in_place(workspace: Workspace, made: list[Output], places: Mapping[str, locate.Place]) -> dict[str, binding.Value]:
    """Where the script writes its outputs of mode `direct` to: their own places, which may hold something already."""
    found: dict[str, binding.Value] = {}
    for output in made:
        if output.direct and not output.artifacts:
            place = places[output.name]
            path = workspace.blobs.path(place.container, spot(output, place)[0])
            path.parent.mkdir(parents=True, exist_ok=True)
            found[output.name] = binding.Path(str(path))
    return found


def destination(workspace: Workspace, reader: Reader, output: Output) -> locate.Place:
    """Where an output is to be kept."""
    target = f"properties.outputs.{output.name}.uri"
    found = locate.find(workspace, reader, output.uri, output.kind, target)
    if isinstance(found, locate.Elsewhere):
        msg = f"{target} is {output.uri}, where a local job cannot write."
        raise ConflictError(msg)
    return found


def drop_checksums(folder: Path) -> None:
    """Take away the checksums that Hadoop keeps beside files of a local file system; storage of Azure has none."""
    for path in folder.rglob(".*.crc"):
        if path.with_name(path.name[1:-4]).exists():
            path.unlink(missing_ok=True)


def spot(output: Output, place: locate.Place) -> tuple[str, str]:
    """Name of the blob, or of the folder of blobs, that an output becomes, and its URI."""
    name = place.name.rstrip("/")
    if output.file and output.uri.endswith("/"):
        return f"{name}/{output.staging.name}", f"{output.uri}{output.staging.name}"
    return name, output.uri


def keep(workspace: Workspace, output: Output, place: locate.Place, *, good: bool = True) -> dict[str, Any]:
    """Move what the script wrote to its place; the facts that the job's record keeps.

    It may be called again after a crash: what was moved stays where it is.

    Args:
        workspace: The job's.
        output: The output.
        place: Where it is to be kept.
        good: Whether the run did well, so that a value must be there.

    Raises:
        ResourceError: The disk refuses, or a value is missing or of another type.
    """
    name, uri = spot(output, place)
    if not output.direct and not output.artifacts and output.staging.exists():
        workspace.blobs.adopt_folder(output.staging, place.container, name)
    kept = {"uri": uri, "type": output.kind}
    if output.literal and good:
        kept["value"] = _value(output, workspace.blobs.path(place.container, name))
    return kept


def _value(output: Output, path: Path) -> str:
    """The value that a script wrote into the file, or into the one file of a folder that it made there."""
    if path.is_dir():
        path = next((inner for inner in sorted(path.rglob("*")) if inner.is_file()), path)
    if not path.is_file():
        raise _no_value(output, f"The script wrote no value for the output '{output.name}', {_a(output.kind)}.")
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(literals.LONGEST + 1)
    try:
        return literals.read(output.kind, text)
    except ValueError as error:
        found = f"The output '{output.name}' is declared as {_a(output.kind)}, but the script wrote {error}."
        raise _no_value(output, found) from error


def _no_value(output: Output, found: str) -> ResourceError:
    return ResourceError(
        found,
        code="UserError",
        target=f"properties.outputs.{output.name}",
        remedy=f"Write the value into the file whose path ${{{{outputs.{output.name}}}}} is.",
    )


def _a(kind: str) -> str:
    return "an integer" if kind == "integer" else f"a {kind}"


def register(
    transaction: Transaction,
    workspace: Workspace,
    output: Output,
    uri: str,
    *,
    job: str,
    now: float,
    who: str,
) -> str:
    """Make the asset that a named output becomes; its version.

    Raises:
        ConflictError: The version that the user asked for exists already.
    """
    found = uris.parse(uri)
    whole = locate.long_uri(workspace, found) if isinstance(found, uris.DatastorePath) else uri
    model = output.kind.endswith("_model")
    segment = "models" if model else "data"
    if output.version and resources.get(transaction, segment, output.asset, output.version) is not None:
        raise ConflictError(
            f"The output '{output.name}' was to be registered as {output.asset}:{output.version},"
            " which exists already; its files were kept.",
            remedy=f"Register azureml://jobs/{job}/outputs/{output.name} under another version.",
        )
    properties: dict[str, Any] = {"tags": dict(output.tags or {}), "properties": {}, "isAnonymous": False}
    if model:
        properties |= {"modelType": output.kind, "modelUri": whole, "flavors": {}, "jobName": job}
    else:
        properties |= {"dataType": output.kind, "dataUri": whole}
    record = assets.make_version(transaction, segment, output.asset, output.version, properties, now=now, who=who)
    return record.version
