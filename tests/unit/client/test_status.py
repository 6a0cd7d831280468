"""`status()` and `whoami()`: plain data."""

from __future__ import annotations

import json

import pytest

from jupyter_aml.client.connect import connect
from jupyter_aml.client.status import status, whoami
from jupyter_aml.errors import ConnectError


def test_nothing_connected_is_said_plainly() -> None:
    found = status()

    assert found["connection"] is None
    assert found["host"] is None
    assert found["versions"]["jupyter_aml"]


def test_a_connection_is_shown_with_its_place_folder_and_patches() -> None:
    connect("local")

    found = status()

    assert found["connection"]["place"] == "LOCAL"
    assert found["connection"]["folder"].endswith("workspaces/local/local")
    assert found["store"]["free"] > 0
    assert found["patched"][0]["what"] == "requests.adapters.HTTPAdapter.send"
    assert found["sdk"] == "ready"


def test_it_can_be_written_as_json() -> None:
    connect("local", adopt=True)

    found = status()

    assert json.loads(json.dumps(found)) == found


def test_who_am_i_in_the_local_workspace() -> None:
    found = whoami(connect("local", identity="ada"))

    assert found["user"] == "ada@local"
    assert found["place"] == "LOCAL"
    assert found["minutes"] > 600
    assert found["tenant"]


def test_nobody_without_a_connection() -> None:
    with pytest.raises(ConnectError, match="Nothing is connected") as caught:
        whoami()

    assert "connect('local')" in caught.value.remedy
