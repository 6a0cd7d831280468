"""Remembers which modules are not installed: libraries ask for them again and again.

MLflow tries to import Spark and Databricks with every request. Python looks into each folder of its path each time;
here it does so again only when one of them, or the path, has changed.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


class Paths(PathFinder):
    """Python's own finder of modules on `sys.path`, with a memory for those that are not there."""

    _absent: dict[str, Any] = {}  # noqa: RUF012 -- the finder is the class, as its base is

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As Python's own."""
        if path is not None:
            return super().find_spec(fullname, path, target)
        now = _state()
        if cls._absent.get(fullname) == now:
            return None
        spec = super().find_spec(fullname, path, target)
        if spec is None:
            cls._absent[fullname] = now
        return spec

    @classmethod
    def invalidate_caches(cls) -> None:
        """As Python's own."""
        cls._absent.clear()
        super().invalidate_caches()


def _state() -> list[Any]:
    """The path, and when each of its folders changed; a path that is not there has not."""
    found: list[Any] = []
    for path in sys.path:
        try:
            found.append((path, os.stat(path or ".").st_mtime_ns))
        except OSError:
            found.append((path, 0))
    return found


def install() -> None:
    """Take the place of Python's own finder; calling it again changes nothing."""
    sys.meta_path[:] = [Paths if finder is PathFinder else finder for finder in sys.meta_path]
