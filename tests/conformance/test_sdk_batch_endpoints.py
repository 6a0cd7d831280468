"""Batch endpoints and deployments through the unmodified SDK, without running anything: bodies, rules, deletion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, load_batch_endpoint
from azure.ai.ml.entities import (
    BatchEndpoint,
    CodeConfiguration,
    Environment,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.ai.ml.entities._load_functions import load_model_batch_deployment
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

PLAIN = Environment(name="plain", version="1", image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04")
SCRIPT = "def init():\n    pass\n\n\ndef run(mini_batch):\n    return mini_batch\n"
NAME = "scores"


@pytest.fixture
def endpoint(world: Any) -> str:
    world.client.environments.create_or_update(PLAIN)
    world.client.batch_endpoints.begin_create_or_update(BatchEndpoint(name=NAME, tags={"a": "b"})).result()
    return NAME


def deployment(folder: Path, name: str = "blue", **more: Any) -> ModelBatchDeployment:
    """A deployment of a script, with what is to be different."""
    for place, file, text in (("model", "weights", "1"), ("code", "score.py", SCRIPT)):
        (folder / place).mkdir(exist_ok=True)
        (folder / place / file).write_text(text, encoding="utf-8")
    given: dict[str, Any] = {
        "model": Model(name="weights", version="1", path=str(folder / "model")),
        "code_configuration": CodeConfiguration(code=str(folder / "code"), scoring_script="score.py"),
        "environment": "plain:1",
        "compute": "serverless",
        "settings": ModelBatchDeploymentSettings(mini_batch_size=None),
    }
    return ModelBatchDeployment(name=name, endpoint_name=NAME, **{**given, **more})


def deploy(world: Any, folder: Path, name: str = "blue", **more: Any) -> Any:
    return world.client.batch_deployments.begin_create_or_update(deployment(folder, name, **more)).result()


def test_an_endpoint_is_made_changed_listed_and_deleted(world: Any, endpoint: str) -> None:
    client = world.client.batch_endpoints
    found = client.get(endpoint)
    assert (found.auth_mode, found.provisioning_state, found.tags) == ("aad_token", "Succeeded", {"a": "b"})
    assert found.scoring_uri.endswith(f"/batchEndpoints/{endpoint}")
    found.tags["c"] = "d"
    found.description = "mine"
    client.begin_create_or_update(found).result()

    assert [(one.name, one.tags, one.description) for one in client.list()] == [(NAME, {"a": "b", "c": "d"}, "mine")]
    client.begin_delete(endpoint).result()
    assert list(client.list()) == []
    with pytest.raises(ResourceNotFoundError, match="was not found"):
        client.get(endpoint)


def test_a_deployment_has_azures_defaults(world: Any, folder: Path, endpoint: str) -> None:
    deploy(world, folder)
    found = world.client.batch_deployments.get("blue", endpoint)

    assert (found.mini_batch_size, found.max_concurrency_per_instance, found.error_threshold) == (10, 1, -1)
    assert (found.output_action, found.output_file_name, found.logging_level) == (
        "append_row",
        "predictions.csv",
        "Info",
    )
    assert (found.retry_settings.max_retries, found.retry_settings.timeout) == (3, 30)
    assert found.resources.instance_count == 1
    assert found.compute.endswith("serverless")
    assert found.model.endswith("/models/weights/versions/1")
    assert found.provisioning_state == "Succeeded"
    assert [one.name for one in world.client.batch_deployments.list(endpoint)] == ["blue"]


def test_yaml_makes_the_same(world: Any, folder: Path, endpoint: str) -> None:
    deployment(folder)
    (folder / "endpoint.yml").write_text(f"name: {endpoint}\nauth_mode: aad_token\ndescription: of a file\n")
    (folder / "blue.yml").write_text(
        f"name: blue\nendpoint_name: {endpoint}\ntype: model\nmodel:\n  name: weights\n  version: 1\n  path: model\n"
        "code_configuration:\n  code: code\n  scoring_script: score.py\nenvironment: azureml:plain:1\n"
        "compute: azureml:serverless\nresources:\n  instance_count: 2\nsettings:\n  mini_batch_size: 7\n"
        "  max_concurrency_per_instance: 3\n  output_action: summary_only\n  error_threshold: 5\n"
        "  logging_level: debug\n  retry_settings:\n    max_retries: 1\n    timeout: 300\n"
        "  environment_variables:\n    A: b\n"
    )
    world.client.batch_endpoints.begin_create_or_update(load_batch_endpoint(folder / "endpoint.yml")).result()
    world.client.batch_deployments.begin_create_or_update(load_model_batch_deployment(folder / "blue.yml")).result()
    found = world.client.batch_deployments.get("blue", endpoint)

    assert world.client.batch_endpoints.get(endpoint).description == "of a file"
    assert (found.mini_batch_size, found.max_concurrency_per_instance, found.error_threshold) == (7, 3, 5)
    assert (found.output_action, found.logging_level.lower()) == ("summary_only", "debug")
    assert (found.retry_settings.max_retries, found.retry_settings.timeout) == (1, 300)
    assert (found.resources.instance_count, found.environment_variables) == (2, {"A": "b"})


def test_the_default_deployment_is_set_and_must_exist_and_stays(world: Any, folder: Path, endpoint: str) -> None:
    client = world.client
    deploy(world, folder)
    deploy(world, folder, "green")
    found = client.batch_endpoints.get(endpoint)
    assert found.defaults.deployment_name is None
    found.defaults.deployment_name = "bleu"
    with pytest.raises(HttpResponseError, match=r"is 'bleu', but the deployments .* are: blue, green"):
        client.batch_endpoints.begin_create_or_update(found)
    found.defaults.deployment_name = "blue"
    client.batch_endpoints.begin_create_or_update(found).result()

    assert client.batch_endpoints.get(endpoint).defaults.deployment_name == "blue"
    client.batch_deployments.begin_delete("green", endpoint).result()
    with pytest.raises(HttpResponseError, match="is the default of the batch endpoint 'scores' and cannot be deleted"):
        client.batch_deployments.begin_delete("blue", endpoint)
    client.batch_endpoints.begin_delete(endpoint).result()
    client.batch_endpoints.begin_create_or_update(BatchEndpoint(name=endpoint)).result()
    assert list(client.batch_deployments.list(endpoint)) == []


def test_an_endpoint_without_default_asks_for_a_deployment(world: Any, folder: Path, endpoint: str) -> None:
    deploy(world, folder)
    data = Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/x/")
    with pytest.raises(HttpResponseError, match="has no default deployment, and the invocation names none") as caught:
        world.client.batch_endpoints.invoke(endpoint_name=endpoint, input=data)
    assert "its deployments are: blue" in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"compute": "nowhere"}, "The compute 'nowhere' was not found"),
        ({"environment": None}, "environmentId is missing; a scoring script runs in an environment"),
        ({"code_configuration": None}, "is a custom_model, and only MLflow models need no scoring script"),
        ({"model": "azureml:weights:9"}, "weights:9"),
        ({"compute": None}, "compute is missing"),
        ({"settings": ModelBatchDeploymentSettings(mini_batch_size=-2)}, "miniBatchSize is -2; a whole number of 1"),
        ({"settings": ModelBatchDeploymentSettings(mini_batch_size=1, error_threshold=-2)}, "errorThreshold is -2"),
        (
            {"settings": ModelBatchDeploymentSettings(mini_batch_size=1, output_file_name="a/b.csv")},
            "which is no name of a file",
        ),
        ({"name": "1x"}, "cannot name a batch deployment"),
    ],
)
def test_what_cannot_be_is_refused(world: Any, folder: Path, endpoint: str, more: dict[str, Any], said: str) -> None:
    deploy(world, folder, "fine")
    with pytest.raises(HttpResponseError) as caught:
        deploy(world, folder, **more)
    assert said in str(caught.value)
    assert [one.name for one in world.client.batch_deployments.list(endpoint)] == ["fine"]


def test_a_script_that_is_not_in_the_code_is_refused(world: Any, folder: Path, endpoint: str) -> None:
    wrong = deployment(
        folder, code_configuration=CodeConfiguration(code=str(folder / "code"), scoring_script="scor.py")
    )
    with pytest.raises(HttpResponseError, match=r"which the code snapshot does not have"):
        world.client.batch_deployments.begin_create_or_update(wrong, skip_script_validation=True)


def test_unknown_endpoints_and_deployments_are_named(world: Any, folder: Path, endpoint: str) -> None:
    deploy(world, folder)
    with pytest.raises(ResourceNotFoundError, match="Did you mean 'blue'"):
        world.client.batch_deployments.get("bleu", endpoint)
    with pytest.raises(ResourceNotFoundError, match="Did you mean 'scores'"):
        world.client.batch_endpoints.get("score")
    assert world.client.batch_deployments.begin_delete("other", endpoint).result() is None
