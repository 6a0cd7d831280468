"""Raw REST on a local workspace: into the service without a socket."""

from __future__ import annotations

import socket
import sys

import pytest

from jupyter_aml.client.connect import connect, connection
from jupyter_aml.client.rest import Rest
from jupyter_aml.errors import NotFoundError, ResourceError


@pytest.fixture
def rest() -> Rest:
    return Rest(connection(connect("local")))


def test_a_path_is_relative_to_the_workspace(rest: Rest) -> None:
    found = rest.get("datastores/workspaceblobstore")

    assert found["name"] == "workspaceblobstore"


def test_the_workspace_itself_is_an_absolute_path(rest: Rest) -> None:
    assert rest.get(rest.connection.workspace_path)["name"] == "local"


def test_no_socket_is_opened(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket.socket, "connect", refuse)

    assert list(rest.items("datastores"))


def test_a_list_is_walked_page_by_page(rest: Rest) -> None:
    for number in range(5):
        body = {"properties": {"dataType": "uri_file", "dataUri": f"https://example.com/{number}.csv"}}
        rest.put(f"data/many/versions/{number}", body)

    pages = list(rest.pages("data/many/versions", query={"$top": 2}))

    assert sum(len(page) for page in pages) >= 2
    assert {item["name"] for item in rest.items("data/many/versions")} == {"0", "1", "2", "3", "4"}


def test_a_refusal_carries_the_code_and_the_sentence(rest: Rest) -> None:
    with pytest.raises(ResourceError) as caught:
        rest.get("data/absent/versions/1")

    assert caught.value.status == 404
    assert "absent" in caught.value.message
    assert caught.value.code
    assert not isinstance(caught.value, NotFoundError) or caught.value.status == 404


def test_subscriptions_and_groups_can_be_listed(rest: Rest) -> None:
    assert [item["subscriptionId"] for item in rest.subscriptions()] == [rest.connection.subscription]
    assert [item["name"] for item in rest.resource_groups()] == ["local"]


def test_names_with_spaces_and_accents_travel_whole(rest: Rest) -> None:
    assert rest.url("data/é à/versions/1").count("%") > 3


def test_other_services_of_the_workspace_have_their_own_base(rest: Rest) -> None:
    url = rest.url("runs/x", api="history/v1.0")

    assert url == f"https://local.api.azureml.ms/history/v1.0{rest.connection.workspace_path}/runs/x"


def test_the_module_knows_nothing_of_azure() -> None:
    module = sys.modules["jupyter_aml.client.rest"]

    assert not [name for name, value in vars(module).items() if getattr(value, "__module__", "").startswith("azure")]
