"""Blocks that were uploaded but not yet committed: one private folder per blob, one file per block.

Committing joins them into one file inside the kernel. What is never committed goes after a week, as in Azure.
"""

# ruff: noqa: PTH104, PTH112, PTH118, PTH123 - paths are strings: this runs for each request and file
from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.store.blob_files import Draft, copy_range, refusal, remove_tree
from jupyter_aml.local.store.blob_places import Spot
from jupyter_aml.local.store.blob_rows import Block

KEPT_SECONDS = 7 * 86400.0
LONGEST_ID = 128
MOST_BLOCKS = 50_000


class Staging:
    """The uncommitted blocks of a workspace.

    Args:
        folder: Where they are kept, on the file system of the blobs.
    """

    def __init__(self, folder: str) -> None:
        self._root = folder

    def _folder(self, spot: Spot) -> str:
        digest = hashlib.sha256(f"{spot.container}\0{spot.name}".encode("utf-8", "surrogateescape")).hexdigest()
        return os.path.join(self._root, digest[:40])

    def put(self, spot: Spot, block: str, source: bytes | BinaryIO, length: int | None, md5: bytes = b"") -> None:
        """Keep one block.

        Raises:
            ResourceError: The id is too long, the body is short or not what its MD5 says, or the disk refuses.
        """
        if not block or len(block) > LONGEST_ID:
            msg = f"The block id '{block[:20]}' is not one of 1 to 64 bytes in base64."
            raise ResourceError(msg, code="InvalidQueryParameterValue", target="blockid")
        folder = self._folder(spot)
        try:
            with Draft(folder, hashing=bool(md5)) as draft:
                draft.fill(source, length)
                check_md5(draft.md5, md5)
                draft.finish(flush=False)
                os.rename(draft.path, os.path.join(folder, quote(block, safe="") + ".block"))
        except OSError as error:
            raise refusal(error, spot.name) from error

    def listed(self, spot: Spot) -> dict[str, int]:
        """Sizes of the uncommitted blocks by id, in the order of their arrival."""
        found = []
        try:
            with os.scandir(self._folder(spot)) as listing:
                for entry in listing:
                    if entry.name.endswith(".block"):
                        facts = entry.stat()
                        found.append((facts.st_mtime_ns, unquote(entry.name[:-6]), facts.st_size))
        except FileNotFoundError:
            return {}
        return {block: size for _, block, size in sorted(found)}

    def join(
        self,
        spot: Spot,
        wanted: Sequence[tuple[str, str]],
        draft: Draft,
        committed: tuple[int, Sequence[Block]] | None,
    ) -> tuple[Block, ...]:
        """Write the wanted blocks to `draft`, one behind the other.

        Args:
            spot: The blob.
            wanted: (`Latest` | `Committed` | `Uncommitted`, block id) in order.
            draft: Receives the content.
            committed: An open descriptor of the blob as it is, and its blocks; None when there is none.

        Returns:
            Ids and sizes of what was written.

        Raises:
            ResourceError: A block is neither here nor there (400 `InvalidBlockList`).
        """
        if len(wanted) > MOST_BLOCKS:
            msg = f"The list names {len(wanted)} blocks; a blob has at most {MOST_BLOCKS}."
            raise ResourceError(msg, code="BlockListTooLong")
        held = self.listed(spot)
        folder = self._folder(spot)
        source, blocks = committed or (-1, ())
        offsets = _offsets(blocks)
        written = []
        for kind, block in wanted:
            if kind != "Committed" and block in held:
                size = held[block]
                with open(os.path.join(folder, quote(block, safe="") + ".block"), "rb") as staged:
                    moved = copy_range(staged.fileno(), draft.fd, 0, size)
            elif kind != "Uncommitted" and block in offsets:
                offset, size = offsets[block]
                moved = copy_range(source, draft.fd, offset, size)
            else:
                msg = f"The block '{block}' ({kind}) of '{spot.name}' was never uploaded, or is gone after a week."
                raise ResourceError(msg, code="InvalidBlockList", remedy="Upload the blob again.")
            if moved != size:
                raise OSError(errno.EIO, os.strerror(errno.EIO), spot.name)
            draft.size += size
            written.append((block, size))
        return tuple(written)

    def clear(self, spot: Spot) -> None:
        """Forget the uncommitted blocks of a blob."""
        folder = self._folder(spot)
        if os.path.isdir(folder):
            remove_tree(folder)

    def sweep(self, now: float | None = None) -> int:
        """Remove what was uploaded more than a week ago and never committed; how many blobs it was for."""
        limit = (time.time() if now is None else now) - KEPT_SECONDS
        gone = 0
        root = Path(self._root)
        for folder in list(root.iterdir()) if root.is_dir() else []:
            if folder.stat().st_mtime < limit:
                remove_tree(str(folder))
                gone += 1
        return gone


def _offsets(blocks: Iterable[Block]) -> dict[str, tuple[int, int]]:
    found, at = {}, 0
    for block, size in blocks:
        found[block] = (at, size)
        at += size
    return found


def check_md5(found: bytes, wanted: bytes) -> None:
    """Refuse a body that is not what its Content-MD5 says.

    Raises:
        ResourceError: The two differ (400 `Md5Mismatch`).
    """
    if wanted and found != wanted:
        msg = f"The body's MD5 is {found.hex()}, its Content-MD5 says {wanted.hex()}; nothing was written."
        raise ResourceError(msg, code="Md5Mismatch", remedy="Send the request again.")
