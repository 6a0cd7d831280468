"""Does what a job names exist? Each refusal says what was named, where, and how to make it."""

from __future__ import annotations

import difflib
from typing import Any

from jupyter_aml.errors import NotFoundError, NotOfflineError, ResourceError
from jupyter_aml.local.arm import ids
from jupyter_aml.local.jobs import records, uris
from jupyter_aml.local.jobs.types.base import Draft, Reader
from jupyter_aml.local.runtime import engines
from jupyter_aml.local.store import records as resources
from jupyter_aml.local.store.workspace import Workspace

BUILT_IN_COMPUTES = frozenset({"", "local", "serverless"})
CURATED = "azureml-"
"""How the names of environments begin that Azure provided in every workspace before there were registries."""
NOUNS = {
    "data": "data asset",
    "models": "model",
    "environments": "environment",
    "codes": "code asset",
    "components": "component",
}
VERBS = {"data": "data", "models": "model", "environments": "environment", "components": "component"}


def asset(reader: Reader, found: uris.Asset, target: str) -> resources.Record:
    """The version that an asset reference names.

    Raises:
        NotFoundError: There is no such name, version or label (404).
    """
    if found.version:
        record = resources.get(reader, found.segment, found.name, found.version)
        if record is not None:
            return record
    versions = [record for record, _ in resources.versions(reader, found.segment, found.name, limit=20)]
    if versions and not found.version and found.label.lower() in {"", "latest", "default"}:
        return versions[0]
    raise _no_asset(reader, found, versions, target)


def _no_asset(reader: Reader, found: uris.Asset, versions: list[resources.Record], target: str) -> NotFoundError:
    noun = NOUNS.get(found.segment, found.segment)
    if versions:
        near = ", ".join(f"{found.name}:{record.version}" for record in versions[:5])
        remedy = f"There is {near}."
    else:
        rows = reader.execute("SELECT DISTINCT name FROM resources WHERE segment=?", (found.segment,))
        close = difflib.get_close_matches(found.name, [row["name"] for row in rows], 1, 0.6)
        verb = VERBS.get(found.segment)
        remedy = f"Did you mean '{close[0]}'?" if close else ""
        remedy = remedy or (f"Make it: `%aml {verb} create --name {found.name} ...`." if verb else "")
    error = NotFoundError(f"{target} names the {noun} '{found}', which this workspace does not have.", remedy=remedy)
    error.target = target
    return error


def datastore(reader: Reader, name: str, target: str) -> resources.Record:
    """The datastore of that name.

    Raises:
        NotFoundError: There is none (404).
    """
    record = resources.get(reader, "datastores", name)
    if record is not None:
        return record
    known = [one.name for one in resources.named(reader, "datastores", resources.ALL, None, 50)]
    close = difflib.get_close_matches(name, known, 1, 0.5)
    error = NotFoundError(
        f"{target} names the datastore '{name}', which this workspace does not have.",
        remedy=f"Did you mean '{close[0]}'?" if close else f"Known datastores: {', '.join(known) or 'none'}.",
    )
    error.target = target
    raise error


def compute(draft: Draft, text: str | None) -> str:
    """Name of the compute that `computeId` names, in lower case; `local` and `serverless` always exist.

    Raises:
        NotFoundError: There is none (404).
    """
    named = ids.parse(text or "")
    name = named.name if named else (text or "").removeprefix("azureml:")
    if "/" in name:
        raise NotOfflineError(
            f"The compute '{name}' is none of this workspace.",
            remedy="Use --compute local or serverless.",
            target="properties.computeId",
        )
    if name.lower() in BUILT_IN_COMPUTES:
        return name.lower() or "serverless"
    record = resources.get(draft.reader, "computes", name)
    if record is not None:
        _require_engine(draft, record)
        return record.name.lower()
    known = [one.name for one in resources.named(draft.reader, "computes", resources.ALL, None, 50)]
    close = difflib.get_close_matches(name, [*known, "local", "serverless"], 1, 0.5)
    hint = f"Did you mean '{close[0]}'? Or make it" if close else "Make it"
    error = NotFoundError(
        f"The compute '{name}' was not found in this workspace.",
        remedy=f"{hint}: `%aml compute create --name {name} --type AmlCompute --max-instances 2`.",
    )
    error.target = "properties.computeId"
    raise error


def _require_engine(draft: Draft, record: resources.Record) -> None:
    """Refuse a job that the cluster elsewhere which a compute stands for cannot run.

    Raises:
        NotOfflineError: It is of another type (501).
    """
    attached = engines.read(record.name, record.body)
    kind = str(draft.body.get("jobType") or "Command")
    if attached is not None and kind.lower() not in {one.lower() for one in attached.engine.jobs}:
        raise NotOfflineError(
            f"The compute '{record.name}' is {attached.engine.title}, which runs no jobs of type {kind}.",
            remedy="Name another compute, such as local.",
            target="properties.computeId",
        )


def environment(draft: Draft, text: str) -> None:
    """Refuse an environment that does not exist; those that Azure provides are the runtime's business."""
    environment_properties(draft.reader, text)


def environment_properties(reader: Reader, text: str) -> dict[str, Any] | None:
    """What an environment of the workspace says; None for no name, and for those that Azure provides or provided.

    Raises:
        NotFoundError: There is no such environment (404).
        ResourceError: The text is no id of one (400).
    """
    if not text:
        return None
    found = uris.parse(text, segment="environments")
    if isinstance(found, uris.Foreign):
        return None
    if not isinstance(found, uris.Asset) or found.segment != "environments":
        raise ResourceError(
            f"environmentId is '{text}', which is no id of an environment.",
            code="ValidationError",
            target="properties.environmentId",
            remedy="Write azureml:NAME:VERSION or azureml:NAME@latest.",
        )
    if found.name.lower().startswith(CURATED) and resources.get(reader, "environments", found.name) is None:
        return None
    return dict(asset(reader, found, "properties.environmentId").body.get("properties") or {})


def code(draft: Draft, text: str) -> None:
    """Refuse a code snapshot that does not exist."""
    found = uris.parse(text, segment="codes")
    if not isinstance(found, uris.Asset) or found.segment != "codes":
        raise NotOfflineError(
            f"codeId is '{text}'; the local workspace takes code that was uploaded to it.",
            remedy="Give `code` as a folder or file of this machine.",
            target="properties.codeId",
        )
    asset(draft.reader, found, "properties.codeId")


def data(workspace: Workspace, reader: Reader, uri: str, kind: str, target: str) -> None:
    """Refuse an input whose URI names what does not exist.

    Raises:
        NotFoundError: The asset, datastore or job is missing (404).
        ResourceError: The URI has no form that Azure ML knows (400).
    """
    found = uris.parse(uri, segment="models" if kind.lower().endswith("_model") else "data")
    match found:
        case uris.Asset():
            asset(reader, found, target)
        case uris.DatastorePath():
            datastore(reader, found.datastore, target)
        case uris.JobOutput():
            job_output(reader, found, target)
        case uris.RunArtifact():
            run(workspace, reader, found.run, target)
        case uris.Foreign():
            raise NotOfflineError(
                f"{target} is in {found.where}, which cannot be reached from the local workspace.",
                remedy="Register a copy here: `%aml data create --name NAME --path PATH`.",
                target=target,
            )
        case None | uris.LocalPath():
            raise ResourceError(
                f"{target} is '{uri}', which is no URI that Azure ML knows.",
                code="ValidationError",
                target=target,
                remedy="Write azureml:NAME:VERSION, azureml://datastores/STORE/paths/PATH or an https URL;"
                " a path of this machine is uploaded by the SDK and by `%aml`.",
            )


def job_output(reader: Reader, found: uris.JobOutput, target: str) -> records.Record:
    """The job that an output belongs to.

    Raises:
        NotFoundError: There is no such job or it has no such output (404).
    """
    record = records.get(reader, found.job)
    outputs: dict[str, Any] = (record.body.get("outputs") or {}) if record else {}
    if record is None:
        error = NotFoundError(f"{target} names the job '{found.job}', which this workspace does not have.")
    elif found.output in {"artifacts", "default"} or found.output in outputs:
        return record
    else:
        error = NotFoundError(
            f"{target} names the output '{found.output}', which the job '{found.job}' does not have.",
            remedy=f"Its outputs are: {', '.join(sorted(outputs))}.",
        )
    error.target = target
    raise error


def run(workspace: Workspace, reader: Reader, name: str, target: str) -> None:
    """Refuse the name of a run that does not exist."""
    if records.get(reader, name) is not None or workspace.runs_folder(name).is_dir():
        return
    error = NotFoundError(f"{target} names the run '{name}', which this workspace does not have.")
    error.target = target
    raise error
