"""A pipeline's conductor: what it submits when, with children that end as the test says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.jobs import locate, records, submit, work
from jupyter_aml.local.jobs.conducted.performance import Outcome
from jupyter_aml.local.jobs.conducted.pipeline import Pipeline
from jupyter_aml.local.jobs.conducted.stage import Stage
from jupyter_aml.local.jobs.lifecycle import Status
from jupyter_aml.local.jobs.pipelines import graph

LITERAL = "literal"
KEPT = "azureml://datastores/workspaceblobstore/paths/kept/"


def component(wire: Any, name: str, inputs: dict[str, Any], outputs: dict[str, Any], **more: Any) -> str:
    spec = {
        "type": "command",
        "command": " ".join(["echo", *(f"${{{{inputs.{key}}}}}" for key in inputs)]),
        "environment": f"azureml:{wire.base}/environments/e/versions/1",
        "inputs": inputs,
        "outputs": outputs,
        **more,
    }
    status, _ = wire.ask("PUT", f"/components/{name}/versions/1", {"properties": {"componentSpec": spec}})
    assert status in {200, 201}
    return f"{wire.base}/components/{name}/versions/1"


def value(text: str) -> dict[str, str]:
    return {"job_input_type": LITERAL, "value": text}


class Play:
    """A pipeline whose children end on command.

    Args:
        wire: The service.
        jobs: The pipeline's nodes.
        more: Other fields of its body.
    """

    def __init__(self, wire: Any, jobs: dict[str, Any], **more: Any) -> None:
        self.wire = wire
        body = {"jobType": "Pipeline", "jobs": jobs, "settings": {"default_compute": "serverless"}, **more}
        self.record, _ = submit.submit(
            wire.workspace, more.pop("name", "pipe"), body, identity=Identity("ada@local", "1"), interpreter="", now=1.0
        )
        self.conductor = self.begin()

    def begin(self) -> Pipeline:
        stage = Stage(self.wire.workspace, self.record, "log.txt", lambda: None)
        with self.wire.workspace.database.read() as reader:
            made = Pipeline(stage, graph.read(reader, self.record.body))
        made.begin(stage.children())
        self.stage = stage
        return made

    def step(self, *ended: records.Record, cancelled: bool = False) -> Outcome | None:
        return self.conductor.step(ended, cancelled=cancelled)

    def open(self) -> list[str]:
        return sorted(name.removeprefix("pipe_") for name in self.conductor.open())

    def end(self, name: str, status: Status = Status.COMPLETED, **outputs: Any) -> records.Record:
        """End a child: its outputs are URIs, or literals in `value=`-like dicts."""
        job = f"pipe_{name}"
        kept = {
            key: item if isinstance(item, dict) else {"uri": item, "type": "uri_folder"}
            for key, item in outputs.items()
        }
        error = {"code": "UserError", "message": "it broke", "traceback": "Traceback"}
        with self.wire.workspace.database.write() as transaction:
            held = records.find(transaction, job)
            state = {**held.state, "outputs": kept, **({"error": error} if status == Status.FAILED else {})}
            records.advance(transaction, job, status=status, state=state, now=2.0, started=1.0, ended=2.0)
            return records.find(transaction, job)

    def body(self, name: str) -> dict[str, Any]:
        with self.wire.workspace.database.read() as reader:
            return records.find(reader, f"pipe_{name}").body


@pytest.fixture
def make(wire: Any) -> Callable[..., dict[str, Any]]:
    """Makes a node of a component with the inputs x and data, both optional, and the outputs out, ok and n."""
    ports = {"x": {"type": "string", "optional": True}, "data": {"type": "uri_folder", "optional": True}}
    outputs = {"out": {"type": "uri_folder"}, "ok": {"type": "boolean"}, "n": {"type": "integer"}}
    identity = component(wire, "part", ports, outputs, command="echo $[[${{inputs.x}}]] $[[${{inputs.data}}]]")

    def node(**inputs: str) -> dict[str, Any]:
        given = {name: value(text) for name, text in inputs.items()}
        return {"type": "command", "componentId": identity, "inputs": given}

    return node


def test_a_step_waits_for_what_it_needs_and_gets_it(wire: Any, make: Any) -> None:
    play = Play(wire, {"b": make(data="${{parent.jobs.a.outputs.out}}"), "a": make(x="1"), "c": make()})

    assert play.step() is None
    assert play.open() == ["a", "c"]
    assert play.step(play.end("a", out=KEPT)) is None
    assert play.open() == ["b", "c"]
    assert play.body("b")["inputs"]["data"] == {
        "jobInputType": "uri_folder",
        "uri": "azureml://jobs/pipe_a/outputs/out",
    }
    assert play.step(play.end("b")) is None
    assert play.step(play.end("c")) == Outcome()


def test_the_next_host_goes_on_where_the_last_one_was(wire: Any, make: Any) -> None:
    play = Play(wire, {"a": make(), "b": make(data="${{parent.jobs.a.outputs.out}}"), "c": make()})
    play.step()
    ended = play.end("a", out=KEPT)

    play.conductor = play.begin()

    assert play.open() == ["a", "c"]
    assert play.step(ended) is None
    assert play.open() == ["b", "c"]


def test_a_failure_ends_the_others_and_is_the_pipelines(wire: Any, make: Any) -> None:
    play = Play(wire, {"a": make(), "b": make(), "c": make(data="${{parent.jobs.b.outputs.out}}")})
    play.step()

    assert play.step(play.end("a", Status.FAILED)) is None

    with wire.workspace.database.read() as reader:
        assert records.find(reader, "pipe_b").status == Status.CANCEL_REQUESTED
    outcome = play.step(play.end("b", Status.CANCELED))
    assert outcome is not None
    assert outcome.fault is not None
    assert outcome.fault.message == "The step 'a' (pipe_a) failed: it broke"
    assert outcome.fault.traceback == "Traceback"


def test_with_continue_on_step_failure_only_what_needs_the_failed_step_is_skipped(wire: Any, make: Any) -> None:
    settings = {"default_compute": "serverless", "continue_on_step_failure": True}
    jobs = {
        "a": make(),
        "b": make(data="${{parent.jobs.a.outputs.out}}"),
        "c": make(),
        "d": make(data="${{parent.jobs.c.outputs.out}}"),
    }
    play = Play(wire, jobs, settings=settings)
    play.step()

    play.step(play.end("a", Status.FAILED))
    play.step(play.end("c", out=KEPT))
    assert play.open() == ["d"]
    outcome = play.step(play.end("d"))

    assert outcome is not None
    assert outcome.fault is not None
    with wire.workspace.database.read() as reader:
        assert records.get(reader, "pipe_b") is None


def test_the_next_host_cancels_what_was_being_cancelled_whatever_became_of_the_steps(wire: Any, make: Any) -> None:
    play = Play(wire, {"a": make(), "b": make(data="${{parent.jobs.a.outputs.out}}")})
    play.step()
    play.end("a", Status.CANCELED)
    with wire.workspace.database.write() as transaction:
        records.ask_cancel(transaction, play.record.name, 3.0)
        asked = records.find(transaction, play.record.name)

    performance = work.perform(wire.workspace, asked, lambda: None, lambda: 4.0)
    until = time.monotonic() + 10
    while performance.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    end = performance.poll()
    performance.close()

    assert end is not None
    assert (end.reason, performance.fault) == ("cancelled", None)


@pytest.mark.parametrize(("truth", "chosen"), [("True", "yes"), ("false", "no")])
def test_a_condition_chooses_between_steps(wire: Any, make: Any, truth: str, chosen: str) -> None:
    jobs = {
        "check": make(),
        "yes": make(x="yes"),
        "no": make(x="no"),
        "after": make(data="${{parent.jobs.yes.outputs.out}}"),
        "choose": {
            "type": "if_else",
            "condition": "${{parent.jobs.check.outputs.ok}}",
            "true_block": "${{parent.jobs.yes}}",
            "false_block": ["${{parent.jobs.no}}"],
        },
    }
    play = Play(wire, jobs)
    play.step()
    assert play.open() == ["check"]

    play.step(play.end("check", ok={"value": truth, "type": "boolean"}))

    assert play.open() == [chosen]
    outcome = play.step(play.end(chosen, out=KEPT))
    if chosen == "yes":
        assert play.open() == ["after"]
    else:
        assert outcome == Outcome()


def test_a_loop_goes_round_until_its_condition_is_false(wire: Any, make: Any) -> None:
    jobs = {
        "body": make(x="1"),
        "after": make(x="${{parent.jobs.body.outputs.n}}"),
        "loop": {
            "type": "do_while",
            "body": "${{parent.jobs.body}}",
            "condition": "${{parent.jobs.body.outputs.ok}}",
            "mapping": {"n": ["${{parent.jobs.body.inputs.x}}"]},
            "limits": {"max_iteration_count": 5},
        },
    }
    play = Play(wire, jobs)
    play.step()
    assert play.open() == ["body_0"]

    play.step(play.end("body_0", ok={"value": "true"}, n={"value": "7"}))
    assert play.body("body_1")["inputs"]["x"] == {"jobInputType": "literal", "value": "7"}
    play.conductor = play.begin()
    for name in ("body_0", "body_1"):
        end = play.end(name, ok={"value": "false" if name == "body_1" else "true"}, n={"value": "9"})
        play.step(end)
    assert play.open() == ["after"]
    assert play.body("after")["inputs"]["x"]["value"] == "9"
    assert play.step(play.end("after")) == Outcome()


def test_a_loop_ends_after_its_last_round(wire: Any, make: Any) -> None:
    jobs = {
        "body": make(),
        "loop": {
            "type": "do_while",
            "body": "${{parent.jobs.body}}",
            "condition": "ok",
            "limits": {"max_iteration_count": 2},
        },
    }
    play = Play(wire, jobs)
    play.step()
    play.step(play.end("body_0", ok={"value": "true"}))

    assert play.step(play.end("body_1", ok={"value": "true"})) == Outcome()


def test_a_step_runs_for_each_item(wire: Any, make: Any) -> None:
    jobs = {
        "body": make(),
        "each": {
            "type": "parallel_for",
            "body": "${{parent.jobs.body}}",
            "items": json.dumps([{"x": "a"}, {"x": "b"}]),
        },
    }
    play = Play(wire, jobs)
    play.step()

    assert play.open() == ["body_0", "body_1"]
    assert [play.body(f"body_{number}")["inputs"]["x"]["value"] for number in range(2)] == ["a", "b"]
    assert play.step(play.end("body_1")) is None
    assert play.step(play.end("body_0")) == Outcome()


def each(make: Any, count: int, **more: Any) -> dict[str, Any]:
    """A loop over `count` items and its body."""
    loop = {
        "type": "parallel_for",
        "body": "${{parent.jobs.body}}",
        "items": json.dumps([{"x": str(number)} for number in range(count)]),
        **more,
    }
    return {"body": make(), "each": loop}


def test_of_a_parallel_for_only_so_many_run_at_a_time(wire: Any, make: Any) -> None:
    play = Play(wire, each(make, 5, max_concurrency=2))
    play.step()

    assert play.open() == ["body_0", "body_1"]
    play.step(play.end("body_1"))
    assert play.open() == ["body_0", "body_2"]
    play.step(play.end("body_0"), play.end("body_2"))
    assert play.open() == ["body_3", "body_4"]
    assert play.step(play.end("body_3"), play.end("body_4")) == Outcome()


def test_rounds_that_a_host_had_not_begun_when_it_died_are_begun_by_the_next(wire: Any, make: Any) -> None:
    play = Play(wire, each(make, 3, max_concurrency=1))
    play.step()
    play.end("body_0")
    play.conductor = play.begin()
    play.step(*play.stage.look(["pipe_body_0"]))

    assert play.open() == ["body_1"]
    play.step(play.end("body_1"))
    assert play.step(play.end("body_2")) == Outcome()


def test_values_of_all_rounds_are_a_list_for_the_step_behind(wire: Any, make: Any) -> None:
    told = component(wire, "told", {"x": {"type": "string"}}, {"n": {"type": "integer"}})
    jobs = each(make, 3) | {
        "body": {"type": "command", "componentId": told, "inputs": {}},
        "after": make(x="${{parent.jobs.each.outputs.n}}"),
    }
    play = Play(wire, jobs)
    play.step()
    for number in (2, 0, 1):
        kept = {"uri": KEPT, "type": "integer", "value": str(number * 10)}
        play.step(play.end(f"body_{number}", n=kept))

    assert play.open() == ["after"]
    assert play.body("after")["inputs"]["x"]["value"] == "[0, 10, 20]"


def test_an_output_that_no_round_has_is_refused(wire: Any, make: Any) -> None:
    with pytest.raises(ResourceError, match="output of the step 'each' 'nothing'"):
        Play(wire, each(make, 1) | {"after": make(x="${{parent.jobs.each.outputs.nothing}}")})


def test_items_of_another_shape_end_the_pipeline_in_words(wire: Any, make: Any) -> None:
    jobs = {"body": make(), "each": {"type": "parallel_for", "body": "${{parent.jobs.body}}", "items": "[1, 2]"}}
    outcome = Play(wire, jobs).step()

    assert outcome is not None
    assert outcome.fault is not None
    assert "a list of mappings was expected" in outcome.fault.message


def test_a_cancelled_pipeline_waits_for_its_steps(wire: Any, make: Any) -> None:
    play = Play(wire, {"a": make(), "b": make(data="${{parent.jobs.a.outputs.out}}")})
    play.step()

    assert play.step(cancelled=True) is None
    assert play.step(play.end("a", Status.CANCELED), cancelled=True) == Outcome()


def test_a_step_that_did_the_same_before_is_taken_over(wire: Any, make: Any) -> None:
    with wire.workspace.database.read() as reader:
        place = locate.find(wire.workspace, reader, KEPT, "uri_folder", "outputs.out")
    assert isinstance(place, locate.Place)
    place.path(wire.workspace).mkdir(parents=True)
    first = Play(wire, {"a": make(x="1")})
    first.step()
    first.step(first.end("a", out=KEPT))
    other = Play(
        wire,
        {"again": make(x="1"), "b": make(data="${{parent.jobs.again.outputs.out}}"), "new": make(x="2")},
        name="pipe2",
    )
    other.step()

    assert sorted(other.conductor.open()) == ["pipe2_b", "pipe2_new"]
    with wire.workspace.database.read() as reader:
        held = records.find(reader, "pipe2_again")
    assert held.status == Status.COMPLETED
    assert held.body["properties"]["azureml.reusedrunid"] == "pipe_a"
    assert held.state["outputs"]["out"]["uri"].endswith("/kept/")
