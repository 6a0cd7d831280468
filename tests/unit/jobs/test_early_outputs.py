"""Outputs that a step gives while it runs: who needs them alone begins at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jupyter_aml.local.jobs import records
from jupyter_aml.local.jobs.conducted.performance import PATIENCE, Outcome
from jupyter_aml.local.jobs.conducted.pipeline import EARLY
from jupyter_aml.local.jobs.lifecycle import Status

from .test_pipelines import KEPT, Play, component, value

OUTPUTS = {
    "n": {"type": "integer", "early_available": True},
    "ok": {"type": "boolean", "early_available": "true"},
    "late": {"type": "integer"},
    "out": {"type": "uri_folder"},
}


@pytest.fixture
def make(wire: Any) -> Callable[..., dict[str, Any]]:
    """Makes a node with the optional inputs x and data, and outputs of which n and ok are early."""
    ports = {"x": {"type": "string", "optional": True}, "data": {"type": "uri_folder", "optional": True}}
    identity = component(wire, "part", ports, OUTPUTS, command="echo $[[${{inputs.x}}]] $[[${{inputs.data}}]]")

    def node(**inputs: str) -> dict[str, Any]:
        given = {name: value(text) for name, text in inputs.items()}
        return {"type": "command", "componentId": identity, "inputs": given}

    return node


def give(play: Play, step: str, **values: str) -> None:
    """Let the script of a running step give outputs, as it does through run history."""
    properties = {f"{EARLY}{name}": text for name, text in values.items()}
    assert play.wire.history("PATCH", f"/runs/pipe_{step}", {"properties": properties})[0] == 200


def test_a_step_begins_when_the_early_output_that_it_needs_is_there(wire: Any, make: Any) -> None:
    play = Play(wire, {"a": make(), "b": make(x="${{parent.jobs.a.outputs.n}}")})
    play.step()
    assert play.open() == ["a"]
    assert play.conductor.patience < PATIENCE

    give(play, "a", n="7")
    play.step()

    assert play.open() == ["a", "b"]
    assert play.body("b")["inputs"]["x"] == {"jobInputType": "literal", "value": "7"}
    assert play.conductor.patience == PATIENCE
    assert play.step(play.end("b")) is None
    assert play.step(play.end("a", n={"value": "7"})) == Outcome()


@pytest.mark.parametrize(
    ("x", "data"),
    [
        ("${{parent.jobs.a.outputs.late}}", ""),
        ("${{parent.jobs.a.outputs.n}}", "${{parent.jobs.a.outputs.out}}"),
        ("${{parent.jobs.a.outputs.n}} ${{parent.jobs.a.outputs.ok}}", ""),
    ],
)
def test_a_step_that_needs_more_than_was_given_waits_for_the_end(wire: Any, make: Any, x: str, data: str) -> None:
    play = Play(wire, {"a": make(), "b": make(x=x, **({"data": data} if data else {}))})
    play.step()
    give(play, "a", n="7", late="7")

    play.step()
    assert play.open() == ["a"]

    values = {name: {"value": "7"} for name in ("n", "late")}
    play.step(play.end("a", out=KEPT, ok={"value": "True"}, **values))
    assert play.open() == ["b"]


def test_a_condition_is_decided_by_an_early_output(wire: Any, make: Any) -> None:
    choose = {
        "type": "if_else",
        "condition": "${{parent.jobs.a.outputs.ok}}",
        "true_block": "${{parent.jobs.yes}}",
    }
    play = Play(wire, {"a": make(), "yes": make(), "choose": choose})
    play.step()
    assert play.open() == ["a"]

    give(play, "a", ok="true")
    play.step()

    assert play.open() == ["a", "yes"]


def test_an_early_output_of_another_type_ends_the_pipeline_in_words(wire: Any, make: Any) -> None:
    play = Play(wire, {"a": make(), "b": make(x="${{parent.jobs.a.outputs.n}}")})
    play.step()
    give(play, "a", n="many")

    play.step()
    play.step()
    with wire.workspace.database.read() as reader:
        assert records.find(reader, "pipe_a").status == "CancelRequested"
    outcome = play.step(play.end("a", Status.CANCELED))

    assert outcome
    assert outcome.fault
    assert "given 'many' as its output 'n', which is of type integer" in outcome.fault.message
