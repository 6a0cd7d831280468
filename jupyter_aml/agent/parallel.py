"""A parallel step's program: shares mini-batches out among processes that each hold the entry script.

It is copied into the run's folder with its parts `parallel_*` and runs in the environment's own Python, so it needs
nothing but the standard library; pandas only for tables. The entry script has `run(mini_batch)` or
`run(mini_batch, context)`, and may have `init()` and `shutdown()`.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import multiprocessing
import os
import runpy
import sys
import time
import traceback
from collections.abc import Iterator
from multiprocessing import connection
from pathlib import Path
from typing import Any, NamedTuple

try:
    import parallel_rows as rows  # type: ignore[import-not-found] # beside it, in a run's folder
    import parallel_shares as shares  # type: ignore[import-not-found]
    import parallel_tables as tables  # type: ignore[import-not-found]
except ImportError:
    from jupyter_aml.agent import parallel_rows as rows
    from jupyter_aml.agent import parallel_shares as shares
    from jupyter_aml.agent import parallel_tables as tables

UNITS = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
JOURNAL = "mini_batches.jsonl"
GRACE = 5.0
SAID_EVERY = 5.0


class Batch(NamedTuple):
    """One mini-batch.

    Attributes:
        items: Paths of files, or rows of a table as a DataFrame.
        keys: The values of the partition keys that its rows share.
    """

    number: int
    items: Any
    keys: Any = None


class Context:
    """What `run(mini_batch, context)` gets beside the batch.

    Attributes:
        minibatch_index: Number of the batch, from 0.
        partition_key_value: The values of the partition keys, by key; empty without such keys.
    """

    def __init__(self, batch: Batch) -> None:
        self.minibatch_index = batch.number
        self.partition_key_value = batch.keys or {}


def options(given: list[str]) -> argparse.Namespace:
    """The settings of the step, and what is left for the entry script."""
    parser = argparse.ArgumentParser(prog="parallel", allow_abbrev=False)
    parser.add_argument("--entry", required=True)
    parser.add_argument("--input", action="append", default=[], required=True)
    parser.add_argument("--share", default="")
    parser.add_argument("--result", default="")
    parser.add_argument("--mini-batch-size", default="10")
    parser.add_argument("--partition-keys", default="")
    parser.add_argument("--concurrency", type=int, default=0)
    parser.add_argument("--max-retries", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("--error-threshold", type=int, default=-1)
    parser.add_argument("--mini-batch-error-threshold", type=int, default=-1)
    parser.add_argument("--append", default="")
    parser.add_argument("--append-name", default=shares.ROWS_FILE)
    parser.add_argument("--output", default="")
    parser.add_argument("script_arguments", nargs="*")
    cut = given.index("--") if "--" in given else len(given)
    found = parser.parse_args(given[:cut])
    found.script_arguments = given[cut + 1 :]
    return found


# mini-batches


def batches(settings: argparse.Namespace) -> Iterator[Batch]:
    """The mini-batches of every input, in order."""
    number = 0
    for place in map(shares.fetched, settings.input):
        table = Path(place, "MLTable")
        if table.is_file() and tables.has_rows(table):
            found = table_batches(table, settings)
        else:
            found = file_batches(Path(place), files_of(Path(place), table), settings)
        for items, keys in found:
            yield Batch(number, items, keys)
            number += 1


def files_of(place: Path, table: Path) -> list[Path]:
    """The files of an input; with a table that says nothing of their content, those that it lists."""
    if not place.exists():
        raise SystemExit(f"The input {place} does not exist.")
    if table.is_file():
        listed: list[Path] = tables.files(table)
        return listed
    return [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())


def file_batches(place: Path, files: list[Path], settings: argparse.Namespace) -> Iterator[tuple[list[str], Any]]:
    """Files, so many a batch, or as many as stay below a size."""
    if settings.partition_keys:
        yield from _folder_batches(place, files, json.loads(settings.partition_keys))
        return
    count, size = parse_size(settings.mini_batch_size)
    held: list[str] = []
    weight = 0
    for path in files:
        heavy = path.stat().st_size
        if held and (len(held) >= count if count else weight + heavy > size):
            yield held, None
            held, weight = [], 0
        held.append(str(path))
        weight += heavy
    if held:
        yield held, None


def _folder_batches(place: Path, files: list[Path], keys: list[str]) -> Iterator[tuple[list[str], Any]]:
    """Files that lie below the same folders: the first key names the first level, and so on."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for path in files:
        parts = path.relative_to(place).parts[: len(keys)]
        values = tuple(part.partition("=")[2] or part for part in parts)
        groups.setdefault(values, []).append(str(path))
    for values, held in groups.items():
        yield held, dict(zip(keys, values))  # noqa: B905 - Python 3.8 has no strict=


def parse_size(text: str) -> tuple[int, int]:
    """A number of files and no size, or no number and a size in bytes."""
    word = str(text).strip().lower()
    if word.isdigit():
        return max(int(word), 1), 0
    if word[-2:] in UNITS and word[:-2].strip().replace(".", "", 1).isdigit():
        return 0, max(int(float(word[:-2]) * UNITS[word[-2:]]), 1)
    raise SystemExit(f'mini_batch_size is "{text}"; a number of files, or a size such as "10kb" was expected.')


def table_batches(table: Path, settings: argparse.Namespace) -> Iterator[tuple[Any, Any]]:
    """Rows of a table, so many bytes of them a batch, or those with the same values of the partition keys."""
    frame = tables.read(table)
    if settings.partition_keys:
        keys = json.loads(settings.partition_keys)
        for values, rows in frame.groupby(keys, sort=True):
            shared = values if isinstance(values, tuple) else (values,)
            yield rows, dict(zip(keys, shared))  # noqa: B905 - idem
        return
    size = sum(parse_size(settings.mini_batch_size))  # a plain number is one of bytes, for a table
    count = max(int(size * len(frame) / max(frame.memory_usage(deep=True).sum(), 1)), 1)
    for start in range(0, len(frame), count):
        yield frame.iloc[start : start + count], None


def shared(found: Iterator[Batch], share: str) -> Iterator[Batch]:
    """Those of the mini-batches that a share has: of `1/3` every third, from the second."""
    number, _, of = share.partition("/")
    return (batch for batch in found if not share or batch.number % int(of) == int(number))


# workers


def work(pipe: Any, settings: argparse.Namespace, journal: Any) -> None:
    """One process: the entry script once, then batch after batch."""
    sys.argv = [settings.entry, *settings.script_arguments]
    sys.path.insert(0, os.getcwd())
    try:
        script = load(settings.entry)
        script.get("init", lambda: None)()
    except BaseException:  # noqa: BLE001 - whatever it is, the step cannot go on, and says why
        pipe.send(("broken", traceback.format_exc()))
        return
    pipe.send(("ready", None))
    run = script["run"]
    both = len(inspect.signature(run).parameters) > 1
    while True:
        batch = pipe.recv()
        if batch is None:
            break
        try:
            answer = run(batch.items, Context(batch)) if both else run(batch.items)
            pipe.send(("done", rows.keep(answer, journal.place(batch.number))))
        except Exception:  # noqa: BLE001 - a script's own: it is retried, then counted
            pipe.send(("failed", traceback.format_exc()))
    with contextlib.suppress(Exception):
        script.get("shutdown", lambda: None)()
    sys.stdout.flush()


def load(entry: str) -> dict[str, Any]:
    """What the entry script defines; `run` it must."""
    found = runpy.run_path(entry, run_name="__parallel__")
    if not callable(found.get("run")):
        raise SystemExit(f"{entry} has no function run(mini_batch).")
    return found


class Worker:
    """A process with its pipe, and the batch it works on."""

    def __init__(self, settings: argparse.Namespace, journal: Any) -> None:
        context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
        self.pipe, other = context.Pipe()
        self.process: Any = context.Process(  # type: ignore[attr-defined] # every context has one
            target=work, args=(other, settings, journal), daemon=True
        )
        self.process.start()
        other.close()
        self.batch: Batch | None = None
        self.ready = False
        self.until = float("inf")

    def give(self, batch: Batch, seconds: float) -> None:
        self.batch, self.until = batch, time.monotonic() + seconds
        self.pipe.send(batch)

    def end(self) -> None:
        """Let it go, or make it."""
        with contextlib.suppress(OSError):
            self.pipe.send(None)
        self.process.join(GRACE)
        self.kill()

    def kill(self) -> None:
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.pipe.close()


class Step:
    """The whole of it: what waits, what runs, what came of it."""

    def __init__(self, settings: argparse.Namespace) -> None:
        self.settings = settings
        self.journal = rows.Journal(Path(__file__).parent / JOURNAL)
        self.tries: dict[int, int] = {}
        self.rows: dict[int, Any] = {}
        self.failed_batches = 0
        self.failed_items = 0
        found = list(shared(batches(settings), settings.share))
        self.total = len(found)
        for batch in found:
            if batch.number in self.journal.done:
                self._count(batch, self.journal.done[batch.number])
        self.waiting = [batch for batch in reversed(found) if batch.number not in self.rows]
        self.said = 0.0
        width = settings.concurrency or os.cpu_count() or 1
        self.workers = [Worker(settings, self.journal) for _ in range(min(width, len(self.waiting)))]

    def conduct(self) -> None:
        """Share the batches out until none is left."""
        shares.say(f"{self.total} mini-batches, {len(self.workers)} processes.")
        if self.rows:
            shares.say(f"{len(self.rows)} of them were done by an earlier run; they are not repeated.")
        try:
            while self.waiting or any(worker.batch for worker in self.workers):
                self._give()
                self._hear()
                self._hurry()
        except BaseException:
            for worker in self.workers:
                worker.kill()
            raise
        for worker in self.workers:
            worker.end()

    def _give(self) -> None:
        for worker in self.workers:
            if worker.ready and worker.batch is None and self.waiting:
                worker.give(self.waiting.pop(), self.settings.timeout)

    def _hear(self) -> None:
        soonest = min(worker.until for worker in self.workers) - time.monotonic()
        pipes = {worker.pipe: worker for worker in self.workers}
        for pipe in connection.wait(list(pipes), min(max(soonest, 0.0), 1.0)):
            worker = pipes[pipe]  # type: ignore[index]
            try:
                word, told = worker.pipe.recv()
            except EOFError:
                word, told = "lost", "The process of the mini-batch was killed or left by itself."
            self._take(worker, word, told)

    def _take(self, worker: Worker, word: str, told: Any) -> None:
        if word == "ready":
            worker.ready = True
        elif word == "broken":
            sys.stderr.write(told)
            raise SystemExit(1)
        elif word == "done":
            self._done(worker, told)
        else:
            self._again(worker, told)
            if word == "lost":
                self._replace(worker)

    def _done(self, worker: Worker, found: Any) -> None:
        batch = worker.batch
        worker.batch, worker.until = None, float("inf")
        if batch is None:
            return
        self.journal.note(batch.number, found)
        self._count(batch, found)
        self._check()
        self._say()

    def _count(self, batch: Batch, found: Any) -> None:
        self.rows[batch.number] = found
        self.failed_items += max(len(batch.items) - rows.count(found), 0) if self.settings.append else 0

    def _again(self, worker: Worker, why: str) -> None:
        """A batch that failed: once more, unless it has had its tries."""
        batch = worker.batch
        worker.batch, worker.until = None, float("inf")
        if batch is None:
            raise SystemExit(why)
        tries = self.tries[batch.number] = self.tries.get(batch.number, 0) + 1
        last = tries > self.settings.max_retries
        shares.say(f"Mini-batch {batch.number} failed, try {tries} of {self.settings.max_retries + 1}.\n{why}")
        if not last:
            self.waiting.append(batch)
            return
        self.failed_batches += 1
        self.failed_items += len(batch.items)
        self._check()

    def _hurry(self) -> None:
        """Batches whose time is up."""
        for worker in list(self.workers):
            if worker.batch is not None and time.monotonic() > worker.until:
                self._again(worker, f"It took longer than {self.settings.timeout:g} s.")
                self._replace(worker)

    def _replace(self, worker: Worker) -> None:
        worker.kill()
        self.workers[self.workers.index(worker)] = Worker(self.settings, self.journal)

    def _check(self) -> None:
        shares.check(self.settings, self.failed_items, self.failed_batches)

    def _say(self) -> None:
        done = len(self.rows)
        if done == self.total or time.monotonic() - self.said > SAID_EVERY:
            self.said = time.monotonic()
            shares.say(f"{done} of {self.total} mini-batches done, {self.failed_items} items failed.")

    def keep(self) -> None:
        """Write the rows of all batches, or as a share what the whole is made of."""
        if self.settings.result:
            counts = {name: getattr(self, name) for name in shares.COUNTS}
            shares.leave(Path(self.settings.result), counts, self.rows)
        elif self.settings.append:
            rows.take(shares.target(Path(self.settings.append), self.settings.append_name), self.rows)


def main(given: list[str]) -> None:
    """Run the step."""
    settings = options(given)
    if settings.output:
        os.environ["AZUREML_BI_OUTPUT_PATH"] = settings.output
    step = Step(settings)
    if not step.total and not settings.share:
        raise SystemExit(shares.EMPTY)
    step.conduct()
    step.keep()
    if step.failed_batches == step.total and not settings.share:
        raise SystemExit(shares.ALL_FAILED)
    step.journal.close()


if __name__ == "__main__":
    main(sys.argv[1:])
