"""Client code for an endpoint: each language asks a real server with the key of the environment, and none holds it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.commands.actions import endpoints_snippets as snippets

BODY = {"input_data": {"columns": ['it\'s "a"'], "index": [0], "data": [[1.5], [None]]}, "ü": "\\n $HOME"}
SECRET = "c2VjcmV0LWtleQ=="
COMMANDS = {"python": [sys.executable, "-"], "javascript": ["node", "--input-type=module", "-"], "curl": ["sh", "-s"]}


class Endpoint(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        said = {"key": self.headers["Authorization"], "for": self.headers["azureml-model-deployment"]}
        answer = json.dumps({**said, "body": json.loads(content), "type": self.headers["Content-Type"]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/score"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("deployment", ["", "green"])
@pytest.mark.parametrize("form", snippets.FORMS)
def test_the_code_asks_the_endpoint(form: str, deployment: str, url: str, tmp_path: Path) -> None:
    if shutil.which(COMMANDS[form][0]) is None:
        pytest.skip(f"{COMMANDS[form][0]} is not installed")
    code = snippets.written(form, "iris", url, BODY, deployment)
    show = code.replace("console.log(await answer.json())", "console.log(JSON.stringify(await answer.json()))")
    show = show.replace("print(json.load(answer))", "print(json.dumps(json.load(answer)))")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "ENDPOINT_KEY": SECRET, "HOME": str(tmp_path)}

    done = subprocess.run(
        COMMANDS[form], input=show, capture_output=True, text=True, env=environment, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["body"] == BODY
    assert said["key"] == f"Bearer {SECRET}"
    assert said["for"] == (deployment or None)
    assert said["type"] == "application/json"
    assert SECRET not in code


DOCUMENT_2 = {
    "paths": {"/score": {"post": {"parameters": [{"in": "body", "schema": {"$ref": "#/definitions/Input"}}]}}},
    "definitions": {"Input": {"type": "object", "example": {"data": [1]}}},
}
DOCUMENT_3 = {
    "paths": {
        "/score": {"post": {"requestBody": {"content": {"application/json": {"schema": {
            "properties": {"data": {"$ref": "#/components/schemas/D"}},
        }}}}}}
    },
    "components": {"schemas": {"D": {"type": "array", "example": [[1, 2]]}}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("document", "example"),
    [(DOCUMENT_2, {"data": [1]}), (DOCUMENT_3, {"data": [[1, 2]]}), ({}, snippets.PLACEHOLDER)],
)
def test_the_body_is_the_example_of_the_endpoints_own_document(document: Any, example: Any) -> None:
    assert snippets.example(document) == example
