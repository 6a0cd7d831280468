"""Trials that share a process: each finds it as if it were the first, and whatever it does, it fails alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_aml.agent import processes, records
from jupyter_aml.local.runtime.handles import Exit, Handle, find
from jupyter_aml.local.runtime.provisioners.fork import ForkProvisioner
from jupyter_aml.local.runtime.spec import RunSpec

from .conftest import PATIENCE, Bench, StrictFork, log, wait_until


class Sharing(ForkProvisioner):
    """Shares or fails: a silent fall back to a process of its own would test the wrong thing."""

    def launch(self, spec: RunSpec) -> Handle:
        zygote = self.zygotes.warm(spec)
        assert zygote.ready(PATIENCE)
        handle = self.crews.start(spec, zygote)
        assert handle is not None
        return handle


@pytest.fixture
def shared(forks: StrictFork) -> Iterator[Sharing]:
    made = Sharing()
    made.zygotes = forks.zygotes
    yield made
    made.crews.close()


class Trials:
    """Scripts run one after another by processes that they share."""

    def __init__(self, bench: Bench, provisioner: Sharing) -> None:
        self.bench = bench
        self.provisioner = provisioner
        self.pids: list[int] = []

    def start(self, text: str, **fields: object) -> tuple[RunSpec, Handle]:
        """Start a script in a code folder of its own, as each trial has one."""
        spec = self.bench.spec(shares="sweep", **fields)
        code = Path(spec.work, "code")
        code.mkdir()
        self.bench.code, kept = code, self.bench.code
        self.bench.script(text)
        self.bench.code = kept
        spec = RunSpec(**{**vars(spec), "cwd": str(code)})
        handle = self.bench.start(self.provisioner, spec)
        self.pids.append(handle.child_pid)
        return spec, handle

    def run(self, text: str, **fields: object) -> tuple[Exit, str]:
        spec, handle = self.start(text, **fields)
        end = handle.wait(PATIENCE)
        assert end is not None
        assert records.read(str(Path(spec.work, "exit.json"))) is not None
        return end, log(spec)

    @property
    def same(self) -> bool:
        """Whether the latest two ran in one process."""
        return self.pids[-1] == self.pids[-2]


@pytest.fixture
def trials(bench: Bench, shared: Sharing) -> Trials:
    return Trials(bench, shared)


def test_one_process_runs_one_trial_after_another(trials: Trials) -> None:
    first = trials.run("import sys; print('one', sys.argv[1:], __name__)")
    second = trials.run("import sys; print('two', sys.argv[1:], __name__)")

    assert first == (first[0], "one [] __main__\n")
    assert second == (second[0], "two [] __main__\n")
    assert first[0].ok
    assert second[0].ok
    assert trials.same


CHANGES = """
import builtins, gc, json, locale, logging, random, sys, threading, warnings
import numpy, pandas, matplotlib, matplotlib.pyplot as plt, sklearn, mlflow, tqdm
secret = 1
mlflow.sklearn.autolog(log_models=False)
list(tqdm.tqdm(range(2)))
logging.basicConfig(filename="mine.log", level=logging.DEBUG)
logging.getLogger("numpy.mine").addHandler(logging.FileHandler("other.log"))
logging.getLogger("own").addHandler(logging.StreamHandler())
logging.disable(logging.CRITICAL)
warnings.simplefilter("error")
numpy.seterr(all="raise"); numpy.set_printoptions(precision=1)
pandas.set_option("display.max_rows", 3)
sklearn.set_config(assume_finite=True)
matplotlib.rcParams["figure.dpi"] = 7
plt.figure()
sys.path.insert(0, "/nowhere"); sys.setrecursionlimit(4321)
sys.excepthook = print
builtins.mine = 1; builtins.len = builtins.len
gc.disable()
random.seed(1); numpy.random.seed(1)
mlflow.set_tracking_uri("file:/nowhere")
class Out:
    def write(self, text): pass
    def flush(self): pass
sys.stdout = Out()
json.JSONEncoder.item_separator
"""
FINDS = """
import builtins, gc, logging, random, sys, warnings
import numpy, pandas, matplotlib, matplotlib.pyplot as plt, sklearn, mlflow
from sklearn.linear_model import LogisticRegression
found = {
    "globals": "secret" in globals(),
    "root handlers": logging.root.handlers,
    "root level": logging.root.level,
    "other handlers": logging.getLogger("numpy.mine").handlers + logging.getLogger("own").handlers,
    "disabled": logging.root.manager.disable,
    "warnings": warnings.filters[0][0] == "error",
    "errors": numpy.geterr()["divide"], "printing": numpy.get_printoptions()["precision"],
    "rows": pandas.get_option("display.max_rows"),
    "sklearn": sklearn.get_config()["assume_finite"],
    "dpi": matplotlib.rcParams["figure.dpi"], "figures": plt.get_fignums(),
    "path": "/nowhere" in sys.path, "recursion": sys.getrecursionlimit(),
    "hook": sys.excepthook is print, "builtins": hasattr(builtins, "mine"), "gc": gc.isenabled(),
    "uri": "nowhere" in mlflow.get_tracking_uri(),
    "autolog": mlflow.utils.autologging_utils.autologging_is_disabled("sklearn"),
    "patched": LogisticRegression.fit.__module__,
}
print(found)
"""


def test_what_a_trial_has_set_is_put_back_for_the_next(trials: Trials) -> None:
    _, before = trials.run(FINDS)
    end, _ = trials.run(CHANGES)
    assert end.ok
    _, after = trials.run(FINDS)

    assert after == before
    assert trials.same


def test_random_numbers_are_not_those_of_the_trial_before(trials: Trials) -> None:
    text = "import random, numpy; print(random.random(), numpy.random.rand())"
    numbers = {trials.run(text)[1] for _ in range(3)}

    assert len(numbers) == 3
    assert trials.same


def test_modules_of_the_trials_own_are_loaded_anew(trials: Trials, bench: Bench) -> None:
    text = """
    import pathlib, sys
    pathlib.Path("helper.py").write_text("seen = []")
    pathlib.Path("inner").mkdir()
    pathlib.Path("inner/part.py").write_text("import helper")
    import helper, inner.part
    print(helper.seen, helper.__file__ == str(pathlib.Path.cwd() / "helper.py"), len(sys.argv))
    helper.seen.append(1)
    """
    outs = [trials.run(text)[1] for _ in range(2)]

    assert outs == ["[] True 1\n"] * 2
    assert trials.same


def test_what_is_to_be_done_at_exit_is_done_when_the_trial_ends(trials: Trials) -> None:
    text = """
    import atexit, sys
    file = open("left-open.txt", "w")
    file.write("all of it")
    atexit.register(print, "first"); atexit.register(print, "second")
    """
    _, out = trials.run(text)
    _, again = trials.run("import os; print(os.path.exists('left-open.txt'))")

    assert out == "second\nfirst\n"
    assert again == "False\n"
    assert trials.same
    (left,) = trials.bench.folder.rglob("left-open.txt")
    assert left.read_text() == "all of it"


@pytest.mark.parametrize(
    "text",
    [
        "import os; os.chdir('/')",
        "import os; os.environ['MINE'] = '1'",
        "import signal; signal.signal(signal.SIGUSR1, print)",
        "import os; os.umask(0o011)",
        "import signal; signal.alarm(1000)",
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))",
        "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "import threading, time; threading.Thread(target=time.sleep, args=(0.1,)).start()",
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(0.05)'])",
        "import os; os.fork()",
        "import sys; sys.stdout.close()",
    ],
)
def test_a_trial_whose_traces_only_a_new_process_removes_takes_its_process_with_it(trials: Trials, text: str) -> None:
    end, _ = trials.run(text)
    _, out = trials.run(FINDS.replace("print(found)", "print('fine')"))

    assert (end.code, end.reason) == (0, "exited")
    assert out == "fine\n"
    assert not trials.same
    wait_until(lambda: not processes.alive(trials.pids[0], 0))


@pytest.mark.parametrize(
    ("text", "code", "number"),
    [
        ("import sys; sys.exit(3)", 3, None),
        ("import os; os._exit(4)", 4, None),
        ("import os; os._exit(0)", 0, None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", None, signal.SIGKILL),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", None, signal.SIGSEGV),
        ("import sys; sys.exit()", 0, None),
    ],
)
def test_ends_of_all_kinds_are_told_and_leave_the_next_trial_alone(
    trials: Trials, text: str, code: int | None, number: int | None
) -> None:
    end, _ = trials.run(text)
    after, out = trials.run("print('next')")

    assert (end.code, end.signal, end.reason) == (code, number, "exited")
    assert (after.code, out) == (0, "next\n")


def test_a_trial_that_fails_has_its_own_traceback_with_the_right_line(trials: Trials) -> None:
    trials.run("print('well')")
    end, out = trials.run("x = 1\n\nraise KeyError('mine')")

    assert end.code == 1
    assert end.error is not None
    assert (end.error["type"], end.error["message"]) == ("KeyError", "'mine'")
    assert "line 4, in <module>" in end.error["traceback"] or "line 3, in <module>" in end.error["traceback"]
    assert end.error["traceback"] in out
    assert "worker.py" not in out


def test_the_end_of_one_that_is_cancelled_is_that_of_its_processes_alone(trials: Trials) -> None:
    sleeps = (
        "import subprocess, sys, time; subprocess.Popen(['sleep', '600']); print('on', flush=True); time.sleep(600)"
    )
    trials.run("print('well')")
    spec, cancelled = trials.start(sleeps)
    other_spec, other = trials.start("import time\nwhile True: time.sleep(0.01)")
    wait_until(lambda: "on" in log(spec))

    cancelled.cancel()
    end = cancelled.wait(5)

    assert end is not None
    assert end.reason == "cancelled"
    assert other.poll() is None, other_spec
    assert not processes.alive(cancelled.child_pid, 0)
    other.cancel()
    assert other.wait(5) is not None


def test_a_cancel_that_comes_too_late_does_not_hit_the_next_trial(trials: Trials) -> None:
    _, first = trials.start("print('well')")
    assert first.wait(PATIENCE) is not None
    _, second = trials.start("import time; time.sleep(0.3)")

    first.cancel()

    end = second.wait(PATIENCE)
    assert end is not None
    assert end.ok
    assert trials.same


def test_a_trial_that_takes_too_long_is_ended(trials: Trials) -> None:
    end, _ = trials.run("import time; time.sleep(600)", timeout=0.2, grace=0.2)
    after, _ = trials.run("print('next')")

    assert end.reason == "timeout"
    assert after.ok


def test_a_worker_whose_supervisor_is_killed_leaves_nothing(trials: Trials) -> None:
    spec, handle = trials.start("import time; print('on', flush=True); time.sleep(600)")
    wait_until(lambda: "on" in log(spec))

    os.kill(handle.supervisor_pid, signal.SIGKILL)

    end = handle.wait(PATIENCE)
    assert end is not None
    assert end.reason == "lost"
    wait_until(lambda: not processes.alive(handle.child_pid, 0))


def test_a_later_host_finds_how_a_trial_ended_though_its_process_lives_on(trials: Trials) -> None:
    spec, handle = trials.start("print('well')")
    assert handle.wait(PATIENCE) is not None
    assert processes.alive(handle.supervisor_pid, 0)

    found = find(Path(spec.work))

    assert found is not None
    end = found.poll()
    assert end is not None
    assert end.ok


def test_idle_workers_leave_when_their_sweep_has_ended(trials: Trials, shared: Sharing) -> None:
    _, idle = trials.start("print('well')")
    assert idle.wait(PATIENCE) is not None
    _, busy = trials.start("import time; time.sleep(0.3)")
    _, beside = trials.start("print('well')")
    assert beside.wait(PATIENCE) is not None

    shared.dismiss("sweep")

    wait_until(lambda: not processes.alive(beside.supervisor_pid, 0))
    end = busy.wait(PATIENCE)
    assert end is not None
    assert end.ok
    wait_until(lambda: not processes.alive(busy.supervisor_pid, 0))
