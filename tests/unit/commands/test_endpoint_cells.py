"""`%%aml score`: the body becomes score.py with its inputs, or a sentence says why it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jupyter_aml.commands.context import Context
from jupyter_aml.commands.run import run
from jupyter_aml.commands.tokens import tokenize
from jupyter_aml.errors import UsageError

BODY = "import json\n\n\ndef init():\n    pass\n\n\ndef run(raw_data):\n    return json.loads(raw_data)\n"


def script(line: str, body: str, folder: Path, names: dict[str, Any] | None = None) -> str:
    """The script that a cell would deploy."""
    outcome = run(tokenize(f"score {line} --as script"), Context(namespace=names or {}, cwd=folder), body=body)
    assert outcome is not None
    return str(outcome)


def refused(line: str, body: str, folder: Path, names: dict[str, Any] | None = None) -> UsageError:
    with pytest.raises(UsageError) as caught:
        script(line, body, folder, names)
    assert caught.value.remedy
    return caught.value


def test_the_body_is_the_script_and_keeps_its_line_numbers(tmp_path: Path) -> None:
    lines = script("iris", BODY, tmp_path).splitlines()

    assert lines[1:] == BODY.splitlines()  # the cell's first line is the header's


def test_inputs_are_variables_of_the_script(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("a b", encoding="utf-8")
    inputs = "--input factor=2 --input word={word} --input names=./names.txt --input table={df}"
    body = f"{BODY}print(factor, word, open(names).read(), open(table).read())\n"
    names = {"word": "it's", "df": pd.DataFrame({"x": [1]})}

    first = script(f"iris {inputs}", body, tmp_path, names).splitlines()[0]

    here = tmp_path / "score.py"
    found: dict[str, Any] = {"__file__": str(here)}
    exec(first, found)
    assert (found["factor"], found["word"]) == (2, "it's")
    assert found["names"] == str(tmp_path / "names.txt")
    assert found["table"] == str(tmp_path / "table.csv")


def test_imports_from_the_future_stay_first(tmp_path: Path) -> None:
    shown = script("iris --input factor=2", f"from __future__ import annotations\n{BODY}print(factor)\n", tmp_path)

    compile(shown, "score.py", "exec")
    assert shown.startswith("from __future__ import annotations; factor = 2\n")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "has no body"),
        ("def run(data):\n    return 1\n", "defines no init()"),
        ("x = 1\n", "defines no init() and no run()"),
        ("def init():\n    pass\ndef run():\n    return 1\n", "run() takes no argument"),
        ("def init():\n    pass\ndef run(data):\n    return np.zeros(1)\n", "'np' (line 5)"),
        ("def init(:\n", "is not Python"),
    ],
)
def test_what_cannot_answer_is_refused_before_it_is_deployed(body: str, said: str, tmp_path: Path) -> None:
    assert said in str(refused("iris", body, tmp_path))


def test_functions_may_come_from_elsewhere(tmp_path: Path) -> None:
    assert "import init" in script("iris", "from helper import init, run\n", tmp_path)


def test_a_variable_of_the_notebook_is_offered_as_an_input(tmp_path: Path) -> None:
    body = BODY.replace("json.loads(raw_data)", "threshold")

    assert "--input threshold={threshold}" in refused("iris", body, tmp_path, {"threshold": 0.5}).remedy


def test_what_cannot_lie_beside_the_script_is_refused(tmp_path: Path) -> None:
    assert "files and DataFrames" in str(refused("iris --input x=iris@latest", f"{BODY}print(x)\n", tmp_path))


def test_a_cell_without_a_name_is_refused(tmp_path: Path) -> None:
    assert "needs a name" in str(refused("", BODY, tmp_path))
