"""Rows with one class, or any number of labels, each: how they are split, tried and judged, and what wins.

Works for texts and pictures alike: rows are known by their positions, and what is learned of them is the caller's.
"""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl import ensembles, folds, metrics
from jupyter_aml.automl.columns import once, present
from jupyter_aml.automl.family import COMPLETED, PRUNED, Attempt, Best, Done, Proposal, Told
from jupyter_aml.automl.guardrails import SHOWN, SMALL_CLASS, Guardrail, Status, class_balance
from jupyter_aml.automl.text import labels as sets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.metrics import Floats

    Places = NDArray[np.intp]

HELD_OUT = 0.2
"""The part of the rows that is held out where no validation data are given."""
FIRST_PART = 1 / 3
"""Of the rows, from which an early model is learned where trials may be stopped."""
TIE = 1e-3
"""How much it counts that a model is sure of what is true, beside the metric."""
VOTERS, ROUNDS = 6, 20
"""The best trials, of which some vote, and the votes that are given."""
TWO = 2
MODEL, PREDICTED = "model.pkl", "predicted.npy"
"""What a trial leaves."""
Learn = Callable[["Places", float], Any]
Ask = Callable[[Any, "Places"], "Floats"]


@dataclass(frozen=True)
class Labelled:
    """Rows and what is true of them.

    Attributes:
        names: The classes, or labels, in their order.
        truth: The class of each row as its position, shape (rows,), or True where it has a label, shape (rows, labels).
        seen, unseen: Positions of the rows to learn from, and to be judged by.
        given: Whether the user has given the latter.
    """

    names: Sequence[Any]
    truth: NDArray[Any]
    seen: Places
    unseen: Places
    given: bool = False

    @property
    def several(self) -> bool:
        """Whether a row has any number of labels."""
        return self.truth.ndim > 1

    @property
    def everything(self) -> Places:
        """The positions of all rows."""
        return np.arange(len(self.truth))

    def loss(self, metric: str, probabilities: Floats) -> float:
        """The metric as something to be made small; where models are equally good, the surer one is better."""
        truth = self.truth[self.unseen]
        if self.several:
            case = sets.Marks(truth, probabilities)
            sure = float(np.square(truth - probabilities).mean())
            return metrics.loss(metric, sets.value(metric, case)) + TIE * sure
        own = metrics.Classes(truth, probabilities)
        return metrics.loss(metric, metrics.value(metric, own)) + TIE * metrics.value("log_loss", own)

    def measured(self, probabilities: Floats) -> dict[str, float]:
        """All metrics of the rows that nothing was learned from."""
        truth = self.truth[self.unseen]
        if self.several:
            return sets.every(sets.Marks(truth, probabilities))
        return metrics.every(metrics.Classes(truth, probabilities))


def labelled(
    training: pd.Series[Any], validation: pd.Series[Any] | None, *, several: bool, part: float | None, seed: int
) -> Labelled:
    """Rows of one or two tables by what is true of them.

    Args:
        training: What is to be told, of each row, without gaps.
        validation: The same of the rows to be judged by; None to hold out a part.
        several: Whether a row has any number of labels.
        part: Of the rows, that is held out; None for the rule.
        seed: The same seed holds out the same rows.

    Raises:
        ValueError: There is one class only, or too few rows.
    """
    count = len(training)
    whole = pd.concat([training, *([] if validation is None else [validation])], ignore_index=True)
    if count < TWO:
        raise ValueError(f"{count} rows can be learned from; two are needed at least.")
    if validation is not None and not len(validation):
        raise ValueError("The validation data have no row that can be used.")
    names, truth = _sets(whole) if several else _classes(whole)
    distinct = len(np.unique(truth[:count], axis=0))
    if distinct < TWO:
        told = f"all rows have {_one(names, truth[0])}"
        raise ValueError(f"There is nothing to tell apart: {told}. Give rows of two kinds at least.")
    if validation is not None:
        return Labelled(names, truth, np.arange(count), np.arange(count, len(whole)), given=True)
    target = truth.argmax(axis=1) if several else truth
    split = folds.splits(
        folds.Validation(held_out=part or HELD_OUT), target, pd.DataFrame(), classes=not several, seed=seed
    )
    return Labelled(names, truth, *split[0])


def _one(names: Sequence[Any], truth: Any) -> str:
    if np.ndim(truth):
        own = [str(name) for name, has in zip(names, truth, strict=True) if has]
        return f"the labels {', '.join(own)}" if own else "no label"
    return f"the class {names[int(truth)]!r}"


def _classes(values: pd.Series[Any]) -> tuple[list[Any], Places]:
    mixed = len({type(one) for one in values}) > 1
    codes, names = pd.factorize(values.map(str) if mixed else values, sort=True)
    return [one.item() if isinstance(one, np.generic) else one for one in names], codes.astype(np.intp)


def _sets(values: pd.Series[Any]) -> tuple[list[str], NDArray[np.bool_]]:
    rows = [sets.read(one) for one in values]
    names = sorted({name for row in rows for name in row})
    return names, sets.indicator(rows, names)


def balance(case: Labelled) -> Guardrail:
    """Azure's detection of classes, or labels, with few rows."""
    if not case.several:
        return class_balance(pd.Series(np.array(case.names, dtype=object)[case.truth]))
    name, counts = "Class balancing detection", case.truth.sum(axis=0)
    least, most = int(counts.argmin()), int(counts.argmax())
    if counts[least] >= SMALL_CLASS * counts[most]:
        return Guardrail(name, Status.PASSED, "The labels are balanced.")
    rows = [{"class": str(case.names[at]), "rows": int(counts[at])} for at in np.argsort(counts)[:SHOWN]]
    what = f"Label {case.names[least]} has {counts[least]:,} rows, {case.names[most]} has {counts[most]:,}."
    return Guardrail(name, Status.ALERTED, what, rows, "Collect more rows of it, or look at the metrics by label.")


def with_target(table: pd.DataFrame, target: str, role: str) -> pd.DataFrame:
    """The rows of a table that have a target.

    Raises:
        ValueError: There is no such column, or two columns have one name.
    """
    once(table)
    if target not in table:
        raise ValueError(
            f"There is no column {target} in the {role} data; they have {', '.join(map(str, table.columns))}. "
            "Name the column of the labels as target_column_name."
        )
    kept = table[target].map(lambda one: isinstance(one, list | tuple | np.ndarray | dict))
    return table[kept | table.index.isin(present(table.loc[~kept, target]).index)]


# a trial


def attempt(
    case: Labelled,
    metric: str,
    proposal: Proposal,
    out: Path,
    *,
    learn: Learn,
    ask: Ask,
    early: bool,
    until: float,
    told: Told,
) -> Attempt:
    """Learn one model and see what it says of the rows to be judged by.

    Args:
        case: The rows.
        metric: What is optimised.
        proposal: The model.
        out: Where it is left.
        learn: Makes a model of rows at positions, until a time.
        ask: What a model says of rows at positions.
        early: Whether a model of a part of the rows is to be tried before.
        until: When to come to an end, by `time.monotonic`.
        told: Called with the metric.
    """
    began, first = time.monotonic(), None
    if early:
        part = _part(case)
        model = learn(part, until)
        found = case.measured(ask(model, case.unseen)).get(metric, math.nan)
        first = metrics.loss(metric, found)
        told(metric, found, 0)
        if (proposal.bar is not None and first > proposal.bar) or time.monotonic() > until:
            return Attempt(PRUNED, loss=first, early=first, seconds=time.monotonic() - began)
    model = learn(case.seen, until)
    predicted = ask(model, case.unseen)
    if not np.isfinite(predicted).all():
        raise ValueError("It predicts what is no finite number.")
    found_all = case.measured(predicted)
    score = found_all.get(metric, math.nan)
    (out / MODEL).write_bytes(pickle.dumps(model))
    np.save(out / PREDICTED, predicted)
    told(metric, score, int(early))
    loss = metrics.loss(metric, score)
    return Attempt(
        COMPLETED, None if math.isnan(score) else score, loss, first if early else loss, found_all,
        time.monotonic() - began,
    )  # fmt: skip


def _part(case: Labelled) -> Places:
    """A third of the rows, with all classes where they have more than a row or two."""
    count = max(int(len(case.seen) * FIRST_PART), TWO)
    order = np.random.default_rng(0).permutation(case.seen)
    if case.several:
        return np.sort(order[:count])
    _, firsts = np.unique(case.truth[order], return_index=True)
    rest = np.setdiff1d(np.arange(len(order)), firsts, assume_unique=True)
    return np.sort(order[np.concatenate([firsts, rest[: max(count - len(firsts), 0)]])])


# the end


@dataclass(frozen=True)
class Winner:
    """What is made of the trials.

    Attributes:
        best: For the caller.
        models, weights: Those that vote.
        predicted: Of the rows to be judged by, shape (rows, classes).
    """

    best: Best
    models: Sequence[Any]
    weights: Sequence[float]
    predicted: Floats


def completed(done: Sequence[Done]) -> list[Done]:
    """Trials that can be used, the best first.

    Raises:
        ValueError: There is none.
    """
    good = [one for one in done if one.attempt.status == COMPLETED and one.attempt.loss is not None]
    good = [one for one in good if one.attempt.loss is not None and math.isfinite(one.attempt.loss)]
    if not good:
        why = next((one.attempt.error for one in done if one.attempt.error), "There was no time for one.")
        raise ValueError(f"No model could be fitted. {why}")
    return sorted(good, key=lambda one: (one.attempt.loss or 0.0, one.attempt.metrics.get("log_loss", 0.0)))


def finish(
    case: Labelled, metric: str, done: Sequence[Done], until: float, relearn: Callable[[Proposal, Places, float], Any]
) -> Winner:
    """Let the best trials vote, and learn them again from all rows where there is time.

    Args:
        case: The rows.
        metric: What is optimised.
        done: The trials.
        until: When to come to an end, by `time.monotonic`.
        relearn: Makes the model of a proposal of rows at positions, until a time.

    Raises:
        ValueError: No trial completed.
    """
    good = completed(done)[:VOTERS]
    predicted = [np.load(one.place / PREDICTED) for one in good]

    weights = ensembles.select(predicted, lambda found: case.loss(metric, found), ROUNDS)
    chosen = [int(at) for at in np.flatnonzero(weights)]
    together = ensembles.combine([predicted[at] for at in chosen], weights[chosen])
    voters = [good[at] for at in chosen]
    models = [_again(case, one, until, relearn) for one in voters]
    found = case.measured(together)
    names = ", ".join(dict.fromkeys(one.proposal.algorithm for one in voters))
    title, algorithm = voters[0].proposal.title, voters[0].proposal.algorithm
    if len(voters) > 1:
        title, algorithm = f"VotingEnsemble({names})", "VotingEnsemble"
    best = Best(title, algorithm, found[metric], found, [one.proposal.number for one in voters])
    return Winner(best, models, [float(one) for one in weights[chosen]], together)


def _again(case: Labelled, one: Done, until: float, relearn: Callable[[Proposal, Places, float], Any]) -> Any:
    """A trial's model, learned from the rows held out too, where that was our choice and the time suffices."""
    left = until - time.monotonic()
    if not case.given and left > 2 * one.attempt.seconds:
        return relearn(one.proposal, case.everything, until)
    return pickle.loads((one.place / MODEL).read_bytes())  # noqa: S301 - the trial's own
