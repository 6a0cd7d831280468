"""The shares of a parallel step that is spread over several nodes: what each leaves, and the program that gathers it.

It runs in any Python, with the standard library alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

ROWS_FILE = "parallel_run_step.txt"
FILE = "share.jsonl"
"""What a share leaves: a line of counts, and one for each mini-batch that was done."""
COUNTS = ("total", "failed_items", "failed_batches")
EMPTY = "The input is empty: there is no mini-batch."
ALL_FAILED = "Every mini-batch failed."


def leave(place: Path, counts: Mapping[str, int], rows: Mapping[int, list[str]]) -> None:
    """Write down what came of a share's mini-batches."""
    with (place / FILE).open("w", encoding="utf-8") as file:
        file.write(f"{json.dumps(dict(counts))}\n")
        file.writelines(f"{json.dumps({'batch': number, 'rows': lines})}\n" for number, lines in rows.items())


def check(settings: argparse.Namespace, items: int, count: int) -> None:
    """End when more items or mini-batches have failed than may."""
    most = settings.error_threshold
    if 0 <= most < items:
        raise SystemExit(f"{items} items failed; error_threshold is {most}.")
    most = settings.mini_batch_error_threshold
    if 0 <= most < count:
        raise SystemExit(f"{count} mini-batches failed; mini_batch_error_threshold is {most}.")


def append(place: Path, rows: Mapping[int, list[str]]) -> None:
    """Write rows in the order of their batches."""
    target = place / ROWS_FILE if place.is_dir() else place
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8") as file:
        for number in sorted(rows):
            file.writelines(f"{row}\n" for row in rows[number])


def gather(settings: argparse.Namespace) -> None:
    """Make the outputs of the whole of what its shares left."""
    rows: dict[int, list[str]] = {}
    counts = dict.fromkeys(COUNTS, 0)
    for place in settings.input:
        first, *lines = Path(place, FILE).read_text(encoding="utf-8").splitlines()
        for name, count in json.loads(first).items():
            counts[name] += count
        rows.update((found["batch"], found["rows"]) for found in map(json.loads, lines))
    say(f"{len(rows)} of {counts['total']} mini-batches done, {counts['failed_items']} items failed.")
    if not counts["total"]:
        raise SystemExit(EMPTY)
    check(settings, counts["failed_items"], counts["failed_batches"])
    if counts["failed_batches"] == counts["total"]:
        raise SystemExit(ALL_FAILED)
    if settings.append:
        append(Path(settings.append), rows)
    for target, *sources in settings.merge:
        for source in sources:
            shutil.copytree(source, target, dirs_exist_ok=True)


def say(sentence: str) -> None:
    """Write a line into the log."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def options(given: list[str]) -> argparse.Namespace:
    """What is gathered, and where to."""
    parser = argparse.ArgumentParser(prog="gather", allow_abbrev=False)
    parser.add_argument("--input", action="append", required=True)
    parser.add_argument("--append", default="")
    parser.add_argument("--merge", action="append", default=[], nargs="+")
    parser.add_argument("--error-threshold", type=int, default=-1)
    parser.add_argument("--mini-batch-error-threshold", type=int, default=-1)
    return parser.parse_args(given)


if __name__ == "__main__":
    gather(options(sys.argv[1:]))
