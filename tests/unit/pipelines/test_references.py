"""What a value points to, and what it does not."""

from __future__ import annotations

import pytest

from jupyter_aml.local.jobs.pipelines import references
from jupyter_aml.local.jobs.pipelines.references import ParentInput, ParentOutput, Step, StepInput, StepOutput


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("${{parent.inputs.raw}}", ParentInput("raw")),
        (" ${{ parent.inputs.group.part }} ", ParentInput("group.part")),
        ("${{parent.outputs.model}}", ParentOutput("model")),
        ("${{parent.jobs.train-1.outputs.model}}", StepOutput("train-1", "model")),
        ("${{parent.jobs.train.inputs.lr}}", StepInput("train", "lr")),
        ("${{parent.jobs.train}}", Step("train")),
        ("x ${{parent.inputs.raw}}", None),
        ("${{inputs.raw}}", None),
        ("${{parent.raw}}", None),
        (0.5, None),
        (None, None),
    ],
)
def test_a_whole_text_is_one_reference_or_none(text: object, found: object) -> None:
    assert references.whole(text) == found


def test_references_inside_a_text_are_found_and_replaced() -> None:
    text = "a-${{parent.inputs.x}}-${{parent.jobs.s.outputs.y}}"

    assert list(references.inside(text)) == [ParentInput("x"), StepOutput("s", "y")]
    assert references.replace(text, lambda one: type(one).__name__) == "a-ParentInput-StepOutput"
    assert list(references.inside(3)) == []
