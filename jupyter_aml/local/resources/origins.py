"""Where an asset's content is: outputs and artifacts of jobs become the datastore paths they were kept at."""

from __future__ import annotations

from jupyter_aml.local.jobs import locate, uris
from jupyter_aml.local.resources.base import Call


def settled(call: Call, uri: str, kind: str, field: str) -> tuple[str, str]:
    """The URI to keep for an asset, and the job that it came from or "".

    Raises:
        ResourceError: The job has kept no such output.
        NotFoundError: There is no such job.
    """
    found = uris.parse(uri)
    if not isinstance(found, uris.JobOutput | uris.RunArtifact):
        return uri, ""
    with call.workspace.database.read() as connection:
        place = locate.find(call.workspace, connection, uri, kind, field)
    return place.uri, found.job if isinstance(found, uris.JobOutput) else found.run
