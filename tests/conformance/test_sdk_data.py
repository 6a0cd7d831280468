"""Data assets through the unmodified SDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml.entities import Data
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

CSV = "a,b\n1,2\n"


@pytest.fixture
def iris(folder: Path) -> Path:
    path = folder / "iris.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


def put(client: Any, path: Path, version: str | None = "1", **more: Any) -> Any:
    named = {"name": "iris", "type": "uri_file", **more}
    return client.data.create_or_update(Data(version=version, path=str(path), **named))


def stored(world: Any) -> list[Path]:
    return [path for path in (world.entry.folder / "blobs").rglob("*") if path.is_file()]


def test_a_file_is_uploaded_and_registered(world: Any, iris: Path) -> None:
    made = put(world.client, iris, description="Flowers.", tags={"kind": "flower"})

    found = world.client.data.get("iris", "1")
    assert found.id == made.id
    assert found.type == "uri_file"
    assert found.path.startswith("azureml://")
    assert found.path.endswith("/iris.csv")
    assert (found.description, found.tags) == ("Flowers.", {"kind": "flower"})
    assert [path.read_text(encoding="utf-8") for path in stored(world) if path.name == "iris.csv"] == [CSV]


def test_a_folder_is_uploaded_with_all_that_is_in_it(world: Any, folder: Path) -> None:
    for name in ("a.csv", "deep/b.csv", "deep/ü ber.csv"):
        path = folder / "many" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")

    made = put(world.client, folder / "many", type="uri_folder", name="many")

    assert made.type == "uri_folder"
    assert {path.name for path in stored(world)} >= {"a.csv", "b.csv", "ü ber.csv"}


def test_a_table_is_registered_with_what_it_refers_to(world: Any, folder: Path, iris: Path) -> None:
    table = folder / "table"
    table.mkdir()
    iris.rename(table / "iris.csv")
    (table / "MLTable").write_text(
        "type: mltable\npaths:\n  - file: ./iris.csv\ntransformations:\n  - read_delimited:\n      delimiter: ','\n",
        encoding="utf-8",
    )

    made = put(world.client, table, type="mltable", name="table")

    assert made.type == "mltable"
    assert {path.name for path in stored(world)} >= {"MLTable", "iris.csv"}


def test_a_web_address_is_registered_as_it_is(ml_client: Any) -> None:
    made = ml_client.data.create_or_update(
        Data(name="web", version="1", path="https://example.com/x.csv", type="uri_file")
    )

    assert made.path == "https://example.com/x.csv"


def test_without_a_version_the_next_one_is_taken(ml_client: Any, iris: Path) -> None:
    assert put(ml_client, iris, None).version == "1"
    assert put(ml_client, iris, None).version == "2"
    assert put(ml_client, iris, "7").version == "7"
    assert put(ml_client, iris, None).version == "8"


def test_the_label_latest_names_the_newest(ml_client: Any, iris: Path) -> None:
    put(ml_client, iris, "1")
    put(ml_client, iris, "2")

    assert ml_client.data.get("iris", label="latest").version == "2"


def test_the_same_file_is_uploaded_once(world: Any, iris: Path) -> None:
    put(world.client, iris, "1")
    before = len(stored(world))
    put(world.client, iris, "2")

    assert len(stored(world)) == before


def test_versions_are_listed_newest_first_and_containers_once(ml_client: Any, iris: Path) -> None:
    for version in ("1", "2", "3"):
        put(ml_client, iris, version)

    assert [one.version for one in ml_client.data.list("iris")] == ["3", "2", "1"]
    assert [(one.name, one.latest_version) for one in ml_client.data.list()] == [("iris", "3")]


def test_many_versions_are_listed_over_several_pages(world: Any) -> None:
    from jupyter_aml.local.arm.http import Request
    from jupyter_aml.local.authz import tokens

    who = tokens.local_identity(world.service.store)
    for number in range(1, 121):
        url = f"https://management.azure.com{world.entry.arm_id}/data/many/versions/{number}"
        body = b'{"properties": {"dataType": "uri_file", "dataUri": "https://example.com/x"}}'
        assert world.service.handle(Request.build("PUT", url, identity=who, body=body)).status == 201

    found = [one.version for one in world.client.data.list("many")]

    assert found == [str(number) for number in range(120, 0, -1)]


def test_an_archived_version_is_listed_only_when_asked_for_and_comes_back(ml_client: Any, iris: Path) -> None:
    from azure.ai.ml.constants import ListViewType

    put(ml_client, iris, "1")
    put(ml_client, iris, "2")
    ml_client.data.archive("iris", version="1")

    assert [one.version for one in ml_client.data.list("iris")] == ["2"]
    archived = ml_client.data.list("iris", list_view_type=ListViewType.ARCHIVED_ONLY)
    assert [one.version for one in archived] == ["1"]
    everything = ml_client.data.list("iris", list_view_type=ListViewType.ALL)
    assert [one.version for one in everything] == ["2", "1"]

    ml_client.data.restore("iris", version="1")
    assert [one.version for one in ml_client.data.list("iris")] == ["2", "1"]


def test_an_archived_container_is_not_listed(ml_client: Any, iris: Path) -> None:
    from azure.ai.ml.constants import ListViewType

    put(ml_client, iris)
    ml_client.data.archive("iris")

    assert list(ml_client.data.list()) == []
    assert [one.name for one in ml_client.data.list(list_view_type=ListViewType.ARCHIVED_ONLY)] == ["iris"]
    ml_client.data.restore("iris")
    assert [one.name for one in ml_client.data.list()] == ["iris"]


def test_tags_and_description_of_a_version_may_change(ml_client: Any, iris: Path) -> None:
    made = put(ml_client, iris)
    made.tags = {"checked": "yes"}
    made.description = "Checked."
    ml_client.data.create_or_update(made)

    found = ml_client.data.get("iris", "1")
    assert (found.tags, found.description) == ({"checked": "yes"}, "Checked.")


def test_another_path_for_an_existing_version_is_a_conflict(ml_client: Any, iris: Path) -> None:
    from azure.ai.ml.exceptions import MlException

    put(ml_client, iris)
    iris.write_text("a,b\n3,4\n", encoding="utf-8")

    with pytest.raises((MlException, ResourceExistsError)) as caught:
        put(ml_client, iris)

    assert "exists already" in str(caught.value) or "already exist" in str(caught.value).lower()


def test_the_service_itself_refuses_a_changed_version(world: Any) -> None:
    first = Data(name="web", version="1", path="https://example.com/x.csv", type="uri_file")
    world.client.data.create_or_update(first)

    with pytest.raises(HttpResponseError, match="exists already, with another dataUri") as caught:
        world.client.data.create_or_update(
            Data(name="web", version="1", path="https://example.com/y.csv", type="uri_file")
        )

    assert (caught.value.status_code, caught.value.error.code) == (409, "Conflict")
    assert "Leave the version out" in caught.value.message


def test_an_unknown_asset_offers_the_nearest(ml_client: Any, iris: Path) -> None:
    put(ml_client, iris)

    with pytest.raises(ResourceNotFoundError, match="'iris'") as caught:
        ml_client.data.get("irs", "1")

    assert caught.value.error.code == "ResourceNotFound"


def test_an_unknown_version_is_not_found(ml_client: Any, iris: Path) -> None:
    put(ml_client, iris)

    with pytest.raises(ResourceNotFoundError):
        ml_client.data.get("iris", "2")


def test_names_are_matched_whatever_the_case(ml_client: Any, iris: Path) -> None:
    put(ml_client, iris)

    assert ml_client.data.get("IRIS", "1").name == "iris"


def test_an_unknown_datastore_in_the_path_is_refused(ml_client: Any) -> None:
    with pytest.raises(ResourceNotFoundError, match="names the datastore 'nowhere'"):
        ml_client.data.create_or_update(
            Data(name="x", version="1", path="azureml://datastores/nowhere/paths/x.csv", type="uri_file")
        )


def test_a_name_outside_azures_rules_is_refused(ml_client: Any) -> None:
    with pytest.raises(HttpResponseError, match="cannot name a data asset") as caught:
        ml_client.data.create_or_update(
            Data(name="my data!", version="1", path="https://example.com/x", type="uri_file")
        )

    assert (caught.value.status_code, caught.value.error.code) == (400, "InvalidResourceName")
    assert "Try 'my-data'" in caught.value.message


def test_a_large_file_travels_in_blocks_and_comes_back_whole(world: Any, folder: Path) -> None:
    big = folder / "big.bin"
    with big.open("wb") as file:
        for number in range(70):
            file.write(bytes([number]) * (1 << 20))

    put(world.client, big, name="big")

    (kept,) = (path for path in stored(world) if path.name == "big.bin")
    assert kept.stat().st_size == 70 << 20
    assert kept.read_bytes() == big.read_bytes()
