"""Names of endpoints and deployments: made up, taken apart, and asked for where they are missing."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aml.commands.actions import deploying, deployments, endpoints
from jupyter_aml.commands.grammar import Args
from jupyter_aml.errors import UsageError

VALID = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")


@pytest.mark.parametrize(
    ("model", "endpoint"),
    [("iris_model", "iris-model"), ("Iris Model!", "iris-model"), ("7up", "model-7up"), ("a", "a-endpoint")],
)
def test_an_endpoint_is_called_after_its_model(model: str, endpoint: str) -> None:
    assert deploying.endpoint_name(model) == endpoint


@given(st.text(max_size=60), st.sampled_from(["", "/subscriptions/s/workspaces/w"]))
def test_a_made_up_name_is_one_that_azure_takes(model: str, workspace: str) -> None:
    name = deploying.endpoint_name(model, workspace)

    assert VALID.fullmatch(name)
    assert deploying.SHORTEST <= len(name) <= deploying.LONGEST


def test_in_azure_a_name_is_the_workspaces_own_and_always_the_same() -> None:
    one, other = (deploying.endpoint_name("iris", f"/subscriptions/s/workspaces/{name}") for name in "ab")

    assert one != other
    assert one == deploying.endpoint_name("iris", "/subscriptions/s/workspaces/a")


def named(**given: Any) -> deployments.Named:
    return deployments.named(Args({"name": None, "endpoint_name": None, **given}), deployments.ONLINE, "show")


def test_a_deployment_is_named_in_three_ways() -> None:
    expected = deployments.Named("blue", "iris")

    assert named(name="blue", endpoint_name="iris") == expected
    assert named(name="iris/blue") == expected
    assert named(name=SimpleNamespace(name="blue", endpoint_name="iris")) == expected
    assert str(expected) == "iris/blue"


@pytest.mark.parametrize(
    ("given", "said"), [({"name": "blue"}, "name of its endpoint"), ({"endpoint_name": "iris"}, "name of a deployment")]
)
def test_a_name_that_is_missing_is_asked_for(given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        named(**given)

    assert "%aml online-deployment show --name" in caught.value.remedy


def test_an_endpoint_that_is_missing_is_asked_for() -> None:
    with pytest.raises(UsageError, match="online-endpoint show needs the name") as caught:
        endpoints.name_of(None, endpoints.ONLINE, "show")

    assert "%aml online-endpoint list" in caught.value.remedy


def test_numbers_that_are_set_become_numbers() -> None:
    settings = SimpleNamespace(request_timeout_ms=None)
    entity = SimpleNamespace(instance_count=1, request_settings=None, tags=None, description=None)

    deployments.change(
        entity,
        Args(set=("instance_count=3", "request_settings.request_timeout_ms=9000")),
        {"request_settings": lambda: settings},
    )

    assert (entity.instance_count, settings.request_timeout_ms) == (3, 9000)
    with pytest.raises(UsageError, match="instance_count=many: a whole number"):
        deployments.change(entity, Args(set=("instance_count=many",)), {})


HELD = [deploying.Held("blue", 100), deploying.Held("green", 0)]


@pytest.mark.parametrize(
    ("known", "cell", "name"),
    [
        ([], "", "blue"),
        (HELD[:1], "", "green"),
        ([deploying.Held("blue", 0, failed=True)], "", "blue"),
        ([deploying.Held("blue", 100, failed=True)], "", "green"),
        ([deploying.Held("red", 100, cell="double"), *HELD], "double", "red"),
        ([deploying.Held("blue", 100, cell="other")], "double", "green"),
    ],
)
def test_a_deployment_that_nobody_named_replaces_what_the_cell_made_or_what_failed(
    known: list[deploying.Held], cell: str, name: str
) -> None:
    assert deploying.free(known, "iris", cell) == name


def test_where_all_names_are_taken_the_idle_one_is_offered() -> None:
    with pytest.raises(UsageError, match=r"iris has blue \(100 %\), green \(0 %\) already") as caught:
        deploying.free(HELD, "iris", "")

    assert "--name green to replace it" in caught.value.remedy
