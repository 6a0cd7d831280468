"""The worker's way home, plain or encrypted, and what a worker keeps of what it fetched."""

from __future__ import annotations

import http.client
import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm.http import Identity, Response
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.doors import outer
from jupyter_aml.local.runtime.remote import fetch, tunnel
from jupyter_aml.local.runtime.remote.order import Order, put_in
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.testing import certificates

BIG = bytes(range(256)) * 20_000


class Service:
    """Answers with what it got, and counts."""

    def __init__(self, store: Any) -> None:
        self.store = store

    @staticmethod
    def handle(request: Any) -> Response:
        body = request.stream.read()
        if request.path == "/big":
            return Response(200, {"Content-Type": "text/plain"}, stream=io.BytesIO(BIG), length=len(BIG))
        return Response.of({"path": request.path, "bytes": len(body), "job": request.identity.job})


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    made = Store.open(home)
    made.rings = False
    yield made
    made.database.close()


@pytest.fixture
def token(store: Store) -> str:
    return tokens.issue(store, Identity("ada@local", "1", "fox", away=True), audience="x")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    made = certificates.make(tmp_path_factory.mktemp("keys"))
    return {part: path.read_text(encoding="utf-8") for part, path in made.items()}


@pytest.fixture(params=["plain", "encrypted"])
def door(request: pytest.FixtureRequest, store: Store, keys: dict[str, str]) -> Iterator[outer.OuterServer]:
    context = outer.encrypted(keys) if request.param == "encrypted" else None
    made = outer.OuterServer(Service(store), "127.0.0.1", 0, context)
    yield made
    made.close()


@pytest.fixture
def way(door: outer.OuterServer, keys: dict[str, str], tmp_path: Path) -> Iterator[tunnel.Tunnel]:
    secured = tunnel.secured(keys, tmp_path) if door.scheme == "https" else None
    made = tunnel.Tunnel(door.url, secured)
    yield made
    made.close()


def ask(way: tunnel.Tunnel, token: str, path: str = "/x", body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", way.port, timeout=20)
    try:
        connection.request("PUT", path, body, {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_requests_go_through_in_both_directions(way: tunnel.Tunnel, token: str) -> None:
    status, text = ask(way, token, body=BIG)

    assert (status, json.loads(text)) == (200, {"path": "/x", "bytes": len(BIG), "job": "fox"})
    assert ask(way, token, "/big") == (200, BIG)


def test_many_at_once_do_not_mix(way: tunnel.Tunnel, token: str) -> None:
    found: list[int] = []

    def send(size: int) -> None:
        found.append(json.loads(ask(way, token, body=b"x" * size)[1])["bytes"])

    threads = [threading.Thread(target=send, args=(size,)) for size in (1, 70_000, 300_000, 2_000_000)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(found) == [1, 70_000, 300_000, 2_000_000]


def test_a_bad_token_and_a_job_of_this_machine_are_refused(way: tunnel.Tunnel, store: Store) -> None:
    here = tokens.issue(store, Identity("ada@local", "1", "fox"), audience="x")

    assert ask(way, "nonsense")[0] == 401
    assert ask(way, here)[0] == 401


def test_a_connection_waits_for_a_service_that_comes_back_at_its_port(
    door: outer.OuterServer, way: tunnel.Tunnel, store: Store, token: str, keys: dict[str, str]
) -> None:
    port, context = door.port, outer.encrypted(keys) if door.scheme == "https" else None
    door.close()
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(ask(way, token)[0]))
    asking.start()
    time.sleep(0.3)

    again = outer.OuterServer(Service(store), "127.0.0.1", port, context)
    asking.join(20)
    again.close()

    assert found == [200]


def test_a_worker_without_certificates_says_so(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="no certificates") as caught:
        tunnel.way("https://10.0.0.1:1", None, tmp_path)

    assert "--tls-cert" in caught.value.remedy


class Home:
    """A home that counts what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.blobs = {"raw/a.csv": b"a", "raw/deep/b.csv": b"b", "rawer/c.csv": b"c"}

    def listed(self, container: str, prefix: str) -> Iterator[dict[str, Any]]:
        del container
        for name, body in self.blobs.items():
            if name.startswith(prefix):
                yield {"name": name, "size": len(body), "etag": f"e-{body.decode()}"}

    def fetch(self, container: str, blob: dict[str, Any], target: Path) -> None:
        self.asked.append(f"{container}/{blob['name']}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.blobs[blob["name"]])

    def code(self, target: Path) -> None:
        self.asked.append("code")
        with zipfile.ZipFile(target, "w") as made:
            made.writestr("train.py", "print()")


@pytest.fixture
def home_there() -> Home:
    return Home()


@pytest.fixture
def cache(home_there: Any, tmp_path: Path) -> fetch.Cache:
    return fetch.Cache(tmp_path, home_there, lambda: False)


def test_a_folder_is_fetched_once_and_again_when_a_blob_has_changed(cache: fetch.Cache, home_there: Home) -> None:
    first = cache.data("c", "raw/", single=False)
    assert cache.data("c", "raw/", single=False) == first
    assert home_there.asked == ["c/raw/a.csv", "c/raw/deep/b.csv"]
    assert (first / "deep" / "b.csv").read_bytes() == b"b"

    home_there.blobs["raw/a.csv"] = b"z"
    again = cache.data("c", "raw/", single=False)

    assert again != first
    assert (again / "a.csv").read_bytes() == b"z"
    assert (first / "a.csv").read_bytes() == b"a"


def test_a_single_file_keeps_its_name(cache: fetch.Cache) -> None:
    found = cache.data("c", "raw/deep/b.csv", single=True)

    assert (found.name, found.read_bytes()) == ("b.csv", b"b")


def test_code_is_fetched_once_for_its_hash_and_another_is_refused(
    cache: fetch.Cache, home_there: Home, tmp_path: Path
) -> None:
    (tmp_path / "same").mkdir()
    (tmp_path / "same" / "train.py").write_text("print()", encoding="utf-8")
    digest = fetch.content_hash(tmp_path / "same")

    assert (cache.code(digest) / "train.py").read_text(encoding="utf-8") == "print()"
    cache.code(digest)
    assert home_there.asked == ["code"]
    with pytest.raises(ResourceError, match="not as 0123"):
        cache.code("0123")
    assert not (tmp_path / "code" / "0123").exists()


def test_an_order_survives_json_and_its_secrets_do_not_show() -> None:
    order = Order("fox", "/ws", "acc", "http://x", "secret", {"env": {"A": "/p/x"}}, inputs=({"name": "i"},))

    assert Order.from_json(json.loads(json.dumps(order.to_json()))) == order
    assert "secret" not in repr(order)
    assert put_in(order.spec, {"/p": "/there"}) == {"env": {"A": "/there/x"}}
