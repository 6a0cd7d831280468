"""Entities in real sentences: what documentation marks as code is found again where the marks are gone."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_aml.automl.family import Order, Proposal
from jupyter_aml.automl.text import entities, tagger
from jupyter_aml.automl.text.family import FAMILY
from tests.unit.automl.text import rooms

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints

TASK = "text_ner"


def documented(module: str, most: int) -> list[str]:
    """The lines `word tag` of sentences with something between double backticks, which are taken away."""
    found: dict[str, list[str]] = {}
    for one in vars(importlib.import_module(module)).values():
        text = re.sub(r"\s+", " ", str(getattr(one, "__doc__", "") or ""))
        for sentence in re.split(r"(?<=[.:]) ", text):
            if sentence.count("``") and not sentence.count("``") % 2 and len(sentence) < 400:
                found.setdefault(sentence, _tagged(sentence))
    return [line for lines in list(found.values())[:most] for line in [*lines, ""]]


def _tagged(sentence: str) -> list[str]:
    lines = []
    for at, part in enumerate(sentence.split("``")):
        words = re.findall(r"\w+|[^\w\s]", part)
        tags = ["B-CODE", *["I-CODE"] * len(words)] if at % 2 else ["O"] * len(words)
        lines += [f"{word} {tag}" for word, tag in zip(words, tags, strict=False)]
    return lines


def test_code_in_documentation_is_found(tmp_path: Path) -> None:
    lines = documented("pandas", 500)
    order = Order(TASK, {}, {"training": pd.DataFrame({"line": lines})})

    found = rooms.search(FAMILY, order, tmp_path, trials=1)

    metrics = found.best.metrics
    assert found.best.score == metrics["accuracy"] > 0.82
    assert metrics["f1_score_micro"] > 0.55
    sentences, _, _ = entities.read(documented("numpy", 200))
    guess = np.mean([tag == "O" for one in sentences for tag in one.tags])
    answers = rooms.asked(found.model, pd.DataFrame({"text": [" ".join(one.words) for one in sentences]}))
    told = [[line.split()[1] for line in one.splitlines()] for one in answers]
    elsewhere = entities.measured([one.tags for one in sentences], told)
    assert elsewhere["accuracy"] > guess + 0.02
    assert elsewhere["f1_score_micro"] > 0.25
    drawn = json.loads((found.place / "best" / "charts.json").read_text())
    assert drawn["confusion_matrix"]["data"]["class_labels"] == ["B-CODE", "I-CODE", "O"]
    assert drawn["entities"]["data"]["labels"][0]["label"] == "CODE"
    rows = pd.read_csv(found.place / "best" / "predictions.csv", keep_default_na=False)
    assert (rows["truth"] == rows["prediction"]).mean() == pytest.approx(metrics["accuracy"])


def test_each_algorithm_finds_most_and_breaks_no_rule(tmp_path: Path) -> None:
    sentences, _, _ = entities.read(documented("pandas", 250))
    seen, unseen = entities._split(sentences, 0.2, 0)

    for kind in entities.KINDS:
        model = entities.learn(Proposal(0, kind.name, dict(kind.first)), seen, 10, 0, np.inf)
        told = [model.tag(one.words) for one in unseen]
        assert entities.measured([one.tags for one in unseen], told)["f1_score_micro"] > 0.4, kind.name
        follow = {pair for row in told for pair in zip(["O", *row], row, strict=False)}
        assert ("O", "I-CODE") not in follow


def test_the_number_of_epochs_is_honoured() -> None:
    plan = FAMILY.planner(TASK, {"searchSpace": [{"numberOfEpochs": "choice(2,3)"}]}, {}, 0)

    told = [plan.ask() for _ in range(2)]

    assert all(one is not None and one.parameters["epochs"] in {2, 3} for one in told)
    assert FAMILY.check(TASK, {"fixedParameters": {"numberOfEpochs": 4}}) == []
    fixed = FAMILY.planner(TASK, {"fixedParameters": {"numberOfEpochs": 4}}, {}, 0).ask()
    assert fixed is not None
    assert fixed.parameters["epochs"] == 4


def test_whole_entities_count() -> None:
    truth = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC"]]
    told = [["B-PER", "O", "O", "B-LOC"], ["B-LOC", "B-LOC"]]

    assert entities.spans(truth[0]) == [("PER", 0, 2), ("LOC", 3, 4)]
    found = entities.measured(truth, told)
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["precision_score_micro"] == pytest.approx(2 / 4)
    assert found["recall_score_micro"] == pytest.approx(2 / 3)
    assert found["f1_score_macro"] == pytest.approx((0.8 + 0.0) / 2)
    assert found["f1_score_weighted"] == pytest.approx((2 * 0.8 + 0.0) / 3)


@pytest.mark.parametrize(
    ("written", "brought"),
    [
        (["I-PER", "I-PER", "O", "I-LOC"], ["B-PER", "I-PER", "O", "B-LOC"]),
        (["B-PER", "I-LOC"], ["B-PER", "B-LOC"]),
        (["S-PER", "B-LOC", "E-LOC"], ["B-PER", "B-LOC", "I-LOC"]),
        (["U-PER", "B-LOC", "L-LOC"], ["B-PER", "B-LOC", "I-LOC"]),
    ],
)
def test_other_schemes_are_brought_to_one(written: list[str], brought: list[str]) -> None:
    found, _, changed = entities.read(f"word NN {tag}" for tag in written)

    assert list(found[0].tags) == brought
    assert changed == sum(one != other for one, other in zip(written, brought, strict=True))


def test_faults_of_a_file_are_told(tmp_path: Path) -> None:
    lines = ["-DOCSTART- O", "", "Paris B-LOC", "alone", "is O", "", None, "Rome I-LOC", "", "so O"]

    facts = FAMILY.prepare(Order(TASK, {}, {"training": pd.DataFrame({"line": lines})}), tmp_path)

    assert facts["rows"] == 3
    assert rooms.guardrails(facts) == {
        "Words without a tag": "Done",
        "Tags of another scheme": "Done",
        "Class balancing detection": "Passed",
    }
    assert facts["guardrails"][0]["details"] == [{"line": "line 4: 'alone' has no tag"}]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a O", "", "b O", "", "c O"], "all words have the tag O. Mark entities with B- and I-"),
        (["one", "two"], "0 sentences can be read .* The first of 2 faults: line 1: 'one' has no tag"),
        (["one B-X"], "1 sentences can be read from the training data and 0 are left to judge by"),
    ],
)
def test_files_that_teach_nothing_are_refused(lines: list[Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        FAMILY.prepare(Order(TASK, {}, {"training": pd.DataFrame({"line": lines})}), tmp_path)


def test_the_best_tags_are_those_that_fit_together() -> None:
    tags = ["B-X", "I-X", "O"]
    steps = np.where(tagger.follows(tags), 0.0, -np.inf)
    scores = np.array([[0.0, 3.0, 1.0], [0.0, 3.0, 0.0], [0.0, 0.0, 1.0]])

    assert [tags[at] for at in tagger.best(scores, steps)] == ["B-X", "I-X", "O"]
    assert tagger.shape("Paris-2024x") == "Xx-dx"


def test_a_text_may_be_lines_of_words() -> None:
    model = tagger.Tagger(["B-X", "O"], {"W:yes": 1}, np.array([[0, 0], [5, 0]]), np.array([[0, 1]] * 3), 1, 2)

    found = model.predict(None, pd.DataFrame({"text": ["no yes", "yes\nno\n\nyes", None]}))

    assert list(found) == ["no O\nyes B-X", "yes B-X\nno O\n\nyes B-X", ""]
