"""Signing in to Azure: azure-identity with the ways people have.

A credential does nothing until the first token is asked for, and then only what it must.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_aml.client import notices, tenants, token_cache
from jupyter_aml.client.clouds import Cloud
from jupyter_aml.client.signed import Chain, Signed
from jupyter_aml.errors import ConnectError

if TYPE_CHECKING:
    from azure.core.credentials import AccessTokenInfo

WAYS = ("auto", "cli", "browser", "device-code", "managed-identity", "service-principal")
"""Ways to sign in to Azure; `auto` tries them in the order: service principal in the environment, managed
identity where there is one, `az login`, then the person (browser or device code)."""

Prompt = Callable[[str, str, Any], None]


class SignInNeededError(ConnectError):
    """Only a person can sign in, and none is there."""

    def __init__(self) -> None:
        super().__init__(
            "Nobody has signed in to Azure here, or the sign-in has expired.",
            remedy="Sign in from the panel in JupyterLab, or with `%aml connect` in a notebook, then repeat.",
        )


def somebody() -> bool:
    """A person is there, as in a notebook or a terminal."""
    return True


def nobody() -> bool:
    """Nobody is there, as in a server."""
    return False


class Remembered:
    """A person's sign-in that is asked for once: the account is kept in the store, its tokens in the cache.

    Args:
        make: Makes the interactive credential, for a kept account or for a new one.
        path: Where the account's record lies; it names the account and holds no secret.
        said: Called with a sentence after somebody signed in anew.
        present: Whether a person is there who can sign in: asked before, and again when the sign-in has come, so that
            who has left meanwhile is not signed in.
    """

    def __init__(
        self,
        make: Callable[[Any], Any],
        path: Path,
        said: Callable[[], None] = lambda: None,
        *,
        present: Callable[[], bool] = somebody,
    ) -> None:
        self._make = make
        self._path = path
        self._said = said
        self._present = present
        self._inner: Any = None

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Source: azure.core.credentials.TokenCredential."""
        return self._signed_in("get_token", scopes, options)

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        """Source: azure.core.credentials.SupportsTokenInfo."""
        found: AccessTokenInfo = self._signed_in("get_token_info", scopes, {"options": options})
        return found

    def _signed_in(self, method: str, scopes: tuple[str, ...], options: dict[str, Any]) -> Any:
        from azure.identity import AuthenticationRequiredError

        if self._inner is None:
            self._inner = self._make(self._read())
        try:
            return getattr(self._inner, method)(*scopes, **options)
        except AuthenticationRequiredError as error:
            if not self._present():
                self._let_go()  # somebody may sign in elsewhere, and the record is read anew
                raise SignInNeededError from error
            record = self._inner.authenticate(scopes=list(scopes))
            if not self._present():
                raise SignInNeededError from error
            self._write(record.serialize())
            self._said()
            return getattr(self._inner, method)(*scopes, **options)

    def _read(self) -> Any:
        from azure.identity import AuthenticationRecord

        try:
            return AuthenticationRecord.deserialize(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError):
            return None

    def _write(self, record: str) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        self._path.write_text(record, encoding="utf-8")

    def _let_go(self) -> None:
        self.close()
        self._inner = None

    def close(self) -> None:
        """Let go of open connections."""
        if self._inner is not None:
            self._inner.close()


class AzureSignIn:
    """Makes credentials for one cloud and tenant.

    Args:
        cloud: Where.
        home: The store's folder, which keeps the accounts' records.
        tenant: GUID or domain; when empty, the subscription's, else the account's own.
        client: GUID of an application or managed identity.
        subscription: What the tokens are for.
        prompt: Shows the device code: called with the address, the code and when it expires.
        say: Says a sentence to the person; by default `notices.say`.
        present: Whether a person is there who can sign in; else only what needs nobody, and kept sign-ins.
    """

    def __init__(
        self,
        cloud: Cloud,
        home: Path,
        *,
        tenant: str = "",
        client: str = "",
        subscription: str = "",
        prompt: Prompt | None = None,
        say: Callable[[str], None] | None = None,
        present: Callable[[], bool] = somebody,
    ) -> None:
        self._present = present
        self.cloud = cloud
        self.tenant = tenant or os.environ.get("AZURE_TENANT_ID", "")
        self.client = client
        self._subscription = subscription
        self._say = say or notices.say
        self._prompt = prompt or self._show_code
        self._home = home
        self._options: dict[str, Any] = {"authority": cloud.authority}
        if not cloud.known:
            self._options["disable_instance_discovery"] = True

    def credential(self, way: str = "") -> Signed:
        """A credential that signs in when the first token is asked for.

        Raises:
            ConnectError: The way is unknown, or lacks what it needs.
        """
        way = way or "auto"
        maker = self._makers().get(way)
        if maker is None:
            raise ConnectError(
                f"{way!r} is no way to sign in; known are {', '.join(WAYS)}.",
                remedy="Leave it out to have them tried in turn.",
            )
        if way == "service-principal":
            self._check_principal()
        return Signed(maker, way)

    def _makers(self) -> dict[str, Callable[[], Any]]:
        return {
            "cli": self._cli,
            "browser": self._browser,
            "device-code": self._device_code,
            "managed-identity": self._managed_identity,
            "service-principal": self._service_principal,
            "auto": self._chain,
        }

    def _chain(self) -> Chain:
        environment = os.environ
        links = []
        if not self._missing():
            links.append(("service-principal", self._service_principal()))
        if environment.get("IDENTITY_ENDPOINT") or environment.get("MSI_ENDPOINT"):
            links.append(("managed-identity", self._managed_identity()))
        links.append(("cli", self._cli()))
        if has_browser():
            links.append(("browser", self._browser()))
        links.append(("device-code", self._device_code()))
        return Chain(links)

    def _cli(self) -> Any:
        from azure.identity import AzureCliCredential

        return AzureCliCredential(tenant_id=self._of_subscription())

    def _managed_identity(self) -> Any:
        from azure.identity import ManagedIdentityCredential

        client = self.client or os.environ.get("DEFAULT_IDENTITY_CLIENT_ID", "")
        return ManagedIdentityCredential(client_id=client) if client else ManagedIdentityCredential()

    def _service_principal(self) -> Any:
        from azure.identity import CertificateCredential, ClientSecretCredential

        client, secret, certificate = self._principal()
        if secret:  # its tokens are kept nowhere: whoever runs again has the secret again
            return ClientSecretCredential(self.tenant, client, secret, **self._options)
        password = os.environ.get("AZURE_CLIENT_CERTIFICATE_PASSWORD")
        return CertificateCredential(self.tenant, client, certificate, password=password, **self._options)

    def _principal(self) -> tuple[str, str, str]:
        environment = os.environ
        return (
            self.client or environment.get("AZURE_CLIENT_ID", ""),
            environment.get("AZURE_CLIENT_SECRET", ""),
            environment.get("AZURE_CLIENT_CERTIFICATE_PATH", ""),
        )

    def _missing(self) -> list[str]:
        client, secret, certificate = self._principal()
        needed = (
            ("AZURE_TENANT_ID", self.tenant),
            ("AZURE_CLIENT_ID", client),
            ("AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH", secret or certificate),
        )
        return [name for name, value in needed if not value]

    def _check_principal(self) -> None:
        missing = self._missing()
        if missing:
            raise ConnectError(
                f"A service principal cannot sign in without {', '.join(missing)}.",
                remedy="Set them in the environment (secrets do not belong into a notebook), or name another way.",
            )
        _, secret, certificate = self._principal()
        if not secret and not Path(certificate).is_file():
            raise ConnectError(
                f"AZURE_CLIENT_CERTIFICATE_PATH names no file: {certificate}.",
                remedy="Name the PEM or PFX file that holds the certificate and its key.",
            )

    def _browser(self) -> Any:
        from azure.identity import InteractiveBrowserCredential

        return self._remembered(InteractiveBrowserCredential, {})

    def _device_code(self) -> Any:
        from azure.identity import DeviceCodeCredential

        return self._remembered(DeviceCodeCredential, {"prompt_callback": self._prompt})

    def _remembered(self, kind: Any, more: Mapping[str, Any]) -> Remembered:
        tenant = self._of_subscription()
        named = {**self._options, **more}
        if tenant:
            named["tenant_id"] = tenant
        if self.client:
            named["client_id"] = self.client
        kept = token_cache.place()

        def make(record: Any) -> Any:
            given = dict(named)
            if record is not None:
                given.pop("authority")  # the record has its own
            return kind(
                disable_automatic_authentication=True,
                authentication_record=record,
                cache_persistence_options=kept.options(),
                **given,
            )

        said = (lambda: self._say(kept.sentence)) if kept.sentence else (lambda: None)
        return Remembered(make, self._record(tenant), said, present=self._present)

    def _record(self, tenant: str) -> Path:
        words = (self.cloud.name, tenant or "default", self.client)
        return self._home / "accounts" / f"{'-'.join(word for word in words if word)}.json"

    def _of_subscription(self) -> str:
        """The tenant that was named, else the one that the subscription trusts."""
        if not self.tenant and self._subscription:
            self.tenant = tenants.of_subscription(self.cloud, self._subscription)
        return self.tenant

    def _show_code(self, address: str, code: str, expires: Any) -> None:
        until = f", until {expires.astimezone():%H:%M}" if expires is not None else ""
        self._say(f"To sign in to Azure, open {address} and type the code {code}{until}.")


def has_browser() -> bool:
    """Whether a browser opened here would appear before the person."""
    if os.environ.get("SSH_CONNECTION") or os.environ.get("JUPYTERHUB_USER"):
        return False
    if platform.system() == "Linux":
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True
