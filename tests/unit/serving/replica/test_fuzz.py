"""Whatever a client sends to a model, it gets one answer that says 200 or 400, and the others get theirs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from jupyter_aml.agent.serving import intake, mlflow_model, mlmodel, natives, payload
from jupyter_aml.agent.serving.exchange import Request

SCALARS = some.one_of(
    some.none(), some.booleans(), some.integers(), some.floats(), some.text(max_size=4), some.just(1 << 70)
)
VALUES = some.recursive(
    SCALARS,
    lambda inner: some.one_of(
        some.lists(inner, max_size=4),
        some.dictionaries(some.sampled_from(["a", "b", "columns", "data", "index", "x"]), inner, max_size=4),
    ),
    max_leaves=12,
)
ROWS = some.lists(some.lists(SCALARS, min_size=2, max_size=2), max_size=3)
BODIES = some.one_of(
    some.binary(max_size=20),
    some.builds(lambda form, value: json.dumps({form: value}).encode(), some.sampled_from(payload.FORMS), VALUES),
    some.builds(lambda rows: json.dumps({"input_data": rows}).encode(), ROWS),
    some.builds(lambda rows: json.dumps({"dataframe_split": {"columns": ["b", "a"], "data": rows}}).encode(), ROWS),
)
GOOD = b'{"input_data": [[1, 2]]}'
COLUMNS = {
    "double": ["double", "double"],
    "mixed": ["long", "double"],
    "words": ["string", "boolean"],
    "times": ["datetime", "binary"],
    "none": [],
    "tensor": ["tensor"],
}


def described(kinds: list[str]) -> mlmodel.Description:
    """A model with these types of columns."""
    signature: list[dict[str, Any]] = [{"type": kind, "name": name} for kind, name in zip(kinds, "ab", strict=False)]
    if kinds == ["tensor"]:
        signature = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]
    told: dict[str, Any] = {"flavors": {"python_function": {}}}
    return mlmodel.Description("", told | ({"signature": {"inputs": json.dumps(signature)}} if kinds else {}))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("arrays", [True, False])
@settings(max_examples=60, deadline=None)
@given(bodies=some.lists(BODIES, min_size=1, max_size=4))
def test_every_request_has_one_answer(kind: str, arrays: bool, bodies: list[bytes]) -> None:
    read = intake.Intake(described(COLUMNS[kind]), arrays=arrays, names=None)
    native = natives.Native(lambda rows: np.zeros(len(rows), dtype=int), arrays=arrays, names=None)
    model = mlflow_model.Model(native, read, {}, "")
    nothing = memoryview(b"")

    answers = model.answer([Request(at, nothing, memoryview(body)) for at, body in enumerate([*bodies, GOOD])])

    assert len(answers) == len(bodies) + 1
    assert {one.status for one in answers} <= {200, 400}
    assert all(json.loads(one.body)["message"] for one in answers if one.status != 200)
    if kind not in {"words", "times"}:
        assert answers[-1].body == b"[0]"
