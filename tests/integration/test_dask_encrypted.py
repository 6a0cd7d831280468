"""An attached Dask cluster whose connections are encrypted, and the door that its workers come in by."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from jupyter_aml.testing import certificates, clusters

from .conftest import Lab, wait_for

pytest.importorskip("distributed", reason="the extra `dask` is not installed")

LOOPBACK = "127.0.0.1"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return certificates.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def cluster(keys: dict[str, Path]) -> Iterator[clusters.Cluster]:
    with clusters.running(1, threads=2, keys=keys) as made:
        yield made


@pytest.fixture
def away(lab: Lab, cluster: clusters.Cluster, keys: dict[str, Path]) -> Lab:
    """A workspace that the cluster is attached to as `far`, by a door of its own."""
    from azure.ai.ml.entities import KubernetesCompute

    inner = {
        "engine": "dask",
        "address": cluster.address,
        "doorAddress": LOOPBACK,
        "tls": {part: path.read_text(encoding="utf-8") for part, path in keys.items()},
    }
    lab.client.compute.begin_attach(KubernetesCompute(name="far", resource_id=None, properties=inner)).result()
    return lab


@pytest.fixture
def waiting(away: Lab) -> Iterator[dict[str, Any]]:
    """A run on the worker that waits, and what its worker was told."""
    name = away.submit("import time\nprint('begun', flush=True)\ntime.sleep(300)", compute="far")
    wait_for(lambda: "begun" in away.log(name), "the run")
    yield json.loads((away.folder / "work" / name / "order.json").read_text(encoding="utf-8"))
    away.client.jobs.begin_cancel(name).result()
    assert away.end(name) == "Canceled"


def context(keys: dict[str, Path] | None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if keys:
        made.load_cert_chain(keys["cert"], keys["key"])
    return made


def ask(order: dict[str, Any], keys: dict[str, Path] | None, token: str, **headers: str) -> tuple[int, Any]:
    """Status and JSON of the door's answer to a question for the store's names."""
    where = urlsplit(order["door"])
    sent = {"Authorization": f"Bearer {token}", "x-jupyter-aml-host": "local.api.azureml.ms", **headers}
    door = http.client.HTTPSConnection(str(where.hostname), where.port, timeout=10, context=context(keys))
    with contextlib.closing(door):
        door.request("GET", "/_aml/names", headers=sent)
        with door.getresponse() as answer:
            return answer.status, json.loads(answer.read())


def test_a_job_runs_through_the_encrypted_door(away: Lab, cluster: clusters.Cluster) -> None:
    from azure.ai.ml import Input

    assert cluster.address.startswith("tls://")
    Path("rows").mkdir()
    for number in range(3):
        Path("rows", f"{number}.bin").write_bytes(bytes(range(256)) * 12_000 * (number * 5 + 1))

    name, status = away.run(
        """
        import json, os, pathlib, sys, urllib.request
        print("bytes", sum(len(one.read_bytes()) for one in pathlib.Path(sys.argv[1]).iterdir()))
        print("door", os.environ["MLFLOW_TRACKING_URI"].split("/mlflow/")[0])
        pathlib.Path("outputs", "big.bin").write_bytes(b"x" * (9 << 20))
        """,
        command="python train.py ${{inputs.rows}}",
        compute="far",
        inputs={"rows": Input(type="uri_folder", path="rows")},
    )

    assert status == "Completed", away.log(name)
    assert f"bytes {256 * 12_000 * (1 + 6 + 11)}" in away.log(name)
    assert "door http://127.0.0.1:" in away.log(name)
    assert (away.folder / "runs" / name / "outputs" / "big.bin").stat().st_size == 9 << 20


def test_the_door_takes_a_runs_token_from_who_shows_a_certificate(
    waiting: dict[str, Any], keys: dict[str, Path]
) -> None:
    assert waiting["door"].startswith("https://127.0.0.1:")
    status, found = ask(waiting, keys, waiting["token"])
    assert (status, found["accounts"]) == (200, [waiting["account"]])


def test_who_shows_no_certificate_or_anothers_is_not_let_in(waiting: dict[str, Any], tmp_path: Path) -> None:
    for shown in (None, certificates.make(tmp_path, "stranger")):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(waiting, shown, waiting["token"])


def test_plain_http_is_not_answered(waiting: dict[str, Any]) -> None:
    port = int(waiting["door"].rpartition(":")[2])
    with socket.create_connection((LOOPBACK, port), 5) as plain:
        plain.sendall(b"GET /_aml/names HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        plain.settimeout(15)
        try:
            answer = plain.recv(1000)
        except ConnectionResetError:
            answer = b""
        assert b"HTTP" not in answer


def test_a_persons_token_and_pages_are_not_taken_there(
    away: Lab, waiting: dict[str, Any], keys: dict[str, Path]
) -> None:
    from jupyter_aml.client.connect import connection
    from jupyter_aml.local.authz import tokens

    store = connection(away.client).service.store
    token = tokens.issue(store, tokens.local_identity(store), audience="https://management.azure.com")

    assert ask(waiting, keys, token)[0] == 401
    assert ask(waiting, keys, waiting["token"], Origin="https://example.org")[0] == 403
    assert ask(waiting, keys, waiting["token"], Host="example.org")[0] == 421


def test_the_order_names_no_path_of_this_machine_and_no_key(
    away: Lab, waiting: dict[str, Any], keys: dict[str, Path]
) -> None:
    text = json.dumps(waiting)

    assert str(away.home) not in text
    assert str(Path.cwd()) not in text
    assert str(Path.home()) not in text
    assert "PRIVATE KEY" not in text
    work = away.folder / "work" / str(waiting["job"])
    secret = keys["key"].read_text(encoding="utf-8").splitlines()[1]
    assert not [path for path in work.rglob("*") if path.is_file() and secret in path.read_text(errors="replace")]
