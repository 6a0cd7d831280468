"""`aml` in a terminal."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.cli import completion
from jupyter_aml.cli import main as cli
from jupyter_aml.commands import grammar as grammar_module
from jupyter_aml.commands.grammar import Grammar
from jupyter_aml.errors import JobFailedError

Aml = Callable[..., tuple[int, str, str]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def aml(table: Grammar, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Aml:
    monkeypatch.setattr(grammar_module, "grammar", lambda: table)

    def call(*words: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = cli.main(words)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


def test_a_bare_value_is_printed_and_nothing_else(aml: Aml) -> None:
    assert aml("thing", "show", "a", "--query", "name", "-o", "tsv") == (0, "a\n", "")


def test_a_pipe_gets_json_and_warnings_go_to_the_other_stream(aml: Aml) -> None:
    code, out, err = aml("thing", "list")

    assert (code, err) == (0, "a warning\n")
    assert json.loads(out) == [{"name": "a", "n": 1}, {"name": "b", "n": 2}]


def test_warnings_can_be_left_out(aml: Aml) -> None:
    assert aml("thing", "list", "--only-show-errors", "-o", "none") == (0, "", "")


def test_a_terminal_gets_a_drawing(aml: Aml, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    code = cli.main(["thing", "list", "--only-show-errors"])

    assert code == 0
    assert "things · LOCAL" in screen.getvalue()


@pytest.mark.parametrize("form", ["yaml", "table", "jsonc"])
def test_every_format_is_printed(aml: Aml, form: str) -> None:
    code, out, _ = aml("thing", "list", "-o", form)

    assert code == 0
    assert "a" in out


def test_nothing_expands_in_a_terminal(aml: Aml) -> None:
    assert aml("thing", "show", "{a}", "--query", "name", "-o", "tsv")[1] == "{a}\n"


@pytest.mark.parametrize(
    ("words", "code", "last"),
    [
        (("thing", "shw"), 2, "Did you mean aml thing show?"),
        (("thing", "show", "missing"), 3, "Type aml thing list."),
        (("thing", "show", "failed"), 1, "Look."),
        (("thing", "delete"), 2, "Add --yes if you are sure."),
        (("thing", "create", "-f", "-", "--var", "x"), 2, "Use the shell's: x=$(aml … --query name -o tsv)."),
    ],
)
def test_exit_codes_are_those_of_az_and_remedies_are_typed_without_a_percent_sign(
    aml: Aml, words: tuple[str, ...], code: int, last: str
) -> None:
    found, out, err = aml(*words)

    assert (found, out) == (code, "")
    assert err.strip().splitlines()[-1] == last
    assert "Traceback (most" not in err or "failed" in words


def test_a_bug_prints_its_traceback_and_a_report_line(aml: Aml) -> None:
    code, _, err = aml("thing", "show", "bug")

    assert code == 1
    assert "Traceback" in err
    assert "This is a fault of jupyter_aml" in err


def test_what_a_failed_job_says_stands_on_lines_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_typed: object, _out: object) -> None:
        raise JobFailedError(
            "The job quiet_sky failed.", traceback="The command ended with exit code 3.", remedy="Look."
        )

    monkeypatch.setattr(cli, "_run", fail)

    assert cli.main(["job", "show"]) == 1
    assert capsys.readouterr().err == "The command ended with exit code 3.\nThe job quiet_sky failed.\nLook.\n"


def test_debug_prints_the_traceback_of_a_refusal(aml: Aml) -> None:
    assert "Traceback" in aml("thing", "show", "missing", "--debug")[2]


def test_yaml_comes_through_standard_input(aml: Aml) -> None:
    assert json.loads(aml("thing", "create", "-f", "-", stdin="name: a\n")[1])["body"] == "name: a\n"


def test_a_cells_body_comes_through_standard_input(aml: Aml) -> None:
    found = json.loads(aml("command", "train", "--input", "a=1", stdin="#| wait: true\nprint(1)\n")[1])

    assert (found["name"], found["input"], found["wait"]) == ("train", {"a": "1"}, True)


def test_a_marked_script_is_submitted_by_run(aml: Aml, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("#| aml: command train\nprint(1)\n", encoding="utf-8")

    assert json.loads(aml("run", str(script), "--wait")[1])["name"] == "train"


def test_a_script_that_is_not_there_is_a_sentence(aml: Aml) -> None:
    code, _, err = aml("run", "nowhere.py")

    assert code == 1
    assert "No such file or directory" in err


def test_help_is_for_terminals(aml: Aml) -> None:
    code, out, _ = aml("thing", "show", "-h")

    assert code == 0
    assert "aml thing show a" in out
    assert "%aml" not in out
    assert aml()[1] == aml("-h")[1]


def test_what_a_library_prints_does_not_spoil_the_result(aml: Aml, table: Grammar) -> None:
    from dataclasses import replace

    def noisy(context: Any, args: Any) -> Any:
        print("noise")
        return run(context, args)

    noun = table.nouns["thing"]
    run = noun.verbs[0].run
    table.nouns["thing"] = replace(noun, verbs=(replace(noun.verbs[0], run=noisy), *noun.verbs[1:]))

    assert aml("thing", "show", "a", "--query", "name", "-o", "tsv") == (0, "a\n", "noise\n")


def test_the_person_is_asked_before_something_is_deleted(
    table: Grammar, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(grammar_module, "grammar", lambda: table)
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))

    assert cli.main(["thing", "delete"]) == 1
    assert "Nothing was changed." in capsys.readouterr().err


def test_words_are_completed_for_a_shell(aml: Aml) -> None:
    assert completion.offered(["th"]) == ("thing",)
    assert aml("completion", "words", "thing", "sh")[1] == "show\n"
    assert "complete -o default" in aml("completion", "bash")[1]
    assert aml("completion", "fish")[0] == 2


# ---- the real script


def real(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jupyter_aml.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def test_the_version_and_the_help_of_the_installed_script() -> None:
    from jupyter_aml import __version__

    assert real("--version").stdout == f"aml {__version__}\n"
    shown = real("-h")
    assert shown.returncode == 0
    assert "doctor" in shown.stdout


def test_help_loads_neither_the_sdk_nor_yaml_nor_sqlite() -> None:
    code = (
        "import sys\nfrom jupyter_aml.cli.main import main\nmain(['job', '-h'])\n"
        "print({'yaml', 'sqlite3', 'azure', 'mlflow', 'pandas', 'requests', 'IPython'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert shown.stdout.strip().splitlines()[-1] == "set()"


HELP = """
import sys
from jupyter_aml.cli.main import main
code = main(["-h"])
heavy = {"azure", "mlflow", "pandas", "sklearn", "numpy", "IPython", "requests", "sqlite3", "yaml"}
print(code, sorted(heavy & {name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def test_help_loads_nothing_heavy() -> None:
    shown = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=False)

    assert "aml <noun> <verb>" in shown.stdout
    assert shown.stderr == "0 []\n"


def test_a_pipe_that_closes_early_is_no_fault() -> None:
    command = f"{sys.executable} -m jupyter_aml.cli -h | head -c 1"
    shown = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert shown.stderr == ""


def test_doctor_looks_at_the_machine(home: Path) -> None:
    shown = real("doctor", "-o", "json", env={**os.environ, "JUPYTER_AML_HOME": str(home)})
    checks = {row["check"]: row["state"] for row in json.loads(shown.stdout)}

    assert checks["azure-ai-ml"] == "ok"
    assert checks["store"] == "ok"
