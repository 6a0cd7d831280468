"""Environments, models, components and code snapshots through the unmodified SDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, Output, command, load_component
from azure.ai.ml.constants import ListViewType
from azure.ai.ml.entities import BuildContext, Environment, Model
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
CONDA = "name: x\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip:\n    - scikit-learn\n"


@pytest.fixture
def conda(folder: Path) -> Path:
    path = folder / "conda.yml"
    path.write_text(CONDA, encoding="utf-8")
    return path


@pytest.fixture
def weights(folder: Path) -> Path:
    path = folder / "model.pkl"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def source(folder: Path) -> Path:
    place = folder / "src"
    place.mkdir()
    (place / "train.py").write_text("print('hello')\n", encoding="utf-8")
    (place / "secret.key").write_text("hush", encoding="utf-8")
    (place / ".amlignore").write_text("*.key\n", encoding="utf-8")
    return place


def blobs(world: Any) -> set[str]:
    return {path.name for path in (world.entry.folder / "blobs").rglob("*") if path.is_file()}


def test_an_environment_with_a_conda_file_comes_back(ml_client: Any, conda: Path) -> None:
    ml_client.environments.create_or_update(
        Environment(name="sk", version="1", image=IMAGE, conda_file=str(conda), tags={"a": "b"})
    )

    found = ml_client.environments.get("sk", "1")
    assert found.image == IMAGE
    assert found.conda_file["dependencies"][0] == "python=3.11"
    assert found.tags == {"a": "b"}


def test_an_environment_with_a_build_context_is_uploaded(world: Any, folder: Path) -> None:
    context = folder / "docker"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM debian\n", encoding="utf-8")

    world.client.environments.create_or_update(
        Environment(name="built", version="1", build=BuildContext(path=str(context)))
    )

    assert world.client.environments.get("built", "1").build.dockerfile_path == "Dockerfile"
    assert "Dockerfile" in blobs(world)


def test_environment_versions_count_up_and_latest_is_the_newest(ml_client: Any) -> None:
    for number in range(3):
        ml_client.environments.create_or_update(Environment(name="sk", image=f"{IMAGE}:{number}"))

    assert ml_client.environments.get("sk", label="latest").version == "3"
    assert [one.version for one in ml_client.environments.list("sk")] == ["3", "2", "1"]
    assert [one.name for one in ml_client.environments.list()] == ["sk"]


def test_an_environment_without_a_version_that_says_the_same_stays_as_it_is(ml_client: Any) -> None:
    for _ in range(2):
        ml_client.environments.create_or_update(Environment(name="sk", image=IMAGE))

    assert [one.version for one in ml_client.environments.list("sk")] == ["1"]


def test_another_image_for_an_existing_version_is_a_conflict(ml_client: Any) -> None:
    ml_client.environments.create_or_update(Environment(name="sk", version="1", image=IMAGE))

    with pytest.raises(ResourceExistsError, match="exists already, with another image") as caught:
        ml_client.environments.create_or_update(Environment(name="sk", version="1", image="debian"))

    assert caught.value.error.code == "Conflict"


def test_an_environment_is_archived_and_restored(ml_client: Any) -> None:
    ml_client.environments.create_or_update(Environment(name="sk", version="1", image=IMAGE))
    ml_client.environments.archive("sk", version="1")
    assert list(ml_client.environments.list("sk")) == []

    ml_client.environments.restore("sk", version="1")
    assert [one.version for one in ml_client.environments.list("sk")] == ["1"]


def test_an_unknown_environment_is_not_found(ml_client: Any) -> None:
    with pytest.raises(ResourceNotFoundError) as caught:
        ml_client.environments.get("absent", "1")

    assert caught.value.error.code == "ResourceNotFound"


def test_a_model_is_uploaded_and_registered(world: Any, weights: Path) -> None:
    made = world.client.models.create_or_update(
        Model(name="lr", version="1", path=str(weights), type="custom_model", description="Weights.")
    )

    found = world.client.models.get("lr", "1")
    assert found.id == made.id
    assert (found.type, found.description) == ("custom_model", "Weights.")
    assert "model.pkl" in blobs(world)


def test_a_model_comes_down_again(ml_client: Any, weights: Path, folder: Path) -> None:
    ml_client.models.create_or_update(Model(name="lr", version="1", path=str(weights)))

    ml_client.models.download("lr", "1", download_path=str(folder / "down"))

    (found,) = (folder / "down").rglob("model.pkl")
    assert found.read_bytes() == b"weights"


def test_a_model_has_a_stage_and_flavours(ml_client: Any, weights: Path) -> None:
    ml_client.models.create_or_update(
        Model(
            name="lr",
            version="1",
            path=str(weights),
            stage="Production",
            flavors={"sklearn": {"sklearn_version": "1.5"}},
        )
    )

    found = ml_client.models.get("lr", "1")
    assert found.stage == "Production"
    assert found.flavors["sklearn"]["sklearn_version"] == "1.5"


def test_model_versions_count_up_and_are_listed_by_view(ml_client: Any, weights: Path) -> None:
    for _ in range(2):
        ml_client.models.create_or_update(Model(name="lr", path=str(weights)))
    ml_client.models.archive("lr", version="1")

    assert [one.version for one in ml_client.models.list("lr")] == ["2"]
    both = ml_client.models.list("lr", list_view_type=ListViewType.ALL)
    assert [one.version for one in both] == ["2", "1"]
    assert ml_client.models.get("lr", label="latest").version == "2"


@pytest.mark.parametrize("world", ["process"], indirect=True)
def test_a_model_of_an_unknown_type_is_refused(world: Any) -> None:
    from jupyter_aml.client.connect import connection
    from jupyter_aml.client.rest import Rest
    from jupyter_aml.errors import ResourceError

    with pytest.raises(ResourceError, match="expected one of custom_model, mlflow_model") as caught:
        Rest(connection(world.client)).put(
            "models/m/versions/1", {"properties": {"modelType": "pickle", "modelUri": "https://example.com/m"}}
        )

    assert (caught.value.status, caught.value.code) == (400, "ValidationError")


def component(source: Path, **more: Any) -> Any:
    named = {"name": "train", "display_name": "Train", **more}
    return command(
        **named,
        command="python train.py --lr ${{inputs.lr}} --out ${{outputs.model}}",
        code=str(source),
        environment="azureml://registries/azureml/environments/sklearn-1.5/versions/1",
        inputs={"lr": Input(type="number", default=0.1), "data": Input(type="uri_folder", optional=True)},
        outputs={"model": Output(type="mlflow_model")},
    ).component


def test_a_command_component_comes_back_whole(ml_client: Any, source: Path) -> None:
    ml_client.components.create_or_update(component(source, version="1"))

    found = ml_client.components.get("train", "1")
    assert (found.name, found.version, found.type, found.display_name) == ("train", "1", "command", "Train")
    assert "${{inputs.lr}}" in found.command
    assert found.inputs["lr"].type == "number"
    assert found.outputs["model"].type == "mlflow_model"


def test_a_component_from_yaml_is_registered(ml_client: Any, folder: Path, source: Path) -> None:
    (folder / "component.yml").write_text(
        "$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json\n"
        "name: hello\nversion: 2\ntype: command\ncommand: echo hello\n"
        "environment: azureml://registries/azureml/environments/sklearn-1.5/versions/1\n",
        encoding="utf-8",
    )

    made = ml_client.components.create_or_update(load_component(folder / "component.yml"))

    assert (made.name, made.version) == ("hello", "2")


def test_without_a_version_the_default_component_is_given(ml_client: Any, source: Path) -> None:
    ml_client.components.create_or_update(component(source, version="1"))
    ml_client.components.create_or_update(component(source, version="2"))

    assert ml_client.components.get("train").version == "2"
    assert [one.version for one in ml_client.components.list("train")] == ["2", "1"]


def test_tags_and_words_about_a_component_version_may_change(ml_client: Any, source: Path) -> None:
    ml_client.components.create_or_update(component(source, version="1"))
    found = ml_client.components.get("train", "1")
    found.tags, found.description, found.display_name = {"checked": "yes"}, "for iris", "Train"

    ml_client.components.create_or_update(found)

    again = ml_client.components.get("train", "1")
    assert (again.tags, again.description, again.display_name) == ({"checked": "yes"}, "for iris", "Train")
    assert again.command == found.command


def test_a_changed_component_under_the_same_version_is_a_conflict(ml_client: Any, source: Path) -> None:
    ml_client.components.create_or_update(component(source, version="1"))
    changed = component(source, version="1")
    changed.command = "python other.py"

    with pytest.raises(HttpResponseError, match="exists already") as caught:
        ml_client.components.create_or_update(changed)

    assert caught.value.status_code == 409


def test_code_is_snapshot_once_and_without_what_is_ignored(world: Any, source: Path) -> None:
    first = world.client.components.create_or_update(component(source, name="one", version="1"))
    second = world.client.components.create_or_update(component(source, name="two", version="1"))

    assert first.code == second.code
    assert "train.py" in blobs(world)
    assert "secret.key" not in blobs(world)


def test_a_changed_script_is_another_snapshot(ml_client: Any, source: Path) -> None:
    first = ml_client.components.create_or_update(component(source, name="one", version="1"))
    (source / "train.py").write_text("print('changed')\n", encoding="utf-8")
    second = ml_client.components.create_or_update(component(source, name="two", version="1"))

    assert first.code != second.code
