"""Real Jupyter kernels that are restarted, killed, busy and two at once, over one store: jobs do not notice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from jupyter_aml.local.store import bell
from jupyter_aml.testing import hosts

SECONDS = 90.0
WAIT_FOR_FILE = "while not pathlib.Path({gate!r}).exists(): time.sleep(0.02)"


class Kernel:
    """A kernel of a notebook in a folder, with the extension loaded and connected.

    Args:
        folder: Where the notebook is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder))
        self._open()

    def _open(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)
        assert self.run("%load_ext jupyter_aml\n%aml connect local;") is not None

    def send(self, code: str) -> str:
        """Run a cell without waiting; its message id."""
        return str(self.client.execute(code, allow_stdin=False))

    def end(self, message: str, *, good: bool = True) -> str:
        """What a cell showed as text, when it has ended.

        A card of an earlier cell that is drawn anew meanwhile names this cell as its parent, but is none of its output.
        """
        shown: list[str] = []
        own: set[str] = set()
        failed = ""
        until = time.monotonic() + SECONDS
        while True:
            found = self.client.get_iopub_msg(timeout=max(until - time.monotonic(), 0.1))
            if found["parent_header"].get("msg_id") != message:
                continue
            kind, content = found["msg_type"], found["content"]
            if kind == "stream":
                shown.append(content["text"])
            elif kind in {"display_data", "execute_result", "update_display_data"}:
                display = content.get("transient", {}).get("display_id", "")
                if kind != "update_display_data":
                    own.add(display)
                if display in own:
                    shown.append(content["data"].get("text/plain", ""))
            elif kind == "error":
                failed = "\n".join([content["evalue"], *content["traceback"]])
            elif kind == "status" and content["execution_state"] == "idle":
                text = "\n".join(shown)
                assert bool(failed) is not good, failed or text
                return text + failed

    def run(self, code: str, *, good: bool = True) -> str:
        """Run a cell; what it showed."""
        return self.end(self.send(code), good=good)

    def restart(self) -> None:
        """As Kernel > Restart does."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._open()

    def kill(self) -> None:
        """As the out-of-memory killer does; the notebook then gets a new one."""
        pid = int(self.manager.provisioner.pid)  # type: ignore[union-attr] # it runs
        os.kill(pid, signal.SIGKILL)
        self.restart()

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Any]:
    """Makes kernels, ended after the test."""
    made: list[Kernel] = []

    def make() -> Kernel:
        folder = tmp_path / f"book {len(made)}"
        folder.mkdir()
        made.append(Kernel(folder))
        return made[-1]

    yield make
    for one in made:
        one.close()


def cell(name: str, body: str, options: str = "") -> str:
    return f"%%aml command {name} --name {name} {options}\nimport pathlib, time\nprint('begun')\n{body}\nprint('done')"


def wait_for(condition: Any, what: str) -> None:
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until, f"{what} did not happen"
        time.sleep(0.02)


def log(home: Path, name: str) -> str:
    """A job's log so far; empty as long as there is none."""
    found = next(home.rglob(f"runs/{name}/user_logs/std_log.txt"), None)
    return found.read_text(encoding="utf-8") if found else ""


@pytest.mark.parametrize("end", ["restart", "kill"])
def test_a_job_outlives_the_kernel_that_sent_it(kernel: Any, home: Path, tmp_path: Path, end: str) -> None:
    gate = tmp_path / "gate"
    book = kernel()
    book.run(cell("fox", WAIT_FOR_FILE.format(gate=str(gate))))
    wait_for(lambda: "begun" in log(home, "fox"), "the script's first line")

    getattr(book, end)()

    assert "Running" in book.run("%aml job show fox")
    following = book.send("%aml job logs fox -f")
    gate.touch()
    assert "done" in book.end(following)
    assert "Completed" in book.run("%aml job show fox")
    assert "fox" in book.run("%aml job list")


def test_notebooks_look_into_a_running_job_and_leave_it_when_they_are_killed(
    kernel: Any, home: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first, second = kernel(), kernel()
    waits = f"step = 0\nwhile not pathlib.Path({str(gate)!r}).exists():\n    step += 1\n    time.sleep(0.01)"
    first.run(cell("fox", waits))
    wait_for(lambda: "begun" in log(home, "fox"), "the script's first line")

    for book in (first, second):
        assert "fox is running" in book.run("inside = %aml job attach fox\nprint(repr(inside))")
        assert book.run("inside('type(step)')") == "int"
    steps = "get_ipython().run_line_magic('aml', 'job attach fox --eval \"print(step)\"')"
    assert int(second.run(steps)) < int(second.run(steps))
    first.kill()
    assert second.run("inside('6 * 7')") == "42"
    first.run("inside = %aml job attach fox")
    assert "ZeroDivisionError" in first.run("inside('1 / 0')", good=False)

    gate.touch()
    assert "done" in first.run("%aml job logs fox -f")
    assert "Completed" in first.run("%aml job show fox")


def test_a_notebook_goes_on_when_its_host_is_killed(kernel: Any, home: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    book = kernel()
    tracked = f"import mlflow\n{WAIT_FOR_FILE.format(gate=str(gate))}\nmlflow.log_metric('after', 3)"
    book.run(cell("fox", tracked))
    wait_for(lambda: "begun" in log(home, "fox"), "the script's first line")
    pid = int((bell.ask(home, {"op": "status"}) or {})["pid"])

    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not hosts.alive(pid), "the host's end")
    shown = book.run("%%aml command hen --name hen --wait\nprint('a new host')")
    gate.touch()

    assert "Completed" in shown
    assert "done" in book.run("%aml job logs fox -f")
    assert "after" in book.run("%aml job show fox")
    assert int((bell.ask(home, {"op": "status"}) or {})["pid"]) != pid


def test_two_notebooks_at_once_share_a_workspace(kernel: Any, home: Path) -> None:
    first, second = kernel(), kernel()
    books = (first, second)
    for number, book in enumerate(books):
        (book.folder / "x.csv").write_text(f"a\n{number}\n", encoding="utf-8")

    creating = "for _ in range(4):\n    get_ipython().run_line_magic('aml', 'data create shared x.csv -o none')"
    for book, message in [(book, book.send(creating)) for book in books]:
        book.end(message)
    sending = [(book, book.send(cell(f"job{number}", "", "--wait"))) for number, book in enumerate(books)]
    for book, message in sending:
        assert "Completed" in book.end(message)

    listed = "found = %aml data list --name shared\nprint(sorted(int(one.version) for one in found))"
    assert str(list(range(1, 9))) in first.run(listed)


def test_a_busy_kernels_job_is_cancelled_from_a_terminal(kernel: Any, home: Path) -> None:
    book = kernel()
    waiting = book.send(cell("fox", "time.sleep(600)", "--wait"))
    wait_for(lambda: "begun" in log(home, "fox"), "the script's first line")

    told = subprocess.run(
        [str(Path(sys.executable).with_name("aml")), "job", "cancel", "fox", "-o", "none"],
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr
    assert "was cancelled" in book.end(waiting, good=False)
    assert "4" in book.run("2 + 2")
