"""Several processes that are one run: their variables and logs, and how they end together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_aml.agent import processes, records, start
from jupyter_aml.local.runtime.provisioners.base import Provisioner
from jupyter_aml.local.runtime.provisioners.exec import ExecProvisioner
from jupyter_aml.local.runtime.spec import Rank, RunSpec

from .conftest import PATIENCE, Bench, wait_until

RENDEZVOUS = """
import os, time
def meet(word, count=int(os.environ["WORLD_SIZE"])):
    open(f"{word}.{os.environ['RANK']}", "w").write(str(os.getpid()))
    until = time.time() + 60
    while len([name for name in os.listdir() if name.startswith(word + ".")]) < count:
        assert time.time() < until
        time.sleep(0.01)
"""
"""For scripts: wait until every process has said a word."""


def group(bench: Bench, count: int, *, serves: int = 0, **more: Any) -> RunSpec:
    """A run of `count` processes, the last `serves` of which only serve."""
    spec = bench.spec(**more)
    ranks = [
        Rank(
            {"RANK": str(number), "WORLD_SIZE": str(count)},
            str(Path(spec.work, f"log_{number}.txt")),
            serves=number >= count - serves,
        )
        for number in range(count)
    ]
    return replace(spec, ranks=tuple(ranks), log=ranks[0].log)


def logs(spec: RunSpec) -> list[str]:
    return [Path(rank.log).read_text(encoding="utf-8") for rank in spec.ranks]


def test_each_process_has_its_variables_and_its_log(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(RENDEZVOUS + "meet('here')\nprint('I am', os.environ['RANK'])\n")
    spec = group(bench, 3)

    end, _ = bench.run(provisioner, spec)

    assert end.ok, logs(spec)
    assert logs(spec) == ["I am 0\n", "I am 1\n", "I am 2\n"]


def test_a_shell_sees_the_variables_too(bench: Bench) -> None:
    spec = group(bench, 2, command="echo $RANK of ${WORLD_SIZE}")

    end, _ = bench.run(ExecProvisioner(), spec)

    assert end.ok
    assert logs(spec) == ["0 of 2\n", "1 of 2\n"]


def test_processes_draw_different_random_numbers(bench: Bench, forks: Provisioner) -> None:
    bench.script("import random, numpy\nprint(random.random(), numpy.random.rand())\n")
    spec = group(bench, 3)

    bench.run(forks, spec)

    drawn = [number for text in logs(spec) for number in text.split()]
    assert len(set(drawn)) == 6


def test_one_that_fails_ends_the_others_and_its_exception_is_the_runs(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(
        RENDEZVOUS + "meet('here')\nif os.environ['RANK'] == '1':\n    raise ValueError('boom')\ntime.sleep(600)\n"
    )
    spec = group(bench, 3)

    end, _ = bench.run(provisioner, spec)

    assert (end.code, end.signal, end.reason) == (1, None, "exited")
    assert end.error
    assert (end.error["type"], end.error["message"]) == ("ValueError", "boom")
    assert records.read(f"{spec.work}/rank.json") == {"rank": 1, "of": 3, "log": spec.ranks[1].log}
    assert "ValueError: boom" in logs(spec)[1]
    assert not processes.alive(int(Path(spec.cwd, "here.0").read_text()), 0)


def test_the_first_exception_counts_whoever_ends_first(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(
        RENDEZVOUS
        + """
import atexit
meet('here')
if os.environ['RANK'] == '1':
    atexit.register(lambda: [open('told', 'w').close(), meet('end')])
    raise ValueError('the reason')
while not os.path.exists('told'):
    time.sleep(0.01)
atexit.register(lambda: meet('end'))
raise ConnectionError('the consequence')
"""
    )
    spec = group(bench, 2)

    end, _ = bench.run(provisioner, spec)

    assert end.error
    assert end.error["message"] == "the reason"


def test_others_get_a_moment_to_leave(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(
        RENDEZVOUS
        + """
import signal, sys
def leave(*_):
    print('left', flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
meet('here')
if os.environ['RANK'] == '1':
    sys.exit(7)
time.sleep(600)
"""
    )
    spec = group(bench, 2)

    end, _ = bench.run(provisioner, spec)

    assert end.code == 7
    assert logs(spec)[0] == "left\n"


def test_the_signal_that_ended_one_is_the_runs(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import os, signal, time\nif os.environ['RANK'] == '1':\n    os.kill(os.getpid(), signal.SIGKILL)\n")

    end, _ = bench.run(provisioner, group(bench, 2))

    assert (end.code, end.signal) == (None, signal.SIGKILL)


def test_the_run_goes_on_until_the_last_has_ended(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(
        "import os, time\n"
        "if os.environ['RANK'] == '1':\n"
        "    while not os.path.exists('go'):\n        time.sleep(0.01)\n"
        "    print('last')\n"
        "else:\n    open('done', 'w').close()\n"
    )
    spec = group(bench, 2)
    handle = bench.start(provisioner, spec)

    wait_until(lambda: Path(spec.cwd, "done").exists())
    assert handle.wait(0.3) is None
    Path(spec.cwd, "go").touch()
    end = handle.wait(PATIENCE)

    assert end
    assert end.ok
    assert logs(spec)[1] == "last\n"


def test_one_that_serves_ends_with_the_others_and_the_run_did_well(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(RENDEZVOUS + "meet('here')\nif os.environ['RANK'] == '2':\n    time.sleep(600)\n")
    spec = group(bench, 3, serves=1)

    end, _ = bench.run(provisioner, spec)

    assert end.ok
    assert not processes.alive(int(Path(spec.cwd, "here.2").read_text()), 0)


WITH_HELPERS = (
    RENDEZVOUS
    + """
import subprocess
helper = subprocess.Popen(["sleep", "600"], start_new_session=True)
open(f"helper.{os.environ['RANK']}", "w").write(str(helper.pid))
meet("here")
time.sleep(600)
"""
)


def alive(spec: RunSpec) -> list[str]:
    """The processes of `WITH_HELPERS` that go on."""
    found = [path for path in Path(spec.cwd).iterdir() if path.name.startswith(("here.", "helper."))]
    return [path.name for path in found if processes.alive(int(path.read_text() or 0), 0)]


def test_cancel_ends_all_of_them_and_what_they_started(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(WITH_HELPERS)
    spec = group(bench, 2)
    handle = bench.start(provisioner, spec)
    wait_until(lambda: len(alive(spec)) == 4, PATIENCE)
    handle.cancel()

    end = handle.wait(PATIENCE)

    assert end
    assert end.reason == "cancelled"
    assert alive(spec) == []


def test_cancel_leaves_each_of_them_its_moment(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(
        RENDEZVOUS
        + """
import signal, sys
def leave(*_):
    time.sleep(0.1)
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
meet("here")
time.sleep(600)
"""
    )
    spec = group(bench, 2, moment=PATIENCE)
    handle = bench.start(provisioner, spec)
    wait_until(lambda: len(alive(spec)) == 2, PATIENCE)
    handle.cancel()

    end = handle.wait(PATIENCE)

    assert end
    assert end.reason == "cancelled"
    assert logs(spec) == ["saved\n", "saved\n"]


def test_none_outlives_a_supervisor_that_was_killed(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(WITH_HELPERS)
    spec = group(bench, 2)
    handle = bench.start(provisioner, spec)
    wait_until(lambda: len(alive(spec)) == 4, PATIENCE)
    os.kill(handle.supervisor_pid, signal.SIGKILL)

    end = handle.wait(PATIENCE)

    assert end
    assert end.reason == "lost"
    wait_until(lambda: not alive(spec), PATIENCE)


def test_the_time_limit_ends_all_of_them_and_what_they_started(bench: Bench, forks: Provisioner) -> None:
    bench.script(WITH_HELPERS)
    spec = group(bench, 2, timeout=1.0, grace=0.2)

    end, _ = bench.run(forks, spec)

    assert end.reason == "timeout"
    assert alive(spec) == []


def test_a_folder_that_is_missing_is_said_in_the_log(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("print(1)")
    spec = replace(group(bench, 2), cwd="/nowhere/at/all")

    end, _ = bench.run(provisioner, spec)

    assert end.code == 125
    assert "could not be set up" in "".join(logs(spec))


def portable(spec: RunSpec) -> dict[str, Any]:
    """The record of a run that was supervised as where there is no fork."""
    place = Path(spec.work, "spec.json")
    place.write_text(json.dumps(spec.completed().to_json()), encoding="utf-8")
    text = (
        "import sys, json\n"
        f"sys.path.insert(0, {str(Path(start.FOLDER).parent.parent)!r})\n"
        "from jupyter_aml.agent import portable\n"
        "portable.supervise(json.load(open(sys.argv[1])), int(sys.argv[2]))\n"
    )
    ours, theirs = os.pipe()
    done = subprocess.run(
        [sys.executable, "-c", text, str(place), str(theirs)], check=False, pass_fds=(theirs,), timeout=PATIENCE
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0
    return records.read(str(Path(spec.work, "exit.json"))) or {}


def test_without_fork_they_are_started_and_ended_together_too(bench: Bench) -> None:
    bench.script(RENDEZVOUS + "meet('here')\nprint('I am', os.environ['RANK'])\n")
    good = group(bench, 2)
    assert portable(good)["code"] == 0
    assert logs(good) == ["I am 0\n", "I am 1\n"]

    bench.script("import os, time\nif os.environ['RANK'] == '0':\n    raise ValueError('boom')\ntime.sleep(600)\n")
    bad = group(bench, 2)
    end = portable(bad)

    assert (end["code"], end["reason"], end["error"]["message"]) == (1, "exited", "boom")
    assert records.read(f"{bad.work}/rank.json") == {"rank": 0, "of": 2, "log": bad.ranks[0].log}
