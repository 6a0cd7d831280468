"""What a path on a line means."""

from __future__ import annotations

import pytest

from jupyter_aml.commands.scripts.places import Place, parse


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", Place("root")),
        ("workspaceblobstore/raw/", Place("datastore", "raw/", "workspaceblobstore")),
        ("azureml://datastores/d/paths/a/b.csv", Place("datastore", "a/b.csv", "d")),
        ("azureml:iris@latest", Place("asset", "", "iris@latest")),
        ("iris@latest", Place("asset", "", "iris@latest")),
        ("iris:3", Place("asset", "", "iris:3")),
        ("iris:3/part/a.csv", Place("asset", "part/a.csv", "iris:3")),
        ("runs:/fox/model", Place("job", "model", "fox", "default")),
        ("azureml://jobs/fox/outputs/o/paths/x", Place("job", "x", "fox", "o")),
        ("azureml://jobs/fox/code", Place("code", "", "fox")),
        ("azureml://jobs/fox/code/", Place("code", "", "fox")),
        ("azureml://jobs/fox/code/src/a.py", Place("code", "src/a.py", "fox")),
        ("azureml://jobs/fox/codes/a.py", Place("job", "codes/a.py", "fox", "default")),
        ("azureml://jobs/fox/outputs/artifacts/paths/code/a.py", Place("job", "code/a.py", "fox", "artifacts")),
        ("runs:/fox/code/a.py", Place("job", "code/a.py", "fox", "default")),
        (r"C:\data\x.csv", Place("local", r"C:\data\x.csv")),
        ("C:/data/x.csv", Place("local", "C:/data/x.csv")),
        ("./iris@latest", Place("local", "./iris@latest")),
        ("my file.csv", Place("local", "my file.csv")),
        ("https://example.org/x@1", Place("url", "https://example.org/x@1")),
    ],
)
def test_a_text_means_a_place(text: str, meant: Place) -> None:
    assert parse(text, lambda _: False) == meant


@pytest.mark.parametrize("text", ["iris@latest", "a:1", "workspaceblobstore"])
def test_a_file_of_that_name_wins(text: str) -> None:
    assert parse(text, lambda path: path == text) == Place("local", text)
