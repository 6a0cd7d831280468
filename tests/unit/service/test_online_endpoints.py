"""Online endpoints through the service: names, keys, traffic, deletion, lists."""

from __future__ import annotations

import hashlib
import json
import socket

import pytest
from cryptography.fernet import Fernet

from jupyter_aml.local.authz import tokens
from jupyter_aml.local.serving.online import keys, rules, states

from .online import Online

BLUE = {"properties": {"authMode": "Key", "traffic": {"blue": 100}}}


def test_an_endpoint_is_there_at_once_with_its_addresses(online: Online) -> None:
    status, found = online.ask("PUT", "onlineEndpoints/iris", {"properties": {"authMode": "key"}})

    properties = found["properties"]
    assert (status, found["kind"], properties["provisioningState"], properties["authMode"]) == (
        201, "Managed", "Succeeded", "Key",
    )  # fmt: skip
    port = online.held("").body["_local"]["port"]
    assert properties["scoringUri"] == f"http://127.0.0.1:{port}/score"
    assert properties["swaggerUri"] == f"http://127.0.0.1:{port}/swagger.json"
    assert found["identity"]["principalId"]
    assert online.ask("GET", "onlineEndpoints/IRIS")[1]["name"] == "iris"


def test_what_is_ours_does_not_leave(online: Online) -> None:
    online.ready("blue")

    for path in ("onlineEndpoints", "onlineEndpoints/iris", "onlineEndpoints/iris/deployments"):
        assert "_local" not in json.dumps(online.ask("GET", path))


def test_each_endpoint_has_a_port_of_its_own_that_is_free(online: Online) -> None:
    ports = set()
    for number in range(5):
        online.endpoint(f"iris-{number}")
        ports.add(online.held("", f"iris-{number}").body["_local"]["port"])

    assert len(ports) == 5
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        assert rules.free_port({busy.getsockname()[1]}) != busy.getsockname()[1]


@pytest.mark.parametrize("name", ["ab", "1iris", "iris-", "iris_two", "a" * 33, "-iris"])
def test_a_name_outside_azures_rules_is_refused(online: Online, name: str) -> None:
    status, target, message = online.refused("PUT", f"onlineEndpoints/{name}", {"properties": {"authMode": "Key"}})

    assert (status, target) == (400, "name")
    assert f"{name!r} cannot name an online endpoint; 3 to 32 letters, digits and '-'" in message


def test_a_name_is_unique_in_the_store(online: Online) -> None:
    other = online.service.store.create("second")
    workspace = online.service.workspace(other)
    online.endpoint("iris")
    elsewhere = Online(online.service, workspace, online.me)

    status, _, message = elsewhere.refused("PUT", "onlineEndpoints/Iris", {"properties": {"authMode": "Key"}})

    assert status == 409
    assert "exists already in the workspace 'local'" in message
    assert online.ask("PUT", "onlineEndpoints/iris", {"properties": {"authMode": "Key"}})[0] == 200


def test_whoever_looks_at_an_endpoint_with_deployments_wakes_the_host(
    online: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[bool] = []
    monkeypatch.setattr(online.service.store, "attend", lambda: woken.append(True))
    online.endpoint()

    online.ask("GET", "onlineEndpoints/iris")
    assert woken == []
    online.deployment()
    online.settle()
    online.ask("GET", "onlineEndpoints/iris")
    assert woken == [True]


def test_keys_are_made_given_out_and_renewed(online: Online) -> None:
    online.endpoint()
    _, first = online.ask("POST", "onlineEndpoints/iris/listKeys")
    old = {"keyType": "Secondary", "keyValue": first["secondaryKey"]}

    assert online.ask("POST", "onlineEndpoints/iris/regenerateKeys", old)[0] == 200

    _, second = online.ask("POST", "onlineEndpoints/iris/listKeys")
    assert first["primaryKey"] == second["primaryKey"] != second["secondaryKey"] != first["secondaryKey"]
    digests = [hashlib.sha256(second[slot].encode()).hexdigest() for slot in ("primaryKey", "secondaryKey")]
    assert keys.digests(online.workspace, "iris") == digests


def test_keys_may_be_given_at_the_start_and_are_not_shown(online: Online) -> None:
    found = online.endpoint(keys={"primaryKey": "p" * 20, "secondaryKey": "s" * 20})

    assert "keys" not in found["properties"]
    assert online.ask("POST", "onlineEndpoints/iris/listKeys") == (
        200, {"primaryKey": "p" * 20, "secondaryKey": "s" * 20},
    )  # fmt: skip


@pytest.mark.parametrize("key", ["short", "with spaces in it", "ünicode-key-of-length"])
def test_a_key_that_no_header_could_carry_is_refused(online: Online, key: str) -> None:
    body = {"properties": {"authMode": "Key", "keys": {"primaryKey": key}}}

    assert online.refused("PUT", "onlineEndpoints/iris", body)[:2] == (400, "properties.keys.primaryKey")


def test_keys_of_another_store_let_nobody_in_until_they_are_made_anew(online: Online) -> None:
    online.endpoint()
    with online.workspace.database.write() as transaction:
        sealed = Fernet(Fernet.generate_key()).encrypt(b"{}")
        transaction.execute("UPDATE secrets SET sealed=? WHERE kind='onlineEndpoints'", (sealed,))

    status, _, message = online.refused("POST", "onlineEndpoints/iris/listKeys")

    assert (status, keys.digests(online.workspace, "iris")) == (409, [])
    assert "regenerate-keys --name iris" in message
    assert online.ask("POST", "onlineEndpoints/iris/regenerateKeys", {"keyType": "Primary"})[0] == 200
    assert (
        len(online.ask("POST", "onlineEndpoints/iris/listKeys")[1]) == len(keys.digests(online.workspace, "iris")) == 2
    )


def test_a_third_slot_is_refused(online: Online) -> None:
    online.endpoint()

    _, target, message = online.refused("POST", "onlineEndpoints/iris/regenerateKeys", {"keyType": "Third"})

    assert (target, message) == ("keyType", "keyType is 'Third'; expected Primary or Secondary.")


def test_a_token_is_good_for_its_endpoint_and_says_until_when(online: Online) -> None:
    online.endpoint(authMode="AMLToken")

    status, found = online.ask("POST", "onlineEndpoints/iris/token")

    audience = keys.audience(online.workspace, "iris")
    now = online.service.store.clock()
    assert status == 200
    assert tokens.verify(online.service.store, found["accessToken"], audience=audience) is not None
    assert tokens.verify(online.service.store, found["accessToken"], audience=audience + "2") is None
    assert now < found["refreshAfterTimeUtc"] < found["expiryTimeUtc"] <= now + 3600


@pytest.mark.parametrize(
    ("mode", "verb", "remedy"),
    [
        ("AMLToken", "listKeys", "Ask token instead"),
        ("Key", "token", "Ask listKeys instead"),
        ("AADToken", "listKeys", "token for https://ml.azure.com"),
        ("AADToken", "regenerateKeys", "token for https://ml.azure.com"),
    ],
)
def test_a_credential_of_another_kind_is_refused(online: Online, mode: str, verb: str, remedy: str) -> None:
    online.endpoint(authMode=mode)

    status, _, message = online.refused("POST", f"onlineEndpoints/iris/{verb}", {})

    assert status == 400
    assert f"has the auth mode {mode}" in message
    assert remedy in message


def test_an_unknown_auth_mode_is_refused(online: Online) -> None:
    status, target, message = online.refused("PUT", "onlineEndpoints/iris", {"properties": {"authMode": "Basic"}})

    assert (status, target) == (400, "properties.authMode")
    assert "expected Key or AMLToken or AADToken" in message


def test_the_auth_mode_may_change(online: Online) -> None:
    online.endpoint()
    online.endpoint(authMode="AMLToken")

    assert online.ask("POST", "onlineEndpoints/iris/token")[0] == 200


def test_a_new_key_goes_on_until_the_endpoint_has_taken_it(online: Online) -> None:
    online.ready("blue")

    response = online.send("POST", "onlineEndpoints/iris/regenerateKeys", {"keyType": "Primary"})

    assert response.status == 202
    online.settle()
    assert online.ask("GET", response.headers["Azure-AsyncOperation"])[1]["status"] == "Succeeded"


def test_a_patch_merges_tags_and_replaces_traffic(online: Online) -> None:
    online.ready("blue")
    online.ask("PATCH", "onlineEndpoints/iris", {"tags": {"a": "1"}})

    status, found = online.ask(
        "PATCH", "onlineEndpoints/iris", {"tags": {"b": "2"}, "properties": {"traffic": {"blue": 100}}}
    )

    assert (status, found["tags"], found["properties"]["traffic"]) == (200, {"a": "1", "b": "2"}, {"blue": 100})
    assert online.refused("PATCH", "onlineEndpoints/irys", {"tags": {}})[0] == 404


def test_a_patch_changes_the_identity(online: Online) -> None:
    online.endpoint()

    _, found = online.ask("PATCH", "onlineEndpoints/iris", {"identity": {"type": "None"}})

    assert found["identity"] == {"type": "None"}
    assert (
        online.refused("PATCH", "onlineEndpoints/iris", {"identity": {"type": "Me"}})[1] == "properties.identity.type"
    )


def test_what_service_and_sdk_show_is_not_kept_when_it_comes_back(online: Online) -> None:
    found = online.endpoint(properties={"mine": "1"})
    back = {**found["properties"]["properties"], "createdBy": "me", "azureml.local.state": "Healthy"}

    online.endpoint(properties=back)

    assert online.held("").body["properties"]["properties"] == {"mine": "1"}


def test_an_endpoint_on_kubernetes_needs_its_compute(online: Online) -> None:
    for name, kind in (("k8s", "Kubernetes"), ("cpu", "AmlCompute")):
        online.ask("PUT", f"computes/{name}", {"properties": {"computeType": kind, "properties": {}}})
    compute = f"{online.workspace.entry.arm_id}/computes/"

    def refused(name: str) -> tuple[int, str]:
        body = {"properties": {"authMode": "Key", "compute": compute + name}}
        status, target, message = online.refused("PUT", "onlineEndpoints/iris", body)
        assert target == "properties.compute"
        return status, message

    assert refused("nowhere")[0] == 404
    assert "a compute of type AmlCompute; Kubernetes was expected" in refused("cpu")[1]
    assert "aml compute attach --name nowhere --type kubernetes" in refused("azureml:nowhere")[1]
    assert online.endpoint(compute=compute + "azureml:k8s")["kind"] == "K8S"
    status, _, message = online.refused("PUT", "onlineEndpoints/iris", {"properties": {"authMode": "Key"}})
    assert status == 409
    assert "is on the compute 'k8s' and cannot be moved to managed compute" in message


def test_an_endpoint_without_deployments_is_deleted_at_once(online: Online) -> None:
    online.endpoint()

    assert online.ask("DELETE", "onlineEndpoints/iris")[0] == 200
    assert online.ask("GET", "onlineEndpoints/iris")[0] == 404
    assert online.ask("DELETE", "onlineEndpoints/iris")[0] == 204
    with online.workspace.database.read() as reader:
        assert reader.execute("SELECT count(*) FROM secrets WHERE kind='onlineEndpoints'").fetchone()[0] == 0


def test_an_endpoint_goes_with_its_deployments_when_they_have_ended(online: Online) -> None:
    online.ready("blue", "green")
    online.ask("PUT", "onlineEndpoints/iris", BLUE)

    response = online.send("DELETE", "onlineEndpoints/iris")

    link = response.headers["Azure-AsyncOperation"]
    assert response.status == 202
    assert response.headers["Location"] == link.replace("mfeOperationsStatus", "mfeOperationResults")
    assert online.send("GET", response.headers["Location"]).status == 202
    assert {states.state(online.held(name)) for name in ("", "blue", "green")} == {"Deleting"}
    assert online.ask("GET", link)[1]["status"] == "InProgress"
    assert online.refused("PUT", "onlineEndpoints/iris", BLUE)[0] == 409
    assert online.deployment("red").status == 409
    again = online.send("DELETE", "onlineEndpoints/iris")
    assert again.headers["Azure-AsyncOperation"] == link
    online.settle()
    assert online.ask("GET", link)[1]["status"] == "Succeeded"
    assert online.send("GET", response.headers["Location"]).status == 204
    assert online.ask("GET", "onlineEndpoints")[1]["value"] == []


def test_lists_are_filtered_ordered_and_paged(online: Online) -> None:
    online.ask("PUT", "computes/k8s", {"properties": {"computeType": "Kubernetes", "properties": {}}})
    online.endpoint("iris")
    online.endpoint("cars", compute="azureml:k8s")
    online.ask("PUT", "onlineEndpoints/apples", {"tags": {"team": "red", "x": "1"}, "properties": {"authMode": "Key"}})

    def names(query: str = "") -> list[str]:
        return [one["name"] for one in online.ask("GET", f"onlineEndpoints{query}")[1]["value"]]

    assert names() == ["apples", "cars", "iris"]
    assert names("?computeType=Kubernetes") == ["cars"]
    assert names("?computeType=Managed") == ["apples", "iris"]
    assert names("?name=iris") == ["iris"]
    assert names("?tags=team=red,x") == ["apples"]
    assert names("?tags=team=blue") == []
    assert names("?orderBy=CreatedAtDesc") == ["apples", "cars", "iris"]
    assert names("?orderBy=CreatedAtAsc") == ["iris", "cars", "apples"]
    _, first = online.ask("GET", "onlineEndpoints?count=2")
    _, second = online.ask("GET", first["nextLink"])
    assert [one["name"] for page in (first, second) for one in page["value"]] == names()
    assert "nextLink" not in second
    assert online.refused("GET", "onlineEndpoints?orderBy=Size")[0] == 400
    assert online.refused("GET", "onlineEndpoints?$skip=x")[0] == 400


def test_an_unknown_endpoint_offers_the_nearest(online: Online) -> None:
    online.endpoint()

    status, _, message = online.refused("GET", "onlineEndpoints/irys")

    assert status == 404
    assert "Did you mean 'iris'?" in message
