"""Who signs in: the local service's own tokens, or azure-identity with the ways people have.

A credential does nothing until the first token is asked for, and then only what it must.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_aml.client.clouds import Cloud
from jupyter_aml.errors import ConnectError
from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.authz import tokens

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo

    from jupyter_aml.local.store.catalogue import Store

WAYS = ("auto", "cli", "browser", "device-code", "managed-identity", "service-principal")
"""Ways to sign in to Azure; `auto` tries them in the order: service principal in the environment, managed
identity where there is one, `az login`, then the person (browser or device code)."""

CACHE_NAME = "jupyter_aml"
RENEW_SECONDS = 300.0


def audience(scope: str) -> str:
    """What a token for that scope says it is for: the scope without `/.default`."""
    return scope.removesuffix("/.default").rstrip("/") or scope


class LocalCredential:
    """Tokens of the local service, for azure-core and for anyone who reads them as Azure's.

    Args:
        store: Whose key signs.
        identity: Who asks.
    """

    def __init__(self, store: Store, identity: Identity) -> None:
        self.store = store
        self.identity = identity
        self._held: dict[str, tuple[str, int]] = {}

    def __repr__(self) -> str:
        return f"<LocalCredential {self.identity.name}>"

    def token(self, scope: str) -> tuple[str, int]:
        """A token for that scope, and when it expires (seconds since the epoch)."""
        name = audience(scope)
        held = self._held.get(name)
        if held is None or held[1] - RENEW_SECONDS < self.store.clock():
            expires = int(self.store.clock() + tokens.LIFETIME)
            held = (tokens.issue(self.store, self.identity, audience=name), expires)
            self._held[name] = held
        return held

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        """Source: azure.core.credentials.TokenCredential."""
        from azure.core.credentials import AccessToken

        return AccessToken(*self.token(_only(scopes)))

    def get_token_info(self, *scopes: str, **_options: Any) -> AccessTokenInfo:
        """Source: azure.core.credentials.SupportsTokenInfo."""
        from azure.core.credentials import AccessTokenInfo

        return AccessTokenInfo(*self.token(_only(scopes)))

    def close(self) -> None:
        """Nothing is open."""


def local_identity(store: Store, name: str = "") -> Identity:
    """A principal of the local tenant; the user of the operating system when no name is given."""
    if not name:
        return tokens.local_identity(store)
    whole = name if "@" in name else f"{name}@local"
    return Identity(whole, str(uuid.uuid5(store.uuid, whole)))


def claims(token: str) -> dict[str, Any]:
    """What a token says of its holder; empty when it cannot be read. The signature is its audience's business."""
    try:
        middle = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _only(scopes: tuple[str, ...]) -> str:
    if not scopes:
        msg = '"get_token" requires at least one scope'
        raise ValueError(msg)
    return scopes[0]


class Remembered:
    """A person's sign-in that is asked for once: the account is kept in the store, its tokens in Azure's cache.

    Args:
        make: Makes the interactive credential, for a kept account or for a new one.
        path: Where the account's record lies; it names the account and holds no secret.
    """

    def __init__(self, make: Callable[[Any], Any], path: Path) -> None:
        self._make = make
        self._path = path
        self._inner: Any = None

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Source: azure.core.credentials.TokenCredential."""
        return self._signed_in("get_token", scopes, options)

    def get_token_info(self, *scopes: str, **options: Any) -> AccessTokenInfo:
        """Source: azure.core.credentials.SupportsTokenInfo."""
        return self._signed_in("get_token_info", scopes, options)

    def _signed_in(self, method: str, scopes: tuple[str, ...], options: dict[str, Any]) -> Any:
        from azure.identity import AuthenticationRequiredError

        if self._inner is None:
            self._inner = self._make(self._read())
        try:
            return getattr(self._inner, method)(*scopes, **options)
        except AuthenticationRequiredError:
            record = self._inner.authenticate(scopes=list(scopes))
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.write_text(record.serialize(), encoding="utf-8")
            return getattr(self._inner, method)(*scopes, **options)

    def _read(self) -> Any:
        from azure.identity import AuthenticationRecord

        try:
            return AuthenticationRecord.deserialize(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError):
            return None

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()


class AzureSignIn:
    """Makes credentials for one cloud and tenant.

    Args:
        cloud: Where.
        home: The store's folder, which keeps the accounts' records.
        tenant: GUID or domain; empty for the account's own.
        client: GUID of an application or managed identity.
        secret: Of the application; by default the environment's `AZURE_CLIENT_SECRET`.
        prompt: Shows the device code: called with the address, the code and when it expires.
    """

    def __init__(
        self,
        cloud: Cloud,
        home: Path,
        *,
        tenant: str = "",
        client: str = "",
        secret: str = "",
        prompt: Callable[[str, str, Any], None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.cloud = cloud
        self.tenant = tenant or os.environ.get("AZURE_TENANT_ID", "")
        self.client = client
        self._secret = secret
        self._prompt = prompt
        self._record = home / "accounts" / f"{cloud.name}-{self.tenant or 'default'}.json"
        self._options = {**(options or {}), "authority": cloud.authority}
        if not cloud.known:
            self._options["disable_instance_discovery"] = True

    def credential(self, way: str = "") -> Any:
        """A credential of azure-identity, or a chain of them.

        Raises:
            ConnectError: The way is unknown, or lacks what it needs.
        """
        makers = {
            "cli": self._cli,
            "browser": self._browser,
            "device-code": self._device_code,
            "managed-identity": self._managed_identity,
            "service-principal": self._service_principal,
            "auto": self._chain,
        }
        maker = makers.get(way or "auto")
        if maker is None:
            raise ConnectError(
                f"{way!r} is no way to sign in; known are {', '.join(WAYS)}.",
                remedy="Leave it out to have them tried in turn.",
            )
        return maker()

    def _chain(self) -> Any:
        from azure.identity import ChainedTokenCredential

        links = []
        environment = os.environ
        if self._secret or (
            environment.get("AZURE_CLIENT_ID")
            and (environment.get("AZURE_CLIENT_SECRET") or environment.get("AZURE_CLIENT_CERTIFICATE_PATH"))
        ):
            links.append(self._service_principal())
        if environment.get("IDENTITY_ENDPOINT") or environment.get("MSI_ENDPOINT"):
            links.append(self._managed_identity())
        links.append(self._cli())
        links.append(self._browser() if has_browser() else self._device_code())
        return ChainedTokenCredential(*links)

    def _cli(self) -> Any:
        from azure.identity import AzureCliCredential

        return AzureCliCredential(tenant_id=self.tenant)

    def _managed_identity(self) -> Any:
        from azure.identity import ManagedIdentityCredential

        client = self.client or os.environ.get("DEFAULT_IDENTITY_CLIENT_ID", "")
        return ManagedIdentityCredential(client_id=client) if client else ManagedIdentityCredential()

    def _service_principal(self) -> Any:
        from azure.identity import CertificateCredential, ClientSecretCredential

        client = self.client or os.environ.get("AZURE_CLIENT_ID", "")
        secret = self._secret or os.environ.get("AZURE_CLIENT_SECRET", "")
        certificate = os.environ.get("AZURE_CLIENT_CERTIFICATE_PATH", "")
        missing = [
            name
            for name, value in (
                ("AZURE_TENANT_ID", self.tenant),
                ("AZURE_CLIENT_ID", client),
                ("AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH", secret or certificate),
            )
            if not value
        ]
        if missing:
            raise ConnectError(
                f"A service principal cannot sign in without {', '.join(missing)}.",
                remedy="Set them in the environment (secrets do not belong into a notebook), or name another way.",
            )
        if secret:
            return ClientSecretCredential(
                self.tenant, client, secret, cache_persistence_options=self._cache(), **self._options
            )
        return CertificateCredential(
            self.tenant, client, certificate, cache_persistence_options=self._cache(), **self._options
        )

    def _browser(self) -> Any:
        from azure.identity import InteractiveBrowserCredential

        return self._remembered(InteractiveBrowserCredential, {})

    def _device_code(self) -> Any:
        from azure.identity import DeviceCodeCredential

        return self._remembered(DeviceCodeCredential, {"prompt_callback": self._prompt} if self._prompt else {})

    def _remembered(self, kind: Any, more: Mapping[str, Any]) -> Remembered:
        named = {**self._options, **more}
        if self.tenant:
            named["tenant_id"] = self.tenant
        if self.client:
            named["client_id"] = self.client

        def make(record: Any) -> Any:
            return kind(
                disable_automatic_authentication=True,
                authentication_record=record,
                cache_persistence_options=self._cache(),
                **named,
            )

        return Remembered(make, self._record)

    @staticmethod
    def _cache() -> Any:
        """The tokens' cache on disk: the system's keyring where there is one, else a file as `az login` keeps."""
        from azure.identity import TokenCachePersistenceOptions

        return TokenCachePersistenceOptions(name=CACHE_NAME, allow_unencrypted_storage=True)


def has_browser() -> bool:
    """Whether a browser opened here would appear before the person."""
    if os.environ.get("SSH_CONNECTION") or os.environ.get("JUPYTERHUB_USER"):
        return False
    if platform.system() == "Linux":
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True
