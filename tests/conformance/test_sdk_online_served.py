"""Online endpoints that answer: made, called, shared, changed and deleted through the unmodified SDK."""

from __future__ import annotations

import itertools
import json
import socket
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml.constants._endpoint import EndpointInvokeFields
from azure.ai.ml.entities import (
    CodeConfiguration,
    KubernetesCompute,
    KubernetesOnlineDeployment,
    KubernetesOnlineEndpoint,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    ResourceRequirementsSettings,
    ResourceSettings,
)
from azure.core.exceptions import HttpResponseError

from jupyter_aml.local.arm.http import Request
from jupyter_aml.local.authz import tokens

from . import lab as labs
from .lab import Lab

NUMBERS = itertools.count()
ECHO = """
    import os

    def init():
        global word
        print("init has run")
        with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "word.txt")) as file:
            word = file.read()

    def run(raw_data):
        print("asked for", raw_data)
        return {"word": word, "level": os.environ["LEVEL"], "data": raw_data}
    """
BROKEN = """
    def init():
        raise ValueError("no weights here")

    def run(raw_data):
        return 1
    """


@pytest.fixture
def endpoint(lab: Lab) -> Iterator[str]:
    """The name of a new endpoint; it is deleted after the test."""
    name = f"served-{next(NUMBERS)}"
    lab.client.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    yield name
    lab.client.online_endpoints.begin_delete(name).result()


@pytest.fixture
def script(lab: Lab, folder: Path, endpoint: str) -> Callable[..., Any]:
    """Deploys a scoring script with a model of one file, and waits."""
    weights = folder / "word.txt"
    weights.write_text("tulip", encoding="utf-8")

    def deploy(name: str, source: str, **more: Any) -> Any:
        code = folder / f"code-{name}"
        code.mkdir(exist_ok=True)
        (code / "score.py").write_text(textwrap.dedent(source), encoding="utf-8")
        deployment = ManagedOnlineDeployment(
            name=name,
            endpoint_name=endpoint,
            model=Model(name="word", path=str(weights)),
            code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
            environment=labs.PLAIN,
            environment_variables={"LEVEL": name},
            instance_type="Standard_DS3_v2",
            instance_count=1,
            **more,
        )
        return lab.client.online_deployments.begin_create_or_update(deployment).result()

    return deploy


def call(lab: Lab, endpoint: str, data: Any, deployment: str | None = None) -> Any:
    """What the endpoint answers to a JSON document."""
    EndpointInvokeFields.DEFAULT_HEADER.pop(EndpointInvokeFields.MODEL_DEPLOYMENT, None)  # the SDK never takes it out
    path = Path("request.json")
    path.write_text(json.dumps(data), encoding="utf-8")
    found = lab.client.online_endpoints.invoke(endpoint, request_file=str(path), deployment_name=deployment)
    return json.loads(found)


def ask(lab: Lab, path: str, body: Any = None) -> Any:
    """What Azure Resource Manager answers to a GET, or to a PUT of a body."""
    me = tokens.local_identity(lab.service.store)
    method, content = ("GET", b"") if body is None else ("PUT", json.dumps(body).encode())
    url = f"https://management.azure.com{path}"
    response = lab.service.handle(Request.build(method, url, identity=me, body=content))
    assert response.status in {200, 201}, response.body
    return json.loads(response.body)


def share(lab: Lab, name: str, **traffic: int) -> None:
    found = lab.client.online_endpoints.get(name)
    found.traffic = traffic
    lab.client.online_endpoints.begin_create_or_update(found).result()


def test_a_script_answers_and_traffic_moves(lab: Lab, endpoint: str, script: Callable[..., Any]) -> None:
    script("blue", ECHO)
    assert call(lab, endpoint, {"a": 1}, "blue")["word"] == "tulip"

    share(lab, endpoint, blue=100)
    assert call(lab, endpoint, {"a": 1})["level"] == "blue"
    script("green", ECHO)
    share(lab, endpoint, blue=0, green=100)
    assert {call(lab, endpoint, [1])["level"] for _ in range(5)} == {"green"}

    log = lab.client.online_deployments.get_logs("green", endpoint, lines=50)
    assert "init has run" in log
    assert "asked for" in log
    lab.client.online_deployments.begin_delete("blue", endpoint).result()
    assert [one.name for one in lab.client.online_deployments.list(endpoint)] == ["green"]
    assert call(lab, endpoint, [1])["level"] == "green"


def test_a_script_that_fails_is_told_with_its_own_words(lab: Lab, endpoint: str, script: Callable[..., Any]) -> None:
    with pytest.raises(HttpResponseError, match="no weights here"):
        script("blue", BROKEN)

    assert lab.client.online_deployments.get("blue", endpoint).provisioning_state == "Failed"
    assert "ValueError: no weights here" in lab.client.online_deployments.get_logs("blue", endpoint, lines=50)
    assert script("blue", ECHO).provisioning_state == "Succeeded"
    assert call(lab, endpoint, 1, "blue")["word"] == "tulip"


@pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints
def test_an_mlflow_model_answers_without_code(lab: Lab, endpoint: str, folder: Path) -> None:
    import mlflow
    from sklearn.linear_model import LinearRegression

    place = folder / "line"
    line = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
    plain = {"serialization_format": "cloudpickle", "pip_requirements": ["scikit-learn"]}
    mlflow.sklearn.save_model(line, str(place), **plain)
    model = lab.client.models.create_or_update(Model(name="line", path=str(place), type="mlflow_model"))
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name=endpoint,
        model=f"azureml:{model.name}:{model.version}",
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )

    lab.client.online_deployments.begin_create_or_update(deployment).result()

    assert call(lab, endpoint, {"input_data": [[2.0], [3.0]]}, "blue") == pytest.approx([5.0, 7.0])


def test_a_new_key_replaces_the_old_one_at_once(lab: Lab, endpoint: str, script: Callable[..., Any]) -> None:
    import requests

    script("blue", ECHO)
    share(lab, endpoint, blue=100)
    old = lab.client.online_endpoints.get_keys(endpoint).primary_key
    uri = lab.client.online_endpoints.get(endpoint).scoring_uri

    def status(key: str) -> int:
        return requests.post(uri, json=1, headers={"Authorization": f"Bearer {key}"}, timeout=10).status_code

    assert status(old) == 200
    lab.client.online_endpoints.begin_regenerate_keys(endpoint, key_type="primary").result()

    assert status(old) == 401
    assert status(lab.client.online_endpoints.get_keys(endpoint).primary_key) == 200


@pytest.mark.parametrize("mode", ["aml_token", "aad_token"])
def test_a_token_opens_the_endpoint(lab: Lab, endpoint: str, script: Callable[..., Any], mode: str) -> None:
    script("blue", ECHO)
    found = lab.client.online_endpoints.get(endpoint)
    found.auth_mode = mode
    found.traffic = {"blue": 100}
    lab.client.online_endpoints.begin_create_or_update(found).result()

    assert call(lab, endpoint, 1)["word"] == "tulip"


def test_figures_of_what_was_asked_are_told(lab: Lab, endpoint: str, script: Callable[..., Any]) -> None:
    deployed = script("blue", ECHO)
    share(lab, endpoint, blue=100)
    for _ in range(3):
        call(lab, endpoint, 1)
    query = "metricnames=RequestsPerMinute&aggregation=Total&$filter=deployment eq '*' and statusCodeClass eq '*'"

    found = ask(lab, f"{deployed.id.partition('/deployments/')[0]}/providers/Microsoft.Insights/metrics?{query}")

    (series,) = found["value"][0]["timeseries"]
    assert [one["value"] for one in series["metadatavalues"]] == ["blue", "2xx"]
    assert sum(point["total"] for point in series["data"]) == 3


def test_an_endpoint_that_is_deleted_answers_no_more(lab: Lab, endpoint: str, script: Callable[..., Any]) -> None:
    script("blue", ECHO)
    share(lab, endpoint, blue=100)
    port = int(lab.client.online_endpoints.get(endpoint).scoring_uri.split(":")[2].split("/")[0])
    socket.create_connection(("127.0.0.1", port), timeout=5).close()

    lab.client.online_endpoints.begin_delete(endpoint).result()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert not (lab.entry.folder / "serving" / endpoint).exists()


def test_mirrored_requests_reach_the_other_deployment_alone(
    lab: Lab, endpoint: str, script: Callable[..., Any]
) -> None:
    script("blue", ECHO)
    script("green", ECHO)
    found = lab.client.online_endpoints.get(endpoint)
    found.traffic, found.mirror_traffic = {"blue": 100}, {"green": 50}
    lab.client.online_endpoints.begin_create_or_update(found).result()

    assert {call(lab, endpoint, number)["level"] for number in range(20)} == {"blue"}

    def mirrored() -> bool:
        return "asked for" in lab.client.online_deployments.get_logs("green", endpoint, lines=50)

    labs.wait_for(mirrored, "a mirrored request")


def test_an_autoscale_setting_has_more_replicas_started(lab: Lab, endpoint: str, script: Callable[..., Any]) -> None:
    deployed = script("blue", ECHO)
    profile = {"name": "more", "capacity": {"minimum": "2", "maximum": "3", "default": "2"}, "rules": []}
    body = {"location": "local", "properties": {"targetResourceUri": deployed.id, "profiles": [profile]}}
    root = deployed.id.partition("/providers/")[0]

    ask(lab, f"{root}/providers/Microsoft.Insights/autoscalesettings/{endpoint}", body)

    def replicas() -> str:
        return str(lab.client.online_deployments.get("blue", endpoint).properties.get("azureml.local.ready"))

    labs.wait_for(lambda: replicas() == "2", "a second replica")


def test_a_deployment_of_the_kubernetes_shape_answers(lab: Lab, folder: Path) -> None:
    client, name = lab.client, f"kube-{next(NUMBERS)}"
    client.compute.begin_create_or_update(
        KubernetesCompute(name="k8s", resource_id="/subscriptions/s/x", namespace="default")
    ).result()
    client.online_endpoints.begin_create_or_update(KubernetesOnlineEndpoint(name=name, compute="k8s")).result()
    code = folder / "kube"
    code.mkdir()
    (code / "score.py").write_text("def init(): ...\ndef run(data): return [data]\n", encoding="utf-8")
    deployment = KubernetesOnlineDeployment(
        name="blue",
        endpoint_name=name,
        code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
        environment=labs.PLAIN,
        instance_count=2,
        resources=ResourceRequirementsSettings(
            requests=ResourceSettings(cpu="0.1", memory="0.2Gi"), limits=ResourceSettings(cpu="1", memory="2Gi")
        ),
    )

    client.online_deployments.begin_create_or_update(deployment).result()

    assert call(lab, name, "x", "blue") == ['"x"']
    client.online_endpoints.begin_delete(name).result()
