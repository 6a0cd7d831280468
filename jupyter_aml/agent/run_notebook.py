"""Runs a notebook as a job: python run_notebook.py NOTEBOOK.ipynb [-p NAME VALUE] ...

The parameters go into a cell after the one that is tagged `parameters`, as papermill does it. Each cell leaves a line
in the log, and what it prints; after each cell the notebook is saved, as far as it has come, to outputs/. A cell that
fails ends the job, with its traceback. It needs nbclient and ipykernel in the job's environment, and nothing else.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PARAMETERS, INJECTED = "parameters", "injected-parameters"
OUTPUTS = "outputs"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_WORDS = {"true": True, "false": False, "none": None}


class ThisPython(KernelSpecManager):
    """Knows one kernel: that of the Python that runs this."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The kernel, whatever the notebook calls the one it was written with."""
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
        return KernelSpec(argv=command, display_name=kernel_name, language="python")


class Runner(NotebookClient):
    """A notebook that is run.

    Args:
        nb: The notebook.
        kept: Where it is saved after each cell.
    """

    def __init__(self, nb: Any, kept: str, **more: Any) -> None:
        super().__init__(nb, **more)
        self.kept = kept
        self.codes = [at for at, cell in enumerate(nb.cells) if cell.cell_type == "code" and cell.source.strip()]

    async def async_execute_cell(self, cell: Any, cell_index: int, *rest: Any, **more: Any) -> Any:
        """As nbclient's; with a line in the log, and saved."""
        begun = time.monotonic()
        try:
            return await super().async_execute_cell(cell, cell_index, *rest, **more)
        finally:
            save(self.nb, self.kept)
            if cell_index in self.codes:
                number, seconds = self.codes.index(cell_index) + 1, time.monotonic() - begun
                sys.stdout.write(f"cell {number} of {len(self.codes)}: {seconds:.1f} s\n")
                sys.stdout.flush()

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """As nbclient's; what a cell prints is in the log, too."""
        if msg["msg_type"] == "stream":
            stream = sys.stderr if msg["content"]["name"] == "stderr" else sys.stdout
            stream.write(msg["content"]["text"])
            stream.flush()
        return super().process_message(msg, cell, cell_index)


def value(text: str) -> Any:
    """What a parameter's text means: True, False, None, a whole number, a number, else the text."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def inject(nb: Any, parameters: dict[str, Any]) -> None:
    """Put a cell with the parameters after that of their defaults, in the place of what an earlier run put there."""
    cells = [cell for cell in nb.cells if INJECTED not in cell.metadata.get("tags", [])]
    if parameters:
        lines = [f"{name} = {found!r}" for name, found in parameters.items()]
        made = nbformat.v4.new_code_cell("\n".join(["# Parameters", *lines]), metadata={"tags": [INJECTED]})
        if (nb.nbformat, nb.nbformat_minor) < (4, 5):
            made.pop("id", None)
        defaults = [at for at, cell in enumerate(cells) if PARAMETERS in cell.metadata.get("tags", [])]
        cells.insert(defaults[0] + 1 if defaults else 0, made)
    nb.cells = cells


def save(nb: Any, path: str) -> None:
    """Write the notebook in one step: who reads it meanwhile reads a whole one."""
    part = f"{path}.part"
    nbformat.write(nb, part)
    os.replace(part, path)


def plain_traceback(nb: Any, codes: list[int], name: str) -> str:
    """What the last cell that failed raised, as Python writes it.

    Args:
        nb: The notebook, as it has been run.
        codes: Which of its cells have code.
        name: Of its file.
    """
    found = [(at, one) for at in codes for one in nb.cells[at].outputs if one.output_type == "error"]
    if not found:
        return ""
    at, error = found[-1]
    lines = _COLOUR.sub("", "\n".join(error.traceback)).strip().splitlines()
    inner = "\n".join(f"  {line}".rstrip() for line in lines)
    said = f"{error.ename}: {error.evalue}" if error.evalue else error.ename
    return f"Traceback (most recent call last):\n  Cell {codes.index(at) + 1} of {name}\n{inner}\n{said}\n"


def main() -> None:
    """Run the notebook that the command line names."""
    parser = argparse.ArgumentParser(description="Run a notebook as a job.")
    parser.add_argument("notebook")
    parser.add_argument("-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    asked = parser.parse_args()
    nb = nbformat.read(asked.notebook, as_version=4)
    inject(nb, {name: value(text) for name, text in asked.parameters})
    os.makedirs(OUTPUTS, exist_ok=True)
    kept = os.path.join(OUTPUTS, os.path.basename(asked.notebook))
    save(nb, kept)
    manager = AsyncKernelManager(kernel_spec_manager=ThisPython())
    runner = Runner(nb, kept, km=manager, timeout=None, resources={"metadata": {"path": os.getcwd()}})
    try:
        runner.execute()
    except CellExecutionError as error:
        sys.exit(plain_traceback(nb, runner.codes, asked.notebook) or str(error))
    except DeadKernelError:
        sys.exit(f"The kernel of {asked.notebook} died; was there too little memory?")
    finally:
        save(nb, kept)


if __name__ == "__main__":
    main()
