"""A worker's machine is swept: of killed runs at once, of code and data after two weeks without use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyter_aml.local.runtime.remote import leftovers

LONG = leftovers.UNUSED_SECONDS + 1
CLAIM = (
    "import sys, pathlib; from jupyter_aml.local.runtime.remote import leftovers;"
    "leftovers.claim(pathlib.Path(sys.argv[1])); print('claimed', flush=True); sys.stdin.read()"
)


def folder(path: Path, age: float = 100.0) -> Path:
    path.mkdir(parents=True)
    (path / "x").write_text("x", encoding="utf-8")
    (path / "x").chmod(0o400)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_folder_of_a_killed_run_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    lives, killed = (folder(tmp_path / "runs" / name) for name in ("lives", "killed"))
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for place in (lives, killed)
    ]  # fmt: skip
    try:
        for run in runs:
            assert run.stdout is not None
            assert run.stdout.readline() == "claimed\n"
        runs[1].kill()
        runs[1].wait()
        for place in (lives, killed):
            os.utime(place, (time.time() - 100,) * 2)

        leftovers.sweep(tmp_path)

        assert lives.exists()
        assert not killed.exists()
    finally:
        for run in runs:
            run.kill()
            run.communicate()


def test_a_folder_that_was_made_just_now_is_left_to_its_run(tmp_path: Path) -> None:
    fresh = folder(tmp_path / "runs" / "fresh", age=0.0)

    leftovers.sweep(tmp_path)

    assert fresh.exists()


@pytest.mark.parametrize("kind", ["code", "data"])
def test_what_no_run_has_asked_for_in_two_weeks_goes(tmp_path: Path, kind: str) -> None:
    old, used = (folder(tmp_path / kind / name) for name in ("old", "used"))
    for place, age in ((old, LONG), (used, 10.0)):
        marker = place.with_name(f"{place.name}.complete")
        marker.touch()
        os.utime(marker, (time.time() - age,) * 2)

    leftovers.sweep(tmp_path)

    assert not old.exists()
    assert used.exists()
    assert sorted(path.name for path in (tmp_path / kind).iterdir()) == ["used", "used.complete"]


def test_the_newest_agents_stay(tmp_path: Path) -> None:
    for number in range(leftovers.AGENTS + 2):
        folder(tmp_path / "agent" / str(number), age=LONG + number)

    leftovers.sweep(tmp_path)

    assert sorted(path.name for path in (tmp_path / "agent").iterdir()) == [str(n) for n in range(leftovers.AGENTS)]
