"""Fields of steps in ARM's spelling."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_aml.local.jobs.pipelines import spelling
from jupyter_aml.local.jobs.sweeps import space


def test_keys_become_camel_case_all_the_way_down() -> None:
    assert spelling.camel({"job_tier": "spot", "a_b": [{"c_d": 1}], "none": None}) == {
        "jobTier": "spot",
        "aB": [{"cD": 1}],
    }


@pytest.mark.parametrize(
    ("value", "iso"), [(60, "PT60S"), ("90", "PT90S"), ("PT1H", "PT1H"), (None, None), (0, None), ("", None)]
)
def test_durations(value: object, iso: str | None) -> None:
    assert spelling.duration(value) == iso


def test_modes_of_yaml_and_of_arm() -> None:
    assert spelling.mode("ro_mount") == spelling.mode("ReadOnlyMount") == "ReadOnlyMount"
    assert spelling.mode(None) == ""


@pytest.mark.parametrize(
    "written",
    [
        {"type": "pytorch", "process_count_per_instance": 2},
        {"distribution_type": "PyTorch", "process_count_per_instance": 2},
    ],
)
def test_distributions(written: dict[str, Any]) -> None:
    assert spelling.distribution(written) == {"distributionType": "PyTorch", "processCountPerInstance": 2}


def test_resources_keep_the_keys_of_their_properties() -> None:
    written = {"instance_count": 2, "properties": {"ComputeSpecification": {"a_b": 1}}}
    assert spelling.resources(written) == {"instanceCount": 2, "properties": {"ComputeSpecification": {"a_b": 1}}}


@pytest.mark.parametrize(
    ("written", "arm"),
    [
        ({"type": "choice", "values": [1, 2]}, ["choice", [[1, 2]]]),
        ({"type": "uniform", "min_value": 0, "max_value": 1}, ["uniform", [0, 1]]),
        ({"type": "qlognormal", "mu": 0, "sigma": 1, "q": 2}, ["qlognormal", [0, 1, 2]]),
        ({"type": "randint", "upper": 9}, ["randint", [9]]),
        (
            {"type": "choice", "values": [{"k": {"type": "choice", "values": ["a"]}, "n": 1}]},
            ["choice", [[{"k": ["choice", [["a"]]], "n": 1}]]],
        ),
    ],
)
def test_distributions_of_a_search_space_can_be_read_by_a_sweep(written: Any, arm: Any) -> None:
    assert spelling.dimension(written) == arm
    assert list(space.read({"x": arm})) == ["x"]


def test_algorithms_and_policies() -> None:
    assert spelling.sampling("bayesian") == {"samplingAlgorithmType": "Bayesian"}
    assert spelling.sampling({"type": "random", "seed": 3, "rule": "sobol"}) == {
        "samplingAlgorithmType": "Random",
        "seed": 3,
        "rule": "sobol",
    }
    assert spelling.termination({"type": "median_stopping", "evaluation_interval": 2}) == {
        "policyType": "MedianStopping",
        "evaluationInterval": 2,
    }
    assert spelling.termination(None) is None


def test_ids_lose_the_scheme_of_yaml() -> None:
    assert spelling.plain_id("azureml:/subscriptions/x") == "/subscriptions/x"
    assert spelling.plain_id("azureml:env:1") == "azureml:env:1"
    assert spelling.plain_id("") is None
    registry = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
    assert spelling.plain_id(registry) == spelling.plain_id(f"azureml:{registry}") == registry
