"""Trials that take too much memory, or whose process is killed: each ends alone, with a sentence."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_aml.automl import algorithms, families, memory, trials, working
from jupyter_aml.automl.family import COMPLETED, FAILED, Attempt
from jupyter_aml.automl.folds import Validation
from jupyter_aml.automl.settings import Settings
from jupyter_aml.automl.table import Table
from jupyter_aml.automl.trials import Trial

ROOM = 64 * memory.MB
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a limit of a process's memory")


def taken(megabytes: int) -> int:
    return int(np.ones(megabytes * memory.MB // 8).sum())


@linux
def test_a_block_has_the_memory_that_it_is_given_and_no_more() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)

    with memory.limited(ROOM):
        assert taken(16) == 16 * memory.MB // 8
        with pytest.raises(MemoryError) as caught:
            taken(512)
        assert memory.told(caught.value).startswith("It needed more than 64 MB of memory. Set the job's property")

    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert taken(512) == 512 * memory.MB // 8
    assert memory.told(caught.value).startswith("MemoryError: Unable to allocate")


@linux
def test_a_limit_that_was_there_is_kept_and_none_is_none() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with memory.limited(0):
        assert resource.getrlimit(resource.RLIMIT_DATA) == before

    with memory.limited(ROOM):
        inner = resource.getrlimit(resource.RLIMIT_DATA)[0]
        with memory.limited(ROOM * 100):
            assert resource.getrlimit(resource.RLIMIT_DATA)[0] == inner
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] == inner


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("std::bad_alloc"),
        ValueError("[11:12:13] Check failed: Out of memory"),
        RuntimeError("io.h:362: bad_malloc: Failed to allocate 9599984 bytes.\nStack trace:"),
        RuntimeError("can't start new thread"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_what_libraries_say_without_memory_becomes_one_sentence(error: Exception) -> None:
    said = memory.told(error, 100 * memory.MB)

    assert said.startswith("It needed more than 100 MB of memory.")
    assert "limits.max_concurrent_trials" in said
    assert memory.PROPERTY in said
    assert "\n" not in said
    assert memory.told(error) == f"{type(error).__name__}: {error}"
    assert memory.told(ValueError("no"), 100 * memory.MB) == "ValueError: no"


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({"proc/meminfo": "MemTotal: 9 kB\nMemAvailable:    2048 kB\n"}, 2048 * 1024),
        (
            {"proc/meminfo": "MemAvailable: 2048 kB\n", "cgroup/memory.max": "max", "cgroup/memory.current": "7"},
            2048 * 1024,
        ),
        (
            {
                "proc/meminfo": "MemAvailable: 2048 kB\n",
                "cgroup/memory.max": "1000\n",
                "cgroup/memory.current": "900\n",
                "cgroup/memory.stat": "anon 1\ninactive_file 500\n",
            },
            600,
        ),
        (
            {"cgroup/memory/memory.limit_in_bytes": "1000", "cgroup/memory/memory.usage_in_bytes": "1200"},
            0,
        ),
        ({}, 0),
    ],
)  # fmt: skip
def test_what_is_free_is_that_of_the_machine_and_of_its_container(
    files: dict[str, str], free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "GROUP", tmp_path / "cgroup")

    assert memory.free() == free


def test_trials_share_what_is_free_and_the_user_may_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free", lambda: 9000 * memory.MB)
    monkeypatch.setattr(memory.sys, "platform", "linux")

    assert memory.allowed(0, 3) == 3000 * memory.MB
    assert memory.allowed(0, 900) == memory.LEAST
    assert memory.allowed(700, 3) == 700 * memory.MB
    monkeypatch.setattr(memory, "free", lambda: 0)
    assert memory.allowed(0, 3) == 0
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert memory.allowed(700, 3) == 0


def test_a_property_that_is_no_number_of_megabytes_is_refused() -> None:
    assert memory.asked({memory.PROPERTY: "4000"}) == 4000
    assert memory.asked({memory.PROPERTY: ""}) == memory.asked({}) == memory.asked(None) == 0
    for wrong in ("4 GB", "-1", "0", "1.5"):
        with pytest.raises(ValueError, match=rf"{memory.PROPERTY} is '{wrong}'; expected megabytes .* such as '4000'"):
            memory.asked({memory.PROPERTY: wrong})


@linux
def test_an_algorithm_that_needs_too_much_fails_and_the_next_one_does_not() -> None:
    class Hungry:
        def get_params(self, *, deep: bool) -> dict[str, Any]:
            return {"at most": taken(2048)}

    frame = pd.DataFrame({"a": np.arange(40.0), "y": ["p", "q"] * 20})
    table = Table(frame, "y", Settings(validation=Validation(folds=2)))
    tree = algorithms.available("classification", ["DecisionTree"])["DecisionTree"]
    found = []
    for one in (replace(tree, make=lambda *_: Hungry()), tree):  # type: ignore[arg-type,return-value]
        with memory.limited(2 * ROOM):
            found.append(Trial(len(found), table.recipe(one, {}, Settings())))
            trials.run(found[-1], table, "accuracy")

    assert [one.status for one in found] == [FAILED, COMPLETED]
    assert found[0].error.startswith("It needed more than 128 MB of memory.")
    assert found[0].attempt("accuracy").error == found[0].error


@linux
def test_the_process_of_a_trial_tells_the_sentence_and_takes_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Hungry:
        def attempt(self, _order: Any, _place: Path, proposal: Any, *_: Any, **__: Any) -> Attempt:
            return Attempt(score=float(taken(int(proposal.parameters["megabytes"]))), loss=0.0)

    monkeypatch.setattr(families, "family", lambda _: Hungry())

    def told(megabytes: int) -> dict[str, Any]:
        proposal = {"number": 0, "algorithm": "Hungry", "parameters": {"megabytes": megabytes}}
        order = {
            "role": working.TRIAL, "task": "classification", "details": {}, "seconds": 60, "seed": 0,
            "proposal": proposal, "threads": 1, "until": time.time() + 60, "memory": 100,
        }  # fmt: skip
        monkeypatch.setenv(working.VARIABLE, json.dumps(order))
        working.main(["--prepared", str(tmp_path), "--out", str(tmp_path)])
        found: dict[str, Any] = json.loads((tmp_path / working.RESULT).read_text())
        return found

    with pytest.raises(MemoryError):
        told(1024)
    failed = json.loads((tmp_path / working.RESULT).read_text())
    assert failed["status"] == FAILED
    assert failed["error"].startswith("It needed more than 100 MB of memory.")
    assert "Hungry(megabytes=1024), with 100 MB of memory" in capsys.readouterr().out
    assert told(8)["status"] == COMPLETED
