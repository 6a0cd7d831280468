"""`make demo` on small notebooks: what it says when a cell fails, and that it fences the kernel in."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from jupyter_aml.testing import demo, hosts


def notebook(path: Path, *sources: str) -> Path:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbformat.write(book, path)
    return path


def test_a_failing_cell_is_shown_and_counted_as_failure(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = notebook(tmp_path / "n.ipynb", "x = 1", "x / 0", "x = 2")

    code = demo.main([str(source), str(tmp_path / "out")])

    said = capsys.readouterr().err
    assert code == 1
    assert "ZeroDivisionError: division by zero" in said
    assert str(tmp_path / "out" / "n.ipynb") in said
    assert "\x1b[" not in said


def test_what_was_stored_in_cells_that_did_not_run_is_not_in_the_executed_notebook(home: Path, tmp_path: Path) -> None:
    source = notebook(tmp_path / "n.ipynb", "x / 0", "1")
    book = nbformat.read(source, as_version=4)
    book.cells[1].outputs = [nbformat.v4.new_output("stream", text="of another run")]
    book.cells[1].execution_count = 2
    nbformat.write(book, source)

    made = demo.run(source, tmp_path / "out")

    assert nbformat.read(made.notebook, as_version=4).cells[1].outputs == []
    assert made.cells == 1


def test_the_cells_run_in_this_interpreter_and_in_a_store_of_their_own(home: Path, tmp_path: Path) -> None:
    source = notebook(tmp_path / "n.ipynb", "import os, sys\nprint(sys.executable, os.environ['JUPYTER_AML_HOME'])")

    made = demo.run(source, tmp_path / "out")

    (cell,) = nbformat.read(made.notebook, as_version=4).cells
    assert cell.outputs[0]["text"].split() == [sys.executable, str(tmp_path / "out" / "home")]
    assert (made.cells, made.error, list(made.escapes)) == (1, "", [])


def test_an_attempt_to_leave_the_machine_is_reported(home: Path, tmp_path: Path) -> None:
    leave = "import socket\ntry:\n    socket.getaddrinfo('example.org', 443)\nexcept OSError:\n    pass"

    made = demo.run(notebook(tmp_path / "n.ipynb", leave), tmp_path / "out")

    assert [line.split()[0] for line in made.escapes] == ["example.org"]


def test_a_missing_notebook_is_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main([str(tmp_path / "none.ipynb"), str(tmp_path)]) == 66
    assert "none.ipynb is no notebook. Type for example: make demo" in capsys.readouterr().err


def test_ctrl_c_ends_it_in_one_sentence_and_leaves_no_process(home: Path, tmp_path: Path) -> None:
    here = tmp_path / "kernel.pid"
    source = notebook(
        tmp_path / "n.ipynb",
        "%load_ext jupyter_aml\n%aml connect local;",
        f"import os, pathlib, time\npathlib.Path({str(here)!r}).write_text(str(os.getpid()))\ntime.sleep(600)",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_aml.testing.demo", str(source), str(tmp_path / "out")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 90
    while not (here.exists() and here.read_text()):
        assert time.monotonic() < until, process.poll()
        time.sleep(0.05)
    kernel = int(here.read_text())

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert said.strip() == f"Interrupted. The notebook as far as it ran: {tmp_path / 'out' / 'n.ipynb'}"
    assert not hosts.alive(kernel)
    assert hosts.stop(tmp_path / "out" / "home", 1.0) is False
    first, second = nbformat.read(tmp_path / "out" / "n.ipynb", as_version=4).cells
    assert (first.execution_count, second.outputs) == (1, [])


def test_a_second_demo_speaks_of_its_own_jobs(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = notebook(
        tmp_path / "n.ipynb", "%load_ext jupyter_aml\n%aml connect local;", "%%aml command train --wait\nprint('hi')"
    )

    for number in (1, 2):
        assert demo.main([str(source), str(tmp_path / "out")]) == 0
        said = capsys.readouterr().out
        assert said.count("  job     ") == 1, f"{number}: {said}"
