"""Online endpoints and deployments through the unmodified SDK; what the host does is done by a stand-in."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import load_online_deployment, load_online_endpoint
from azure.ai.ml.entities import (
    CodeConfiguration,
    DataCollector,
    DeploymentCollection,
    Environment,
    KubernetesCompute,
    KubernetesOnlineDeployment,
    KubernetesOnlineEndpoint,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
    ProbeSettings,
    ResourceRequirementsSettings,
    ResourceSettings,
    TargetUtilizationScaleSettings,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from jupyter_aml.local.serving.online import places, states

from .conftest import World

SCRIPT = "def init():\n    pass\n\n\ndef run(raw_data):\n    return raw_data\n"


class StandIn:
    """Ends changes as the host would, in the thread that committed them.

    Attributes:
        error: What deployments fail with; None while they succeed.
        seen: Endpoint, deployment and state of each change that was ended.
    """

    def __init__(self, world: World) -> None:
        self.error: dict[str, str] | None = None
        self.seen: list[tuple[str, str, str]] = []
        self._workspace = world.service.workspace(world.entry)
        self._workspace.database.on_commit(self._committed)

    def _committed(self, _notes: list[Any]) -> None:
        with self._workspace.database.read() as reader:
            waiting = states.pending(reader)
        for endpoint, name, operation, state in sorted(waiting, key=lambda one: not one[1]):
            self.seen.append((endpoint, name, state))
            if state == states.DELETING:
                states.remove(self._workspace, endpoint, name)
            else:
                failed = self.error if name else None
                to = states.FAILED if failed else states.SUCCEEDED
                states.settle(self._workspace, endpoint, name, operation, to, error=failed)


@pytest.fixture
def host(world: World) -> StandIn:
    """A stand-in for the host process of the test's store."""
    return StandIn(world)


@pytest.fixture
def model(world: World, folder: Path) -> str:
    """An MLflow model of the workspace, as `azureml:NAME:VERSION`."""
    place = folder / "flow"
    place.mkdir()
    (place / "MLmodel").write_text("flavors: {}\n", encoding="utf-8")
    made = world.client.models.create_or_update(Model(name="flow", path=str(place), type="mlflow_model"))
    return f"azureml:{made.name}:{made.version}"


def make(client: Any, name: str = "iris", **more: Any) -> Any:
    return client.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name, **more)).result()


def deploy(client: Any, model: str, name: str = "blue", endpoint: str = "iris", **more: Any) -> Any:
    options = {"instance_type": "Standard_DS3_v2", "instance_count": 1, **more}
    made = ManagedOnlineDeployment(name=name, endpoint_name=endpoint, model=model, **options)
    return client.online_deployments.begin_create_or_update(made).result()


def share(client: Any, name: str = "iris", **traffic: int) -> Any:
    endpoint = client.online_endpoints.get(name)
    endpoint.traffic = traffic
    return client.online_endpoints.begin_create_or_update(endpoint).result()


def test_an_endpoint_is_made_read_listed_and_deleted(world: World) -> None:
    made = make(world.client, description="Flowers", tags={"team": "red"}, properties={"mine": "1"})

    assert (made.name, made.auth_mode, made.provisioning_state, made.tags) == (
        "iris", "key", "Succeeded", {"team": "red"},
    )  # fmt: skip
    found = world.client.online_endpoints.get("iris")
    assert isinstance(found, ManagedOnlineEndpoint)
    assert found.scoring_uri.startswith("http://127.0.0.1:")
    assert found.openapi_uri == found.scoring_uri.replace("/score", "/swagger.json")
    assert (found.description, found.properties["mine"], found.kind) == ("Flowers", "1", "Managed")
    assert [one.name for one in world.client.online_endpoints.list()] == ["iris"]

    world.client.online_endpoints.begin_delete("iris").result()
    with pytest.raises(ResourceNotFoundError):
        world.client.online_endpoints.get("iris")


def test_keys_are_given_out_and_renewed(world: World) -> None:
    make(world.client)
    first = world.client.online_endpoints.get_keys("iris")

    world.client.online_endpoints.begin_regenerate_keys("iris", key_type="secondary").result()

    second = world.client.online_endpoints.get_keys("iris")
    assert first.primary_key == second.primary_key
    assert first.secondary_key != second.secondary_key


def test_a_token_says_until_when_it_is_good(world: World) -> None:
    make(world.client, auth_mode="aml_token")

    found = world.client.online_endpoints.get_keys("iris")

    assert found.token_type == "Bearer"
    assert time.time() < found.refresh_after_time_utc < found.expiry_time_utc


def test_an_endpoint_for_entra_tokens_gives_the_callers_own(world: World) -> None:
    make(world.client, auth_mode="aad_token")

    assert world.client.online_endpoints.get_keys("iris").access_token.count(".") == 2


def test_a_model_is_deployed_without_code(world: World, host: StandIn, model: str) -> None:
    make(world.client)

    made = deploy(world.client, model, instance_count=2)

    assert isinstance(made, ManagedOnlineDeployment)
    assert (made.name, made.provisioning_state, made.instance_count) == ("blue", "Succeeded", 2)
    assert host.seen == [("iris", "blue", "Creating")]
    found = world.client.online_deployments.get("blue", "iris")
    assert found.endpoint_name == "iris"
    assert found.model.endswith("/models/flow/versions/1")
    assert [one.name for one in world.client.online_deployments.list("iris")] == ["blue"]


def test_a_script_is_deployed_with_what_it_needs(world: World, host: StandIn, folder: Path) -> None:
    make(world.client)
    code = folder / "src"
    code.mkdir()
    (code / "score.py").write_text(SCRIPT, encoding="utf-8")
    (folder / "weights.txt").write_text("1", encoding="utf-8")
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name="iris",
        model=Model(path=str(folder / "weights.txt")),
        code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
        environment=Environment(image="python:3.11"),
        environment_variables={"LEVEL": "3"},
        request_settings=OnlineRequestSettings(
            request_timeout_ms=90_000, max_concurrent_requests_per_instance=4, max_queue_wait_ms=100
        ),
        liveness_probe=ProbeSettings(initial_delay=30, period=5, timeout=2, failure_threshold=3, success_threshold=1),
        app_insights_enabled=True,
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )

    world.client.online_deployments.begin_create_or_update(deployment).result()

    found = world.client.online_deployments.get("blue", "iris")
    assert found.code_configuration.scoring_script == "score.py"
    assert found.environment_variables == {"LEVEL": "3"}
    assert found.request_settings.request_timeout_ms == 90_000
    assert found.request_settings.max_concurrent_requests_per_instance == 4
    assert (found.liveness_probe.initial_delay, found.liveness_probe.period) == (30, 5)
    assert found.app_insights_enabled is True


def test_a_failure_ends_the_wait_with_its_sentence(world: World, host: StandIn, model: str) -> None:
    make(world.client)
    host.error = {"code": "UserScriptInit", "message": "init() raised ValueError: no weights. See the log."}

    with pytest.raises(HttpResponseError, match="init\\(\\) raised ValueError: no weights") as caught:
        deploy(world.client, model)

    assert caught.value.error.code == "UserScriptInit"
    assert world.client.online_deployments.get("blue", "iris").provisioning_state == "Failed"
    host.error = None
    assert deploy(world.client, model).provisioning_state == "Succeeded"


def test_traffic_is_shared_mirrored_and_taken_away(world: World, host: StandIn, model: str) -> None:
    make(world.client)
    deploy(world.client, model)
    deploy(world.client, model, "green")

    assert share(world.client, blue=100).traffic == {"blue": 100}
    endpoint = world.client.online_endpoints.get("iris")
    assert endpoint.traffic == {"blue": 100, "green": 0}
    endpoint.mirror_traffic = {"green": 10}
    world.client.online_endpoints.begin_create_or_update(endpoint).result()
    assert world.client.online_endpoints.get("iris").mirror_traffic == {"green": 10}
    endpoint.mirror_traffic = {"green": 0}
    endpoint.traffic = {"blue": 90, "green": 10}
    found = world.client.online_endpoints.begin_create_or_update(endpoint).result()
    assert (found.traffic, found.mirror_traffic) == ({"blue": 90, "green": 10}, {})
    assert ("iris", "", "Updating") in host.seen


@pytest.mark.parametrize(
    ("traffic", "said"),
    [({"blue": 90}, "sums to 90; 100 was expected"), ({"red": 100}, "the deployment 'red'")],
)
def test_traffic_that_cannot_be_is_refused(
    world: World, host: StandIn, model: str, traffic: dict[str, int], said: str
) -> None:
    make(world.client)
    deploy(world.client, model)

    with pytest.raises(HttpResponseError, match=said) as caught:
        share(world.client, **traffic)

    assert caught.value.status_code == 400


def test_a_deployment_goes_when_it_takes_no_traffic(world: World, host: StandIn, model: str) -> None:
    make(world.client)
    deploy(world.client, model)
    share(world.client, blue=100)

    with pytest.raises(HttpResponseError, match="takes 100 % of the live traffic"):
        world.client.online_deployments.begin_delete("blue", "iris").result()

    share(world.client, blue=0)
    world.client.online_deployments.begin_delete("blue", "iris").result()
    assert list(world.client.online_deployments.list("iris")) == []


def test_an_endpoint_goes_with_its_deployments(world: World, host: StandIn, model: str) -> None:
    make(world.client)
    deploy(world.client, model)
    share(world.client, blue=100)

    world.client.online_endpoints.begin_delete("iris").result()

    assert list(world.client.online_endpoints.list()) == []
    assert {("iris", "blue", "Deleting"), ("iris", "", "Deleting")} <= set(host.seen)


def test_a_deployment_is_changed(world: World, host: StandIn, model: str) -> None:
    make(world.client)
    deploy(world.client, model)
    found = world.client.online_deployments.get("blue", "iris")
    found.instance_count = 3
    found.tags = {"a": "b"}

    changed = world.client.online_deployments.begin_create_or_update(found).result()

    assert (changed.instance_count, changed.tags) == (3, {"a": "b"})
    assert host.seen[-1] == ("iris", "blue", "Updating")


def test_the_log_is_read(world: World, host: StandIn, model: str) -> None:
    make(world.client)
    deploy(world.client, model)
    place = places.endpoint(world.entry.folder, "iris").deployment("blue")
    place.logs.mkdir(parents=True)
    place.replica_log(1).write_text("one\ntwo\nthree\n", encoding="utf-8")
    place.preparing.write_text("copied\n", encoding="utf-8")

    read = world.client.online_deployments.get_logs

    assert read("blue", "iris", lines=2).split() == ["two", "three"]
    assert read("blue", "iris", lines=9, container_type="storage-initializer").split() == ["copied"]


def test_collected_data_become_assets(world: World, host: StandIn, model: str) -> None:
    make(world.client)
    collector = DataCollector(
        collections={"model_inputs": DeploymentCollection(enabled="true")}, sampling_rate=0.5, rolling_rate="hour"
    )

    made = deploy(world.client, model, data_collector=collector)

    assert made.data_collector.collections["model_inputs"].enabled == "true"
    assert world.client.data.get("iris-blue-model_inputs", "1").path.endswith("/iris/blue/model_inputs")


def test_the_kubernetes_shape_has_its_compute_and_scales(world: World, host: StandIn, model: str) -> None:
    compute = KubernetesCompute(name="k8s", resource_id="/subscriptions/s/x", namespace="default")
    world.client.compute.begin_create_or_update(compute).result()
    endpoint = KubernetesOnlineEndpoint(name="kube", compute="k8s")
    world.client.online_endpoints.begin_create_or_update(endpoint).result()
    limits = ResourceSettings(cpu="1", memory="1Gi")
    deployment = KubernetesOnlineDeployment(
        name="blue",
        endpoint_name="kube",
        model=model,
        instance_count=1,
        scale_settings=TargetUtilizationScaleSettings(
            min_instances=1, max_instances=3, polling_interval=10, target_utilization_percentage=50
        ),
        resources=ResourceRequirementsSettings(requests=limits, limits=limits),
    )

    world.client.online_deployments.begin_create_or_update(deployment).result()

    assert isinstance(world.client.online_endpoints.get("kube"), KubernetesOnlineEndpoint)
    found = world.client.online_deployments.get("blue", "kube")
    assert isinstance(found, KubernetesOnlineDeployment)
    assert (found.scale_settings.max_instances, found.scale_settings.target_utilization_percentage) == (3, 50)
    assert found.resources.limits.memory == "1Gi"


def test_a_compute_that_is_no_cluster_of_kubernetes_is_refused(world: World) -> None:
    endpoint = KubernetesOnlineEndpoint(name="kube", compute="local")

    with pytest.raises(HttpResponseError, match="a compute of type AmlCompute; Kubernetes was expected"):
        world.client.online_endpoints.begin_create_or_update(endpoint).result()


def test_both_come_from_yaml(world: World, host: StandIn, model: str, folder: Path) -> None:
    (folder / "endpoint.yml").write_text("name: flowers\nauth_mode: key\n", encoding="utf-8")
    (folder / "score.py").write_text(SCRIPT, encoding="utf-8")
    text = f"""
        $schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
        name: blue
        endpoint_name: flowers
        model: {model}
        code_configuration:
          code: .
          scoring_script: score.py
        environment:
          image: python:3.11
        instance_type: Standard_DS3_v2
        instance_count: 1
        request_settings:
          request_timeout_ms: 3000
        """
    (folder / "blue.yml").write_text(textwrap.dedent(text), encoding="utf-8")

    world.client.online_endpoints.begin_create_or_update(load_online_endpoint("endpoint.yml")).result()
    world.client.online_deployments.begin_create_or_update(load_online_deployment("blue.yml")).result()

    found = world.client.online_deployments.get("blue", "flowers")
    assert found.request_settings.request_timeout_ms == 3000
    assert found.code_configuration.scoring_script == "score.py"


def test_what_is_missing_is_named(world: World, host: StandIn) -> None:
    make(world.client)

    with pytest.raises(ResourceNotFoundError, match="Did you mean 'iris'"):
        world.client.online_endpoints.get("irys")
    with pytest.raises(ResourceNotFoundError, match="The deployment 'blue' was not found"):
        world.client.online_deployments.get("blue", "iris")
    with pytest.raises(HttpResponseError, match="names the model"):
        deploy(world.client, "azureml:nothing:1")
