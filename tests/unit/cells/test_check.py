"""What is wrong with a cell is said before anything is submitted."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest

from jupyter_aml.commands.scripts import check
from jupyter_aml.errors import UsageError


def names(body: str, *given: str) -> list[str]:
    return [one.name for one in check.undefined(body, given)]


@pytest.mark.parametrize(
    "body",
    [
        "import os.path as p\nfrom a import b as c\nprint(p, c, len([]))",
        "def f(x, *a, y=1, **k):\n    z = x\n    return z, a, y, k\nf(1)",
        "[i for i in range(3)]\n{k: v for k, v in {}.items()}",
        "for row, (a, b) in []:\n    print(row, a, b)",
        "with open('x') as f:\n    f.read()",
        "try:\n    pass\nexcept ValueError as error:\n    print(error)",
        "if (n := 3) > 2:\n    print(n)",
        "class A:\n    x = 1\n    def f(self):\n        return A.x, self, __class__",
        "def late():\n    return defined_below\ndefined_below = 1",
        "def setter():\n    global shared\n    shared = 1\nsetter()\nprint(shared)",
        "def outer():\n    v = 1\n    def inner():\n        nonlocal v\n        v += 1\n    return inner",
        "print(__name__, __file__)",
        "from math import *\nprint(sin(x))",
        "match point:\n    case [a, b]:\n        print(a, b)",
        "lambda q: q + 1",
        "total: int = 0\ntotal += 1",
    ],
)
def test_names_that_are_bound_somewhere_are_fine(body: str) -> None:
    assert names(body, "point") == []


def test_names_that_nothing_defines_are_found_with_the_cells_line() -> None:
    found = check.undefined("import os\nprint(lr)\ndef f():\n    return df\n", first=2)

    assert [(one.name, one.line) for one in found] == [("lr", 3), ("df", 5)]


def test_inputs_and_results_count_as_defined() -> None:
    assert names("print(data, lr)", "data") == ["lr"]


def test_a_name_only_annotated_is_not_defined() -> None:
    assert names("x = y") == ["y"]


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("lr", 0.1, "Did you mean `--input lr={lr}`?"),
        ("math", math, "Add `import math` to the cell."),
        ("st", statistics, "Add `import statistics as st` to the cell."),
        ("mean", statistics.mean, "Add `from statistics import mean` to the cell."),
    ],
)
def test_the_remedy_follows_what_the_notebook_has_by_that_name(name: str, value: Any, remedy: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' \\(line 2\\)") as caught:
        check.refuse_undefined(f"print({name})", (), {name: value})

    assert caught.value.remedy == remedy


def test_a_slip_of_the_finger_gets_the_near_name() -> None:
    with pytest.raises(UsageError, match="which nothing in it defines") as caught:
        check.refuse_undefined("learning_rate = 1\nprint(learning_rat)", (), {})

    assert caught.value.remedy == "Did you mean `learning_rate`?"


def test_a_name_known_nowhere_is_told_how_to_pass_it() -> None:
    with pytest.raises(UsageError, match="'zzz'") as caught:
        check.refuse_undefined("print(zzz)", (), None)

    assert "--input zzz=VALUE" in caught.value.remedy


def test_broken_syntax_is_said_with_the_cells_line() -> None:
    with pytest.raises(UsageError, match=r"Line 3 of the cell is not Python: .*: x = = 1"):
        check.syntax("y = 1\nx = = 1\n", first=2)


@pytest.mark.parametrize("line", ["%matplotlib inline", "!pip install x"])
def test_magics_in_a_script_are_explained(line: str) -> None:
    with pytest.raises(UsageError, match="Line 2 of the cell") as caught:
        check.syntax(line)

    assert "without a notebook" in caught.value.why


@pytest.mark.parametrize(("name", "better"), [("my-data", "my_data"), ("1st", "_1st"), ("class", "_class")])
def test_inputs_that_cannot_be_variables_are_refused_with_a_better_name(name: str, better: str) -> None:
    with pytest.raises(UsageError, match="cannot be a variable") as caught:
        check.refuse_name(name, "--input")

    assert better in caught.value.remedy


@pytest.mark.parametrize(
    ("body", "remedy"),
    [
        ("x = 1\nprint(${{inputs.lrr}})", "Did you mean `lr`?"),
        ("x = 1\nprint(${{inputs.lr}})", "Write `lr`."),
        ("x = 1\nprint(${{inputs.zzzz}})", "Pass it with --input zzzz=VALUE, and write `zzzz`."),
    ],
)
def test_a_placeholder_is_no_python_and_the_variable_is_named(body: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=r"^Line 3 of the cell has \$\{\{inputs\.\w+\}\}\.") as caught:
        check.syntax(body, ["lr", "model"], first=2)

    assert caught.value.remedy == remedy
    assert "variables of the script" in caught.value.why


def test_a_placeholder_in_a_text_that_nobody_would_fill_in_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Line 2 of the cell has \$\{\{outputs.modle\}\}") as caught:
        check.refuse_placeholders("open('${{outputs.modle}}/x')", ["lr", "model"], first=2)

    assert caught.value.remedy == "Did you mean `model`?"


@pytest.mark.parametrize(
    "body",
    [
        "print('${{inputs.other_thing}}')",
        "print('${{name}} costs $ {{inputs.lr}}')",
        "from azure.ai.ml import command\ncommand(command='echo ${{inputs.lr}}')",
    ],
)
def test_placeholders_that_are_meant_for_somebody_else_stay(body: str) -> None:
    check.refuse_placeholders(body, ["lr"])
