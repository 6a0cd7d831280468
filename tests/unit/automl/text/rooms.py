"""A whole search in one folder, as the service would run it, and documentation of installed packages as texts."""

from __future__ import annotations

import importlib
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from jupyter_aml.automl.family import COMPLETED, Attempt, Best, Done, Family, Json, Order, Proposal


@dataclass
class Search:
    """What a search has left."""

    facts: Json
    done: list[Done]
    best: Best
    place: Path
    told: list[tuple[str, float, int]]

    @property
    def model(self) -> Path:
        return self.place / "best" / "model"


def search(family: Family, order: Order, place: Path, *, trials: int, only: str = "", seconds: float = 60) -> Search:
    """Prepare, try and finish.

    Args:
        family: Of the task.
        order: What is asked for.
        place: An empty folder.
        trials: How many proposals are tried.
        only: The one algorithm that is tried; empty for what is proposed.
        seconds: For each trial.
    """
    prepared = place / "prepared"
    prepared.mkdir()
    facts = family.prepare(order, prepared)
    bare = replace(order, tables={})
    plan = family.planner(order.task, order.details, facts, order.seed)
    done: list[Done] = []
    told: list[tuple[str, float, int]] = []
    while len(done) < trials and (proposal := plan.ask()) is not None:
        if only and proposal.algorithm != only:
            plan.tell(proposal, Attempt("Failed"))
            continue
        until = time.monotonic() + seconds
        trial = place / f"trial{proposal.number}"
        done.append(_tried(family, bare, prepared, trial, proposal, until=until, told=told))
        plan.tell(proposal, done[-1].attempt)
    out = place / "best"
    out.mkdir()
    best = family.finish(bare, prepared, done, out, time.monotonic() + seconds)
    return Search(facts, done, best, place, told)


def _tried(
    family: Family, order: Order, prepared: Path, out: Path, proposal: Proposal, *, until: float, told: list[Any]
) -> Done:
    out.mkdir()
    attempt = family.attempt(order, prepared, proposal, out, threads=1, until=until, told=lambda *one: told.append(one))
    assert attempt.status == COMPLETED or proposal.bar is not None
    return Done(proposal, attempt, out)


def guardrails(facts: Json) -> Mapping[str, str]:
    return {one["name"]: one["status"] for one in facts["guardrails"]}


class _Away:
    """Lets nothing of jupyter_aml be imported."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name.split(".", 1)[0] == "jupyter_aml":
            raise ImportError(name)


def asked(model: Path, rows: pd.DataFrame) -> Any:
    """What a model says of rows where there is no jupyter_aml."""
    import mlflow

    own = {name: one for name, one in sys.modules.items() if name.split(".")[0] == "jupyter_aml"}
    away: Any = _Away()
    try:
        for name in own:
            del sys.modules[name]
        sys.meta_path.insert(0, away)
        return mlflow.pyfunc.load_model(str(model)).predict(rows)
    finally:
        sys.meta_path.remove(away)
        sys.modules.update(own)


def paragraphs(packages: Mapping[str, str], least: int = 80) -> pd.DataFrame:
    """The beginnings of what functions and classes say of themselves, with a label for the module they come from."""
    rows = {}
    for module, label in packages.items():
        for one in vars(importlib.import_module(module)).values():
            said = getattr(one, "__doc__", None)
            if callable(one) and isinstance(said, str) and len(said) >= least:
                rows.setdefault(re.sub(r"\s+", " ", said.strip())[:250], label)
    return pd.DataFrame({"text": list(rows), "label": list(rows.values())})
