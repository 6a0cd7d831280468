"""Attached computes: what is checked of a cluster elsewhere before it is stored; its key material is sealed apart."""

from __future__ import annotations

import socket
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.resources import checks
from jupyter_aml.local.resources.base import Call
from jupyter_aml.local.runtime import engines
from jupyter_aml.local.secrets import seal
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Record

SEGMENT = "computes"
FIELD = "properties.properties"


def accept(
    call: Call, name: str, inner: dict[str, Any], old: Record | None, transaction: Transaction
) -> dict[str, Any]:
    """The inner properties of an attached compute as they are stored, without what is sealed.

    Raises:
        ResourceError: The address, the key material, the door's address or the number of instances make no sense.
    """
    engine = engines.ENGINES[checks.one_of(inner.get("engine"), tuple(engines.ENGINES), f"{FIELD}.engine")]
    address = engines.address(engine, inner.get("address"))
    secure = address.partition(":")[0] in engine.secure
    given = inner.pop("tls", None)
    _keep_keys(call, name, given, transaction, secure=secure, known=_known(old))
    return {
        **inner,
        "engine": engine.name,
        "address": address,
        "maxInstances": _most(inner.get("maxInstances")),
        "doorAddress": _door(address, str(inner.get("doorAddress") or "")),
        "security": engines.SECURE if secure else "",
    }


def forget(transaction: Transaction, name: str) -> None:
    """Drop the sealed key material of a compute."""
    seal.delete(transaction, SEGMENT, name)


def _known(old: Record | None) -> bool:
    """Whether key material was given before."""
    inner = (old.body["properties"].get("properties") or {}) if old else {}
    return inner.get("security") == engines.SECURE


def _keep_keys(call: Call, name: str, given: Any, transaction: Transaction, *, secure: bool, known: bool) -> None:
    if not secure:
        if given:
            raise ResourceError(
                "Key material is given, but the address is not encrypted.",
                code="ValidationError",
                target=f"{FIELD}.address",
                remedy="Use an address that begins with tls://, or leave the --tls-… flags out.",
            )
        forget(transaction, name)
        return
    if not given and known:
        return
    parts = given if isinstance(given, dict) else {}
    missing = [part for part in engines.TLS_PARTS if not str(parts.get(part) or "").strip()]
    if missing:
        raise ResourceError(
            f"An encrypted address needs a CA, a certificate and its key; {', '.join(missing)} missing.",
            code="ValidationError",
            target=f"{FIELD}.tls",
            remedy="Give --tls-ca-file, --tls-cert-file and --tls-key-file.",
        )
    _check_keys(parts)
    seal.put(call.workspace, transaction, SEGMENT, name, {part: str(parts[part]) for part in engines.TLS_PARTS})


def _check_keys(parts: dict[str, Any]) -> None:
    """Refuse what is no PEM, and a key that is not the certificate's."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    part = ""
    try:
        part = "ca"
        x509.load_pem_x509_certificates(str(parts["ca"]).encode())
        part = "cert"
        public = x509.load_pem_x509_certificates(str(parts["cert"]).encode())[0].public_key()
        part = "key"
        private = load_pem_private_key(str(parts["key"]).encode(), None)
    except (ValueError, TypeError) as error:
        raise ResourceError(
            f"The file of --tls-{part}-file cannot be used: {error}.",
            code="ValidationError",
            target=f"{FIELD}.tls.{part}",
            remedy="Give PEM files; the key without a passphrase.",
        ) from error
    if private.public_key() != public:
        raise ResourceError(
            "The key of --tls-key-file does not belong to the certificate of --tls-cert-file.",
            code="ValidationError",
            target=f"{FIELD}.tls.key",
            remedy="Give the certificate and its own key.",
        )


def _most(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise ResourceError(
        f"max_instances is {value!r}; a whole number above 0 was expected.",
        code="ValidationError",
        target=f"{FIELD}.maxInstances",
        remedy="Leave it out to run as many jobs at once as the cluster has slots.",
    )


def _door(address: str, text: str) -> str:
    """The door address, tried: the workers must reach the service, and only an address of this machine can be bound."""
    host = engines.host_of(address)
    if not text:
        if engines.local(host):
            return ""
        raise ResourceError(
            f"The workers of {address} cannot reach this machine's loopback address, where the service listens.",
            code="ValidationError",
            target=f"{FIELD}.doorAddress",
            remedy=f"Say where they reach it, which opens a port: --door-address {_towards(host) or '10.0.0.1'}.",
        )
    at, port = engines.door(text)
    try:
        family, _, _, _, where = socket.getaddrinfo(at, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.bind(where)
    except OSError as error:
        raise ResourceError(
            f"The door address {text} cannot be listened on: {error.strerror or error}.",
            code="ValidationError",
            target=f"{FIELD}.doorAddress",
            remedy=f"Give an address of this machine, such as {_towards(host) or '10.0.0.1'}.",
        ) from error
    return f"{at}:{port}" if port else at


def _towards(host: str) -> str:
    """The address of this machine from which packets to `host` would leave; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""
