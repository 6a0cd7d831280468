"""kill -9 at chosen moments: the job goes on or fails with a reason, what was finished stays, nothing is half there."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, Output
from azure.ai.ml.entities import AmlCompute

from jupyter_aml.agent import processes
from jupyter_aml.testing import hosts

from .conftest import Lab, wait_for

MANY = 3_000
SLEEP_SECONDS = 12.0
"""Longer than anybody here waits for an answer of the host."""


@pytest.fixture(autouse=True)
def sound(lab: Lab) -> Any:
    """Every test leaves readable databases and a host that works."""
    yield
    name, status = lab.run("print('still here')")
    assert (status, lab.log(name)) == ("Completed", "still here\n")
    for path in (lab.home / "store.db", lab.folder / "workspace.db"):
        check(path)


def check(path: Path) -> None:
    """A database is sound."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        connection.close()


def test_a_job_that_waits_in_the_queue_runs_once_when_its_host_is_killed(lab: Lab, tmp_path: Path) -> None:
    gate, ran = tmp_path / "gate", tmp_path / "ran"
    lab.client.compute.begin_create_or_update(AmlCompute(name="one", size="small", max_instances=1)).result()
    wait = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\nprint('end')"
    first = lab.submit(wait, compute="one")
    lab.until(first, "Running")
    second = lab.submit(f"open({str(ran)!r}, 'a').write('x')", compute="one")
    lab.until(second, "Queued")

    lab.kill_host()

    assert lab.status(second) == "Queued"
    gate.touch()
    assert lab.end(first) == "Completed", lab.error(first)
    assert lab.end(second) == "Completed", lab.error(second)
    assert (lab.log(first), ran.read_text()) == ("end\n", "x")


def many_files(lab: Lab) -> str:
    """Short URI of a folder of blobs that takes a while to copy."""
    folder = lab.container / "many"
    folder.mkdir(parents=True)
    for number in range(MANY):
        (folder / f"{number}.txt").write_text(str(number), encoding="ascii")
    return "azureml://datastores/workspaceblobstore/paths/many/"


def test_a_job_that_is_being_prepared_is_prepared_anew_when_its_host_is_killed(lab: Lab, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    inputs = {"d": Input(type="uri_folder", path=many_files(lab), mode="download")}
    script = f"import os, sys\nprint(len(os.listdir(sys.argv[1])))\nopen({str(ran)!r}, 'a').write('x')"
    name = lab.submit(script, command="python train.py ${{inputs.d}}", inputs=inputs)
    copies = lab.folder / "work" / name / "inputs" / "d"
    wait_for(lambda: copies.is_dir() and any(copies.iterdir()), "the first copy")

    lab.kill_host()
    copied = len(list(copies.iterdir()))

    assert copied < MANY, "it was prepared before the kill"
    assert lab.end(name) == "Completed", lab.error(name)
    assert (lab.log(name), ran.read_text()) == (f"{MANY}\n", "x")


def test_a_job_that_runs_goes_on_and_is_found_again_when_its_host_is_killed(lab: Lab, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    name = lab.submit(
        f"""
        import mlflow, pathlib, time
        mlflow.log_metric("before", 1)
        print("begun")
        while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)
        mlflow.log_metric("after", 2)
        print("end")
        """
    )
    wait_for(lambda: "begun" in lab.log(name), "the script's first line")
    supervisor = lab.supervisor(name)

    lab.kill_host()
    gate.touch()

    assert lab.end(name) == "Completed", f"{lab.error(name)}\n{lab.log(name)}"
    assert [line for line in lab.log(name).splitlines() if line in {"begun", "end"}] == ["begun", "end"]
    assert lab.reader().snapshot(name)["metrics"] == {"before": 1.0, "after": 2.0}
    assert not hosts.alive(supervisor)


def test_a_machine_that_slept_goes_on_where_it_was(lab: Lab, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    name = lab.submit(
        f"""
        import mlflow, pathlib, time
        print("begun")
        while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)
        mlflow.log_metric("after", 2)
        print("end")
        """
    )
    wait_for(lambda: "begun" in lab.log(name), "the script's first line")
    supervisor, host = lab.supervisor(name), int(lab.host()["pid"])
    asleep = [host, supervisor, *processes.descendants(supervisor)]

    for pid in asleep:
        os.kill(pid, signal.SIGSTOP)
    gate.touch()
    submitted = lab.submit("print('later')")
    time.sleep(SLEEP_SECONDS)
    assert lab.status(name) == "Running"
    assert lab.status(submitted) == "NotStarted"
    for pid in reversed(asleep):
        os.kill(pid, signal.SIGCONT)

    assert lab.end(name) == "Completed", f"{lab.error(name)}\n{lab.log(name)}"
    assert lab.end(submitted) == "Completed", lab.error(submitted)
    assert lab.log(name) == "begun\nend\n"
    assert lab.reader().snapshot(name)["metrics"] == {"after": 2.0}
    assert int(lab.host()["pid"]) == host


def test_a_job_that_ends_while_there_is_no_host_is_completed_by_the_next_look_at_it(lab: Lab, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    name = lab.submit(f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)")
    lab.until(name, "Running")
    supervisor = lab.supervisor(name)

    lab.kill_host()
    gate.touch()
    wait_for(lambda: not hosts.alive(supervisor), "the run's end")

    assert lab.end(name) == "Completed", lab.error(name)


def test_a_cancel_that_nobody_heard_is_done_by_the_next_host(lab: Lab) -> None:
    name = lab.submit("import time\nprint('begun')\ntime.sleep(300)")
    wait_for(lambda: "begun" in lab.log(name), "the script's first line")
    supervisor = lab.supervisor(name)

    lab.kill_host()
    lab.client.jobs.begin_cancel(name).result()

    assert lab.end(name) == "Canceled"
    assert not hosts.alive(supervisor)


def test_outputs_that_are_being_collected_are_collected_when_the_host_is_killed(lab: Lab) -> None:
    script = f"""
        import os, sys
        one = os.path.join(sys.argv[1], "0.txt")
        open(one, "w").write("x")
        for n in range(1, {MANY}):
            os.link(one, os.path.join(sys.argv[1], f"{{n}}.txt"))
        """
    outputs = {"o": Output(type="uri_folder", name="collected")}
    name = lab.submit(script, command="python train.py ${{outputs.o}}", outputs=outputs)
    staging = lab.folder / "work" / name / "outputs" / "o"
    wait_for(lambda: lab.status(name) == "Finalizing", "collecting")

    lab.kill_host()

    assert staging.is_dir(), "it was collected before the kill"
    assert lab.end(name) == "Completed", lab.error(name)
    kept = [path for path in (lab.folder / "blobs").rglob("*.txt") if f"/{name}/" in str(path)]
    assert len(kept) == MANY
    assert {path.stat().st_nlink for path in kept} == {1}
    assert [one.version for one in lab.client.data.list("collected")] == ["1"]
    wait_for(lambda: not (lab.folder / "work" / name).exists(), "the private folder's end")


def test_after_a_reboot_a_job_is_lost_with_a_reason_and_strangers_are_left_alone(lab: Lab) -> None:
    name = lab.submit("import time\nprint('begun')\ntime.sleep(300)")
    wait_for(lambda: "begun" in lab.log(name), "the script's first line")
    record = lab.folder / "work" / name / "supervisor.json"
    facts = json.loads(record.read_text())
    lab.kill_host()
    for pid in (facts["pid"], facts["child"]):
        if processes.alive(pid, 0):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not processes.alive(facts["child"], 0), "the run's end")
    stranger = subprocess.Popen(["sleep", "300"], start_new_session=True)
    try:
        stat = processes.stat(stranger.pid)
        assert stat is not None
        reborn = {"pid": stranger.pid, "child": stranger.pid, "start_ticks": stat.ticks, "boot": "the boot before"}
        record.write_text(json.dumps({**facts, **reborn}))

        assert lab.end(name) == "Failed"
        assert "killed from outside" in lab.error(name)
        assert lab.log(name).startswith("begun\n")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


WRITER = """
import hashlib, json, sys
from pathlib import Path
from jupyter_aml.local.app import Service
from jupyter_aml.local.arm.http import Request
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.store.catalogue import Store

store = Store.open(Path(sys.argv[1]))
store.rings = False
service = Service(store)
entry = store.entries()[0]
identity = tokens.local_identity(store)
blobs = f"https://{entry.account}.blob.core.windows.net/azureml-blobstore-{entry.id}"

def ask(method, url, body=b"", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = service.handle(Request.build(method, url, identity=identity, body=body, headers=named))
    assert answer.status < 300, (method, url, answer.status, answer.body)

round = sys.argv[2]
for number in range(100000):
    name = f"kill/{round}/{number}"
    piece = hashlib.sha256(name.encode()).digest() * 8192
    ask("PUT", f"{blobs}/{name}/whole", piece, x_ms_blob_type="BlockBlob", x_ms_meta_n=str(number))
    for block in ("AAAA", "AAAB"):
        ask("PUT", f"{blobs}/{name}/blocks?comp=block&blockid={block}", piece)
    listed = "".join(f"<Latest>{block}</Latest>" for block in ("AAAA", "AAAB"))
    ask("PUT", f"{blobs}/{name}/blocks?comp=blocklist", f"<BlockList>{listed}</BlockList>".encode())
    uri = f"azureml://datastores/workspaceblobstore/paths/{name}/whole"
    body = {"properties": {"dataType": "uri_file", "dataUri": uri, "tags": {"n": str(number)}}}
    url = f"https://management.azure.com{entry.arm_id}/data/killed-{round}/versions/{number + 1}"
    ask("PUT", url, json.dumps(body).encode())
    print(number, flush=True)
"""


def kill_a_writer(lab: Lab, number: int, writes: int, delay: float) -> int:
    """Kill a client `delay` seconds after it has done some rounds of writes; how many it had said were done."""
    command = [sys.executable, "-c", WRITER, str(lab.home), str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(writes):
            assert writer.stdout.readline(), "the writer failed"
        try:
            writer.wait(delay)
        except subprocess.TimeoutExpired:
            writer.kill()
        return writes + len(writer.stdout.readlines())


def check_what_a_writer_left(lab: Lab, number: int, said: int) -> None:
    """Whatever was said to be done is there; whatever is there is whole."""
    import hashlib

    container = lab.container
    for path in (container / "kill" / str(number)).rglob("*"):
        if path.is_file():
            piece = hashlib.sha256(f"kill/{number}/{path.parent.name}".encode()).digest() * 8192
            assert path.read_bytes() == (piece if path.name == "whole" else piece * 2), path
    versions = sorted(int(one.version) for one in lab.client.data.list(f"killed-{number}")) if said else []
    assert versions == list(range(1, len(versions) + 1))
    assert len(versions) >= said
    for version in versions:
        assert (container / "kill" / str(number) / str(version - 1) / "whole").is_file()
        assert (container / "kill" / str(number) / str(version - 1) / "blocks").is_file()


@pytest.mark.parametrize(("number", "writes", "delay"), [(1, 1, 0.0), (2, 3, 0.003), (3, 5, 0.011), (4, 2, 0.02)])
def test_a_client_that_is_killed_while_it_writes_leaves_nothing_half_done(
    lab: Lab, number: int, writes: int, delay: float
) -> None:
    said = kill_a_writer(lab, number, writes, delay)

    check(lab.folder / "workspace.db")
    check_what_a_writer_left(lab, number, said)
