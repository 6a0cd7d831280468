"""`prep >> train`: who takes what of whom."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_aml.commands.actions import joins
from jupyter_aml.commands.actions.parts import Part
from jupyter_aml.errors import UsageError

FOLDER = {"type": "uri_folder", "path": "azureml:raw:1"}


def part(name: str, inputs: str, outputs: str = "", /, **given: Any) -> Part:
    """A part whose ports are written `name:type`, with `=default` or `?` for an optional one."""
    component = SimpleNamespace(inputs=_ports(inputs), outputs=_ports(outputs))
    return Part(name, lambda: component, given)


def _ports(written: str) -> dict[str, Any]:
    found = {}
    for word in written.split():
        named, _, default = word.partition("=")
        name, _, kind = named.partition(":")
        optional = kind.endswith("?")
        found[name] = SimpleNamespace(type=kind.rstrip("?") or "uri_folder", default=default or None, optional=optional)
    return found


PREP = part("prep", "raw k:integer=2", "rows", raw=FOLDER)
TRAIN = part("train", "rows lr:number=0.1", "model")


@pytest.mark.parametrize("words", [["a", ">>", "b"], ["a>>b"], ["a >> b"], ["a", ">>b"]])
def test_the_names_stand_between_the_arrows_however_they_are_spaced(words: list[str]) -> None:
    assert joins.names(words) == ["a", "b"]


@pytest.mark.parametrize("words", [[], ["a"], ["a", "b"], ["a", ">>"], [">>", "a"], ["a", ">>", ">>", "b"]])
def test_what_is_no_chain_is_refused_with_an_example(words: list[str]) -> None:
    with pytest.raises(UsageError, match="steps with >> between them") as caught:
        joins.names(words)

    assert "prep >> train >> evaluate" in caught.value.remedy


def test_a_step_stands_once() -> None:
    with pytest.raises(UsageError, match="a stands twice"):
        joins.names(["a", ">>", "b", ">>", "a"])


def test_an_input_takes_the_output_of_its_name_and_the_rest_are_inputs_of_the_pipeline() -> None:
    joined = joins.join([PREP, TRAIN], {})

    assert joined.body.splitlines() == [
        "prep = prep(raw=raw, k=k)",
        "train = train(rows=prep.outputs.rows, lr=lr)",
        'return {"model": train.outputs.model}',
    ]
    assert joined.inputs == {"raw": FOLDER, "k": "2", "lr": "0.1"}


def test_the_nearest_step_before_hands_on() -> None:
    clean = part("clean", "rows", "rows")

    assert "train(rows=clean.outputs.rows" in joins.join([PREP, clean, TRAIN], {}).body


def test_an_output_may_skip_a_step() -> None:
    test = part("test", "rows model", "report")

    assert "test(rows=prep.outputs.rows, model=train.outputs.model)" in joins.join([PREP, TRAIN, test], {}).body


def test_where_no_name_fits_the_only_output_goes_to_the_only_input() -> None:
    fit = part("fit", "data lr:number=0.1", "model")

    assert "fit(data=prep.outputs.rows, lr=lr)" in joins.join([PREP, fit], {}).body


def test_the_value_of_its_cell_gives_way_to_what_a_step_hands_on() -> None:
    held = part("train", "rows lr:number=0.1", "model", rows=FOLDER)

    joined = joins.join([PREP, held], {})

    assert "train(rows=prep.outputs.rows" in joined.body
    assert "rows" not in joined.inputs


def test_values_of_the_line_win_by_the_name_of_the_input_or_of_step_and_input() -> None:
    other = part("other", "rows lr:number=0.5", "model")

    joined = joins.join([PREP, TRAIN, other], {"k": 5, "other_lr": 0.9})

    assert joined.inputs == {"raw": FOLDER, "k": 5, "lr": "0.1", "other_lr": 0.9}
    assert "other(rows=prep.outputs.rows, lr=other_lr)" in joined.body


def test_equal_names_of_two_steps_stay_apart() -> None:
    other = part("other", "rows lr:number=0.5", "model")

    assert joins.join([PREP, TRAIN, other], {}).inputs["other_lr"] == "0.5"


def test_an_optional_input_is_left_out() -> None:
    free = part("free", "rows seed:integer?", "model")

    assert "free(rows=prep.outputs.rows)" in joins.join([PREP, free], {}).body


def test_steps_with_nothing_in_common_are_refused_with_what_each_has() -> None:
    with pytest.raises(UsageError, match="pick takes nothing of what prep hands on") as caught:
        joins.join([PREP, part("pick", "left right", "model")], {})

    assert "prep gives rows (uri_folder); pick takes left (uri_folder), right (uri_folder)" in caught.value.why
    assert "%%aml pipeline" in caught.value.remedy


def test_an_input_without_a_value_is_named() -> None:
    with pytest.raises(UsageError, match=r"prep needs raw \(uri_folder\)") as caught:
        joins.join([part("prep", "raw", "rows"), TRAIN], {})

    assert caught.value.remedy == "Add --input raw=VALUE."


def test_a_value_that_nobody_takes_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no step has an input 'rwa'") as caught:
        joins.join([PREP, TRAIN], {"rwa": 1})

    assert caught.value.remedy == "Did you mean raw?"
