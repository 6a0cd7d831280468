"""Hundreds of random kills of hosts, supervisors and clients under load, and what must hold after them."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from azure.ai.ml import Output

from jupyter_aml.agent import processes
from jupyter_aml.local.store import bell
from jupyter_aml.testing import hosts

from .conftest import FINAL, Lab, wait_for
from .test_kills import check, check_what_a_writer_left, kill_a_writer

SECONDS = float(os.environ.get("JUPYTER_AML_SOAK_SECONDS") or 600)
SEED = int(os.environ.get("JUPYTER_AML_SOAK_SEED") or time.time())
OPEN_AT_ONCE = 8
FILES = 40

SCRIPT = """
import os, sys, time
ledger, code, pause, out = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
name = os.environ["AZUREML_RUN_ID"]
handle = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(handle, (name + "\\n").encode())
for n in range(FILES):
    with open(os.path.join(out, f"{n}.txt"), "w") as file:
        file.write(name)
time.sleep(pause)
print("done")
sys.exit(code)
""".replace("FILES", str(FILES))


@dataclass
class Soak:
    """The jobs that were submitted and what was done to them.

    Attributes:
        odds: Up to which part of 1 a host, a run or a client is killed; beyond, a job is cancelled.
        pauses: The longest seconds that are waited before, of which one is drawn.
    """

    odds: ClassVar[tuple[float, float, float]] = (0.7, 0.85, 0.93)
    pauses: ClassVar[tuple[float, ...]] = (0.02, 0.2, 0.8)

    lab: Lab
    rng: random.Random
    ledger: Path
    planned: dict[str, Any] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    shot: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    kills: Counter[str] = field(default_factory=Counter)
    writers: dict[int, int] = field(default_factory=dict)
    code: str = ""

    def submit(self) -> None:
        from azure.ai.ml import command

        code = self.rng.choice((0, 0, 0, 0, 3))
        pause = self.rng.choice((0.0, 0.05, 0.3, 1.0))
        job = command(
            command=f"python train.py '{self.ledger}' {code} {pause} ${{{{outputs.o}}}}",
            code=self.code,
            environment="plain:1",
            experiment_name="soak",
            outputs={"o": Output(type="uri_folder", name="soaked")},
        )
        name = self.lab.client.jobs.create_or_update(job).name
        self.planned[name] = code
        self.open.add(name)

    def look(self) -> None:
        for name in list(self.open):
            if self.lab.status(name) in FINAL:
                self.open.discard(name)

    def kill(self) -> None:
        """Kill one thing at a random moment."""
        time.sleep(self.rng.random() * self.rng.choice(self.pauses))
        host, run, client = self.odds
        draw = self.rng.random()
        if draw < host:
            self._kill_host()
        elif draw < run:
            self._kill_run()
        elif draw < client:
            number = len(self.writers) + 1000
            self.writers[number] = kill_a_writer(self.lab, number, self.rng.randint(0, 3), self.rng.random() * 0.05)
            self.kills["client"] += 1
        elif self.open:
            name = self.rng.choice(sorted(self.open))
            with contextlib.suppress(Exception):  # it may have ended just now
                self.lab.client.jobs.begin_cancel(name).result()
                self.cancelled.add(name)

    def _kill_host(self) -> None:
        said = bell.ask(self.lab.home, {"op": "status"})
        if said is not None:
            self.shoot(int(said["pid"]), "host")

    def _kill_run(self) -> None:
        said = bell.ask(self.lab.home, {"op": "status"}) or {"jobs": []}
        running = [job for job in said["jobs"] if job["pid"]]
        if running:
            job = self.rng.choice(running)
            self.shot.add(job["job"])
            self.shoot(self.victim(int(job["pid"])), "run")

    def victim(self, supervisor: int) -> int:
        """Which process of a run is killed: the one that sees to it."""
        return supervisor

    def shoot(self, pid: int, what: str) -> None:
        """Kill a process as the system does that needs its memory."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.kills[what] += 1

    def verify(self) -> Counter[str]:
        """What must hold of every job; how many ended in which way."""
        ran = Counter(self.ledger.read_text(encoding="ascii").split())
        assert max(ran.values()) == 1, f"ran twice: {[name for name, times in ran.items() if times > 1]}"
        ends: Counter[str] = Counter()
        for name, code in self.planned.items():
            status = self.lab.status(name)
            ends[status] += 1
            said = self.lab.error(name) if status == "Failed" else ""
            story = f"{name}: {status} {said!r}, planned {code}, shot {name in self.shot}"
            if status == "Completed":
                assert (code, ran[name]) == (0, 1), story
                assert self.lab.log(name) == "done\n", story
                assert len(list((self.lab.container / "azureml" / name / "o").iterdir())) == FILES, story
            elif status == "Canceled":
                assert name in self.cancelled, story
            elif "exit code 3" in said:
                assert code == 3, story
                assert ran[name] == 1, story
            else:
                assert said, story
                assert name in self.shot, story
        return ends


@pytest.mark.soak
@pytest.mark.timeout(SECONDS * 2 + 900)
def test_hundreds_of_random_kills_lose_nothing_and_run_nothing_twice(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "train.py").write_text(SCRIPT, encoding="utf-8")
    soak = Soak(lab, random.Random(SEED), tmp_path / "ledger", code=str(code))
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        while len(soak.open) < OPEN_AT_ONCE:
            soak.submit()
        soak.kill()
        soak.look()
        if soak.kills.total() % 50 == 49:
            check(lab.folder / "workspace.db")

    wait_for(lambda: soak.look() or not soak.open, "the end of every job")
    ends = soak.verify()

    for path in (lab.home / "store.db", lab.folder / "workspace.db"):
        check(path)
    for number, said in soak.writers.items():
        check_what_a_writer_left(lab, number, said)
    completed = {name for name in soak.planned if lab.status(name) == "Completed"}
    registered = Counter(str(one.path).rstrip("/").split("/")[-2] for one in lab.client.data.list("soaked"))
    assert {name: times for name, times in registered.items() if times > 1} == {}
    assert {name: lab.status(name) for name in set(registered) ^ completed} == {}
    lab.kill_host()
    name, status = lab.run("print('still here')")
    assert (status, lab.log(name)) == ("Completed", "still here\n")
    work = lab.folder / "work"
    wait_for(lambda: not any(work.iterdir()), "the end of every private folder")
    wait_for(lambda: not runs_of(lab), "the end of every process of a run")
    figures: dict[str, Any] = {"seed": SEED, "seconds": SECONDS, "kills": dict(soak.kills), "jobs": dict(ends)}
    with capsys.disabled():
        print(f"\nsoak: {json.dumps(figures)}")


def runs_of(lab: Lab) -> list[int]:
    """Processes of runs of this store, other than its host and what that keeps warm."""
    mark = f"JUPYTER_AML_WORK={lab.folder}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes() and processes.alive(int(entry.name), 0):
                found.append(int(entry.name))
    return [pid for pid in found if hosts.alive(pid)]
