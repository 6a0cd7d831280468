"""Commands run by bash, in which `python` and `pip` mean the overlay's."""

from __future__ import annotations

import signal
from pathlib import Path

from jupyter_aml.local.runtime.provisioners.exec import ExecProvisioner
from jupyter_aml.local.runtime.provisioners.fork import ForkProvisioner

from .conftest import Bench

C_LIBRARYS = 1 << 31 | 1 << 32
"""Signals 32 and 33, in the masks of /proc: glibc keeps them and lets nobody set them."""


def test_a_command_of_several_lines_runs_in_bash(bench: Bench) -> None:
    spec = bench.spec(command='set -e\nx=(1 "2 3")\nfor i in "${x[@]}"; do echo "<$i>"; done\npwd', env={"A": "b"})

    end, text = bench.run(ExecProvisioner(), spec)

    assert end.ok
    assert text == f"<1>\n<2 3>\n{bench.code}\n"


def test_every_python_of_a_command_is_the_overlays(bench: Bench) -> None:
    bench.script("import sys; print(sys.prefix)")
    spec = bench.spec(command="python train.py; python3 train.py; command -v python pip pip3")

    _, text = bench.run(ExecProvisioner(), spec)

    programs = [str(Path(spec.overlay, "bin", name)) for name in ("python", "pip", "pip3")]
    assert text.splitlines() == [spec.overlay, spec.overlay, *programs]


def test_a_command_may_use_what_the_base_environment_has(bench: Bench) -> None:
    _, text = bench.run(ExecProvisioner(), bench.spec(command="python -c 'import pandas; print(pandas.__name__)'"))

    assert text == "pandas\n"


def test_the_status_of_a_command_is_its_last_ones(bench: Bench) -> None:
    end, _ = bench.run(ExecProvisioner(), bench.spec(command="false\nexit 7"))

    assert (end.code, end.error) == (7, None)


def test_an_unknown_program_ends_with_127(bench: Bench) -> None:
    end, text = bench.run(ExecProvisioner(), bench.spec(command="no-such-program"))

    assert end.code == 127
    assert "no-such-program" in text


def test_a_failing_script_in_a_command_leaves_its_exception(bench: Bench) -> None:
    bench.script("{}['gone']")

    end, text = bench.run(ExecProvisioner(), bench.spec(command="echo first\npython train.py"))

    assert end.code == 1
    assert end.error is not None
    assert (end.error["type"], end.error["message"]) == ("KeyError", "'gone'")
    assert end.error["traceback"] in text


def test_an_exception_that_was_survived_is_not_the_runs(bench: Bench) -> None:
    bench.script("{}['gone']")

    end, _ = bench.run(ExecProvisioner(), bench.spec(command="python train.py || true"))

    assert end.ok
    assert end.error is None


def test_signals_are_at_their_defaults(bench: Bench) -> None:
    end, text = bench.run(ExecProvisioner(), bench.spec(command="grep -E 'SigIgn|SigBlk' /proc/self/status"))

    assert end.ok
    assert {int(line.split()[1], 16) & ~C_LIBRARYS for line in text.splitlines()} == {0}


def test_a_command_killed_by_a_signal_says_which(bench: Bench) -> None:
    end, _ = bench.run(ExecProvisioner(), bench.spec(command="kill -9 $$"))

    assert (end.code, end.signal) == (None, signal.SIGKILL)


def test_the_umask_is_the_given_one(bench: Bench) -> None:
    _, text = bench.run(ExecProvisioner(), bench.spec(command="umask", umask=0o077))

    assert text == "0077\n"


def test_the_fork_provisioner_runs_commands_too(bench: Bench) -> None:
    provisioner = ForkProvisioner()

    end, text = bench.run(provisioner, bench.spec(command="echo hello"))

    assert end.ok
    assert text == "hello\n"
    assert provisioner.zygotes.pids() == []


def test_a_private_record_is_readable_by_its_owner_alone(bench: Bench) -> None:
    spec = bench.spec(command="true", env={"MLFLOW_TRACKING_TOKEN": "secret"})

    bench.run(ExecProvisioner(), spec)

    for name in ("spec.json", "supervisor.json", "exit.json"):
        assert Path(spec.work, name).stat().st_mode & 0o077 == 0
