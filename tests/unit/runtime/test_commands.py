"""Which commands take the warm path."""

from __future__ import annotations

import pytest

from jupyter_aml.local.runtime.commands import Shell, installs_packages, parse
from jupyter_aml.local.runtime.spec import Python


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python train.py", Python(script="train.py")),
        ("python3 -u src/train.py --rate 0.1", Python(script="src/train.py", args=("--rate", "0.1"))),
        ("  python train.py --a=1 \n", Python(script="train.py", args=("--a=1",))),
        ("python train.py \\\n  --a 1 \\\n  --b 2", Python(script="train.py", args=("--a", "1", "--b", "2"))),
        ("python train.py --name 'a b $x' \"c d\"", Python(script="train.py", args=("--name", "a b $x", "c d"))),
        ("python train.py ''", Python(script="train.py", args=("",))),
        ("python -m pkg.train --x 1", Python(module="pkg.train", args=("--x", "1"))),
        ('python "my script.py"', Python(script="my script.py")),
    ],
)
def test_a_plain_python_call_is_understood(command: str, expected: Python) -> None:
    assert parse(command) == expected


@pytest.mark.parametrize(
    "command",
    [
        "",
        "ls",
        "python",
        "python -c 'print(1)'",
        "python -O train.py",
        "python -m",
        "python train",
        "python train.py > out.txt",
        "python train.py && echo done",
        "python train.py; ls",
        "python train.py $RANK",
        'python train.py "$RANK"',
        "python train.py *.csv",
        "python train.py ~/x",
        "python train.py {a,b}",
        "python train.py # comment",
        "pip install x\npython train.py",
        "A=1 python train.py",
        "/usr/bin/python3 train.py",
        "python3.9 train.py",
        "python train.py 'open",
        "python train.py `date`",
        "python train.py a\\ b",
    ],
)
def test_everything_else_is_given_to_bash_unchanged(command: str) -> None:
    found = parse(command)

    assert isinstance(found, Shell)
    assert found.command == command
    assert found.reason


def test_a_continued_line_inside_quotes_is_left_to_bash() -> None:
    assert isinstance(parse("python train.py 'a\\\nb' \\\n --x"), Shell)


@pytest.mark.parametrize(
    "source",
    [
        b"os.system('pip install x')",
        b"subprocess.run([sys.executable, '-m', 'pip', 'install', 'x'])",
        b"pip.main(['install'])",
        b"subprocess.run(['uv', 'pip', 'install', 'x'])",
    ],
)
def test_a_script_that_installs_packages_is_recognised(source: bytes) -> None:
    assert installs_packages(source)


def test_a_script_that_only_speaks_of_pipes_is_not() -> None:
    assert not installs_packages(b"# a pipe to install\npipeline.fit(x)")
