"""The outputs stored in a notebook: made anew, and checked against a fresh run.

`python -m jupyter_aml.testing.stored NOTEBOOK...` runs notebooks as a person would in a new account and keeps what
their cells show; `check` compares what is kept with what the cells show now, with nbval.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_aml.testing import demo, fence, hosts

SANITIZE = Path(__file__).with_name("sanitize.cfg")
PERSON = {"LOGNAME": "you", "USER": "you"}
TOLD = ("CI", "DO_NOT_TRACK", "GITHUB_ACTIONS", "MLFLOW_DISABLE_TELEMETRY", "PYTEST_CURRENT_TEST")
"""Variables that switch telemetry off; a checked notebook stays on this machine without them."""


@dataclass(frozen=True)
class Checked:
    """How a fresh run compares with what is stored.

    Attributes:
        same: Whether no cell failed or shows something else.
        report: What pytest said, with the differences.
        escapes: Attempts to leave the machine, each with who tried.
    """

    same: bool
    report: str
    escapes: Sequence[str]


def check(notebook: Path, folder: Path, home: Path) -> Checked:
    """Run a notebook with nbval behind a fence and compare; cells tagged `nbval-ignore-output` are only run.

    Args:
        notebook: The one to check; a copy of it runs.
        folder: An empty folder to work in.
        home: The store.
    """
    work, private, report = folder / "work", folder / "jupyter", folder / "network.txt"
    work.mkdir(parents=True)
    copy = work / notebook.name
    copy.write_bytes(notebook.read_bytes())
    demo.kernel_spec(private, "/usr/bin/env", *(part for name in TOLD for part in ("-u", name)))
    environment = {**demo.kernel_environment(private, home, report), "JUPYTER_PATH": str(private)}
    for name in TOLD:
        environment.pop(name, None)
    draw_once(environment)
    ran = subprocess.run(
        [
            sys.executable, "-m", "pytest", "--nbval", "--nbval-kernel-name", demo.KERNEL,
            "--nbval-sanitize-with", str(SANITIZE), "--nbval-cell-timeout", str(demo.CELL_SECONDS),
            "--rootdir", str(work), "-c", os.devnull, "-p", "no:cacheprovider", "-p", "jupyter_aml.testing.compared",
            "-q", "--color=no", str(copy),
        ],
        check=False, capture_output=True, text=True, cwd=work, env=environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    hosts.stop(home)
    return Checked(ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}", fence.attempts(report))


def record(notebook: Path) -> str:
    """Run a notebook in the account of nobody in particular and store its outputs; what went wrong, if anything."""
    import nbformat

    with tempfile.TemporaryDirectory(prefix="aml-") as temporary:
        person = Path(temporary) / "you"
        home = person / ".local" / "share" / "jupyter_aml"
        home.mkdir(parents=True)
        variables = {**PERSON, "HOME": str(person)}
        draw_once({**os.environ, **variables})
        made = demo.run(notebook, person / "work", home=home, variables=variables)
        hosts.stop(home)
        if made.error or made.escapes:
            return made.error or "\n".join(made.escapes)
        book, ran = nbformat.read(notebook, as_version=4), nbformat.read(made.notebook, as_version=4)
        for cell, done in zip(book.cells, ran.cells, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = done.outputs, done.execution_count
        nbformat.write(book, notebook)
    return ""


def draw_once(environment: dict[str, str]) -> None:
    """Let matplotlib find its fonts, of which it would tell in the first job's log when that takes long."""
    command = [sys.executable, "-c", "import matplotlib.font_manager"]
    subprocess.run(command, check=False, capture_output=True, env=environment, stdin=subprocess.DEVNULL)


def main(arguments: Sequence[str]) -> int:
    """Store the outputs of notebooks anew; 1 when one failed."""
    if not arguments:
        sys.stderr.write("Usage: python -m jupyter_aml.testing.stored NOTEBOOK...\n")
        return 64
    for argument in arguments:
        error = record(Path(argument))
        sys.stdout.write(f"{argument}: {error or 'its outputs are stored.'}\n")
        if error:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
