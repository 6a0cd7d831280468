"""`%aml` and `%%aml` in a real IPython shell."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter

from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import NotFoundError, UsageError


def test_a_line_returns_an_outcome_that_can_be_assigned(shell: Any) -> None:
    shell.run_cell("x = %aml thing show a")

    assert isinstance(shell.user_ns["x"], Outcome)
    assert shell.user_ns["x"].name == "a"


def test_expressions_keep_their_objects(shell: Any) -> None:
    shell.run_cell("d = {'k y': [1]}\nx = %aml thing show a --value {d['k y']}")

    assert shell.user_ns["x"].value is shell.user_ns["d"]["k y"]


def test_ipython_expands_nothing_itself(shell: Any) -> None:
    shell.run_cell("lr = 1\nx = %aml thing show a --value $lr-${{inputs.lr}}")

    assert shell.user_ns["x"].value == "$lr-${{inputs.lr}}"


def test_variables_of_a_function_are_seen(shell: Any) -> None:
    shell.run_cell("def f(inner):\n    return get_ipython().run_line_magic('aml', 'thing show {inner}')\nx = f('q')")
    shell.run_cell("def g(inner):\n    y = %aml thing show {inner}\n    return y\nz = g('r')")

    assert (shell.user_ns["x"].name, shell.user_ns["z"].name) == ("q", "r")


def test_a_trailing_semicolon_silences_and_still_assigns(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for cell in ("%aml thing list;", "x = %aml thing list;", "%%aml command train;\npass"):
        shell.run_cell(cell, store_history=True)
    silent = capsys.readouterr().out
    shell.run_cell("%aml thing list", store_history=True)

    assert silent == ""
    assert len(shell.user_ns["x"]) == 2
    assert "things" in capsys.readouterr().out


def test_a_semicolon_inside_quotes_is_text(shell: Any) -> None:
    shell.run_cell("x = %aml thing show a --value 'b;'")

    assert shell.user_ns["x"].value == "b;"


@pytest.mark.parametrize("cell", ["%aml thing show?", "%aml thing show -h", "%aml thing show ?", "%%aml command?"])
def test_a_question_mark_shows_help(shell: Any, cell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell.run_cell(cell).success

    shown = capsys.readouterr().out
    assert "Examples" in shown or "%%aml command [NAME]" in shown


def test_a_question_mark_at_the_end_of_text_in_a_cell_is_left_alone(shell: Any) -> None:
    shell.run_cell("%%aml command train\n# %aml what?\nprint('a?')")
    shell.run_cell("x = %aml thing show 'what?'")

    assert shell.user_ns["x"].name == "what?"


def test_a_cell_hands_its_body_over_unexpanded(shell: Any) -> None:
    shell.run_cell("lr = 0.5\n")
    shell.run_cell("%%aml command train --input lr={lr} --var job\n#| wait: true\nprint(f'{lr}')\n")
    job = shell.user_ns["job"]

    assert (job.input, job.wait) == ({"lr": 0.5}, True)
    assert job.body == "#| wait: true\nprint(f'{lr}')\n"


def test_a_noun_takes_yaml_as_its_body(shell: Any) -> None:
    shell.run_cell("%%aml thing create --var x\nname: a\n")

    assert shell.user_ns["x"].body == "name: a\n"


def test_a_refusal_is_three_lines_without_a_traceback(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    result = shell.run_cell("%aml thing show missing")
    shown = capsys.readouterr()

    assert isinstance(result.error_in_exec, NotFoundError)
    assert (shown.out + shown.err).strip().splitlines() == [
        "There is no thing 'missing' in workspace local. (ResourceNotFound)",
        "Type %aml thing list.",
    ]


def test_a_usage_error_names_the_nearest(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    result = shell.run_cell("%aml thing shw a")
    shown = capsys.readouterr()

    assert isinstance(result.error_in_exec, UsageError)
    assert (shown.out + shown.err).strip().splitlines()[-1] == "Did you mean %aml thing show?"


def test_debug_shows_the_traceback_of_a_refusal(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell("%aml thing show missing --debug")
    shown = capsys.readouterr()

    assert "Traceback" in shown.out + shown.err


def test_a_bug_of_ours_shows_a_report_line_and_the_traceback(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    result = shell.run_cell("%aml thing show bug")
    shown = capsys.readouterr()

    assert isinstance(result.error_in_exec, KeyError)
    assert "This is a fault of jupyter_aml" in shown.err
    assert "Traceback" in shown.out + shown.err


def test_a_failed_job_shows_its_own_traceback_first(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell("%aml thing show failed")
    shown = capsys.readouterr()

    assert (shown.out + shown.err).strip().splitlines()[:3] == [
        "Traceback (most recent call last):",
        "ValueError: no",
        "Job quiet_sky failed.",
    ]


def test_a_marked_cell_runs_as_python_and_is_submitted_by_run(shell: Any) -> None:
    shell.run_cell("#| aml: command train\n#| wait: true\nz = 1\n")
    shell.run_cell("x = %aml run train --input a={z}")
    shell.run_cell("y = %aml run")

    assert shell.user_ns["z"] == 1
    assert (shell.user_ns["x"].name, shell.user_ns["x"].input, shell.user_ns["x"].wait) == ("train", {"a": 1}, True)
    assert shell.user_ns["y"].body.endswith("z = 1\n")


def test_a_marked_cell_that_is_not_there_is_refused_with_the_nearest(shell: Any) -> None:
    shell.run_cell("#| aml: command train\nz = 1\n")
    error = shell.run_cell("%aml run trian").error_in_exec

    assert isinstance(error, UsageError)
    assert error.message == "No cell is marked 'trian'."
    assert error.remedy == "Did you mean train?"


def test_a_question_that_nobody_answers_asks_for_yes(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_prompt: str = "") -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", refuse)
    error = shell.run_cell("%aml thing delete").error_in_exec

    assert isinstance(error, UsageError)
    assert "--yes" in error.remedy
    assert shell.run_cell("%aml thing delete -y").success


def test_completion_offers_words_in_the_shell(shell: Any) -> None:
    def offered(text: str) -> list[str]:
        with provisionalcompleter():
            return [found.text for found in shell.Completer.completions(text, len(text))]

    assert offered("%aml thi") == ["thing"]
    assert offered("x = %aml thing sh") == ["show"]
    assert offered("%%aml comm") == ["command"]
    assert "--value" in offered("%aml thing show --v")
    assert offered("%aml thing show --impo") == ["--impo"]


def test_python_completes_as_ever(shell: Any) -> None:
    shell.run_cell("some_name = 1")

    with provisionalcompleter():
        assert "some_name" in [found.text for found in shell.Completer.completions("some_na", 7)]


def test_unloading_leaves_the_shell_as_it_was(shell: Any) -> None:
    transforms = len(shell.input_transformer_manager.cleanup_transforms)
    shell.run_line_magic("unload_ext", "jupyter_aml")

    assert "aml" not in shell.magics_manager.magics["line"]
    assert len(shell.input_transformer_manager.cleanup_transforms) == transforms - 1
    assert shell.input_transformers_post == []
    shell.run_line_magic("load_ext", "jupyter_aml")


LOADING = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
from jupyter_aml.client import warm
warm.start = lambda: None
before = set(sys.modules)
import threading
threading.Thread.start = lambda self: None
start = time.perf_counter()
shell.run_line_magic("load_ext", "jupyter_aml")
print(time.perf_counter() - start)
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""


def test_loading_is_light() -> None:
    answer = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True)
    seconds, loaded = answer.stdout.splitlines()

    assert not {"yaml", "sqlite3", "azure", "mlflow", "pandas", "requests"} & set(loaded.split())
    assert float(seconds) < 0.2
