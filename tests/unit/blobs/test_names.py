"""Names of blobs become paths and come back."""

from __future__ import annotations

import os
from pathlib import PurePath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.store import blob_names

PIECES = st.sampled_from(
    ["%", "%2E", ".", "..", "%25", "00", "%00", "\0", "%~", "~", "a", "é", "/", "25", "2E", "x" * 50, "文" * 90]
)


def read_back(path: str) -> str:
    names, head = [], ""
    for entry in PurePath(path).parts:
        head += blob_names.unescape(entry)
        if not blob_names.is_continued(entry):
            names.append(head)
            head = ""
    return "/".join(names)


@given(st.lists(PIECES, max_size=8).map("".join))
@example("")
@example("a" * 1024)
@example("文" * 1024)
def test_each_name_has_one_path_and_the_path_tells_the_name(name: str) -> None:
    path = blob_names.to_path(name)

    assert read_back(path) == name
    for entry in PurePath(path).parts:
        assert entry not in {"", ".", ".."}
        assert "\0" not in entry
        assert len(os.fsencode(entry)) <= 255


@pytest.mark.parametrize("name", ["train/part 1.csv", "a%2Fb", "100%.csv", "ünïcode/文件.txt", ".hidden", "a..b"])
def test_names_that_a_file_system_can_hold_stay_readable(name: str) -> None:
    assert blob_names.to_path(name) == name.replace("/", os.sep)


@pytest.mark.parametrize("name", ["Box", "a", "a--b", "-ab", "../x", "a" * 64, "", "a_b", "a/b"])
def test_container_names_outside_the_rules_are_refused(name: str) -> None:
    with pytest.raises(ResourceError, match="is no container name") as caught:
        blob_names.check_container(name)

    assert caught.value.code == "InvalidResourceName"
    assert "such as 'my-data-1'" in caught.value.remedy


def test_names_of_more_than_1024_characters_are_refused() -> None:
    with pytest.raises(ResourceError, match="has 1025 characters") as caught:
        blob_names.check_name("a" * 1025)

    assert caught.value.code == "OutOfRangeInput"
    assert "Shorten" in caught.value.remedy
