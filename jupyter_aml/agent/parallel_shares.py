"""The shares of a parallel step that is spread over several nodes: what each leaves, and the program that gathers it.

It runs in any Python, with the standard library alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

try:
    import parallel_rows  # type: ignore[import-not-found] # beside it, in a run's folder
except ImportError:
    from jupyter_aml.agent import parallel_rows

ROWS_FILE = "parallel_run_step.txt"
FILE = "share.jsonl"
"""What a share leaves: a line of counts, and one for each mini-batch that was done."""
COUNTS = ("total", "failed_items", "failed_batches")
EMPTY = "The input is empty: there is no mini-batch."
ALL_FAILED = "Every mini-batch failed."


def fetched(place: str) -> str:
    """The path of an input; a file that it is the address of is fetched, beside this program."""
    if not place.startswith(("http://", "https://")):
        return place
    parts = urllib.parse.urlsplit(place)
    target = Path(__file__).parent / "fetched" / (Path(urllib.parse.unquote(parts.path)).name or "input")
    target.parent.mkdir(exist_ok=True)
    say(f"{place} is fetched.")
    try:
        with urllib.request.urlopen(place) as source, target.open("wb") as file:  # noqa: S310 - the user's own input
            shutil.copyfileobj(source, file)
    except OSError as error:
        raise SystemExit(f"The input {place} cannot be fetched: {error}. An address must be that of a file.") from error
    return str(target)


def leave(place: Path, counts: Mapping[str, int], rows: Mapping[int, Any]) -> None:
    """Write down what came of a share's mini-batches, with the files that hold rows of theirs."""
    with (place / FILE).open("w", encoding="utf-8") as file:
        file.write(f"{json.dumps(dict(counts))}\n")
        for number, found in rows.items():
            if isinstance(found, parallel_rows.Held):
                shutil.move(str(found.path), str(place / found.path.name))
            file.write(f"{json.dumps({'batch': number, **parallel_rows.told(found)})}\n")


def check(settings: argparse.Namespace, items: int, count: int) -> None:
    """End when more items or mini-batches have failed than may."""
    most = settings.error_threshold
    if 0 <= most < items:
        raise SystemExit(f"{items} items failed; error_threshold is {most}.")
    most = settings.mini_batch_error_threshold
    if 0 <= most < count:
        raise SystemExit(f"{count} mini-batches failed; mini_batch_error_threshold is {most}.")


def target(place: Path, name: str) -> Path:
    """The file of all rows: an output that is a file, or one in an output that is a folder."""
    return place / name if place.is_dir() else place


def gather(settings: argparse.Namespace) -> None:
    """Make the outputs of the whole of what its shares left."""
    rows: dict[int, Any] = {}
    counts = dict.fromkeys(COUNTS, 0)
    for place in settings.input:
        first, *lines = Path(place, FILE).read_text(encoding="utf-8").splitlines()
        for name, count in json.loads(first).items():
            counts[name] += count
        rows.update((found["batch"], parallel_rows.heard(found, Path(place))) for found in map(json.loads, lines))
    say(f"{len(rows)} of {counts['total']} mini-batches done, {counts['failed_items']} items failed.")
    if not counts["total"]:
        raise SystemExit(EMPTY)
    check(settings, counts["failed_items"], counts["failed_batches"])
    if counts["failed_batches"] == counts["total"]:
        raise SystemExit(ALL_FAILED)
    for whole, *sources in settings.merge:
        for source in sources:
            shutil.copytree(source, whole, dirs_exist_ok=True)
    if settings.append:
        parallel_rows.append(target(Path(settings.append), settings.append_name), rows)


def say(sentence: str) -> None:
    """Write a line into the log."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def options(given: list[str]) -> argparse.Namespace:
    """What is gathered, and where to."""
    parser = argparse.ArgumentParser(prog="gather", allow_abbrev=False)
    parser.add_argument("--input", action="append", required=True)
    parser.add_argument("--append", default="")
    parser.add_argument("--append-name", default=ROWS_FILE)
    parser.add_argument("--merge", action="append", default=[], nargs="+")
    parser.add_argument("--error-threshold", type=int, default=-1)
    parser.add_argument("--mini-batch-error-threshold", type=int, default=-1)
    return parser.parse_args(given)


if __name__ == "__main__":
    gather(options(sys.argv[1:]))
