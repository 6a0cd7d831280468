"""Points in order: random, Sobol, grid and Bayesian; the same seed gives the same ones."""

from __future__ import annotations

import sys
from statistics import median
from typing import Any

import pytest

from jupyter_aml.errors import AmlError, ResourceError
from jupyter_aml.local.jobs.sweeps import sampling
from jupyter_aml.local.jobs.sweeps import space as spaces

SPACE = {"lr": ["loguniform", [-6, 0]], "depth": ["choice", [[2, 4, 8]]]}
SMALL = {"a": ["choice", [[1, 2]]], "b": ["randint", [3]]}


def sampler(kind: str, written: dict[str, Any] = SPACE, *, seed: int = 3, maximize: bool = True, **more: Any) -> Any:
    body = {"samplingAlgorithmType": kind, **more}
    return sampling.make(body, spaces.read(written), maximize=maximize, seed=seed)


def points(made: Any, count: int) -> list[Any]:
    drawn = [made.next() for _ in range(count)]
    return [one.point if one else None for one in drawn]


@pytest.mark.parametrize(("kind", "more"), [("Random", {}), ("Random", {"rule": "sobol"}), ("Bayesian", {}), ("", {})])
def test_a_seed_decides_the_points(kind: str, more: dict[str, str]) -> None:
    first = points(sampler(kind, seed=5, **more), 8)

    assert first == points(sampler(kind, seed=5, **more), 8)
    assert first != points(sampler(kind, seed=6, **more), 8)
    assert first == points(
        sampling.make({"samplingAlgorithmType": kind, "seed": 5, **more}, spaces.read(SPACE), maximize=True, seed=1), 8
    )


def test_a_small_space_is_tried_once_and_then_ends() -> None:
    found = points(sampler("Random", SMALL), 7)

    assert len({tuple(point.values()) for point in found[:6]}) == 6
    assert found[6] is None


def test_the_grid_is_walked_in_order() -> None:
    found = points(sampler("Grid", SMALL), 7)

    assert [tuple(point.values()) for point in found[:6]] == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert found[6] is None


def test_sobol_fills_the_space_evenly() -> None:
    found = points(sampler("Random", {"x": ["uniform", [0, 8]]}, rule="sobol"), 8)

    assert sorted(int(point["x"]) for point in found) == list(range(8))


@pytest.mark.parametrize("maximize", [True, False])
def test_bayesian_search_learns(maximize: bool) -> None:
    made = sampler("Bayesian", {"x": ["uniform", [-4, 4]], "c": ["choice", [["bad", "good"]]]}, maximize=maximize)
    sign = 1 if maximize else -1
    found = []
    for number in range(60):
        point = made.next().point
        loss = (point["x"] - 1) ** 2 + 5 * (point["c"] == "bad")
        made.tell(number, -sign * loss)
        found.append(loss)

    assert median(found[40:]) < median(found[:10]) / 2


def test_bayesian_search_goes_on_from_the_trials_it_is_told_of() -> None:
    made = sampler("Bayesian")
    drawn = []
    for number in range(12):
        drawn.append(made.next())
        made.tell(number, None if number == 4 else drawn[-1].point["lr"])
    again = sampler("Bayesian")

    assert [again.next(one.memo).point for one in drawn] == [one.point for one in drawn]
    for number, one in enumerate(drawn):
        again.tell(number, one.point["lr"])
    assert again.next().point not in [one.point for one in drawn]


@pytest.mark.parametrize(("kind", "more"), [("Random", {}), ("Random", {"rule": "sobol"})])
def test_a_sampler_that_is_made_again_goes_on_after_the_points_there_were(kind: str, more: dict[str, str]) -> None:
    whole = points(sampler(kind, **more), 6)
    again = sampler(kind, **more)

    assert points(again, 4) + points(again, 2) == whole


def test_bayesian_search_takes_nested_choices_and_nothing_for_a_value() -> None:
    made = sampler("Bayesian", {"m": ["choice", [[{"k": "svm", "C": ["uniform", [0, 1]]}, {"k": "tree"}]]]})
    for number in range(15):
        point = made.next().point
        assert ("C" in point["m"]) == (point["m"]["k"] == "svm")
        made.tell(number, float("nan"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"samplingAlgorithmType": "Guess"}, "is 'guess'; expected Random, Grid or Bayesian"),
        ({"samplingAlgorithmType": "Random", "rule": "halton"}, "rule is 'halton'"),
        ({"samplingAlgorithmType": "Grid"}, "is Grid, but lr cannot be counted"),
    ],
)
def test_an_algorithm_that_does_not_fit_is_refused(body: dict[str, str], words: str) -> None:
    with pytest.raises(ResourceError, match=words):
        sampling.check(body, spaces.read(SPACE))


@pytest.mark.parametrize(
    ("module", "kind", "more", "remedy"),
    [
        ("optuna", "Bayesian", {}, "pip install 'jupyter_aml[ml]'"),
        ("scipy.stats", "Random", {"rule": "sobol"}, "pip install scipy"),
    ],
)
def test_a_sampler_whose_package_is_missing_says_what_to_install(
    module: str, kind: str, more: dict[str, str], remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(AmlError, match="which is not installed") as caught:
        sampler(kind, **more)

    assert remedy in caught.value.remedy
