"""Nothing of a run is left, whatever it forked and whoever died."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyter_aml.agent import processes, records, start
from jupyter_aml.local.runtime.handles import Handle, find
from jupyter_aml.local.runtime.provisioners.base import Provisioner
from jupyter_aml.local.runtime.provisioners.exec import ExecProvisioner
from jupyter_aml.local.runtime.provisioners.fork import ForkProvisioner

from .conftest import PATIENCE, Bench, wait_until

# Forks a tree of stubborn processes: own sessions, orphans, deaf to SIGTERM. Each leaves a file named by its pid.
STUBBORN = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
here = pathlib.Path("pids")
here.mkdir(exist_ok=True)

def live():
    (here / str(os.getpid())).touch()
    time.sleep(120)

def double_fork(deep):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            if deep:
                double_fork(deep - 1)
            live()
        os._exit(0)

for _ in range(3):
    double_fork(2)
{last}
"""
TREE = 9


def living(pids: list[int]) -> list[int]:
    return [pid for pid in pids if processes.alive(pid, 0)]


def tree(bench: Bench, size: int) -> list[int]:
    folder = bench.code / "pids"
    wait_until(lambda: folder.is_dir() and len(list(folder.iterdir())) >= size)
    return [int(entry.name) for entry in folder.iterdir()]


def test_cancel_ends_every_descendant_within_two_seconds(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(STUBBORN.format(last="live()"))
    handle = bench.start(provisioner, bench.spec())
    pids = tree(bench, TREE + 1)

    began = time.monotonic()
    handle.cancel()
    end = handle.wait(10)

    assert time.monotonic() - began < 2
    assert end is not None
    assert end.reason == "cancelled"
    assert living([*pids, handle.supervisor_pid]) == []


def test_a_run_that_obeys_is_cancelled_at_once(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import time; print('up'); time.sleep(60)")
    spec = bench.spec()
    handle = bench.start(provisioner, spec)
    wait_until(lambda: Path(spec.log).exists() and Path(spec.log).read_text())

    began = time.monotonic()
    handle.cancel()
    end = handle.wait(10)

    assert time.monotonic() - began < 0.5
    assert end is not None
    assert (end.reason, end.signal) == ("cancelled", signal.SIGTERM)


def test_a_run_can_be_cancelled_right_after_its_start(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import time; time.sleep(60)")
    handle = bench.start(provisioner, bench.spec())

    handle.cancel()
    end = handle.wait(10)

    assert end is not None
    assert end.reason == "cancelled"


def test_a_script_may_clean_up_when_cancelled(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(
        """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("bye"), sys.exit(4)))
        print("up")
        time.sleep(60)
        """
    )
    spec = bench.spec()
    handle = bench.start(provisioner, spec)
    wait_until(lambda: Path(spec.log).exists() and Path(spec.log).read_text())

    handle.cancel()
    end = handle.wait(10)

    assert end is not None
    assert (end.reason, end.code) == ("cancelled", 4)
    assert Path(spec.log).read_text() == "up\nbye\n"


def test_what_a_run_leaves_behind_is_ended_with_it(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(STUBBORN.format(last=f"while len(list(here.iterdir())) < {TREE}: time.sleep(0.01)"))

    end, _ = bench.run(provisioner, bench.spec())

    assert end.ok
    assert living(tree(bench, TREE)) == []


def test_a_run_that_signals_its_own_group_does_not_reach_its_supervisor(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import os, signal; os.killpg(0, signal.SIGTERM)")

    end, _ = bench.run(provisioner, bench.spec())

    assert (end.reason, end.signal) == ("exited", signal.SIGTERM)


def test_a_timeout_kills_what_ignores_the_warning(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(STUBBORN.format(last="live()"))

    end, _ = bench.run(provisioner, bench.spec(timeout=0.5, grace=0.2))

    assert end.reason == "timeout"
    assert end.signal == signal.SIGKILL
    assert living([int(entry.name) for entry in (bench.code / "pids").iterdir()]) == []


def test_a_run_is_found_again_by_its_folder(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import time; time.sleep(60)")
    spec = bench.spec()
    handle = bench.start(provisioner, spec)

    again = find(Path(spec.work))

    assert again is not None
    assert again.supervisor_pid == handle.supervisor_pid
    assert again.poll() is None
    again.cancel()
    end = again.wait(10)
    assert end is not None
    assert end.reason == "cancelled"
    assert handle.poll() == end


def test_an_ended_run_is_found_with_its_end(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("raise SystemExit(3)")
    spec = bench.spec()
    end, _ = bench.run(provisioner, spec)

    again = find(Path(spec.work))

    assert again is not None
    assert again.poll() == end


def test_a_folder_without_a_run_has_no_handle(tmp_path: Path) -> None:
    assert find(tmp_path) is None


def test_another_process_with_the_pid_of_a_supervisor_is_not_taken_for_it(tmp_path: Path) -> None:
    record = {"pid": os.getpid(), "start_ticks": 1, "boot": processes.boot(), "started": 1.0, "child": 0}
    records.write(str(tmp_path / "supervisor.json"), record)

    handle = find(tmp_path)

    assert handle is not None
    assert handle.wait_fd is None
    end = handle.poll()
    assert end is not None
    assert (end.reason, end.code) == ("lost", None)


def test_a_supervisor_of_an_earlier_boot_is_lost(tmp_path: Path) -> None:
    own = processes.stat(os.getpid())
    assert own is not None
    record = {"pid": os.getpid(), "start_ticks": own.ticks, "boot": "another", "started": 1.0, "child": 0}

    end = Handle(tmp_path, record).poll()

    assert end is not None
    assert end.reason == "lost"


def test_when_the_supervisor_is_killed_the_run_is_lost_and_swept(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(
        """
        import os, pathlib, subprocess, sys, time
        pathlib.Path("pids").mkdir()
        started = subprocess.Popen(["sleep", "60"], start_new_session=True)
        pathlib.Path("pids", str(started.pid)).touch()
        pathlib.Path("pids", str(os.getpid())).touch()
        time.sleep(60)
        """
    )
    handle = bench.start(provisioner, bench.spec())
    pids = tree(bench, 2)

    os.kill(handle.supervisor_pid, signal.SIGKILL)
    end = handle.wait(10)

    assert end is not None
    assert (end.reason, end.ok) == ("lost", False)
    wait_until(lambda: not living(pids))


def test_the_next_host_sweeps_what_a_killed_supervisor_left(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(
        """
        import os, pathlib, time
        pids = pathlib.Path("pids").absolute()
        pids.mkdir()
        os.chdir(os.environ["JUPYTER_AML_WORK"])
        if os.fork() == 0:
            pids.joinpath(str(os.getpid())).touch()
        time.sleep(60)
        """
    )
    spec = bench.spec()
    handle = bench.start(provisioner, spec)
    pids = tree(bench, 1)
    os.kill(handle.supervisor_pid, signal.SIGKILL)
    wait_until(lambda: not handle.supervised())

    again = find(Path(spec.work))

    assert again is not None
    end = again.poll()
    assert end is not None
    assert end.reason == "lost"
    wait_until(lambda: not living(pids))


@pytest.mark.parametrize("boot", ["another", processes.boot()])
def test_whoever_has_the_number_of_a_lost_run_by_now_is_left_alone(tmp_path: Path, boot: str) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        record = {"pid": stranger.pid, "start_ticks": 1, "boot": boot, "started": 1.0, "child": stranger.pid}
        end = Handle(tmp_path, record).poll()

        assert end is not None
        assert end.reason == "lost"
        time.sleep(0.05)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_run_does_not_begin_when_its_host_died_while_starting_it(bench: Bench) -> None:
    bench.script("open('began', 'w')")
    spec = bench.spec()
    records.write(str(Path(spec.work, "spec.json")), spec.to_json())
    ours, theirs = os.pipe()
    os.close(ours)
    command = start.command(
        sys.executable, "supervisor", "run", str(Path(spec.work, "spec.json")), str(theirs), bare=True
    )

    done = subprocess.run(command, pass_fds=(theirs,), check=False, timeout=60)
    os.close(theirs)

    assert done.returncode == 0
    assert find(Path(spec.work)) is None
    assert not (bench.code / "began").exists()


def test_an_armed_run_does_not_begin_when_its_host_died_while_handing_it_over(
    bench: Bench, forks: ForkProvisioner
) -> None:
    bench.script("open('began', 'w')")
    spec = bench.spec()
    zygote = forks.zygotes.warm(spec)
    assert zygote.ready(PATIENCE)
    assert zygote.armed(PATIENCE)
    assert zygote._spare is not None
    (pid, line), zygote._spare = zygote._spare, None
    zygote._ask_for_spare()
    os.kill(pid, signal.SIGSTOP)
    line.sendall(json.dumps(spec.to_json()).encode() + b"\n")
    line.close()
    os.kill(pid, signal.SIGCONT)

    wait_until(lambda: not living([pid]))

    assert find(Path(spec.work)) is None
    assert not (bench.code / "began").exists()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this system has no pidfd")
def test_a_handle_has_a_descriptor_that_tells_the_end(bench: Bench, provisioner: Provisioner) -> None:
    import select

    bench.script("pass")

    handle = bench.start(provisioner, bench.spec())

    assert handle.wait_fd is not None
    assert select.select([handle.wait_fd], (), (), 20)[0] == [handle.wait_fd]
    assert handle.poll() is not None
    assert handle.wait_fd is None


def test_a_run_goes_on_when_its_host_is_killed(bench: Bench) -> None:
    bench.script("import time, sys; print('up'); time.sleep(0.6); print('end')")
    spec = bench.spec()
    records.write(str(bench.folder / "spec.json"), {**spec.to_json(), "python": {"script": "train.py", "module": None}})
    host = bench.folder / "host.py"
    host.write_text(
        "import json, os, signal, sys\n"
        "from jupyter_aml.local.runtime.spec import Python, RunSpec\n"
        "from jupyter_aml.local.runtime.provisioners.exec import PROVISIONER\n"
        "fields = json.load(open(sys.argv[1]))\n"
        "fields['python'] = Python(script='train.py')\n"
        "PROVISIONER.start(RunSpec(**fields))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, str(host), str(bench.folder / "spec.json")])
    _, status = os.waitpid(pid, 0)
    handle = find(Path(spec.work))

    assert os.WTERMSIG(status) == signal.SIGKILL
    assert handle is not None
    end = handle.wait(20)
    assert end is not None
    assert end.ok
    assert Path(spec.log).read_text() == "up\nend\n"


def test_a_supervisor_that_cannot_start_is_an_error_that_names_its_log(bench: Bench) -> None:
    bench.script("pass")
    spec = bench.spec()
    Path(spec.work, "supervisor.json").mkdir()

    with pytest.raises(OSError, match=r"supervisor"):
        ExecProvisioner().start(spec)
