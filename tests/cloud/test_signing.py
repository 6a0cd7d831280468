"""Signing in from a page: the server asks Azure, the page shows the code, and verbs run with what was kept."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stand_in.authority import APPLICATION, SECRET, TENANT, Authority
from stand_in.server import Azure

from jupyter_aml.client import token_cache
from jupyter_aml.client.connection import Connection
from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.client.sign_in import SignInNeededError
from jupyter_aml.client.signing import SignIns, State
from jupyter_aml.errors import ConnectError, NotFoundError, ResourceError
from jupyter_aml.server import commands
from jupyter_aml.server.cloud import Cloud
from tests.unit.server.lab import Lab

HERE = Path(__file__).parent
CODE = "F4K3-C0D3"


@pytest.fixture(autouse=True)
def no_keyring() -> None:
    """This machine's own answer would make the tests depend on it."""
    token_cache.has_keyring.cache_clear()


@pytest.fixture
def prod(azure: Azure, home: Path) -> Profile:
    made = Profile("prod", azure.target, sign_in="device-code")
    Profiles(home).save(made)
    return made


@pytest.fixture
def cloud(home: Path) -> Cloud:
    return Cloud(home)


@pytest.fixture
def signing(home: Path, cloud: Cloud) -> SignIns:
    return SignIns(home, cloud.hold)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that this one starts are led to the stand-in, as this one is."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))


def until(look: Callable[[], State], wanted: str) -> State:
    """The state, once it is the one that is waited for; any other end fails."""
    end = time.monotonic() + 60
    while (found := look()).state != wanted:
        assert found.state == "waiting", found
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def shown(signing: SignIns) -> State:
    """The state, once there is a code."""
    end = time.monotonic() + 60
    while not (found := signing.state("prod")).code:
        assert found.state == "waiting", found
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def jobs(cloud: Cloud, azure: Azure) -> int:
    return cloud.send("GET", f"{azure.entry.arm_id[1:]}/jobs", query="api-version=2024-10-01").status


@pytest.mark.usefixtures("prod")
def test_the_code_is_shown_until_the_person_has_typed_it_in(
    signing: SignIns, cloud: Cloud, azure: Azure, authority: Authority
) -> None:
    authority.hesitates = True
    with pytest.raises(SignInNeededError):
        jobs(cloud, azure)

    first = signing.start("prod", beside=False)
    waiting = shown(signing)
    again = signing.start("prod", beside=False)
    authority.hesitates = False
    done = until(lambda: signing.state("prod"), "done")

    assert (first.state, first.way) == ("waiting", "device-code")
    assert (waiting.code, waiting.url) == (CODE, "https://login.microsoftonline.com/device")
    assert waiting.expires.endswith("+00:00")
    assert again == waiting, "one at a time"
    assert (done.code, done.url, done.workspace) == ("", "", azure.entry.arm_id)
    assert "refresh-" not in repr(done)
    assert jobs(cloud, azure) == 200
    assert len(authority.grants("device_code")) == 1


@pytest.mark.usefixtures("prod")
def test_where_the_tokens_lie_is_told(signing: SignIns, machine: Path) -> None:
    signing.start("prod", beside=False)

    done = until(lambda: signing.state("prod"), "done")

    assert token_cache.has_keyring() or f"kept in {machine / '.IdentityService'}" in done.message


@pytest.mark.usefixtures("prod")
def test_a_second_server_finds_the_sign_in(signing: SignIns, azure: Azure, home: Path, authority: Authority) -> None:
    signing.start("prod", beside=False)
    until(lambda: signing.state("prod"), "done")

    assert jobs(Cloud(home), azure) == 200
    assert len(authority.grants("device_code")) == 1


@pytest.mark.usefixtures("prod")
def test_a_sign_in_that_is_kept_nowhere_serves_this_server(
    signing: SignIns, cloud: Cloud, azure: Azure, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_AML_TOKEN_CACHE", "memory")

    signing.start("prod", beside=False)
    until(lambda: signing.state("prod"), "done")

    assert jobs(cloud, azure) == 200
    with pytest.raises(SignInNeededError):
        jobs(Cloud(home), azure)


@pytest.mark.usefixtures("prod")
def test_one_that_was_cancelled_keeps_nothing(
    signing: SignIns, cloud: Cloud, azure: Azure, home: Path, authority: Authority
) -> None:
    authority.hesitates = True
    signing.start("prod", beside=False)
    shown(signing)

    cancelled = signing.cancel("prod")
    authority.hesitates = False
    for thread in [one for one in threading.enumerate() if one.name == "jupyter_aml-sign-in"]:
        thread.join(60)

    assert (cancelled.state, signing.state("prod").state) == ("none", "none")
    assert len(authority.grants("device_code")) == 1, "the person agreed, but too late"
    assert not (home / "accounts").exists()
    with pytest.raises(SignInNeededError):
        jobs(cloud, azure)


@pytest.mark.usefixtures("prod")
def test_declining_is_said_and_one_can_begin_anew(signing: SignIns, authority: Authority) -> None:
    authority.approves = False
    signing.start("prod", beside=False)
    failed = until(lambda: signing.state("prod"), "failed")
    authority.approves = True

    signing.start("prod", beside=False)

    assert "declined the request (AADSTS70009)" in failed.message
    assert until(lambda: signing.state("prod"), "done").message != failed.message


def test_a_workspace_that_is_not_there_is_said(signing: SignIns, azure: Azure, home: Path) -> None:
    target = f"azure:{azure.entry.subscription}/{azure.entry.group}/nowhere"
    Profiles(home).save(Profile("lost", target, sign_in="device-code"))

    signing.start("lost", beside=False)

    assert "nowhere" in until(lambda: signing.state("lost"), "failed").message


def test_what_needs_nobody_is_tried_first(
    signing: SignIns, prod: Profile, home: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    Profiles(home).save(replace(prod, sign_in=""))
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", APPLICATION)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", SECRET)

    signing.start("prod", beside=False)

    assert until(lambda: signing.state("prod"), "done").way == "auto"
    assert [one.grant for one in authority.granted] == ["client_credentials"]


@pytest.mark.parametrize("way", ["", "browser"])
def test_no_browser_is_opened_on_a_server_elsewhere(
    signing: SignIns, prod: Profile, home: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    Profiles(home).save(replace(prod, sign_in=way))
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.setattr("azure.identity._credentials.browser._open_browser", pytest.fail)

    signing.start("prod", beside=False)

    assert until(lambda: signing.state("prod"), "done").way == "device-code"


@pytest.mark.usefixtures("prod")
def test_offline_stays_offline(signing: SignIns, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_AML_OFFLINE", "1")

    signing.start("prod", beside=False)

    assert "keeps this process offline" in until(lambda: signing.state("prod"), "failed").message
    assert azure.asked == []
    assert azure.authority.asked == []


@pytest.mark.usefixtures("prod")
def test_a_profile_that_was_changed_is_signed_in_to_anew(
    signing: SignIns, prod: Profile, home: Path, authority: Authority
) -> None:
    authority.hesitates = True
    signing.start("prod", beside=False)
    shown(signing)
    Profiles(home).save(replace(prod, sign_in="cli"))

    assert signing.start("prod", beside=False).way == "cli"
    assert "`az` is not installed" in until(lambda: signing.state("prod"), "failed").message


def test_only_profiles_of_azure_are_signed_in_to(signing: SignIns, home: Path) -> None:
    Profiles(home).save(Profile("here", "local:mine"))

    with pytest.raises(NotFoundError, match="no profile called 'nobody'"):
        signing.start("nobody", beside=False)
    with pytest.raises(ResourceError, match="nobody has to sign in"):
        signing.start("here", beside=False)
    assert signing.state("nobody") == State()


def test_of_two_profiles_of_a_workspace_the_one_that_was_signed_in_to_is_used(
    signing: SignIns, cloud: Cloud, prod: Profile, azure: Azure, home: Path
) -> None:
    Profiles(home).save(replace(prod, name="alpha", sign_in="cli"))
    before = [one["profile"] for one in cloud.workspaces()]

    signing.start("prod", beside=False)
    until(lambda: signing.state("prod"), "done")

    assert before == ["alpha"]
    assert [one["profile"] for one in cloud.workspaces()] == ["prod"]
    assert jobs(cloud, azure) == 200


def test_a_sign_in_of_a_notebook_helps_a_server_that_asked_before(
    cloud: Cloud, prod: Profile, azure: Azure, home: Path
) -> None:
    with pytest.raises(SignInNeededError):
        jobs(cloud, azure)
    elsewhere = SignIns(home, lambda profile, connection: None)
    elsewhere.start("prod", beside=False)
    until(lambda: elsewhere.state("prod"), "done")

    assert jobs(cloud, azure) == 200


def ran(home: Path, *line: str) -> commands.Ended:
    words = commands.away(line, Profiles(home).get("prod"))
    return asyncio.run(commands.run(home, words, folder=home, interpreter=sys.executable))


@pytest.mark.usefixtures("prod", "children")
def test_a_verb_runs_in_azure_and_nobody_is_asked(
    signing: SignIns, cloud: Cloud, azure: Azure, authority: Authority, home: Path
) -> None:
    (home / "iris.csv").write_text("a\n1\n", encoding="utf-8")
    refused = ran(home, "data", "create", "iris", "iris.csv")
    signing.start("prod", beside=False)
    until(lambda: signing.state("prod"), "done")

    made = ran(home, "data", "create", "iris", "iris.csv")
    seen = ran(home, "preview", "azureml:iris:1", "-o", "json")

    assert refused.code == 1
    assert "Nobody has signed in" in refused.error
    assert made.code == 0, made
    assert json.loads(seen.output) == [{"a": 1}]
    assert cloud.send("GET", f"{azure.entry.arm_id[1:]}/data/iris/versions/1").status == 200
    assert len(authority.grants("device_code")) == 1
    assert Profiles(home).chosen() is None, "a bare connect() stays local"


@pytest.mark.usefixtures("prod", "children")
def test_a_verb_stays_offline(home: Path, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_AML_OFFLINE", "1")

    ended = ran(home, "data", "list")

    assert (ended.code, azure.asked) == (1, [])
    assert "keeps this process offline" in ended.error


@pytest.fixture
def lab(tmp_path: Path, azure: Azure, children: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A real Jupyter Server to which Azure's names lead to the stand-in."""
    made = Lab(tmp_path / "server")
    made.root.mkdir()
    monkeypatch.setenv("JUPYTER_AML_OFFLINE", "")
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_a_page_connects_signs_in_works_and_forgets(lab: Lab, azure: Azure, authority: Authority) -> None:
    authority.hesitates = True
    asked = {"target": azure.target, "profile": "prod", "signIn": "browser"}
    listing = f"jupyter-aml/arm{azure.entry.arm_id}/datastores?isDefault=true"
    words = {"workspace": azure.entry.arm_id, "words": ["datastore", "list", "-o", "json"]}

    status, connected = lab.send("POST", "jupyter-aml/connect", asked)
    refused = lab.ask(listing)
    verb = lab.send("POST", "jupyter-aml/commands", words)
    lab.send("POST", "jupyter-aml/sign-in", {"profile": "prod"})
    waiting = told(lab, lambda found: found["code"])
    authority.hesitates = False
    told(lab, lambda found: found["state"] == "done")
    ended = lab.send("POST", "jupyter-aml/commands", words)[1]

    made = {"id": azure.entry.arm_id, "place": "AZURE", "profile": "prod", "target": azure.target}
    assert (status, connected) == (200, made)
    assert (refused[0], refused[1]["error"]["code"]) == (401, "AuthenticationFailed")
    assert (verb[0], verb[1]["error"]["code"]) == (401, "AuthenticationFailed")
    assert (waiting["way"], waiting["code"]) == ("device-code", CODE)
    assert lab.ask(listing)[0] == 200
    assert "workspaceblobstore" in ended["output"], ended
    assert lab.send("DELETE", "jupyter-aml/connect?profile=prod")[0] == 200
    assert lab.ask("jupyter-aml/workspaces")[1]["value"] == []
    assert lab.ask(listing)[0] == 404
    assert lab.ask("jupyter-aml/sign-in?profile=prod")[1]["state"] == "none", "nothing is known of who was forgotten"


def test_who_is_forgotten_has_to_sign_in_again(
    lab: Lab, azure: Azure, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"target": azure.target, "profile": "prod", "signIn": "device-code"}
    listing = f"jupyter-aml/arm{azure.entry.arm_id}/datastores?isDefault=true"
    lab.stop()
    monkeypatch.setenv("JUPYTER_AML_TOKEN_CACHE", "memory")  # the server alone has the tokens
    lab.start()
    lab.send("POST", "jupyter-aml/connect", asked)
    lab.send("POST", "jupyter-aml/sign-in", {"profile": "prod"})
    told(lab, lambda found: found["state"] == "done")
    assert lab.ask(listing)[0] == 200

    lab.send("DELETE", "jupyter-aml/connect?profile=prod")
    lab.send("POST", "jupyter-aml/connect", asked)

    assert lab.ask(listing)[0] == 401
    assert len(authority.grants("device_code")) == 1


def told(lab: Lab, wanted: Callable[[Any], Any]) -> Any:
    """The state of the sign-in, once it is as wanted."""
    end = time.monotonic() + 60
    while True:
        found = lab.ask("jupyter-aml/sign-in?profile=prod")[1]
        if wanted(found):
            return found
        assert found["state"] == "waiting", found
        assert time.monotonic() < end, found
        time.sleep(0.05)


def test_a_subscription_can_be_named(
    signing: SignIns, home: Path, azure: Azure, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    guid = azure.entry.subscription
    listed = [{"subscriptionId": guid, "displayName": "Research"}]
    monkeypatch.setattr("jupyter_aml.client.rest.Rest.subscriptions", lambda self: listed)
    Profiles(home).save(Profile("prod", "azure:research/cloud/prod", sign_in="device-code", tenant=TENANT))
    Profiles(home).save(Profile("odd", "azure:nothing/cloud/prod", sign_in="device-code", tenant=TENANT))

    signing.start("prod", beside=False)
    signing.start("odd", beside=False)
    failed = until(lambda: signing.state("odd"), "failed")

    assert until(lambda: signing.state("prod"), "done").workspace == azure.entry.arm_id
    assert Profiles(home).get("prod").target == azure.target
    assert jobs(cloud, azure) == 200
    assert f"No subscription is called 'nothing'; you can see Research ({guid})" in failed.message


def test_a_connection_that_cannot_be_made_is_no_sign_in(home: Path, azure: Azure) -> None:
    held: list[Connection] = []
    Profiles(home).save(Profile("prod", azure.target, cloud="Nebula"))
    signing = SignIns(home, lambda profile, connection: held.append(connection))

    signing.start("prod", beside=False)

    assert "no cloud called 'Nebula'" in until(lambda: signing.state("prod"), "failed").message
    assert held == []
    with pytest.raises(ConnectError):
        Cloud(home).connection(azure.entry.arm_id)
