"""Ids, times, pages and error bodies on the wire."""

from __future__ import annotations

import pytest

from jupyter_aml.errors import NotFoundError, ResourceError
from jupyter_aml.local.arm import faults, ids, paging, times
from jupyter_aml.local.arm.http import Identity, Request

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


def test_an_id_is_taken_apart_whatever_the_case_and_put_together() -> None:
    found = ids.parse("azureml:" + WORKSPACE.lower() + "/data/Iris/versions/3")

    assert found == ids.ResourceId("s", "g", "w", "data", "Iris", "3")
    assert str(found) == f"{WORKSPACE}/data/Iris/versions/3"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("azureml:iris:3", ("iris", "3", "")),
        ("iris@latest", ("iris", "", "latest")),
        ("azureml:iris", ("iris", "", "")),
    ],
)
def test_a_short_reference_names_version_or_label(text: str, parts: tuple[str, str, str]) -> None:
    assert ids.reference(text) == parts


def test_a_uri_is_no_short_reference() -> None:
    assert ids.reference("azureml://datastores/a/paths/b") is None


def test_times_go_out_and_come_back() -> None:
    assert times.epoch(times.iso(1_800_000_000.25)) == 1_800_000_000.25


def test_the_next_link_carries_the_position_and_the_other_parameters() -> None:
    link = paging.next_link("https://h/p?listViewType=All&$skip=old", ["b", 2])

    token = link.rsplit("skip=", 1)[1]
    assert link.startswith("https://h/p?listViewType=All&")
    assert paging.decode(token) == ["b", 2]


def test_a_made_up_page_token_is_refused() -> None:
    with pytest.raises(ResourceError, match="was not issued") as caught:
        paging.decode("%%%")

    assert (caught.value.status, caught.value.code) == (400, "InvalidPagingToken")


def test_a_page_size_of_nothing_is_refused() -> None:
    with pytest.raises(ResourceError, match="whole number from 1"):
        paging.size("0", 10, 100)


def test_an_error_body_says_what_to_do() -> None:
    body = faults.body_of(NotFoundError("No 'irs'.", remedy="Did you mean 'iris'?"))

    assert body["error"]["code"] == "ResourceNotFound"
    assert body["error"]["message"] == "No 'irs'. Did you mean 'iris'?"


def test_a_body_that_is_not_json_is_the_users_fault() -> None:
    request = Request.build("PUT", "https://h/p?A=b%20c", identity=Identity("a", "b"), body=b"{")

    assert request.query == {"a": "b c"}
    with pytest.raises(ResourceError, match="is not JSON") as caught:
        _ = request.json
    assert caught.value.code == "InvalidRequestContent"
