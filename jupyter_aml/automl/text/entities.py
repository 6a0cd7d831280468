"""Entities in texts: files in the CoNLL format, taggers that are learned of them, and how well these find entities.

A tagger weighs what is noted of a word and of its neighbours, and which tags follow each other. Tags are `B-` for the
first word of an entity, `I-` for its other ones and `O` for the rest; other schemes are brought to this one.

Source: Collins, "Discriminative training methods for hidden Markov models", 2002; averages after Daumé.
"""

from __future__ import annotations

import math
import pickle
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl import metrics
from jupyter_aml.automl.family import PRUNED, Attempt, Best, Done, Json, Order, Proposal, Told
from jupyter_aml.automl.text import sweeps, tagger, tasks
from jupyter_aml.automl.text.tagger import NONE, Tagger

if TYPE_CHECKING:
    from jupyter_aml.automl.algorithms import Asked
    from jupyter_aml.automl.guardrails import Guardrail

START = "-DOCSTART-"
OTHER_SCHEMES = {"S-": "B-", "U-": "B-", "E-": "I-", "L-": "I-"}
"""First letters of tags in other schemes, and what they are here."""
HELD_OUT = 0.2
LEAST = 2
"""Sentences that are needed."""
EPOCHS = 10
MOST_SHOWN = 10
MODEL = "model.pkl"


def _perceptron(asked: Asked) -> Json:
    return {
        "epochs": asked.suggest_int("epochs", 3, 20),
        "reach": asked.suggest_int("reach", 1, 3),
        "ends": asked.suggest_int("ends", 2, 5),
        "rare": asked.suggest_int("rare", 1, 3),
    }


def _regression(asked: Asked) -> Json:
    return {
        "C": asked.suggest_float("C", 0.05, 20.0, log=True),
        "reach": asked.suggest_int("reach", 1, 3),
        "ends": asked.suggest_int("ends", 2, 5),
        "rare": asked.suggest_int("rare", 1, 3),
    }


KINDS = (
    sweeps.Kind("AveragedPerceptron", {"epochs": EPOCHS, "reach": 2, "ends": 4, "rare": 1}, _perceptron, "Word shapes"),
    sweeps.Kind("LogisticRegression", {"C": 1.0, "reach": 2, "ends": 4, "rare": 2}, _regression, "Word shapes"),
)


@dataclass(frozen=True)
class Sentence:
    """Words with their tags."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


# data


def read(lines: Iterable[Any]) -> tuple[list[Sentence], list[str], int]:
    """The sentences of a file, the lines that have no tag, and how many tags were written in another way."""
    found: list[Sentence] = []
    faults: list[str] = []
    changed = 0
    words: list[str] = []
    tags: list[str] = []
    for number, one in enumerate([*lines, ""], 1):
        parts = "" if one is None or isinstance(one, float) else str(one).lstrip("\ufeff").split()
        if parts and parts[0] != START:
            if len(parts) == 1:
                faults.append(f"line {number}: {parts[0][:40]!r} has no tag")
                continue
            words.append(parts[0])
            tags.append(parts[-1])
        elif words:
            told = _brought(tags)
            changed += sum(new != old for new, old in zip(told, tags, strict=True))
            found.append(Sentence(tuple(words), tuple(told)))
            words, tags = [], []
    return found, faults, changed


def _brought(tags: Sequence[str]) -> list[str]:
    """Tags of one sentence in the scheme with B, I and O."""
    found: list[str] = []
    for tag in tags:
        own = OTHER_SCHEMES.get(tag[:2], tag[:2]) + tag[2:]
        before = found[-1] if found else NONE
        if own.startswith("I-") and (before[:2] not in {"B-", "I-"} or before[2:] != own[2:]):
            own = f"B-{own[2:]}"
        found.append(own)
    return found


def prepared(order: Order) -> tuple[Json, Json]:
    """Sentences to learn from and to be judged by, and the facts about them.

    Raises:
        ValueError: There is nothing to learn.
    """
    told = {role: read(_lines(order, role)) for role in ("training", "validation") if role in order.tables}
    seen, faults, changed = told["training"]
    if "validation" in told:
        unseen = told["validation"][0]
    else:
        seen, unseen = _split(seen, tasks.held_out(order.details) or HELD_OUT, order.seed)
    if not seen or not unseen:
        first = f" The first of {len(faults)} faults: {faults[0]}." if faults else ""
        told_of = f"{len(told['training'][0])} sentences can be read from the training data and {len(unseen)} are left "
        raise ValueError(
            f"{told_of}to judge by; expected lines of a word and a tag, and an empty line between sentences.{first}"
        )
    tags = sorted({tag for one in seen for tag in one.tags})
    if len(tags) < LEAST:
        raise ValueError(f"There is nothing to find: all words have the tag {tags[0]}. Mark entities with B- and I-.")
    faults += told["validation"][1] if "validation" in told else []
    found = [_untagged(faults), _schemes(changed), _rare(seen)]
    facts = {"rows": len(seen) + len(unseen), "guardrails": [one.plain() for one in found]}
    return {"seen": seen, "unseen": unseen, "given": "validation" in told}, facts


def _lines(order: Order, role: str) -> list[Any]:
    table = order.tables[role]
    return list(table["line"] if "line" in table else table.iloc[:, 0])


def _split(sentences: list[Sentence], part: float, seed: int) -> tuple[list[Sentence], list[Sentence]]:
    order = np.random.default_rng(seed).permutation(len(sentences))
    count = min(max(round(len(sentences) * part), 1), max(len(sentences) - 1, 0))
    held = set(order[:count].tolist())
    return (
        [one for at, one in enumerate(sentences) if at not in held],
        [one for at, one in enumerate(sentences) if at in held],
    )


def _untagged(faults: Sequence[str]) -> Guardrail:
    from jupyter_aml.automl.guardrails import Guardrail, Status

    if not faults:
        return Guardrail("Words without a tag", Status.PASSED, "Every word has a tag.")
    return Guardrail(
        "Words without a tag", Status.DONE, f"{len(faults):,} lines have one word alone and were left out.",
        [{"line": one} for one in faults[:MOST_SHOWN]], "Write a word and its tag in each line, with a space between.",
    )  # fmt: skip


def _schemes(changed: int) -> Guardrail:
    from jupyter_aml.automl.guardrails import Guardrail, Status

    name = "Tags of another scheme"
    if not changed:
        return Guardrail(name, Status.PASSED, "Every entity begins with B- and goes on with I-.")
    return Guardrail(name, Status.DONE, f"{changed:,} tags were brought to the scheme with B-, I- and O.")


def _rare(seen: Sequence[Sentence]) -> Guardrail:
    from jupyter_aml.automl.guardrails import SMALL_CLASS, Guardrail, Status

    name = "Class balancing detection"
    counts = Counter(kind for one in seen for kind, *_ in spans(one.tags))
    (most, many), (least, few) = counts.most_common()[0], counts.most_common()[-1]
    if few >= SMALL_CLASS * many:
        return Guardrail(name, Status.PASSED, "The kinds of entities are balanced.")
    rows = [{"class": kind, "rows": count} for kind, count in counts.most_common()[-MOST_SHOWN:]]
    what = f"There are {few:,} entities of the kind {least} and {many:,} of the kind {most}."
    return Guardrail(name, Status.ALERTED, what, rows, "Collect more of them, or look at the metrics of each kind.")


# how well entities are found


def spans(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """The entities: kind, first word, and the one after the last."""
    found: list[tuple[str, int, int]] = []
    begun: tuple[str, int] | None = None
    for at, tag in enumerate([*tags, NONE]):
        kind = tag[2:] if tag[:2] in {"B-", "I-"} else tag
        if begun is not None and (kind != begun[0] or tag.startswith("B-")):
            found.append((*begun, at))
            begun = None
        if begun is None and tag != NONE:
            begun = kind, at
    return found


def by_kind(truth: Sequence[Sequence[str]], told: Sequence[Sequence[str]]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of whole entities, and how many there are, by their kind."""
    right: Counter[str] = Counter()
    there: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for one, other in zip(truth, told, strict=True):
        own, others = set(spans(one)), set(spans(other))
        there.update(kind for kind, *_ in own)
        given.update(kind for kind, *_ in others)
        right.update(kind for kind, *_ in own & others)
    return {
        kind: _rates(right[kind], given[kind], there[kind]) | {"entities": float(there[kind])}
        for kind in sorted(there | given)
    }


def _rates(right: int, given: int, there: int) -> dict[str, float]:
    precision, recall = right / given if given else 0.0, right / there if there else 0.0
    both = precision + recall
    f1 = 2 * precision * recall / both if both else 0.0
    found = {"precision_score": precision, "recall_score": recall, "f1_score": f1}
    return found | {"right": float(right), "given": float(given)}


def measured(truth: Sequence[Sequence[str]], told: Sequence[Sequence[str]]) -> dict[str, float]:
    """All metrics: accuracy of words; precision, recall and F1 of entities."""
    pairs = [one == other for row, said in zip(truth, told, strict=True) for one, other in zip(row, said, strict=True)]
    found = {"accuracy": float(np.mean(pairs))}
    kinds = by_kind(truth, told)
    there = np.array([one["entities"] for one in kinds.values()])
    whole = _rates(*(int(sum(one[name] for one in kinds.values())) for name in ("right", "given", "entities")))
    for name in ("f1_score", "precision_score", "recall_score"):
        values = [one[name] for one in kinds.values()]
        found[f"{name}_macro"] = float(np.mean(values)) if values else 0.0
        found[f"{name}_micro"] = whole[name]
        found[f"{name}_weighted"] = float(np.average(values, weights=there)) if there.sum() else 0.0
    return found


# learning


def learn(proposal: Proposal, sentences: Sequence[Sentence], epochs: int, seed: int, until: float) -> Tagger:
    """A fitted tagger.

    Args:
        proposal: Of one of `KINDS`.
        sentences: To learn from.
        epochs: How often they are gone through.
        seed: The same seed gives the same tagger.
        until: When to stop, by `time.monotonic`.
    """
    parameters = proposal.parameters
    reach, ends = int(parameters["reach"]), int(parameters["ends"])
    noted = [tagger.features(one.words, reach, ends) for one in sentences]
    counts = Counter(one for rows in noted for row in rows for one in row)
    kept = (one for one, count in counts.items() if count >= int(parameters["rare"]))
    known = {one: at for at, one in enumerate(kept, 1)}
    tags = sorted({tag for one in sentences for tag in one.tags})
    places = {tag: at for at, tag in enumerate(tags)}
    rows = [tagger.encoded(one, known) for one in noted]
    truth = [np.array([places[tag] for tag in one.tags]) for one in sentences]
    allowed = np.where(tagger.follows(tags), 0.0, -np.inf)
    if proposal.algorithm == "LogisticRegression":
        weights, steps = _regressed(rows, truth, len(known), len(tags), float(parameters["C"]))
    else:
        weights, steps = _averaged(rows, truth, len(known), allowed, epochs=epochs, seed=seed, until=until)
    return Tagger(tags, known, weights.astype(np.float32), (steps + allowed).astype(np.float32), reach, ends)


def _averaged(
    rows: list[Any], truth: list[Any], count: int, allowed: Any, *, epochs: int, seed: int, until: float
) -> tuple[Any, Any]:
    """Weights that are made better by each mistake, averaged over all that there were."""
    kinds = allowed.shape[1]
    weights, drift = np.zeros((count + 1, kinds)), np.zeros((count + 1, kinds))
    steps, steps_drift = np.zeros((kinds + 1, kinds)), np.zeros((kinds + 1, kinds))
    random, at = np.random.default_rng(seed), 1
    for _ in range(epochs):
        wrong = 0
        for place in random.permutation(len(rows)):
            ids, own = rows[place], truth[place]
            told = tagger.best(weights[ids].sum(axis=1), steps + allowed)
            for word in np.flatnonzero(told != own):
                _moved(weights, drift, ids[word], (own[word], told[word]), at)
                wrong += 1
            before, after = np.append(kinds, own[:-1]), np.append(kinds, told[:-1])
            for word in np.flatnonzero((told != own) | (before != after)):
                _moved_step(steps, steps_drift, (before[word], own[word]), (after[word], told[word]), at)
            weights[tagger.UNKNOWN] = 0.0
            at += 1
            if time.monotonic() > until:
                break
        if not wrong or time.monotonic() > until:
            break
    drift[tagger.UNKNOWN] = 0.0
    return weights - drift / at, steps - steps_drift / at


def _moved(weights: Any, drift: Any, ids: Any, tags: tuple[int, int], at: int) -> None:
    """Make the true tag likelier, and the wrong one less likely."""
    own, told = tags
    weights[ids, own] += 1.0
    weights[ids, told] -= 1.0
    drift[ids, own] += at
    drift[ids, told] -= at


def _moved_step(steps: Any, drift: Any, own: tuple[int, int], told: tuple[int, int], at: int) -> None:
    steps[own] += 1.0
    steps[told] -= 1.0
    drift[own] += at
    drift[told] -= at


def _regressed(rows: list[Any], truth: list[Any], count: int, kinds: int, strength: float) -> tuple[Any, Any]:
    """Weights of each word by itself, and what the tags of neighbours tell beside."""
    import warnings

    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    lengths = [int((row > 0).sum()) for one in rows for row in one]
    places = np.concatenate([row[row > 0] for one in rows for row in one])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    numbers = csr_matrix((np.ones(len(places)), places, starts), shape=(len(lengths), count + 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it says of convergence is shown by the score
        model = LogisticRegression(C=strength, max_iter=100).fit(numbers, np.concatenate(truth))
    coefficients, middle = model.coef_, model.intercept_
    if len(coefficients) == 1:  # of two tags only the second has weights
        coefficients, middle = np.vstack([-coefficients, coefficients]) / 2, np.array([-middle[0], middle[0]]) / 2
    weights = coefficients.T.copy()
    weights[tagger.UNKNOWN] = 0.0
    weights[1] += middle  # the first feature is there with every word
    pairs = np.full((kinds + 1, kinds), 0.1)
    for own in truth:
        np.add.at(pairs, (np.append(kinds, own[:-1]), own), 1.0)
    shares = pairs / pairs.sum(axis=1, keepdims=True)
    return weights, np.log(shares) - np.log(pairs.sum(axis=0) / pairs.sum())


# the protocol's parts


def attempt(
    data: Json, metric: str, proposal: Proposal, out: Path, *, early: bool, until: float, told: Told, seed: int
) -> Attempt:
    """Learn a tagger and see what it finds in the sentences to be judged by."""
    began, first = time.monotonic(), None
    seen, unseen = data["seen"], data["unseen"]
    truth = [one.tags for one in unseen]
    if early:
        part = learn(proposal, seen[: max(len(seen) // 3, LEAST)], _epochs(proposal), seed, until)
        found = measured(truth, [part.tag(one.words) for one in unseen])[metric]
        first = metrics.loss(metric, found)
        told(metric, found, 0)
        if (proposal.bar is not None and first > proposal.bar) or time.monotonic() > until:
            return Attempt(PRUNED, loss=first, early=first, seconds=time.monotonic() - began)
    model = learn(proposal, seen, _epochs(proposal), seed, until)
    scores = measured(truth, [model.tag(one.words) for one in unseen])
    (out / MODEL).write_bytes(pickle.dumps(model))
    told(metric, scores[metric], int(early))
    loss = metrics.loss(metric, scores[metric])
    return Attempt(
        score=scores[metric], loss=loss, early=first if early else loss, metrics=scores,
        seconds=time.monotonic() - began,
    )  # fmt: skip


def _epochs(proposal: Proposal) -> int:
    return max(int(proposal.parameters.get("epochs", EPOCHS)), 1)


def finish(data: Json, metric: str, done: Sequence[Done], out: Path, *, until: float, seed: int) -> Best:
    """The best tagger, learned again from all sentences where we have held some out and there is time."""
    import pandas as pd
    from mlflow.types.schema import ColSpec, Schema

    from jupyter_aml.automl import charts
    from jupyter_aml.automl.text import labelled, results

    won = labelled.completed(done)[0]
    model: Tagger = pickle.loads((won.place / MODEL).read_bytes())  # noqa: S301 - the trial's own
    unseen = data["unseen"]
    told = [model.tag(one.words) for one in unseen]
    left = until - time.monotonic()
    if not data["given"] and left > 2 * won.attempt.seconds and math.isfinite(won.attempt.seconds):
        model = learn(won.proposal, [*data["seen"], *unseen], _epochs(won.proposal), seed, until)
    example = pd.DataFrame({"text": [" ".join(one.words) for one in unseen[:2]]})
    results.save_model(
        model, out / "model", inputs=[("text", "string")], outputs=Schema([ColSpec("string")]), example=example,
        carried=[tagger], packages=["numpy", "pandas"],
    )  # fmt: skip
    rows = [
        (number, word, own, other)
        for number, (one, tags) in enumerate(zip(unseen, told, strict=True))
        for word, own, other in zip(one.words, one.tags, tags, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["sentence", "word", "truth", "prediction"])
    charts.save(out, _charts([one.tags for one in unseen], told), frame)
    score = dict(won.attempt.metrics)
    return Best(won.proposal.title, won.proposal.algorithm, score[metric], score, [won.proposal.number])


def _charts(truth: Sequence[Sequence[str]], told: Sequence[Sequence[str]]) -> Json:
    from jupyter_aml.automl import charts

    names = sorted({tag for rows in (truth, told) for row in rows for tag in row})
    places = {name: at for at, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)), dtype=int)
    for row, said in zip(truth, told, strict=True):
        for one, other in zip(row, said, strict=True):
            matrix[places[one], places[other]] += 1
    kinds = [{"label": kind, **rates} for kind, rates in by_kind(truth, told).items()]
    return {
        "confusion_matrix": charts.chart("confusion_matrix", {"class_labels": names, "matrix": matrix.tolist()}),
        "entities": charts.chart("entities", {"labels": kinds}),
    }
