"""Runs side by side: what differs, what they measured, their curves over one pair of axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import jobs
from jupyter_aml.errors import UsageError
from jupyter_aml.views import compare
from jupyter_aml.views.live import MOST_COMPARED
from jupyter_aml.widgets.asks import Ask
from jupyter_aml.widgets.base import AmlWidget, drawn
from jupyter_aml.widgets.of_jobs import asked_first

LEAST, MOST = 2, MOST_COMPARED


class RunComparison(AmlWidget):
    """Compares 2 to 12 jobs.

    Args:
        runs: Their names, the SDK's objects, or outcomes of magics.
        client: An `MLClient`, or a connection; by default that of the notebook.

    Raises:
        ResourceError: There is no such job.
        UsageError: There are too few, or more than can be told apart.
    """

    KIND = "comparison"
    _esm = Path(__file__).parent / "widget.js"

    def __init__(self, runs: Iterable[Any], client: Any = None) -> None:
        names = list(dict.fromkeys(jobs.name_of(run, "compare") for run in runs))
        if not LEAST <= len(names) <= MOST:
            msg = f"A RunComparison shows {LEAST} to {MOST} jobs, and was given {len(names)}."
            raise UsageError(msg, remedy="Give it a list of names, such as RunComparison([first, second]).")
        self.names = names
        super().__init__(client, names=names)

    def check(self) -> None:
        """Whether there are such jobs."""
        held = {name: self.wire.rest.get(f"jobs/{name}")["properties"] for name in self.names}
        self.types = {name: str(one.get("jobType")) for name, one in held.items()}

    def first(self) -> Iterator[Ask]:
        """Each job, its run, its metrics with their curves."""
        for name in self.names:
            yield from asked_first(self.wire, name, self.types[name])

    def still(self) -> dict[str, str]:
        """The comparison as `%aml job compare` draws it."""
        runs = [self.wire.reader.snapshot(name) for name in self.names]
        return drawn("compare", {"entity": compare.rows(runs), "runs": runs, "place": self.wire.connection.place})
