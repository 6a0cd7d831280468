"""What is asked of a fitted tagger of entities: pickled by value, so that it runs where jupyter_aml is not installed.

Only numpy and pandas may be needed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Ids = NDArray[np.int32]

NONE = "O"
"""The tag of a word in no entity."""
UNKNOWN = 0
"""The place of features that were not seen."""
SPECIAL = re.compile(r"[^\w\s]")


def shape(word: str) -> str:
    """How a word is written: `Xx` for Paris, `d-d` for 3-0."""
    found = re.sub(r"[^\W\d_]", lambda one: "X" if one[0].isupper() else "x", word)
    return re.sub(r"(.)\1+", r"\1", re.sub(r"\d", "d", found))


def features(words: Sequence[str], reach: int, ends: int) -> list[list[str]]:
    """What is noted of each word.

    Args:
        words: Of one sentence.
        reach: How many neighbours on either side are looked at.
        ends: Letters of beginnings and endings.
    """
    lower, shapes = [one.lower() for one in words], [shape(one) for one in words]
    return [_noted(words, lower, shapes, at, (reach, ends)) for at in range(len(words))]


def _noted(
    words: Sequence[str], lower: Sequence[str], shapes: Sequence[str], at: int, sizes: tuple[int, int]
) -> list[str]:
    reach, ends = sizes
    word, own = words[at], lower[at]
    found = ["always", f"w:{own}", f"W:{word}", f"s:{shapes[at]}", f"l:{min(len(word), 8)}"]
    found += [f"b{size}:{own[:size]}" for size in range(1, min(ends, len(own)) + 1)]
    found += [f"e{size}:{own[-size:]}" for size in range(1, min(ends, len(own)) + 1)]
    found += ["first"] if at == 0 else []
    found += ["special"] if SPECIAL.search(word) else []
    found += ["joined"] if "_" in word or "." in word[:-1] else []
    for step in [one for one in range(-reach, reach + 1) if one]:
        there = at + step
        inside = 0 <= there < len(words)
        found.append(f"w{step}:{lower[there] if inside else '|'}")
        found.append(f"s{step}:{shapes[there] if inside else '|'}")
    before, after = lower[at - 1] if at else "|", lower[at + 1] if at + 1 < len(words) else "|"
    found += [
        f"p-:{before} {own}",
        f"p+:{own} {after}",
        f"p:{before} {after}",
        f"ss:{shapes[at - 1] if at else ''} {shapes[at]}",
    ]
    return found


def encoded(noted: Sequence[Sequence[str]], known: Mapping[str, int]) -> Ids:
    """The places of features, shape (words, most features of a word), filled up with `UNKNOWN`."""
    rows = [[known[one] for one in row if one in known] for row in noted]
    found = np.zeros((len(rows), max([len(row) for row in rows] + [1])), dtype=np.int32)
    for at, row in enumerate(rows):
        found[at, : len(row)] = row
    return found


def follows(tags: Sequence[str]) -> NDArray[np.bool_]:
    """Whether a tag may stand after another, shape (tags + 1, tags); the last row is for the first word."""
    found = np.ones((len(tags) + 1, len(tags)), dtype=bool)
    for at, tag in enumerate(tags):
        if tag.startswith("I-"):
            found[:, at] = [one[:2] in {"B-", "I-"} and one[2:] == tag[2:] for one in (*tags, NONE)]
    return found


def best(scores: Floats, steps: Floats) -> NDArray[np.intp]:
    """The tags that fit best together (Viterbi), shape (words,).

    Args:
        scores: Of each tag of each word, shape (words, tags).
        steps: From tag to tag, shape (tags + 1, tags); the last row is for the first word.
    """
    count = len(scores)
    back = np.zeros(scores.shape, dtype=np.intp)
    total = scores[0] + steps[-1]
    for at in range(1, count):
        through = total[:, None] + steps[:-1]
        back[at] = through.argmax(axis=0)
        total = through.max(axis=0) + scores[at]
    found = np.empty(count, dtype=np.intp)
    found[-1] = total.argmax()
    for at in range(count - 1, 0, -1):
        found[at - 1] = back[at, found[at]]
    return found


@dataclass
class Tagger:
    """A fitted tagger.

    Attributes:
        tags: In their order.
        known: The place of each feature, from 1 on.
        weights: Of features for tags, shape (features + 1, tags); the first row is zero.
        steps: From tag to tag, shape (tags + 1, tags), minus infinity where it may not be.
        reach, ends: What is noted of a word.
    """

    tags: Sequence[str]
    known: Mapping[str, int]
    weights: Floats
    steps: Floats
    reach: int
    ends: int

    def tag(self, words: Sequence[str]) -> list[str]:
        """The tags of one sentence."""
        if not words:
            return []
        ids = encoded(features(words, self.reach, self.ends), self.known)
        return [self.tags[at] for at in best(self.weights[ids].sum(axis=1), self.steps)]

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002 - MLflow's
        """For each text the lines `word tag`, as in the CoNLL format, shape (texts,).

        A text is words between spaces, or a word in each line and an empty line between sentences.
        """
        import pandas as pd

        frame = model_input if isinstance(model_input, pd.DataFrame) else pd.DataFrame(model_input)
        column = frame["text"] if "text" in frame else frame.iloc[:, 0]
        texts = ["" if gone else str(one) for one, gone in zip(column, column.isna(), strict=True)]
        return np.array(["\n\n".join(self._lines(text)) for text in texts], dtype=object)

    def _lines(self, text: str) -> Iterator[str]:
        for part in re.split(r"\n\s*\n", text):
            words = part.split()
            if words:
                yield "\n".join(f"{word} {tag}" for word, tag in zip(words, self.tag(words), strict=True))
