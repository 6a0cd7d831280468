"""What happens in a worker's own process: sent as text, executed there."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.runtime.remote import archive

VISIT = "jupyter_aml/local/runtime/remote/visit.py"


def packed(program: str) -> bytes:
    """An agent whose run is this program."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as made:
        for folder in ("jupyter_aml", "jupyter_aml/local", "jupyter_aml/local/runtime"):
            made.writestr(f"{folder}/__init__.py", "")
        made.writestr("jupyter_aml/local/runtime/remote/__init__.py", "")
        made.writestr(VISIT, f"def main():\n    import sys, json, os\n    line = sys.stdin.readline()\n{program}")
    return found.getvalue()


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The functions of the text, with a temporary folder of their own and a worker that says little."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delitem(sys.modules, "jupyter_aml_launched", raising=False)
    space: dict[str, Any] = {"__name__": "launcher"}
    exec(archive.launcher(), space)
    space["facts"] = lambda: {"worker": "tcp://127.0.0.1:1", "threads": 1, "tls": None}
    return space


def test_the_run_has_its_order_on_stdin(launcher: dict[str, Any], tmp_path: Path) -> None:
    program = f"    open({str(tmp_path / 'got')!r}, 'w').write(line)\n"

    launcher["run"]("key", {"job": "fox"}, packed(program))

    got = json.loads((tmp_path / "got").read_text(encoding="utf-8"))
    assert (got["order"], got["key"], got["facts"]["threads"]) == ({"job": "fox"}, "key", 1)
    assert Path(got["root"]).parent == tmp_path


def test_the_agent_is_unpacked_once(launcher: dict[str, Any], tmp_path: Path) -> None:
    agent = packed("    pass\n")
    launcher["run"]("one", {}, agent)
    (place,) = [path for path in tmp_path.glob("jupyter_aml-*/agent/*") if path.is_dir()]
    before = (place / VISIT).stat().st_mtime_ns

    launcher["run"]("two", {}, agent)
    launcher["run"]("three", {}, packed("    'another'\n"))

    assert (place / VISIT).stat().st_mtime_ns == before
    assert len(list(tmp_path.glob("jupyter_aml-*/agent/*"))) == 2


def test_a_process_that_fails_is_told_with_its_last_words(launcher: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="ended with status 3: no good"):
        launcher["run"]("key", {}, packed("    print('no good', file=sys.stderr)\n    sys.exit(3)\n"))


def test_a_run_that_was_cancelled_before_it_came_does_not_start(launcher: dict[str, Any], tmp_path: Path) -> None:
    launcher["cancel"]("key")

    launcher["run"]("key", {}, packed(f"    open({str(tmp_path / 'got')!r}, 'w')\n"))

    assert not (tmp_path / "got").exists()


def test_the_runs_process_hears_when_its_worker_is_killed(tmp_path: Path) -> None:
    begun, heard = str(tmp_path / "begun"), str(tmp_path / "heard")
    agent = packed(f"    open({begun!r}, 'w').close()\n    sys.stdin.read()\n    open({heard!r}, 'w').close()\n")
    (tmp_path / "agent.zip").write_bytes(agent)
    worker = (
        "import sys, pathlib\nspace = {'__name__': 'launcher'}\n"
        "exec(pathlib.Path(sys.argv[1]).read_text(), space)\n"
        "space['facts'] = lambda: {}\nprint('there', flush=True)\n"
        "space['run']('key', {}, pathlib.Path(sys.argv[2]).read_bytes())\n"
    )
    (tmp_path / "launcher.py").write_text(archive.launcher(), encoding="utf-8")
    running = subprocess.Popen(
        [sys.executable, "-c", worker, str(tmp_path / "launcher.py"), str(tmp_path / "agent.zip")],
        stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    with running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"there\n"
        try:
            wait_for((tmp_path / "begun").exists)
        finally:
            running.kill()

    wait_for((tmp_path / "heard").exists)


def wait_for(condition: Any) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_somebody_elses_folder_is_not_used(launcher: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / f"jupyter_aml-{os.getuid()}").symlink_to(tmp_path / "theirs")

    with pytest.raises(PermissionError):
        launcher["run"]("key", {}, packed("    pass\n"))


def test_the_text_needs_the_standard_library_alone() -> None:
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(archive.launcher()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
    }

    assert imported - set(sys.stdlib_module_names) == {"distributed"}


def test_the_archive_is_whole_and_always_the_same() -> None:
    with zipfile.ZipFile(io.BytesIO(archive.pack())) as found:
        names = set(found.namelist())

    assert {VISIT, "jupyter_aml/agent/supervisor.py", "jupyter_aml/errors.py", "jupyter_aml/__init__.py"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("jupyter_aml/local/jobs")]
    first = archive.pack()
    archive.pack.cache_clear()
    assert archive.pack() == first


def test_what_is_sent_can_be_imported_where_nothing_else_of_ours_is(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(archive.pack())) as found:
        found.extractall(tmp_path / "agent")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import jupyter_aml.local.runtime.remote.visit as visit;"
        "assert visit.__file__.startswith(sys.argv[1]), visit.__file__; print('fine')"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "agent")], check=False, capture_output=True, text=True,
        cwd=tmp_path,
    )  # fmt: skip

    assert done.stdout == "fine\n", done.stderr
