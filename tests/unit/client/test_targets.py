"""What may stand after `connect`."""

from __future__ import annotations

import pytest

from jupyter_aml.client.targets import Target, parse
from jupyter_aml.errors import ConnectError

SUB = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local", Target("local")),
        ("local:clinic", Target("local", name="clinic")),
        ("local:./clinic", Target("local", path="./clinic")),
        ("local:~/clinic", Target("local", path="~/clinic")),
        ("local:/data/my clinic", Target("local", path="/data/my clinic")),
        ("local:.", Target("local", path=".")),
        ("config", Target("config")),
        ("config:sub/config.json", Target("config", path="sub/config.json")),
        ("azure", Target("azure")),
        (f"azure:{SUB}", Target("azure", subscription=SUB)),
        (f"azure:{SUB}/rg/ws", Target("azure", subscription=SUB, group="rg", workspace="ws")),
        ("team-prod", Target("profile", name="team-prod")),
    ],
)
def test_every_form_is_understood(text: str, expected: Target) -> None:
    assert parse(text) == expected


def test_an_arm_id_names_a_workspace_too() -> None:
    arm = f"/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"

    assert parse(f"azure:{arm}") == Target("azure", subscription=SUB, group="rg", workspace="ws")


@pytest.mark.parametrize("text", ["azure:a/b/c/d", "azure:/b/c", "azure:a//c"])
def test_a_workspace_has_three_names(text: str) -> None:
    with pytest.raises(ConnectError, match="does not name a workspace") as caught:
        parse(text)

    assert "portal" in caught.value.remedy


def test_an_unknown_word_with_a_colon_is_no_place() -> None:
    with pytest.raises(ConnectError, match="names no place") as caught:
        parse("aws:eu-west-1")

    assert "connect('local')" in caught.value.remedy


def test_nothing_after_the_colon_is_refused() -> None:
    with pytest.raises(ConnectError, match="Nothing stands after the colon"):
        parse("local:")
