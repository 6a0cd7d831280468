"""Blobs as they are read and listed."""

# ruff: noqa: PTH116 - paths are strings: this runs for each request and file
from __future__ import annotations

import builtins
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.store import blob_files, blob_names, blob_rows
from jupyter_aml.local.store.blob_model import Blob, Page, describe
from jupyter_aml.local.store.blob_places import ARTIFACTS, RUN, RUNS, Owner, Places
from jupyter_aml.local.store.blob_walk import Found, Scanner, Walk, grouped_by, merged

PAGE = 5000


class Reading(Places):
    """The readable half of a workspace's blobs."""

    def __init__(self, workspace: Owner) -> None:
        super().__init__(workspace)
        self._scanner = Scanner()

    def _file(self, container: str, name: str) -> tuple[int, os.stat_result] | None:
        spot = self.locate(container, blob_names.check_name(name))
        return blob_files.open_file(spot.root, spot.relative)

    def open(self, container: str, name: str) -> tuple[BinaryIO, Blob]:
        """The content, to be closed by the caller, and the properties of the same moment.

        Raises:
            NotFoundError: No such blob or container (`BlobNotFound`, `ContainerNotFound`).
        """
        opened = self._file(container, name)
        if opened is None:
            self.require_container(container)
            raise NotFoundError(
                f"The blob '{name}' does not exist in the container '{container}'.",
                code="BlobNotFound",
                remedy="Check the name: upper and lower case count, and so does every slash.",
            )
        fd, facts = opened
        try:
            row = blob_rows.get(self._database.connection, container, name)
        except BaseException:
            os.close(fd)
            raise
        return os.fdopen(fd, "rb"), describe(name, facts, row)

    def get(self, container: str, name: str) -> Blob:
        """The properties of a blob; raises as `open`."""
        stream, blob = self.open(container, name)
        stream.close()
        return blob

    def read(self, container: str, name: str) -> bytes:
        """The whole content of a blob; raises as `open`."""
        stream, _ = self.open(container, name)
        with stream:
            return stream.read()

    def exists(self, container: str, name: str) -> bool:
        opened = self._file(container, name)
        if opened:
            os.close(opened[0])
        return opened is not None

    def page(
        self, container: str, prefix: str = "", *, delimiter: str = "", start: str = "", limit: int = PAGE
    ) -> Page:
        """One page of a listing in lexical order.

        Args:
            container: Its name.
            prefix: Only names that begin so.
            delimiter: Names that share it behind the prefix are given once, as text.
            start: Name to begin with: `next` of the page before.
            limit: Most items of the page.

        Raises:
            NotFoundError: No such container.
        """
        self.require_container(container)
        found = self._walk(container, prefix, start, delimiter)
        part = list(itertools.islice(found, limit))
        following = next(found, None)
        return Page(self._described(container, part), following.name if following else "")

    def list(self, container: str, prefix: str = "") -> Iterator[Blob]:
        """All blobs whose names begin with `prefix`, in lexical order, read as they are asked for."""
        start = ""
        while True:
            page = self.page(container, prefix, start=start)
            yield from (item for item in page.items if isinstance(item, Blob))
            if not page.next:
                return
            start = page.next

    def _walk(self, container: str, prefix: str, start: str, delimiter: str) -> Iterator[Found]:
        grouped = delimiter == "/"
        base = prefix[: prefix.rfind("/") + 1]
        parts = []
        in_run = container == ARTIFACTS and base.startswith(RUN) and len(base) > len(RUN) + 1
        if not in_run:
            walk = Walk(self._scanner, self._blobs, prefix, start, grouped=grouped)
            folder = str(self.path(container, base)) if base else self._container(container)
            parts.append(self._begin(walk, base, folder, self._blobs))
        if container == ARTIFACTS and (base.startswith(RUN) or base in {"", RUNS}):
            walk = Walk(self._scanner, self._runs, prefix, start, grouped=grouped and base != "")
            where = (base, str(self.path(container, base))) if in_run else (RUN, self._runs)
            runs = self._begin(walk, *where, self._runs)
            parts.append(grouped_by(runs, prefix, "/") if grouped and not base else runs)
        found = parts[0] if len(parts) == 1 else merged(parts)
        return found if grouped or not delimiter else grouped_by(found, prefix, delimiter)

    @staticmethod
    def _begin(walk: Walk, base: str, folder: str, root: str) -> Iterator[Found]:
        real = os.path.realpath(folder)
        return walk.below(base, folder) if real == root or real.startswith(root + os.sep) else iter(())

    def _described(self, container: str, part: Sequence[Found]) -> builtins.list[Blob | str]:
        if not part:
            return []
        rows = blob_rows.between(self._database.connection, container, part[0].name, part[-1].name)
        items: list[Blob | str] = []
        for found in part:
            if not found.path:
                items.append(found.name)
                continue
            try:
                facts = os.stat(found.path)
            except OSError:
                continue  # deleted since
            items.append(describe(found.name, facts, rows.get(found.name)))
        return items
