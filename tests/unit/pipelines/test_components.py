"""What a component declares, and which literals suit it."""

from __future__ import annotations

import pytest

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs.pipelines import components

SPEC = {
    "type": "command",
    "command": "x",
    "inputs": {
        "data": {"type": "uri_folder", "mode": "download"},
        "lr": {"type": "number", "default": 0.5, "min": 0, "max": "1"},
        "epochs": {"type": "integer", "optional": True},
        "flag": {"type": "boolean", "default": False},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "old": "path",
    },
    "outputs": {"model": {"type": "mlflow_model"}},
}


def test_ports_are_read() -> None:
    found = components.of_spec("c:1", SPEC)

    assert {name: port.kind for name, port in found.inputs.items()} == {
        "data": "uri_folder", "lr": "number", "epochs": "integer", "flag": "boolean", "kind": "string",
        "old": "uri_folder",
    }  # fmt: skip
    assert found.inputs["lr"].default == "0.5"
    assert found.inputs["flag"].default == "False"
    assert found.inputs["epochs"].optional
    assert found.inputs["data"].mode == "download"
    assert not found.inputs["data"].literal
    assert found.outputs["model"].kind == "mlflow_model"
    assert found.deterministic


@pytest.mark.parametrize(("flag", "is_one"), [(None, True), (True, True), ("false", False), (False, False)])
def test_a_component_is_deterministic_unless_it_says_otherwise(flag: object, is_one: bool) -> None:
    assert components.of_spec("c:1", {**SPEC, "is_deterministic": flag}).deterministic is is_one


@pytest.mark.parametrize(
    ("name", "text"),
    [("lr", "0.5"), ("lr", "1"), ("epochs", "3"), ("epochs", "3.0"), ("flag", "True"), ("flag", "0"), ("kind", "a")],
)
def test_literals_that_suit(name: str, text: str) -> None:
    components.of_spec("c:1", SPEC).inputs[name].check(text, "inputs.x")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("lr", "much", "a number"),
        ("lr", "-1", "0 or more"),
        ("lr", "2", "1 or less"),
        ("epochs", "1.5", "an integer"),
        ("flag", "maybe", "true or false"),
        ("kind", "c", "one of a, b"),
    ],
)
def test_literals_that_do_not_suit_are_refused(name: str, text: str, said: str) -> None:
    with pytest.raises(ResourceError, match=said) as caught:
        components.of_spec("c:1", SPEC).inputs[name].check(text, "inputs.x")

    assert caught.value.target == "inputs.x"
