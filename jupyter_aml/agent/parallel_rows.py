"""The rows that mini-batches give: a few travel as lines; many stay in files, which are put together at the end.

It runs in any Python, with the standard library alone.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

SEPARATOR = " "
"""Between the columns of a DataFrame that a script gives back, as Azure writes them."""
FEW = 1000
"""So many rows of a mini-batch are kept in memory."""
BLOCK = 4 << 20


class Held(NamedTuple):
    """Rows in a file, a line each."""

    path: Path
    lines: int


if TYPE_CHECKING:
    Rows = list[str] | Held


def keep(answer: Any, place: Path) -> Rows:
    """What `run` gave back as rows: a DataFrame's, the items of a list, or what the answer writes itself.

    Args:
        answer: A DataFrame, an iterable, None for no rows, or an object with `write_rows(file)`, which gives their
            number.
        place: The file that holds many.
    """
    if answer is None:
        return []
    if hasattr(answer, "write_rows"):
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            return Held(place, answer.write_rows(file))
    if hasattr(answer, "to_csv"):
        text = answer.to_csv(index=False, header=False, sep=SEPARATOR)
        lines = str(text).splitlines()
    else:
        lines = [str(item) for item in answer]
    if len(lines) <= FEW:
        return lines
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    return Held(place, len(lines))


def count(rows: Rows) -> int:
    """How many rows there are."""
    return rows.lines if isinstance(rows, Held) else len(rows)


def told(rows: Rows) -> dict[str, Any]:
    """Rows as JSON says them; a file by its name."""
    return {"file": rows.path.name, "count": rows.lines} if isinstance(rows, Held) else {"rows": rows}


def heard(found: Mapping[str, Any], folder: Path) -> Rows | None:
    """Rows that JSON told of; None when the file is gone that held them."""
    if "file" not in found:
        return list(found["rows"])
    path = folder / found["file"]
    return Held(path, found["count"]) if path.is_file() else None


def append(target: Path, rows: Mapping[int, Rows]) -> None:
    """Write rows in the order of their batches."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for number in sorted(rows):
            one = rows[number]
            if isinstance(one, Held):
                with one.path.open("rb") as source:
                    shutil.copyfileobj(source, file, BLOCK)
            else:
                file.writelines(f"{row}\n".encode() for row in one)


def take(target: Path, rows: Mapping[int, Rows]) -> None:
    """Like `append`, but rows that are all in one file of our own become the target without being copied."""
    (only,) = rows.values() if len(rows) == 1 else (None,)
    if isinstance(only, Held):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(only.path), str(target))
    else:
        append(target, rows)


class Journal:
    """The mini-batches that were done, by this run or an earlier one of the same work; kept until all are done.

    Attributes:
        folder: Where the files with their rows are.
        done: The rows of each, by its number.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = rows_of(path.resolve())
        self.done = dict(self._read()) if path.exists() else {}

    def _read(self) -> Iterator[tuple[int, Rows]]:
        for line in self.path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):  # a line that a kill cut off
                found = json.loads(line)
                rows = heard(found, self.folder) if "batch" in found else None
                if rows is not None:
                    yield found["batch"], rows

    def place(self, number: int) -> Path:
        """The file for the rows of a batch."""
        return self.folder / f"{number}.txt"

    def note(self, number: int, rows: Rows) -> None:
        """A batch is done."""
        if self.path.exists():
            line = json.dumps({"batch": number, **told(rows)})
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}\n")

    def close(self) -> None:
        """All are done, and nobody will go on here."""
        if self.path.exists():
            self.path.resolve().unlink()
        shutil.rmtree(self.folder, ignore_errors=True)


def rows_of(journal: Path) -> Path:
    """The folder of a journal's rows."""
    return journal.with_suffix(".rows")
