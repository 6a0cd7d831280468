"""The front: routes, keys, ids, traffic, and what a client sees of it."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt

from jupyter_aml.local.serving.router.entry import Auth
from jupyter_aml.local.serving.router.pool import Limits


def test_a_request_comes_back_from_the_replica_with_its_ids_and_its_deployment(site, replica) -> None:
    site.deploy("blue", replica())

    answer = site.ask(b'{"a": 1}')

    assert (answer.status, answer.body) == (200, b'{"a": 1}')
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert answer.headers["x-ms-request-id"] == answer.headers["x-request-id"]
    assert len(answer.headers["x-ms-request-id"]) == 36
    assert answer.headers["content-type"] == "application/json"
    assert "date" in answer.headers


def test_two_requests_have_two_ids(site, replica) -> None:
    site.deploy("blue", replica())

    assert site.ask().headers["x-ms-request-id"] != site.ask().headers["x-ms-request-id"]


def test_ids_are_told_as_the_official_server_tells_them(site, replica) -> None:
    site.deploy("blue", replica())
    sent = {"x_request_id": "r", "x_ms_request_id": "m", "x_ms_client_request_id": "c"}
    cases = {"r": ("r", "r", None), "m": (None, "m", "m"), "c": (None, "c", "c"), "rm": ("r", "m", "m"),
             "rc": ("r", "c", "c"), "rmc": ("r", "m", "c")}  # fmt: skip

    for letters, (asked, told, client) in cases.items():
        chosen = {name: value for name, value in sent.items() if value in letters}
        headers = site.ask(**chosen).headers

        assert asked in {None, headers["x-request-id"]}, letters
        assert headers["x-ms-request-id"] == told, letters
        assert headers.get("x-ms-client-request-id") == client, letters


def test_an_id_of_more_than_a_hundred_characters_is_refused(site, replica) -> None:
    site.deploy("blue", replica())

    answer = site.ask(x_ms_client_request_id="i" * 101)

    assert answer.status == 431
    assert answer.json == {"message": "x-ms-request-id and x-ms-client-request-id must not exceed 100 characters"}


def test_both_keys_are_good_and_another_is_refused_with_what_to_do(site, replica) -> None:
    site.deploy("blue", replica())

    assert site.ask(key="second").status == 200
    answer = site.ask(key="wrong")

    assert answer.status == 401
    assert answer.json["error"]["code"] == "key_auth_access_denied"
    assert "aml online-endpoint get-credentials --name house" in answer.json["error"]["message"]
    assert answer.json["error"]["requestId"] == answer.headers["x-ms-request-id"]
    assert answer.headers["www-authenticate"] == "Bearer"


def test_no_key_and_a_key_in_another_form_are_told_apart_from_a_wrong_one(site, replica) -> None:
    site.deploy("blue", replica())

    missing, basic = site.ask(key=None), site.ask(key=None, Authorization="Basic abc")

    assert missing.json["error"]["code"] == basic.json["error"]["code"] == "key_auth_bad_header_forbidden"
    assert "has no Authorization header" in missing.json["error"]["message"]
    assert "of another form" in basic.json["error"]["message"]


def test_a_regenerated_key_holds_at_once_on_an_open_connection(site, replica, digest, request_bytes) -> None:
    site.deploy("blue", replica())
    with site.client() as client:
        assert client.send(request_bytes()).read().status == 200

        site.set(auth=Auth("key", (digest("new"),)))

        assert client.send(request_bytes()).read().status == 401
        assert client.send(request_bytes(key="new")).read().status == 200


def test_a_token_is_good_until_it_expires(site, replica, request_bytes) -> None:
    until = time.time() + 1.2
    token = jwt.encode({"exp": until}, "k" * 32)
    site.front._verify = lambda sent, audience: (
        until if (sent, audience) == (token, "/e") and time.time() < until else None
    )
    site.set(auth=Auth("aml_token", (), "/e"))
    site.deploy("blue", replica())
    with site.client() as client:
        assert client.send(request_bytes(key=token)).read().status == 200
        assert client.send(request_bytes(key="a.b.c")).read().json["error"]["code"] == "token_auth_access_denied"

        time.sleep(1.3)
        answer = client.send(request_bytes(key=token)).read()

    assert answer.status == 401
    assert answer.json["error"]["code"] == "token_expired"
    assert "expired" in answer.json["error"]["message"]


def test_without_traffic_there_is_no_route_as_azure_says(site) -> None:
    answer = site.ask()

    assert answer.status == 404
    assert answer.json["error"]["message"].startswith("No valid deployments to route to.")


def test_the_header_names_a_deployment_whatever_the_traffic(site, replica) -> None:
    site.deploy("blue", replica())
    site.deploy("green", replica(lambda _body: (200, b"", b"green")))

    assert site.ask(azureml_model_deployment="green").body == b"green"
    unknown = site.ask(azureml_model_deployment="red")
    assert unknown.status == 404
    assert "no deployment red" in unknown.json["error"]["message"]
    assert "blue, green" in unknown.json["error"]["message"]


def test_traffic_is_shared_as_the_percentages_say(site, replica, request_bytes) -> None:
    site.deploy("blue", replica())
    site.deploy("green", replica())
    site.set(traffic={"blue": 90, "green": 10})
    with site.client() as client:
        names = [client.send(request_bytes()).read().headers["azureml-model-deployment"] for _ in range(50)]

    assert names.count("green") == 5


def test_a_mirror_gets_copies_and_its_answers_are_dropped(site, replica, request_bytes) -> None:
    green = replica(lambda _body: (500, b"", b"broken"))
    site.deploy("blue", replica())
    site.deploy("green", green)
    site.set(mirror={"green": 50})
    seen = []
    site.call(site.front.observers.append, seen.append)
    with site.client() as client:
        statuses = {client.send(request_bytes()).read().status for _ in range(10)}
    _until(lambda: len(seen) == 15)

    assert statuses == {200}
    assert len(green.seen) == 5
    assert sum(served.mirrored for served in seen) == 5
    assert {served.status for served in seen if served.mirrored} == {500}


def test_a_mirror_that_hangs_delays_nothing_and_is_bounded(site, replica, request_bytes) -> None:
    green = replica()
    green.deaf = True
    site.deploy("blue", replica())
    site.deploy("green", green)
    site.set(mirror={"green": 50})
    with site.client() as client:
        statuses = {client.send(request_bytes()).read().status for _ in range(300)}

    assert statuses == {200}
    assert site.pools["green"].open == 64
    assert site.front.measures.of("green").dropped == 150 - 64


def test_a_status_of_the_replica_is_passed_on_with_azures_headers(site, replica) -> None:
    headers = b"Content-Type: application/json\r\nx-ms-run-function-failed: True\r\n"
    site.deploy("blue", replica(lambda _body: (500, headers, b'{"message": "no"}')))

    answer = site.ask()

    assert (answer.status, answer.body) == (500, b'{"message": "no"}')
    assert answer.headers["x-ms-run-function-failed"] == "True"
    assert answer.headers["ms-azureml-model-error-statuscode"] == "500"
    assert answer.headers["ms-azureml-model-error-reason"] == "model_error"


def test_a_replica_cannot_change_how_an_answer_is_framed(site, replica) -> None:
    headers = b"X-A: 1\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nX-B: 2\r\n"
    site.deploy("blue", replica(lambda _body: (200, headers, b"ok")))

    answer = site.ask()

    assert answer.body == b"ok"
    assert (answer.headers["x-a"], answer.headers["x-b"]) == ("1", "2")
    assert "transfer-encoding" not in answer.headers


def test_an_answer_without_content_says_no_length(site, replica, request_bytes) -> None:
    site.deploy("blue", replica(lambda _body: (204, b"", b"dropped")))
    with site.client() as client:
        answer = client.send(request_bytes()).read()

        assert (answer.status, answer.body) == (204, b"")
        assert "content-length" not in answer.headers
        assert client.send(request_bytes()).read().status == 204


def test_a_script_is_told_method_path_query_headers_and_id(site, replica) -> None:
    script = replica()
    site.deploy("blue", script, headers=True)

    site.ask(b"x", path="/score?a=1", X_Own="caf\xe9", x_ms_request_id="mine")

    meta = script.seen[0][1]
    assert (meta["method"], meta["path"], meta["query"], meta["id"]) == ("POST", "/score", "a=1", "mine")
    assert ["x-own", "caf\xe9"] in meta["headers"]


def test_other_replicas_are_told_only_what_is_unusual(site, replica) -> None:
    model = replica()
    site.deploy("blue", model)

    site.ask(b"x")
    site.ask(b"", method="GET", path="/score?a=1")

    assert model.seen[0][1] == {}
    assert model.seen[1][1] == {"method": "GET", "query": "a=1"}


def test_health_needs_no_key_and_says_why_nothing_is_ready(site, replica) -> None:
    assert site.ask(b"", method="GET", path="/", key=None).body == b"Healthy"
    pool = site.deploy("blue")
    pool.why = "init() raised ValueError: no model."

    answer = site.ask(b"", method="GET", path="/", key=None)

    assert answer.status == 503
    assert b"blue: init() raised ValueError: no model." in answer.body
    site.add(pool, replica())
    assert site.ask(b"", method="GET", path="/", key=None).status == 200


def test_a_head_request_gets_the_head_of_the_answer(site) -> None:
    answer = site.ask(b"", method="HEAD", path="/", key=None)

    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "7")


def test_swagger_is_the_deployments_by_version(site, replica) -> None:
    site.deploy("blue", replica())
    site.set(swagger={"blue": {"2": {"swagger": "2.0"}, "3": {"openapi": "3.0"}}})

    def get(query: str) -> Any:
        return site.ask(b"", method="GET", path="/swagger.json" + query)

    assert get("").json == {"swagger": "2.0"}
    assert get("?version=3.0").json == {"openapi": "3.0"}
    assert get("?version=3.1").status == 404
    assert get("?version=3.1").json["message"].endswith("Supported swagger versions: [2, 3].")
    assert get("?version=9").json == {"message": "Swagger version [9] is not valid. Supported versions: [2, 3, 3.1]."}


def test_unknown_paths_and_methods_answer_as_the_official_server(site, replica) -> None:
    site.deploy("blue", replica())

    for path in ("/nothing", "/score/", "/score/x", "/SCORE"):
        assert site.ask(path=path).status == 404, path
    assert site.ask(path="//score").status == 200
    assert site.ask(method="PUT").json == {"message": "The method is not allowed for the requested URL."}
    assert site.ask(path="/").status == 405
    assert site.ask(b"", method="OPTIONS", path="/", key=None).headers["allow"] == "OPTIONS, GET, HEAD"


def test_metrics_need_the_key_and_count(site, replica) -> None:
    site.deploy("blue", replica())
    site.ask()

    text = site.ask(b"", method="GET", path="/metrics").body.decode()

    assert 'azureml_online_requests_total{deployment="blue",status="200"} 1' in text
    assert 'azureml_online_request_seconds_count{deployment="blue"} 1' in text
    assert 'azureml_online_ready_replicas{deployment="blue"} 1' in text
    assert site.ask(b"", method="GET", path="/metrics", key=None).status == 401


def test_a_page_of_an_allowed_origin_may_ask_and_read(site, replica) -> None:
    site.deploy("blue", replica())
    site.set(origins={"blue": "http://a.com, www.b.com"})

    wish = {"Origin": "http://a.com", "Access_Control_Request_Method": "POST"}
    preflight = site.ask(b"", method="OPTIONS", key=None, **wish, Access_Control_Request_Headers="authorization")
    answer = site.ask(Origin="http://a.com")
    other = site.ask(Origin="http://evil.com")

    assert preflight.status == 200
    assert preflight.headers["access-control-allow-methods"] == "GET, POST"
    assert preflight.headers["access-control-allow-headers"] == "authorization"
    assert answer.headers["access-control-allow-origin"] == "http://a.com"
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in other.headers


def test_those_who_watch_are_told_everything_and_cannot_fail_a_request(site, replica) -> None:
    site.deploy("blue", replica())
    seen = []

    def broken(_served: object) -> None:
        raise ValueError("no")

    site.call(site.front.observers.extend, [broken, seen.append])

    site.ask(b"[1]", x_ms_client_request_id="c1")
    site.ask(b"[1]", key="wrong")

    _until(lambda: len(seen) == 2)
    good, refused = seen
    assert (good.deployment, good.status, good.model_status, good.client_id) == ("blue", 200, 200, "c1")
    assert (good.request, good.answer, good.received, good.sent) == (b"[1]", b"[1]", 3, 3)
    assert (good.content_type, good.answer_type, good.path) == ("application/json", "application/json", "/score")
    assert abs(good.begun - time.time()) < 60
    assert (refused.deployment, refused.status, refused.model_status) == ("", 401, 0)


def test_closing_answers_what_is_under_way(site, replica, request_bytes) -> None:
    held = replica()
    held.holds = True
    site.deploy("blue", held)
    with site.client() as client, site.client() as idle:
        client.send(request_bytes(b"last"))
        _until(lambda: bool(held.held))
        closing = site.loop.call_soon_threadsafe(lambda: site.loop.create_task(site.front.close(5.0)))
        assert idle.sock.recv(1) == b""
        site.call(held.let_go)

        answer = client.read()

        assert (answer.status, answer.body, answer.headers["connection"]) == (200, b"last", "close")
        assert closing is not None


def test_a_deployment_that_takes_no_more_says_so_with_429(site, replica) -> None:
    held = replica()
    held.holds = True
    site.deploy("blue", held, limits=Limits(concurrent=1))
    with site.client() as first, site.client() as second:
        for client in (first, second):
            client.send(_post())
        _until(lambda: site.pools["blue"].open == 2)

        answer = site.ask()

        assert answer.status == 429
        assert answer.headers["retry-after"] == "1"
        assert answer.json["error"]["code"] == "TooManyPendingRequests"
        assert "takes 2 at a time" in answer.json["error"]["message"]
        _until(lambda: len(held.held) == 2)
        site.call(held.let_go)
        assert first.read().status == second.read().status == 200


def _post() -> bytes:
    body = json.dumps({}).encode()
    head = "POST /score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + "k" * 32
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _until(holds: Any, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)
