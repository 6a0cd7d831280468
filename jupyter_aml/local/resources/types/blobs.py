"""The Blob service's REST protocol over a workspace's blobs: `https://<account>.blob.core.windows.net`.

Signatures are not checked here: who may come in is the door's business. Source: azure-ml-rest.md section 5.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from jupyter_aml.errors import ConflictError, NotFoundError, NotOfflineError, ResourceError, StoreError
from jupyter_aml.local.arm.http import Request, Response
from jupyter_aml.local.resources import blob_wire as wire
from jupyter_aml.local.resources.base import BLOB, Call, Route, Type
from jupyter_aml.local.store.blob_model import Blob
from jupyter_aml.local.store.blobs import BlobStore

MOST_LISTED = 5000
MOST_HASHED = 4 << 20
LONGEST_LIST = 16 << 20
"""Bytes of an XML block list: 50,000 ids."""

Accounts = Callable[[str], BlobStore | None]
"""The blobs of another account of this store, by its name."""


def handle(blobs: BlobStore, request: Request, accounts: Accounts = lambda _: None) -> Response:
    """Answer one request of the protocol; refusals are XML with Azure's codes."""
    container, _, name = request.path[1:].partition("/")
    level = "blob" if name else "container" if container else "account"
    kind = request.query.get("restype", "") if level != "blob" else ""
    operation = OPERATIONS.get((level, request.method, kind.lower(), request.query.get("comp", "").lower()))
    try:
        if operation is None:
            raise _unknown(request)
        _check_supported(request)
        return operation(Exchange(blobs, request, container, name, accounts))
    except ResourceError as error:
        return wire.failure(error, request)
    except StoreError as error:
        refused = ResourceError(error.message, status=409, code="AccountIsDisabled", why=error.why)
        refused.remedy = error.remedy
        return wire.failure(refused, request)


class Exchange:
    """One request on its way: the blobs, the names in its path, and the other accounts for copies."""

    def __init__(self, blobs: BlobStore, request: Request, container: str, name: str, accounts: Accounts) -> None:
        self.blobs = blobs
        self.request = request
        self.container = container
        self.name = name
        self.accounts = accounts

    @property
    def length(self) -> int | None:
        """Bytes of the body; None when it is chunked."""
        text = self.request.headers.get("content-length", "")
        return int(text) if text.isdigit() else None

    def check(self) -> None:
        """Refuse a write whose conditions do not hold, before its body is read."""
        names = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
        if any(name in self.request.headers for name in names):
            there = self.blobs.exists(self.container, self.name)
            held = self.blobs.get(self.container, self.name) if there else None
            wire.check_conditions(self.request, held, self.name)

    def answer(self, status: int, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(status, {**wire.common(self.request), **named})


def _unknown(request: Request) -> ResourceError:
    asked = "&".join(f"{name}={request.query[name]}" for name in ("restype", "comp") if name in request.query)
    return NotOfflineError(
        f"{request.method} {request.path}{'?' + asked if asked else ''} is not part of the local Blob service.",
        remedy="Leases, snapshots, tiers, tags, batches, page and append blobs need an Azure storage account.",
    )


def _check_supported(request: Request) -> None:
    """Refuse what would otherwise be taken for something else."""
    if {"snapshot", "versionid"} & request.query.keys():
        raise NotOfflineError(
            "The local Blob service keeps no snapshots or versions.", remedy="Ask for the blob without them."
        )
    if "x-ms-structured-body" in request.headers:
        raise NotOfflineError(
            "The local Blob service reads no structured bodies.", remedy="Use validate_content=True (MD5)."
        )


# account and containers


def _list_containers(exchange: Exchange) -> Response:
    request = exchange.request
    found = exchange.blobs.containers()
    body = wire.containers_body(f"https://{request.host}/", found, request.query.get("prefix", ""))
    return wire.xml(body, request)


def _create_container(exchange: Exchange) -> Response:
    if not exchange.blobs.create_container(exchange.container):
        raise ConflictError(
            f"The container '{exchange.container}' exists already.",
            code="ContainerAlreadyExists",
            remedy="Use it as it is, or choose another name.",
        )
    return _container_properties(exchange, 201)


def _container_properties(exchange: Exchange, status: int = 200) -> Response:
    exchange.blobs.require_container(exchange.container)
    changed = dict(exchange.blobs.containers()).get(exchange.container, 0.0)
    return exchange.answer(
        status,
        ETag=f'"0x{int(changed * 1e9):X}"',
        Last_Modified=wire.when(changed),
        x_ms_lease_status="unlocked",
        x_ms_lease_state="available",
    )


def _delete_container(exchange: Exchange) -> Response:
    exchange.blobs.delete_container(exchange.container)
    return exchange.answer(202)


def _list_blobs(exchange: Exchange) -> Response:
    request = exchange.request
    query = request.query
    limit = query.get("maxresults", str(MOST_LISTED))
    if not limit.isdigit() or int(limit) < 1:
        msg = f"maxresults is '{limit}'; a number from 1 to {MOST_LISTED} is expected."
        raise ResourceError(msg, code="OutOfRangeQueryParameterValue", target="maxresults")
    page = exchange.blobs.page(
        exchange.container,
        query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        start=wire.start_of(query.get("marker", "")),
        limit=min(int(limit), MOST_LISTED),
    )
    return wire.xml(wire.listing_body(f"https://{request.host}/", exchange.container, query, page), request)


# one blob


def _read(exchange: Exchange) -> Response:
    request = exchange.request
    stream, blob = exchange.blobs.open(exchange.container, exchange.name)
    try:
        return _opened(request, stream, blob)
    except BaseException:
        stream.close()
        raise


def _opened(request: Request, stream: BinaryIO, blob: Blob) -> Response:
    wire.check_conditions(request, blob, blob.name)
    md5 = base64.b64encode(blob.content.md5).decode()
    headers = {**wire.common(request), **wire.properties(blob)}
    facts_only = request.method == "HEAD" or request.query.get("comp", "").lower() == "metadata"
    wanted = None if facts_only else wire.range_of(request, blob.size)
    first, length = wanted or (0, blob.size)
    headers["Content-Length"] = str(length)
    if wanted is None:
        if md5:
            headers["Content-MD5"] = md5
        if facts_only:
            stream.close()
            if request.method == "GET":
                del headers["Content-Length"]
            return Response(200, headers)
        return Response(200, headers, stream=stream, length=length)
    headers["Content-Range"] = f"bytes {first}-{first + length - 1}/{blob.size}"
    if md5:
        headers["x-ms-blob-content-md5"] = md5
    stream.seek(first)
    if request.headers.get("x-ms-range-get-content-md5", "").lower() != "true":
        return Response(206, headers, stream=stream, length=length)
    if length > MOST_HASHED:
        msg = f"The MD5 of a range is made for at most {MOST_HASHED} bytes; {length} were asked for."
        raise ResourceError(msg, code="OutOfRangeInput")
    with stream:
        body = stream.read(length)
    headers["Content-MD5"] = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    return Response(206, headers, body)


def _put(exchange: Exchange) -> Response:
    request = exchange.request
    if "x-ms-copy-source" in request.headers:
        return _copy(exchange)
    kind = request.headers.get("x-ms-blob-type", "BlockBlob")
    if kind.lower() != "blockblob":
        raise NotOfflineError(
            f"The local Blob service has block blobs only; '{kind}' was asked for.",
            remedy="Upload it as a block blob.",
        )
    exchange.check()
    blob = exchange.blobs.write(
        exchange.container,
        exchange.name,
        request.stream,
        length=exchange.length,
        content=wire.content_of(request, body_is_content=True),
        condition=wire.condition_of(request),
    )
    return wire.written(blob, request, 201)


def _copy(exchange: Exchange) -> Response:
    """Copy Blob (202, done at once) and, with a blob type, Put Blob From URL (201)."""
    request = exchange.request
    exchange.check()
    with_url = "x-ms-blob-type" in request.headers
    content = wire.content_of(request, body_is_content=False)
    stream, source = _source(exchange)
    with stream:
        if content.headers or content.metadata:
            content = type(content)(
                content.headers or source.content.headers,
                content.metadata or source.metadata,
                source.content.md5,
            )
        else:
            content = source.content
        blob = exchange.blobs.copy(
            (stream, source),
            exchange.container,
            exchange.name,
            content=content,
            condition=wire.condition_of(request),
        )
    response = wire.written(blob, request, 201 if with_url else 202)
    if not with_url:
        response.headers |= {"x-ms-copy-id": wire.common(request)["x-ms-request-id"], "x-ms-copy-status": "success"}
    return response


def _source(exchange: Exchange) -> tuple[BinaryIO, Blob]:
    """The blob that a copy reads: of an account of this store."""
    url = exchange.request.headers["x-ms-copy-source"]
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    account = host.partition(".")[0]
    blobs = exchange.blobs if host == exchange.request.host else exchange.accounts(account)
    container, _, name = unquote(parts.path)[1:].partition("/")
    if blobs is None or not name:
        raise NotFoundError(
            f"The copy's source {parts.scheme}://{parts.netloc}{parts.path} is no blob of this store.",
            code="CannotVerifyCopySource",
            remedy="Download it and upload it here.",
        )
    return blobs.open(container, name)


def _put_block(exchange: Exchange) -> Response:
    request = exchange.request
    md5 = request.headers.get("content-md5", "")
    exchange.blobs.stage(
        exchange.container,
        exchange.name,
        request.query.get("blockid", ""),
        request.stream,
        length=exchange.length,
        md5=wire.md5_bytes(md5),
    )
    response = exchange.answer(201, x_ms_request_server_encrypted="false")
    if md5:
        response.headers["Content-MD5"] = md5
    return response


def _commit(exchange: Exchange) -> Response:
    request = exchange.request
    exchange.check()
    if (exchange.length or 0) > LONGEST_LIST:
        msg = f"The block list has {exchange.length} bytes; at most {LONGEST_LIST} are read."
        raise ResourceError(msg, status=413, code="RequestBodyTooLarge")
    blob = exchange.blobs.commit(
        exchange.container,
        exchange.name,
        wire.block_list(request.content),
        content=wire.content_of(request, body_is_content=False),
        condition=wire.condition_of(request),
    )
    return wire.written(blob, request, 201)


def _blocks(exchange: Exchange) -> Response:
    committed, uncommitted = exchange.blobs.blocks(exchange.container, exchange.name)
    kind = exchange.request.query.get("blocklisttype", "committed").lower()
    body = wire.blocks_body(() if kind == "uncommitted" else committed, {} if kind == "committed" else uncommitted)
    return wire.xml(body, exchange.request)


def _set_metadata(exchange: Exchange) -> Response:
    request = exchange.request
    exchange.check()
    blob = exchange.blobs.describe(
        exchange.container,
        exchange.name,
        metadata=wire.metadata(request),
        condition=wire.condition_of(request),
    )
    return wire.written(blob, request, 200)


def _set_properties(exchange: Exchange) -> Response:
    request = exchange.request
    exchange.check()
    content = wire.content_of(request, body_is_content=False)
    blob = exchange.blobs.describe(
        exchange.container,
        exchange.name,
        headers=content.headers,
        md5=content.md5,
        condition=wire.condition_of(request),
    )
    return wire.written(blob, request, 200)


def _delete(exchange: Exchange) -> Response:
    exchange.check()
    condition = wire.condition_of(exchange.request)
    exchange.blobs.delete(exchange.container, exchange.name, condition=condition)
    return exchange.answer(202, x_ms_delete_type_permanent="true")


OPERATIONS: dict[tuple[str, str, str, str], Callable[[Exchange], Response]] = {
    ("account", "GET", "", "list"): _list_containers,
    ("container", "PUT", "container", ""): _create_container,
    ("container", "GET", "container", ""): _container_properties,
    ("container", "HEAD", "container", ""): _container_properties,
    ("container", "DELETE", "container", ""): _delete_container,
    ("container", "GET", "container", "list"): _list_blobs,
    ("blob", "GET", "", ""): _read,
    ("blob", "HEAD", "", ""): _read,
    ("blob", "GET", "", "metadata"): _read,
    ("blob", "HEAD", "", "metadata"): _read,
    ("blob", "PUT", "", ""): _put,
    ("blob", "PUT", "", "block"): _put_block,
    ("blob", "PUT", "", "blocklist"): _commit,
    ("blob", "GET", "", "blocklist"): _blocks,
    ("blob", "PUT", "", "metadata"): _set_metadata,
    ("blob", "PUT", "", "properties"): _set_properties,
    ("blob", "DELETE", "", ""): _delete,
}


class Blobs(Type):
    """Every request to a storage account of the store."""

    def routes(self) -> Iterable[Route]:
        yield Route("*", BLOB, "/", _answer)
        yield Route("*", BLOB, "/{container:path}", _answer)


def _answer(call: Call) -> Response:
    def accounts(name: str) -> BlobStore | None:
        entry = call.store.entry_by_account(name)
        return call.store.workspace(entry).blobs if entry else None

    return handle(call.workspace.blobs, call.request, accounts)


TYPE = Blobs("blobs", "blob")
