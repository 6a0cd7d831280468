"""The runner: real threads and a real loop, but runs that are only pretended."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jupyter_aml.errors import StoreError
from jupyter_aml.local.host.loop import Loop
from jupyter_aml.local.jobs import ledger, records, work
from jupyter_aml.local.jobs.runner import Runner
from jupyter_aml.local.runtime.handles import Exit
from jupyter_aml.local.runtime.provisioners.base import Provisioner
from jupyter_aml.local.runtime.spec import RunSpec
from jupyter_aml.local.tracking import records as tracking

PATIENCE = 30.0


class PretendedRun:
    """A handle whose end the test decides."""

    wait_fd = None
    supervisor_pid = 1

    def __init__(self) -> None:
        self.started = time.time()
        self.end: Exit | None = None

    def poll(self) -> Exit | None:
        return self.end

    def finish(self, code: int = 0, **more: Any) -> None:
        facts = {"signal": None, "reason": "exited", "started": self.started, "ended": time.time(), **more}
        self.end = Exit(code=code, **facts)

    def cancel(self) -> None:
        self.finish(15, reason="cancelled")

    def close(self) -> None:
        pass


class Pretence(Provisioner):
    """Starts nothing and remembers what it was asked to start."""

    name = "pretence"

    def __init__(self) -> None:
        self.runs: dict[str, PretendedRun] = {}
        self.broken = ""

    def start(self, spec: RunSpec) -> Any:
        if self.broken:
            raise OSError(self.broken)
        self.runs[spec.run] = PretendedRun()
        return self.runs[spec.run]

    def launch(self, spec: RunSpec) -> Any:
        return self.start(spec)


class Bench:
    """A runner at work."""

    def __init__(self, wire: Any) -> None:
        self.wire = wire
        self.pretence = Pretence()
        self.loop = Loop()
        self.runner = Runner(
            self.loop,
            lambda: [wire.workspace],
            self.pretence,
            door=lambda: "http://127.0.0.1:1",
            outer={},
            clock=time.time,
        )
        self.thread = threading.Thread(target=self.loop.run)
        self.thread.start()

    def scan(self) -> None:
        self.loop.soon(self.runner.scan)

    def submit(self, name: str, **more: Any) -> None:
        status, body = self.wire.put(name, **more)
        assert status == 201, body
        self.scan()

    def status(self, name: str) -> str:
        return str(self.wire.ask("GET", f"/jobs/{name}")[1]["properties"]["status"])

    def until(self, wanted: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not wanted():
            assert time.monotonic() < end, self.runner.summary()
            time.sleep(0.005)

    def until_status(self, name: str, status: str) -> None:
        self.until(lambda: self.status(name) == status)

    def story(self, name: str) -> list[str]:
        with self.wire.workspace.database.read() as reader:
            return [event["event"] for event in records.story(reader, name)]

    def close(self) -> None:
        self.loop.stop()
        self.thread.join()
        self.runner.close()
        self.loop.close()


@pytest.fixture
def bench(wire: Any) -> Iterator[Bench]:
    made = Bench(wire)
    yield made
    made.close()


def test_a_job_goes_through_its_life_and_its_story_is_kept(bench: Bench) -> None:
    bench.submit("fox")
    bench.until_status("fox", "Running")
    bench.pretence.runs["fox"].finish()
    bench.until_status("fox", "Completed")

    assert bench.story("fox") == ["Accepted", "Prepared", "Granted", "Started", "Exited", "Finalized"]
    with bench.wire.workspace.database.read() as reader:
        assert tracking.run(reader, "fox")["status"] == "FINISHED"
        record = records.find(reader, "fox")
    assert record.started is not None
    assert record.ended is not None
    assert not bench.runner.busy()


def test_a_job_whose_clock_was_set_back_does_not_end_before_it_began(bench: Bench) -> None:
    bench.submit("fox")
    bench.until_status("fox", "Running")
    run = bench.pretence.runs["fox"]
    run.finish(ended=run.started - 3600.0)
    bench.until_status("fox", "Completed")

    with bench.wire.workspace.database.read() as reader:
        record, tracked = records.find(reader, "fox"), tracking.run(reader, "fox")
    assert record.started is not None
    assert record.ended == record.started
    assert tracked["end"] == pytest.approx(record.ended, abs=0.002)


def test_a_failed_run_keeps_its_error(bench: Bench) -> None:
    bench.submit("fox")
    bench.until_status("fox", "Running")
    error = {"type": "ValueError", "message": "no", "traceback": "Traceback ..."}
    bench.pretence.runs["fox"].finish(1, error=error)
    bench.until_status("fox", "Failed")

    _, details = bench.wire.history("GET", "/runs/fox/details")
    assert details["error"]["error"]["message"] == "ValueError: no"


def test_a_preparation_that_fails_tells_why_in_the_job_and_in_the_log(bench: Bench) -> None:
    uri = "azureml://datastores/workspaceblobstore/paths/gone"
    bench.submit("fox", inputs={"d": {"jobInputType": "uri_file", "uri": uri}})
    bench.until_status("fox", "Failed")

    _, details = bench.wire.history("GET", "/runs/fox/details")
    assert "there is no file or folder" in details["error"]["error"]["message"]
    log = bench.wire.workspace.runs_folder("fox") / "user_logs" / "std_log.txt"
    assert "there is no file or folder" in log.read_text()


def test_a_start_that_fails_fails_the_job(bench: Bench) -> None:
    bench.pretence.broken = "no more processes"
    bench.submit("fox")
    bench.until_status("fox", "Failed")

    _, details = bench.wire.history("GET", "/runs/fox/details")
    assert "could not be started: no more processes" in details["error"]["error"]["message"]


def test_a_sweep_that_nobody_can_conduct_fails_and_says_why(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    bench.submit(
        "fox",
        jobType="Sweep",
        trial={"command": "echo ${{search_space.lr}}", "environmentId": bench.wire.base + "/environments/e/versions/1"},
        searchSpace={"lr": ["uniform", [0, 1]]},
        samplingAlgorithm={"samplingAlgorithmType": "Bayesian"},
        objective={"goal": "Minimize", "primaryMetric": "loss"},
        limits={"jobLimitsType": "Sweep", "maxTotalTrials": 2},
    )
    bench.until_status("fox", "Failed")

    _, details = bench.wire.history("GET", "/runs/fox/details")
    assert "needs Optuna, which is not installed" in details["error"]["error"]["message"]
    assert "pip install 'jupyter_aml[ml]'" in details["error"]["error"]["message"]


def test_cancel_ends_a_running_job(bench: Bench) -> None:
    bench.submit("fox")
    bench.until_status("fox", "Running")
    bench.wire.ask("POST", "/jobs/fox/cancel")
    bench.scan()
    bench.until_status("fox", "Canceled")

    with bench.wire.workspace.database.read() as reader:
        assert tracking.run(reader, "fox")["status"] == "KILLED"


def test_a_cancel_that_nobody_rang_for_is_found_at_the_next_commit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    start = bench.pretence.start

    def slow(spec: RunSpec) -> Any:
        gate.wait(PATIENCE)
        return start(spec)

    monkeypatch.setattr(bench.pretence, "start", slow)
    bench.submit("fox")
    bench.until_status("fox", "Starting")
    bench.wire.ask("POST", "/jobs/fox/cancel")
    gate.set()
    bench.until_status("fox", "Canceled")


def test_a_job_cancelled_before_a_host_saw_it_never_starts(bench: Bench) -> None:
    bench.wire.put("fox")
    bench.wire.ask("POST", "/jobs/fox/cancel")
    bench.scan()
    bench.until_status("fox", "Canceled")

    assert not bench.pretence.runs


def test_jobs_of_a_compute_with_one_slot_run_one_after_the_other(bench: Bench) -> None:
    scale = {"minNodeCount": 0, "maxNodeCount": 1}
    bench.wire.ask(
        "PUT",
        "/computes/one",
        {"location": "local", "properties": {"computeType": "AmlCompute", "properties": {"scaleSettings": scale}}},
    )
    compute = f"{bench.wire.base}/computes/one"
    bench.submit("a", computeId=compute)
    bench.until_status("a", "Running")
    for name in ("b", "c"):
        bench.submit(name, computeId=compute)
    bench.until(lambda: [bench.status(name) for name in "bc"] == ["Queued", "Queued"])

    bench.wire.ask("POST", "/jobs/b/cancel")
    bench.scan()
    bench.until_status("b", "Canceled")
    bench.pretence.runs["a"].finish()
    bench.until_status("c", "Running")
    bench.pretence.runs["c"].finish()
    bench.until_status("c", "Completed")


def test_what_cannot_be_written_now_is_written_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = iter([StoreError("The disk is full.")] * 2)
    write = ledger.write

    def full(*arguments: Any, **named: Any) -> bool:
        for error in refusals:
            raise error
        return write(*arguments, **named)

    monkeypatch.setattr(ledger, "write", full)
    monkeypatch.setattr("jupyter_aml.local.jobs.runner.AGAIN_SECONDS", 0.02)
    bench.submit("fox")
    bench.until_status("fox", "Running")
    bench.pretence.runs["fox"].finish()
    bench.until_status("fox", "Completed")


def test_a_paused_runner_takes_on_nothing_new(bench: Bench) -> None:
    bench.runner.paused = True
    bench.submit("fox")
    time.sleep(0.1)

    assert bench.status("fox") == "NotStarted"
    assert bench.runner.settled()


def test_what_was_registered_stays_noted_while_the_host_writes_down_something_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = work._register
    noted: list[Any] = []

    def watched(*arguments: Any) -> None:
        register(*arguments)
        bench.wire.ask("POST", "/jobs/fox/cancel")
        bench.scan()
        bench.until(lambda: "CancelAsked" in bench.story("fox"))
        with bench.wire.workspace.database.read() as reader:
            noted.append(records.find(reader, "fox").state.get("outputs"))

    monkeypatch.setattr(work, "_register", watched)
    bench.submit("fox", outputs={"o": {"jobOutputType": "uri_folder", "assetName": "made"}})
    bench.until_status("fox", "Running")
    bench.pretence.runs["fox"].finish()
    bench.until(lambda: bench.status("fox") in {"Completed", "Canceled"})

    assert noted[0]["o"]["version"] == "1"
    assert bench.status("fox") == "Completed"


def test_a_host_that_comes_back_finishes_what_was_being_finalized(wire: Any) -> None:
    wire.put("fox", outputs={"o": {"jobOutputType": "uri_folder", "assetName": "made"}})
    staging = wire.workspace.work_folder("fox") / "outputs" / "o"
    staging.mkdir(parents=True)
    (staging / "x").write_text("1")
    with wire.workspace.database.write() as transaction:
        record = records.find(transaction, "fox")
        records.advance(
            transaction, "fox", status=ledger.Status.FINALIZING, state={**record.state, "phase": "Finalizing"}, now=1.0
        )
    bench = Bench(wire)
    bench.loop.soon(bench.runner.recover)
    try:
        bench.until_status("fox", "Completed")
    finally:
        bench.close()

    assert wire.ask("GET", "/data/made/versions/1")[0] == 200


def test_a_host_that_comes_back_fails_a_run_that_vanished(wire: Any) -> None:
    wire.put("fox")
    with wire.workspace.database.write() as transaction:
        record = records.find(transaction, "fox")
        records.advance(
            transaction, "fox", status=ledger.Status.RUNNING, state={**record.state, "phase": "Running"}, now=1.0
        )
    bench = Bench(wire)
    bench.loop.soon(bench.runner.recover)
    try:
        bench.until_status("fox", "Failed")
    finally:
        bench.close()

    _, details = wire.history("GET", "/runs/fox/details")
    assert details["error"]["error"]["code"] == "JobLost"
