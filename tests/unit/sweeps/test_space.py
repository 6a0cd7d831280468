"""Azure's distributions: formulas, ends, steps, nesting, and what is refused."""

from __future__ import annotations

import math
import random
from statistics import mean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs.sweeps import space as spaces
from jupyter_aml.local.jobs.sweeps.space import Dimension


def one(*written: Any) -> Dimension:
    return spaces.read({"x": list(written)})["x"]


def values(dimension: Dimension, count: int = 4000) -> list[Any]:
    source = random.Random(7)
    return [dimension.at(source.random(), source.random) for _ in range(count)]


def test_uniform_covers_its_interval() -> None:
    found = values(one("uniform", [2, 4]))

    assert (min(found) >= 2, max(found) < 4) == (True, True)
    assert mean(found) == pytest.approx(3, abs=0.05)


def test_loguniform_takes_exponents() -> None:
    found = values(one("loguniform", [-5, 0]))

    assert min(found) >= math.exp(-5)
    assert max(found) <= 1
    assert mean(map(math.log, found)) == pytest.approx(-2.5, abs=0.1)


@pytest.mark.parametrize("kind", ["normal", "lognormal"])
def test_normal_has_its_mean_and_deviation(kind: str) -> None:
    found = values(one(kind, [1, 0.5]))
    plain = found if kind == "normal" else [math.log(value) for value in found]

    assert mean(plain) == pytest.approx(1, abs=0.05)
    assert stdev(plain) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("kind", "first", "second"), [("quniform", 0, 10), ("qloguniform", 0, 3), ("qnormal", 5, 2), ("qlognormal", 1, 1)]
)
def test_steps_are_kept(kind: str, first: float, second: float) -> None:
    assert all(value % 2 == 0 and isinstance(value, int) for value in values(one(kind, [first, second, 2]), 300))
    tenths = values(one(kind, [first, second, 0.1]), 300)
    assert all(len(str(value)) < 12 for value in tenths)
    assert all(abs(value * 10 - round(value * 10)) < 1e-6 for value in tenths)


def test_randint_is_below_its_upper_end() -> None:
    assert set(values(one("randint", [3]), 300)) == {0, 1, 2}


@given(st.floats(0, 1, exclude_max=True))
def test_every_point_of_the_unit_interval_has_a_value(u: float) -> None:
    for written in (["choice", [["a", "b", "c"]]], ["randint", [5]], ["normal", [0, 1]], ["qnormal", [0, 1, 1]]):
        dimension = one(*written)
        points = dimension.points()
        value = dimension.at(u, lambda: u)
        assert points is None or value in list(points)


def test_a_choice_may_hold_distributions() -> None:
    dimension = one("choice", [[{"model": "svm", "C": ["uniform", [0, 1]]}, {"model": "tree", "depth": 3}]])

    found = values(dimension, 50)

    assert {value["model"] for value in found} == {"svm", "tree"}
    assert len({value["C"] for value in found if "C" in value}) > 5
    assert dimension.points() is None


def test_a_choice_of_choices_can_be_counted() -> None:
    dimension = one("choice", [[{"a": ["choice", [[1, 2]]], "b": "x"}, "plain"]])

    assert list(dimension.points() or ()) == [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}, "plain"]
    assert spaces.size({"x": dimension, "y": one("randint", [4])}) == 12


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({}, "searchSpace is missing or empty"),
        ({"x": 3}, "is 3, not"),
        ({"x": ["uniform", 3]}, "not \\[kind"),
        ({"x": ["normall", [0, 1]]}, "'normall'; expected one of choice, randint"),
        ({"x": ["uniform", [0]]}, "uniform\\(0\\), with too few"),
        ({"x": ["uniform", [1, 0]]}, "uniform\\(1, 0\\)"),
        ({"x": ["quniform", [0, 1]]}, "quniform"),
        ({"x": ["quniform", [0, 1, 0]]}, "quniform"),
        ({"x": ["normal", [0, 0]]}, "normal"),
        ({"x": ["randint", [0]]}, "randint"),
        ({"x": ["choice", [[]]]}, "choice"),
        ({"x": ["uniform", ["a", "b"]]}, "uniform\\('a', 'b'\\)"),
        ({"x": ["choice", [[{"y": ["uniform", [2, 1]]}]]]}, "searchSpace.x.y is uniform"),
    ],
)
def test_what_is_no_distribution_is_refused_by_name(written: Any, words: str) -> None:
    with pytest.raises(ResourceError, match=words) as caught:
        spaces.read(written)

    assert (caught.value.code, caught.value.status) == ("ValidationError", 400)
    assert caught.value.remedy
