"""Blobs are files that appear all at once."""

from __future__ import annotations

import errno
import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.errors import ConflictError, NotFoundError, ResourceError
from jupyter_aml.local.store import blob_files
from jupyter_aml.local.store.blob_model import Condition, Content
from jupyter_aml.local.store.blobs import BlobStore

NEW = Condition(only_new=True)


def test_a_blob_is_a_plain_file_that_a_person_can_read(blobs: BlobStore, owner: Any) -> None:
    blobs.write("box", "train/part 1.csv", b"a,b\n1,2\n")

    path = owner.folder / "blobs" / "amlaccount" / "box" / "train" / "part 1.csv"
    assert path.read_bytes() == b"a,b\n1,2\n"
    assert blobs.path("box", "train/part 1.csv") == path
    assert blobs.path("box", "train/") == path.parent


def test_a_file_that_somebody_else_wrote_is_a_blob(blobs: BlobStore) -> None:
    path = blobs.path("box", "by/hand.txt")
    path.parent.mkdir()
    path.write_text("hello")

    blob = blobs.get("box", "by/hand.txt")

    assert (blob.size, blob.content_type, blob.metadata) == (5, "application/octet-stream", {})
    assert blobs.read("box", "by/hand.txt") == b"hello"


def test_the_log_of_a_running_job_is_a_blob_while_it_grows(blobs: BlobStore, owner: Any) -> None:
    log = owner.folder / "runs" / "calm_fox" / "user_logs" / "std_log.txt"
    log.parent.mkdir(parents=True)
    log.write_text("one\n")
    name = "ExperimentRun/dcid.calm_fox/user_logs/std_log.txt"
    before = blobs.get("azureml", name)

    with log.open("a") as stream:
        stream.write("two\n")

    after = blobs.get("azureml", name)
    assert blobs.read("azureml", name) == b"one\ntwo\n"
    assert after.etag != before.etag
    assert after.continues(before.etag)
    assert not before.continues(after.etag)


def test_what_the_client_says_of_a_blob_is_remembered(blobs: BlobStore) -> None:
    content = Content({"Content-Type": "text/csv"}, {"name": "iris", "version": "1"})

    blobs.write("box", "a.csv", b"x", content=content)

    assert blobs.get("box", "a.csv").content == content
    blobs.write("box", "a.csv", b"y")
    assert blobs.get("box", "a.csv").content == Content()


def test_metadata_goes_when_somebody_changes_the_content_by_hand(blobs: BlobStore) -> None:
    blobs.write("box", "a.csv", b"x", content=Content(metadata={"upload_status": "completed"}))

    blobs.path("box", "a.csv").write_bytes(b"something else")

    assert blobs.get("box", "a.csv").metadata == {}


def test_metadata_survives_a_copy_of_the_folder_that_changes_the_times(blobs: BlobStore) -> None:
    content = Content(metadata={"upload_status": "completed"}, md5=bytes.fromhex("9dd4e461268c8034f5c8564e155c67a6"))
    blobs.write("box", "a.csv", b"x", content=content)

    os.utime(blobs.path("box", "a.csv"), ns=(5, 5))

    assert blobs.get("box", "a.csv").content == Content(metadata={"upload_status": "completed"})


def test_every_write_and_every_change_of_metadata_changes_the_etag(blobs: BlobStore) -> None:
    seen = [blobs.write("box", "a", b"x").etag for _ in range(20)]
    seen += [blobs.describe("box", "a", metadata={"n": str(n)}).etag for n in range(20)]

    assert len(set(seen)) == 40
    assert blobs.get("box", "a").etag == seen[-1]


def test_only_new_refuses_a_blob_that_exists(blobs: BlobStore) -> None:
    blobs.write("box", "a", b"first", condition=NEW)

    with pytest.raises(ConflictError, match="'a' exists already in the container 'box'") as caught:
        blobs.write("box", "a", b"second", condition=NEW)

    assert caught.value.code == "BlobAlreadyExists"
    assert "overwrite" in caught.value.remedy
    assert blobs.read("box", "a") == b"first"


def test_of_many_that_write_one_new_name_one_wins(blobs: BlobStore) -> None:
    outcomes = []

    def attempt(number: int) -> None:
        try:
            blobs.write("box", "deep/er/a", str(number).encode(), condition=NEW)
            outcomes.append(number)
        except ConflictError:
            pass

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 1
    assert blobs.read("box", "deep/er/a") == str(outcomes[0]).encode()


def test_another_etag_than_asked_for_is_refused(blobs: BlobStore) -> None:
    old = blobs.write("box", "a", b"x")
    blobs.write("box", "a", b"y")

    with pytest.raises(ResourceError, match="has changed since") as caught:
        blobs.write("box", "a", b"z", condition=Condition(if_match=old.etag))

    assert (caught.value.status, caught.value.code) == (412, "ConditionNotMet")
    assert "again" in caught.value.remedy


def test_a_blob_and_a_folder_of_one_name_are_refused_both_ways(blobs: BlobStore) -> None:
    blobs.write("box", "a", b"")
    blobs.write("box", "b/c", b"")

    for name in ("a/b", "b", "a/b/c"):
        with pytest.raises(ConflictError, match="would bear the same name") as caught:
            blobs.write("box", name, b"")
        assert caught.value.code == "ResourceTypeMismatch"
        assert "Choose another name" in caught.value.remedy
    assert [blob.name for blob in blobs.list("box")] == ["a", "b/c"]


def test_an_empty_folder_does_not_stand_in_the_way(blobs: BlobStore) -> None:
    blobs.path("box", "a").mkdir()
    blobs.path("box", "b").mkdir()

    blobs.write("box", "a", b"x")
    blobs.write("box", "b", b"x", condition=NEW)

    assert blobs.read("box", "a") == blobs.read("box", "b") == b"x"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_and_leaves_the_old_blob(
    blobs: BlobStore, owner: Any, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    blobs.write("box", "a", b"old", content=Content(metadata={"k": "v"}))

    def full(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(blob_files.os, "write", full)
    with pytest.raises(ResourceError, match="The disk is full: 'a' was not written") as caught:
        blobs.write("box", "a", b"new")

    assert (caught.value.status, caught.value.code) == (413, "InsufficientStorage")
    assert "aml local prune" in caught.value.remedy
    assert blobs.read("box", "a") == b"old"
    assert blobs.get("box", "a").metadata == {"k": "v"}
    assert list((owner.folder / "blobs" / ".incoming").iterdir()) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_read_only_folder_is_said(blobs: BlobStore, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(number, os.strerror(number))
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(blob_files.os, "open", refuse)
    with pytest.raises(ResourceError, match="cannot be read or written here") as caught:
        blobs.write("box", "a", b"new")

    assert caught.value.status == 403
    assert "write access" in caught.value.remedy


def test_a_body_that_ends_early_is_refused(blobs: BlobStore) -> None:
    with pytest.raises(ResourceError, match="ended 5 bytes short") as caught:
        blobs.write("box", "a", io.BytesIO(b"12345"), length=10)

    assert "again" in caught.value.remedy
    assert not blobs.exists("box", "a")


def test_a_body_with_another_md5_is_refused(blobs: BlobStore) -> None:
    with pytest.raises(ResourceError, match="Content-MD5 says") as caught:
        blobs.write("box", "a", b"x", content=Content(md5=bytes(16)))

    assert caught.value.code == "Md5Mismatch"
    assert not blobs.exists("box", "a")


def test_a_container_that_does_not_exist_is_named(blobs: BlobStore) -> None:
    with pytest.raises(NotFoundError, match="'absent' does not exist in the account 'amlaccount'") as caught:
        blobs.write("absent", "a", b"")

    assert caught.value.code == "ContainerNotFound"


def test_dots_never_leave_the_container(blobs: BlobStore, owner: Any) -> None:
    names = ["../../../escape", ".", "a/../../b", "/etc/passwd", "a//b", "c/", "d/..", "ExperimentRun/dcid.../x"]
    for name in names:
        container = "azureml" if name.startswith("Exp") else "box"
        blobs.write(container, name, name.encode())
        assert blobs.read(container, name) == name.encode()
        assert blobs.path(container, name).resolve().is_relative_to(owner.folder)

    assert [blob.name for blob in blobs.list("box")] == sorted(names[:-1])
    assert [blob.name for blob in blobs.list("azureml")] == names[-1:]


def test_links_that_lead_out_are_neither_read_nor_written_nor_listed(
    blobs: BlobStore, owner: Any, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("s")
    run = owner.folder / "runs" / "job" / "outputs"
    run.mkdir(parents=True)
    (run / "link").symlink_to(outside / "secret")
    (run / "folder").symlink_to(outside)
    (run / "model").write_text("m")
    (run / "latest").symlink_to(run / "model")
    prefix = "ExperimentRun/dcid.job/outputs/"

    for name in ("link", "folder/secret"):
        with pytest.raises(NotFoundError):
            blobs.read("azureml", prefix + name)
    for name in ("folder/new", "folder/deep/new"):
        with pytest.raises(NotFoundError, match="behind a link that leads out"):
            blobs.write("azureml", prefix + name, b"x")
    with pytest.raises(NotFoundError):
        blobs.delete("azureml", prefix + "folder/secret")

    assert sorted(path.name for path in outside.rglob("*")) == ["secret"]
    assert [blob.name for blob in blobs.list("azureml")] == [prefix + "latest", prefix + "model"]
    assert blobs.read("azureml", prefix + "latest") == b"m"
    assert list(blobs.list("azureml", prefix + "folder/")) == []


def test_a_pipe_among_the_outputs_does_not_hang_the_service(blobs: BlobStore, owner: Any) -> None:
    run = owner.folder / "runs" / "job"
    run.mkdir(parents=True)
    os.mkfifo(run / "pipe")

    with pytest.raises(NotFoundError):
        blobs.read("azureml", "ExperimentRun/dcid.job/pipe")
    assert list(blobs.list("azureml")) == []


def test_deleting_the_last_blob_of_a_folder_takes_the_folder_along(blobs: BlobStore) -> None:
    blobs.write("box", "a/b/c", b"", content=Content(metadata={"k": "v"}))

    blobs.delete("box", "a/b/c")

    assert not blobs.path("box", "a").exists()
    assert blobs.has_container("box")
    blobs.write("box", "a/b/c", b"")
    assert blobs.get("box", "a/b/c").metadata == {}
    with pytest.raises(NotFoundError, match="'gone' does not exist"):
        blobs.delete("box", "gone")


def test_writers_and_deleters_of_one_folder_do_not_trip_each_other(blobs: BlobStore) -> None:
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            for _ in range(50):
                blobs.write("box", f"shared/deep/{number}", b"x")
                blobs.delete("box", f"shared/deep/{number}")
        except (ResourceError, OSError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_the_containers_of_the_workspace_stand_and_stay(blobs: BlobStore) -> None:
    own = "azureml-blobstore-11111111-2222-3333-4444-555555555555"

    assert [name for name, _ in blobs.containers()] == sorted(["azureml", own, "box"])
    assert not blobs.create_container("azureml")
    with pytest.raises(ConflictError, match="belongs to the workspace"):
        blobs.delete_container(own)
    blobs.delete_container("box")
    assert not blobs.has_container("box")


def test_blocks_become_a_blob_in_the_order_of_the_list(blobs: BlobStore) -> None:
    for block, body in (("Mg==", b"two"), ("MQ==", b"one"), ("Mw==", b"three")):
        blobs.stage("box", "a", block, body)
    assert blobs.blocks("box", "a") == ((), {"Mg==": 3, "MQ==": 3, "Mw==": 5})

    blobs.commit("box", "a", [("Latest", "MQ=="), ("Uncommitted", "Mg==")])

    assert blobs.read("box", "a") == b"onetwo"
    assert blobs.blocks("box", "a") == ((("MQ==", 3), ("Mg==", 3)), {})


def test_committed_blocks_can_be_used_again(blobs: BlobStore) -> None:
    blobs.stage("box", "a", "MQ==", b"one")
    blobs.stage("box", "a", "Mg==", b"two")
    blobs.commit("box", "a", [("Latest", "MQ=="), ("Latest", "Mg==")])
    blobs.stage("box", "a", "MQ==", b"ONE")

    blobs.commit("box", "a", [("Committed", "Mg=="), ("Latest", "MQ=="), ("Committed", "MQ==")])

    assert blobs.read("box", "a") == b"twoONEone"


def test_a_block_that_was_never_uploaded_is_named(blobs: BlobStore) -> None:
    blobs.write("box", "a", b"old")

    with pytest.raises(ResourceError, match=r"The block 'MQ==' \(Latest\) of 'a' was never uploaded") as caught:
        blobs.commit("box", "a", [("Latest", "MQ==")])

    assert (caught.value.code, caught.value.remedy) == ("InvalidBlockList", "Upload the blob again.")
    assert blobs.read("box", "a") == b"old"


def test_a_sweep_removes_rows_without_files_and_what_a_crash_left(blobs: BlobStore, owner: Any) -> None:
    blobs.write("box", "kept", b"", content=Content(metadata={"k": "v"}))
    blobs.write("box", "lost", b"", content=Content(metadata={"k": "v"}))
    blobs.path("box", "lost").unlink()
    blobs.stage("box", "old", "MQ==", b"one")
    (owner.folder / "blobs" / ".incoming" / "draft").write_bytes(b"half")

    assert blobs.sweep() == 1
    assert blobs.sweep(4e9) == 2

    assert blobs.get("box", "kept").metadata == {"k": "v"}
    assert blobs.blocks("box", "kept") == ((), {})
    with pytest.raises(NotFoundError):
        blobs.blocks("box", "old")
