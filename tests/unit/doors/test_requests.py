"""The in-process door, before a service that only notes what it is asked."""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from jupyter_aml.local.arm.http import Identity, Request, Response
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.doors import requests as door
from jupyter_aml.local.store.catalogue import Store

FOREIGN = "11111111-2222-3333-4444-555555555555"


class Notes:
    """Answers what it is told to and keeps what it was asked."""

    def __init__(self, store: Store, reply: Callable[[Request], Response] | None = None) -> None:
        self.store = store
        self.asked: list[Request] = []
        self.reply = reply or (lambda request: Response.of({"path": request.path}))

    def handle(self, request: Request) -> Response:
        self.asked.append(request)
        return self.reply(request)


class PassedOnError(Exception):
    """The request went on to the network."""


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The real adapter replaced by a list of what reached it; the door is put before it afresh."""
    passed: list[str] = []

    def send(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        passed.append(str(request.url))
        raise PassedOnError(request.url)

    monkeypatch.setattr(HTTPAdapter, "send", send)
    monkeypatch.setattr(door.DOOR, "services", ())
    monkeypatch.setattr(door.DOOR, "adoption", None)
    return passed


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store.open(tmp_path / "store")
    made.rings = False
    made.create()
    return made


@pytest.fixture
def service(network: list[str], store: Store) -> Iterator[Notes]:
    notes = Notes(store)
    door.register(notes)
    yield notes
    door.release()
    door.unregister(notes)


def arm(subscription: str, rest: str = "") -> str:
    return f"https://management.azure.com/subscriptions/{subscription}{rest}"


def test_a_subscription_of_the_catalogue_is_answered_here(service: Notes, network: list[str]) -> None:
    answer = requests.get(arm(service.store.subscription_id, "/resourceGroups?api-version=2021-04-01"))

    assert answer.status_code == 200
    assert answer.json() == {"path": f"/subscriptions/{service.store.subscription_id}/resourceGroups"}
    assert service.asked[0].query == {"api-version": "2021-04-01"}
    assert network == []


def test_another_subscription_passes_on(service: Notes, network: list[str]) -> None:
    with pytest.raises(PassedOnError):
        requests.get(arm(FOREIGN))

    assert network == [arm(FOREIGN)]
    assert service.asked == []


def test_a_subscription_that_only_begins_like_ours_passes_on(service: Notes, network: list[str]) -> None:
    with pytest.raises(PassedOnError):
        requests.get(arm(service.store.subscription_id + "0"))


def test_our_storage_account_is_answered_whatever_the_cloud(service: Notes) -> None:
    account = service.store.entries()[0].account

    requests.get(f"https://{account}.blob.core.windows.net/azureml/x")
    requests.get(f"https://{account}.blob.core.chinacloudapi.cn/azureml/x")
    requests.get(f"https://{account}.blob.storage.stack.example:8443/azureml/x")

    assert {request.host for request in service.asked} == {f"{account}.blob.core.windows.net"}


def test_another_storage_account_passes_on(service: Notes, network: list[str]) -> None:
    account = service.store.entries()[0].account

    with pytest.raises(PassedOnError):
        requests.get(f"https://{account[:-1]}.blob.core.windows.net/azureml/x")


def test_discovery_of_our_workspace_is_answered(service: Notes) -> None:
    guid = service.store.entries()[0].id

    assert requests.get(f"https://local.api.azureml.ms/discovery/workspaces/{guid}").ok


def test_discovery_of_an_unknown_workspace_passes_on(service: Notes, network: list[str]) -> None:
    with pytest.raises(PassedOnError):
        requests.get(f"https://local.api.azureml.ms/discovery/workspaces/{FOREIGN}")


def test_a_token_of_ours_never_leaves_the_machine(service: Notes, network: list[str]) -> None:
    ada = Identity("ada@local", FOREIGN)
    token = tokens.issue(service.store, ada, audience="https://management.azure.com")

    requests.get("https://example.com/whatever", headers={"Authorization": f"Bearer {token}"})

    assert network == []
    assert service.asked[0].identity == ada


def test_a_token_of_ours_may_go_to_this_machine(service: Notes, network: list[str]) -> None:
    token = tokens.issue(service.store, Identity("ada@local", FOREIGN), audience="x")

    with pytest.raises(PassedOnError):
        requests.post("http://127.0.0.1:5001/score", headers={"Authorization": f"Bearer {token}"})


def test_a_foreign_token_is_no_claim(service: Notes, network: list[str]) -> None:
    with pytest.raises(PassedOnError):
        requests.get(arm(FOREIGN), headers={"Authorization": "Bearer aaa.bbb.ccc"})


def test_whoever_brings_no_token_is_the_user_of_the_system(service: Notes) -> None:
    requests.get(arm(service.store.subscription_id))

    assert service.asked[0].identity == tokens.local_identity(service.store)


def test_the_tracking_uri_is_answered_without_a_host_process(service: Notes) -> None:
    sub = service.store.subscription_id

    assert requests.get(f"http://127.0.0.1:5/mlflow/v2.0/subscriptions/{sub}/resourceGroups/x/api").ok


@pytest.mark.parametrize(
    "body",
    [b"four", "four", bytearray(b"four"), io.BytesIO(b"four"), iter([b"fo", b"ur"])],
    ids=["bytes", "text", "bytearray", "file", "generator"],
)
def test_bodies_arrive_in_every_form(service: Notes, body: Any) -> None:
    service.reply = lambda request: Response(201, {"length": request.headers["content-length"]}, request.content)

    answer = requests.put(arm(service.store.subscription_id), data=body)

    assert (answer.status_code, answer.reason, answer.content) == (201, "Created", b"four")
    assert answer.headers["length"] == "4"


def test_a_long_body_can_be_read_in_pieces(service: Notes) -> None:
    data = bytes(range(256)) * 5000
    service.reply = lambda request: Response(206, {}, stream=io.BytesIO(data + b"beyond"), length=len(data))

    with requests.get(arm(service.store.subscription_id), stream=True) as answer:
        pieces = list(answer.iter_content(100_000))

    assert len(pieces) > 10
    assert b"".join(pieces) == data
    assert answer.headers["Content-Length"] == str(len(data))


def test_raw_reads_as_from_a_wire(service: Notes) -> None:
    service.reply = lambda request: Response(200, {}, stream=io.BytesIO(b"0123456789"), length=10)

    with requests.get(arm(service.store.subscription_id), stream=True) as answer:
        assert answer.raw.read(4) == b"0123"
        assert b"".join(answer.raw.stream(3, decode_content=False)) == b"456789"


def test_a_compressed_answer_is_decoded(service: Notes) -> None:
    import gzip

    service.reply = lambda request: Response(200, {"Content-Encoding": "gzip"}, gzip.compress(b"plain"))

    assert requests.get(arm(service.store.subscription_id)).content == b"plain"


def test_head_has_headers_and_no_body(service: Notes) -> None:
    service.reply = lambda request: Response(200, {"Content-Length": "7", "ETag": "x"})

    answer = requests.head(arm(service.store.subscription_id))

    assert (answer.content, answer.headers["Content-Length"], answer.headers["etag"]) == (b"", "7", "x")


def test_the_stream_is_closed_when_the_answer_is(service: Notes) -> None:
    source = io.BytesIO(b"abc")
    service.reply = lambda request: Response(200, {}, stream=source, length=3)

    requests.get(arm(service.store.subscription_id), stream=True).close()

    assert source.closed


def test_the_service_learns_which_interpreter_asks(service: Notes) -> None:
    import sys

    requests.get(arm(service.store.subscription_id))

    said = json.loads(service.asked[0].headers[door.INTERPRETER_HEADER])
    assert said == {"executable": sys.executable, "prefix": sys.prefix}


def test_the_host_is_the_public_clouds_whatever_the_client_takes_for_current(service: Notes) -> None:
    sub = service.store.subscription_id

    requests.get(f"https://management.chinacloudapi.cn/subscriptions/{sub}")
    requests.get(f"https://stack.example:8443/subscriptions/{sub}")
    requests.get(f"https://eastus.api.azureml.ms/history/v1.0/subscriptions/{sub}/x")

    assert [request.host for request in service.asked] == [
        "management.azure.com",
        "management.azure.com",
        "local.api.azureml.ms",
    ]


def test_two_stores_answer_for_their_own(service: Notes, tmp_path: Path) -> None:
    other = Notes(Store.open(tmp_path / "other"))
    door.register(other)
    try:
        requests.get(arm(other.store.subscription_id))
        requests.get(arm(service.store.subscription_id))
    finally:
        door.unregister(other)

    assert [len(other.asked), len(service.asked)] == [1, 1]


def test_several_threads_may_ask_at_once_and_the_service_may_ask_itself(service: Notes) -> None:
    url = arm(service.store.subscription_id)

    def reply(request: Request) -> Response:
        if request.query.get("deep"):
            return Response.of({"inner": requests.get(url).json()})
        return Response.of({})

    service.reply = reply
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(requests.get(url + "?deep=1").status_code)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [200] * 8
    assert len(service.asked) == 16


def test_the_door_is_put_in_once(service: Notes) -> None:
    before = HTTPAdapter.send
    door.install()

    assert HTTPAdapter.send is before
    assert door.installed()


def test_nothing_registered_passes_everything(service: Notes, network: list[str]) -> None:
    door.unregister(service)

    with pytest.raises(PassedOnError):
        requests.get(arm(service.store.subscription_id))


def test_an_adopted_workspace_is_answered_under_its_local_name(service: Notes) -> None:
    entry = service.store.entries()[0]
    door.adopt(service, subscription=entry.subscription, group=entry.group, workspace=entry.name)
    theirs = f"/subscriptions/{FOREIGN}/resourceGroups/prod/providers/Microsoft.MachineLearningServices/workspaces/ws"

    requests.put(
        f"https://management.azure.com{theirs}/jobs/a?api-version=1",
        json={"properties": {"computeId": f"{theirs}/computes/c", "data": f"azureml:{theirs}/data/d/versions/1"}},
    )

    asked = service.asked[0]
    assert asked.path == f"{entry.arm_id}/jobs/a"
    assert asked.json["properties"] == {
        "computeId": f"{entry.arm_id}/computes/c",
        "data": f"azureml:{entry.arm_id}/data/d/versions/1",
    }
    assert door.DOOR.places == (door.Place(FOREIGN, "prod", "ws"),)


def test_long_uris_of_an_adopted_workspace_are_renamed_too(service: Notes) -> None:
    entry = service.store.entries()[0]
    door.adopt(service, subscription=entry.subscription, group=entry.group, workspace=entry.name)

    requests.put(
        arm(FOREIGN, "/x"),
        json={"uri": f"azureml://subscriptions/{FOREIGN}/resourcegroups/prod/workspaces/ws/datastores/d/paths/p"},
    )

    assert service.asked[0].json["uri"] == (
        f"azureml://subscriptions/{entry.subscription}/resourceGroups/{entry.group}"
        f"/workspaces/{entry.name}/datastores/d/paths/p"
    )


def test_when_released_an_adopted_subscription_passes_on_again(service: Notes, network: list[str]) -> None:
    entry = service.store.entries()[0]
    door.adopt(service, subscription=entry.subscription, group=entry.group, workspace=entry.name)
    assert requests.get(arm(FOREIGN)).ok
    door.release()

    with pytest.raises(PassedOnError):
        requests.get(arm(FOREIGN))


def test_a_store_that_was_deleted_does_not_stand_in_the_way_of_another(service: Notes, tmp_path: Path) -> None:
    gone = Store.open(tmp_path / "gone")
    gone.rings = False
    gone.create()
    first = Notes(gone)
    door.register(first)
    door.DOOR.services = (first, service)
    account = service.store.entries()[0].account
    gone.database.close()
    shutil.rmtree(tmp_path / "gone")
    try:
        token = tokens.issue(service.store, tokens.local_identity(service.store), audience="")
        answered = requests.get(
            f"https://{account}.blob.core.windows.net/x", headers={"Authorization": f"Bearer {token}"}, timeout=5
        )
        assert answered.status_code == 200
        assert len(service.asked) == 1
    finally:
        door.unregister(first)
