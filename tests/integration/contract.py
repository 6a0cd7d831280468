"""An endpoint with a deployment per scoring script whose answers from Azure's inference server are known."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.integration import asking
from tests.integration.asking import Answered
from tests.unit.serving.router_back.endpoints import Endpoint

PLAIN = """\
import json
import time

import numpy as np
from azureml_inference_server_http.api.aml_response import AMLResponse

RESULTS = {
    "str": "text", "unicode": "h\\u00e9\\u2028", "dict": {"b": 1, "a": [1, 2.5, None, True]}, "tuple": (1, 2),
    "none": None, "nan": [float("nan"), float("inf"), -float("inf")], "numpy float": np.float64(1.5),
    "keys": {1: 2, None: 3, True: 4}, "empty": "", "zero": 0, "ndarray": np.array([1, 2]), "numpy int": np.int64(1),
    "float32": np.float32(1.5), "bytes": b"bytes", "set": {1}, "object": object(), "tuple keys": {(1, 2): 3},
}


def init():
    print("init was here")


def run(data):
    asked = json.loads(data)
    what = asked.get("what")
    if what == "response":
        return AMLResponse(*asked["args"], **asked.get("more", {}))
    if what == "contrib":
        from azureml.contrib.services.aml_response import AMLResponse as Contrib

        return Contrib("contrib", 200)
    if what == "raise":
        raise ValueError("a secret of the script")
    if what == "sleep":
        time.sleep(asked["seconds"])
    if what == "echo":
        return asked["value"]
    if what == "type":
        return type(data).__name__
    if what == "length":
        return len(data)
    return RESULTS.get(what)
"""
RAW = """\
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse


def init():
    pass


@rawhttp
def run(request):
    kind = request.args.get("kind")
    if kind == "status":
        return AMLResponse("told", int(request.args["status"]), {"X-Out": "a, b"})
    if kind == "reversed":
        return AMLResponse(request.get_data(False)[::-1], 200, {"Content-Type": "image/png"})
    if kind == "raise":
        raise RuntimeError("no")
    if kind == "file":
        return {"name": request.files["image"].filename, "bytes": len(request.files["image"].read())}
    if kind == "json":
        return request.get_json()
    return {
        "method": request.method, "args": request.args.to_dict(flat=False), "data": request.get_data(as_text=True),
        "type": request.content_type, "path": request.path, "full": request.full_path,
        "own": request.headers.get("X-Own"), "query": request.query_string.decode(), "is_json": request.is_json,
        "mimetype": request.mimetype, "length": request.content_length, "form": request.form.to_dict(),
        "cookies": dict(request.cookies),
    }
"""
SCHEMA = """\
import numpy as np
import pandas as pd
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema


def init():
    pass


@input_schema("data", PandasParameterType(pd.DataFrame({"a": [1], "b": [2.5], "c": ["x"]})))
@input_schema("method", StandardPythonParameterType("predict"), optional=True)
@output_schema(NumpyParameterType(np.array([1.0])))
def run(data, method="predict"):
    return [type(data).__name__, data.values.tolist(), method]
"""
HEADERS = """\
def init():
    pass


def run(data, request_headers):
    return {"data": data, "headers": sorted(request_headers.items()), "type": type(request_headers).__name__}
"""
SETTINGS = {
    "AML_CORS_ORIGINS": "http://a.example, www.b.example",
    "SERVICE_NAME": "svc",
    "SERVICE_VERSION": "7",
    "SERVICE_PATH_PREFIX": "/pre/fix/",
}
OWN_SWAGGER = {"swagger": "2.0", "info": {"title": "mine"}}
TEXTS = {"plain": PLAIN, "raw": RAW, "schema": SCHEMA, "headers": HEADERS, "settings": PLAIN, "star": PLAIN}
VARIABLES = {"settings": SETTINGS, "star": {"AML_CORS_ORIGINS": "*"}}

SCRIPT_FAILED = {"message": "An unexpected error occurred in scoring script. Check the logs for more info."}
"""What the inference server says when `run()` has raised."""


class Contract(Endpoint):
    """An endpoint whose answers are looked at byte for byte."""

    def send(self, method: str = "POST", path: str = "/score", body: bytes = b"", **more: Any) -> Answered:
        """The answer to one request with the key; see `asking.request` for what else may be said."""
        return asking.ask(self.port, asking.request(method, path, body, **more))


@contextlib.contextmanager
def running(home: Path, *names: str) -> Iterator[Contract]:
    """The endpoint with these deployments; the first has all the traffic."""
    made = Contract(home)
    for name in names:
        made.deployments[name] = made.script(name, TEXTS[name], env=VARIABLES.get(name, {}))
        if name == "headers":
            code = Path(made.deployments[name]["replica"]["root"])
            (code / "swagger.json").write_text(json.dumps(OWN_SWAGGER), encoding="utf-8")
    made.traffic = {names[0]: 100}
    try:
        made.start()
        yield made
    finally:
        made.close()
