"""The service through `handle`, without any client."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.app import Service
from jupyter_aml.local.arm.http import Identity, Request
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.store.catalogue import Store

Ask = Callable[..., tuple[int, Any]]
URI = "azureml://datastores/workspaceblobstore/paths/iris.csv"


@pytest.fixture
def service(tmp_path: Path) -> Service:
    store = Store.open(tmp_path / "home")
    store.rings = False
    store.create()
    return Service(store)


@pytest.fixture
def ask(service: Service) -> Ask:
    me = tokens.local_identity(service.store)
    root = service.store.entries()[0].arm_id

    def send(
        method: str, path: str, body: Any = None, *, host: str = "management.azure.com", identity: Identity = me
    ) -> tuple[int, Any]:
        whole = path if path.startswith("/") else f"{root}/{path}".rstrip("/")
        content = b"" if body is None else json.dumps(body).encode()
        response = service.handle(Request.build(method, f"https://{host}{whole}", identity=identity, body=content))
        return response.status, json.loads(response.body) if response.body else None

    return send


def message(answer: Any) -> str:
    return str(answer["error"]["message"])


def file_at(uri: str = URI) -> dict[str, Any]:
    return {"properties": {"dataType": "uri_file", "dataUri": uri}}


def test_a_workspace_has_its_four_datastores_from_the_start(ask: Ask) -> None:
    status, found = ask("GET", "datastores")

    assert status == 200
    names = {one["name"]: one["properties"]["isDefault"] for one in found["value"]}
    assert names == {
        "workspaceartifactstore": False,
        "workspaceblobstore": True,
        "workspacefilestore": False,
        "workspaceworkingdirectory": False,
    }


def test_ids_are_found_whatever_their_case(ask: Ask, service: Service) -> None:
    status, found = ask("GET", service.store.entries()[0].arm_id.upper() + "/DataStores/WorkspaceBlobStore")

    assert (status, found["name"]) == (200, "workspaceblobstore")


def test_secrets_leave_only_through_list_secrets(ask: Ask) -> None:
    body = {
        "properties": {
            "datastoreType": "AzureBlob",
            "accountName": "acct",
            "containerName": "c",
            "credentials": {"credentialsType": "Sas", "secrets": {"secretsType": "Sas", "sasToken": "sv=SECRET"}},
        }
    }
    assert ask("PUT", "datastores/lake", body)[0] == 201

    assert "SECRET" not in json.dumps(ask("GET", "datastores/lake"))
    assert "SECRET" not in json.dumps(ask("GET", "datastores"))
    assert ask("POST", "datastores/lake/listSecrets", {}) == (200, {"secretsType": "Sas", "sasToken": "sv=SECRET"})


def test_a_built_in_datastore_stays(ask: Ask) -> None:
    status, answer = ask("DELETE", "datastores/workspaceblobstore")

    assert (status, answer["error"]["code"]) == (409, "Conflict")


def test_a_datastore_without_its_container_is_refused(ask: Ask) -> None:
    body = {"properties": {"datastoreType": "AzureBlob", "accountName": "acct"}}

    status, answer = ask("PUT", "datastores/lake", body)

    assert (status, answer["error"]["target"]) == (400, "properties.containerName")


def test_versions_count_up_and_the_newest_is_the_latest(ask: Ask) -> None:
    for version in ("1", "2", "beta"):
        assert ask("PUT", f"data/iris/versions/{version}", file_at())[0] == 201

    _, container = ask("GET", "data/iris")
    _, versions = ask("GET", "data/iris/versions?$orderBy=createdtime desc&$top=1")

    assert (container["properties"]["latestVersion"], container["properties"]["nextVersion"]) == ("beta", "3")
    assert container["properties"]["dataType"] == "uri_file"
    assert [one["name"] for one in versions["value"]] == ["beta"]


def test_a_version_cannot_change_but_for_tags_and_archiving(ask: Ask) -> None:
    ask("PUT", "data/iris/versions/1", file_at())
    tagged = file_at()
    tagged["properties"] |= {"tags": {"a": "b"}, "isArchived": True}

    status, answer = ask("PUT", "data/iris/versions/1", file_at(URI + "2"))

    assert (status, answer["error"]["code"]) == (409, "Conflict")
    assert "name a new version" in message(answer)
    assert ask("PUT", "data/iris/versions/1", tagged)[0] == 200
    assert ask("GET", "data/iris/versions")[1]["value"] == []
    archived = ask("GET", "data/iris/versions?listViewType=ArchivedOnly")[1]["value"]
    assert [one["properties"]["tags"] for one in archived] == [{"a": "b"}]


def test_lists_come_page_by_page(ask: Ask) -> None:
    for number in range(5):
        ask("PUT", f"data/d{number}/versions/1", file_at())
    seen, path = [], "data?$top=2"
    while path:
        _, found = ask("GET", path)
        seen.append([one["name"] for one in found["value"]])
        path = found.get("nextLink", "").removeprefix("https://management.azure.com")

    assert seen == [["d0", "d1"], ["d2", "d3"], ["d4"]]


def test_a_missing_name_offers_the_nearest(ask: Ask) -> None:
    ask("PUT", "data/iris/versions/1", file_at())

    status, answer = ask("GET", "data/irs/versions/1")

    assert (status, answer["error"]["code"]) == (404, "ResourceNotFound")
    assert "Did you mean 'iris'?" in message(answer)


def test_data_on_a_missing_datastore_is_refused(ask: Ask) -> None:
    uri = "azureml://datastores/workspaceblobstor/paths/a"

    status, answer = ask("PUT", "data/iris/versions/1", file_at(uri))

    assert status == 404
    assert "Did you mean 'workspaceblobstore'?" in message(answer)


@pytest.mark.parametrize("name", ["a b", "-a", "ü", "x" * 256])
def test_names_outside_azures_rules_are_refused(ask: Ask, name: str) -> None:
    status, answer = ask("PUT", f"data/{name}/versions/1", file_at())

    assert (status, answer["error"]["code"]) == (400, "InvalidResourceName")
    assert "letters, digits" in message(answer)


def test_a_wrong_type_offers_the_right_word(ask: Ask) -> None:
    body = {"properties": {"dataType": "uri_fil", "dataUri": URI}}

    status, answer = ask("PUT", "data/iris/versions/1", body)

    assert (status, answer["error"]["code"]) == (400, "ValidationError")
    assert "uri_file" in message(answer)


def test_a_component_gets_its_name_and_version_from_the_service(ask: Ask) -> None:
    spec = {"type": "command", "command": "python a.py", "environment": "azureml:e:1"}
    ask("PUT", "components/step/versions/1", {"properties": {"componentSpec": spec}})

    _, found = ask("GET", "components/step/versions/azureml_default")

    assert found["properties"]["componentSpec"] == {**spec, "name": "step", "version": "1"}


def test_code_is_found_by_its_hash_whatever_its_name(ask: Ask) -> None:
    properties = {"codeUri": "https://a/b", "properties": {"hash_sha256": "abc", "hash_version": "202208"}}
    ask("PUT", "codes/one/versions/1", {"properties": properties})

    _, found = ask("GET", "codes/another/versions?hash=abc&hashVersion=202208")
    _, none = ask("GET", "codes/another/versions?hash=xyz&hashVersion=202208")

    assert [one["id"].split("/codes/")[1] for one in found["value"]] == ["one/versions/1"]
    assert none["value"] == []


def test_an_instance_stops_and_a_cluster_does_not(ask: Ask) -> None:
    ask("PUT", "computes/box", {"properties": {"computeType": "ComputeInstance", "properties": {"vmSize": "LOCAL"}}})
    ask("PUT", "computes/farm", {"properties": {"computeType": "AmlCompute", "properties": {"vmSize": "LOCAL"}}})

    assert ask("POST", "computes/box/stop")[0] == 202
    assert ask("GET", "computes/box")[1]["properties"]["properties"]["state"] == "Stopped"
    status, answer = ask("POST", "computes/farm/stop")
    assert (status, answer["error"]["code"]) == (400, "OperationNotAllowed")


def test_a_cluster_that_can_have_no_node_is_refused(ask: Ask) -> None:
    scale = {"minNodeCount": 3, "maxNodeCount": 1}
    body = {"properties": {"computeType": "AmlCompute", "properties": {"scaleSettings": scale}}}

    assert ask("PUT", "computes/farm", body)[0] == 400


def test_a_token_of_one_workspace_opens_no_other(ask: Ask, service: Service) -> None:
    service.store.create("other")
    stranger = Identity("job", "id", job="j", workspace_id="some-other-workspace")

    status, answer = ask("GET", "datastores", identity=stranger)

    assert (status, answer["error"]["code"]) == (403, "AuthorizationFailed")


def test_what_is_not_answered_says_so(ask: Ask) -> None:
    status, answer = ask("GET", "featuresets")

    assert (status, answer["error"]["code"]) == (501, "NotImplemented")
    assert "connect azure:" in message(answer)


def test_a_method_that_a_path_does_not_have_is_refused(ask: Ask) -> None:
    status, answer = ask("POST", "datastores/workspaceblobstore")

    assert (status, answer["error"]["code"]) == (405, "MethodNotAllowed")


def test_a_workspace_that_is_not_there_names_those_that_are(ask: Ask, service: Service) -> None:
    path = service.store.entries()[0].arm_id + "x"

    status, answer = ask("GET", path)

    assert status == 404
    assert "local/local" in message(answer)


def test_subscription_and_groups_are_listed(ask: Ask, service: Service) -> None:
    _, found = ask("GET", "/subscriptions")
    _, groups = ask("GET", f"/subscriptions/{service.store.subscription_id}/resourcegroups")

    assert [one["subscriptionId"] for one in found["value"]] == [service.store.subscription_id]
    assert [one["name"] for one in groups["value"]] == ["local"]
