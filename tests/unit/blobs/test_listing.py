"""Listings are in lexical order, page by page."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.store import blob_walk
from jupyter_aml.local.store.blob_model import Blob
from jupyter_aml.local.store.blobs import BlobStore

TREE = ["a", "a-b", "a.txt", "ab/1", "ab/2", "b/c/d", "b/c/e", "b/f", "b.c/x", "z"]


def names(items: Any) -> list[str]:
    return [item.name if isinstance(item, Blob) else item for item in items]


def pages(blobs: BlobStore, prefix: str, delimiter: str, limit: int) -> list[str]:
    found, start = [], ""
    while True:
        page = blobs.page("box", prefix, delimiter=delimiter, start=start, limit=limit)
        assert len(page.items) <= limit
        found += names(page.items)
        start = page.next
        if not start:
            return found


def expected(all_names: list[str], prefix: str, delimiter: str) -> list[str]:
    found = []
    for name in sorted(all_names):
        if name.startswith(prefix):
            head, mark, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            item = prefix + head + mark if mark else name
            if not found or found[-1] != item:
                found.append(item)
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("delimiter", ["", "/", "c", "b/"])
@pytest.mark.parametrize("prefix", ["", "a", "ab", "ab/", "b", "b/c", "b/c/", "b/c/d", "b/c/d/", "q", "b/q/"])
def test_pages_of_any_size_give_the_same_names(blobs: BlobStore, prefix: str, delimiter: str, limit: int) -> None:
    for name in TREE:
        blobs.write("box", name, b"")

    assert pages(blobs, prefix, delimiter, limit) == expected(TREE, prefix, delimiter)


def test_a_prefix_of_slashes_is_a_name_like_any_other(blobs: BlobStore) -> None:
    for name in ("a", "/a", "//a", "b/c", "b//c"):
        blobs.write("box", name, b"")

    assert pages(blobs, "/", "", 10) == ["//a", "/a"]
    assert pages(blobs, "//", "", 10) == ["//a"]
    assert pages(blobs, "b//", "", 10) == ["b//c"]


PIECE = st.sampled_from(
    ["a", "b", ".", "..", "", "%", "-", "0", "é", "x" * 250, "x" * 44, "x" * 300, "\U0001f600", "\uffee"]
)
NAME = st.lists(PIECE, min_size=1, max_size=4).map("/".join).filter(bool)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=st.sets(NAME, min_size=1, max_size=12),
    prefix=st.one_of(st.just(""), NAME, st.sampled_from(["x" * 45, "x" * 46, "a/x" * 20])),
    delimiter=st.sampled_from(["", "/", "x"]),
    limit=st.integers(1, 5),
)
def test_odd_and_long_names_keep_the_order(
    blobs: BlobStore, wanted: set[str], prefix: str, delimiter: str, limit: int
) -> None:
    blobs.delete_prefix("box", "")
    written = []
    for name in sorted(wanted):
        if not any(other.startswith(name + "/") or name.startswith(other + "/") for other in written):
            blobs.write("box", name, b"")
            written.append(name)

    assert pages(blobs, prefix, delimiter, limit) == expected(written, prefix, delimiter)


def test_runs_stand_among_the_artifacts(blobs: BlobStore, owner: Any) -> None:
    for path in ("one/user_logs/std_log.txt", "one/outputs/model/a", "two/user_logs/std_log.txt"):
        file = owner.folder / "runs" / path
        file.parent.mkdir(parents=True)
        file.write_text("x")
    (owner.folder / "runs" / "empty" / "user_logs").mkdir(parents=True)
    for name in ("A/1", "ExperimentRun/other", "LocalUpload/2"):
        blobs.write("azureml", name, b"")
    run = "ExperimentRun/dcid.one/"

    def listed(prefix: str, delimiter: str = "") -> list[str]:
        return names(blobs.page("azureml", prefix, delimiter=delimiter).items)

    assert listed("", "/") == ["A/", "ExperimentRun/", "LocalUpload/"]
    assert listed("ExperimentRun/", "/") == [run, "ExperimentRun/dcid.two/", "ExperimentRun/other"]
    assert listed("ExperimentRun/dcid.", "/") == [run, "ExperimentRun/dcid.two/"]
    assert listed("ExperimentRun/dcid.o") == [run + "outputs/model/a", run + "user_logs/std_log.txt"]
    assert listed(run, "/") == [run + "outputs/", run + "user_logs/"]
    assert listed(run + "user_logs/") == [run + "user_logs/std_log.txt"]
    assert listed(run[:-1]) == listed(run)
    assert listed("Exp") == [
        run + "outputs/model/a",
        run + "user_logs/std_log.txt",
        "ExperimentRun/dcid.two/user_logs/std_log.txt",
        "ExperimentRun/other",
    ]
    assert listed("ExperimentRun/dcid.empty/", "/") == []


def test_a_large_folder_is_read_once_until_it_changes(blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = blobs.path("box", "many")
    folder.mkdir()
    for number in range(1200):
        (folder / f"{number:04}").touch()
    monkeypatch.setattr(blob_walk, "SETTLED", 0)
    reads = []
    real = blob_walk._read
    monkeypatch.setattr(blob_walk, "_read", lambda *given: reads.append(given) or real(*given))

    assert len(pages(blobs, "many/", "", 100)) == 1200
    assert len(reads) == 1

    blobs.write("box", "many/0500a", b"")
    assert len(pages(blobs, "many/", "", 100)) == 1201
    assert len(reads) == 2


def test_a_container_that_does_not_exist_cannot_be_listed(blobs: BlobStore) -> None:
    with pytest.raises(NotFoundError) as caught:
        blobs.page("absent")

    assert caught.value.code == "ContainerNotFound"
    assert "check the name" in caught.value.remedy
