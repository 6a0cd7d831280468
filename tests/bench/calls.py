"""What single calls of the SDK cost against the local workspace."""

from __future__ import annotations

from tests.bench.places import Place, place
from tests.bench.rows import Row, median, timed

GETS, CREATES, JOBS = 60, 20, 12


def measure() -> list[Row]:
    """`jobs.get`, `data.create_or_update` of a small file and `jobs.create_or_update`, in process."""
    with place() as here:
        code = here.folder / "code"
        code.mkdir()
        (code / "train.py").write_text("print('x')\n", encoding="utf-8")
        submitted = [_submit(here, code) for _ in range(JOBS + 1)][1:]
        name = here.client.jobs.list().next().name
        got = [timed(lambda: here.client.jobs.get(name))() for _ in range(GETS)]
        created = [_data(here, number) for number in range(CREATES + 1)][1:]
    return [
        Row("jobs.get", median(got), most=5, samples=GETS),
        Row("data.create_or_update of a small file", median(created), most=40, samples=CREATES),
        Row("jobs.create_or_update of a command", median(submitted), most=100, samples=JOBS),
    ]


def _submit(here: Place, code) -> float:
    job = here.command("python train.py", code)
    names: list[str] = []
    taken = timed(lambda: names.append(here.client.jobs.create_or_update(job).name))()
    here.finished(names[0])
    return taken


def _data(here: Place, number: int) -> float:
    from azure.ai.ml.entities import Data

    path = here.folder / f"table-{number}.csv"
    path.write_text(f"a,b\n1,{number}\n", encoding="utf-8")
    entity = Data(name="bench", version=str(number + 1), path=str(path), type="uri_file")
    return timed(lambda: here.client.data.create_or_update(entity))()
