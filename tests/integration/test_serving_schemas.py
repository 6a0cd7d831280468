"""What a scoring script takes by its schema, says of itself and allows to pages, as Azure's inference server does.

The expected values are what azureml-inference-server-http 1.5.1 answered to the same requests for the same scripts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.contract import OWN_SWAGGER, SCRIPT_FAILED, Contract, running

BROKEN = "POST body could not be decoded as JSON: Expecting property name enclosed in double quotes: line 1 column 2"
ROWS = [{"a": 1, "b": 2.5, "c": "x"}]
GOOD = ["DataFrame", [[1, 2.5, "x"]], "predict"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    """One endpoint with a deployment per script."""
    with running(
        tmp_path_factory.mktemp("contract") / "home", "plain", "schema", "headers", "settings", "star"
    ) as made:
        yield made


class TestSchemas:
    """A script whose `run` is decorated with `inference-schema` gets the keys of the body as arguments."""

    @pytest.mark.parametrize(
        ("body", "status", "told"),
        [
            ({"data": ROWS}, 200, GOOD),
            ({"data": ROWS, "unknown": 1}, 200, GOOD),
            ({"data": ROWS, "method": "p"}, 200, [*GOOD[:2], "p"]),
            ({"data": [{"a": 1.5, "b": 2, "c": "x"}]}, 200, ["DataFrame", [[1, 2.0, "x"]], "predict"]),
            ({"other": 1}, 400, {"message": "A value is not provided for the 'data' parameter."}),
            ([1], 400, {"message": "POST body should be a JSON dictionary."}),
            ({"data": ROWS, "method": 5}, 500, SCRIPT_FAILED),
            ({"data": [{"a": 1, "b": 2}]}, 500, SCRIPT_FAILED),
            ({"data": [{"a": 1, "b": 2, "c": "x", "d": 1}]}, 500, SCRIPT_FAILED),
            ({"data": [{"a": "q", "b": 2, "c": "x"}]}, 500, SCRIPT_FAILED),
            ({"data": [{"a": None, "b": 2, "c": "x"}]}, 500, SCRIPT_FAILED),
            ({"data": 5}, 500, SCRIPT_FAILED),
            ({"data": None}, 500, SCRIPT_FAILED),
        ],
        ids=str,
    )
    def test_bodies(self, served: Contract, body: Any, status: int, told: Any) -> None:
        answer = served.send(body=json.dumps(body).encode(), to="schema")

        assert (answer.status, answer.json()) == (status, told)
        assert answer.value("x-ms-run-function-failed") == str(told == SCRIPT_FAILED)

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"", "POST body is empty. Expecting a JSON dictionary."),
            (b"{", f"{BROKEN} (char 1)"),
        ],
    )
    def test_no_json(self, served: Contract, body: bytes, message: str) -> None:
        answer = served.send(body=body, to="schema")

        assert (answer.status, answer.json()) == (400, {"message": message})

    @pytest.mark.parametrize("content_type", [None, "text/plain"])
    def test_another_content_type_is_refused(self, served: Contract, content_type: str | None) -> None:
        answer = served.send(body=b"{}", to="schema", content_type=content_type)

        assert (answer.status, answer.json()) == (415, {"message": "Expects Content-Type to be application/json"})

    @pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/vnd.x+json"])
    def test_other_names_of_json_are_taken(self, served: Contract, content_type: str) -> None:
        answer = served.send(body=json.dumps({"data": ROWS}).encode(), to="schema", content_type=content_type)

        assert answer.json() == GOOD

    def test_a_query(self, served: Contract) -> None:
        answer = served.send("GET", '/score?data=[{"a":1,"b":2.5,"c":"x"}]&method=q', to="schema")

        assert answer.json() == [*GOOD[:2], "q"]


class TestSwagger:
    """`/swagger.json` describes the deployment that a request would reach."""

    def test_of_a_schema(self, served: Contract) -> None:
        found = served.send("GET", "/swagger.json", to="schema").json()

        assert (found["swagger"], found["info"]["title"], found["info"]["version"]) == ("2.0", "ML service", "1.0")
        assert found["definitions"]["ServiceInput"] == {
            "type": "object",
            "properties": {
                "data": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["a", "b", "c"],
                        "properties": {
                            "a": {"type": "integer", "format": "int64"},
                            "b": {"type": "number", "format": "double"},
                            "c": {"type": "string"},
                        },
                    },
                    "format": "pandas.DataFrame:records",
                },
                "method": {"type": "string"},
            },
            "example": {"data": ROWS, "method": "predict"},
        }
        assert found["definitions"]["ServiceOutput"] == {
            "type": "array", "items": {"type": "number", "format": "double"}, "example": [1.0],
            "format": "numpy.ndarray",
        }  # fmt: skip
        assert sorted(found["paths"]) == ["/", "/score", "/swagger.json"]

    @pytest.mark.parametrize(
        ("version", "said"),
        [("2", "2.0"), ("2.0", "2.0"), ("3", "3.0.3"), ("3.0", "3.0.3"), ("3.1", "3.1.0")],
    )
    def test_versions(self, served: Contract, version: str, said: str) -> None:
        found = served.send("GET", f"/swagger.json?version={version}").json()

        assert found.get("swagger", found.get("openapi")) == said

    @pytest.mark.parametrize("version", ["9", ""])
    def test_unknown_versions(self, served: Contract, version: str) -> None:
        answer = served.send("GET", f"/swagger.json?version={version}")

        told = {"message": f"Swagger version [{version}] is not valid. Supported versions: [2, 3, 3.1]."}
        assert (answer.status, answer.json()) == (404, told)

    def test_nothing_is_known_of_a_plain_script(self, served: Contract) -> None:
        found = served.send("GET", "/swagger.json").json()

        assert found["definitions"]["ServiceInput"] == {"type": "object", "example": {}}

    def test_settings_name_the_service(self, served: Contract) -> None:
        found = served.send("GET", "/swagger.json?version=3", to="settings").json()

        assert (found["info"]["title"], found["info"]["version"]) == ("svc", "7")
        assert sorted(found["paths"]) == ["/pre/fix/", "/pre/fix/score", "/pre/fix/swagger.json"]

    def test_a_file_of_the_code_wins(self, served: Contract) -> None:
        assert served.send("GET", "/swagger.json", to="headers").json() == OWN_SWAGGER


class TestOrigins:
    """`AML_CORS_ORIGINS` says whose pages may ask."""

    @pytest.mark.parametrize("origin", ["http://a.example", "www.b.example"])
    def test_a_known_origin_is_allowed(self, served: Contract, origin: str) -> None:
        answer = served.send(body=b'{"what": "str"}', to="settings", headers=[("Origin", origin)])

        assert (answer.value("Access-Control-Allow-Origin"), answer.value("Vary")) == (origin, "Origin")

    def test_another_is_not(self, served: Contract) -> None:
        answer = served.send(body=b'{"what": "str"}', to="settings", headers=[("Origin", "https://a.example")])

        assert (answer.status, answer.value("Access-Control-Allow-Origin")) == (200, None)

    def test_an_error_can_be_read_too(self, served: Contract) -> None:
        answer = served.send(body=b'{"what": "raise"}', to="settings", headers=[("Origin", "http://a.example")])

        assert (answer.status, answer.value("Access-Control-Allow-Origin")) == (500, "http://a.example")

    def test_a_preflight_needs_no_key(self, served: Contract) -> None:
        asked = [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization, x-a")]
        answer = served.send("OPTIONS", to="settings", key=None, headers=[("Origin", "http://a.example"), *asked])

        assert answer.status == 200
        assert answer.value("Access-Control-Allow-Origin") == "http://a.example"
        assert answer.value("Access-Control-Allow-Headers") == "authorization, x-a"
        assert answer.value("Access-Control-Allow-Methods") == "GET, POST"

    def test_all_are_allowed_by_a_star(self, served: Contract) -> None:
        told = [
            served.send(body=b'{"what": "str"}', to="star", headers=headers).value("Access-Control-Allow-Origin")
            for headers in ([("Origin", "http://q.example")], [])
        ]

        assert told == ["http://q.example", "*"]

    def test_nobody_is_where_nothing_is_said(self, served: Contract) -> None:
        answer = served.send(body=b'{"what": "str"}', headers=[("Origin", "http://a.example")])

        assert (answer.status, answer.value("Access-Control-Allow-Origin")) == (200, None)
