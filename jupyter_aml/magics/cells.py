"""Marked cells: plain Python cells that begin with `#| aml: command train`, remembered for `%aml run train`."""

from __future__ import annotations

from typing import Any


class Marked(dict[str, str]):
    """The source of each marked cell by its name, the newest last."""

    def record(self, info: Any) -> None:
        """Remember a cell that is about to run, if it is marked; called by IPython's `pre_run_cell`."""
        source = getattr(info, "raw_cell", None) or ""
        if not source.lstrip().startswith("#|"):
            return
        from jupyter_aml.commands import marked

        found = marked.marker(source)
        if found is not None:
            self.pop(found.name, None)
            self[found.name] = source
