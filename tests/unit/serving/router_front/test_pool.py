"""The pool: who gets a request, what happens to it when a replica is lost, slow or missing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jupyter_aml.local.serving.router import replies
from jupyter_aml.local.serving.router.pool import Limits


def _until(holds: Any, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def crowd(site, request_bytes):
    """Sends so many requests at once, a connection each; a function that returns the connections."""
    clients = []

    def send(count: int, **headers: str) -> list[Any]:
        new = [site.client() for _ in range(count)]
        for number, client in enumerate(new):
            client.send(request_bytes(b"%d" % number, **headers))
        clients.extend(new)
        return new

    yield send
    for client in clients:
        client.close()


def test_what_a_lost_replica_had_not_begun_goes_to_another(site, replica, crowd) -> None:
    begun, other = replica(), replica()
    begun.holds = True
    pool = site.deploy("blue", begun)
    clients = crowd(1)
    _until(lambda: bool(begun.held))
    begun.deaf = True
    clients += crowd(1)
    _until(lambda: len(begun.seen) == 2)
    clients += crowd(5)
    site.call(begun.transport.close)
    _until(lambda: not pool.links)
    site.add(pool, other)

    answers = [client.read() for client in clients]

    assert answers[0].status == 502
    assert answers[0].json["error"]["code"] == "ReplicaEnded"
    assert answers[0].json["error"]["requestId"] == answers[0].headers["x-ms-request-id"]
    assert "get-logs -n blue -e house" in answers[0].json["error"]["message"]
    assert [answer.status for answer in answers[1:]] == [200] * 6


def test_a_request_waits_while_a_replica_is_being_replaced(site, replica, crowd) -> None:
    pool = site.deploy("blue")
    clients = crowd(3)
    _until(lambda: pool.waiting == 3)

    site.add(pool, replica())

    assert [client.read().status for client in clients] == [200] * 3


def test_without_a_replica_and_with_a_reason_it_is_refused_at_once(site) -> None:
    site.deploy("blue").why = "init() raised ValueError: no model."

    answer = site.ask()

    assert answer.status == 503
    assert answer.json["error"]["code"] == "ModelNotReady"
    assert "init() raised ValueError: no model." in answer.json["error"]["message"]
    assert answer.headers["ms-azureml-model-error-reason"] == "model_not_ready"
    assert answer.headers["azureml-model-deployment"] == "blue"


def test_when_the_last_replica_is_lost_for_a_reason_those_that_wait_are_told(site, replica, crowd) -> None:
    deaf = replica()
    deaf.deaf = True
    pool = site.deploy("blue", deaf)
    clients = crowd(3)
    _until(lambda: bool(deaf.seen))
    pool.why = "It was killed for want of memory."
    site.call(deaf.transport.close)

    assert [client.read().status for client in clients] == [503] * 3


def test_a_request_over_its_timeout_is_answered_408_and_its_late_answer_dropped(site, replica, request_bytes) -> None:
    slow = replica()
    slow.holds = True
    pool = site.deploy("blue", slow, limits=Limits(timeout=0.2))
    stuck = []
    pool.on_stuck = stuck.append
    with site.client() as client:
        began = time.monotonic()
        answer = client.send(request_bytes(b"slow")).read()

        assert answer.status == 408
        assert 0.15 < time.monotonic() - began < 2
        assert "longer than 0.2 s" in answer.json["error"]["message"]
        assert stuck == pool.links
        slow.holds = False
        site.call(slow.let_go)
        assert client.send(request_bytes(b"next")).read().body == b"next"
        assert pool.links[0].load == 0


def test_a_timeout_that_was_made_shorter_holds_for_those_under_way(site, replica, crowd) -> None:
    slow = replica()
    slow.holds = True
    pool = site.deploy("blue", slow, limits=Limits(timeout=0.5))
    (client,) = crowd(1)
    _until(lambda: bool(slow.held))
    pool.limits = Limits(timeout=0.1)

    assert client.read().status == 408


def test_one_that_waits_longer_than_the_queue_allows_is_refused(site, replica, crowd) -> None:
    slow = replica()
    slow.holds = True
    pool = site.deploy("blue", slow, limits=Limits(timeout=5, queue=0.1))
    (first,) = crowd(1)
    _until(lambda: bool(slow.held))
    slow.deaf = True
    (second,) = crowd(1)

    answer = second.read()

    assert answer.status == 503
    assert answer.json["error"]["code"] == "QueueWaitExceeded"
    assert pool.open == 1
    site.call(slow.let_go)
    assert first.read().status == 200


def test_the_replica_with_the_fewest_requests_gets_the_next(site, replica, crowd) -> None:
    first, second = replica(), replica()
    first.holds = second.holds = True
    site.deploy("blue", first, second)

    crowd(4)

    _until(lambda: len(first.seen) == len(second.seen) == 2)


def test_a_replica_that_hangs_gets_nothing_while_another_answers(site, replica, crowd) -> None:
    hung, well = replica(), replica()
    hung.holds = True
    pool = site.deploy("blue", hung, well, limits=Limits(timeout=0.2))
    (first,) = crowd(1)
    assert first.read().status == 408
    sent = len(hung.seen)

    well.holds = True
    clients = crowd(2)
    _until(lambda: len(well.seen) == 2)
    site.call(well.let_go)

    assert sent == 1
    assert [client.read().status for client in clients] == [200] * 2
    assert len(hung.seen) == sent
    site.call(hung.let_go)
    _until(lambda: not pool.links[0].overdue)


def test_a_replica_that_runs_one_at_a_time_has_one_more_ready(site, replica, crowd) -> None:
    slow = replica()
    slow.holds = True
    pool = site.deploy("blue", slow)

    crowd(6)

    _until(lambda: pool.open == 6)
    time.sleep(0.05)
    assert len(slow.seen) == 2


def test_a_batching_replica_gets_all_that_waits_in_one_piece(site, replica, crowd) -> None:
    slow = replica()
    slow.holds = True
    pool = site.deploy("blue", batches=True)
    clients = crowd(20)
    _until(lambda: pool.waiting == 20)

    site.add(pool, slow, batches=True)
    _until(lambda: len(slow.held) == 20)

    assert len(slow.batches) == 1
    assert pool.running == 20
    site.call(slow.let_go)
    assert [client.read().body for client in clients] == [b"%d" % number for number in range(20)]
    assert pool.measures.batches == {32: 1}


def test_retiring_waits_for_what_is_under_way_and_sends_nothing_new(site, replica, crowd) -> None:
    old, new = replica(), replica()
    old.holds = True
    pool = site.deploy("blue", old)
    (client,) = crowd(1)
    _until(lambda: bool(old.held))
    link = pool.links[0]
    with ThreadPoolExecutor(1) as thread:
        leaving = thread.submit(site.call, pool.retire, link)
        _until(lambda: not pool.links)
        site.add(pool, new, 1)
        assert site.ask(b"new").status == 200
        assert not leaving.done()

        site.call(old.let_go)

        assert leaving.result(5) is None
    assert client.read().status == 200
    assert len(old.seen) == 1


def test_blue_becomes_green_under_load_without_a_lost_request(site, replica, request_bytes) -> None:
    site.deploy("blue", replica())
    site.deploy("green", replica())
    statuses = []

    def load() -> None:
        with site.client() as client:
            statuses.extend(client.send(request_bytes()).read().status for _ in range(300))

    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(load) for _ in range(4)]
        for share in (10, 50, 90, 100):
            time.sleep(0.02)
            site.set(traffic={"blue": 100 - share, "green": share})
        site.call(site.pools["blue"].retire, site.pools["blue"].links[0])
        for run in runs:
            run.result(30)

    assert statuses == [200] * 1200
    assert len(site.replicas[1].seen) > 0


def test_a_request_whose_client_is_gone_is_not_sent(site, request_bytes) -> None:
    pool = site.deploy("blue")
    client = site.client().send(request_bytes())
    _until(lambda: pool.open == 1)
    (connection,) = site.front.connections
    site.call(connection.abort)

    _until(lambda: pool.open == 0)
    client.close()


def test_a_replica_that_talks_nonsense_is_cut_off(site, replica, crowd) -> None:
    mad = replica()
    mad.deaf = True
    pool = site.deploy("blue", mad)
    (client,) = crowd(1)
    _until(lambda: bool(mad.seen))
    site.call(mad.transport.write, b"\x00\x00\x00\x01\x11\x00\x00\x00\x01x")

    _until(lambda: not pool.links)
    site.add(pool, replica())
    assert client.read().status == 200


def test_how_busy_replicas_are_is_told_since_it_was_last_asked(site, replica, crowd) -> None:
    slow = replica()
    slow.holds = True
    pool = site.deploy("blue", slow)
    site.call(pool.busy_share)
    (client,) = crowd(1)
    _until(lambda: bool(slow.held))
    site.call(pool.busy_share)
    time.sleep(0.1)

    assert site.call(pool.busy_share) > 0.9
    site.call(slow.let_go)
    assert client.read().status == 200
    site.call(pool.busy_share)
    time.sleep(0.05)
    assert site.call(pool.busy_share) == 0.0


def test_the_limit_is_azures() -> None:
    assert Limits(concurrent=3, instances=2).most == 12
    assert Limits().most == 1000


def test_header_lines_that_frame_an_answer_are_taken_out() -> None:
    kept = b"X-Date: 1\r\nX-Content-Length: 3\r\nContent-Encoding: gzip\r\n"
    assert replies.clean(kept) == kept
    for line in (b"DATE: now", b"transfer-encoding : x", b"Content-Length:1", b"Connection: close", b"Keep-Alive: 5"):
        assert replies.clean(line + b"\r\n") == b""
        assert replies.clean(kept + line + b"\r\n") == kept
