"""A blob as fsspec's open file: read in ranges, written in blocks that count when the file is closed."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from fsspec.spec import AbstractBufferedFile

if TYPE_CHECKING:
    from . import files

BLOCK = 8 << 20

_BAD = 400
_OUT_OF_RANGE = 416


class BlobFile(AbstractBufferedFile):
    """One blob, opened to be read or written as a whole.

    Args:
        fs: The file system.
        path: The file's name there.
        mode: `rb`, `wb`, or `xb` for one that must be new.
        block_size: Bytes that are read ahead or written at a time.
        autocommit: Whether it is there as soon as it is closed, or with the file system's transaction.
        door: Who is asked.
        place: Which blob it is.
        cache_options: Of fsspec's reading ahead.
    """

    DEFAULT_BLOCK_SIZE = BLOCK

    def __init__(
        self,
        fs: Any,
        path: str,
        mode: str,
        block_size: int | str,
        autocommit: bool,
        *,
        door: files.Door,
        place: files.Place,
        cache_options: Any = None,
    ) -> None:
        self.door = door
        self.place = place
        self._blocks: list[str] = []
        super().__init__(fs, path, mode, block_size, autocommit, cache_options=cache_options)

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is not None and self.writable():
            self.discard()
            self.closed = True
        self.close()

    def _fetch_range(self, start: int, end: int) -> bytes:
        if start >= end:
            return b""
        answer = self.door.blob("GET", self.place, headers={"x-ms-range": f"bytes={start}-{end - 1}"})
        if answer.status == _OUT_OF_RANGE:
            answer.stream.close()
            return b""
        self._check(answer)
        return answer.content()

    def _upload_chunk(self, final: bool = False) -> bool:
        piece = self.buffer.getvalue()
        if final and self.autocommit and not self._blocks:
            self._put({"x-ms-blob-type": "BlockBlob"}, piece)
            return True
        if piece:
            name = base64.b64encode(f"{len(self._blocks):08}".encode()).decode()
            self._put({}, piece, {"comp": "block", "blockid": name})
            self._blocks.append(name)
        if final and self.autocommit:
            self.commit()
        return True

    def commit(self) -> None:
        """Make a blob of the blocks that were written."""
        wanted = "".join(f"<Latest>{name}</Latest>" for name in self._blocks)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{wanted}</BlockList>'
        self._put({"Content-Type": "application/xml"}, body.encode(), {"comp": "blocklist"})

    def discard(self) -> None:
        """Forget what was written; the service sweeps up blocks that nobody commits."""
        self._blocks = []
        self.buffer = io.BytesIO()

    def _put(self, headers: dict[str, str], body: bytes, query: dict[str, str] | None = None) -> None:
        whole = query is None or query["comp"] == "blocklist"
        if whole and self.mode == "xb":
            headers = {**headers, "If-None-Match": "*"}
        answer = self.door.blob("PUT", self.place, query, headers, body)
        self._check(answer)
        answer.stream.close()

    def _check(self, answer: files.Answer) -> None:
        if answer.status >= _BAD:
            from . import files

            files.refuse(answer, files.uri_of(self.path))
