"""A job that imports what training needs and prints a line: ours against other local runners of pipelines.

Both its first line and its end count from asking for it. The rivals live in an environment of their own,
`out/bench-runners`, made the first time.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import processes
from tests.bench.job_start import MLFLOW_RUN, first_line
from tests.bench.places import Place, place
from tests.bench.rows import Row, interleaved

PACKAGES = ("dagster>=1.9,<2", "metaflow>=2.15,<3", "mlflow>=3,<4", "pandas>=2,<4", "scikit-learn>=1.5,<2")
FOLDER = Path("out") / "bench-runners"
ROUNDS = 5
OURS = "ours"
WORK = """\
    import time

    import mlflow
    import pandas
    import sklearn.linear_model

    print("first line at", repr(time.time()), flush=True)
"""
FLOW = f"""\
from metaflow import FlowSpec, step


def work():
{WORK}

class Trivial(FlowSpec):
    @step
    def start(self):
        work()
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Trivial()
"""
JOB = f"""\
from dagster import job, op


@op
def work():
{WORK}

@job
def trivial():
    work()
"""
PROJECT = "name: bench\nentry_points:\n  main:\n    command: python trivial.py\n"


def measure(*, quick: bool) -> list[Row]:
    """Ours against `mlflow run`, `dagster job execute` and `python flow.py run`."""
    python = rivals()
    with place() as here:
        folder, home = here.folder / "code", here.folder / "dagster"
        folder.mkdir()
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
        files = {"trivial.py": textwrap.dedent(WORK), "flow.py": FLOW, "job.py": JOB, "MLproject": PROJECT}
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        run = [sys.executable, *MLFLOW_RUN]
        execute = [python, "-m", "dagster", "job", "execute", "-f", "job.py", "-j", "trivial"]
        sysroot = {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(here.folder), "METAFLOW_HOME": str(here.folder)}
        lines: dict[str, list[float]] = {}
        sides = {
            OURS: lambda: ours(here, folder),
            "mlflow run": lambda: told(run, folder, MLFLOW_TRACKING_URI=f"sqlite:///{here.folder}/m.db"),
            "metaflow": lambda: told([python, "flow.py", "run"], folder, USER="bench", **sysroot),
            "dagster": lambda: told(execute, folder, DAGSTER_HOME=str(home)),
        }
        noted = {name: noting(side, lines.setdefault(name, [])) for name, side in sides.items()}
        ends = interleaved(noted, 2 if quick else ROUNDS)
    firsts = {name: found[1:] for name, found in lines.items()}  # the first round warms
    return [
        row
        for rival in list(sides)[1:]
        for row in (
            Row.of("a short job: asking → first line", firsts[OURS], firsts[rival], rival, goal=20),
            Row.of("a short job: asking → end", ends[OURS], ends[rival], rival),
        )
    ]


def noting(side: Callable[[], tuple[float, float]], lines: list[float]) -> Callable[[], float]:
    """A side that takes as long as the whole, and notes when its line came."""

    def whole() -> float:
        line, end = side()
        lines.append(line)
        return end

    return whole


def ours(here: Place, code: Path) -> tuple[float, float]:
    """Milliseconds from the SDK's call to the line, and to the job's end as another call of the SDK tells it."""
    job = here.command("python trivial.py", code)
    here.settle()
    started = time.time()
    name = here.client.jobs.create_or_update(job).name
    here.finished(name)
    end = time.time()
    return (first_line(here.log(name)) - started) * 1000, (end - started) * 1000


def told(command: list[str], folder: Path, **variables: str) -> tuple[float, float]:
    """The same of a rival's command.

    Raises:
        RuntimeError: It failed; with what it wrote.
    """
    started = time.time()
    ran = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=processes.environment(**variables)
    )
    end = time.time()
    if ran.returncode:
        msg = f"{' '.join(command)} ended with {ran.returncode}:\n{(ran.stdout + ran.stderr)[-2000:]}"
        raise RuntimeError(msg)
    return (first_line(ran.stdout + ran.stderr) - started) * 1000, (end - started) * 1000


def rivals() -> str:
    """The rivals' Python; its environment is made where it is not there yet."""
    python = FOLDER.resolve() / "bin" / "python"
    ready = FOLDER / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        ready.touch()
    return str(python)
