"""A data transfer step's program: copies its inputs to its output, merged; if asked to, it overwrites nothing.

It is copied into the run's folder and needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

OVERWRITE, REFUSE = "merge_with_overwrite", "fail_if_conflict"
HELD = "held.txt"
"""Beside this file: names of what the output's place holds already, one a line."""
SAID_EVERY = 5.0
SHOWN = 5


def say(sentence: str) -> None:
    """Put a sentence into the run's log."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def files(source: str) -> Iterator[tuple[str, str]]:
    """Every file of a folder, or the file itself: its path and its name below the output, in order."""
    if not os.path.isdir(source):
        yield source, os.path.basename(source)
        return
    for folder, below, names in os.walk(source):
        below.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            yield path, os.path.relpath(path, source).replace(os.sep, "/")


def held(folder: str) -> set[str]:
    """What the output's place holds already."""
    try:
        with open(os.path.join(folder, HELD), encoding="utf-8") as file:
            return set(file.read().splitlines())
    except FileNotFoundError:
        return set()


def conflicts(wanted: list[tuple[str, str]], there: set[str]) -> list[str]:
    """Names that more than one file would have, in order."""
    seen, twice = set(there), []
    for _path, name in wanted:
        if name in seen:
            twice.append(name)
        seen.add(name)
    return twice


def copy(wanted: list[tuple[str, str]], output: str, *, folder: bool) -> tuple[int, int]:
    """Copy, the last of a name wins; how many files and bytes."""
    done, size, due = 0, 0, time.monotonic() + SAID_EVERY
    for path, name in wanted:
        target = os.path.join(output, *name.split("/")) if folder else output
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(path, target)
        done, size = done + 1, size + os.path.getsize(target)
        if time.monotonic() > due:
            say(f"{done} of {len(wanted)} files, {size:,} bytes")
            due = time.monotonic() + SAID_EVERY
    return done, size


def main() -> int:
    """Copy as the arguments say; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=(OVERWRITE, REFUSE), default=OVERWRITE)
    parser.add_argument("--input", action="append", required=True)
    parser.add_argument("--output", required=True)
    given = parser.parse_args()
    folder = os.path.isdir(given.output)
    wanted = [one for source in given.input for one in files(source)]
    if not folder and len(wanted) != 1:
        say(f"{len(wanted)} files cannot become one: declare the output as uri_folder.")
        return 1
    twice = conflicts(wanted, held(os.path.dirname(os.path.abspath(__file__)))) if given.mode == REFUSE else []
    if twice:
        shown = ", ".join(twice[:SHOWN]) + (f" and {len(twice) - SHOWN} more" if len(twice) > SHOWN else "")
        say(
            f"There is more than one file of the name {shown}, and data_copy_mode is {REFUSE}: nothing was copied."
            f" Take another folder, or {OVERWRITE}."
        )
        return 1
    done, size = copy(wanted, given.output, folder=folder)
    say(f"Copied {done} files, {size:,} bytes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
