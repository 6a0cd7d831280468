"""Azure, as far as a client can tell: reached under its own names, on this machine alone."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_aml.client import warm
from jupyter_aml.local.store import bell
from jupyter_aml.local.store.catalogue import Store

HERE = Path(__file__).parent
if str(HERE) not in sys.path:
    sys.path.append(str(HERE))

from stand_in import names  # noqa: E402 - found by the line before
from stand_in.authority import Authority  # noqa: E402
from stand_in.certificates import Certificates, make  # noqa: E402
from stand_in.identity import IdentityEndpoint  # noqa: E402
from stand_in.server import Azure  # noqa: E402

warm.sdk()

OWN = ("AZURE_", "IDENTITY_", "MSI_", "IMDS_", "DEFAULT_IDENTITY", "DISPLAY", "WAYLAND", "SSH_CONN", "JUPYTERHUB_")
"""What a machine may say of sign-in, by the beginning of its name."""


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made once: a client trusts this authority and no other."""
    return make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> Path:
    """A machine on which nobody has signed in: no variables, no `az`, an empty home folder, which is returned."""
    for name in [name for name in os.environ if name.startswith(OWN)]:
        monkeypatch.delenv(name)
    person, work = tmp_path / "person", tmp_path / "work"
    person.mkdir()
    work.mkdir()
    monkeypatch.setenv("HOME", str(person))
    monkeypatch.setenv("PATH", f"{person / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    monkeypatch.chdir(work)
    monkeypatch.setattr(bell, "spawn", lambda home: None)
    return person


@pytest.fixture
def azure(certificates: Certificates, monkeypatch: pytest.MonkeyPatch, loopback_only: None) -> Iterator[Azure]:
    """The stand-in, to which Azure's names lead. Its store is in a folder of its own and starts no host."""
    folder = Path(tempfile.mkdtemp(prefix="amc-"))
    store = Store.open(folder)
    store.rings = False
    made = Azure(store, certificates)
    monkeypatch.setattr(socket, "getaddrinfo", names.lead(socket.getaddrinfo, made.port))
    monkeypatch.setenv(names.PORT, str(made.port))
    yield made
    made.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def authority(azure: Azure) -> Authority:
    """Who signs in."""
    return azure.authority


@pytest.fixture
def identity_endpoint(authority: Authority) -> Iterator[IdentityEndpoint]:
    """Where a managed identity's tokens come from."""
    made = IdentityEndpoint(authority)
    yield made
    made.close()


@pytest.fixture
def cli(machine: Path, authority: Authority) -> Callable[..., Path]:
    """Installs an `az` that prints a token, or fails in words; the file that lists its calls is returned."""

    def install(*, tenant: str, fails: str = "") -> Path:
        folder, calls = machine / "bin", machine / "az-calls"
        folder.mkdir(exist_ok=True)
        who = {"oid": "0", "upn": authority.person}
        answers = {
            audience: authority.token(audience, tenant, who)
            for audience in ("https://management.azure.com", "https://management.azure.com/")
        }
        (folder / "az").write_text(
            f"#!{sys.executable}\n"
            "import json, sys, time\n"
            f"open({str(calls)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
            f"if {fails!r}: sys.exit({fails!r})\n"
            "resource = sys.argv[sys.argv.index('--resource') + 1]\n"
            f"print(json.dumps({{'accessToken': {answers!r}[resource], 'expires_on': int(time.time()) + 3600}}))\n",
            encoding="utf-8",
        )
        (folder / "az").chmod(0o755)
        return calls

    return install
