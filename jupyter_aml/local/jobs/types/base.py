"""What a job type is: how its body is checked, completed and turned into something that runs."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.workspace import Workspace

Reader = sqlite3.Connection | Transaction


@dataclass(frozen=True)
class Draft:
    """A job on its way in.

    Attributes:
        reader: The transaction that will hold the job: what it names must exist in it.
        body: ARM's `properties`.
        state: Facts for the executor, such as the `search_space` of a sweep's trial.
    """

    workspace: Workspace
    reader: Reader
    name: str
    body: dict[str, Any]
    state: Mapping[str, Any] = field(default_factory=dict)


class JobType(ABC):
    """One kind of job, found by discovery as `TYPE` of a module in `jobs/types`.

    Obligations: `check` looks and refuses, and changes nothing; `run` is pure.
    """

    word: str
    """`jobType` on the wire."""

    run_type: str
    """`runType` in run history."""

    log: str = "user_logs/std_log.txt"
    """Where its log is in the run's folder."""

    conducts: bool = False
    """Whether its work is other jobs: it then has a conductor, and takes no slot of its compute."""

    copies: bool = False
    """Whether an output of a child is copied to where the user wants the job's; else the child wrote there itself."""

    @abstractmethod
    def check(self, draft: Draft) -> None:
        """Refuse a body that Azure would refuse; called once, when the job is submitted."""

    @abstractmethod
    def compute(self, draft: Draft) -> str:
        """Name of the compute whose slots the job takes, in lower case."""

    @abstractmethod
    def source(self, body: dict[str, Any]) -> str:
        """What runs, in one line: MLflow's source name."""

    def conductor(self, stage: Any) -> Any:
        """Who decides over the job's children, for types that conduct; `stage` is a `conducted.stage.Stage`."""
        raise NotImplementedError

    def conducted_outputs(self, reader: Reader, record: Any) -> dict[str, dict[str, Any]]:
        """The outputs that a conducted job takes over of its children: `uri` and `type` by name."""
        raise NotImplementedError
