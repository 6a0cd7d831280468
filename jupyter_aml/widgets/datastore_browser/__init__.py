"""Files of a datastore, a data asset or a job's outputs: folders, previews, code that reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_aml.widgets.asks import Ask
from jupyter_aml.widgets.base import AmlWidget, drawn

MOST = "1000"


class DatastoreBrowser(AmlWidget):
    """Browses files.

    Args:
        path: As `%aml ls` takes it: `workspaceblobstore/`, `azureml:iris:1`, `azureml://…`.
        client: An `MLClient`, or a connection; by default that of the notebook.
    """

    KIND = "files"
    _esm = Path(__file__).parent / "widget.js"

    def __init__(self, path: str = "workspaceblobstore/", client: Any = None) -> None:
        super().__init__(client, path=path)
        self.path = path

    def first(self) -> Iterator[Ask]:
        """The entries of the folder."""
        words = ["ls", self.path, "--max-results", MOST, "-o", "json"]
        yield Ask("POST", "commands", {"workspace": self.workspace, "words": words})

    def still(self) -> dict[str, str]:
        """The entries of the folder as a table."""
        found = self.wire.run(["ls", self.path])
        return super().still() if found is None else drawn(found.kind, found.snapshot())
