"""Connecting from a page: workspaces of this machine are made, those in Azure are kept as profiles."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders

from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.server.connecting import SignInHandler

from .lab import Lab, running

GUID = "5c4b3a29-0000-4000-8000-00000000cccc"
AZURE = f"azure:{GUID}/research/clinic"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server of its own, without any workspace."""
    with running(tmp_path_factory.mktemp("server")) as made:
        yield made


def named(lab: Lab) -> dict[str, dict[str, Any]]:
    return {one["profile"] or one["name"]: one for one in lab.ask("jupyter-aml/workspaces")[1]["value"]}


def test_a_workspace_on_this_machine_is_made(lab: Lab) -> None:
    name = f"made{secrets.token_hex(3)}"

    status, connected = lab.send("POST", "jupyter-aml/connect", {"target": f"local:{name}"})

    assert (status, connected["place"]) == (200, "LOCAL"), connected
    assert named(lab)[name]["id"] == connected["id"]
    assert lab.ask(f"jupyter-aml/arm{connected['id']}/datastores")[0] == 200


def test_a_folder_is_seen_from_where_the_server_is(lab: Lab) -> None:
    folder = f"kept{secrets.token_hex(3)}"

    status, connected = lab.send("POST", "jupyter-aml/connect", {"target": f"local:./{folder}", "profile": folder})

    assert status == 200, connected
    assert (lab.root / folder / "workspace.db").is_file()
    assert Profiles(lab.home).get(folder).target == f"local:{lab.root / folder}"


def test_what_cannot_be_made_is_said_as_aml_says_it(lab: Lab) -> None:
    status, answer = lab.send("POST", "jupyter-aml/connect", {"target": "local:!"})

    assert status == 400
    assert "'!' cannot be a workspace's name" in answer["error"]["message"]


def test_a_workspace_in_azure_is_kept_as_a_profile_and_forgotten(lab: Lab) -> None:
    asked = {"target": AZURE, "profile": "clinic", "signIn": "device-code", "tenant": "t.example", "client": GUID}
    before = Profiles(lab.home).chosen()

    status, connected = lab.send("POST", "jupyter-aml/connect", asked)
    again = lab.send("POST", "jupyter-aml/connect", {**asked, "signIn": "cli"})

    profiles = Profiles(lab.home)
    assert (status, connected["place"], connected["profile"]) == (200, "AZURE", "clinic")
    assert again[0] == 200
    assert profiles.get("clinic") == Profile("clinic", AZURE, tenant="t.example", client=GUID, sign_in="cli")
    assert profiles.chosen() == before, "a bare connect() stays where it was"
    assert named(lab)["clinic"]["id"] == connected["id"]
    assert lab.send("DELETE", "jupyter-aml/connect?profile=clinic")[0] == 200
    assert "clinic" not in named(lab)
    assert lab.send("DELETE", "jupyter-aml/connect?profile=clinic")[0] == 404


def test_a_config_file_names_the_workspace(lab: Lab) -> None:
    folder = lab.root / "configured"
    folder.mkdir(exist_ok=True)
    named_there = {"subscription_id": GUID, "resource_group": "rg", "workspace_name": "ws"}
    (folder / "config.json").write_text(json.dumps(named_there), encoding="utf-8")

    _, connected = lab.send("POST", "jupyter-aml/connect", {"target": "config:configured", "profile": "fromfile"})
    status, missing = lab.send("POST", "jupyter-aml/connect", {"target": "config:nowhere", "profile": "fromfile"})

    assert Profiles(lab.home).get("fromfile").target == f"azure:{GUID}/rg/ws"
    assert connected["profile"] == "fromfile"
    assert (status, "No config.json was found" in missing["error"]["message"]) == (404, True)


def test_the_name_of_another_workspace_is_not_taken(lab: Lab) -> None:
    lab.send("POST", "jupyter-aml/connect", {"target": AZURE, "profile": "taken"})

    status, answer = lab.send("POST", "jupyter-aml/connect", {"target": f"{AZURE}2", "profile": "taken"})

    assert (status, answer["error"]["code"]) == (409, "Conflict")
    assert Profiles(lab.home).get("taken").target == AZURE


def test_a_profile_can_be_corrected_by_who_has_just_made_it(lab: Lab) -> None:
    _, wrong = lab.send("POST", "jupyter-aml/connect", {"target": f"{AZURE}x", "profile": "corrected"})
    asked = {"target": AZURE, "profile": "corrected", "instead": wrong["target"]}

    assert lab.send("POST", "jupyter-aml/connect", asked)[0] == 200
    assert Profiles(lab.home).get("corrected").target == AZURE


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "names no place to connect to"),
        ({"target": 1}, "target is no text"),
        ({"target": "prod"}, "names no place to connect to"),
        ({"target": "azure:a//b"}, "does not name a workspace"),
        ({"target": "azure:a/b", "profile": "p"}, "The workspace in Azure is not named"),
        ({"target": AZURE}, "cannot be a profile's name"),
        ({"target": AZURE, "profile": "azure"}, "cannot be a profile's name"),
        ({"target": AZURE, "profile": "p", "signIn": "magic"}, "'magic' is no way to sign in"),
        ({"target": AZURE, "profile": "p", "cloud": "Nebula"}, "no cloud called 'Nebula'"),
    ],
)
def test_what_cannot_be_is_said(lab: Lab, asked: dict[str, Any], said: str) -> None:
    status, answer = lab.send("POST", "jupyter-aml/connect", asked)

    assert status == 400
    assert said in answer["error"]["message"]
    assert "p" not in named(lab)


def test_only_profiles_of_azure_are_signed_in_to(lab: Lab) -> None:
    Profiles(lab.home).save(Profile("mine", "local:mine"))

    none = lab.ask("jupyter-aml/sign-in?profile=nobody")
    unknown = lab.send("POST", "jupyter-aml/sign-in", {"profile": "nobody"})
    here = lab.send("POST", "jupyter-aml/sign-in", {"profile": "mine"})

    assert (none[0], none[1]["state"]) == (200, "none")
    assert (unknown[0], here[0]) == (404, 400)
    assert "nobody has to sign in" in here[1]["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "address", "beside"),
    [
        ({}, "127.0.0.1", True),
        ({}, "::1", True),
        ({}, "10.0.0.4", False),
        ({}, "", False),
        ({"X-Forwarded-For": "10.0.0.4"}, "127.0.0.1", False),
        ({"x-real-ip": "10.0.0.4"}, "127.0.0.1", False),
        ({"Forwarded": "for=10.0.0.4"}, "127.0.0.1", False),
    ],
)
def test_a_browser_is_opened_only_where_the_person_sits(headers: dict[str, str], address: str, *, beside: bool) -> None:
    request = SimpleNamespace(headers=HTTPHeaders(headers), remote_ip=address)

    assert SignInHandler._beside(SimpleNamespace(request=request)) is beside  # type: ignore[arg-type]
