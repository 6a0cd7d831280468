"""Blobs on the wire: headers in and out, ranges, conditions, XML bodies and errors of Azure Storage.

Source: Blob service REST API, version 2021-12-02, as azure-storage-blob 12.31 reads it.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import quote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm.http import Request, Response
from jupyter_aml.local.store.blob_model import Blob, Condition, Content, Page, already_exists, condition_not_met

VERSION = "2021-12-02"
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
META = "x-ms-meta-"
LONGEST_METADATA = 8192
PLAIN_TYPE = "application/octet-stream"

SETTABLE = {
    "x-ms-blob-content-type": "Content-Type",
    "x-ms-blob-content-encoding": "Content-Encoding",
    "x-ms-blob-content-language": "Content-Language",
    "x-ms-blob-content-disposition": "Content-Disposition",
    "x-ms-blob-cache-control": "Cache-Control",
}
PLAIN_HEADERS = ("Content-Type", "Content-Encoding", "Content-Language", "Cache-Control")

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_META_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def common(request: Request) -> dict[str, str]:
    """Headers that every answer bears."""
    headers = {"x-ms-version": request.headers.get("x-ms-version", VERSION), "x-ms-request-id": str(uuid.uuid4())}
    if client := request.headers.get("x-ms-client-request-id"):
        headers["x-ms-client-request-id"] = client
    return headers


def when(seconds: float) -> str:
    """RFC 1123, as `Sun, 06 Nov 1994 08:49:37 GMT`."""
    return formatdate(seconds, usegmt=True)


def failure(error: ResourceError, request: Request) -> Response:
    """An error as Azure Storage writes it: XML, and the code as a header; HEAD and 304 have no body."""
    message = " ".join(part for part in (error.message, error.why, error.remedy) if part)
    headers = {**common(request), "x-ms-error-code": error.code, "Content-Type": "application/xml"}
    if request.method == "HEAD" or error.status == 304:  # noqa: PLR2004 - Not Modified
        return Response(error.status, headers)
    body = f"{DECLARATION}<Error><Code>{escape(error.code)}</Code><Message>{escape(message)}</Message></Error>"
    return Response(error.status, headers, body.encode("utf-8", "replace"))


def xml(body: str, request: Request) -> Response:
    """An XML body, 200."""
    headers = {**common(request), "Content-Type": "application/xml"}
    return Response(200, headers, (DECLARATION + body).encode())


def properties(blob: Blob) -> dict[str, str]:
    """A blob's headers; Content-MD5 and Content-Length are the caller's."""
    headers = {
        "ETag": blob.etag,
        "Last-Modified": when(blob.mtime / 1e9),
        "Content-Type": PLAIN_TYPE,
        "Accept-Ranges": "bytes",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-creation-time": when(blob.created),
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-server-encrypted": "false",
    }
    headers.update(blob.content.headers)
    headers.update({META + name: value for name, value in blob.metadata.items()})
    return headers


def written(blob: Blob, request: Request, status: int) -> Response:
    """The answer to a write."""
    headers = {
        **common(request),
        "ETag": blob.etag,
        "Last-Modified": when(blob.mtime / 1e9),
        "x-ms-request-server-encrypted": "false",
    }
    if blob.content.md5:
        headers["Content-MD5"] = base64.b64encode(blob.content.md5).decode()
    return Response(status, headers)


def content_of(request: Request, *, body_is_content: bool) -> Content:
    """What a request says of a blob's content.

    Args:
        request: A write.
        body_is_content: Whether the body is the whole content, so that its own headers describe it too.
    """
    headers = {name: request.headers[sent] for sent, name in SETTABLE.items() if request.headers.get(sent)}
    md5 = request.headers.get("x-ms-blob-content-md5", "")
    if body_is_content:
        for name in PLAIN_HEADERS:
            if sent := request.headers.get(name.lower()):
                headers.setdefault(name, sent)
        md5 = md5 or request.headers.get("content-md5", "")
    if headers.get("Content-Type") == PLAIN_TYPE:
        del headers["Content-Type"]
    return Content(headers, metadata(request), md5_bytes(md5))


def md5_bytes(text: str) -> bytes:
    """An MD5 from its header; empty when there is none.

    Raises:
        ResourceError: It is no MD5 in base64 (400 `InvalidMd5`).
    """
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error:
        found = b"?"
    if len(found) not in {0, 16}:
        raise ResourceError(f"'{text}' is no MD5 in base64.", code="InvalidMd5")
    return found


def metadata(request: Request) -> dict[str, str]:
    """The metadata that a request sets.

    Raises:
        ResourceError: A name is no identifier, or it is more than 8 KiB.
    """
    found = {name[len(META) :]: value for name, value in request.headers.items() if name.startswith(META)}
    for name in found:
        if not _META_NAME.fullmatch(name):
            msg = f"'{name}' cannot name metadata: a letter or _ then letters, digits and _ are expected."
            raise ResourceError(msg, code="InvalidMetadata")
    if sum(len(name) + len(value) for name, value in found.items()) > LONGEST_METADATA:
        raise ResourceError("The metadata is longer than 8 KiB.", code="MetadataTooLarge")
    return found


def range_of(request: Request, size: int) -> tuple[int, int] | None:
    """First byte and number of bytes asked for; None for the whole blob.

    Raises:
        ResourceError: The range begins behind the end (416 `InvalidRange`).
    """
    text = request.headers.get("x-ms-range") or request.headers.get("range") or ""
    match = _RANGE.fullmatch(text.replace(" ", ""))
    if match is None:
        return None
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return None
    if first >= size:
        msg = f"The range {text} begins behind the end of the blob, which has {size} bytes."
        raise ResourceError(msg, status=416, code="InvalidRange")
    return first, last - first + 1


def condition_of(request: Request) -> Condition:
    """What must be so for a write."""
    return Condition(
        only_new=request.headers.get("if-none-match", "").strip() == "*",
        if_match=request.headers.get("if-match", ""),
    )


def check_conditions(request: Request, blob: Blob | None, name: str) -> None:
    """Refuse a request whose conditions the blob as it is does not meet.

    Raises:
        ResourceError: 304 for an unchanged blob that was to be read, 412 otherwise; 409 `BlobAlreadyExists`.
    """
    headers = request.headers
    reading = request.method in {"GET", "HEAD"}
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match and (blob is None or not (blob.matches(match) or (reading and blob.continues(match)))):
        raise condition_not_met(name)
    if blob is None:
        return
    unchanged = none_match is not None and blob.matches(none_match)
    if since := headers.get("if-modified-since"):
        unchanged = unchanged or int(blob.mtime / 1e9) <= _moment(since)
    if unchanged and reading:
        raise ResourceError(f"The blob '{name}' has not changed.", status=304, code="ConditionNotMet")
    if unchanged:
        raise already_exists("", name) if none_match == "*" else condition_not_met(name)
    if (before := headers.get("if-unmodified-since")) and int(blob.mtime / 1e9) > _moment(before):
        raise condition_not_met(name)


def _moment(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError as error:
        msg = f"'{text}' is no date; one such as 'Sun, 06 Nov 1994 08:49:37 GMT' is expected."
        raise ResourceError(msg, code="InvalidHeaderValue") from error


def block_list(body: bytes) -> list[tuple[str, str]]:
    """The blocks that a commit names: (`Latest` | `Committed` | `Uncommitted`, id).

    Raises:
        ResourceError: The body is no such list (400 `InvalidXmlDocument`).
    """
    found = []
    try:
        if b"<!" in body:
            raise ET.ParseError("a document type is not allowed")  # noqa: TRY301
        for child in ET.fromstring(body):  # noqa: S314 - no document type, so no entities
            kind = child.tag.rpartition("}")[2]
            if kind not in {"Latest", "Committed", "Uncommitted"}:
                raise ET.ParseError(f"<{kind}> is not known")  # noqa: TRY301
            found.append((kind, (child.text or "").strip()))
    except ET.ParseError as error:
        msg = f"The body is no block list: {error}; <BlockList><Latest>id</Latest>...</BlockList> is expected."
        raise ResourceError(msg, code="InvalidXmlDocument") from error
    return found


def blocks_body(committed: Sequence[tuple[str, int]], uncommitted: Mapping[str, int]) -> str:
    """The answer of Get Block List."""

    def part(tag: str, blocks: Iterable[tuple[str, int]]) -> str:
        each = "".join(f"<Block><Name>{escape(name)}</Name><Size>{size}</Size></Block>" for name, size in blocks)
        return f"<{tag}>{each}</{tag}>"

    both = part("CommittedBlocks", committed) + part("UncommittedBlocks", uncommitted.items())
    return f"<BlockList>{both}</BlockList>"


def listing_body(where: str, container: str, asked: Mapping[str, str], page: Page) -> str:
    """The answer of List Blobs.

    Args:
        where: URL of the account.
        container: Its name.
        asked: prefix, marker, maxresults, delimiter, include as they were sent.
        page: What was found.
    """
    parts = [f'<EnumerationResults ServiceEndpoint="{escape(where)}" ContainerName="{escape(container)}">']
    echoed = ("Prefix", "Marker", "MaxResults", "Delimiter")
    parts += [f"<{tag}>{escape(_printable(asked[tag.lower()]))}</{tag}>" for tag in echoed if asked.get(tag.lower())]
    parts.append("<Blobs>")
    with_metadata = "metadata" in asked.get("include", "").lower()
    parts += [
        _listed(item, with_metadata=with_metadata)
        if isinstance(item, Blob)
        else f"<BlobPrefix>{_name(item)}</BlobPrefix>"
        for item in page.items
    ]
    parts.append(f"</Blobs><NextMarker>{marker_of(page.next)}</NextMarker></EnumerationResults>")
    return "".join(parts)


def _name(name: str) -> str:
    if _NOT_IN_XML.search(name):
        return f'<Name Encoded="true">{quote(name.encode("utf-8", "surrogateescape"))}</Name>'
    return f"<Name>{escape(name)}</Name>"


def _printable(text: str) -> str:
    return _NOT_IN_XML.sub("?", text)


def _listed(blob: Blob, *, with_metadata: bool) -> str:
    md5 = base64.b64encode(blob.content.md5).decode()
    settings = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in blob.content.headers.items())
    if "Content-Type" not in blob.content.headers:
        settings += f"<Content-Type>{PLAIN_TYPE}</Content-Type>"
    meta = ""
    if with_metadata:
        meta = "".join(f"<{name}>{escape(_printable(value))}</{name}>" for name, value in blob.metadata.items())
        meta = f"<Metadata>{meta}</Metadata>"
    return (
        f"<Blob>{_name(blob.name)}<Properties><Creation-Time>{when(blob.created)}</Creation-Time>"
        f"<Last-Modified>{when(blob.mtime / 1e9)}</Last-Modified><Etag>{blob.etag.strip(chr(34))}</Etag>"
        f"<Content-Length>{blob.size}</Content-Length>{settings}<Content-MD5>{md5}</Content-MD5>"
        f"<BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
        f"</Properties>{meta}</Blob>"
    )


def containers_body(where: str, containers: Iterable[tuple[str, float]], prefix: str) -> str:
    """The answer of List Containers."""
    each = "".join(
        f"<Container><Name>{escape(name)}</Name><Properties><Last-Modified>{when(changed)}</Last-Modified>"
        f'<Etag>"0x{int(changed * 1e9):X}"</Etag></Properties></Container>'
        for name, changed in containers
        if name.startswith(prefix)
    )
    return (
        f'<EnumerationResults ServiceEndpoint="{escape(where)}"><Containers>{each}</Containers>'
        "<NextMarker/></EnumerationResults>"
    )


def marker_of(name: str) -> str:
    """Where a listing goes on, as an opaque word."""
    return base64.urlsafe_b64encode(name.encode("utf-8", "surrogateescape")).decode()


def start_of(marker: str) -> str:
    """The name that a marker stands for.

    Raises:
        ResourceError: It is not one of ours (400 `OutOfRangeQueryParameterValue`).
    """
    try:
        return base64.urlsafe_b64decode(marker.encode()).decode("utf-8", "surrogateescape")
    except (ValueError, binascii.Error) as error:
        msg = f"'{marker}' is no marker that a listing gave."
        raise ResourceError(
            msg, code="OutOfRangeQueryParameterValue", target="marker", remedy="Begin the listing anew."
        ) from error
