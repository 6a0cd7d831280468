"""Microsoft's azure-storage-blob against the local blobs, in process and over HTTP."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobBlock, BlobPrefix, BlobServiceClient, ContentSettings
from requests.adapters import HTTPAdapter

from jupyter_aml.local.app import Service
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.doors import http
from jupyter_aml.local.doors import requests as in_process
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.workspace import Workspace

KEY = "a2V5a2V5a2V5a2V5"
MIB = 1 << 20


class Relay(HTTPAdapter):
    """Sends requests for Azure's host to the loopback door, with a token."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__()
        self._url = url
        self._token = token

    def send(self, request: Any, **named: Any) -> Any:
        parts = urlsplit(request.url)
        request.headers["x-jupyter-aml-host"] = parts.netloc
        request.headers["Authorization"] = f"Bearer {self._token}"
        request.url = f"{self._url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return super().send(request, **named)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    store = Store.open(tmp_path / "store")
    store.rings = False
    return store.workspace(store.create())


@pytest.fixture(params=["in process", "http"])
def account(request: pytest.FixtureRequest, workspace: Workspace) -> Iterator[BlobServiceClient]:
    store = workspace.store
    service = Service(store)
    session = requests.Session()
    if request.param == "http":
        server = http.serve(service)
        token = tokens.issue(store, tokens.local_identity(store), audience="https://storage.azure.com")
        session.mount("https://", Relay(server.url, token))
    else:
        in_process.register(service)
    url = f"https://{workspace.entry.account}.blob.core.windows.net"
    with BlobServiceClient(
        url, credential=KEY, transport=RequestsTransport(session=session, session_owner=False), retry_total=0
    ) as client:
        yield client
    session.close()
    if request.param == "http":
        server.close()
    else:
        in_process.unregister(service)


@pytest.fixture
def box(account: BlobServiceClient) -> Any:
    return account.create_container("box")


@pytest.mark.parametrize("size", [0, 1000, 5 * MIB])
def test_content_comes_back_as_it_was_sent(box: Any, size: int) -> None:
    content = os.urandom(size)

    box.upload_blob("a/b.bin", content)

    blob = box.get_blob_client("a/b.bin")
    assert blob.download_blob().readall() == content
    assert blob.get_blob_properties().size == size


def test_large_uploads_go_in_parallel_blocks(box: Any, workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "large"
    piece = os.urandom(MIB)
    with source.open("wb") as stream:
        for _ in range(100):
            stream.write(piece)
    blob = box.get_blob_client("large.bin")

    with source.open("rb") as stream:
        blob.upload_blob(stream, max_concurrency=4)

    path = workspace.blobs.path("box", "large.bin")
    with path.open("rb") as stored, source.open("rb") as stream:
        assert hashlib.file_digest(stored, "sha256").digest() == hashlib.file_digest(stream, "sha256").digest()
    target = tmp_path / "back"
    with target.open("wb") as back:
        blob.download_blob(max_concurrency=4).readinto(back)
    assert target.stat().st_size == 100 * MIB
    assert blob.download_blob(offset=7 * MIB - 3, length=10).readall() == (piece * 8)[7 * MIB - 3 : 7 * MIB + 7]
    assert [len(blocks) for blocks in blob.get_block_list("all")] == [25, 0]


def test_ranges_give_their_part(box: Any) -> None:
    blob = box.get_blob_client("digits")
    blob.upload_blob(b"0123456789")

    assert blob.download_blob(offset=3, length=4).readall() == b"3456"
    assert blob.download_blob(offset=8).readall() == b"89"
    assert blob.download_blob(offset=8, length=100).readall() == b"89"
    assert blob.download_blob(offset=0, length=4, validate_content=True).readall() == b"0123"
    with pytest.raises(HttpResponseError) as caught:
        blob.download_blob(offset=10)
    assert (caught.value.status_code, caught.value.error_code) == (416, "InvalidRange")


def test_properties_and_metadata_are_kept(box: Any) -> None:
    blob = box.get_blob_client("a.csv")
    settings = ContentSettings(content_type="text/csv", cache_control="no-store", content_language="en")
    blob.upload_blob(b"a,b", metadata={"name": "iris"}, content_settings=settings)
    first = blob.get_blob_properties()

    blob.set_blob_metadata({"name": "iris", "version": "1", "upload_status": "completed"})

    second = blob.get_blob_properties()
    assert first.metadata == {"name": "iris"}
    assert second.metadata == {"name": "iris", "version": "1", "upload_status": "completed"}
    assert second.etag != first.etag
    assert second.creation_time == first.creation_time
    assert second.blob_type == "BlockBlob"
    for found in (first, second):
        kept = found.content_settings
        assert (kept.content_type, kept.cache_control, kept.content_language) == ("text/csv", "no-store", "en")
    blob.set_http_headers(ContentSettings(content_type="text/plain"))
    assert blob.get_blob_properties().content_settings.content_type == "text/plain"
    assert blob.get_blob_properties().metadata["version"] == "1"


def test_checksums_are_checked_and_kept(box: Any) -> None:
    blob = box.get_blob_client("a")
    blob.upload_blob(b"content", validate_content=True)

    assert blob.get_blob_properties().content_settings.content_md5 == hashlib.md5(b"content").digest()
    assert blob.download_blob(validate_content=True).readall() == b"content"
    with pytest.raises(HttpResponseError) as caught:
        blob.upload_blob(b"other", overwrite=True, headers={"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="})
    assert caught.value.error_code == "Md5Mismatch"
    assert blob.download_blob().readall() == b"content"


def test_a_blob_that_exists_is_not_overwritten_unasked(box: Any) -> None:
    blob = box.get_blob_client("a")
    blob.upload_blob(b"first")

    with pytest.raises(ResourceExistsError, match="exists already") as caught:
        blob.upload_blob(b"second")
    assert (caught.value.status_code, caught.value.error_code) == (409, "BlobAlreadyExists")
    large = io.BytesIO(bytes(70 * MIB))
    with pytest.raises(ResourceExistsError):
        blob.upload_blob(large)

    assert blob.download_blob().readall() == b"first"
    blob.upload_blob(b"second", overwrite=True)
    assert blob.download_blob().readall() == b"second"


@pytest.mark.parametrize(
    "name",
    [
        "mit Leerzeichen.csv",
        "ünï/文件 名.txt",
        "a%2Fb",
        "100%",
        "a+b&c=d?e#f",
        "q'uote\"s",
        "a//b",
        "dir/",
        "~x",
        "[1]",
    ],
)
def test_any_name_comes_back(box: Any, name: str) -> None:
    box.upload_blob(name, b"x", metadata={"k": "v"})

    assert box.get_blob_client(name).download_blob().readall() == b"x"
    assert [(blob.name, blob.metadata) for blob in box.list_blobs(include=["metadata"])] == [(name, {"k": "v"})]
    box.delete_blob(name)
    assert list(box.list_blobs()) == []


def test_6000_blobs_are_listed_in_pages_and_by_prefix(box: Any, workspace: Workspace) -> None:
    folder = workspace.blobs.path("box", "many")
    for part in ("a", "b"):
        (folder / part).mkdir(parents=True)
        for number in range(3000):
            (folder / part / f"{number:05}.txt").touch()

    found = list(box.list_blobs(name_starts_with="many/"))

    assert len(found) == 6000
    assert [blob.name for blob in found] == sorted(blob.name for blob in found)
    assert len(list(box.list_blobs(name_starts_with="many/a/0001"))) == 10
    sizes = [len(list(page)) for page in box.list_blobs(results_per_page=700).by_page()]
    assert sizes == [700] * 8 + [400]
    walked = list(box.walk_blobs(name_starts_with="many/", delimiter="/"))
    assert [(type(item), item.name) for item in walked] == [(BlobPrefix, "many/a/"), (BlobPrefix, "many/b/")]
    assert len(list(walked[0])) == 3000


def test_names_that_xml_cannot_carry_are_listed(box: Any, workspace: Workspace) -> None:
    folder = workspace.blobs.path("box", "odd")
    folder.mkdir()
    (folder / "bell\x07").touch()
    (folder / "line\nbreak").touch()
    (folder / os.fsdecode(b"latin\xe9")).touch()
    (folder / "<&>").touch()

    names = [blob.name for blob in box.list_blobs()]

    assert names[:3] == ["odd/<&>", "odd/bell\x07", "odd/latin\ufffd"]
    assert names[3].split() == ["odd/line", "break"]


def test_the_log_of_a_running_job_is_read_while_it_grows(account: BlobServiceClient, workspace: Workspace) -> None:
    log = workspace.runs_folder("calm_fox") / "user_logs" / "std_log.txt"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * (33 * MIB))
    blob = account.get_blob_client("azureml", "ExperimentRun/dcid.calm_fox/user_logs/std_log.txt")

    reader = blob.download_blob()
    with log.open("ab") as stream:
        stream.write(b"more")

    assert len(reader.readall()) == 33 * MIB
    assert blob.download_blob(offset=33 * MIB).readall() == b"more"


def test_a_blob_that_was_replaced_while_it_was_read_is_said(account: BlobServiceClient, workspace: Workspace) -> None:
    box = account.create_container("box")
    workspace.blobs.write("box", "a", bytes(33 * MIB))

    reader = box.get_blob_client("a").download_blob()
    workspace.blobs.write("box", "a", bytes(33 * MIB))

    with pytest.raises(ResourceModifiedError) as caught:
        reader.readall()
    assert caught.value.error_code == "ConditionNotMet"


def test_conditions_are_held(box: Any) -> None:
    blob = box.get_blob_client("a")
    old = blob.upload_blob(b"1")["etag"]
    new = blob.upload_blob(b"2", overwrite=True)["etag"]

    same, other = MatchConditions.IfNotModified, MatchConditions.IfModified
    with pytest.raises(ResourceModifiedError):
        blob.delete_blob(etag=old, match_condition=same)
    with pytest.raises(ResourceModifiedError):
        blob.upload_blob(b"3", overwrite=True, etag=old, match_condition=same)
    with pytest.raises(HttpResponseError) as caught:
        blob.download_blob(etag=new, match_condition=other)
    assert caught.value.status_code == 304
    assert blob.download_blob(etag=new, match_condition=same).readall() == b"2"
    blob.delete_blob(etag=new, match_condition=same)
    assert not blob.exists()


def test_what_is_absent_is_404_with_azures_code(account: BlobServiceClient, box: Any) -> None:
    with pytest.raises(ResourceNotFoundError) as blob:
        box.get_blob_client("absent").download_blob()
    with pytest.raises(ResourceNotFoundError) as properties:
        box.get_blob_client("absent").get_blob_properties()
    with pytest.raises(ResourceNotFoundError) as container:
        account.get_container_client("absent").upload_blob("a", b"")
    with pytest.raises(ResourceNotFoundError) as listing:
        list(account.get_container_client("absent").list_blobs())

    assert [one.value.error_code for one in (blob, properties)] == ["BlobNotFound"] * 2
    assert [one.value.error_code for one in (container, listing)] == ["ContainerNotFound"] * 2
    assert "'absent' does not exist" in str(blob.value)


def test_containers_are_made_listed_and_deleted(account: BlobServiceClient, workspace: Workspace) -> None:
    box = account.create_container("box")
    with pytest.raises(ResourceExistsError) as caught:
        account.create_container("box")
    assert caught.value.error_code == "ContainerAlreadyExists"
    box.upload_blob("a", b"x", metadata={"k": "v"})

    names = [container.name for container in account.list_containers()]
    assert names == sorted(["azureml", workspace.blob_container, "box"])
    assert box.exists()
    box.delete_container()
    assert not box.exists()
    with pytest.raises(HttpResponseError) as caught:
        account.create_container("No_Good")
    assert caught.value.error_code == "InvalidResourceName"


def test_blobs_are_copied_inside_the_account(box: Any) -> None:
    source = box.get_blob_client("a b/ü.csv")
    source.upload_blob(b"content", metadata={"k": "v"}, content_settings=ContentSettings(content_type="text/csv"))

    copied = box.get_blob_client("copy").start_copy_from_url(source.url)
    box.get_blob_client("other").upload_blob_from_url(source.url)

    assert copied["copy_status"] == "success"
    for name in ("copy", "other"):
        found = box.get_blob_client(name)
        assert found.download_blob().readall() == b"content"
        assert found.get_blob_properties().metadata == {"k": "v"}
        assert found.get_blob_properties().content_settings.content_type == "text/csv"
    with pytest.raises(ResourceNotFoundError) as caught:
        box.get_blob_client("bad").start_copy_from_url("https://elsewhere.blob.core.windows.net/box/a")
    assert caught.value.error_code == "CannotVerifyCopySource"


def test_blocks_are_staged_and_committed_by_hand(box: Any) -> None:
    blob = box.get_blob_client("a")
    blob.stage_block("1", b"one")
    blob.stage_block("2", b"two")
    assert [[block.size for block in blocks] for blocks in blob.get_block_list("all")] == [[], [3, 3]]
    assert not blob.exists()

    blob.commit_block_list([BlobBlock("2"), BlobBlock("1")], metadata={"k": "v"})

    assert blob.download_blob().readall() == b"twoone"
    with pytest.raises(HttpResponseError) as caught:
        blob.commit_block_list([BlobBlock("9")])
    assert caught.value.error_code == "InvalidBlockList"


def test_what_the_local_service_does_not_do_is_said(box: Any) -> None:
    blob = box.get_blob_client("a")
    blob.upload_blob(b"x")

    for refused in (
        blob.create_snapshot,
        blob.acquire_lease,
        lambda: box.get_blob_client("b").create_page_blob(512),
        lambda: blob.set_standard_blob_tier("Cool"),
    ):
        with pytest.raises(HttpResponseError, match="local Blob service") as caught:
            refused()
        assert (caught.value.status_code, caught.value.error_code) == (501, "NotImplemented")
