"""Something to be done as soon as a module has been imported, without importing it."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import Any


class Watch:
    """A finder that waits for one module, which it finds as everybody else would.

    Args:
        name: Of the module.
        then: Called when it has been imported.
    """

    def __init__(self, name: str, then: Callable[[], object]) -> None:
        self.name = name
        self.then = then

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        """Let the others find the module, and follow its loading."""
        if name != self.name:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                self._follow(spec.loader)
                return spec
        return None

    def _follow(self, loader: Any) -> None:
        execute: Callable[[ModuleType], None] = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self.then()

        loader.exec_module = exec_module


def after(name: str, then: Callable[[], object]) -> None:
    """Do something at once if a module has been imported, else as soon as it is."""
    if name in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, Watch(name, then))
