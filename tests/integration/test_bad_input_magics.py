"""What a person may type wrongly into a notebook that runs real jobs: each time a few clear lines, and no more."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.commands.actions import job_verbs
from jupyter_aml.errors import JobFailedError

from .conftest import FINAL, Lab, Notebook, wait_for


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("%aml jobb list", "job"),
        ("%aml job lst", "%aml job list"),
        ("%aml job list --max-result 3", "--max-results"),
        ("%%aml comand train\nprint(1)", "command"),
        ("%%aml command train --inptu lr=1\nprint(1)", "--input"),
        ("%aml data show patinets@latest", "patients"),
        ("%aml model show clasifier@latest", "classifier"),
        ("%aml compute show lcal", "local"),
        ("%aml datastore show workspaceblobstor", "workspaceblobstore"),
        ("%%aml command train --compute lcal --input lr=1\nprint(lr)", "local"),
        ("%%aml command train --environment plian:1\nprint(1)", "plain"),
    ],
)
def test_a_word_that_is_not_known_is_refused_with_the_nearest(notebook: Notebook, line: str, offered: str) -> None:
    Path("patients.csv").write_text("a\n1\n", encoding="utf-8")
    Path("m.bin").write_bytes(b"m")
    if "patinets" in line:
        notebook.cell("%aml data create patients patients.csv;")
    if "clasifier" in line:
        notebook.cell("%aml model create classifier m.bin;")

    shown = notebook.refused(line)

    assert offered in shown, shown


def test_a_placeholder_that_names_nothing_is_refused_with_its_line(notebook: Notebook) -> None:
    cell = "%%aml job create\ncommand: echo ${{inputs.rat}}\nenvironment: azureml:plain:1\ninputs:\n  rate: 0.1\n"

    shown = notebook.refused(cell)

    assert "Line 2 of the cell: The command names ${{inputs.rat}}, and the job has no input 'rat'." in shown


def test_a_placeholder_in_a_cells_script_is_refused_with_the_variable_it_means(notebook: Notebook) -> None:
    for text in ("print(${{inputs.lrr}})", "print('${{inputs.lrr}}')"):
        shown = notebook.refused(f"%%aml command train --environment plain:1 --input lr=1\n{text}\n")

        assert "Line 2 of the cell has ${{inputs.lrr}}." in shown
        assert "Did you mean `lr`?" in shown


@pytest.mark.parametrize("named", ["", "--name sent-and-stopped"])
def test_an_interrupt_while_a_job_is_sent_says_how_to_see_whether_it_was(
    notebook: Notebook, lab: Lab, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    from azure.ai.ml.operations import JobOperations

    sent: list[str] = []
    send = JobOperations.create_or_update

    def stopped(self: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(send(self, *arguments, **options).name)
        raise KeyboardInterrupt

    monkeypatch.setattr(JobOperations, "create_or_update", stopped)
    result = notebook.shell.run_cell(f"%%aml command train --environment plain:1 {named}\nprint(1)\n")
    shown = notebook.shown()

    look = "job show sent-and-stopped" if named else "job list --max-results 1"
    assert isinstance(result.error_in_exec, KeyboardInterrupt)
    assert f"it may have been submitted all the same. %aml {look} tells, %aml job cancel" in shown
    assert sent[0] in notebook.cell(f"%aml {look}")
    assert lab.end(sent[0]) == "Completed"


def test_a_file_that_is_not_there_is_named(notebook: Notebook) -> None:
    for line in (
        "%aml data create x nowhere.csv",
        "%aml job create --file nowhere.yml",
        "%%aml command train --input d=./nowhere.csv\nprint(d)",
        "%%aml command train --code nowhere\nprint(1)",
    ):
        shown = notebook.refused(line)
        assert "nowhere" in shown, line


def test_an_empty_folder_is_named(notebook: Notebook) -> None:
    Path("empty").mkdir()

    for line in ("%aml data create x empty", "%%aml command train --code empty\nprint(1)"):
        assert "empty" in notebook.refused(line)


def test_a_csv_of_0_bytes_becomes_data_and_the_cell_that_reads_it_fails_in_its_own_words(notebook: Notebook) -> None:
    Path("zero.csv").touch()
    notebook.cell("%aml data create zero zero.csv;")

    result = notebook.shell.run_cell(
        "%%aml command train --input d=zero@latest --environment plain:1 --wait\nimport pandas as pd\npd.read_csv(d)\n"
    )
    shown = notebook.shown()

    assert isinstance(result.error_in_exec, JobFailedError)
    first = next(line for line in shown.splitlines() if line.startswith(("Traceback", "The job")))
    assert first == "Traceback (most recent call last):"
    assert "EmptyDataError: No columns to parse from file" in shown
    assert "failed" in shown


def test_names_with_spaces_and_letters_beyond_ascii_go_all_the_way(notebook: Notebook, lab: Lab) -> None:
    folder = Path("größe & co")
    folder.mkdir()
    (folder / "tägliche werte.csv").write_text("a\n1\n", encoding="utf-8")
    (folder / "hilfe ü.py").write_text("x = 1\n", encoding="utf-8")

    notebook.cell("%aml data create werte 'größe & co/tägliche werte.csv' --description 'Zoë''s  日本';")
    notebook.cell(
        "%%aml command train --input d=werte@latest --input text='日本 ü' --code 'größe & co' --display-name 'Zoës jöb'"
        " --environment plain:1 --var job --wait\n"
        "import os\nprint(os.path.basename(d), text, 'hilfe ü.py' in os.listdir('.'))\n"
    )

    assert lab.log(notebook.shell.user_ns["job"].name) == "tägliche werte.csv 日本 ü True\n"
    assert notebook.shell.user_ns["job"].display_name == "Zoës jöb"


def test_the_log_of_a_failed_job_begins_with_its_own_traceback(notebook: Notebook) -> None:
    notebook.shell.run_cell(
        "%%aml command train --environment plain:1 --var job --wait\n"
        "import logging\ntry:\n    {}['handled']\nexcept KeyError:\n    logging.exception('carried on')\n"
        "raise ValueError('no rows')\n"
    )
    notebook.shown()

    shown = notebook.cell("%aml job logs {job}")

    tracebacks = shown.split("Traceback (most recent call last):")
    assert "ValueError: no rows" in tracebacks[1]
    assert "KeyError" not in tracebacks[1]


def main_thread_is_in(*functions: str) -> bool:
    """Whether the main thread is inside one of these functions."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if frame.f_code.co_name in functions:
            return True
        frame = frame.f_back
    return False


def interrupt_when(condition: Callable[[], Any], pid: int = 0) -> threading.Thread:
    """Press the stop button of this process, or of a kernel, as soon as a condition holds."""

    def press() -> None:
        wait_for(condition, "the moment to interrupt")
        os.kill(pid or os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


@pytest.mark.parametrize("how", ["--wait", "stream", "logs -f"])
def test_an_interrupt_leaves_the_job_running_and_says_how_to_come_back(
    notebook: Notebook, lab: Lab, tmp_path: Path, how: str
) -> None:
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    script = (
        f"import pathlib, time\nprint('begun')\npathlib.Path({str(begun)!r}).touch()\n"
        f"while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\nprint('end')\n"
    )
    cell = f"%%aml command train --environment plain:1 --var job {how if how == '--wait' else ''}\n{script}"
    if how != "--wait":
        notebook.cell(cell)
        cell = f"%aml job {how.replace('logs -f', 'logs {job} -f').replace('stream', 'stream {job}')}"

    pressing = interrupt_when(lambda: begun.exists() and main_thread_is_in("follow", "until_final"))
    result = notebook.shell.run_cell(cell)
    pressing.join()
    shown = notebook.shown()

    name = notebook.shell.user_ns["job"].name
    assert isinstance(result.error_in_exec, KeyboardInterrupt)
    assert f"{name} goes on: %aml job stream {name} comes back to it, %aml job cancel {name} ends it." in shown
    assert lab.status(name) not in FINAL
    gate.touch()
    assert "end" in notebook.cell(f"%aml job stream {name}")
    assert lab.status(name) == "Completed"


def test_a_kernel_that_is_interrupted_while_it_waits_leaves_the_job_running(lab: Lab, tmp_path: Path) -> None:
    from jupyter_client.manager import start_new_kernel
    from jupyter_core.utils import ensure_event_loop

    assert lab.client is not None
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=90)
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        said.append(str(content.get("text") or content.get("ename") or ""))

    try:
        client.execute_interactive("%load_ext jupyter_aml\n%aml connect local;", timeout=90, output_hook=hear)
        pressing = interrupt_when(begun.exists, manager.provisioner.pid)
        cell = (
            "%%aml command train --environment plain:1 --name interrupted --wait\n"
            f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\n"
            f"while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\n"
        )
        reply = client.execute_interactive(cell, timeout=90, output_hook=hear)
        pressing.join()

        assert reply["content"]["ename"] == "KeyboardInterrupt"
        assert "interrupted goes on: %aml job stream interrupted comes back to it" in "".join(said)
        assert lab.status("interrupted") not in FINAL
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        ensure_event_loop().close()  # the blocking client leaves it open
    gate.touch()
    assert lab.end("interrupted") == "Completed"


def test_a_cancel_that_is_not_heard_says_how_the_job_stands(
    notebook: Notebook, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_verbs, "CANCEL_SECONDS", 0.5)
    name = lab.submit("import time\ntime.sleep(60)")
    lab.until(name, "Running")
    host = int(lab.host()["pid"])
    os.kill(host, signal.SIGSTOP)
    try:
        said = notebook.refused(f"%aml job cancel {name}")
    finally:
        os.kill(host, signal.SIGCONT)

    assert f"{name} was asked to end, and is still CancelRequested after 0.5 s." in said
    assert f"%aml job show {name}" in said
    assert lab.end(name) == "Canceled"


def test_a_folder_that_holds_the_store_is_named_with_the_way_out(notebook: Notebook, lab: Lab) -> None:
    lab.host()
    body = f"command: echo hi\ncode: '{lab.home.parent}'\nenvironment: azureml:plain:1"

    said = notebook.refused(f"%%aml job\n{body}")

    assert f"holds the store of the local workspace, {lab.home}" in said
    assert ".amlignore" in said
