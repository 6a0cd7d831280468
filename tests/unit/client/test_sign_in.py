"""How azure-identity is set up, and what is asked of it when; `tests/cloud` signs in for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.client import clouds, token_cache
from jupyter_aml.client.sign_in import WAYS, AzureSignIn, Remembered, has_browser
from jupyter_aml.client.signed import Chain, Signed
from jupyter_aml.errors import ConnectError


def sign_in(tmp_path: Path, **named: Any) -> AzureSignIn:
    return AzureSignIn(clouds.CLOUDS["AzureChinaCloud"], tmp_path, **named)


def test_an_unknown_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="'carrier-pigeon' is no way to sign in") as caught:
        sign_in(tmp_path).credential("carrier-pigeon")

    assert "device-code" in caught.value.message


def test_a_service_principal_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ConnectError, match="cannot sign in without AZURE_TENANT_ID") as caught:
        sign_in(tmp_path, client="c").credential("service-principal")

    assert "environment" in caught.value.remedy


@pytest.mark.parametrize("way", [way for way in (*WAYS, "") if way != "service-principal"])
def test_every_way_makes_a_credential_without_a_request(tmp_path: Path, way: str) -> None:
    made = sign_in(tmp_path).credential(way)

    assert (type(made), made.way) == (Signed, way or "auto")


def test_a_sovereign_cloud_signs_in_at_its_own_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "s")
    made = sign_in(tmp_path, tenant="t", client="c")._service_principal()

    assert made._authority == "https://login.chinacloudapi.cn"


def test_managed_identity_comes_before_the_person_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/token")
    monkeypatch.setattr("jupyter_aml.client.sign_in.has_browser", lambda: True)

    ways = [way for way, _ in sign_in(tmp_path)._chain().links]

    assert ways == ["managed-identity", "cli", "browser", "device-code"]


def test_a_certificate_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_CLIENT_SECRET", raising=False)
    monkeypatch.setenv("AZURE_CLIENT_CERTIFICATE_PATH", str(tmp_path / "none.pem"))

    with pytest.raises(ConnectError, match=r"names no file: .*none\.pem") as caught:
        sign_in(tmp_path, tenant="t", client="c").credential("service-principal")

    assert "PEM or PFX" in caught.value.remedy


class Giving:
    """A credential that gives tokens, or raises."""

    def __init__(self, lives: float = 3600, error: Exception | None = None) -> None:
        self.asked: list[Any] = []
        self.lives = lives
        self.error = error

    def get_token_info(self, *scopes: str, options: Any = None) -> Any:
        import time

        from azure.core.credentials import AccessTokenInfo

        self.asked.append((scopes, options))
        if self.error is not None:
            raise self.error
        return AccessTokenInfo(f"token-{len(self.asked)}", int(time.time() + self.lives))

    def close(self) -> None:
        """Nothing is open."""


def test_a_token_is_asked_for_once_per_scope_and_options() -> None:
    inner = Giving()
    signed = Signed(lambda: inner, "cli")

    first = signed.get_token("a/.default")
    assert signed.get_token("a/.default", enable_cae=False) == first
    assert signed.get_token_info("a/.default", options={"enable_cae": False}).token == first.token
    assert signed.get_token("b/.default") != first
    assert signed.get_token("a/.default", enable_cae=True) != first
    assert len(inner.asked) == 3


def test_a_token_near_its_end_and_one_that_was_challenged_are_asked_for_again() -> None:
    short, long = Giving(lives=100), Giving()
    for inner in (short, long):
        signed = Signed(lambda inner=inner: inner, "cli")
        options = {"claims": "{}"} if inner is long else {}
        assert signed.get_token("a/.default", **options) != signed.get_token("a/.default", **options)
        assert len(inner.asked) == 2


def test_a_chain_keeps_to_the_way_that_gave_a_token() -> None:
    from azure.identity import CredentialUnavailableError

    first, second, third = Giving(error=CredentialUnavailableError("no")), Giving(), Giving()
    chain = Chain([("a", first), ("b", second), ("c", third)])

    chain.get_token_info("x/.default")
    chain.get_token_info("y/.default")

    assert chain.way == "b"
    assert [len(one.asked) for one in (first, second, third)] == [1, 2, 0]


def test_a_chain_stops_at_a_way_that_is_refused() -> None:
    from azure.core.exceptions import ClientAuthenticationError

    never = Giving()
    refused = Giving(error=ClientAuthenticationError("AADSTS7000222: The secret has expired. Trace ID: 1"))

    with pytest.raises(ConnectError, match=r"The secret has expired \(AADSTS7000222\)"):
        Chain([("service-principal", refused), ("cli", never)]).get_token_info("x/.default")

    assert never.asked == []


def test_an_authority_that_cannot_be_reached_is_said() -> None:
    from azure.core.exceptions import ServiceRequestError

    signed = Signed(lambda: Giving(error=ServiceRequestError("Name or service not known")), "device-code")

    with pytest.raises(ConnectError, match="could not be reached: Name or service not known") as caught:
        signed.get_token("a/.default")

    assert "proxy" in caught.value.remedy


def test_a_remembered_account_is_asked_once(tmp_path: Path) -> None:
    from azure.core.credentials import AccessToken
    from azure.identity import AuthenticationRecord, AuthenticationRequiredError

    record = AuthenticationRecord("tenant", "client", "login.example", "home", "ada@example.com")
    made: list[Any] = []

    class Person:
        def __init__(self, known: Any) -> None:
            self.known = known
            made.append(self)

        def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            if self.known is None:
                raise AuthenticationRequiredError(scopes)
            return AccessToken("t", 1)

        def authenticate(self, *, scopes: list[str]) -> AuthenticationRecord:
            self.known = record
            return record

    path = tmp_path / "accounts" / "a.json"
    assert Remembered(Person, path).get_token("s/.default").token == "t"
    assert Remembered(Person, path).get_token("s/.default").token == "t"
    assert made[1].known.username == "ada@example.com"


def test_over_ssh_no_browser_would_appear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")

    assert not has_browser()


@pytest.mark.parametrize(
    ("wish", "keyring", "kind"),
    [
        ("", True, "keyring"),
        ("auto", False, "file"),
        ("keyring", True, "keyring"),
        ("keyring", False, "memory"),
        ("memory", True, "memory"),
    ],
)
def test_tokens_are_kept_as_the_person_wishes_and_the_machine_can(
    monkeypatch: pytest.MonkeyPatch, wish: str, keyring: bool, kind: str
) -> None:
    monkeypatch.setenv("JUPYTER_AML_TOKEN_CACHE", wish)
    monkeypatch.setattr(token_cache, "has_keyring", lambda: keyring)

    place = token_cache.place()

    assert place.kind == kind
    assert (place.sentence == "") == (kind == "keyring")
    if kind == "keyring":
        assert not place.options().allow_unencrypted_storage
