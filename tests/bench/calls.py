"""What single calls of the SDK cost against the local workspace, in process."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.bench.places import Place, place
from tests.bench.rows import Row, interleaved, timed

ROUNDS = 25


def measure(*, quick: bool) -> list[Row]:
    """`jobs.get`, `data.create_or_update` of a small file and `jobs.create_or_update` of a script just edited."""
    numbers = itertools.count(1)
    with place() as here:
        code = here.folder / "code"
        code.mkdir()
        (code / "train.py").write_text("print('x')\n", encoding="utf-8")
        name = here.done(here.command("python train.py", code)).name
        sides = {
            "get": timed(lambda: here.client.jobs.get(name)),
            "data": lambda: _data(here, numbers),
            "job": lambda: _job(here, numbers),
        }
        taken = interleaved(sides, 5 if quick else ROUNDS, warm=2)
    return [
        Row.of("jobs.get", taken["get"], most=5),
        Row.of("data.create_or_update of a small file", taken["data"], most=40),
        Row.of("jobs.create_or_update of an edited script", taken["job"], most=100),
    ]


def _data(here: Place, numbers: Iterator[int]) -> float:
    from azure.ai.ml.entities import Data

    number = next(numbers)
    path = here.folder / f"table-{number}.csv"
    path.write_text(f"a,b\n1,{number}\n", encoding="utf-8")
    entity = Data(name="bench", version=str(number), path=str(path), type="uri_file")
    return timed(lambda: here.client.data.create_or_update(entity))()


def _job(here: Place, numbers: Iterator[int]) -> float:
    code = here.folder / "code"
    (code / "train.py").write_text(f"print({next(numbers)})\n", encoding="utf-8")
    job = here.command("python train.py", code)
    here.settle()
    names: list[str] = []
    taken = timed(lambda: names.append(here.client.jobs.create_or_update(job).name))()
    here.finished(names[0])
    here.settle()
    return taken
