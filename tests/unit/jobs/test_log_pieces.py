"""Pieces of a log: whole characters, from the front, from the end, while it grows and when it is whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jupyter_aml.errors import NotFoundError, ResourceError
from jupyter_aml.local.jobs import logs, records
from jupyter_aml.local.jobs.lifecycle import Status
from jupyter_aml.local.jobs.records import Record

MAIN = "user_logs/std_log.txt"


@pytest.fixture
def job(wire: Any) -> Record:
    assert wire.put("j1")[0] in {200, 201}
    with wire.workspace.database.read() as reader:
        return records.find(reader, "j1")


def write(wire: Any, content: bytes, file: str = MAIN) -> None:
    path = wire.workspace.runs_folder("j1") / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def ended(record: Record) -> Record:
    return replace(record, status=Status.COMPLETED)


def test_a_log_that_is_not_there_yet_is_empty(wire: Any, job: Record) -> None:
    assert logs.read(wire.workspace, job) == logs.Piece(MAIN, "", 0, 0, 0)


def test_pieces_follow_each_other_to_the_end(wire: Any, job: Record) -> None:
    content = "".join(f"line {number} é\n" for number in range(200))
    write(wire, content.encode())
    found, offset = "", 0
    while True:
        piece = logs.read(wire.workspace, job, offset=offset, most=37)
        assert piece.offset == offset
        if not piece.text:
            break
        found, offset = found + piece.text, piece.next

    assert found == content
    assert offset == piece.size == len(content.encode())


@pytest.mark.parametrize("character", ["é", "€", "𝄞"])
def test_a_character_that_is_half_written_waits(wire: Any, job: Record, character: str) -> None:
    whole = character.encode()
    for cut in range(1, len(whole)):
        write(wire, b"a" + whole[:cut])
        piece = logs.read(wire.workspace, job)
        assert (piece.text, piece.next) == ("a", 1)
    write(wire, b"a" + whole)
    assert logs.read(wire.workspace, job, offset=1).text == character


def test_bytes_that_are_no_text_do_not_stop_it(wire: Any, job: Record) -> None:
    write(wire, b"\xff\xfe ok\n\xe2")

    running, whole = logs.read(wire.workspace, job), logs.read(wire.workspace, ended(job))

    assert (running.text, running.next) == ("\ufffd\ufffd ok\n", 6)
    assert (whole.text, whole.next) == ("\ufffd\ufffd ok\n\ufffd", 7)


def test_from_the_end_it_begins_with_a_whole_line(wire: Any, job: Record) -> None:
    write(wire, b"first\nsecond\nthird\n")

    assert logs.read(wire.workspace, job, offset=-9).text == "third\n"
    assert logs.read(wire.workspace, job, offset=-9).offset == 13
    assert logs.read(wire.workspace, job, offset=-500).text == "first\nsecond\nthird\n"


def test_an_offset_behind_the_end_gives_nothing_and_the_size(wire: Any, job: Record) -> None:
    """A log that was begun anew is shorter than what a page has seen of it."""
    write(wire, b"ab\n")

    piece = logs.read(wire.workspace, job, offset=100)

    assert (piece.text, piece.next, piece.size) == ("", 3, 3)


@pytest.mark.parametrize("file", ["../../workspace.db", "/etc/passwd", "snapshot/train.py", "user_logs/../../x", "."])
def test_only_logs_are_read(wire: Any, job: Record, file: str) -> None:
    with pytest.raises(ResourceError, match="is no log of a job"):
        logs.read(wire.workspace, job, file)


def test_a_link_out_of_the_logs_is_not_followed(wire: Any, job: Record) -> None:
    write(wire, b"x")
    secret = wire.workspace.folder / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    (wire.workspace.runs_folder("j1") / "user_logs" / "link.txt").symlink_to(secret)

    with pytest.raises(ResourceError, match="is no log of a job"):
        logs.read(wire.workspace, job, "user_logs/link.txt")


def test_a_log_that_never_comes_is_not_found(wire: Any, job: Record) -> None:
    assert logs.read(wire.workspace, job, "user_logs/other.txt").size == 0
    with pytest.raises(NotFoundError, match=r"has no log 'user_logs/other\.txt'"):
        logs.read(wire.workspace, ended(job), "user_logs/other.txt")
