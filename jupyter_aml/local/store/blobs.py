"""A workspace's blobs: plain files in `blobs/<account>/<container>/...`, and the runs' folders among them.

The blob `ExperimentRun/dcid.<job>/<path>` of the container `azureml` is the file `runs/<job>/<path>`, so the log
of a running job is a blob while it grows. The file comes first and its row second: a file without a row is a
blob, a row without a file is nothing.
"""

# ruff: noqa: PTH118, PTH120 - paths are strings: this runs for each request and file
from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from jupyter_aml.local.store import blob_files, blob_folders, blob_names, blob_rows
from jupyter_aml.local.store.blob_blocks import Staging, check_md5
from jupyter_aml.local.store.blob_files import Draft, refusal
from jupyter_aml.local.store.blob_folders import Adopted
from jupyter_aml.local.store.blob_model import (
    ALWAYS,
    PLAIN,
    Blob,
    Condition,
    Content,
    already_exists,
    condition_not_met,
    describe,
)
from jupyter_aml.local.store.blob_places import Owner, Spot
from jupyter_aml.local.store.blob_reading import Reading
from jupyter_aml.local.store.blob_rows import Block, Row

LOCKS = 64
DAY = 86400.0


class BlobStore(Reading):
    """The blobs of one workspace, for all threads.

    Args:
        workspace: Its folder, database, GUID and account name.
    """

    def __init__(self, workspace: Owner) -> None:
        super().__init__(workspace)
        self._staging = Staging(os.path.join(self._blobs, ".blocks"))
        self._locks = [threading.Lock() for _ in range(LOCKS)]

    @contextmanager
    def _alone(self, spot: Spot) -> Iterator[None]:
        with self._locks[hash((spot.container, spot.name)) % LOCKS]:
            yield

    def _spot(self, container: str, name: str) -> Spot:
        """Where a blob of an existing container is to be written."""
        spot = self.locate(container, blob_names.check_name(name))
        self.require_container(container)
        return spot

    def write(
        self,
        container: str,
        name: str,
        source: bytes | BinaryIO | Path,
        *,
        length: int | None = None,
        content: Content = PLAIN,
        condition: Condition = ALWAYS,
    ) -> Blob:
        """Write a blob, new or over the old one, all at once or not at all.

        Args:
            container: An existing one.
            name: The blob's name.
            source: Bytes, a stream, or a file to copy.
            length: Bytes to read from a stream; all when None.
            content: Its headers and metadata; an MD5 is checked.
            condition: What must be so of the blob that it replaces.

        Raises:
            NotFoundError: No such container.
            ConflictError: The blob exists (`BlobAlreadyExists`), or a folder bears its name.
            ResourceError: The disk is full or read-only, the body is short, the MD5 or ETag is another.
        """
        spot = self._spot(container, name)
        try:
            with Draft(self._incoming, hashing=bool(content.md5)) as draft:
                draft.fill(source, length)
                check_md5(draft.md5, content.md5)
                with self._alone(spot):
                    return self._settle(spot, draft, content, condition)
        except OSError as error:
            raise refusal(error, name) from error

    def _settle(
        self,
        spot: Spot,
        draft: Draft,
        content: Content,
        condition: Condition,
        blocks: tuple[Block, ...] = (),
    ) -> Blob:
        """Finish a draft and move it to its name, then write its row; an old row goes before the old content."""
        facts = draft.finish()
        if condition.if_match:
            self._check_match(spot, condition.if_match)
        if condition.only_new and self.exists(spot.container, spot.name):
            raise already_exists(spot.container, spot.name)
        self._forget(spot)
        try:
            blob_files.put_in_place(draft.path, spot.root, spot.relative, only_new=condition.only_new)
        except FileExistsError as error:
            if condition.only_new and self.exists(spot.container, spot.name):
                raise already_exists(spot.container, spot.name) from error
            raise
        row = Row(facts.st_size, facts.st_mtime_ns, time.time(), content, blocks)
        if row.worth_keeping:
            with self._database.write() as transaction:
                blob_rows.put(transaction, spot.container, spot.name, row)
        return describe(spot.name, facts, row)

    def _forget(self, spot: Spot) -> None:
        if blob_rows.get(self._database.connection, spot.container, spot.name) is not None:
            with self._database.write() as transaction:
                blob_rows.delete(transaction, spot.container, [spot.name])

    def _check_match(self, spot: Spot, etags: str) -> None:
        if not (self.exists(*spot[:2]) and self.get(*spot[:2]).matches(etags)):
            raise condition_not_met(spot.name)

    def describe(
        self,
        container: str,
        name: str,
        *,
        headers: Mapping[str, str] | None = None,
        md5: bytes = b"",
        metadata: Mapping[str, str] | None = None,
        condition: Condition = ALWAYS,
    ) -> Blob:
        """Replace the metadata, or the content headers with the MD5, of a blob; its ETag changes.

        Raises:
            NotFoundError: No such blob.
            ResourceError: Its ETag is not the one that the condition names.
        """
        spot = self.locate(container, blob_names.check_name(name))
        with self._alone(spot):
            stream, blob = self.open(container, name)
            with stream:
                if condition.if_match and not blob.matches(condition.if_match):
                    raise condition_not_met(name)
                held = blob.content
                content = Content(
                    held.headers if headers is None else headers,
                    held.metadata if metadata is None else metadata,
                    held.md5 if headers is None else md5,
                )
                blocks = self._blocks_of(blob, container)
                now = time.time_ns()
                try:
                    os.utime(stream.fileno(), ns=(now, now))
                except OSError as error:
                    raise refusal(error, name) from error
                facts = os.fstat(stream.fileno())
                row = Row(facts.st_size, facts.st_mtime_ns, blob.created, content, blocks)
                with self._database.write() as transaction:
                    blob_rows.put(transaction, container, name, row)
                return describe(name, facts, row)

    def stage(
        self,
        container: str,
        name: str,
        block: str,
        source: bytes | BinaryIO,
        *,
        length: int | None = None,
        md5: bytes = b"",
    ) -> None:
        """Keep a block until it is committed.

        Raises:
            NotFoundError: No such container.
            ResourceError: The id is too long, the body is short or not what its MD5 says, or the disk refuses.
        """
        self._staging.put(self._spot(container, name), block, source, length, md5)

    def commit(
        self,
        container: str,
        name: str,
        wanted: Sequence[tuple[str, str]],
        *,
        content: Content = PLAIN,
        condition: Condition = ALWAYS,
    ) -> Blob:
        """Make a blob of blocks.

        Args:
            container: An existing one.
            name: The blob's name.
            wanted: (`Latest` | `Committed` | `Uncommitted`, block id) in order.
            content: Its headers and metadata.
            condition: What must be so of the blob that it replaces.

        Raises:
            ResourceError: A block was never uploaded (400 `InvalidBlockList`), or as for `write`.
        """
        spot = self._spot(container, name)
        opened = blob_files.open_file(spot.root, spot.relative)
        try:
            with self._alone(spot), Draft(self._incoming) as draft:
                committed = None
                if opened:
                    blob = describe(name, opened[1], blob_rows.get(self._database.connection, container, name))
                    committed = (opened[0], self._blocks_of(blob, container))
                blocks = self._staging.join(spot, wanted, draft, committed)
                blob = self._settle(spot, draft, content, condition, blocks)
        except OSError as error:
            raise refusal(error, name) from error
        finally:
            if opened:
                os.close(opened[0])
        self._staging.clear(spot)
        return blob

    def blocks(self, container: str, name: str) -> tuple[Sequence[Block], dict[str, int]]:
        """The committed blocks in order, and the sizes of the uncommitted ones by id.

        Raises:
            NotFoundError: There is neither a blob nor a block.
        """
        uncommitted = self._staging.listed(self.locate(container, blob_names.check_name(name)))
        if uncommitted and not self.exists(container, name):
            return (), uncommitted
        return self._blocks_of(self.get(container, name), container), uncommitted

    def _blocks_of(self, blob: Blob, container: str) -> tuple[Block, ...]:
        row = blob_rows.get(self._database.connection, container, blob.name)
        return row.blocks if row and row.mtime == blob.mtime else ()

    def copy(
        self,
        source: tuple[BinaryIO, Blob],
        container: str,
        name: str,
        *,
        content: Content | None = None,
        condition: Condition = ALWAYS,
    ) -> Blob:
        """Copy an open blob of this or another workspace, with its headers and metadata unless others are given."""
        stream, blob = source
        spot = self._spot(container, name)
        try:
            with Draft(self._incoming) as draft:
                draft.size = blob_files.copy_range(stream.fileno(), draft.fd, 0, blob.size)
                with self._alone(spot):
                    return self._settle(spot, draft, content or blob.content, condition)
        except OSError as error:
            raise refusal(error, name) from error

    def delete(self, container: str, name: str, *, condition: Condition = ALWAYS) -> None:
        """Remove a blob; folders that become empty go too, except those of a run.

        Raises:
            NotFoundError: No such blob.
        """
        spot = self.locate(container, blob_names.check_name(name))
        with self._alone(spot):
            blob = self.get(container, name)
            if condition.if_match and not blob.matches(condition.if_match):
                raise condition_not_met(name)
            try:
                with blob_files.parent(spot.root, spot.relative) as (fd, entry):
                    os.unlink(entry, dir_fd=fd)
            except OSError as error:
                raise refusal(error, name) from error
            self._forget(spot)
        self._staging.clear(spot)
        if spot.root == self._blobs:
            folder = os.path.dirname(os.path.join(spot.root, spot.relative))
            blob_files.prune_upwards(folder, self._container(container))

    def delete_prefix(self, container: str, prefix: str) -> int:
        """Remove all blobs whose names begin with `prefix`; how many files went."""
        folder = self.path(container, prefix)
        if not (prefix.endswith("/") and folder.is_dir() and not folder.is_symlink()):
            names = [blob.name for blob in self.list(container, prefix)]
            for name in names:
                self.delete(container, name)
            return len(names)
        gone = blob_folders.count(folder).files
        blob_files.remove_tree(str(folder))
        if not folder.is_relative_to(self._runs):
            blob_files.prune_upwards(str(folder.parent), self._container(container))
        with self._database.write() as transaction:
            blob_rows.delete_prefix(transaction, container, prefix)
        return gone

    def adopt_folder(self, source: Path, container: str, prefix: str) -> Adopted:
        """Move a finished folder (or file) in as blobs; `source` is gone afterwards.

        A folder moves by its name alone when nothing bears the prefix yet. Links to files become copies; other
        links and special files are left out and named.

        Args:
            source: The folder; or a file, which becomes the blob `prefix`.
            container: An existing one.
            prefix: Name of the folder of blobs, with or without a slash at the end.

        Raises:
            ResourceError: The disk refuses, or a blob and a folder would bear one name.
        """
        self.require_container(container)
        try:
            found = blob_folders.settle(source)
            blob_folders.move(source, self.path(container, prefix))
        except OSError as error:
            raise refusal(error, prefix) from error
        name = prefix.rstrip("/")
        with self._database.write() as transaction:
            blob_rows.delete(transaction, container, [name])
            blob_rows.delete_prefix(transaction, container, name + "/")
        return found

    def export(self, container: str, prefix: str, target: Path) -> int:
        """Copy blobs out, sharing blocks where the file system can; how many.

        Args:
            container: Its name.
            prefix: A blob, which becomes the file `target`; or a folder of blobs, which becomes that folder.
            target: Path to write; its parents are made.
        """
        bare = prefix.rstrip("/")
        if bare and bare == prefix and self.exists(container, bare):
            self._export(container, bare, target)
            return 1
        folder = bare + "/" if bare else ""
        done = 0
        for blob in self.list(container, folder):
            self._export(container, blob.name, target / blob_names.to_path(blob.name[len(folder) :]))
            done += 1
        return done

    def _export(self, container: str, name: str, target: Path) -> None:
        stream, _ = self.open(container, name)
        with stream:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                blob_files.copy_file(stream.fileno(), target)
            except OSError as error:
                raise refusal(error, str(target)) from error

    def sweep(self, now: float | None = None) -> int:
        """Put right what a crash left: drafts of yesterday, blocks of last week, rows without a file.

        Args:
            now: Seconds since the epoch.

        Returns:
            How many went.
        """
        moment = time.time() if now is None else now
        gone = self._staging.sweep(moment) + self._sweep_rows()
        incoming = Path(self._incoming)
        for draft in list(incoming.iterdir()) if incoming.is_dir() else []:
            if draft.stat().st_mtime < moment - DAY:
                draft.unlink(missing_ok=True)
                gone += 1
        return gone

    def _sweep_rows(self) -> int:
        with self._database.read() as connection:
            named = connection.execute("SELECT container, name FROM blobs").fetchall()
        lost = [(row["container"], row["name"]) for row in named if not self.exists(*row)]
        for container, name in lost:
            spot = self.locate(container, name)
            with self._alone(spot):
                if not self.exists(container, name):
                    self._forget(spot)
        return len(lost)
