"""What a value of --input means."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_aml.commands.scripts.inputs import kind_of, understand
from jupyter_aml.errors import UsageError


@pytest.mark.parametrize(
    ("value", "meaning", "expected"),
    [
        ("0.1", "literal", 0.1),
        ("3", "literal", 3),
        ("-1e-3", "literal", -0.001),
        ("true", "literal", True),
        ("adam", "literal", "adam"),
        ("two words", "literal", "two words"),
        (0.5, "literal", 0.5),
        (np.float64(0.25), "literal", 0.25),
        (np.int32(7), "literal", 7),
        (True, "literal", True),
        ({"a": [1, 2]}, "literal", '{"a": [1, 2]}'),
        ("https://x.org/iris.csv", "uri", "https://x.org/iris.csv"),
        ("azureml://datastores/d/paths/x/", "uri", "azureml://datastores/d/paths/x/"),
    ],
)
def test_literals_and_uris(value: Any, meaning: str, expected: Any, tmp_path: Path) -> None:
    found = understand("x", value, tmp_path)

    assert (found.meaning, found.value) == (meaning, expected)
    assert type(found.value) is type(expected)


@pytest.mark.parametrize(
    ("text", "name", "version", "label"),
    [
        ("iris@latest", "iris", "", "latest"),
        ("iris:3", "iris", "3", ""),
        ("azureml:iris:1.0.0", "iris", "1.0.0", ""),
        ("azureml:iris@latest", "iris", "", "latest"),
    ],
)
def test_assets_are_named_with_a_version_or_a_label(
    text: str, name: str, version: str, label: str, tmp_path: Path
) -> None:
    found = understand("x", text, tmp_path)

    assert (found.meaning, found.name, found.version, found.label) == ("asset", name, version, label)


def test_files_and_folders_are_found_from_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "größe 1.csv").write_text("a\n")

    assert understand("x", "größe 1.csv", tmp_path).value == tmp_path / "größe 1.csv"
    assert understand("x", Path("größe 1.csv"), tmp_path).meaning == "path"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--input data=iris.csv: there is no such file") as caught:
        understand("data", "iris.csv", tmp_path)

    assert "--input data=NAME@latest" in caught.value.remedy


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()

    with pytest.raises(UsageError, match="the folder is empty") as caught:
        understand("data", "./raw", tmp_path)

    assert "Put the data into it" in caught.value.remedy


def test_frames_and_entities_are_recognised(tmp_path: Path) -> None:
    assert understand("x", pd.DataFrame({"a": [1]}), tmp_path).meaning == "frame"
    assert understand("x", SimpleNamespace(name="iris", version="1"), tmp_path).meaning == "entity"


@pytest.mark.parametrize("value", [None, object(), float("nan")])
def test_values_that_no_job_can_take_are_refused(value: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--input x") as caught:
        understand("x", value, tmp_path)

    assert caught.value.remedy


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("https://x.org/iris.csv", "uri_file"),
        ("azureml://datastores/d/paths/raw/", "uri_folder"),
        ("a/b", "uri_folder"),
    ],
)
def test_the_ending_tells_files_from_folders(path: str, kind: str) -> None:
    assert kind_of(path) == kind
