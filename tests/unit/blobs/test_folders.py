"""Whole folders move in, copy out and go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_aml.errors import ConflictError
from jupyter_aml.local.store.blob_model import Content
from jupyter_aml.local.store.blobs import BlobStore


def made(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def contents(blobs: BlobStore, prefix: str) -> dict[str, bytes]:
    return {blob.name[len(prefix) :]: blobs.read("box", blob.name) for blob in blobs.list("box", prefix)}


def test_a_finished_folder_moves_in(blobs: BlobStore, tmp_path: Path) -> None:
    source = made(tmp_path / "out", a="1", deep__b="22")

    adopted = blobs.adopt_folder(source, "box", "job/model/")

    assert (adopted.files, adopted.size, adopted.skipped) == (2, 3, ())
    assert contents(blobs, "job/model/") == {"a": b"1", "deep/b": b"22"}
    assert not source.exists()


def test_a_folder_joins_what_is_there_and_old_metadata_goes(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.write("box", "model/a", b"x", content=Content(metadata={"k": "v"}))
    blobs.write("box", "model/kept", b"kept")

    blobs.adopt_folder(made(tmp_path / "out", a="1", deep__b="22"), "box", "model")

    assert contents(blobs, "model/") == {"a": b"1", "deep/b": b"22", "kept": b"kept"}
    assert blobs.get("box", "model/a").metadata == {}


def test_a_file_becomes_the_blob(blobs: BlobStore, tmp_path: Path) -> None:
    made(tmp_path, result="7")

    adopted = blobs.adopt_folder(tmp_path / "result", "box", "job/result.txt")

    assert adopted.files == 1
    assert blobs.read("box", "job/result.txt") == b"7"


def test_links_become_copies_and_what_cannot_be_a_blob_is_named(blobs: BlobStore, tmp_path: Path) -> None:
    made(tmp_path, precious="p")
    source = made(tmp_path / "out", a="1")
    (source / "to_file").symlink_to(tmp_path / "precious")
    (source / "to_folder").symlink_to(tmp_path)
    (source / "broken").symlink_to(tmp_path / "absent")
    os.mkfifo(source / "pipe")
    os.link(tmp_path / "precious", source / "shared")
    (source / "closed").write_text("c")
    (source / "closed").chmod(0)

    adopted = blobs.adopt_folder(source, "box", "out")

    assert contents(blobs, "out/") == {"a": b"1", "to_file": b"p", "shared": b"p", "closed": b"c"}
    assert sorted(adopted.skipped) == ["broken", "pipe", "to_folder"]
    blobs.path("box", "out/shared").write_text("changed")
    assert (tmp_path / "precious").read_text() == "p"


def test_a_folder_where_a_blob_is_is_refused(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.write("box", "out", b"")

    with pytest.raises(ConflictError, match="would bear the same name"):
        blobs.adopt_folder(made(tmp_path / "out", a="1"), "box", "out")


def test_blobs_copy_out_as_files(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.write("box", "d/a", b"1")
    blobs.write("box", "d/e/b", b"22")
    blobs.write("box", "d/../evil", b"3")

    assert blobs.export("box", "d", tmp_path / "x" / "folder") == 3
    assert blobs.export("box", "d/e/b", tmp_path / "y" / "one") == 1
    assert blobs.export("box", "absent", tmp_path / "z") == 0

    assert (tmp_path / "x" / "folder" / "a").read_bytes() == b"1"
    assert (tmp_path / "x" / "folder" / "e" / "b").read_bytes() == b"22"
    assert (tmp_path / "y" / "one").read_bytes() == b"22"
    assert not (tmp_path / "x" / "evil").exists()


def test_a_prefix_is_deleted_with_all_below(blobs: BlobStore) -> None:
    for name in ("a/1", "a/b/2", "ab", "c"):
        blobs.write("box", name, b"", content=Content(metadata={"k": "v"}))
    blobs.path("box", "a/b").chmod(0o500)

    assert blobs.delete_prefix("box", "a/") == 2
    assert [blob.name for blob in blobs.list("box")] == ["ab", "c"]
    assert blobs.delete_prefix("box", "a") == 1
    blobs.write("box", "a/1", b"")
    assert blobs.get("box", "a/1").metadata == {}
