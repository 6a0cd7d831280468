"""Going into jobs: a kernel inside a running one, and inside one that failed and is held; no job notices."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from jupyter_aml.commands.actions.kernel_client import Connection
from jupyter_aml.errors import AmlError
from jupyter_aml.local.jobs import visits

from .conftest import Lab, Notebook, wait_for

ANYBODY = 0o777
AFRESH = "# pip install\n"
"""Scripts that install packages start in a fresh interpreter; others in a fork of a warm one."""
WAITS = """import pathlib, signal, time
def count():
    global step
    while not pathlib.Path({gate!r}).exists():
        time.sleep(0.005)
        step += 1
step = 0
model = {{"coef_": [1.0, 2.0]}}
print("begun", flush=True)
count()
print("done after", step > 0)
"""
FAILS = """factor = 3
def fit(rows):
    total = 7
    [factor * 1 / (row - 2) for row in rows]
fit([1, 2])
"""


class Gate:
    """A file that a script waits for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def script(self) -> str:
        return WAITS.format(gate=str(self.path))

    def open(self) -> None:
        self.path.touch()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path / "gate")
    yield made
    made.open()


def begun(lab: Lab, name: str) -> None:
    wait_for(lambda: "begun" in lab.log(name), f"{name} begins")


def held(lab: Lab, name: str) -> None:
    wait_for(lambda: "jupyter_aml.held" in (lab.client.jobs.get(name).properties or {}), f"{name} is held")


def warm(lab: Lab) -> None:
    """Have a zygote, so that the next script is forked."""
    assert lab.run("print('warm')")[1] == "Completed"


def opened(lab: Lab, name: str) -> tuple[Connection, dict[str, Any]]:
    """A kernel inside a job, as the service opens it."""
    found = lab.reader().rest.post(f"jobs/{name}/attach")
    return Connection(name, found["connectionFile"], found["pid"]), found


def said(line: Connection, code: str) -> str:
    """What code shows, run inside a job."""
    shown: list[str] = []
    line.run(code, lambda kind, what: shown.append(str(what["text/plain"] if kind == "data" else what)))
    return "".join(shown)


@pytest.mark.parametrize("head", [AFRESH, ""], ids=["fresh", "forked"])
def test_the_variables_of_a_running_job_are_live_in_the_notebook(
    head: str, lab: Lab, notebook: Notebook, gate: Gate
) -> None:
    warm(lab)
    name = lab.submit(head + gate.script())
    begun(lab, name)

    notebook.cell(f"kernel = %aml job attach {name}")

    console = shlex.split(notebook.value("kernel.console"))
    assert console[:3] == ["jupyter", "console", "--existing"]
    assert Path(console[3]).exists()
    notebook.shown()
    first = int(notebook.cell("kernel.run('print(step)')"))
    wait_for(lambda: int(notebook.cell("kernel.run('print(step)')")) > first, "the script goes on")
    assert notebook.cell("kernel('model')").strip() == "{'coef_': [1.0, 2.0]}"
    assert notebook.cell("kernel['step > 0']; print(repr(kernel['model[\"coef_\"]']))").strip() == "[1.0, 2.0]"
    assert notebook.cell(f'%aml job attach {name} --eval "model, 1 + 1"').strip() == "({'coef_': [1.0, 2.0]}, 2)"
    gate.open()
    assert lab.end(name) == "Completed"
    assert lab.log(name).splitlines()[-2:] == ["begun", "done after True"]


def test_what_a_cell_assigns_stays_in_the_kernel_and_its_functions_find_it(lab: Lab, gate: Gate) -> None:
    name = lab.submit(gate.script())
    begun(lab, name)
    line, _ = opened(lab, name)

    assert said(line, "extra = 5\ndef f():\n    return [extra + one for one in model['coef_']]\nf()") == "[6.0, 7.0]"
    said(line, "model = None")
    assert said(line, "import __main__; __main__.model") == "{'coef_': [1.0, 2.0]}"
    assert said(line, "del model\nmodel") == "{'coef_': [1.0, 2.0]}"


def test_an_error_in_a_cell_is_shown_and_the_job_goes_on(lab: Lab, notebook: Notebook, gate: Gate) -> None:
    name = lab.submit(gate.script())
    begun(lab, name)
    notebook.cell(f"kernel = %aml job attach {name}")

    shown = notebook.refused(f'%aml job attach {name} --eval "1 / 0"')

    assert "ZeroDivisionError: division by zero" in shown
    assert notebook.shell.run_cell("kernel('1 / 0')").error_in_exec.args[0].startswith("ZeroDivisionError")
    notebook.shown()
    assert notebook.cell("kernel('2 + 2')").strip() == "4"
    gate.open()
    assert lab.end(name) == "Completed"


def test_clients_come_and_go_and_the_kernel_stays_the_same(lab: Lab, gate: Gate) -> None:
    name = lab.submit(gate.script())
    begun(lab, name)
    one, first = opened(lab, name)
    two, second = opened(lab, name)

    said(one, "mine = 1")
    assert said(two, "mine") == "1"
    one.close()
    assert not one.open
    assert said(two, "mine + 1") == "2"
    two.close()
    three, third = opened(lab, name)
    assert said(three, "mine") == "1"
    assert first == second == third


def test_a_clients_shutdown_and_interrupt_do_not_reach_the_job(lab: Lab, gate: Gate) -> None:
    name = lab.submit(gate.script())
    begun(lab, name)
    _, found = opened(lab, name)
    client = BlockingKernelClient(connection_file=found["connectionFile"])
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    asked = client.execute("print('turning'); import time\nwhile True: time.sleep(0.01)")
    message: Any = {}
    while message.get("msg_type") != "stream":
        message = client.get_iopub_msg(timeout=30)

    client.control_channel.send(client.session.msg("interrupt_request", {}))
    reply: Any = {}
    while reply.get("parent_header", {}).get("msg_id") != asked:
        reply = client.get_shell_msg(timeout=30)
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    client.execute("exit")
    client.shutdown(reply=True, timeout=30)
    client.stop_channels()
    client.context.destroy(linger=0)

    assert said(opened(lab, name)[0], "step > 0") == "True"
    gate.open()
    assert lab.end(name) == "Completed"


def test_interrupting_the_cell_that_waits_interrupts_its_code_alone(lab: Lab, gate: Gate) -> None:
    name = lab.submit(gate.script())
    begun(lab, name)
    line, _ = opened(lab, name)
    shown: list[str] = []

    def interrupt() -> None:
        wait_for(lambda: shown, "the code begins")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        line.run("print('turning')\nwhile True: time.sleep(0.01)", lambda _kind, what: shown.append(str(what)))
    thread.join()

    assert said(line, "'still here'") == "'still here'"
    gate.open()
    assert lab.end(name) == "Completed"


def test_a_kernel_opens_in_a_job_that_was_submitted_this_moment(lab: Lab, notebook: Notebook, gate: Gate) -> None:
    name = lab.submit(gate.script())

    assert notebook.cell(f"%aml job attach {name} --eval \"'inside'\"").strip() == "'inside'"

    gate.open()
    assert lab.end(name) == "Completed"


def test_attach_waits_for_a_job_whose_turn_has_not_come(
    lab: Lab, notebook: Notebook, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.ai.ml.entities import AmlCompute

    monkeypatch.setattr(visits, "BEGIN_SECONDS", 0.1)
    lab.client.compute.begin_create_or_update(AmlCompute(name="one", size="STANDARD_DS1_V2", max_instances=1)).result()
    first = lab.submit(gate.script(), compute="one")
    begun(lab, first)
    second = lab.submit("import time\nprint('begun', flush=True)\ntime.sleep(30)", compute="one")
    threading.Timer(1.0, gate.open).start()

    shown = notebook.cell(f"%aml job attach {second} --eval time.__name__")

    assert f"{second} does not run yet; its kernel opens as soon as it does." in shown
    assert "'time'" in shown
    lab.client.jobs.begin_cancel(second).result()


def test_nobody_else_can_open_what_a_kernel_listens_on(lab: Lab, gate: Gate) -> None:
    name = lab.submit(gate.script())
    begun(lab, name)
    _, found = opened(lab, name)
    folder = lab.folder / "work" / name

    assert folder.stat().st_mode & ANYBODY == 0o700
    assert (folder / "kernel.sock").stat().st_mode & ANYBODY == 0o600
    assert Path(found["connectionFile"]).stat().st_mode & ANYBODY == 0o600


def test_a_job_that_has_ended_or_has_no_python_says_so(lab: Lab, notebook: Notebook, gate: Gate) -> None:
    done, _ = lab.run("print('done')")
    bad, _ = lab.run("raise ValueError('no')")
    shell = lab.submit(command=f"echo begun; while [ ! -e {gate.path} ]; do sleep 0.02; done")
    begun(lab, shell)

    assert f"'{done}' is Completed: its process, with its variables, is gone" in notebook.refused(
        f"%aml job attach {done}"
    )
    assert f"`%aml job debug {bad}`" in notebook.refused(f"%aml job attach {bad}")
    refused = notebook.refused(f"%aml job attach {shell}")
    assert "runs a shell command" in refused
    assert "`python script.py --flag value`" in refused
    assert f"The job {done} is Completed; there is no failure" in notebook.refused(f"%aml job debug {done}")
    assert f"%aml job attach {shell}" in notebook.refused(f"%aml job debug {shell}")
    assert "No job" in notebook.refused("%aml job attach nobody") or "nobody" in notebook.refused(
        "%aml job attach nobody"
    )


def test_a_client_hears_that_its_job_has_ended(lab: Lab, gate: Gate) -> None:
    name = lab.submit(gate.script())
    begun(lab, name)
    line, _ = opened(lab, name)
    gate.open()
    lab.end(name)

    with pytest.raises(AmlError, match=f"{name} has ended"):
        said(line, "step")


def test_a_trial_that_shares_a_process_can_be_gone_into(lab: Lab, gate: Gate) -> None:
    from azure.ai.ml import command
    from azure.ai.ml.sweep import Choice

    warm(lab)
    Path("code").mkdir()
    Path("code/train.py").write_text(gate.script().replace("step = 0", "import sys\nstep = 0"), encoding="utf-8")
    trial = command(
        command="python train.py ${{inputs.x}}", code="code", environment="plain:1", inputs={"x": 0},
        compute="serverless",
    )  # fmt: skip
    job = trial(x=Choice([1, 2, 3])).sweep(primary_metric="score", goal="maximize", sampling_algorithm="grid")
    job.set_limits(max_total_trials=3, max_concurrent_trials=1)
    name = str(lab.client.jobs.create_or_update(job).name)
    begun(lab, f"{name}_0")

    line, _ = opened(lab, f"{name}_0")
    assert said(line, "sys.argv[1:]") == "['1']"
    gate.open()
    lab.end(name)

    assert [lab.status(f"{name}_{number}") for number in range(3)] == ["Completed"] * 3
    assert lab.log(f"{name}_0").endswith("done after True\n")
    assert all("done after" in lab.log(f"{name}_{number}") for number in (1, 2))


def test_a_failed_job_is_run_again_and_held_where_it_fails(lab: Lab, notebook: Notebook) -> None:
    bad, status = lab.run(FAILS)
    assert status == "Failed"

    notebook.cell(f"kernel = %aml job debug {bad}")
    name = notebook.value("kernel.job")
    notebook.shown()

    assert lab.status(name) == "Running"
    assert lab.client.jobs.get(name).properties["jupyter_aml.held"].endswith(": ZeroDivisionError")
    assert "has failed and is held until" in lab.log(name)
    assert notebook.cell("kernel('row, total, factor, rows')").strip() == "(2, 7, 3, [1, 2])"
    assert notebook.cell(f'%aml job debug {name} --eval "[one * factor for one in rows]"').strip() == "[3, 6]"
    assert "is held where it failed" in str(notebook.value(f"%aml job debug {name}").message)

    notebook.cell(f"kernel.close(); again = %aml job debug {bad}")
    assert notebook.value("again.job") == name
    notebook.shown()
    shown = notebook.cell(f"outcome = %aml job debug {bad} --release\nprint(outcome.message)")

    assert f"{name} was released, and is Failed." in shown
    assert lab.error(name) == "ZeroDivisionError: division by zero"
    assert "jupyter_aml.held" not in lab.client.jobs.get(name).properties


@pytest.mark.parametrize("head", [AFRESH, ""], ids=["fresh", "forked"])
def test_a_held_job_ends_as_failed_with_its_own_error_when_its_time_is_over(head: str, lab: Lab) -> None:
    warm(lab)

    name, status = lab.run(head + FAILS, environment_variables={"JUPYTER_AML_HOLD": "0.005"})

    assert status == "Failed"
    assert lab.error(name) == "ZeroDivisionError: division by zero"
    assert "held for as long as it may be" in lab.log(name)


def test_a_held_job_that_meets_its_time_limit_ends_with_its_own_error(lab: Lab) -> None:
    from azure.ai.ml.entities import CommandJobLimits

    name, status = lab.run(FAILS, environment_variables={"JUPYTER_AML_HOLD": "60"}, limits=CommandJobLimits(timeout=2))

    assert status == "Failed"
    assert lab.error(name) == "ZeroDivisionError: division by zero"


def test_a_shell_command_that_is_to_be_held_says_that_it_cannot_be(lab: Lab) -> None:
    name, status = lab.run(command="echo 'so' && false", environment_variables={"JUPYTER_AML_HOLD": "60"})

    assert status == "Failed"
    assert "JUPYTER_AML_HOLD holds one plain Python call; this is a shell command." in lab.log(name)


def test_of_a_job_of_several_processes_the_first_is_gone_into_or_the_one_that_failed(lab: Lab, gate: Gate) -> None:
    from azure.ai.ml import PyTorchDistribution

    two = PyTorchDistribution(process_count_per_instance=2)
    name = lab.submit("import os\nrank = int(os.environ['RANK'])\n" + gate.script(), distribution=two)
    lab.until(name, "Running")
    assert said(opened(lab, name)[0], "rank") == "0"

    script = "import os, time\nrank = int(os.environ['RANK'])\nif rank == 0:\n    time.sleep(600)\n1 / 0"
    bad = lab.submit(script, distribution=two, environment_variables={"JUPYTER_AML_HOLD": "60"})
    gate.open()
    held(lab, bad)
    assert said(opened(lab, bad)[0], "rank") == "1"
    assert lab.reader().rest.post(f"jobs/{bad}/release")["released"]
    assert lab.end(bad) == "Failed"


def test_a_held_job_can_be_cancelled(lab: Lab) -> None:
    name = lab.submit(FAILS, environment_variables={"JUPYTER_AML_HOLD": "60"})
    held(lab, name)

    lab.client.jobs.begin_cancel(name).result()

    assert lab.end(name) == "Canceled"


def test_a_job_that_is_held_when_its_host_is_killed_is_still_held(lab: Lab) -> None:
    name = lab.submit(FAILS, environment_variables={"JUPYTER_AML_HOLD": "60"})
    held(lab, name)
    lab.kill_host()
    lab.leave()

    assert said(opened(lab, name)[0], "total") == "7"
    assert lab.reader().rest.post(f"jobs/{name}/release")["released"]
    assert lab.end(name) == "Failed"


def test_a_kernel_changes_nothing_of_the_process_that_it_is_in(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(PROCESS, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, script], check=False, capture_output=True, text=True, timeout=120, cwd=tmp_path
    )

    assert done.stdout.splitlines() == ["same", "the log"], done.stdout + done.stderr
    assert not done.stderr


PROCESS = """
import builtins, json, logging, os, signal, socket, sys, warnings
from jupyter_aml.agent import attach
from jupyter_aml.commands.actions.kernel_client import Connection

logging.basicConfig(filename="own.log", filemode="w")
door = attach.open_door(os.getcwd())

def facts():
    return {
        "path": list(sys.path), "main": sys.modules["__main__"], "hooks": (sys.excepthook, sys.displayhook),
        "environment": dict(os.environ), "builtins": sorted(vars(builtins)), "log": list(logging.root.handlers),
        "signals": [signal.getsignal(one) for one in signal.valid_signals()], "folder": os.getcwd(),
        "input": builtins.input, "names": sorted(globals()),
    }

before = {}
before = facts()
with socket.socket(socket.AF_UNIX) as line:
    line.connect("kernel.sock")
    line.sendall(b'{"op": "open"}\\n')
    found = json.loads(line.makefile().readline())
connection = Connection("job", found["connection_file"], found["pid"])
connection.run("print('shown')\\ninvented = 1\\n1 + 1", lambda kind, what: None)
for name in ("line", "found", "connection", "name"):
    globals().pop(name, None)
after = {name: value for name, value in facts().items()}
after["names"] = [name for name in after["names"] if name != "after"]
changed = [name for name in before if before[name] != after[name]]
print(f"changed: {changed}" if changed else "same")
logging.warning("written")
print("the log" if "written" in open("own.log").read() else "the log is lost")
"""
