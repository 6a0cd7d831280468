"""Engines: the clusters elsewhere that a compute can be attached to. A new engine is one entry of `ENGINES`.

An attached compute is stored as a `Kubernetes` compute, Azure's own kind for clusters that are not Azure's, whose
inner `properties` name the engine: `engine`, `address`, `maxInstances` and `doorAddress`; key material is sealed apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jupyter_aml.errors import ResourceError

COMPUTE_TYPE = "Kubernetes"
SECURE = "tls"
"""What `security` of an attached compute says whose connections are encrypted; else it is empty."""
TLS_PARTS = ("ca", "cert", "key")
"""PEM texts: who is trusted, who we are, and the key that proves it."""


@dataclass(frozen=True)
class Engine:
    """One kind of cluster.

    Attributes:
        name: The word of `--type`.
        title: What a sentence calls one.
        schemes: Schemes of its address, the encrypted ones among them in `secure`.
        secure: Schemes that need key material.
        port: Where it listens when the address names no port.
        jobs: Types of the jobs that run on it, as ARM calls them.
        needs: The extra of this package that it needs here.
        ships: Whether runs go there whole; else they run here and have work done there.
    """

    name: str
    title: str
    schemes: tuple[str, ...]
    secure: tuple[str, ...]
    port: int
    jobs: frozenset[str]
    needs: str
    ships: bool = True


ENGINES: Mapping[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(
            "dask",
            "a Dask cluster",
            schemes=("tcp", "tls"),
            secure=("tls",),
            port=8786,
            jobs=frozenset({"Command", "Sweep", "Pipeline", "AutoML"}),
            needs="dask",
        ),
        Engine(
            "spark",
            "a Spark master",
            schemes=("spark",),
            secure=(),
            port=7077,
            jobs=frozenset({"Spark", "Pipeline"}),
            needs="spark",
            ships=False,
        ),
    )
}


@dataclass(frozen=True)
class Attached:
    """An attached compute, without its secrets.

    Attributes:
        address: Such as `tls://10.0.0.1:8786`.
        most: How many jobs it runs at once, or None for as many as the cluster has slots.
        door: `HOST` or `HOST:PORT` of this machine where its workers reach the service; empty for the loopback.
        secure: Whether its connections are encrypted and both sides show certificates.
    """

    name: str
    engine: Engine
    address: str
    most: int | None = None
    door: str = ""
    secure: bool = False


def read(name: str, body: Mapping[str, Any]) -> Attached | None:
    """The attached compute that a record of a compute is; None for one of this machine."""
    inner = (body.get("properties") or {}).get("properties") or {}
    engine = ENGINES.get(str(inner.get("engine") or ""))
    if engine is None:
        return None
    most = inner.get("maxInstances")
    return Attached(
        name,
        engine,
        str(inner["address"]),
        int(most) if most else None,
        str(inner.get("doorAddress") or ""),
        inner.get("security") == SECURE,
    )


def address(engine: Engine, text: object) -> str:
    """The address of a cluster with scheme and port.

    Raises:
        ResourceError: It has another scheme than the engine's, or no host.
    """
    field = "properties.properties.address"
    expected = f"{' or '.join(f'{scheme}://HOST:PORT' for scheme in engine.schemes)}"
    try:
        parts = urlsplit(str(text or ""))
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in engine.schemes or parts.username or parts.path.strip("/"):
        raise ResourceError(
            f"The address of {engine.title} is {text!r}; {expected} was expected.",
            code="ValidationError",
            target=field,
            remedy=f"For example {engine.schemes[0]}://127.0.0.1:{engine.port}.",
        )
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port or engine.port}"


def host_of(text: str) -> str:
    """The host of an address."""
    return urlsplit(text).hostname or ""


def local(host: str) -> bool:
    """Whether an address is of this machine alone, so that the loopback door can be reached from there."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def door(text: str) -> tuple[str, int]:
    """Host and port of a door address; port 0 for any free one.

    Raises:
        ResourceError: It is no HOST or HOST:PORT.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port or 0
    except ValueError:
        host, port = None, 0
    if not host or parts.path:
        raise ResourceError(
            f"The door address is {text!r}; HOST or HOST:PORT was expected.",
            code="ValidationError",
            target="properties.properties.doorAddress",
            remedy="Give the address of this machine that the workers reach, e.g. --door-address 10.0.0.1",
        )
    return host, port
