"""A deployed scoring script answers as Azure's inference server does.

The expected values are what azureml-inference-server-http 1.5.1 answered to the same requests for the same scripts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.integration.asking import Answered
from tests.integration.contract import SCRIPT_FAILED, Contract, running

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

INTERNAL = {"message": "An unexpected internal error occurred. Check the logs for more info."}
NOT_FOUND = {
    "message": "The requested URL was not found on the server. "
    "If you entered the URL manually please check your spelling and try again."
}
NOT_ALLOWED = {"message": "The method is not allowed for the requested URL."}
LONG_ID = {"message": "x-request-id must not exceed 100 characters"}
LONG_CLIENT_ID = {"message": "x-ms-request-id and x-ms-client-request-id must not exceed 100 characters"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    """One endpoint with a deployment per script."""
    with running(tmp_path_factory.mktemp("contract") / "home", "plain", "raw", "headers") as made:
        yield made


def asked(served: Contract, what: str, **more: Any) -> Answered:
    return served.send(body=json.dumps({"what": what} | more).encode())


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("str", b'"text"'),
        ("unicode", rb'"h\u00e9\u2028"'),
        ("dict", b'{"b": 1, "a": [1, 2.5, null, true]}'),
        ("tuple", b"[1, 2]"),
        ("none", b"{}"),
        ("nan", b"[NaN, Infinity, -Infinity]"),
        ("numpy float", b"1.5"),
        ("keys", b'{"1": 4, "null": 3}'),
        ("empty", b'""'),
        ("zero", b"0"),
        ("type", b'"str"'),
    ],
)
def test_a_result_becomes_the_same_json(served: Contract, what: str, body: bytes) -> None:
    answer = asked(served, what)

    assert (answer.status, answer.body) == (200, body)
    assert answer.value("Content-Type") == "application/json"
    assert answer.value("x-ms-run-function-failed") == "False"
    assert re.fullmatch(r"\d+\.\d{3}", answer.value("x-ms-run-fn-exec-ms") or "")
    assert answer.value("azureml-model-deployment") == "plain"


@pytest.mark.parametrize("what", ["ndarray", "numpy int", "float32", "bytes", "set", "object", "tuple keys"])
def test_a_result_that_is_no_json_is_an_internal_error(served: Contract, what: str) -> None:
    answer = asked(served, what)

    assert (answer.status, answer.json()) == (500, INTERNAL)
    assert answer.value("x-ms-run-function-failed") == "False"


def test_a_script_that_raises_says_so_without_its_secret(served: Contract) -> None:
    answer = asked(served, "raise")

    assert (answer.status, answer.json()) == (500, SCRIPT_FAILED)
    assert answer.value("x-ms-run-function-failed") == "True"
    assert b"secret" not in answer.body
    assert "ValueError: a secret of the script" in served.log("plain")


class Response(NamedTuple):
    """What an `AMLResponse` of these arguments becomes."""

    args: list[Any]
    more: dict[str, Any]
    status: int
    body: bytes
    content_type: str | None
    failed: str = "False"


HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "case",
    [
        Response(["hi", 200], {}, 200, b"hi", HTML),
        Response(["hi", 200, {"Content-Type": "text/csv"}], {}, 200, b"hi", "text/csv"),
        Response([{"a": 1}, 200], {"json_str": True}, 200, b'{"a": 1}', "application/json"),
        Response([None, 200], {}, 200, b"{}", "application/json"),
        Response(["hi", 404], {}, 404, b"hi", HTML),
        Response(["hi", 500], {}, 500, b"hi", HTML, "True"),
        Response(["hi", 503], {}, 503, b"hi", HTML, "True"),
        Response(["hi", 400], {"run_function_failed": True}, 400, b"hi", HTML, "True"),
        Response(["", 204], {}, 204, b"", HTML),
    ],
    ids=lambda case: f"{case.args}{case.more or ''}",
)
def test_a_response_of_the_script_is_sent_as_it_is(served: Contract, case: Response) -> None:
    answer = asked(served, "response", args=case.args, more=case.more)

    assert (answer.status, answer.body) == (case.status, case.body)
    assert answer.value("Content-Type") == case.content_type
    assert answer.value("x-ms-run-function-failed") == case.failed
    assert answer.value("x-ms-run-fn-exec-ms")


def test_a_header_with_commas_is_sent_once_per_value(served: Contract) -> None:
    answer = asked(served, "response", args=["hi", 201, {"X-A": "1,2, 3"}])

    assert (answer.status, answer.all("X-A")) == (201, ["1", "2", "3"])


@pytest.mark.parametrize("wrong", [7, [1, 2]])
def test_a_response_of_no_text_is_an_error(served: Contract, wrong: Any) -> None:
    assert asked(served, "response", args=[wrong, 200]).status == 500


def test_the_old_import_path_works(served: Contract) -> None:
    assert asked(served, "contrib").body == b"contrib"


@pytest.mark.parametrize("body", [b"{bad", b"", b"\xef\xbb\xbf{}"], ids=["broken", "empty", "byte order mark"])
def test_what_the_script_cannot_read_is_its_failure(served: Contract, body: bytes) -> None:
    answer = served.send(body=body)

    assert (answer.status, answer.json()) == (500, SCRIPT_FAILED)
    assert answer.value("x-ms-run-function-failed") == "True"


def test_a_body_that_is_no_utf_8_is_refused(served: Contract) -> None:
    answer = served.send(body=b"\xff\xfe{}")

    assert answer.status == 400
    assert answer.json() == {
        "message": "Input cannot be decoded as UTF-8: 'utf-8' codec can't decode byte 0xff in position 0: "
        "invalid start byte"
    }
    assert answer.value("x-ms-run-function-failed") == "False"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 200),
        ("text/plain", 200),
        ("application/octet-stream", 200),
        ("application/x-www-form-urlencoded", 500),
        ("multipart/form-data; boundary=x", 500),
    ],
)
def test_forms_alone_do_not_reach_the_script(served: Contract, content_type: str | None, status: int) -> None:
    assert served.send(body=b'{"what": "str"}', content_type=content_type).status == status


def test_a_chunked_body_is_taken(served: Contract) -> None:
    chunks = b'8\r\n{"what":\r\n6\r\n "str"\r\n1\r\n}\r\n0\r\n\r\n'

    assert served.send(body=chunks, headers=[("Transfer-Encoding", "chunked")]).body == b'"text"'


def test_a_large_body_arrives_whole(served: Contract) -> None:
    body = json.dumps({"what": "length", "pad": "x" * 20_000_000})

    assert served.send(body=body.encode()).json() == len(body)


def test_a_query_is_given_to_run_as_json(served: Contract) -> None:
    answer = served.send("GET", "/score?what=echo&value=[1,%22a%22]&value=b&value=null")

    assert answer.json() == [[1, "a"], "b", None]


def test_no_query_is_an_empty_object(served: Contract) -> None:
    answer = served.send("GET", "/score")

    assert (answer.status, answer.body) == (200, b"{}")


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/", 200, b"Healthy"),
        ("HEAD", "/", 200, b""),
        ("POST", "/", 405, NOT_ALLOWED),
        ("PUT", "/score", 405, NOT_ALLOWED),
        ("DELETE", "/score", 405, NOT_ALLOWED),
        ("PATCH", "/score", 405, NOT_ALLOWED),
        ("HEAD", "/score", 405, b""),
        ("OPTIONS", "/score", 200, b""),
        ("POST", "/swagger.json", 405, NOT_ALLOWED),
        ("GET", "/nothing", 404, NOT_FOUND),
        ("GET", "/SCORE", 404, NOT_FOUND),
    ],
)
def test_routes_and_methods(served: Contract, method: str, path: str, status: int, body: Any) -> None:
    answer = served.send(method, path)

    assert answer.status == status
    assert (answer.json() if isinstance(body, dict) else answer.body) == body


IDS = ("x-request-id", "x-ms-request-id", "x-ms-client-request-id")


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({}, ("*", "*", None)),
        ({"x-request-id": "r"}, ("r", "r", None)),
        ({"x-ms-request-id": "m"}, ("*", "m", "m")),
        ({"x-ms-client-request-id": "c"}, ("*", "c", "c")),
        ({"x-request-id": "r", "x-ms-request-id": "m"}, ("r", "m", "m")),
        ({"x-request-id": "r", "x-ms-client-request-id": "c"}, ("r", "c", "c")),
        ({"x-request-id": "r", "x-ms-request-id": "m", "x-ms-client-request-id": "c"}, ("r", "m", "c")),
        ({"x-request-id": "q" * 100}, ("q" * 100, "q" * 100, None)),
    ],
    ids=lambda found: "+".join(found) if isinstance(found, dict) else "",
)
@pytest.mark.parametrize("what", ["str", "raise"])
def test_request_ids_are_answered(served: Contract, what: str, sent: dict[str, str], told: tuple[Any, ...]) -> None:
    answer = served.send(body=json.dumps({"what": what}).encode(), headers=list(sent.items()))

    found = tuple(answer.value(name) for name in IDS)
    for known, expected in zip(found, told, strict=True):
        assert UUID.fullmatch(known or "") if expected == "*" else known == expected
    if told[:2] == ("*", "*"):
        assert found[0] == found[1]


@pytest.mark.parametrize(
    ("name", "body"), [("x-request-id", LONG_ID), ("x-ms-request-id", LONG_CLIENT_ID), (IDS[2], LONG_CLIENT_ID)]
)
def test_long_ids_are_refused(served: Contract, name: str, body: Any) -> None:
    answer = served.send(body=b'{"what": "str"}', headers=[(name, "q" * 101)])

    assert (answer.status, answer.json()) == (431, body)


def test_the_trace_id_of_office_is_echoed(served: Contract) -> None:
    assert served.send(body=b'{"what": "str"}', headers=[("TraceId", "t1")]).value("TraceId") == "t1"


def test_headers_reach_a_script_that_asks_for_them(served: Contract) -> None:
    answer = served.send(body=b"zz", to="headers", headers=[("X-Own", "1"), ("x-own-b", "2")])

    found = answer.json()
    assert (found["data"], found["type"]) == ("zz", "dict")
    assert {"X-Own": "1", "X-Own-B": "2", "Content-Type": "application/json", "Content-Length": "2"}.items() <= dict(
        found["headers"]
    ).items()


class TestRawRequests:
    """A script that is marked `@rawhttp` sees the request itself."""

    def test_a_post(self, served: Contract) -> None:
        answer = served.send(
            path="/score?a=1&a=2", body=b"hello\xe9", to="raw", content_type="text/plain",
            headers=[("X-Own", "v"), ("Cookie", "k=v")],
        )  # fmt: skip

        assert answer.json() == {
            "method": "POST", "args": {"a": ["1", "2"]}, "data": "hello\ufffd", "type": "text/plain", "path": "/score",
            "full": "/score?a=1&a=2", "own": "v", "query": "a=1&a=2", "is_json": False, "mimetype": "text/plain",
            "length": 6, "form": {}, "cookies": {"k": "v"},
        }  # fmt: skip

    @pytest.mark.parametrize("method", ["GET", "OPTIONS"])
    def test_other_methods(self, served: Contract, method: str) -> None:
        found = served.send(method, "/score?a=1", to="raw").json()

        assert (found["method"], found["args"], found["data"]) == (method, {"a": ["1"]}, "")

    @pytest.mark.parametrize(
        ("status", "failed"), [(200, "False"), (299, "False"), (404, "False"), (500, "True"), (503, "True")]
    )
    def test_statuses(self, served: Contract, status: int, failed: str) -> None:
        answer = served.send(path=f"/score?kind=status&status={status}", to="raw")

        assert (answer.status, answer.body, answer.all("X-Out")) == (status, b"told", ["a", "b"])
        assert answer.value("x-ms-run-function-failed") == failed

    def test_bytes_in_and_out(self, served: Contract) -> None:
        answer = served.send(path="/score?kind=reversed", body=b"\x00\xff\x01", to="raw", content_type="image/png")

        assert (answer.body, answer.value("Content-Type")) == (b"\x01\xff\x00", "image/png")

    def test_a_file(self, served: Contract) -> None:
        body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\nDATA\r\n--x--\r\n'

        answer = served.send(
            path="/score?kind=file", body=body, to="raw", content_type="multipart/form-data; boundary=x"
        )

        assert answer.json() == {"name": "a.png", "bytes": 4}

    def test_json(self, served: Contract) -> None:
        assert served.send(path="/score?kind=json", body=b'{"a": 1}', to="raw").json() == {"a": 1}

    def test_raising(self, served: Contract) -> None:
        answer = served.send(path="/score?kind=raise", to="raw")

        assert (answer.status, answer.json()) == (500, SCRIPT_FAILED)
