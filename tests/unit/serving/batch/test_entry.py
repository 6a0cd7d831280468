"""The entry script of a batch deployment's step, without a job around it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_aml.agent import parallel_scoring as scoring


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run's folder, whose code is the working directory."""
    (tmp_path / "code").mkdir()
    monkeypatch.chdir(tmp_path / "code")
    monkeypatch.setattr(scoring, "__file__", str(tmp_path / "parallel_scoring.py"))
    monkeypatch.setattr(scoring, "_log", lambda level: None)
    monkeypatch.setattr(scoring, "_PROCESS", scoring.Process())
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv(scoring.MODEL_DIR, "")
    return tmp_path


def begin(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["entry", *words])
    scoring.init()


def test_the_models_folder_holds_the_model_under_its_own_name(place: Path) -> None:
    (place / "input" / "deep").mkdir(parents=True)
    (place / "input" / "deep" / "weights").write_text("1")
    whole = scoring.model_folder(str(place / "input"), "mine")
    assert Path(whole, "mine", "deep", "weights").read_text() == "1"
    assert not Path(whole, "mine").is_symlink()
    Path(whole, "mine", "deep", "weights").write_text("2")
    assert scoring.model_folder(str(place / "input"), "mine") == whole
    assert (place / "input" / "deep" / "weights").read_text() == "1"


def test_a_model_that_is_a_file_lies_in_its_folder(place: Path) -> None:
    (place / "m.pkl").write_text("x")
    assert scoring.model_folder(str(place / "m.pkl"), "m.pkl") == str(place)


def test_a_copy_that_a_killed_process_left_is_no_model(place: Path) -> None:
    (place / "input").mkdir()
    (place / "input" / "whole").write_text("x")
    (place / "model.begun" / "mine").mkdir(parents=True)
    whole = scoring.model_folder(str(place / "input"), "mine")
    assert [path.name for path in Path(whole, "mine").iterdir()] == ["whole"]


def test_a_script_in_a_folder_finds_its_neighbours_and_gets_the_context(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "code" / "src").mkdir()
    (place / "code" / "src" / "beside_it.py").write_text("WORD = 'found'\n")
    (place / "code" / "src" / "score.py").write_text(
        "import beside_it\ndef init(): pass\n"
        "def run(batch, context): return [beside_it.WORD, context.minibatch_index, *batch]\n"
    )
    begin(monkeypatch, "--script", "src/score.py")

    assert scoring.run(["a"], SimpleNamespace(minibatch_index=7)) == ["found", 7, "a"]


@pytest.mark.parametrize(("answer", "named"), [("5", "int"), ("'x'", "str"), ("{}", "dict"), ("None", "NoneType")])
def test_what_is_no_list_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch, answer: str, named: str) -> None:
    (place / "code" / "score.py").write_text(f"def init(): pass\ndef run(batch): return {answer}\n")
    begin(monkeypatch, "--script", "score.py")

    with pytest.raises(TypeError, match=rf"run\(\) gave {named}; a list or a DataFrame"):
        scoring.run([], None)


def test_of_a_summary_nothing_need_be_given(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "code" / "score.py").write_text("def init(): pass\ndef run(batch): pass\n")
    begin(monkeypatch, "--script", "score.py", "--summary-only")

    assert scoring.run([], None) is None


@pytest.mark.parametrize(
    ("script", "said"),
    [(None, "is not in the code of the deployment"), ("x = 1\n", r"has no function init\(\) and no run\(\)")],
)
def test_a_script_that_is_none_is_told(place: Path, monkeypatch: pytest.MonkeyPatch, script: Any, said: str) -> None:
    if script is not None:
        (place / "code" / "score.py").write_text(script)
    with pytest.raises(SystemExit, match=said):
        begin(monkeypatch, "--script", "score.py")
