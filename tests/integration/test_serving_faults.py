"""What clients and the machine may do to an endpoint's process, with real replicas behind it."""

from __future__ import annotations

import collections
import json
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_aml.agent import records as files
from jupyter_aml.local.authz import tokens
from tests.integration import asking
from tests.integration.asking import Answered
from tests.unit.serving.router_back.endpoints import KEY, Endpoint, Load, wait_for

MANY = 10_000
SPARE_DESCRIPTORS = 500
GIGABYTE = 1 << 30
MIB = 1 << 20


class Attacked(Endpoint):
    """An endpoint that is asked byte for byte, and whose clients may need tokens."""

    mode = "key"

    def order(self) -> None:
        super().order()
        written = files.read(str(self.place.order))
        assert written is not None
        written["auth"]["mode"] = self.mode
        files.write(str(self.place.order), written)

    @property
    def audience(self) -> str:
        """Of its tokens."""
        return f"{self.workspace.entry.arm_id}/onlineEndpoints/iris".lower()

    def token(self, seconds: float, audience: str | None = None) -> str:
        """A token that is good for so long; for less than nothing when it is to have expired."""
        who = tokens.local_identity(self.store)
        return tokens.issue(self.store, who, audience=audience or self.audience, lifetime=seconds)

    def send(self, body: bytes = b"1", **more: Any) -> Answered:
        """The answer to one request."""
        return asking.ask(self.port, asking.request(body=body, **more))


@pytest.fixture
def iris(tmp_path: Path) -> Iterator[Attacked]:
    """A running endpoint with one deployment, blue."""
    made = Attacked(tmp_path / "home")
    made.deployments["blue"] = made.script("blue")
    made.traffic = {"blue": 100}
    try:
        made.start()
        yield made
    finally:
        made.close()


def refused(answer: Answered) -> str:
    """The sentence of a refusal that has the id of the request."""
    assert answer.value("x-request-id")
    return sentence(answer)


def sentence(answer: Answered) -> str:
    """The sentence of a refusal; it has a code."""
    error = answer.json()["error"]
    assert error["code"]
    return str(error["message"])


def test_a_wrong_key_is_refused_with_what_to_type(iris: Attacked) -> None:
    wrong, none = iris.send(key="not the key"), iris.send(key=None)

    assert (wrong.status, none.status) == (401, 401)
    assert "get-credentials" in refused(wrong)
    assert "no Authorization header" in refused(none)
    assert iris.send(key=KEY).status == 200


def test_an_expired_token_is_told_from_a_good_one_and_from_one_for_others(iris: Attacked) -> None:
    iris.mode = "aml_token"
    iris.apply()

    answers = [
        iris.send(key=key)
        for key in (iris.token(60), iris.token(-1), iris.token(60, "/another/endpoint"), "no.token.at.all", KEY)
    ]

    assert [answer.status for answer in answers] == [200, 401, 401, 401, 401]
    assert "expired" in refused(answers[1])
    assert "expired" not in refused(answers[2])


def test_a_token_ends_on_a_connection_that_stays_open(iris: Attacked) -> None:
    iris.mode = "aad_token"
    iris.apply()
    raw = asking.request(body=b"1", key=iris.token(1.0, "https://ml.azure.com"), keep=True)

    with socket.create_connection(("127.0.0.1", iris.port), 10) as connection:
        connection.sendall(raw)
        first = connection.recv(asking.PIECE)
        time.sleep(2.1)  # tokens live for whole seconds
        connection.sendall(raw)
        second = connection.recv(asking.PIECE)

    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 401 ")
    assert b"expired" in second


def test_a_body_of_a_gigabyte_is_refused_before_it_is_sent(iris: Attacked) -> None:
    before = memory(iris)

    answer = iris.send(b"", headers=[("Content-Length", str(GIGABYTE))])

    assert answer.status == 413
    assert f"{GIGABYTE} bytes" in sentence(answer)
    assert memory(iris) - before < 16 * MIB


def test_a_gigabyte_in_chunks_is_refused_as_it_comes_and_never_held(iris: Attacked) -> None:
    before, held = memory(iris), [0]
    chunk = b"%x\r\n%b\r\n" % (MIB, b"x" * MIB)
    sent = 0
    with socket.create_connection(("127.0.0.1", iris.port), 20) as connection:
        connection.sendall(asking.request(headers=[("Transfer-Encoding", "chunked")]))
        try:
            while sent < GIGABYTE:
                connection.sendall(chunk)
                sent += MIB
                held.append(memory(iris) - before)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = asking.parsed(asking.everything(connection))

    assert answer.status == 413
    assert max(held) < 400 * MIB
    assert iris.send().status == 200


def memory(iris: Attacked) -> int:
    """Bytes of the endpoint's process."""
    assert iris.process is not None
    return int(psutil.Process(iris.process.pid).memory_info().rss)


def test_ten_thousand_connections_are_kept_and_served(iris: Attacked) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < MANY + SPARE_DESCRIPTORS:
        pytest.skip(f"this user may have {hard} descriptors, too few for {MANY} connections")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    raw = asking.request(body=b"1", keep=True)
    connections: list[socket.socket] = []
    try:
        connections += (socket.create_connection(("127.0.0.1", iris.port), 20) for _ in range(MANY))
        for connection in connections:
            connection.sendall(raw)
            assert connection.recv(asking.PIECE).startswith(b"HTTP/1.1 200 ")
    finally:
        for connection in connections:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert iris.send().status == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GARBAGE\r\n\r\n",
        b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        asking.request(body=b"zz\r\n", headers=[("Transfer-Encoding", "chunked")]),
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    ],
    ids=["TLS", "no request", "a negative length", "two lengths", "no chunk", "a version to come"],
)
def test_a_malformed_request_is_refused_and_others_go_on(iris: Attacked, raw: bytes) -> None:
    answer = asking.ask(iris.port, raw)

    assert answer.status in {400, 505}
    assert sentence(answer)
    assert iris.send().status == 200


def test_blue_becomes_green_under_load_without_a_lost_request(iris: Attacked) -> None:
    with Load(iris, threads=6) as load:
        more(load)
        iris.deployments["green"] = iris.script("green", version="2")
        iris.apply()
        iris.until("Healthy", "green")
        for share in (10, 50, 100):
            iris.traffic = {"blue": 100 - share, "green": share}
            iris.apply()
            more(load)
        iris.deployments.pop("blue")
        iris.traffic = {"green": 100}
        iris.apply()
        more(load)

    assert load.statuses == {200}
    by = collections.Counter(answer["by"] for _, answer in load.answers)
    assert set(by) == {"1", "2"}
    assert {answer["by"] for _, answer in load.answers[-20:]} == {"2"}


def more(load: Load, count: int = 100) -> None:
    """Wait for so many more answers."""
    seen = len(load.answers)
    wait_for(lambda: len(load.answers) >= seen + count, "answers")


def test_replicas_killed_under_load_lose_only_what_they_had_begun(iris: Attacked) -> None:
    iris.deployments["blue"]["instances"] = 3
    iris.apply()
    wait_for(lambda: iris.deployment()["ready"] == 3, "three replicas")
    answers: list[Answered] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(iris.send(json.dumps("x").encode()))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        wait_for(lambda: iris.deployment()["ready"] == 3, "three replicas")
        seen = len(answers)
        os.kill(iris.deployment()["replicas"][0]["pid"], signal.SIGKILL)
        wait_for(lambda seen=seen: len(answers) > seen + 50, "answers")
    stop.set()
    for thread in threads:
        thread.join(20)

    lost = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in lost} <= {502}
    assert len(lost) <= 5 * 8
    for answer in lost:
        assert "replica" in refused(answer).lower()
    assert len(answers) > 250
