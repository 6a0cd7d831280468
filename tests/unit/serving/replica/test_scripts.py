"""Scoring scripts in a replica: what runs when, what a failure says, batches, raw HTTP and schemas."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from .conftest import Start
from .driver import until

DOUBLES = """
    import json

    def init():
        global factor
        factor = 2
        print("warm")

    def run(raw_data):
        return [factor * value for value in json.loads(raw_data)]
"""
RAW = """
    from {package} import AMLRequest, rawhttp
    from {responses} import AMLResponse

    def init():
        pass

    @rawhttp
    def run(request):
        told = {{
            "method": request.method, "args": request.args.get("a"), "own": request.headers.get("x-own"),
            "form": request.form.get("who"),
            "files": {{name: one.read().decode() for name, one in request.files.items()}},
            "body": request.get_data(as_text=True) if not request.form else "", "path": request.full_path,
        }}
        return AMLResponse(told, 201, {{"X-Two": "1,2"}}, json_str=True)
"""
WITHOUT_FLASK = """
    import sys
    sys.modules["flask"] = None
    import importlib.util
    found = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *more: None if name == "flask" else found(name, *more)
"""


def test_a_script_is_imported_then_begun_for_the_socket_it_serves(start: Start) -> None:
    replica = start(DOUBLES)
    assert replica.loaded["event"] == "loaded"
    assert not replica.loaded["forkable"]
    assert "warm" not in replica.log.read_text()

    answer = replica.serve().one([1, 2])

    assert (answer.status, answer.json) == (200, [2, 4])
    assert answer.headers["x-ms-run-function-failed"] == "False"
    assert float(answer.headers["x-ms-run-fn-exec-ms"]) >= 0
    assert "warm" in replica.log.read_text()


def test_each_request_begins_when_it_is_run(start: Start) -> None:
    served = start(DOUBLES).serve()

    answers = served.ask([1], [2], [3])

    assert [one.json for one in answers] == [[2], [4], [6]]
    assert served.began == [1, 2, 3]


def test_a_body_of_many_pieces_is_one_request(start: Start) -> None:
    served = start(DOUBLES).serve()

    answer = served.one(list(range(400_000)))

    assert answer.json[-1] == 799_998


def test_an_exception_is_500_and_its_traceback_is_in_the_log_without_our_frames(start: Start) -> None:
    replica = start(DOUBLES)

    bad, good = replica.serve().ask(b"no json", [1])

    assert bad.status == 500
    assert bad.json == {"message": "An unexpected error occurred in scoring script. Check the logs for more info."}
    assert bad.headers["x-ms-run-function-failed"] == "True"
    assert good.json == [2]
    log = replica.log.read_text()
    assert "JSONDecodeError" in log
    assert "score.py" in log
    assert "agent/serving" not in log


@pytest.mark.parametrize("raised", ["SystemExit(4)", "KeyboardInterrupt()"])
def test_a_script_cannot_end_its_replica(start: Start, raised: str) -> None:
    served = start(f"def init(): pass\ndef run(data): raise {raised}").serve()

    assert [one.status for one in served.ask({}, {})] == [500, 500]


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("def init(:", "UserScriptImportException", r"SyntaxError: .* \(line 1\)"),
        (
            "import nothing_of_this_name",
            "UserScriptImportException",
            "ModuleNotFoundError: No module named 'nothing_of",
        ),
        ("raise SystemExit(3)", "UserScriptImportException", "SystemExit: 3"),
        ("def run(data): pass", "UserScriptError", r"does not have a init\(\) function defined"),
        ("def init(): pass", "UserScriptError", r"does not have a run\(\) function defined"),
        ("def init(): pass\ndef run(*data): pass", "UserScriptError", "cannot accept positional-only"),
        ("def init(): pass\ndef run(): pass", "UserScriptError", "needs to accept an argument for input data"),
        ("def init(): pass\ndef run(request_headers): pass", "UserScriptError", 'other than "request_headers"'),
    ],
)
def test_a_script_that_cannot_be_served_says_why(start: Start, text: str, code: str, sentence: str) -> None:
    replica = start(text)

    assert replica.loaded["event"] == "failed"
    assert replica.loaded["error"]["code"] == code
    assert pytest.importorskip("re").search(sentence, replica.loaded["error"]["message"])
    assert replica.process.wait(10) == 3


def test_a_script_that_is_not_there_says_what_is(start: Start) -> None:
    replica = start(DOUBLES, script="/nowhere/other.py")

    assert replica.loaded["error"]["code"] == "UserScriptNotFound"
    assert "score.py" in replica.loaded["error"]["message"]
    assert "scoring_script" in replica.loaded["error"]["message"]


def test_init_that_raises_fails_with_its_last_line(start: Start, tmp_path: Path) -> None:
    model = tmp_path / "m"
    model.mkdir()
    (model / "weights.bin").write_text("x")
    replica = start("def init():\n    open('missing.pkl')\ndef run(data): pass", env={"AZUREML_MODEL_DIR": str(model)})

    _, told = replica.ask()

    assert told["event"] == "failed"
    assert told["error"]["message"].startswith("init() of the scoring script raised FileNotFoundError")
    assert replica.process.wait(10) == 3
    assert "weights.bin" in replica.log.read_text()


@pytest.mark.parametrize("declared", ["run.batched = True", ""])
def test_a_batched_run_gets_all_that_wait(start: Start, declared: str) -> None:
    script = f"""
    import json

    def init():
        pass

    def run(data):
        values = [json.loads(one) for one in data]
        return [[value, len(data)] for value in values]

    {declared}
    """
    replica = start(script, env={} if declared else {"AZUREML_BATCHED": "1"})
    served = replica.serve()
    assert replica.loaded["batches"]

    alone = served.one(7)
    answers = served.ask(1, 2, b"bad", 4)

    assert alone.json == [7, 1]
    assert [one.json for one in answers if one.status == 200] == [[1, 1], [2, 1], [4, 1]]
    assert answers[2].status == 500
    assert [one.json for one in served.ask(1, 2)] == [[1, 2], [2, 2]]


def test_a_batched_run_that_returns_too_few_is_told_in_the_log(start: Start) -> None:
    replica = start("def init(): pass\ndef run(data): return [1]\nrun.batched = True")

    answers = replica.serve().ask(1, 2)

    assert [one.json for one in answers] == [1, 1]
    assert "for 2 requests it must return a list of 2, not 1 in a list" in replica.log.read_text()


@pytest.mark.parametrize("flask", [True, False])
@pytest.mark.parametrize(
    ("package", "responses"),
    [
        ("azureml.contrib.services.aml_request", "azureml.contrib.services.aml_response"),
        ("azureml_inference_server_http.api.aml_request", "azureml_inference_server_http.api.aml_response"),
    ],
)
def test_raw_http_without_the_packages(start: Start, package: str, responses: str, flask: bool) -> None:
    text = RAW.format(package=package, responses=responses)
    replica = start(text if flask else WITHOUT_FLASK + text)
    assert replica.loaded["headers"]
    served = replica.serve()

    plain = served.one(b"h\xff", method="PUT", path="/score", query="a=1", headers=[["x-own", "yes"]], id="7")
    form = b'--q\r\nContent-Disposition: form-data; name="who"\r\n\r\nme\r\n--q\r\n'
    form += b'Content-Disposition: form-data; name="up"; filename="a.txt"\r\n\r\nhi\r\n--q--\r\n'
    sent = served.one(form, method="POST", path="/score", headers=[["content-type", "multipart/form-data; boundary=q"]])

    assert plain.status == 201
    assert plain.json == {
        "method": "PUT", "args": "1", "own": "yes", "form": None, "files": {}, "body": "h\ufffd", "path": "/score?a=1",
    }  # fmt: skip
    assert sent.json["form"] == "me"
    assert sent.json["files"] == {"up": "hi"}


def test_a_response_cannot_add_lines_to_the_head(start: Start) -> None:
    text = RAW.format(
        package="azureml.contrib.services.aml_request", responses="azureml.contrib.services.aml_response"
    ).replace('"1,2"', '"a\\r\\nX-Evil: b"')

    answer = start(WITHOUT_FLASK + text).serve().one({}, method="POST", path="/score", headers=[])

    assert "x-evil" not in answer.headers
    assert answer.headers["x-two"] == "a  X-Evil: b"


SCHEMA = """
    import numpy as np
    import pandas as pd
    from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
    from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
    from inference_schema.schema_decorators import input_schema, output_schema

    def init():
        pass

    @input_schema("table", PandasParameterType(pd.DataFrame({"a": [1], "b": ["x"]})))
    @input_schema("scale", NumpyParameterType(np.array([1.0])))
    @output_schema(NumpyParameterType(np.array([1.0])))
    def run(table, scale):
        return (table["a"] * scale[0]).tolist()
"""


def test_inference_schema_gives_arguments_and_documents(start: Start) -> None:
    pytest.importorskip("inference_schema")
    replica = start(SCHEMA)
    served = replica.serve()

    answer = served.one({"table": [{"a": 2, "b": "y"}], "scale": [1.5]})
    missing = served.one({"table": []})

    assert answer.json == [3.0]
    assert (missing.status, missing.json) == (400, {"message": "A value is not provided for the 'scale' parameter."})
    documents = replica.loaded["swagger"]
    assert set(documents) == {"2", "3", "3.1"}
    assert documents["2"]["definitions"]["ServiceInput"]["properties"]["table"]["items"]["properties"]["a"]
    assert documents["3"]["components"]["schemas"]["ServiceInput"]["example"]["scale"] == [1.0]


def test_a_request_that_breaks_our_own_reading_fails_only_itself(start: Start) -> None:
    pytest.importorskip("inference_schema")
    replica = start(SCHEMA)

    broken, good = replica.serve().ask(b"[" * 200_000, {"table": [{"a": 2, "b": "y"}], "scale": [1.0]})

    assert broken.status == 500
    assert broken.json == {"message": "An unexpected internal error occurred. Check the logs for more info."}
    assert good.json == [2.0]
    assert "RecursionError" in replica.log.read_text()


def test_a_swagger_of_the_user_wins(start: Start, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "swagger.json").write_text(json.dumps({"swagger": "2.0", "own": True}))

    documents = start(DOUBLES).loaded["swagger"]

    assert documents["2"] == {"swagger": "2.0", "own": True}
    assert documents["3"]["openapi"] == "3.0.3"


@pytest.mark.parametrize(
    ("meta", "status", "body"),
    [
        ({"method": "GET", "query": "a=1&b=%5B2%5D&b=x"}, 200, [json.dumps({"a": 1, "b": [[2], "x"]})]),
        ({"method": "OPTIONS"}, 200, None),
        ({"method": "HEAD"}, 405, {"message": "Method not allowed"}),
    ],
)
def test_other_methods(start: Start, meta: dict[str, Any], status: int, body: Any) -> None:
    served = start("def init(): pass\ndef run(data): return [data]").serve()

    answer = served.one(b"", **meta)

    assert answer.status == status
    assert (answer.json if answer.body else None) == body


def test_sigterm_lets_a_replica_finish_what_it_has_begun(start: Start) -> None:
    replica = start("import time\ndef init(): pass\ndef run(data):\n    time.sleep(0.3)\n    return 1")
    served = replica.serve()
    numbers = served.send(1, 2)
    until(lambda: served.began or served.take(served.sock.recv(100)))

    replica.process.send_signal(signal.SIGTERM)

    assert served.wait(numbers[:1])[0].json == 1
    assert replica.process.wait(10) == 0


def test_sigterm_ends_an_idle_replica(start: Start) -> None:
    replica = start(DOUBLES)
    replica.serve()

    replica.process.send_signal(signal.SIGTERM)

    assert replica.process.wait(10) == 0


def test_stop_ends_a_replica_that_serves_nothing(start: Start) -> None:
    replica = start(DOUBLES)

    replica.control.sendall(b'{"op": "stop"}\n')

    assert replica.process.wait(10) == 0


def test_the_limit_of_the_script_itself(start: Start) -> None:
    text = "import time\ndef init(): pass\ndef run(data):\n    time.sleep(float(data))\n    return 1"
    served = start(text, env={"SCORING_TIMEOUT_MS": "200"}).serve()

    late, quick = served.ask(5, 0)

    assert (late.status, late.json) == (500, {"message": "Scoring timeout after 200 ms"})
    assert quick.json == 1
