"""Operations that go on in Azure: their addresses name no workspace, and still belong to one."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.errors import NotFoundError
from jupyter_aml.server.cloud import Cloud

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
RP = "providers/Microsoft.MachineLearningServices"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    Profiles(tmp_path).save(Profile("mine", f"azure:{SUBSCRIPTION}/group/space"))
    return Cloud(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        f"subscriptions/{SUBSCRIPTION}/{RP}/locations/westeurope/mfeOperationsStatus/od:1:2",
        f"/subscriptions/{SUBSCRIPTION}/{RP}/locations/westeurope/computeOperationsResults/3",
        f"subscriptions/{SUBSCRIPTION}/resourceGroups/group/{RP}/workspaces/space/jobs",
    ],
)
def test_an_operation_is_asked_with_the_profile_of_its_subscription(cloud: Cloud, path: str) -> None:
    assert cloud.profile(path).name == "mine"


@pytest.mark.parametrize(
    "path",
    [
        f"subscriptions/{SUBSCRIPTION}",
        f"subscriptions/{SUBSCRIPTION}/resourceGroups",
        f"subscriptions/{SUBSCRIPTION}/{RP}/locations/westeurope/quotas",
        f"subscriptions/{SUBSCRIPTION}/{RP}/locations/westeurope/mfeOperationsStatus/1/../../../../../resourceGroups",
        f"subscriptions/{SUBSCRIPTION}/resourceGroups/group/{RP}/workspaces/other/jobs",
        f"subscriptions/22222222-2222-2222-2222-222222222222/{RP}/locations/westeurope/mfeOperationsStatus/1",
    ],
)
def test_nothing_else_of_a_subscription_can_be_asked(cloud: Cloud, path: str) -> None:
    with pytest.raises(NotFoundError):
        cloud.profile(path)
