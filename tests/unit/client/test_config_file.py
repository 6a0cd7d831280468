"""`config.json`: found as the SDK finds it, read with care."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_aml.client import config_file
from jupyter_aml.errors import ConnectError

NAMED = {"subscription_id": "s", "resource_group": "g", "workspace_name": "w"}


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_file_above_is_found(tmp_path: Path) -> None:
    placed = write(tmp_path / "config.json", NAMED)
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)

    assert config_file.find(deep) == placed


def test_the_hidden_folder_comes_first_as_in_the_sdk(tmp_path: Path) -> None:
    write(tmp_path / "a" / "config.json", NAMED)
    hidden = write(tmp_path / ".azureml" / "config.json", NAMED)

    assert config_file.find(tmp_path / "a") == hidden


def test_the_sdk_finds_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.ai.ml import MLClient

    from jupyter_aml.client.credentials import LocalCredential

    write(tmp_path / ".azureml" / "config.json", {**NAMED, "workspace_name": "hidden"})
    write(tmp_path / "sub" / "config.json", NAMED)
    client = MLClient.from_config(
        LocalCredential.__new__(LocalCredential), path=tmp_path / "sub", enable_telemetry=False
    )
    found = config_file.find(tmp_path / "sub")

    assert found is not None
    assert client.workspace_name == config_file.read(found).workspace == "hidden"


def test_the_old_form_with_a_scope_is_read(tmp_path: Path) -> None:
    scope = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    config = config_file.read(write(tmp_path / "config.json", {"Scope": scope}))

    assert (config.subscription, config.group, config.workspace) == ("s", "g", "w")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", {"subscription_id": "s"})

    with pytest.raises(ConnectError, match="does not say resource_group and workspace_name"):
        config_file.read(path)


def test_a_file_that_is_not_json_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{", encoding="utf-8")

    with pytest.raises(ConnectError, match="cannot be read as JSON") as caught:
        config_file.read(path)

    assert "Download" in caught.value.remedy


def test_a_stray_file_that_is_something_else_is_not_offered(tmp_path: Path) -> None:
    write(tmp_path / "config.json", {"compilerOptions": {}})

    assert config_file.stray(tmp_path) is None
