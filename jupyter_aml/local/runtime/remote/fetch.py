"""What a worker keeps between runs: code snapshots by their content's hash, data by the etags of their blobs."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.runtime import builds
from jupyter_aml.local.runtime.remote.home import Home

DONE = ".complete"
"""How the name of the marker ends that stands beside what was fetched whole."""


class Cache:
    """A folder of a worker's machine, which several runs and workers share.

    Args:
        root: The folder.
        home: Where things come from.
        given_up: Whether the run is not wanted any more.
    """

    def __init__(self, root: Path, home: Home, given_up: Callable[[], bool]) -> None:
        self._root = root
        self._home = home
        self._watch = builds.Watch(given_up=given_up)

    def code(self, digest: str) -> Path:
        """The folder of a code snapshot.

        Raises:
            ResourceError: What came is not what its hash says.
        """

        def bring(folder: Path) -> None:
            packed = folder.with_suffix(".zip")
            try:
                self._home.code(packed)
                with zipfile.ZipFile(packed) as archive:
                    archive.extractall(folder)
            finally:
                packed.unlink(missing_ok=True)
            found = content_hash(folder)
            if found != digest:
                raise ResourceError(
                    f"The code snapshot arrived as {found}, not as {digest}.", code="SystemError", status=500
                )

        return self._once(self._root / "code" / digest, bring)

    def data(self, container: str, name: str, *, single: bool) -> Path:
        """The file or folder of blobs of a name, as they are now.

        Raises:
            ResourceError: A blob changed while it was fetched.
        """
        prefix = name.rstrip("/")
        blobs = [
            blob
            for blob in self._home.listed(container, prefix)
            if blob["name"] == prefix or blob["name"].startswith(f"{prefix}/") or not prefix
        ]
        facts = [container, prefix, sorted((blob["name"], blob["etag"], blob["size"]) for blob in blobs)]
        digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]

        def bring(folder: Path) -> None:
            for blob in blobs:
                self._watch_out()
                inner = blob["name"][len(prefix) :].strip("/") or Path(prefix).name
                self._home.fetch(container, blob, folder / inner)

        folder = self._once(self._root / "data" / digest, bring)
        return folder / Path(prefix).name if single else folder

    def _watch_out(self) -> None:
        if self._watch.given_up():
            raise builds.GivenUpError("The run is not wanted any more.")

    def _once(self, folder: Path, bring: Callable[[Path], None]) -> Path:
        """Fill a folder, if nobody has; those who want the same meanwhile wait."""
        marker = folder.with_name(folder.name + DONE)
        if marker.exists():
            marker.touch()  # what is not used for long is swept
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with builds.locked(folder.with_name(folder.name + ".lock"), self._watch):
            if not marker.exists():
                shutil.rmtree(folder, ignore_errors=True)
                part = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}")
                part.mkdir()
                try:
                    bring(part)
                    part.rename(folder)
                except BaseException:
                    shutil.rmtree(part, ignore_errors=True)
                    raise
                marker.touch()
        return folder


def content_hash(place: Path) -> str:
    """A hash over the names and contents of all files below a folder, or of the one file that it is."""
    top = place.parent if place.is_file() else place
    found = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    whole = hashlib.sha256()
    for name, path in sorted((path.relative_to(top).as_posix(), path) for path in found):
        own = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{name}\0{own}\n".encode())
    return whole.hexdigest()[:32]
