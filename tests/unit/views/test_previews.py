"""Previews of notebooks, of MLflow's models and of long texts."""

from __future__ import annotations

import json

import pytest

from jupyter_aml.views import mlmodel, preview

EVIL = "<script>alert(1)</script>"
MODEL = f"""
artifact_path: model
flavors:
  python_function: {{loader_module: mlflow.sklearn, python_version: 3.11.2}}
  sklearn: {{pickled_model: model.pkl, sklearn_version: 1.5.1}}
  "{EVIL}": null
mlflow_version: 2.19.0
run_id: fox
signature:
  inputs: '[{{"type": "double", "name": "length"}}, {{"type": "long", "name": "n", "required": false}}]'
  outputs: '[{{"type": "tensor", "tensor-spec": {{"dtype": "int64", "shape": [-1]}}}}]'
  params: '[{{"name": "t", "type": "array", "items": {{"type": "float"}}, "default": 0.5, "shape": [-1]}}]'
"""


def notebook(*cells: dict[str, object]) -> bytes:
    return json.dumps({"nbformat": 4, "cells": cells, "metadata": {}}).encode()


def test_a_notebook_is_the_sources_of_its_cells() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", EVIL]},
        {"cell_type": "code", "source": "print(1)", "outputs": [{"output_type": "stream", "text": "loud"}]},
    ]

    found = preview.read("fit.ipynb", notebook(*cells))

    assert (found.kind, found.note) == ("cells", "2 cells")
    assert found.value == [
        {"type": "markdown", "source": f"# Title\n{EVIL}"},
        {"type": "code", "source": "print(1)"},
    ]
    assert "# %% [markdown]\n# Title" in preview.plain({"name": "fit.ipynb", "preview": found})
    drawn = preview.html({"name": "fit.ipynb", "preview": found})
    assert "print(1)" in drawn
    assert EVIL not in drawn
    assert "loud" not in drawn


@pytest.mark.parametrize("content", [b'{"cells": 3}', b'{"cells": []}', b"[1]", b'{"cells": ["x"]}'])
def test_what_only_ends_like_a_notebook_is_json(content: bytes) -> None:
    found = preview.read("fit.ipynb", content)

    assert found.kind == "json"
    assert json.loads(found.text) == json.loads(content)


def test_json_is_no_notebook_whatever_it_holds() -> None:
    assert preview.read("cells.json", notebook({"cell_type": "code", "source": "1"})).kind == "json"


def test_a_model_of_mlflow_tells_its_flavors_and_its_signature() -> None:
    found = preview.read("model/MLmodel", MODEL.encode())

    assert found.kind == "model"
    assert found.value["flavors"][:2] == [
        {"name": "python_function", "version": "3.11.2"},
        {"name": "sklearn", "version": "1.5.1"},
    ]
    assert found.value["inputs"] == [
        {"name": "length", "type": "double", "optional": False},
        {"name": "n", "type": "long", "optional": True},
    ]
    assert found.value["outputs"] == [{"name": "", "type": "int64 [-1]", "optional": False}]
    assert found.value["params"] == [{"name": "t", "type": "array of float", "optional": True}]
    assert (found.value["run_id"], found.value["mlflow_version"]) == ("fox", "2.19.0")
    said = preview.plain({"name": "MLmodel", "preview": found})
    assert "inputs: length: double, n: long (optional)" in said
    drawn = preview.html({"name": "MLmodel", "preview": found})
    assert "sklearn" in drawn
    assert EVIL not in drawn


@pytest.mark.parametrize("content", ["flavors: [1]", "- 1", "a: [", "", "signature: {}"])
def test_what_describes_no_model_is_text(content: str) -> None:
    assert mlmodel.read(content) == {}
    assert preview.read("MLmodel", f"{content} ".encode()).kind == "text"


@pytest.mark.parametrize("signature", ["3", '{inputs: "not json"}', "{inputs: '{}'}", "{inputs: '[3]'}"])
def test_a_signature_that_cannot_be_read_is_none(signature: str) -> None:
    found = mlmodel.read(f"flavors: {{sklearn: {{}}}}\nsignature: {signature}\n")

    assert (found["flavors"], found["inputs"]) == ([{"name": "sklearn", "version": ""}], [])


def test_as_many_lines_are_kept_as_are_asked_for() -> None:
    text = "\n".join(map(str, range(100))).encode()

    assert preview.read("a.py", text, lines=60).text.split("\n")[-1] == "59"
    assert preview.read("a.py", text).note == f"the first {preview.LINES} lines"
    assert preview.read("a.py", text, lines=100).note == ""
    assert preview.read("a.json", json.dumps(list(range(100))).encode(), lines=7).text.count("\n") == 6
