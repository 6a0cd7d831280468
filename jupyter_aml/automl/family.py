"""What every kind of task can do: prepare the data, propose models, try one of them, and make the best of all.

The parts may run in processes of their own, here or on another machine, and in any order that the calls below allow:
what they hand on are files in a folder and JSON. A new kind of task is one `Family`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

COMPLETED, PRUNED, FAILED = "Completed", "Pruned", "Failed"
VOTERS = 12
"""The best trials, of which some may vote."""
Json = dict[str, Any]
Told = Callable[[str, float, int], None]
"""Told how a trial goes: the name of a metric, its value, and a step from 0 on."""


def title(algorithm: str, parameters: Mapping[str, Any]) -> str:
    """An algorithm and its parameters, to be read."""
    told = ", ".join(f"{name}={_short(value)}" for name, value in parameters.items())
    return f"{algorithm}({told})"


def primary(name: str, known: Sequence[str], task: str) -> str:
    """The metric that is meant, whichever of Azure's spellings it is written in.

    Raises:
        ValueError: It is none of the task's.
    """
    found = {_bare(one): one for one in known}.get(_bare(name))
    if found is None:
        msg = f"{name!r} is no primary metric for {task}; expected one of {', '.join(known)}."
        raise ValueError(msg)
    return found


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _local(uri: str) -> Path:
    return Path(uri)


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Attributes:
        task: Azure's word in snake case, such as `image_object_detection`.
        details: The task's details as Azure's REST API writes them: camelCase, enumerations as PascalCase words.
        tables: The rows by `training`, `validation` and `test`; what was not given is not there. For images, a row has
            the image's address and its label; for `text_ner` a table has one column `line` with the lines of the file.
        find: A file of this machine for an address inside the tables.
        seconds: How long everything may take.
        seed: The same seed tries the same models, as far as the time allows.
    """

    task: str
    details: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    find: Callable[[str], Path] = _local
    seconds: float = 600.0
    seed: int = 0


@dataclass(frozen=True)
class Proposal:
    """One model to try.

    Attributes:
        number: From 0 on.
        algorithm: Azure's name of it, or of the model that stands for one of Azure's.
        parameters: JSON.
        preprocessor: What is done to the data before it, in a word; empty for nothing.
        bar: A trial whose `early` loss is above it may end as pruned; None where each is to be finished.
    """

    number: int
    algorithm: str
    parameters: Json = field(default_factory=dict)
    preprocessor: str = ""
    bar: float | None = None

    @property
    def title(self) -> str:
        """The algorithm and its parameters, to be read."""
        return title(self.algorithm, self.parameters)

    def written(self) -> Json:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Attempt:
    """How a trial ended.

    Attributes:
        status: `Completed`, `Pruned` or `Failed`.
        score: The primary metric; None where there is none.
        loss: What a search makes small; None where nothing was measured. A pruned trial has the loss of what it did.
        early: The loss after the first part of the work, such as the first fold; None where it has no parts.
        metrics: All metrics under Azure's names.
        seconds: How long it took.
        error: One sentence, where it failed.
    """

    status: str = COMPLETED
    score: float | None = None
    loss: float | None = None
    early: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""

    def written(self) -> Json:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Done:
    """A trial that has ended, and the folder that it has filled."""

    proposal: Proposal
    attempt: Attempt
    place: Path


@dataclass(frozen=True)
class Other:
    """What might have been the best.

    Attributes:
        title: What the model is called.
        algorithm: Azure's name of it.
        score: The primary metric.
    """

    title: str
    algorithm: str
    score: float


@dataclass(frozen=True)
class Best:
    """What the search has found.

    Attributes:
        title: What the best model is called.
        algorithm: Azure's name of it: `VotingEnsemble` for a vote, `StackEnsemble` for a stack.
        score: The primary metric.
        metrics: All metrics under Azure's names.
        of: Numbers of the trials that it is made of.
        others: Ensembles, and the best trial alone, that came after it, the better first.
        said: A sentence for each ensemble that was not made, or was made otherwise than asked for.
    """

    title: str
    algorithm: str
    score: float
    metrics: Mapping[str, float]
    of: Sequence[int] = ()
    others: Sequence[Other] = ()
    said: Sequence[str] = ()


class Planner(ABC):
    """Decides what is tried next. Holds no data; several trials may be open at once."""

    @abstractmethod
    def ask(self) -> Proposal | None:
        """The next one to try; None where there is nothing left."""

    @abstractmethod
    def tell(self, proposal: Proposal, attempt: Attempt) -> None:
        """How one ended that was asked for."""

    @abstractmethod
    def again(self, proposal: Proposal, attempt: Attempt | None) -> None:
        """One that an earlier planner proposed, oldest first, before the first `ask`; None while it runs."""


class Family(ABC):
    """Kinds of task that are worked on in the same way.

    Obligations: `check` and `planner` are called where the service runs: they import nothing heavy but Optuna, and see
    no data. Settings that cannot be honoured are said by `check`, never ignored. `prepare`, `attempt` and `finish` are
    each called in a process of their own and find what the others left in their folders.
    """

    tasks: frozenset[str]
    """Azure's words in snake case."""

    @abstractmethod
    def check(self, task: str, details: Mapping[str, Any]) -> list[str]:
        """Refuse settings that cannot be.

        Returns:
            A sentence for each setting that is not honoured or is replaced by something else.

        Raises:
            ValueError: What is wrong, and what was expected.
        """

    @abstractmethod
    def metric(self, task: str, details: Mapping[str, Any]) -> tuple[str, bool]:
        """The primary metric under Azure's name, as in `AUC_weighted`, and whether more of it is better."""

    @abstractmethod
    def prepare(self, order: Order, place: Path) -> Json:
        """Look at the data, split them, and leave in `place` what trials need.

        Returns:
            Facts: `rows`, `guardrails` (those of `guardrails.Guardrail` as JSON) and what `planner` wants to know.

        Raises:
            ValueError: Nothing can be learned from the data; says why and what to do.
        """

    @abstractmethod
    def planner(self, task: str, details: Mapping[str, Any], facts: Json, seed: int) -> Planner:
        """What decides over the trials."""

    @abstractmethod
    def attempt(
        self, order: Order, place: Path, proposal: Proposal, out: Path, *, threads: int, until: float, told: Told
    ) -> Attempt:
        """Try one model and leave in `out` what `finish` needs of it.

        Args:
            order: What is asked for; without tables.
            place: What `prepare` left.
            proposal: The model.
            out: An empty folder.
            threads: That it may use.
            until: When to come to an end with what there is, by `time.monotonic`.
            told: Called with the primary metric as the trial goes on.

        Raises:
            Exception: Whatever a library raises: the trial has then failed.
        """

    @abstractmethod
    def finish(self, order: Order, place: Path, done: Sequence[Done], out: Path, until: float) -> Best:
        """Make the best model of the trials that completed, and leave it in `out`.

        Leaves `model/`, an MLflow model with signature and input example that loads without jupyter_aml;
        `charts.json`, what Azure draws of such a model; `predictions.csv`, the validated rows with truth and
        prediction, at most 10,000 of them.

        Raises:
            ValueError: No trial completed.
        """
