"""The agent as one archive: the sources that a run on a worker elsewhere needs, the same bytes for the same sources."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PARTS = ("__init__.py", "errors.py", "agent", "local/__init__.py", "local/runtime")
LONG_AGO = (1980, 1, 1, 0, 0, 0)


@functools.cache
def pack() -> bytes:
    """The archive, a zip file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in _sources():
            info = zipfile.ZipInfo(f"jupyter_aml/{path.relative_to(ROOT).as_posix()}", LONG_AGO)
            info.external_attr = 0o644 << 16
            archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def launcher() -> str:
    """The text of what a worker's own process executes."""
    return Path(__file__).with_name("launcher.py").read_text(encoding="utf-8")


def _sources() -> Iterator[Path]:
    for part in PARTS:
        place = ROOT / part
        if place.is_file():
            yield place
        else:
            yield from sorted(path for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
