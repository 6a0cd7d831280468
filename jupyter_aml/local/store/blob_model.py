"""What a blob is, as plain data: properties, ETags, pages of a listing, and the refusals about them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jupyter_aml.errors import ConflictError, ResourceError
from jupyter_aml.local.store.blob_rows import PLAIN, Content, Row

PLAIN_TYPE = "application/octet-stream"
__all__ = ["ALWAYS", "PLAIN", "Blob", "Condition", "Content", "Page", "already_exists", "condition_not_met", "describe"]


@dataclass(frozen=True)
class Condition:
    """What must be so of a blob before it is changed.

    Attributes:
        only_new: It must not exist.
        if_match: It must bear one of these ETags, as in the header If-Match; empty for any.
    """

    only_new: bool = False
    if_match: str = ""


ALWAYS = Condition()


@dataclass(frozen=True)
class Blob:
    """A blob's properties.

    Attributes:
        size: Bytes.
        mtime: Time of last change, nanoseconds since the epoch.
        inode: Which file it is: a name that is written anew gets another one.
        created: Seconds since the epoch.
    """

    name: str
    size: int
    mtime: int
    inode: int
    created: float
    content: Content = PLAIN

    @property
    def etag(self) -> str:
        return f'"0x{self.mtime:X}-{self.inode:X}-{self.size:X}"'

    @property
    def content_type(self) -> str:
        return self.content.headers.get("Content-Type", PLAIN_TYPE)

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.content.metadata

    def matches(self, etags: str) -> bool:
        """Whether an If-Match or If-None-Match header names this blob."""
        wanted = {tag.strip().removeprefix("W/").strip('"') for tag in etags.split(",")}
        return "*" in wanted or self.etag.strip('"') in wanted

    def continues(self, etags: str) -> bool:
        """Whether an If-Match header names this very file when it was shorter: a log that has grown since."""
        parts = etags.strip().strip('"').split("-")
        if len(parts) != len(("mtime", "inode", "size")) or parts[1] != f"{self.inode:X}":
            return False
        try:
            return int(parts[2], 16) <= self.size
        except ValueError:
            return False


@dataclass(frozen=True)
class Page:
    """Part of a listing: blobs and common prefixes (as text) in order, and where the next part begins."""

    items: Sequence[Blob | str]
    next: str = ""


def describe(name: str, facts: os.stat_result, row: Row | None) -> Blob:
    """A blob from its file's facts and the row that may stand beside it."""
    if row is None or row.size != facts.st_size:
        return Blob(name, facts.st_size, facts.st_mtime_ns, facts.st_ino, facts.st_mtime)
    content = row.content
    if row.mtime != facts.st_mtime_ns and content.md5:
        content = replace(content, md5=b"")
    return Blob(name, facts.st_size, facts.st_mtime_ns, facts.st_ino, row.created, content)


def already_exists(container: str, name: str) -> ConflictError:
    """409 `BlobAlreadyExists`; the container is left out where it is not known."""
    where = f" in the container '{container}'" if container else ""
    return ConflictError(
        f"The blob '{name}' exists already{where}.",
        code="BlobAlreadyExists",
        remedy="Choose another name, or overwrite it (overwrite=True).",
    )


def condition_not_met(name: str) -> ResourceError:
    """412 `ConditionNotMet`."""
    return ResourceError(
        f"The blob '{name}' is not the one that the request's condition names; it has changed since.",
        status=412,
        code="ConditionNotMet",
        remedy="Read it again and repeat.",
    )
