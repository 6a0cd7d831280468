"""Sweeps through the unmodified SDK whose trials share processes: apart in what they see, alone in how they fail."""

from __future__ import annotations

import os
import signal
import tempfile
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml.sweep import Choice

from jupyter_aml.agent import processes, records

from .conftest import Lab, wait_for

SHARED, PROCESS = "shared", "process"


class Sweeps:
    """Sweeps of a script over whole numbers, in a lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def submit(self, script: str, count: int, *, at_once: int = 1, isolation: str = "", **limits: Any) -> str:
        """Submit a grid of `count` trials, which get their number; the sweep's name."""
        from azure.ai.ml import command

        code = Path(tempfile.mkdtemp(prefix="code ü", dir=Path.cwd()))
        (code / "train.py").write_text(textwrap.dedent(script), encoding="utf-8")
        trial = command(
            command="python train.py ${{inputs.x}}",
            code=str(code),
            environment="plain:1",
            inputs={"x": 0},
            compute="serverless",
        )
        job = trial(x=Choice(list(range(count)))).sweep(
            primary_metric="score", goal="maximize", sampling_algorithm="grid"
        )
        job.set_limits(max_total_trials=count, max_concurrent_trials=at_once, **limits)
        job.experiment_name = "shared"
        if isolation:
            job.properties = {"jupyter_aml.isolation": isolation}
        return str(self.lab.client.jobs.create_or_update(job).name)

    def run(self, script: str, count: int, **more: Any) -> tuple[str, list[str]]:
        """Run a sweep to its end; its name and the logs of its trials."""
        name = self.submit(script, count, **more)
        self.lab.end(name)
        return name, [self.lab.log(f"{name}_{number}") for number in range(count)]

    def statuses(self, name: str, count: int) -> list[str]:
        return [self.lab.status(f"{name}_{number}") for number in range(count)]


@pytest.fixture(scope="module")
def warmed() -> set[str]:
    """Names of the stores whose host has a warm interpreter for sweeps."""
    return set()


@pytest.fixture
def sweeps(lab: Lab, warmed: set[str]) -> Sweeps:
    """Sweeps whose trials can share: the first ones of a host find no interpreter warm and start their own."""
    made = Sweeps(lab)
    if str(lab.home) not in warmed:
        wait_for(lambda: len(set(made.run("import os; print(os.getpid())", 2)[1])) == 1, "a shared process")
        warmed.add(str(lab.home))
    return made


APART = """
import logging, os, sys
import matplotlib.pyplot as plt
import mlflow
assert "secret" not in globals() and "helper" not in sys.modules
assert "MINE" not in os.environ and os.path.basename(os.getcwd()) == "code"
assert not plt.get_fignums() and not logging.root.handlers and mlflow.active_run() is None
assert os.environ["MLFLOW_RUN_ID"] == os.environ["AZUREML_RUN_ID"] and sys.argv == ["train.py", sys.argv[1]]
open("helper.py", "w").write("seen = []")
import helper
assert helper.seen == [] and helper.__file__.startswith(os.getcwd())
helper.seen.append(1)
secret = 1
logging.basicConfig(level=logging.INFO, stream=sys.stdout, force=True)
logging.getLogger("train").info("a line of trial %s", sys.argv[1])
plt.figure()
mlflow.log_metric("score", float(sys.argv[1]))
mlflow.log_param("pid", os.getpid())
print("process", os.getpid())
"""


def test_trials_in_one_process_do_not_see_each_other(sweeps: Sweeps) -> None:
    name, logs = sweeps.run(APART, 4)

    assert sweeps.statuses(name, 4) == ["Completed"] * 4, logs
    assert len({log.splitlines()[-1] for log in logs}) == 1
    assert [log.splitlines()[0] for log in logs] == [f"INFO:train:a line of trial {number}" for number in range(4)]
    client = sweeps.lab.client
    assert client.jobs.get(name).properties["best_child_run_id"] == f"{name}_3"
    metrics = [sweeps.lab.reader().snapshot(f"{name}_{number}")["metrics"] for number in range(4)]
    assert metrics == [{"score": float(number)} for number in range(4)]


def test_with_isolation_each_trial_has_a_process_of_its_own(sweeps: Sweeps) -> None:
    name, logs = sweeps.run("import os; print(os.getpid())", 3, isolation=PROCESS)

    assert sweeps.statuses(name, 3) == ["Completed"] * 3
    assert len(set(logs)) == 3


def test_a_word_that_is_no_isolation_is_refused(sweeps: Sweeps) -> None:
    with pytest.raises(Exception, match="expected shared or process") as caught:
        sweeps.submit("", 2, isolation="container")

    assert caught.value.status_code == 400  # type: ignore[attr-defined]


def test_isolation_stays_when_a_sweep_is_written_down(sweeps: Sweeps) -> None:
    from azure.ai.ml import load_job

    from jupyter_aml.client.connect import connection
    from jupyter_aml.commands.actions import jobs
    from jupyter_aml.commands.scripts import forms

    name, _ = sweeps.run("import mlflow; mlflow.log_metric('score', 1)", 1, isolation=PROCESS)
    said = jobs.as_dict(sweeps.lab.client.jobs.get(name))

    text = forms.written(said, "yaml", connection(sweeps.lab.client))

    assert yaml.safe_load(text)["properties"] == {"jupyter_aml.isolation": "process"}
    path = Path("again.yml")
    path.write_text(text, encoding="utf-8")
    again = sweeps.lab.client.jobs.create_or_update(load_job(path))
    assert again.properties["jupyter_aml.isolation"] == "process"
    assert sweeps.lab.end(again.name) == "Completed"
    sdk = forms.written(said, "sdk", connection(sweeps.lab.client))
    assert "job.properties = {'jupyter_aml.isolation': 'process'}" in sdk


def test_a_trial_that_fails_fails_alone_with_its_own_traceback(sweeps: Sweeps) -> None:
    script = """
    import sys
    import mlflow
    mlflow.log_metric("score", 1)
    if sys.argv[1] == "1":
        raise ValueError("the middle one")
    """
    name, logs = sweeps.run(script, 3)

    assert sweeps.statuses(name, 3) == ["Completed", "Failed", "Completed"]
    assert sweeps.lab.error(f"{name}_1") == "ValueError: the middle one"
    assert 'train.py", line 6, in <module>' in logs[1]
    assert "Traceback" not in logs[0] + logs[2]


def test_what_a_trial_leaves_running_is_ended_and_the_next_goes_on(sweeps: Sweeps) -> None:
    script = """
    import subprocess, sys, threading, time
    if sys.argv[1] == "0":
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        print(subprocess.Popen(["sleep", "600"], start_new_session=True).pid)
    """
    name, logs = sweeps.run(script, 2)

    assert sweeps.statuses(name, 2) == ["Completed"] * 2
    assert not processes.alive(int(logs[0]), 0)


def test_a_trial_whose_process_is_killed_fails_with_the_reason_and_the_others_go_on(sweeps: Sweeps) -> None:
    script = """
    import os, sys, time
    print(os.getpid(), flush=True)
    time.sleep(600 if sys.argv[1] == "1" else 0)
    """
    name = sweeps.submit(script, 4, at_once=2)
    log = wait_for(lambda: sweeps.lab.log(f"{name}_1"), "the line of the second trial")

    os.kill(int(log), signal.SIGKILL)

    sweeps.lab.end(name)
    assert sweeps.statuses(name, 4) == ["Completed", "Failed", "Completed", "Completed"]
    assert "SIGKILL" in sweeps.lab.error(f"{name}_1")


def test_a_sweep_that_is_cancelled_leaves_no_process(sweeps: Sweeps) -> None:
    script = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(600 if sys.argv[1] > '1' else 0)"
    name = sweeps.submit(script, 8, at_once=2)
    pids = [int(wait_for(lambda n=n: sweeps.lab.log(f"{name}_{n}"), "a line")) for n in (2, 3)]  # type: ignore[misc]

    sweeps.lab.client.jobs.begin_cancel(name).result()

    assert sweeps.lab.end(name) == "Canceled"
    assert sweeps.statuses(name, 4) == ["Completed", "Completed", "Canceled", "Canceled"]
    wait_for(lambda: not any(processes.alive(pid, 0) for pid in pids), "the end of the processes", 5)


def test_no_trial_that_has_ended_is_repeated_when_the_host_is_killed(sweeps: Sweeps, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    script = f"""
    import sys, time
    import mlflow
    time.sleep(0.1)
    mlflow.log_metric("score", float(sys.argv[1]))
    open({str(ran)!r}, "a").write(sys.argv[1] + "\\n")
    """
    name = sweeps.submit(script, 16, at_once=2)
    lab = sweeps.lab
    wait_for(lambda: ran.exists() and len(ran.read_text().split()) >= 5, "the first trials")
    supervisor = records.read(str(next(lab.folder.glob(f"work/{name}_*/supervisor.json"))))

    lab.kill_host()

    assert lab.end(name) == "Completed", lab.error(name)
    assert sweeps.statuses(name, 16) == ["Completed"] * 16
    assert Counter(ran.read_text().split()) == Counter(str(number) for number in range(16))
    assert supervisor is not None
    wait_for(lambda: not processes.alive(supervisor["pid"], supervisor["start_ticks"]), "the worker's end", 5)
