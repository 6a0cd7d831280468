"""The warm path: fast, private to each run, and left aside whenever it would show."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_aml.agent import processes
from jupyter_aml.local.runtime.handles import Handle
from jupyter_aml.local.runtime.provisioners import fork
from jupyter_aml.local.runtime.provisioners.exec import ExecProvisioner
from jupyter_aml.local.runtime.provisioners.fork import ForkProvisioner, stands_out
from jupyter_aml.local.runtime.spec import RunSpec
from jupyter_aml.local.runtime.zygotes import Zygote, Zygotes, import_environment, key_of

from .conftest import PATIENCE, Bench, StrictFork, wait_until

IMPORTS = "import pandas, sklearn, mlflow\nimport time\nprint(repr(time.time()))\n"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkProvisioner]:
    """A provisioner whose zygotes import next to nothing."""
    monkeypatch.setattr("jupyter_aml.local.runtime.zygotes.PRELOADED", ("json", "colorsys", "no_such_module"))
    provisioner = ForkProvisioner()
    yield provisioner
    provisioner.close()


def warmed(provisioner: ForkProvisioner, spec: RunSpec) -> Zygote:
    zygote = provisioner.zygotes.warm(spec.completed())
    assert zygote.ready(PATIENCE)
    assert zygote.armed(PATIENCE)
    return zygote


def test_a_script_that_imports_heavy_packages_starts_in_milliseconds(bench: Bench, forks: StrictFork) -> None:
    bench.script(IMPORTS)
    took = []
    for _ in range(5):
        spec = bench.spec()
        zygote = warmed(forks, spec)
        assert zygote.failed == {}
        time.sleep(0.3)
        began = time.time()
        _, text = bench.run(forks, spec)
        took.append(float(text) - began)

    assert min(took) < 0.1


def test_tracking_uses_the_runs_own_variables(bench: Bench, forks: StrictFork) -> None:
    bench.script("import mlflow; print(mlflow.get_tracking_uri())")
    address = "http://127.0.0.1:9/mlflow"

    _, text = bench.run(forks, bench.spec(env={"MLFLOW_TRACKING_URI": address}))

    assert text == f"{address}\n"


def test_runs_do_not_see_each_others_changes(bench: Bench, forks: StrictFork) -> None:
    bench.script("import pandas; print(getattr(pandas, 'mine', None)); pandas.mine = 1")

    bench.run(forks, bench.spec())
    _, text = bench.run(forks, bench.spec())

    assert text == "None\n"


def test_a_run_has_no_file_of_the_zygote_open(bench: Bench, forks: StrictFork) -> None:
    bench.script("import os; print({fd: os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')})")

    _, text = bench.run(forks, bench.spec())

    assert "socket:" not in text
    assert "pipe:" not in text


def test_the_first_run_does_not_wait_for_a_zygote(bench: Bench, few: ForkProvisioner) -> None:
    bench.script("print(1)")

    end, text = bench.run(few, bench.spec())

    assert end.ok
    assert text == "1\n"
    assert len(few.zygotes.pids()) == 1


def test_a_module_that_cannot_be_imported_ahead_is_named_and_harmless(bench: Bench, few: ForkProvisioner) -> None:
    zygote = warmed(few, bench.spec())

    assert list(zygote.failed) == ["no_such_module"]
    assert "colorsys" in zygote.modules


def test_the_zygote_and_its_spare_end_with_the_host(bench: Bench, few: ForkProvisioner) -> None:
    bench.script("import time; time.sleep(60)")
    spec = bench.spec()
    zygote = warmed(few, spec)
    running = bench.start(few, spec)
    assert zygote.armed(PATIENCE)
    family = processes.descendants(zygote.process.pid)
    mine = {running.supervisor_pid, running.child_pid}
    assert mine < family

    few.close()

    wait_until(lambda: not any(processes.alive(pid, 0) for pid in family - mine))
    assert all(processes.alive(pid, 0) for pid in mine)
    running.cancel()
    assert running.wait(10) is not None


def test_a_run_lives_on_when_its_zygote_is_killed(bench: Bench, few: ForkProvisioner) -> None:
    bench.script("import time; print('up'); time.sleep(0.4); print('end')")
    spec = bench.spec()
    zygote = warmed(few, spec)
    handle = bench.start(few, spec)

    zygote.process.kill()
    end = handle.wait(20)

    assert end is not None
    assert end.ok
    assert Path(spec.log).read_text() == "up\nend\n"


def test_after_the_zygote_was_killed_runs_start_all_the_same(bench: Bench, few: ForkProvisioner) -> None:
    bench.script("print('ok')")
    spec = bench.spec()
    zygote = warmed(few, spec)
    zygote.process.kill()
    zygote.process.wait()

    ends = [bench.run(few, bench.spec()) for _ in range(3)]

    assert [(end.ok, text) for end, text in ends] == [(True, "ok\n")] * 3
    assert zygote.process.pid not in few.zygotes.pids()


def test_a_spare_that_was_killed_is_replaced_by_a_fresh_interpreter(bench: Bench, few: ForkProvisioner) -> None:
    bench.script("print('ok')")
    spec = bench.spec()
    zygote = warmed(few, spec)
    for pid in processes.descendants(zygote.process.pid):
        os.kill(pid, signal.SIGKILL)

    end, text = bench.run(few, spec)

    assert end.ok
    assert text == "ok\n"


def test_an_environment_that_cannot_compute_after_a_fork_is_never_forked(
    bench: Bench, few: ForkProvisioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.script("print('ok')")
    warmed(few, bench.spec()).safe = False
    used: list[str] = []
    launch = ExecProvisioner.launch

    def noted(self: ExecProvisioner, spec: RunSpec) -> Handle:
        used.append(spec.run)
        return launch(self, spec)

    monkeypatch.setattr(fork.ExecProvisioner, "launch", noted)
    spec = bench.spec()

    end, _ = bench.run(few, spec)

    assert end.ok
    assert used == [spec.run]


def test_another_thread_setting_needs_another_zygote(bench: Bench) -> None:
    spec = bench.spec()

    assert key_of(spec) == key_of(replace(spec, env={**spec.env, "AZUREML_RUN_ID": "x", "PYTHONPATH": "y"}))
    assert key_of(spec) != key_of(replace(spec, env={**spec.env, "OMP_NUM_THREADS": "1"}))
    assert key_of(spec) != key_of(replace(spec, env={**spec.env, "PYTHONHASHSEED": "0"}))


def test_the_import_time_environment_keeps_secrets_out() -> None:
    env = {"MLFLOW_TRACKING_TOKEN": "s", "LD_LIBRARY_PATH": "/x", "PYTHONUNBUFFERED": "1"}

    assert import_environment(env) == {"LD_LIBRARY_PATH": "/x"}


def test_the_zygote_unused_for_longest_makes_room(bench: Bench, few: ForkProvisioner) -> None:
    few.zygotes.limit = 2
    for seed in "123":
        few.zygotes.warm(bench.spec(env={"PYTHONHASHSEED": seed}).completed())
    seeds = [dict(key[2])["PYTHONHASHSEED"] for key in few.zygotes._zygotes]

    assert seeds == ["2", "3"]


def test_new_packages_retire_the_zygote_that_does_not_know_them(bench: Bench, tmp_path: Path) -> None:
    zygotes = Zygotes()
    packages = tmp_path / "packages"
    packages.mkdir()
    spec = replace(bench.spec(), site_packages=(str(packages),))
    first = zygotes.warm(spec)
    os.utime(packages, ns=(1, 1))

    second = zygotes.warm(spec)

    assert second is not first
    assert not first.alive()
    assert zygotes.pids() == [second.process.pid]
    zygotes.close()


def test_a_module_of_the_users_that_bears_a_loaded_name_is_not_forked(bench: Bench) -> None:
    bench.script("pass")
    spec = bench.spec()
    assert not stands_out(spec, frozenset({"pandas"}))

    (bench.code / "data").mkdir()
    assert not stands_out(spec, frozenset({"data"}))

    bench.script("", "pandas.py")
    assert stands_out(spec, frozenset({"pandas"}))


def test_a_script_that_installs_packages_is_not_forked(bench: Bench) -> None:
    bench.script("import os; os.system('pip install tiny')")

    assert stands_out(bench.spec(), frozenset())


def test_output_of_workers_that_outlive_the_last_line_is_complete(bench: Bench, forks: StrictFork) -> None:
    bench.script("import subprocess\nsubprocess.Popen(['sh', '-c', 'sleep 0.05; echo late'])")

    end, text = bench.run(forks, bench.spec())

    assert end.ok
    assert text == "late\n"


def test_locale_and_time_zone_are_the_runs(bench: Bench, forks: StrictFork) -> None:
    bench.script("import time; print(time.strftime('%Z', time.localtime(0)))")

    _, text = bench.run(forks, bench.spec(env={"TZ": "XYZ-3"}))

    assert text == "XYZ\n"


def test_in_process_installation_paths_are_the_overlays(bench: Bench, forks: StrictFork) -> None:
    bench.script("import sysconfig, site; print(sysconfig.get_path('purelib')); print(site.getsitepackages()[0])")
    spec = bench.spec()

    _, text = bench.run(forks, spec)

    assert all(line.startswith(spec.overlay) for line in text.splitlines())
