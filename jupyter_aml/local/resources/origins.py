"""Where an asset's content is: outputs and artifacts of jobs become the datastore paths they were kept at.

Paths of datastores are shown in the long form, as Azure does; the short one is the same place.
"""

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
        return shown(call, uri), ""
    with call.workspace.database.read() as connection:
        place = locate.find(call.workspace, connection, uri, kind, field)
    return place.uri, found.job if isinstance(found, uris.JobOutput) else found.run


def shown(call: Call, uri: str) -> str:
    """A URI as clients see it: paths of datastores with subscription, group and workspace."""
    found = uris.parse(uri)
    return locate.long_uri(call.workspace, found) if isinstance(found, uris.DatastorePath) else uri


def same(uri: object) -> object:
    """What two URIs of the same place have in common: the short form of a datastore's path."""
    found = uris.parse(uri) if isinstance(uri, str) else None
    return str(found) if isinstance(found, uris.DatastorePath) else uri
