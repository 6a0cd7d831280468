"""The search space and the policies of a sweep as people write them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_aml.commands.scripts import search
from jupyter_aml.commands.scripts.header import Parameter, compose
from jupyter_aml.errors import UsageError


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("choice(1, 2)", {"type": "choice", "values": [1, 2]}),
        ("choice([1, 2])", {"type": "choice", "values": [1, 2]}),
        ("choice(values=[0.5])", {"type": "choice", "values": [0.5]}),
        ("choice(gini, 'a, b', true)", {"type": "choice", "values": ["gini", "a, b", True]}),
        ("[gini, entropy]", {"type": "choice", "values": ["gini", "entropy"]}),
        (range(3), {"type": "choice", "values": [0, 1, 2]}),
        ("randint(9)", {"type": "randint", "upper": 9}),
        ("uniform(0, 1)", {"type": "uniform", "min_value": 0, "max_value": 1}),
        ("LogUniform(-5, max_value=0)", {"type": "loguniform", "min_value": -5, "max_value": 0}),
        ("quniform(1, 9, 2)", {"type": "quniform", "min_value": 1, "max_value": 9, "q": 2}),
        ("normal(0, 1e-3)", {"type": "normal", "mu": 0, "sigma": 0.001}),
        ("qlognormal(0, 1, 1)", {"type": "qlognormal", "mu": 0, "sigma": 1, "q": 1}),
    ],
)
def test_a_distribution_is_read_as_in_the_documentation_of_azure(written: Any, meant: dict[str, Any]) -> None:
    assert search.distribution("x", written) == meant


def test_a_distribution_of_the_sdk_is_taken_as_it_is() -> None:
    found = search.distribution("x", SimpleNamespace(type="uniform", min_value=0, max_value=2))

    assert found == {"type": "uniform", "min_value": 0, "max_value": 2}


@pytest.mark.parametrize(
    ("written", "why", "remedy"),
    [
        ("unifrom(0, 1)", "The distributions are choice", "Did you mean uniform?"),
        ("0.5", "The distributions are choice", "uniform(0, 1)"),
        ("uniform(0,", "A space ends a word", "quotes"),
        ("uniform(0)", "uniform takes min_value, max_value", "uniform(0, 1)"),
        ("uniform(0, 1, 2)", "uniform takes min_value, max_value", "uniform(0, 1)"),
        ("uniform(1, 0)", "The lower end comes first", "uniform(0, 1)"),
        ("uniform(a, b)", "Min_value is 'a', not a number", "uniform(0, 1)"),
        ("uniform(0, maximum=1)", "uniform takes min_value, max_value", "uniform(0, 1)"),
        ("normal(0, 0)", "Sigma must be above 0", "normal(0, 1)"),
        ("quniform(0, 1, 0)", "Q must be above 0", "quniform(2, 20, 2)"),
        ("randint(0)", "Upper must be above 0", "randint(10)"),
        ("choice()", "It has no values", "choice(16, 32, 64)"),
    ],
)
def test_what_is_no_distribution_is_refused_with_an_example(written: str, why: str, remedy: str) -> None:
    with pytest.raises(UsageError, match="--search x=") as caught:
        search.distribution("x", written)

    assert why.lower() in caught.value.why.lower()
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("choice(1, 2)", "int"), ("choice(1, 0.5)", "float"), ("choice(true, false)", "bool"), ("choice(1, a)", "str"),
        ("choice(1, true)", "str"), ("randint(3)", "int"), ("quniform(0, 9, 1)", "whole"),
        ("quniform(0, 1, 0.1)", "float"), ("uniform(0, 1)", "float"),
    ],
)  # fmt: skip
def test_the_script_reads_a_parameter_by_its_distribution(written: str, kind: str) -> None:
    assert search.kind_of(search.distribution("x", written)) == kind


@pytest.mark.parametrize("text", ["3", "3.0"])
def test_a_whole_number_is_read_however_it_is_written(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {}
    monkeypatch.setattr("sys.argv", ["train.py", "--depth", text])

    exec(compose("found = depth\n", [Parameter("depth", "whole")], []), names)

    assert repr(names["found"]) == "3"


@pytest.mark.parametrize(
    ("written", "size"), [(("choice(1, 2)", "randint(3)"), 6), (("choice(1, 2)", "uniform(0, 1)"), None)]
)
def test_a_space_is_counted_where_it_can_be(written: tuple[str, ...], size: int | None) -> None:
    space = {f"x{number}": search.distribution("x", text) for number, text in enumerate(written)}

    assert search.size(space) == size


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("bandit", {"type": "bandit", "slack_factor": 0.1, "evaluation_interval": 1}),
        ("bandit(0.2, interval=2, delay=5)",
         {"type": "bandit", "slack_factor": 0.2, "evaluation_interval": 2, "delay_evaluation": 5}),
        ("bandit(amount=3)", {"type": "bandit", "slack_amount": 3, "evaluation_interval": 1}),
        ("median", {"type": "median_stopping", "evaluation_interval": 1}),
        ("truncation(30)",
         {"type": "truncation_selection", "truncation_percentage": 30, "evaluation_interval": 1}),
    ],
)  # fmt: skip
def test_a_policy_is_read_with_its_short_words(written: str, meant: dict[str, Any]) -> None:
    assert search.policy(written) == meant


@pytest.mark.parametrize(
    ("written", "why", "remedy"),
    [
        ("bandt(0.1)", "The policies are bandit, median, truncation", "Did you mean bandit?"),
        ("bandit(0.1, slak=2)", "It has no 'slak'", "bandit(0.1,interval=2)"),
        ("bandit(0.1, 2)", "Only the first number stands without a name", "bandit(0.1,interval=2)"),
        ("bandit(0.1, amount=2)", "exclude each other", "bandit(0.1,interval=2)"),
        ("median(3)", "Only the first number stands without a name", "median(delay=5)"),
        ("truncation(many)", "not a number", "truncation(20)"),
    ],
)
def test_what_is_no_policy_is_refused_with_an_example(written: str, why: str, remedy: str) -> None:
    with pytest.raises(UsageError, match="--early-termination") as caught:
        search.policy(written)

    assert why in caught.value.why
    assert remedy in caught.value.remedy


def test_the_metrics_that_a_script_logs_are_found_where_their_names_are_written_out() -> None:
    body = 'import mlflow\nmlflow.log_metric("auc", 1)\nmlflow.log_metrics({"loss": 1, name: 2})\nlog_metric(key, 1)\n'

    assert list(search.metrics_in(body)) == ["auc", "loss"]
