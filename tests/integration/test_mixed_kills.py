"""Hosts, runs and clients killed at random moments while sweeps, pipelines and single jobs run side by side.

A short form runs with the tests, the long one with `make soak`. JUPYTER_AML_SOAK_KILLS and JUPYTER_AML_SOAK_SEED
choose how many kills and which ones.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Output, command, dsl
from azure.ai.ml.sweep import Uniform

from .conftest import FINAL, Lab, wait_for
from .test_kills import check, check_what_a_writer_left
from .test_kills_soak import Soak, runs_of

SHORT, LONG = 12, int(os.environ.get("JUPYTER_AML_SOAK_KILLS") or 200)
SEED = int(os.environ.get("JUPYTER_AML_SOAK_SEED") or time.time())
OPEN_AT_ONCE = 4
TRIALS = 4
FILES = 10
KINDS = ("command", "sweep", "pipeline")

SCRIPT = f"""
import os, sys, time
import mlflow
ledger, lr, pause, out = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
handle = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(handle, (os.environ["AZUREML_RUN_ID"] + "\\n").encode())
os.close(handle)
mlflow.log_metric("score", lr)
for n in range({FILES}):
    with open(os.path.join(out, f"{{n}}.txt"), "w") as file:
        file.write("x" * 1000)
time.sleep(pause)
print("done")
"""


class Mixed(Soak):
    """Sweeps, pipelines and single jobs, by their kinds."""

    odds = (0.5, 0.8, 0.92)
    pauses = (0.05, 0.3, 1.0)

    def step(self, pause: float, **out: Any) -> Any:
        """The one command that everything here runs."""
        return command(
            command=f"python train.py '{self.ledger}' ${{{{inputs.lr}}}} {pause} ${{{{outputs.o}}}}",
            code=self.code,
            environment="plain:1",
            inputs={"lr": 0.5},
            outputs={"o": Output(type="uri_folder", **out)},
        )

    def submit(self) -> None:
        kind = self.rng.choice(KINDS)
        step = self.step(self.rng.choice((0.0, 0.1, 0.5)), **({"name": "mixed"} if kind == "command" else {}))
        job = {"command": lambda: step, "sweep": lambda: self._sweep(step), "pipeline": lambda: self._pipeline(step)}
        made = job[kind]()
        made.experiment_name = "mixed"
        name = self.lab.client.jobs.create_or_update(made).name
        self.planned[name] = kind
        self.open.add(name)

    def _sweep(self, step: Any) -> Any:
        made = step(lr=Uniform(0, 1)).sweep(primary_metric="score", goal="maximize", sampling_algorithm="random")
        made.set_limits(max_total_trials=TRIALS, max_concurrent_trials=2)
        return made

    def _pipeline(self, step: Any) -> Any:
        numbers = [self.rng.random() for _ in range(3)]  # new ones, so that no step is taken over from an earlier run

        @dsl.pipeline(default_compute="serverless")
        def steps() -> None:
            for number in numbers:
                step(lr=number)

        return steps()

    def victim(self, supervisor: int) -> int:
        """The process that sees to a run, or one of the run's own."""
        if self.rng.random() < 0.5:
            with contextlib.suppress(OSError):
                below = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text(encoding="ascii").split()
                return int(below[0]) if below else supervisor
        return supervisor

    def verify(self) -> Counter[str]:
        """What must hold of every job and of its children; how many ended in which way."""
        ran = Counter(self.ledger.read_text(encoding="ascii").split())
        assert {name: times for name, times in ran.items() if times > 1} == {}, "ran twice"
        ends: Counter[str] = Counter()
        for name, kind in self.planned.items():
            children = [] if kind == "command" else list(self.lab.client.jobs.list(parent_job_name=name))
            names = [child.name for child in children] or [name]
            status = self.lab.status(name)
            ends[f"{kind} {status}"] += 1
            told = {one: self.lab.status(one) for one in names}
            story = f"{kind} {name}: {status} {self.lab.error(name)!r}, {told}, shot {self.shot & set(names)}"
            assert set(told.values()) <= set(FINAL), story
            for one, end in told.items():
                self._check(one, end, ran[one], parent=name, story=story)
            if status == "Completed":
                wanted = {"command": 1, "sweep": TRIALS, "pipeline": 3}[kind]
                assert len(names) == wanted, story
                assert kind == "sweep" or set(told.values()) == {"Completed"}, story
            elif status == "Canceled":
                assert name in self.cancelled, story
            else:
                assert self.shot & set(names), story
                assert self.lab.error(name), story
        return ends

    def _check(self, name: str, status: str, ran: int, *, parent: str, story: str) -> None:
        """A single run: complete with all that it made, cancelled because somebody asked, or failed by a kill."""
        if status == "Completed":
            assert ran == 1, f"{name} ran {ran} times; {story}"
            assert self.lab.log(name) == "done\n", f"{name}: {self.lab.log(name)!r}; {story}"
            assert "score" in self.lab.reader().snapshot(name)["metrics"], story
            assert len(list((self.lab.container / "azureml" / name / "o").iterdir())) == FILES, story
        elif status == "Canceled":
            assert parent in self.cancelled or self.shot, story
        else:
            assert name in self.shot, f"{name} {self.lab.error(name)!r}; {story}"
            assert self.lab.error(name), story


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(SHORT, marks=pytest.mark.timeout(400)),
        pytest.param(LONG, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
def test_every_job_of_a_mixed_load_ends_truthfully_and_once_whatever_is_killed(
    kills: int, lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "train.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "ledger").touch()
    mixed = Mixed(lab, random.Random(SEED), tmp_path / "ledger", code=str(code))
    began = time.monotonic()
    while mixed.kills.total() < kills:
        while len(mixed.open) < OPEN_AT_ONCE:
            mixed.submit()
        mixed.kill()
        mixed.look()

    wait_for(lambda: mixed.look() or not mixed.open, "the end of every job", 300)
    ends = mixed.verify()

    for path in (lab.home / "store.db", lab.folder / "workspace.db"):
        check(path)
    for number, said in mixed.writers.items():
        check_what_a_writer_left(lab, number, said)
    completed = {name for name, kind in mixed.planned.items() if kind == "command" and lab.status(name) == "Completed"}
    made = lab.client.data.list("mixed") if completed else []
    registered = Counter(str(one.path).rstrip("/").split("/")[-2] for one in made)
    assert dict(registered) == dict.fromkeys(completed, 1)
    lab.kill_host()
    name, status = lab.run("print('still here')")
    assert (status, lab.log(name)) == ("Completed", "still here\n")
    work = lab.folder / "work"
    wait_for(lambda: not any(work.iterdir()), "the end of every private folder")
    wait_for(lambda: not runs_of(lab), "the end of every process of a run")
    figures = {"seed": SEED, "seconds": round(time.monotonic() - began), "kills": dict(mixed.kills), "jobs": dict(ends)}
    with capsys.disabled():
        print(f"\nmixed kills: {json.dumps(figures)}")
