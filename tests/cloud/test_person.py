"""A person signs in to Azure: by device code, browser or `az`; once, and in the tenant of the subscription."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stand_in.authority import HOME_TENANT, TENANT, Authority
from stand_in.server import Azure

from jupyter_aml.client import token_cache
from jupyter_aml.client.connect import connect
from jupyter_aml.client.status import whoami
from jupyter_aml.errors import ConnectError

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def no_keyring() -> None:
    """This machine's own answer would make the tests depend on it."""
    token_cache.has_keyring.cache_clear()


def elsewhere(code: str) -> subprocess.CompletedProcess[str]:
    """What a process of its own prints, led to the stand-in as this one is."""
    paths = os.pathsep.join([str(HERE), str(HERE.parent.parent)])
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        env={**os.environ, "PYTHONPATH": paths},
    )


def test_the_device_code_is_shown_and_the_person_signs_in(
    azure: Azure, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    client = connect(azure.target, sign_in="device-code")

    assert client.workspaces.get("prod").name == "prod"
    said = capsys.readouterr()
    assert said.err.startswith(
        "To sign in to Azure, open https://login.microsoftonline.com/device and type the code F4K3-C0D3, until "
    )
    assert said.out == "", "a pipe's output stays clean"
    assert whoami(client)["user"] == authority.person


def test_the_code_can_be_shown_by_someone_else(azure: Azure) -> None:
    shown: list[tuple[str, str]] = []

    whoami(connect(azure.target, sign_in="device-code", prompt=lambda url, code, _until: shown.append((url, code))))

    assert shown == [("https://login.microsoftonline.com/device", "F4K3-C0D3")]


def test_eight_threads_ask_the_person_once(azure: Azure, authority: Authority) -> None:
    shown: list[str] = []
    client = connect(azure.target, sign_in="device-code", prompt=lambda _url, code, _until: shown.append(code))
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(client.workspaces.get("prod").name)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert found == ["prod"] * 8
    assert shown == ["F4K3-C0D3"]
    assert len(authority.grants("device_code")) == 1


def test_the_tenant_is_that_of_the_subscription_when_none_is_named(azure: Azure, authority: Authority) -> None:
    whoami(connect(azure.target, sign_in="device-code"))

    assert {one.tenant for one in authority.granted} == {TENANT}


def test_the_tenant_that_is_named_is_the_one(azure: Azure, authority: Authority) -> None:
    client = connect(azure.target, sign_in="device-code", tenant_id=HOME_TENANT)

    assert whoami(client)["tenant"] == HOME_TENANT
    from azure.core.exceptions import ClientAuthenticationError

    with pytest.raises(ClientAuthenticationError, match="wrong issuer"):
        client.workspaces.get("prod")


def test_declining_is_said_in_one_sentence(azure: Azure, authority: Authority) -> None:
    authority.approves = False

    with pytest.raises(ConnectError, match=r"declined the request \(AADSTS70009\)") as caught:
        whoami(connect(azure.target, sign_in="device-code"))

    assert "accept" in caught.value.remedy


SECOND = """
import sys
from jupyter_aml.client.connect import connect
from jupyter_aml.client.status import whoami
client = connect({target!r}, sign_in="device-code")
print(whoami(client)["user"], client.workspaces.get("prod").name)
print("azure" in sys.modules)
"""


def test_a_second_process_does_not_ask_again(azure: Azure, authority: Authority, home: Path, machine: Path) -> None:
    first = elsewhere(SECOND.format(target=azure.target))
    second = elsewhere(SECOND.format(target=azure.target))

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout.splitlines()[0] == second.stdout.splitlines()[0] == f"{authority.person} prod"
    assert "F4K3-C0D3" in first.stderr
    assert second.stderr == ""
    assert len(authority.grants("device_code")) == 1


def test_without_a_keyring_the_person_is_told_where_the_tokens_lie(
    azure: Azure, home: Path, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if token_cache.has_keyring():
        pytest.skip("this machine has a keyring")

    whoami(connect(azure.target, sign_in="device-code"))

    said = capsys.readouterr().err
    assert f"No keyring answers on this machine: the sign-in is kept in {machine / '.IdentityService'}" in said
    assert "JUPYTER_AML_TOKEN_CACHE=memory" in said
    kept = list((machine / ".IdentityService").iterdir())
    assert any("refresh-" in file.read_text(encoding="utf-8") for file in kept)
    assert (machine / ".IdentityService").stat().st_mode & 0o077 == 0
    (record,) = (home / "accounts").iterdir()
    assert record.stat().st_mode & 0o077 == 0
    assert "refresh-" not in record.read_text(encoding="utf-8")
    assert json.loads(record.read_text(encoding="utf-8"))["username"] == "ada@contoso.example"


def test_tokens_are_kept_nowhere_when_the_person_wishes_so(
    azure: Azure, authority: Authority, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_AML_TOKEN_CACHE", "memory")
    code = SECOND.format(target=azure.target)

    first, second = elsewhere(code), elsewhere(code)

    assert "kept for this process alone" in first.stderr
    assert "F4K3-C0D3" in second.stderr
    assert len(authority.grants("device_code")) == 2
    assert not (machine / ".IdentityService").exists()


def test_an_unknown_wish_is_refused(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_AML_TOKEN_CACHE", "cloud")

    with pytest.raises(ConnectError, match="JUPYTER_AML_TOKEN_CACHE=cloud is not known") as caught:
        whoami(connect(azure.target, sign_in="device-code"))

    assert "Unset" in caught.value.remedy


def test_a_token_near_its_end_is_renewed_without_asking(azure: Azure, authority: Authority) -> None:
    shown: list[str] = []
    authority.lifetime = 200  # shorter than what is left when tokens are renewed
    client = connect(azure.target, sign_in="device-code", prompt=lambda _url, code, _until: shown.append(code))

    whoami(client)
    whoami(client)

    assert shown == ["F4K3-C0D3"]
    assert authority.grants("refresh_token")


def test_another_application_is_another_account(azure: Azure, authority: Authority) -> None:
    whoami(connect(azure.target, sign_in="device-code"))
    whoami(connect(azure.target, sign_in="device-code", client_id="aaaaaaaa-2222-3333-4444-555555555555"))

    assert len({one.client for one in authority.grants("device_code")}) == 2


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A desktop; what azure-identity listens with it leaves open, so it is closed here."""
    from azure.identity._credentials import browser

    listening: list[Any] = []
    kind = browser.AuthCodeRedirectServer

    def listen(*arguments: Any, **named: Any) -> Any:
        made = kind(*arguments, **named)
        listening.append(made)
        return made

    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.setattr(browser, "AuthCodeRedirectServer", listen)
    yield
    for one in listening:
        one.server_close()


def test_the_browser_is_opened_and_comes_back(
    azure: Azure, authority: Authority, browser: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def open_it(url: str) -> bool:
        opened.append(url)
        threading.Thread(target=agree, args=(url,), daemon=True).start()
        return True

    def agree(url: str) -> None:
        import requests

        page = requests.get(url, timeout=30)
        back = dict(part.split("=", 1) for part in url.partition("?")[2].split("&"))["redirect_uri"]
        urllib.request.urlopen(urllib.request.unquote(back), page.content, timeout=30).read()

    monkeypatch.setattr("azure.identity._credentials.browser._open_browser", open_it)

    assert whoami(connect(azure.target, sign_in="browser"))["user"] == authority.person
    assert len(authority.grants("authorization_code")) == 1
    assert opened[0].startswith(f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize?")


def test_where_no_browser_can_be_opened_a_code_is_shown(
    azure: Azure, authority: Authority, browser: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azure.identity._credentials.browser._open_browser", lambda url: False)

    client = connect(azure.target)

    assert whoami(client)["sign_in"] == "device-code"


def test_the_sign_in_of_az_is_used_first(azure: Azure, authority: Authority, cli: Callable[..., Path]) -> None:
    calls = cli(tenant=TENANT)
    client = connect(azure.target)

    assert client.workspaces.get("prod").name == "prod"
    list(client.jobs.list())
    assert whoami(client)["sign_in"] == "cli"
    assert authority.grants("device_code") == []
    lines = calls.read_text(encoding="utf-8").splitlines()
    assert f"--tenant {TENANT}" in lines[0]
    assert len(lines) <= 2, "az is started once for each audience"


def test_az_without_a_sign_in_leads_on_to_the_person(
    azure: Azure, authority: Authority, cli: Callable[..., Path]
) -> None:
    cli(tenant=TENANT, fails="ERROR: Please run 'az login' to setup account.")

    assert whoami(connect(azure.target))["sign_in"] == "device-code"
    with pytest.raises(ConnectError, match="Nobody has signed in with `az`") as caught:
        whoami(connect(azure.target, sign_in="cli"))
    assert caught.value.remedy == "Run `az login` in a terminal."


def test_az_that_is_not_there_is_said(azure: Azure) -> None:
    with pytest.raises(ConnectError, match="`az` is not installed") as caught:
        whoami(connect(azure.target, sign_in="cli"))

    assert "device-code" in caught.value.remedy


def test_an_az_whose_sign_in_has_expired_is_not_passed_over(azure: Azure, cli: Callable[..., Path]) -> None:
    cli(tenant=TENANT, fails="ERROR: AADSTS700082: The refresh token has expired. To fix it, please run: az login")

    with pytest.raises(ConnectError, match="The refresh token has expired") as caught:
        whoami(connect(azure.target))

    assert "az login" in caught.value.remedy


def test_nothing_is_asked_before_it_is_needed(azure: Azure, authority: Authority) -> None:
    connect(azure.target, sign_in="device-code")

    assert authority.asked == []
    assert azure.asked == []
