"""The trials of a search in this process, one after the other, as its jobs make them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_aml.automl.family import FAILED, Attempt, Done, Family, Order


def tried(family: Family, order: Order, facts: Any, place: Path, *, until: float, threads: int = 1) -> Iterator[Done]:
    """Each trial that has ended, until there is nothing left or, by `time.monotonic`, it is late."""
    plan = family.planner(order.task, order.details, facts, order.seed)
    while time.monotonic() < until:
        proposal = plan.ask()
        if proposal is None:
            break
        out = place / str(proposal.number)
        out.mkdir()
        try:
            attempt = family.attempt(order, place, proposal, out, threads=threads, until=until, told=lambda *_: None)
        except Exception as error:
            attempt = Attempt(FAILED, error=str(error))
        plan.tell(proposal, attempt)
        yield Done(proposal, attempt, out)
