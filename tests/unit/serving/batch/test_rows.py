"""The rows that mini-batches give: in memory, in files, in a journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jupyter_aml.agent import parallel_rows as rows

MANY = rows.FEW + 1


class Writing:
    """An answer that writes its rows itself."""

    def write_rows(self, file: Any) -> int:
        file.write(b"one\ntwo\n")
        return 2


def text(found: Any) -> list[str]:
    return found.path.read_text().splitlines() if isinstance(found, rows.Held) else found


@pytest.mark.parametrize(
    ("answer", "lines", "held"),
    [
        (None, [], False),
        (["a", 1], ["a", "1"], False),
        (pd.DataFrame({"x": [1, 2], "y": ["p", "q"]}), ["1 p", "2 q"], False),
        ([0.5] * MANY, ["0.5"] * MANY, True),
        (pd.DataFrame({"x": range(MANY)}), [str(number) for number in range(MANY)], True),
        (Writing(), ["one", "two"], True),
    ],
)
def test_many_rows_are_kept_in_a_file(tmp_path: Path, answer: Any, lines: list[str], held: bool) -> None:
    found = rows.keep(answer, tmp_path / "rows" / "0.txt")

    assert isinstance(found, rows.Held) is held
    assert text(found) == lines
    assert rows.count(found) == len(lines)


def test_all_rows_stand_in_the_order_of_their_batches(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("held\nheld too\n")
    found = {2: ["last"], 0: ["first"], 1: rows.Held(tmp_path / "b", 2)}
    rows.append(tmp_path / "out" / "all.csv", found)

    assert (tmp_path / "out" / "all.csv").read_text() == "first\nheld\nheld too\nlast\n"
    assert (tmp_path / "b").exists()
    rows.take(tmp_path / "alone.csv", {1: found[1]})
    assert (tmp_path / "alone.csv").read_text() == "held\nheld too\n"
    assert not (tmp_path / "b").exists()
    rows.take(tmp_path / "none.csv", {})
    assert (tmp_path / "none.csv").read_text() == ""


def test_a_journal_knows_what_was_done_unless_its_rows_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "work.jsonl"
    path.touch()
    journal = rows.Journal(path)
    for number in (1, 2):
        journal.note(number, rows.keep(Writing(), journal.place(number)))
    journal.note(0, ["few"])
    with path.open("a") as file:
        file.write(json.dumps({"batch": 9, "rows": ["cut off"]})[:-5])
    journal.place(2).unlink()
    again = rows.Journal(path)

    assert set(again.done) == {0, 1}
    assert [text(again.done[number]) for number in (0, 1)] == [["few"], ["one", "two"]]
    again.close()
    assert list(tmp_path.iterdir()) == []


def test_without_a_journal_nothing_is_noted_and_the_rows_go_with_the_run(tmp_path: Path) -> None:
    journal = rows.Journal(tmp_path / "none.jsonl")
    journal.note(0, rows.keep(Writing(), journal.place(0)))

    assert not (tmp_path / "none.jsonl").exists()
    journal.close()
    assert list(tmp_path.iterdir()) == []
